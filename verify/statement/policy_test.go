package statement

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
	}{
		{"P0D", 0},
		{"P1D", day},
		{"P30D", 30 * day},
		{"P36500D", 36_500 * day},
		{"PT1H", time.Hour},
		{"PT36H", 36 * time.Hour},
	}
	for _, tt := range tests {
		got, err := parseDuration(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{
		"", "P", "PD", "PTH", "30D", "P30", "P30d", "p30D", "P030D", "P+3D", "P-3D", "P3.5D", "P3D ", "P3DT1H",
		"PT24H", "PT0H", "PT", "PT1M", "P1Y", "P1M", "P1W", "P99999999999999999999D", "P1048575D", "P١D",
	} {
		if got, err := parseDuration(in); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", in, got)
		}
	}
}
