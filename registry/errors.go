package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// maxErrorBody bounds what is read of a registry's explanation.
	maxErrorBody = 64 << 10 // bytes

	// maxDetail bounds what of it is shown.
	maxDetail = 300 // bytes
)

// A side is the end of a transfer at which something failed.
type side string

const (
	sideRead side = "reading from"
	sidePush side = "pushing to"
)

// An Error says what a registry refused or did not do. Besides the sentinels
// of this package, errors.Is finds the errors of the network below it.
type Error struct {
	Side       string // "reading from" or "pushing to"
	Host       string // as in references, so "docker.io"
	Repository string // below the host
	Ref        string // tag, or digest of a manifest or a blob; "" if it was about the repository
	Status     int    // HTTP status, 0 if there was no answer
	Code       string // the registry's error code, such as "DENIED"; "" if it gave none
	Detail     string // the registry's words, at most a line; they are not to be trusted
	Err        error  // a sentinel of this package, what the network said, or nil

	codes      []string      // all error codes of the answer
	retryAfter time.Duration // pause that the registry asks for, 0 if none
	transient  bool          // the same request may succeed later
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q", e.Side, e.name())
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Status == 0 {
		return b.String()
	}
	text := fmt.Sprintf("status %d", e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Err == nil {
		fmt.Fprintf(&b, ": the registry answers with %s", text)
	} else {
		fmt.Fprintf(&b, " (%s)", text)
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %q", e.Detail)
	}
	return b.String()
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error { return e.Err }

// name returns what e is about, as a reference.
func (e *Error) name() string {
	s := e.Host
	if e.Repository != "" {
		s += "/" + e.Repository
	}
	switch {
	case e.Ref == "":
		return s
	case strings.Contains(e.Ref, ":"):
		return s + "@" + e.Ref
	}
	return s + ":" + e.Ref
}

// has reports whether the registry's answer had one of codes.
func (e *Error) has(codes ...string) bool {
	for _, c := range e.codes {
		for _, want := range codes {
			if c == want {
				return true
			}
		}
	}
	return false
}

// errorBody is how registries explain an error.
type errorBody struct {
	Errors []struct {
		Code    string          `json:"code"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	} `json:"errors"`
}

// answerError returns the error that resp, the answer to r, reports. It reads
// and closes the body of resp.
func (r *request) answerError(resp *http.Response) *Error {
	e := r.newError()
	e.Status = resp.StatusCode
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	_ = resp.Body.Close()
	var j errorBody
	if json.Unmarshal(body, &j) == nil && len(j.Errors) > 0 {
		e.Code, e.Detail = printable(j.Errors[0].Code), printable(j.Errors[0].Message)
		for _, one := range j.Errors {
			e.codes = append(e.codes, one.Code)
		}
	} else if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		e.Detail = printable(string(body))
	}
	if loc := resp.Header.Get("Location"); resp.StatusCode/100 == 3 && loc != "" {
		e.Detail = printable("redirect to " + loc)
	}
	e.transient = transientStatus(resp.StatusCode)
	e.retryAfter = parseRetryAfter(resp.Header)
	e.Err = r.sentinel(e)
	return e
}

// sentinel returns the error of this package that the status of e stands for,
// nil if none does.
func (r *request) sentinel(e *Error) error {
	switch {
	case r.side == sidePush && (e.Status == http.StatusMethodNotAllowed || readOnlyMode(e)):
		return ErrReadOnly
	case e.Status == http.StatusForbidden && strings.Contains(e.Detail, "exceed the configured upper limit"):
		return ErrQuota // Harbor's words; its code is DENIED, as for lack of rights
	case e.Status == http.StatusNotFound:
		return ErrNotFound
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return ErrUnauthorized
	case e.has("DIGEST_INVALID") && r.side == sidePush:
		return ErrWrongContent
	case e.transient:
		return ErrUnavailable
	}
	return nil
}

// readOnlyMode reports whether e is Harbor's answer when its administrator has
// made it read-only.
func readOnlyMode(e *Error) bool {
	return e.Status == http.StatusForbidden && strings.Contains(e.Detail, "read only mode")
}

// newError returns an Error that names what r is about.
func (r *request) newError() *Error {
	host, path := splitRepository(r.repo)
	return &Error{Side: string(r.side), Host: host, Repository: path, Ref: r.ref}
}

// fail returns an Error about r because of err. An Error is not wrapped again.
func (r *request) fail(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := r.newError()
	e.Err = err
	return e
}

// permanent returns an Error about r because of err, which will not pass.
func (r *request) permanent(err error) *Error {
	e := r.newError()
	e.Err = err
	return e
}

// printable returns the first line of s, cut to what can be shown.
func printable(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, s)
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return s
}
