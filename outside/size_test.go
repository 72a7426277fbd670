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

func TestParseLink(t *testing.T) {
	tests := []struct {
		in   string
		want int64
	}{
		{"100Mbit", 12_500_000},
		{"100mbit/s", 12_500_000},
		{"10Gbit", 1_250_000_000},
		{"512kbit", 64_000},
		{"20MB/s", 20_000_000},
		{"gate-20MB/s", 20_000_000},
		{"1.5MiB/s", 3 << 19},
		{"800bit", 100},
		{" USB3 ", 300_000_000},
		{"dvd", 11_000_000},
	}
	for _, tt := range tests {
		if got, err := ParseLink(tt.in); err != nil || got != tt.want {
			t.Errorf("ParseLink(%q) = %d, %v, want %d", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"", "100", "100M", "20MB", "bit", "-1Mbit", "0Mbit", "1bit", "fast", "20MB/h", "1e9bit", "9999999Tbit", "100MBbit"} {
		if got, err := ParseLink(in); err == nil || !strings.Contains(err.Error(), in) {
			t.Errorf("ParseLink(%q) = %d, want an error that names it", in, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "512MiB": 512 << 20, "10GB": 10_000_000_000, "1g": 1 << 30} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "dvd", "-1", "1e9", "9999999TiB"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", in, got)
		}
	}
}

// Whatever is on the command line, there is a rate or an error, and a larger
// number is never a smaller rate.
func FuzzParseLink(f *testing.F) {
	for _, s := range []string{"100Mbit", "20MB/s", "gate-1kbit/s", "usb2", "7"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseLink(s)
		if err == nil && got < 1 {
			t.Errorf("ParseLink(%q) = %d", s, got)
		}
		if more, errMore := ParseLink("1" + s); err == nil && errMore == nil && more < got {
			t.Errorf("ParseLink(%q) = %d, ParseLink(%q) = %d", s, got, "1"+s, more)
		}
	})
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"512MiB", "1.5 GB", "dvd", "4g"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := ParseSize(s); err == nil && got < 0 {
			t.Errorf("ParseSize(%q) = %d", s, got)
		}
		if got, err := ParseVolumeSize(s); err == nil && got != 0 && got < bundle.MinVolumeSize {
			t.Errorf("ParseVolumeSize(%q) = %d", s, got)
		}
	})
}
