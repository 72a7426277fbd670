package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// An Error is one problem in a file, or in another one that it names.
type Error struct {
	File string
	Line int    // from 1; 0 if the problem has no line
	Msg  string // what is wrong, or what was being done
	Err  error  // why, may be nil
}

func (e *Error) Error() string {
	s := e.File
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` {
		s = quoted
	}
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line)
	}
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// maxProblems bounds how many problems are told: whoever has more begins with
// these.
const maxProblems = 100

// Problems collects what is wrong with a file. Its methods may be called
// concurrently.
type Problems struct {
	file string

	mu   sync.Mutex
	list []problem // guarded by mu
}

type problem struct {
	order int // line of the file that leads to err, which may be about another one
	err   *Error
}

// NewProblems returns an empty collection about a file.
func NewProblems(file string) *Problems { return &Problems{file: file} }

// Addf adds a problem with a line of the file, 0 for none.
func (p *Problems) Addf(line int, format string, args ...any) {
	p.Add(line, &Error{File: p.file, Line: line, Msg: fmt.Sprintf(format, args...)})
}

// Add adds err, to which a line of the file leads. What is no [*Error] is made
// one about that line.
func (p *Problems) Add(line int, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{File: p.file, Line: line, Err: err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, problem{line, e})
}

// Len returns how many problems there are.
func (p *Problems) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.list)
}

// Err returns the problems in the order of the file, each an [*Error], joined;
// or nil.
func (p *Problems) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.list, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.err.File, b.err.File),
			cmp.Compare(a.err.Line, b.err.Line), cmp.Compare(a.err.Error(), b.err.Error()))
	})
	var errs []error
	for i, q := range p.list {
		if i > 0 && q.order == p.list[i-1].order && q.err.Error() == p.list[i-1].err.Error() {
			continue
		}
		if len(errs) == maxProblems {
			errs = append(errs, &Error{File: p.file, Msg: "there is more; these are the first problems"})
			break
		}
		errs = append(errs, q.err)
	}
	return errors.Join(errs...)
}
