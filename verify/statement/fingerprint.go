package statement

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Fingerprint returns what a person reads over the telephone, or from paper,
// to name a root: the SHA-256 of its bytes as 16 groups of four hex digits.
func Fingerprint(root []byte) string {
	sum := sha256.Sum256(root)
	h := hex.EncodeToString(sum[:])
	groups := make([]string, 0, len(h)/4)
	for i := 0; i < len(h); i += 4 {
		groups = append(groups, h[i:i+4])
	}
	return strings.Join(groups, " ")
}

// MatchFingerprint reports whether typed is the fingerprint of root. Letter
// case, white space and "-" do not count; a part of the fingerprint is not
// enough.
func MatchFingerprint(root []byte, typed string) bool {
	plain := strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "-", "")
	return plain.Replace(strings.ToLower(typed)) == plain.Replace(Fingerprint(root))
}
