package delta

// finish does the work of the batch and writes it.
func (w *plainWriter) finish() error {
	err := w.a.o.Parallel(len(w.jobs), func(i int) error { return w.a.shop.apply(w.jobs[i]) })
	if err != nil {
		return err
	}
	for i := range w.batch {
		if err := w.writeItem(&w.batch[i]); err != nil {
			return err
		}
	}
	clear(w.batch)
	w.batch, w.jobs, w.size = w.batch[:0], w.jobs[:0], 0
	return w.flush()
}

func (w *plainWriter) writeItem(it *item) error {
	if err := w.write(it.bytes); err != nil {
		return err
	}
	if it.source != nil {
		if err := w.copyRange(it.source, it.off, it.n); err != nil {
			return err
		}
	}
	if it.job != nil {
		if err := w.write(it.job.out); err != nil {
			return err
		}
		it.job.out = nil
	}
	return w.write(zeroBlock[:it.zeros])
}

// copyRange copies a range of a source, which may be what is being written.
func (w *plainWriter) copyRange(s *applySource, off, n int64) error {
	for n > 0 {
		if s == w.self && off+min(n, writeSize) > w.written-int64(len(w.buf)) || len(w.buf) == cap(w.buf) {
			if err := w.flush(); err != nil {
				return err
			}
		}
		b := w.buf[len(w.buf):cap(w.buf)]
		b = b[:min(n, int64(len(b)))]
		if err := readAt(s.plain, b, off); err != nil {
			return err
		}
		w.buf = w.buf[:len(w.buf)+len(b)]
		w.written += int64(len(b))
		off += int64(len(b))
		n -= int64(len(b))
	}
	return nil
}

func (w *plainWriter) write(b []byte) error {
	for len(b) > 0 {
		if len(w.buf) == cap(w.buf) {
			if err := w.flush(); err != nil {
				return err
			}
		}
		n := min(len(b), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, b[:n]...)
		w.written += int64(n)
		b = b[n:]
	}
	return nil
}

// flush writes what is in buf.
func (w *plainWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	w.sum.Write(w.buf)
	_, err := w.temp.WriteAt(w.buf, w.written-int64(len(w.buf)))
	w.buf = w.buf[:0]
	return err
}
