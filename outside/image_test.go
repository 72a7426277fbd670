package outside

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/verify"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// sign pushes a signature over digest as that of image, as cosign does.
func sign(t *testing.T, signer verify.Signer, repo string, image, digest bundle.Digest) {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"critical": map[string]any{
		"identity": map[string]any{"docker-reference": repo},
		"image":    map[string]any{"docker-manifest-digest": digest},
		"type":     "cosign container image signature",
	}, "optional": nil})
	if err != nil {
		t.Fatal(err)
	}
	sig, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.Append(mutate.MediaType(empty.Image, types.OCIManifestSchema1), mutate.Addendum{
		Layer:       static.NewLayer(payload, "application/vnd.dev.cosign.simplesigning.v1+json"),
		Annotations: map[string]string{annotationSignature: base64.StdEncoding.EncodeToString(sig.DER)},
	})
	if err != nil {
		t.Fatal(err)
	}
	registrytest.Push(t, repo+":"+oci.FallbackTag(image)+".sig", img)
}

func TestVerifyImage(t *testing.T) {
	e := newEnv(t)
	repo := e.registry.Host + "/shop/api"
	private, public, err := verify.GenerateKeyPair(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := verify.LoadSigner(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	e.write(t, "keys/api.pub", string(public))
	e.write(t, "keys/other.pub", read(t, filepath.Join(e.dir, publicKeyFile)))
	signed := registrytest.PushImage(t, repo+":signed", "signed")
	sign(t, signer, repo, signed, signed)
	swapped := registrytest.PushImage(t, repo+":swapped", "swapped")
	sign(t, signer, repo, swapped, signed)
	tests := []struct{ tag, key, want string }{
		{"signed", "api", ""},
		{"signed", "other", statement.BadSignature},
		{"swapped", "api", statement.BadSignature},
		{"1.0", "api", statement.Unsigned},
	}
	for _, tt := range tests {
		t.Run(tt.tag+" "+tt.key, func(t *testing.T) {
			file := e.write(t, "r.yaml", "apiVersion: ferry/v1\nkind: Release\nname: r\nversion: \"1\"\nimages:\n"+
				"  - image: HOST/shop/api:"+tt.tag+"\n    verify: {key: keys/"+tt.key+".pub}\n")
			a := e.open(t)
			defer a.Close()
			_, err := a.Plan(t.Context(), e.options(file))
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			untrusted, ok := errors.AsType[*statement.UntrustedError](err)
			if !ok || untrusted.Name != tt.want || !strings.Contains(err.Error(), "r.yaml:6") {
				t.Errorf("error = %v, want an UntrustedError %q with the line", err, tt.want)
			}
		})
	}
}

// What refers to an image travels with it, where the registry has the API and
// where it has not; and when it comes later, it is shipped later.
func TestReferrers(t *testing.T) {
	e := newEnv(t)
	repo := e.registry.Host + "/shop/api"
	file := e.shop(t, "1.0")
	e.mustPack(t, file)
	if _, err := os.Stat(filepath.Join(e.dir, cacheDir, hostsFile)); err != nil {
		t.Errorf("what was learned is not kept: %v", err)
	}
	a := e.open(t)
	d, err := a.client.Resolve(t.Context(), registry.Reference{Repository: repo, Tag: "1.0"})
	if err != nil {
		t.Fatal(err)
	}
	_ = a.Close()
	sbom := registrytest.PushReferrer(t, repo, d.Digest, "application/spdx+json", "the sbom")
	e.out = t.TempDir()
	e.mustPack(t, file)
	_, _, content := readBundle(t, e, e.out)
	if _, ok := content[sbom]; !ok {
		t.Error("the SBOM is not in the bundle")
	}
	// Its manifest and layer, and the release, whose manifest and lock file
	// name it; the config "{}" may be shared.
	if n := len(content); n < 4 || n > 5 {
		t.Errorf("%d entries, want the SBOM and the release", n)
	}
	e.registry.Reset()
	planNothing(t, e, file)
	if n, heads := e.registry.Count(""), e.registry.Count("HEAD"); n != heads {
		t.Errorf("%d requests, %d of them HEAD", n, heads)
	}
}
