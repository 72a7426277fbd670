package inside

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/airgap-ferry/ferry/internal/durable"
	"github.com/airgap-ferry/ferry/registry/registrytest"
	"github.com/airgap-ferry/ferry/verify"
)

// An outcome is all that an import leaves behind, as far as two sites have it
// alike.
type outcome struct {
	Registry map[string]string // its files
	Ledger   string
	Files    map[string]string // of the releases
	Floor    string
	Staged   []string
	Receipts int
}

// outcome returns what p's imports have left behind, and checks the receipts.
func (p *place) outcome() outcome {
	p.tb.Helper()
	o := outcome{Registry: p.store(), Ledger: p.ledgerText(), Files: make(map[string]string)}
	for name, text := range p.files(true) {
		top, _, _ := strings.Cut(name, "/")
		if durable.IsTemp(name) {
			p.tb.Errorf("%s is left", name)
		}
		switch top {
		case defaultFiles:
			o.Files[name] = text
		case floorFile:
			o.Floor = text
		case stagingDir:
			o.Staged = append(o.Staged, name)
		case receiptsDir:
			o.Receipts++
			b, err := os.ReadFile(filepath.Join(p.dir, name))
			if err != nil {
				p.tb.Fatal(err)
			}
			if _, err := verify.OpenReceipt(b, p.key); err != nil {
				p.tb.Errorf("%s: %v", name, err)
			}
		}
	}
	return o
}

// checkOutcome compares what p's imports have left behind with what they
// leave undisturbed.
func (p *place) checkOutcome(want outcome, when string) {
	p.tb.Helper()
	if diff := cmp.Diff(want, p.outcome()); diff != "" {
		p.tb.Errorf("%s, and after another import (-undisturbed +got):\n%s", when, diff)
	}
}

// crashBundles are two bundles for one site: a release, and an update of it
// that leans on the first.
func crashBundles(s *supplier) (first, second *shipment) {
	s.tb.Helper()
	signed := registrytest.PushImage(s.tb, s.ref("shop/api:1.0"), "api 1.0")
	registrytest.PushSignature(s.tb, s.ref("shop/api"), signed)
	registrytest.PushReferrer(s.tb, s.ref("shop/api"), signed, "application/spdx+json", "what is in it")
	s.write("read.me", "1.0", 0o644)
	s.write("bin/tool", "tool", 0o755)
	body := apiBody[:len(apiBody)-len("files: [read.me]\n")] + "files: [read.me, bin/tool]\n"
	first = s.pack("shop", "1.0", body, packing{})
	registrytest.PushImage(s.tb, s.ref("shop/new:1.1"), "new")
	s.write("read.me", "1.1", 0o644)
	second = s.pack("shop", "1.1", strings.Replace(body, "[", "['HOST/shop/new:1.1', ", 1), packing{})
	return first, second
}

// step returns how far apart the points are at which an import is stopped. All
// of them take minutes; FERRY_TEST_SLOW asks for that.
func step() int {
	switch {
	case os.Getenv("FERRY_TEST_SLOW") != "":
		return 1
	case testing.Short():
		return 19
	}
	return 7
}

// TestFileFaults makes each call that changes a file fail, once for this call
// alone and once as if the process had been killed there. Importing again ends
// where an undisturbed import does.
func TestFileFaults(t *testing.T) {
	s := newSupplier(t)
	first, second := crashBundles(s)
	undisturbed := newPlace(t, s, registrytest.Start(t, registrytest.Options{}))
	undisturbed.mustImport(first.all())
	undisturbed.mustImport(second.all())
	want := undisturbed.outcome()
	if len(want.Staged) > 0 || want.Receipts != 2 {
		t.Fatalf("undisturbed: %v is staged, %d receipts", want.Staged, want.Receipts)
	}
	for start, forever := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed %v", forever), func(t *testing.T) {
			points := 0
			for n := 1 + start; ; n += step() {
				p := newPlace(t, s, registrytest.Start(t, registrytest.Options{}))
				f := durable.NewFaulty(durable.OS, n, syscall.EIO)
				f.Forever = forever
				p.fs = f
				_, _, err := p.tryImport(copyTo(t, first.volumes[0], second.volumes[0]))
				if len(f.Calls()) < n {
					break
				}
				points++
				p.fs = nil
				when := "after a fault at " + f.Calls()[n-1]
				if err != nil && !errors.Is(err, syscall.EIO) {
					t.Errorf("%s: %v, want EIO", when, err)
				}
				if forever && err == nil {
					t.Errorf("%s and all that followed: Import succeeded", when)
				}
				p.check()
				if _, _, err := p.tryImport(first.all(), second.all()); err != nil {
					t.Errorf("%s: importing again: %v", when, err)
				}
				p.checkOutcome(want, when)
			}
			if points < 60/step() {
				t.Errorf("%d calls were made to fail, want at least %d", points, 60/step())
			}
		})
	}
}

// A cord ends the connection to a registry, and keeps it ended, from a chosen
// request on.
type cord struct {
	http.Handler
	left  atomic.Int64 // requests that come through
	after bool         // the last one is answered by the registry, but the answer is lost
	cut   func()       // called instead of breaking the connection, if not nil
}

func (c *cord) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	left := c.left.Add(-1)
	if left >= 0 {
		c.Handler.ServeHTTP(w, r)
		return
	}
	if left == -1 && c.after {
		c.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	if c.cut != nil {
		c.cut()
	}
	panic(http.ErrAbortHandler)
}

// TestConnectionFaults ends the connection to the registry at each request of
// two imports: before the request arrives, after it was carried out, and by
// ending the import. Importing again ends where an undisturbed import does.
func TestConnectionFaults(t *testing.T) {
	const unlimited = 1 << 40
	s := newSupplier(t)
	first, second := crashBundles(s)
	inbox := copyTo(t, first.volumes[0], second.volumes[0])
	start := func(c *cord) *place {
		c.left.Store(unlimited)
		return newPlace(t, s, registrytest.Start(t, registrytest.Options{Wrap: func(h http.Handler) http.Handler {
			c.Handler = h
			return c
		}}))
	}
	undisturbed := start(new(cord))
	if _, _, err := undisturbed.tryImport(inbox); err != nil {
		t.Fatal(err)
	}
	want, requests := undisturbed.outcome(), undisturbed.registry.Count("")
	for i, mode := range []string{"before", "after", "ended"} {
		t.Run(mode, func(t *testing.T) {
			for n := i; n < requests; n += step() {
				ctx, cancel := context.WithCancel(t.Context())
				c := &cord{after: mode == "after"}
				if mode == "ended" {
					c.cut = cancel
				}
				p := start(c)
				c.left.Store(int64(n))
				var err error
				p.with(func(a *Agent) { _, _, err = a.Import(ctx, ImportOptions{Paths: []string{inbox}}) })
				cancel()
				if err == nil {
					t.Errorf("Import succeeded without its requests from %d on", n)
				}
				if mode == "ended" && !errors.Is(err, context.Canceled) {
					t.Errorf("Import: %v, want that it was canceled", err)
				}
				c.left.Store(unlimited)
				p.check()
				if _, _, err := p.tryImport(first.all(), second.all()); err != nil {
					t.Errorf("importing again after %d requests: %v", n, err)
				}
				p.checkOutcome(want, fmt.Sprintf("cut %s request %d", mode, n))
			}
		})
	}
	if requests < 40 {
		t.Errorf("the imports took %d requests, want at least 40 to be cut at", requests)
	}
}

// TestLostReceipt: what follows the import in the ledger is made good by
// importing again, as long as nothing else was imported.
func TestLostReceipt(t *testing.T) {
	s, p := setUp(t)
	first, second := crashBundles(s)
	p.mustImport(first.all())
	receipts := func() []string {
		names, err := filepath.Glob(filepath.Join(p.dir, receiptsDir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := receipts()
	if err := os.Remove(before[0]); err != nil {
		t.Fatal(err)
	}
	if r := p.mustReceive(first.all()); r.Receipt == "" || !slices.Equal(receipts(), before) {
		t.Errorf("receipts are %v, want %v again", receipts(), before)
	}
	if err := os.Remove(before[0]); err != nil {
		t.Fatal(err)
	}
	p.mustImport(second.all())
	if r := p.mustReceive(first.all()); r.Receipt != "" {
		t.Errorf("a receipt of the first bundle was signed after the second was imported:\n%s", r.Receipt)
	}
}
