package verify

import (
	"bytes"
	"encoding/base64"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/testtool"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// runIn runs a program in dir with the password of the test key.
func runIn(t *testing.T, dir, program string, args ...string) (out string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD="+testPassword, "HOME="+dir)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func mustRunIn(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	if out, err := runIn(t, dir, program, args...); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
}

func writeFiles(t *testing.T, files map[string][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func readFile(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// signedFiles are what a gateway officer holds: a statement, its signature as
// a bundle has it, and the packer's public key.
func signedFiles(t *testing.T) map[string][]byte {
	t.Helper()
	s := newTestSigner(t)
	sig, err := s.Sign([]byte(testStatement))
	if err != nil {
		t.Fatal(err)
	}
	text, err := sig.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"ferry.statement": []byte(testStatement), "sig": text, "sig.der": sig.DER,
		"cosign.pub": s.PublicKeyPEM(), "tampered": []byte(testStatement + " "),
	}
}

func TestCosignVerifiesOurs(t *testing.T) {
	cosign := testtool.Find(t, "cosign")
	dir := writeFiles(t, signedFiles(t))
	args := []string{"verify-blob", "--key", "cosign.pub", "--insecure-ignore-tlog", "--signature", "sig"}
	if out, err := runIn(t, dir, cosign, append(args, "ferry.statement")...); err != nil || !strings.Contains(out, "Verified OK") {
		t.Errorf("cosign verify-blob: %v\n%s", err, out)
	}
	if out, err := runIn(t, dir, cosign, append(args, "tampered")...); err == nil {
		t.Errorf("cosign verify-blob accepts a tampered statement:\n%s", out)
	}
}

func TestOpensslVerifiesOurs(t *testing.T) {
	openssl := testtool.Find(t, "openssl")
	dir := writeFiles(t, signedFiles(t))
	args := []string{"dgst", "-sha256", "-verify", "cosign.pub", "-signature", "sig.der"}
	if out, err := runIn(t, dir, openssl, append(args, "ferry.statement")...); err != nil || !strings.Contains(out, "Verified OK") {
		t.Errorf("openssl dgst -verify: %v\n%s", err, out)
	}
	if out, err := runIn(t, dir, openssl, append(args, "tampered")...); err == nil {
		t.Errorf("openssl accepts a tampered statement:\n%s", out)
	}
}

// acceptTheirs checks that we take a signature file that another program
// wrote by the key in publicPEM.
func acceptTheirs(t *testing.T, publicPEM, text []byte) {
	t.Helper()
	key, err := statement.ParsePublicKey(publicPEM)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := bundle.ParseSignature(key.ID, text)
	if err != nil {
		t.Fatal(err)
	}
	root := &statement.Root{Version: 1, Keys: []statement.Key{key}, Packer: statement.Role{Keys: []string{key.ID}, Threshold: 1}}
	if _, err := statement.VerifySignatures([]byte(testStatement), []bundle.Signature{sig}, root); err != nil {
		t.Errorf("VerifySignatures = %v", err)
	}
	if _, err := statement.VerifySignatures([]byte(testStatement+" "), []bundle.Signature{sig}, root); refusal(err) != statement.BadSignature {
		t.Errorf("VerifySignatures of a tampered statement = %v, want %s", err, statement.BadSignature)
	}
}

// A key that ferry made signs in cosign, and its signature counts here.
func TestCosignSignsWithOurKey(t *testing.T) {
	cosign := testtool.Find(t, "cosign")
	private, public := newTestPair(t)
	dir := writeFiles(t, map[string][]byte{"cosign.key": private, "ferry.statement": []byte(testStatement)})
	mustRunIn(t, dir, cosign, "sign-blob", "--key", "cosign.key", "--tlog-upload=false", "--yes", "--output-signature", "sig", "ferry.statement")
	acceptTheirs(t, public, readFile(t, dir, "sig"))
}

// A key that cosign made signs here, and cosign verifies it.
func TestWeSignWithCosignsKey(t *testing.T) {
	cosign := testtool.Find(t, "cosign")
	dir := writeFiles(t, map[string][]byte{"ferry.statement": []byte(testStatement)})
	mustRunIn(t, dir, cosign, "generate-key-pair")
	s, err := LoadSigner(readFile(t, dir, "cosign.key"), []byte(testPassword))
	if err != nil {
		t.Fatal(err)
	}
	if public := readFile(t, dir, "cosign.pub"); !bytes.Equal(s.PublicKeyPEM(), public) {
		t.Errorf("PublicKeyPEM =\n%s\nwant cosign's\n%s", s.PublicKeyPEM(), public)
	}
	sig, err := s.Sign([]byte(testStatement))
	if err != nil {
		t.Fatal(err)
	}
	text, err := sig.AppendText(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sig"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	mustRunIn(t, dir, cosign, "verify-blob", "--key", "cosign.pub", "--insecure-ignore-tlog", "--signature", "sig", "ferry.statement")
}

// A hardware key is used through openssl: what it signs counts here.
func TestOpensslSigns(t *testing.T) {
	openssl := testtool.Find(t, "openssl")
	dir := writeFiles(t, map[string][]byte{"ferry.statement": []byte(testStatement)})
	mustRunIn(t, dir, openssl, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
	mustRunIn(t, dir, openssl, "pkey", "-in", "key.pem", "-pubout", "-out", "key.pub")
	mustRunIn(t, dir, openssl, "dgst", "-sha256", "-sign", "key.pem", "-out", "sig.der", "ferry.statement")
	text := base64.StdEncoding.EncodeToString(readFile(t, dir, "sig.der"))
	acceptTheirs(t, readFile(t, dir, "key.pub"), []byte(text))
}

// An image that cosign signed in a registry verifies with what a registry
// gives.
func TestVerifyImageSignedByCosign(t *testing.T) {
	cosign := testtool.Find(t, "cosign")
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	repository := strings.TrimPrefix(server.URL, "http://") + "/app"

	image, err := random.Image(512, 2)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(repository + ":1.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
	h, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	private, public := newTestPair(t)
	dir := writeFiles(t, map[string][]byte{"cosign.key": private})
	mustRunIn(t, dir, cosign, "sign", "--key", "cosign.key", "--tlog-upload=false", "--yes", "--allow-insecure-registry", repository+"@"+h.String())

	sigs := signaturesOf(t, repository, h.Hex)
	if len(sigs) != 1 {
		t.Fatalf("the registry has %d signatures, want 1", len(sigs))
	}
	if err := VerifyImage(public, bundle.Digest(h.String()), sigs); err != nil {
		t.Errorf("VerifyImage = %v", err)
	}
	other := bundle.DigestOf([]byte("other image"))
	if err := VerifyImage(public, other, sigs); refusal(err) != statement.BadSignature {
		t.Errorf("VerifyImage of another image = %v, want %s", err, statement.BadSignature)
	}
}

// signaturesOf reads the signatures of an image as package registry does.
func signaturesOf(t *testing.T, repository, hex string) []ImageSignature {
	t.Helper()
	tag, err := name.NewTag(repository + ":sha256-" + hex + ".sig")
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(tag)
	if err != nil {
		t.Fatal(err)
	}
	m, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var sigs []ImageSignature
	for _, d := range m.Layers {
		layer, err := image.LayerByDigest(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		r, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		payload, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		sigs = append(sigs, ImageSignature{
			Payload: payload, Base64Signature: d.Annotations["dev.cosignproject.cosign/signature"], Source: tag.String(),
		})
	}
	return sigs
}
