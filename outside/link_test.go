package outside

import (
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/release"
)

func TestLink(t *testing.T) {
	const size = 50_000_000
	tests := []struct {
		name     string
		link     link
		patch    int64
		rebuild  time.Duration
		hopeless bool
		whole    bool
	}{
		{"usual", link{0, "", 2}, 1_000_000, time.Hour, false, false},
		{"few bytes", link{1, ForBytes, 2}, 49_000_000, time.Hour, false, false},
		{"slow link", link{2_500_000, ForTime, 2}, 1_000_000, 2 * time.Second, false, false},
		{"slow link, slow rebuild", link{2_500_000, ForTime, 2}, 49_000_000, 2 * time.Second, false, true},
		{"fast link", link{1_250_000_000, ForTime, 2}, 1_000_000, 2 * time.Second, true, true},
	}
	for _, tt := range tests {
		if got := tt.link.hopeless(release.Item{Size: size}) != ""; got != tt.hopeless {
			t.Errorf("%s: hopeless is %t, want %t", tt.name, got, tt.hopeless)
		}
		if got := tt.link.better(size, tt.patch, tt.rebuild) != ""; got != tt.whole {
			t.Errorf("%s: whole is better: %t, want %t", tt.name, got, tt.whole)
		}
	}
}
