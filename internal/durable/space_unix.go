//go:build linux || darwin

package durable

import (
	"math"
	"math/bits"
	"syscall"
)

func freeSpace(name string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(name, &st); err != nil {
		return 0, err
	}
	hi, lo := bits.Mul64(st.Bavail, uint64(st.Bsize)) //nolint:gosec // a block size is positive
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64, nil // some network file systems claim this
	}
	return int64(lo), nil
}
