package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// freshStart is how much has to arrive before a connection that breaks is
// forgiven and the tries are counted anew.
const freshStart = 1 << 20 // bytes

var errClosed = errors.New("blob is closed")

// StatBlob returns the size of a blob in repo, -1 if the registry doesn't say,
// and whether it is there. It costs one HEAD.
func (c *Client) StatBlob(ctx context.Context, repo string, d bundle.Digest) (size int64, ok bool, err error) {
	return c.statBlob(ctx, sideRead, repo, d)
}

func (c *Client) statBlob(ctx context.Context, s side, repo string, d bundle.Digest) (int64, bool, error) {
	r := &request{side: s, method: http.MethodHead, repo: repo, ref: string(d), path: "blobs/" + string(d)}
	resp, err := c.do(ctx, r)
	if errors.Is(err, ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	_ = resp.Body.Close()
	if err := r.checkDigest(resp, d); err != nil {
		return 0, false, err
	}
	return resp.ContentLength, true, nil
}

// Blob returns the bytes of a blob from offset on, which must lie before its
// end. When the connection breaks, reading goes on over another one. Whoever
// reads has to check size and digest, and close the reader; ctx ends it too.
func (c *Client) Blob(ctx context.Context, repo string, d bundle.Digest, offset int64) (io.ReadCloser, error) {
	b := &blobReader{
		c: c, ctx: ctx, offset: offset, want: d,
		r: &request{side: sideRead, method: http.MethodGet, repo: repo, ref: string(d), path: "blobs/" + string(d)},
	}
	if err := c.retry(ctx, b.r, b.open); err != nil {
		return nil, err
	}
	return b, nil
}

// A blobReader reads a blob over as many connections as it takes.
type blobReader struct {
	c      *Client
	ctx    context.Context //nolint:containedctx // of the call that made the reader, which is a part of it
	r      *request
	want   bundle.Digest
	body   io.ReadCloser // nil while there is no connection
	offset int64         // of the next byte
	since  int64         // offset at which tries was 0
	tries  int           // broken connections since then
	err    error         // of the last Read; it stays
}

// Read implements [io.Reader].
func (b *blobReader) Read(p []byte) (int, error) {
	for b.err == nil {
		n, err := b.body.Read(p)
		b.offset += int64(n)
		switch {
		case err == io.EOF:
			b.err = err
		case err != nil:
			b.err = b.resume(err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, b.err
}

// resume connects again after cause.
func (b *blobReader) resume(cause error) error {
	if b.offset-b.since >= freshStart {
		b.since, b.tries = b.offset, 0
	}
	_ = b.drop()
	e := b.c.judge(b.ctx, b.r, cause)
	if !e.transient || b.tries >= b.c.o.Retries {
		return e
	}
	if err := b.c.pause(b.ctx, e, b.tries); err != nil {
		return err
	}
	b.tries++
	return b.c.retry(b.ctx, b.r, b.open)
}

// open connects, and makes b.body read from b.offset on.
func (b *blobReader) open() error {
	b.r.header, b.r.ok = nil, nil
	if b.offset > 0 {
		b.r.header = http.Header{"Range": {"bytes=" + strconv.FormatInt(b.offset, 10) + "-"}}
		b.r.ok = []int{http.StatusOK, http.StatusPartialContent}
	}
	resp, err := b.c.once(b.ctx, b.r)
	if err != nil {
		return err
	}
	if err := b.check(resp); err != nil {
		_ = resp.Body.Close()
		return err
	}
	b.body = resp.Body
	return nil
}

// check returns an error if resp does not bring the bytes from b.offset on. A
// registry that does not know ranges sends all of them; then those that are
// known are read past.
func (b *blobReader) check(resp *http.Response) error {
	if err := b.r.checkDigest(resp, b.want); err != nil {
		return err
	}
	if resp.StatusCode == http.StatusPartialContent {
		got := resp.Header.Get("Content-Range")
		if !strings.HasPrefix(got, "bytes "+strconv.FormatInt(b.offset, 10)+"-") {
			return b.r.permanent(fmt.Errorf("asked for the bytes from %d on, got %.80q", b.offset, got))
		}
		return nil
	}
	_, err := io.CopyN(io.Discard, resp.Body, b.offset)
	return err
}

// Close implements [io.Closer].
func (b *blobReader) Close() error {
	if b.err == nil {
		b.err = errClosed
	}
	return b.drop()
}

// drop lets go of the connection.
func (b *blobReader) drop() error {
	if b.body == nil {
		return nil
	}
	err := b.body.Close()
	b.body = nil
	return err
}
