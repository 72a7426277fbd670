package delta

import (
	"io"
	"slices"
	"sync"
)

// A memoryTemp is a temporary file in memory.
type memoryTemp struct {
	mu sync.RWMutex
	b  []byte
}

func (m *memoryTemp) WriteAt(p []byte, off int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if end := int(off) + len(p); end > len(m.b) {
		m.b = slices.Grow(m.b, end-len(m.b))[:end]
	}
	return copy(m.b[off:], p), nil
}

func (m *memoryTemp) ReadAt(p []byte, off int64) (int, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if off >= int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memoryTemp) Close() error {
	m.b = nil
	return nil
}
