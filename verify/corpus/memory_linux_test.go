package corpus_test

import (
	"os"
	"syscall"
	"testing"
)

// checkMemory wants a process to have stayed below 256 MiB.
func checkMemory(t *testing.T, p *os.ProcessState) {
	t.Helper()
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("no usage of memory")
	}
	if usage.Maxrss > 256<<10 { // kilobytes
		t.Errorf("took %d KiB of memory", usage.Maxrss)
	}
}
