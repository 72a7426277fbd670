package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	// minChunk is the smallest chunk of an upload. Where a proxy takes no
	// more, nobody could push.
	minChunk = 1 << 20 // bytes

	// abortTimeout bounds what giving up an upload may cost.
	abortTimeout = 5 * time.Second
)

// How says how a blob came to be in a repository.
type How int

// The ways in which a blob comes to be in a repository.
const (
	Present  How = iota // it was there
	Mounted             // the registry had it in another repository
	Uploaded            // its bytes were sent
)

// String returns h in lower case.
func (h How) String() string {
	switch h {
	case Present:
		return "present"
	case Mounted:
		return "mounted"
	case Uploaded:
		return "uploaded"
	}
	return fmt.Sprintf("How(%d)", int(h))
}

// An Upload is a blob to push.
type Upload struct {
	Repository string // with its host
	Digest     bundle.Digest
	Size       int64 // bytes

	// Open returns the bytes of the blob from offset on. It may be called
	// several times, never while a reader that it gave is open.
	Open func(offset int64) (io.ReadCloser, error)

	MountFrom []string // repositories, with their host, that may hold the blob

	// Progress, if not nil, is told of bytes that were sent. It gets a
	// negative number when bytes have to be sent again. It is called by one
	// goroutine at a time.
	Progress func(n int64)
}

// PushBlob makes the registry have u: it asks whether it has, then for each of
// u.MountFrom on the same host whether it takes it from there, and sends the
// bytes at last. Blobs larger than Options.UploadThreshold are sent in chunks,
// and after a failure from where the registry says that it stands, if it does.
//
// All readers that u.Open gave are closed when PushBlob returns. Its errors
// are not reported as those of the registry's side if u.Open or a reader
// failed: errors.Is finds what they returned.
func (c *Client) PushBlob(ctx context.Context, u Upload) (How, error) {
	p := &push{c: c, u: u, chunk: c.o.UploadChunk, whole: u.Size <= c.o.UploadThreshold}
	p.r = &request{side: sidePush, repo: u.Repository, ref: string(u.Digest)}
	// Answers to a HEAD have no words. If the registry does not let us push,
	// the next request will say why.
	ok, err := p.present(ctx)
	if err != nil && !errors.Is(err, ErrUnauthorized) {
		return 0, err
	}
	if ok {
		return Present, nil
	}
	mounted, err := p.mount(ctx)
	if err != nil {
		return 0, err
	}
	if mounted {
		return Mounted, nil
	}
	if err := p.run(ctx); err != nil {
		p.progress(0)
		return 0, err
	}
	return Uploaded, nil
}

// A push is a PushBlob under way.
type push struct {
	c     *Client
	u     Upload
	r     *request // what errors name
	loc   *url.URL // of the upload session, nil if there is none
	chunk int64    // bytes per request
	whole bool     // send all bytes in one request

	// resumed: the upload went on after a failure. Some registries then still
	// write what the broken request brought, and the bytes come out wrong.
	resumed bool

	mu       sync.Mutex // guards the following
	reported int64      // bytes
}

// run sends the blob, if need be several times.
func (p *push) run(ctx context.Context) error {
	for try := 0; ; try++ {
		err := p.start(ctx)
		if err == nil {
			err = p.send(ctx)
		}
		if err == nil {
			return nil
		}
		e := p.c.judge(ctx, p.r, err)
		if !e.transient {
			p.abort(ctx)
			return e
		}
		p.loc = nil
		if try >= p.c.o.Retries {
			return e
		}
		if err := p.c.pause(ctx, e, try); err != nil {
			return err
		}
		// The answer may have been lost, not the blob.
		if ok, err := p.present(ctx); ok || err != nil {
			return err
		}
	}
}

// present reports whether the registry has the blob.
func (p *push) present(ctx context.Context) (bool, error) {
	size, ok, err := p.c.statBlob(ctx, sidePush, p.u.Repository, p.u.Digest)
	if ok && size >= 0 && size != p.u.Size {
		return false, p.r.permanent(fmt.Errorf("%w: the registry holds it with %d bytes instead of %d", ErrWrongContent, size, p.u.Size))
	}
	return ok, err
}

// mount asks the registry to take the blob from another repository. If it does
// not, it may have started an upload instead.
func (p *push) mount(ctx context.Context) (bool, error) {
	host, _ := splitRepository(p.u.Repository)
	for _, from := range p.u.MountFrom {
		fromHost, path := splitRepository(from)
		if fromHost != host || from == p.u.Repository {
			continue
		}
		p.abort(ctx)
		r := *p.r
		r.method, r.path = http.MethodPost, "blobs/uploads/"
		r.query = url.Values{"mount": {string(p.u.Digest)}, "from": {path}}
		r.ok = []int{http.StatusCreated, http.StatusAccepted}
		r.scopes = []string{scope(p.u.Repository, "pull,push"), scope(from, "pull")}
		resp, err := p.c.do(ctx, &r)
		if e, ok := errors.AsType[*Error](err); ok && e.Status/100 == 4 && !e.transient {
			continue // perhaps only this repository is closed to us
		}
		if err != nil {
			return false, err
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusCreated {
			return true, r.checkDigest(resp, p.u.Digest)
		}
		if err := p.locate(resp); err != nil {
			return false, err
		}
	}
	return false, nil
}

// start starts an upload, unless there is one.
func (p *push) start(ctx context.Context) error {
	if p.loc != nil {
		return nil
	}
	p.progress(0)
	p.resumed = false
	r := *p.r
	r.method, r.path, r.ok = http.MethodPost, "blobs/uploads/", []int{http.StatusAccepted}
	resp, err := p.c.do(ctx, &r)
	if err != nil {
		return final(err)
	}
	_ = resp.Body.Close()
	if n, err := strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64); err == nil {
		p.chunk = max(p.chunk, n)
	}
	return p.locate(resp)
}

// final marks err as one that has been tried often enough.
func final(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.transient = false
	}
	return err
}

// locate remembers where resp says that the upload goes on.
func (p *push) locate(resp *http.Response) error {
	loc := resp.Header.Get("Location")
	u, err := resp.Request.URL.Parse(loc)
	if loc == "" || err != nil {
		return p.r.permanent(fmt.Errorf("the registry names %.80q as the place to upload to", loc))
	}
	p.loc = u
	return nil
}

// send sends the blob to p.loc.
func (p *push) send(ctx context.Context) error {
	if p.whole {
		return p.sendWhole(ctx)
	}
	offset, err := p.sendChunks(ctx)
	if err != nil {
		return err
	}
	return p.finish(ctx, offset)
}

// sendWhole sends the blob in one request. If that is too large for whatever
// stands before the registry, the next try is in chunks.
func (p *push) sendWhole(ctx context.Context) error {
	err := p.finish(ctx, 0)
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusRequestEntityTooLarge && p.u.Size > minChunk {
		p.whole = false
		p.chunk = max(minChunk, min(p.chunk, p.u.Size/2))
		e.transient = true
	}
	return err
}

// finish sends what is left of the blob from offset on, and ends the upload.
func (p *push) finish(ctx context.Context, offset int64) error {
	r := p.part(http.MethodPut, offset, p.u.Size-offset)
	u := *p.loc
	q := u.Query()
	q.Set("digest", string(p.u.Digest))
	u.RawQuery = q.Encode()
	r.url, r.ok = &u, []int{http.StatusCreated, http.StatusOK, http.StatusNoContent}
	r.header.Del("Content-Range")
	var (
		resp *http.Response
		err  error
	)
	if r.body != nil {
		resp, err = p.c.once(ctx, r)
	} else if resp, err = p.c.do(ctx, r); err != nil && p.u.Size > 0 {
		// The bytes are there. To send them again would not help.
		err = final(err)
	}
	if err != nil {
		return p.lost(err)
	}
	_ = resp.Body.Close()
	p.progress(p.u.Size)
	return r.checkDigest(resp, p.u.Digest)
}

// lost returns err, of a request within an upload. That the upload is not
// known, or went wrong where it was resumed, may pass: with another upload.
func (p *push) lost(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		switch {
		case e.Status == http.StatusNotFound, e.Status == http.StatusRequestedRangeNotSatisfiable, e.has("BLOB_UPLOAD_INVALID"),
			p.resumed && errors.Is(e, ErrWrongContent):
			e.transient = true
		}
	}
	return err
}

// part returns the request that sends n bytes of the blob from offset on.
func (p *push) part(method string, offset, n int64) *request {
	r := *p.r
	r.method, r.url, r.length = method, p.loc, n
	r.header = http.Header{"Content-Type": {"application/octet-stream"}}
	if n > 0 {
		r.header.Set("Content-Range", fmt.Sprintf("%d-%d", offset, offset+n-1))
		r.body = func() (io.ReadCloser, error) {
			src, err := p.u.Open(offset)
			if err != nil {
				return nil, err
			}
			p.progress(offset)
			return &countedReader{ReadCloser: src, p: p, at: offset}, nil
		}
	}
	return &r
}

// sendChunks sends all bytes of the blob, and returns their number. After a
// failure it goes on from where the registry stands, if that can be found out.
func (p *push) sendChunks(ctx context.Context) (int64, error) {
	var offset int64
	for tries := 0; offset < p.u.Size; {
		next, err := p.sendChunk(ctx, offset)
		if err == nil {
			if next > offset {
				tries = 0
			}
			offset = next
			continue
		}
		e := p.c.judge(ctx, p.r, err)
		if offset == 0 && chunksUnknown(e) {
			p.whole, e.transient = true, true
			return 0, e
		}
		if !p.shrink(e) && !e.transient || tries >= p.c.o.Retries {
			return 0, e
		}
		if err := p.c.pause(ctx, e, tries); err != nil {
			return 0, err
		}
		tries++
		if offset, err = p.status(ctx); err != nil {
			// The upload is gone, or the registry doesn't say. Another one may do.
			e.transient = true
			return 0, e
		}
		p.resumed = true
		p.progress(offset)
	}
	return offset, nil
}

// sendChunk sends the chunk at offset and returns where the next one begins.
func (p *push) sendChunk(ctx context.Context, offset int64) (int64, error) {
	n := min(p.chunk, p.u.Size-offset)
	r := p.part(http.MethodPatch, offset, n)
	r.ok = []int{http.StatusAccepted, http.StatusNoContent, http.StatusCreated}
	resp, err := p.c.once(ctx, r)
	if err != nil {
		return 0, p.lost(err)
	}
	_ = resp.Body.Close()
	if err := p.locate(resp); err != nil {
		return 0, err
	}
	next, ok := rangeEnd(resp)
	if !ok {
		next = offset + n
	}
	if next <= offset || next > offset+n {
		return 0, r.permanent(fmt.Errorf("sent the bytes from %d to %d, and the registry says that it has %d", offset, offset+n, next))
	}
	p.progress(next)
	return next, nil
}

// chunksUnknown reports whether e, of a first chunk, is how a registry answers
// that takes no chunks.
func chunksUnknown(e *Error) bool {
	switch e.Status {
	case http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusUnsupportedMediaType:
		return true
	}
	return false
}

// shrink makes chunks smaller if e says that they are too large. It reports
// whether that may help.
func (p *push) shrink(e *Error) bool {
	if e.Status != http.StatusRequestEntityTooLarge || p.chunk <= minChunk {
		return false
	}
	p.chunk = max(minChunk, p.chunk/4)
	return true
}

// status asks where the upload stands: how many bytes the registry has.
func (p *push) status(ctx context.Context) (int64, error) {
	r := *p.r
	r.method, r.url, r.ok = http.MethodGet, p.loc, []int{http.StatusNoContent, http.StatusOK, http.StatusAccepted}
	resp, err := p.c.do(ctx, &r)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	n, ok := rangeEnd(resp)
	if !ok || n > p.u.Size {
		return 0, r.fail(fmt.Errorf("the registry doesn't say how much it has"))
	}
	if n == 1 {
		n = 0 // "0-0" is also how registries write that they have nothing
	}
	return n, p.locate(resp)
}

// rangeEnd returns how many bytes of an upload the registry has, from the
// header "Range: 0-<last byte>".
func rangeEnd(resp *http.Response) (int64, bool) {
	last, ok := strings.CutPrefix(strings.TrimPrefix(resp.Header.Get("Range"), "bytes="), "0-")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(last, 10, 64)
	return n + 1, err == nil && n >= 0
}

// abort tells the registry that an upload that was started will not be ended.
// It is a courtesy: registries forget uploads after a while.
func (p *push) abort(ctx context.Context) {
	if p.loc == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	r := *p.r
	r.method, r.url, r.ok = http.MethodDelete, p.loc, []int{http.StatusNoContent, http.StatusOK, http.StatusAccepted}
	p.loc = nil
	if resp, err := p.c.once(ctx, &r); err == nil {
		_ = resp.Body.Close()
	}
}

// progress reports that sent bytes of the blob are with the registry.
func (p *push) progress(sent int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.u.Progress != nil && sent != p.reported {
		p.u.Progress(sent - p.reported)
	}
	p.reported = sent
}

// A countedReader reports what is read through it.
type countedReader struct {
	io.ReadCloser
	p  *push
	at int64
}

func (r *countedReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	if n > 0 {
		r.at += int64(n)
		r.p.progress(r.at)
	}
	return n, err
}
