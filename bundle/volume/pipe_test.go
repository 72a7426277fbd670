//go:build unix

package volume

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// Opening a pipe that nobody writes to would wait for ever.
func TestScanDoesNotOpenPipes(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "volume", newSample(t, 1, 700).volumes[0])
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, skipped := scanOne(t, dir)
	if len(skipped) != 1 || skipped[0].Path != pipe || !errors.Is(skipped[0].Err, ErrNoVolume) {
		t.Errorf("skipped %v, want %q as no volume", skipped, pipe)
	}
}
