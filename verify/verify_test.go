package verify

import (
	"errors"
	"flag"
	"sync"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet")

const testPassword = "correct horse"

// testPair is one key pair for all tests, since making one takes a while.
var testPair = sync.OnceValues(func() ([2][]byte, error) {
	private, public, err := GenerateKeyPair([]byte(testPassword))
	return [2][]byte{private, public}, err
})

// testSigner is testPair, opened.
var testSigner = sync.OnceValues(func() (Signer, error) {
	pair, err := testPair()
	if err != nil {
		return nil, err
	}
	return LoadSigner(pair[0], []byte(testPassword))
})

func newTestPair(tb testing.TB) (private, public []byte) {
	tb.Helper()
	pair, err := testPair()
	if err != nil {
		tb.Fatal(err)
	}
	return pair[0], pair[1]
}

func newTestSigner(tb testing.TB) Signer {
	tb.Helper()
	s, err := testSigner()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// rootOf returns a root in which s is the one packer.
func rootOf(tb testing.TB, s Signer) *statement.Root {
	tb.Helper()
	k, err := statement.ParsePublicKey(s.PublicKeyPEM())
	if err != nil {
		tb.Fatal(err)
	}
	return &statement.Root{Version: 1, Keys: []statement.Key{k}, Packer: statement.Role{Keys: []string{k.ID}, Threshold: 1}}
}

// refusal returns the stable name of err, or its text if it has none.
func refusal(err error) string {
	var u *statement.UntrustedError
	var f *bundle.FormatError
	var v *bundle.VersionError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &u):
		return u.Name
	case errors.As(err, &f):
		return "form of " + f.Part
	case errors.As(err, &v):
		return "version"
	default:
		return err.Error()
	}
}
