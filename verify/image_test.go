package verify

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// payloadFor returns what cosign signs for an image.
func payloadFor(image bundle.Digest) []byte {
	return fmt.Appendf(nil, `{"critical":{"identity":{"docker-reference":"registry.example/app"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":null}`, image)
}

func signImage(tb testing.TB, s Signer, payload []byte) ImageSignature {
	tb.Helper()
	sig, err := s.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	return ImageSignature{Payload: payload, Base64Signature: base64.StdEncoding.EncodeToString(sig.DER), Source: "registry.example/app:sha256-00.sig"}
}

func TestVerifyImage(t *testing.T) {
	s := newTestSigner(t)
	private, public, err := GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := LoadSigner(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	image, other := bundle.DigestOf([]byte("image")), bundle.DigestOf([]byte("other image"))
	good := signImage(t, s, payloadFor(image))
	tampered := good
	tampered.Payload = bytes.Replace(good.Payload, []byte("null"), []byte("1234"), 1)
	noBase64 := good
	noBase64.Base64Signature = "?"
	huge := signImage(t, s, append(payloadFor(image), make([]byte, maxPayloadSize)...))

	tests := []struct {
		name string
		key  []byte
		sigs []ImageSignature
		want string
		msg  string // part of the message
	}{
		{"good", s.PublicKeyPEM(), []ImageSignature{good}, "", ""},
		{"one of three is good", s.PublicKeyPEM(), []ImageSignature{signImage(t, stranger, payloadFor(image)), good, noBase64}, "", ""},
		{"none", s.PublicKeyPEM(), nil, statement.Unsigned, "image " + string(image) + " has no signature"},
		{"other key", public, []ImageSignature{good}, statement.BadSignature, `"registry.example/app:sha256-00.sig": `},
		{"for another image", s.PublicKeyPEM(), []ImageSignature{signImage(t, s, payloadFor(other))}, statement.BadSignature, "invalid or missing digest in claim: " + string(other)},
		{"for no image", s.PublicKeyPEM(), []ImageSignature{signImage(t, s, []byte("{}"))}, statement.BadSignature, "missing digest"},
		{"a statement", s.PublicKeyPEM(), []ImageSignature{signImage(t, s, []byte(testStatement))}, statement.BadSignature, "invalid character"},
		{"tampered", s.PublicKeyPEM(), []ImageSignature{tampered}, statement.BadSignature, "invalid signature"},
		{"not base64", s.PublicKeyPEM(), []ImageSignature{noBase64}, statement.BadSignature, "illegal base64"},
		{"zero signature", s.PublicKeyPEM(), []ImageSignature{{}}, statement.BadSignature, ""},
		{"huge payload", s.PublicKeyPEM(), []ImageSignature{huge}, statement.BadSignature, "at most 1048576"},
		{"too many", s.PublicKeyPEM(), make([]ImageSignature, 101), statement.BadSignature, "101 signatures"},
		{"no key", nil, []ImageSignature{good}, "form of public key", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := VerifyImage(tt.key, image, tt.sigs)
			if refusal(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("VerifyImage = %v, want %q with %q", err, tt.want, tt.msg)
			}
		})
	}
}

// The signature that a project publishes may be by another kind of key than
// ferry's own.
func TestVerifyImageOtherKeys(t *testing.T) {
	for _, tt := range otherKeys(t) {
		t.Run(tt.name, func(t *testing.T) {
			image := bundle.DigestOf([]byte("image"))
			payload := payloadFor(image)
			sig := ImageSignature{Payload: payload, Base64Signature: base64.StdEncoding.EncodeToString(tt.sign(t, payload))}
			if err := VerifyImage(tt.public, image, []ImageSignature{sig}); err != nil {
				t.Errorf("VerifyImage = %v", err)
			}
			sig.Payload = payloadFor(bundle.DigestOf([]byte("other image")))
			if err := VerifyImage(tt.public, image, []ImageSignature{sig}); refusal(err) != statement.BadSignature {
				t.Errorf("VerifyImage of another payload = %v, want %s", err, statement.BadSignature)
			}
		})
	}
}

// Inside an air gap a look at the network is noise at best and a timeout at
// worst. The system calls of TestVerifyImage tell: no socket is opened.
func TestVerifyImageOffline(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a test a second time, slowly")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	trace := filepath.Join(t.TempDir(), "trace")
	// The signal of a preempted goroutine would fill the trace.
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-qq", "-e", "trace=socket,connect,openat", "-e", "signal=none", "-o", trace,
		os.Args[0], "-test.v", "-test.run", "^TestVerifyImage$")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("strace does not work here: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestVerifyImage ") {
		t.Fatalf("TestVerifyImage did not run:\n%s", out)
	}
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	calls := string(b)
	if !strings.Contains(calls, "openat(") {
		t.Fatalf("the trace shows no system calls:\n%s", calls)
	}
	if strings.Contains(calls, "socket(") || strings.Contains(calls, "connect(") {
		t.Errorf("VerifyImage uses the network:\n%s", calls)
	}
	if strings.Contains(calls, ".sigstore") {
		t.Errorf("VerifyImage looks for a trust root of its own:\n%s", calls)
	}
}
