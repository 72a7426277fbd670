package serve_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/registry"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/registry/serve"
)

// run serves a registry until the returned function is called, which returns
// what Serve returned.
func run(t *testing.T, o serve.Options) (host string, stop func() error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve.Serve(ctx, ln, o) }()
	stop = func() error {
		cancel()
		return <-ended
	}
	t.Cleanup(cancel)
	return ln.Addr().String(), stop
}

func TestContentOutlivesTheProcess(t *testing.T) {
	store := filepath.Join(t.TempDir(), "made", "by", "serve")
	host, stop := run(t, serve.Options{Store: store})
	want := registrytest.PushIndex(t, host+"/shop/api:1.0", "one", "linux/amd64", "linux/arm64")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", host); err == nil {
		t.Error("the registry still listens")
	}
	host, _ = run(t, serve.Options{Store: store, ReadOnly: true})
	got, err := registrytest.Client(t).Resolve(t.Context(), registry.Reference{Repository: host + "/shop/api", Tag: "1.0"})
	if err != nil || got.Digest != want {
		t.Errorf("Resolve after a restart = %v, %v, want %s", got, err, want)
	}
}

func TestSkopeoPullsAndPushes(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed")
	}
	host, _ := run(t, serve.Options{Store: t.TempDir()})
	index := registrytest.PushIndex(t, host+"/shop/api:1.0", "one", "linux/amd64", "linux/arm64")
	want := registrytest.PushImage(t, host+"/shop/web:1.0", "two")
	dir := t.TempDir()
	var raw []byte
	for _, args := range [][]string{
		{"copy", "--all", "--src-tls-verify=false", "docker://" + host + "/shop/api:1.0", "dir:" + t.TempDir()},
		{"copy", "--preserve-digests", "--src-tls-verify=false", "docker://" + host + "/shop/web:1.0", "oci:" + dir + ":1.0"},
		{"copy", "--preserve-digests", "--dest-tls-verify=false", "oci:" + dir + ":1.0", "docker://" + host + "/copy/of/web:2.0"},
		{"inspect", "--raw", "--tls-verify=false", "docker://" + host + "/shop/api:1.0"},
	} {
		var stderr strings.Builder
		cmd := exec.CommandContext(t.Context(), skopeo, append([]string{"--insecure-policy"}, args...)...)
		cmd.Stderr = &stderr
		if raw, err = cmd.Output(); err != nil {
			t.Fatalf("skopeo %s: %v\n%s", strings.Join(args, " "), err, &stderr)
		}
	}
	if got := bundle.DigestOf(raw); got != index {
		t.Errorf("skopeo sees the index %s, want %s", got, index)
	}
	c := registrytest.Client(t)
	got, err := c.Resolve(t.Context(), registry.Reference{Repository: host + "/copy/of/web", Tag: "2.0"})
	if err != nil || got.Digest != want {
		t.Errorf("what skopeo pushed is %v, %v, want %s", got, err, want)
	}
}

func TestManifestsCanBeDeleted(t *testing.T) {
	host, _ := run(t, serve.Options{Store: t.TempDir()})
	d := registrytest.PushImage(t, host+"/shop/api:1.0", "one")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, fmt.Sprintf("http://%s/v2/shop/api/manifests/%s", host, d), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Errorf("DELETE answers %s", resp.Status)
	}
	if _, ok, err := registrytest.Client(t).StatManifest(t.Context(), host+"/shop/api", "1.0"); ok || err != nil {
		t.Errorf("StatManifest after that = %v, %v, want false, nil", ok, err)
	}
}

// TestUploadEndsBeforeServeReturns ends the registry while a blob is on its
// way.
func TestUploadEndsBeforeServeReturns(t *testing.T) {
	host, stop := run(t, serve.Options{Store: t.TempDir()})
	resp, err := http.Post("http://"+host+"/v2/shop/api/blobs/uploads/", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	loc := resp.Header.Get("Location")
	if !strings.HasPrefix(loc, "/v2/") {
		t.Errorf("Location is %q, want a relative one", loc)
	}
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, "http://"+host+loc, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue") // so that the body is not read before the registry asks for it
	answered := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusAccepted {
				err = fmt.Errorf("PATCH answers %s", resp.Status)
			}
		}
		answered <- err
	}()
	if _, err := feed.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		t.Fatalf("Serve returned %v while a request was under way", err)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := feed.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	_ = feed.Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestLogHasDamageOnly(t *testing.T) {
	store := t.TempDir()
	var text strings.Builder
	host, stop := run(t, serve.Options{Store: store, Log: &text})
	d := registrytest.PushImage(t, host+"/shop/api:1.0", "one")
	c := registrytest.Client(t)
	if _, ok, _ := c.StatManifest(t.Context(), host+"/shop/api", "none"); ok {
		t.Error("a missing tag is there")
	}
	// The manifest's bytes are replaced below the registry.
	blob := filepath.Join(store, "docker/registry/v2/blobs/sha256", d.Hex()[:2], d.Hex(), "data")
	if err := os.WriteFile(blob, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Manifest(t.Context(), host+"/shop/api", d); err == nil {
		t.Error("a damaged manifest was served")
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := text.String(); strings.Contains(got, "none") || !strings.Contains(got, d.Hex()) {
		t.Errorf("log is %q, want the damaged manifest only", got)
	}
}

func TestServeWithoutStore(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Serve(t.Context(), ln, serve.Options{}); err == nil {
		t.Error("Serve without a directory did not fail")
	}
}
