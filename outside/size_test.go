package outside

import (
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
)

func TestParseVolumeSize(t *testing.T) {
	tests := []struct {
		in   string
		want int64
	}{
		{"", 0},
		{"0", 0},
		{"0B", 0},
		{"1000000", 1_000_000},
		{"4GiB", 4 << 30},
		{"4 gib", 4 << 30},
		{"4G", 4 << 30},
		{"700MB", 700_000_000},
		{"1.5TB", 1_500_000_000_000},
		{"fat32", 1<<32 - 1},
		{"DVD", 4_691_984_384},
		{" bd25 ", 24_958_205_952},
	}
	for _, tt := range tests {
		if got, err := ParseVolumeSize(tt.in); err != nil || got != tt.want {
			t.Errorf("ParseVolumeSize(%q) = %d, %v, want %d", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"dvd5", "4GG", "GiB", "-4GiB", "1e9", "4 GiB x", "1KiB", "4EB", "3TiB", "inf", "nan", "0x10", "."} {
		if got, err := ParseVolumeSize(in); err == nil || !strings.Contains(err.Error(), in) {
			t.Errorf("ParseVolumeSize(%q) = %d, %v, want an error that names it", in, got, err)
		}
	}
	for _, m := range media {
		if m.size < bundle.MinVolumeSize {
			t.Errorf("%s is too small for a volume", m.name)
		}
	}
}
