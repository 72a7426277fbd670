package inside

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/internal/term"
)

// stageBuffers is how many chunks wait between who reads and hashes them and
// who writes them. With the one that is being read, they are what memory a
// volume takes.
const stageBuffers = 2

// receive reads volume n of b into the staging. When it returns nil, the
// content of the volume is on the disk.
func (s *staging) receive(ctx context.Context, b *volume.Bundle, n int, p *term.Progress) error {
	w := s.newWriter(p)
	err := b.Read(s.plan, n, make([]byte, s.plan.Layout.ChunkSize), func(c bundle.Chunk) error { return w.add(ctx, c) })
	if errWrite := w.close(); errWrite != nil {
		return errWrite
	}
	if err != nil {
		return err
	}
	return s.sync(w.touched)
}

// A stageWriter writes verified chunks to staging, while the next one is being
// read.
type stageWriter struct {
	s        *staging
	progress *term.Progress
	free     chan []byte
	full     chan bundle.Chunk
	ended    chan struct{} // closed when nothing is written any more

	// Of the goroutine that writes, until ended is closed.
	err      error
	digester *volume.Digester
	touched  map[int]bool // entries
	entry    int          // that is being written, -1 for none
	file     durable.File // of entry
	item     *term.Item   // of entry
}

func (s *staging) newWriter(p *term.Progress) *stageWriter {
	w := &stageWriter{
		s: s, progress: p,
		free: make(chan []byte, stageBuffers), full: make(chan bundle.Chunk, stageBuffers), ended: make(chan struct{}),
		digester: volume.NewDigester(s.plan), touched: make(map[int]bool), entry: -1,
	}
	for range stageBuffers {
		w.free <- nil
	}
	go w.run()
	return w
}

// add gives c to be written. It fails if ctx has ended, or if what was given
// before could not be written.
func (w *stageWriter) add(ctx context.Context, c bundle.Chunk) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended:
		return w.err
	case buf := <-w.free:
		c.Data = append(buf[:0], c.Data...)
		w.full <- c // has room for all buffers
		return nil
	}
}

// close waits until all is written, and returns what kept it from that.
func (w *stageWriter) close() error {
	close(w.full)
	<-w.ended
	return w.err
}

func (w *stageWriter) run() {
	defer close(w.ended)
	for c := range w.full {
		if w.err = w.write(c); w.err != nil {
			break
		}
		w.free <- c.Data
	}
	w.err = errors.Join(w.err, w.next(-1))
}

func (w *stageWriter) write(c bundle.Chunk) error {
	if c.Entry != w.entry {
		if err := w.next(c.Entry); err != nil {
			return err
		}
	}
	if _, err := w.file.WriteAt(c.Data, c.Offset); err != nil {
		return fmt.Errorf("staging %s: %w", w.s.entry(c.Entry).Digest, err)
	}
	w.item.Add(int64(len(c.Data)))
	return w.digester.Add(c)
}

// next ends writing one entry and begins another, -1 for none.
func (w *stageWriter) next(entry int) error {
	w.item.Done()
	w.item, w.entry = nil, -1
	if w.file != nil {
		err := w.file.Close()
		w.file = nil
		if err != nil {
			return fmt.Errorf("staging: %w", err)
		}
	}
	if entry < 0 {
		return nil
	}
	e := w.s.entry(entry)
	f, err := w.s.fs.OpenFile(w.s.path(e.Digest), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("staging: %w", err)
	}
	w.file, w.entry, w.touched[entry] = f, entry, true
	w.item = w.progress.Blob(e.Digest.Short(), e.Size)
	info, err := f.Stat()
	if err == nil && info.Size() > e.Size {
		err = f.Truncate(e.Size)
	}
	if err != nil {
		return fmt.Errorf("staging: %w", err)
	}
	return nil
}
