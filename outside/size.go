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
	number := strings.TrimRight(word, "bikmgt ")
	unit, known := units[strings.TrimSpace(word[len(number):])]
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !known || strings.Trim(number, "0123456789.") != "" {
		return 0, fmt.Errorf("volume size %.40q: want a size such as 4GiB or 700MB, or one of %s", s, strings.Join(names, ", "))
	}
	bytes := math.Floor(v * float64(unit))
	if bytes == 0 {
		return 0, nil
	}
	if bytes < bundle.MinVolumeSize || bytes > bundle.MaxBundleBytes {
		return 0, fmt.Errorf("volume size %.40q: want %d to %d bytes", s, bundle.MinVolumeSize, int64(bundle.MaxBundleBytes))
	}
	return int64(bytes), nil
}
