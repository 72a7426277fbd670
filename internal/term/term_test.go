package term

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestBytes(t *testing.T) {
	tests := []struct {
		n    int64
		want string
	}{
		{0, "0 B"},
		{999, "999 B"},
		{1000, "1.00 kB"},
		{1005, "1.00 kB"},
		{9994, "9.99 kB"},
		{9996, "10.0 kB"},
		{12_345_678, "12.3 MB"},
		{99_949_000, "99.9 MB"},
		{99_951_000, "100 MB"},
		{999_499, "999 kB"},
		{999_500, "1.00 MB"},
		{123_456_789_012, "123 GB"},
		{5_000_000_000_000, "5.00 TB"},
		{math.MaxInt64, "9.22 EB"},
		{math.MinInt64, "-9.22 EB"},
		{-1500, "-1.50 kB"},
	}
	for _, tt := range tests {
		if got := Bytes(tt.n); got != tt.want {
			t.Errorf("Bytes(%d) = %q, want %q", tt.n, got, tt.want)
		}
	}
}

func TestFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if IsTerminal(f) {
		t.Error("a file passes as a terminal")
	}
	if got := Width(f); got != 80 {
		t.Errorf("Width = %d, want 80", got)
	}
}
