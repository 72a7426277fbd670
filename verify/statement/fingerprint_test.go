package statement

import (
	"strings"
	"testing"
)

func TestFingerprint(t *testing.T) {
	// The SHA-256 of "abc" is the first example of FIPS 180-2.
	const want = "ba78 16bf 8f01 cfea 4141 40de 5dae 2223 b003 61a3 9617 7a9c b410 ff61 f200 15ad"
	if got := Fingerprint([]byte("abc")); got != want {
		t.Errorf("Fingerprint = %q, want %q", got, want)
	}
}

func TestMatchFingerprint(t *testing.T) {
	root := []byte("abc")
	f := Fingerprint(root)
	tests := []struct {
		name  string
		typed string
		want  bool
	}{
		{"as printed", f, true},
		{"upper case", strings.ToUpper(f), true},
		{"no spaces", strings.ReplaceAll(f, " ", ""), true},
		{"dashes and newline", strings.ReplaceAll(f, " ", "-") + "\r\n", true},
		{"empty", "", false},
		{"only spaces", "  - ", false},
		{"first groups", f[:39], false},
		{"last group missing", f[:len(f)-5], false},
		{"one digit more", f + "a", false},
		{"one digit wrong", "c" + f[1:], false},
		{"other separator", strings.ReplaceAll(f, " ", "."), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := MatchFingerprint(root, tt.typed); got != tt.want {
				t.Errorf("MatchFingerprint(%q) = %v, want %v", tt.typed, got, tt.want)
			}
		})
	}
}
