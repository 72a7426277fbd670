package outside

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
)

// media are the sizes of volumes that fit on a medium by its name. Discs also
// hold the tables of a file system, for which a few megabytes are left.
var media = []struct {
	name string
	size int64 // bytes
}{
	{"cd", 737_280_000 - 3<<20},
	{"dvd", 4_700_372_992 - 8<<20},    // of DVD+R, the smaller one
	{"dvd-dl", 8_543_666_176 - 8<<20}, // of DVD-R, the smaller one
	{"bd25", 25_025_314_816 - 64<<20},
	{"bd50", 50_050_629_632 - 64<<20},
	{"bd100", 100_103_356_416 - 64<<20},
	{"fat32", 1<<32 - 1}, // the largest file
}

// units are the suffixes of sizes, in lower case.
var units = map[string]int64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
}

// ParseVolumeSize returns the bytes that s means: a number with a unit (4GiB,
// 700MB, 1.5TB; without a unit bytes; K, M, G and T alone are powers of 1024),
// or the name of a medium (cd, dvd, dvd-dl, bd25, bd50, bd100, fat32). "" and
// "0" are 0: one volume of any size. Sizes that no volume can have are
// refused.
func ParseVolumeSize(s string) (int64, error) {
	word := strings.ToLower(strings.TrimSpace(s))
	names := make([]string, 0, len(media))
	for _, m := range media {
		if word == m.name {
			return m.size, nil
		}
		names = append(names, m.name)
	}
	if word == "" {
		return 0, nil
	}
	v, ok := parseAmount(word)
	if !ok {
		return 0, fmt.Errorf("volume size %.40q: want a size such as 4GiB or 700MB, or one of %s", s, strings.Join(names, ", "))
	}
	bytes := math.Floor(v)
	if bytes == 0 {
		return 0, nil
	}
	if bytes < bundle.MinVolumeSize || bytes > bundle.MaxBundleBytes {
		return 0, fmt.Errorf("volume size %.40q: want %d to %d bytes", s, bundle.MinVolumeSize, int64(bundle.MaxBundleBytes))
	}
	return int64(bytes), nil
}

// parseAmount returns the bytes that word, in lower case, means: a number with
// a unit or without.
func parseAmount(word string) (bytes float64, ok bool) {
	number := strings.TrimRight(word, "bikmgt ")
	unit, known := units[strings.TrimSpace(word[len(number):])]
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	return v * float64(unit), true
}

// ParseSize returns the bytes that s means: a number with a unit, as
// [ParseVolumeSize] has it.
func ParseSize(s string) (int64, error) {
	v, ok := parseAmount(strings.ToLower(strings.TrimSpace(s)))
	if !ok || v >= 1<<60 {
		return 0, fmt.Errorf("size %.40q: want a size such as 512MiB or 10GB", s)
	}
	return int64(v), nil
}

// rates are what usual ways of carrying data bring, in bytes per second.
var rates = []struct {
	name string
	rate int64
}{
	{"dvd", 11_000_000},
	{"bd", 27_000_000},
	{"usb2", 30_000_000},
	{"usb3", 300_000_000},
}

// ParseLink returns the bytes per second that s means: bits (100Mbit, 1Gbit,
// 512kbit) or bytes (20MB/s), with "gate-" before it if one likes, or the name
// of a medium (dvd, bd, usb2, usb3).
func ParseLink(s string) (int64, error) {
	word := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "gate-")
	names := make([]string, 0, len(rates))
	for _, r := range rates {
		if word == r.name {
			return r.rate, nil
		}
		names = append(names, r.name)
	}
	v, ok := 0.0, false
	amount, perSecond := strings.CutSuffix(word, "/s")
	if bits, isBits := strings.CutSuffix(amount, "bit"); isBits && !strings.ContainsAny(bits, "bi") {
		v, ok = parseAmount(strings.TrimSpace(bits) + "b") // bits are counted in thousands
		v /= 8
	} else if perSecond && !isBits {
		v, ok = parseAmount(amount)
	}
	if !ok || v < 1 || v >= 1<<50 {
		return 0, fmt.Errorf("rate %.40q: want a rate such as 100Mbit or 20MB/s, or one of %s", s, strings.Join(names, ", "))
	}
	return int64(v), nil
}
