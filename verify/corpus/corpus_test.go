package corpus_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/verify/corpus"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// put writes files and returns their names, sorted.
func put(t *testing.T, files map[string][]byte) []string {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for name, b := range files {
		names = append(names, filepath.Join(dir, name))
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(names)
	return names
}

// judge reads bundles as an import does, in the order of
// docs/formats/bundle-v1.md, and returns nil if it would act on them.
func judge(paths []string, st corpus.State) error {
	root, err := statement.ParseRoot(st.Root)
	if err != nil {
		return err
	}
	bundles, _, err := volume.Scan(paths)
	if err != nil {
		return err
	}
	for _, b := range bundles {
		if _, err := statement.VerifySignatures(b.Text, b.Signatures, root); err != nil {
			return err
		}
		err := statement.CheckFit(b.Statement, b.Digest, root, statement.State{
			Site: st.Site, SiteKey: st.SiteKey, Epoch: st.Epoch, Seq: st.Seq, Head: st.Head, Floor: st.Floor, Now: st.Now,
		})
		if errors.Is(err, statement.ErrAlreadyImported) {
			continue
		}
		if err != nil {
			return err
		}
		if err := read(b); err != nil {
			return err
		}
	}
	return nil
}

func read(b *volume.Bundle) error {
	plan, _, skipped, err := b.Plan()
	if err != nil {
		return err
	}
	if len(skipped) > 0 {
		return skipped[0].Err
	}
	if have := len(b.Have()); have != int(plan.Layout.Volumes) {
		return fmt.Errorf("%d volumes: %w", have, io.ErrUnexpectedEOF)
	}
	d := volume.NewDigester(plan)
	for _, n := range b.Have() {
		if err := b.Read(plan, n, make([]byte, plan.Layout.ChunkSize), d.Add); err != nil {
			return err
		}
	}
	return nil
}

// nameOf returns the name and the exit code of a verdict, from
// docs/exit-codes.md.
func nameOf(err error) (string, int) {
	var (
		untrusted *statement.UntrustedError
		misfit    *statement.MisfitError
		damage    *bundle.DamageError
		version   *bundle.VersionError
		format    *bundle.FormatError
	)
	switch {
	case err == nil:
		return "", corpus.Accepted
	case errors.As(err, &untrusted):
		return untrusted.Name, corpus.Untrusted
	case errors.As(err, &misfit):
		return misfit.Name, corpus.Misfit
	case errors.As(err, &damage):
		return corpus.IsDamaged, corpus.Damaged
	case errors.As(err, &version):
		return corpus.NewerFormat, corpus.Newer
	case errors.As(err, &format) && format.Part == "root":
		return corpus.RootForm, corpus.Failed
	case errors.As(err, &format) && format.Part != "volume":
		return format.Part + "-form", corpus.Malformed
	case errors.As(err, &format), errors.Is(err, volume.ErrNoVolume):
		return corpus.NotABundle, corpus.Malformed
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, volume.ErrNoIndex):
		return corpus.Incomplete, corpus.Damaged
	}
	return err.Error(), corpus.Failed
}

// The verifier that an import uses.
func TestLibraryJudgesTheCorpus(t *testing.T) {
	for _, c := range corpus.Cases() {
		t.Run(fmt.Sprintf("%d %s", c.Number, c.Name), func(t *testing.T) {
			err := judge(put(t, c.Files), c.State)
			if name, exit := nameOf(err); name != c.WantName || exit != c.WantExit {
				t.Errorf("verdict %q (%d), want %q (%d): %v", name, exit, c.WantName, c.WantExit, err)
			}
		})
	}
}

// Every kind of attack has cases, or a reason why it has none.
func TestCorpusIsWhole(t *testing.T) {
	count := make(map[int]int)
	names := make(map[string]bool)
	for _, c := range corpus.Cases() {
		count[c.Number]++
		if names[c.Name] {
			t.Errorf("two cases are called %q", c.Name)
		}
		names[c.Name] = true
		if (c.WantExit == corpus.Accepted) != (c.WantName == "") {
			t.Errorf("%q wants %q and exit code %d", c.Name, c.WantName, c.WantExit)
		}
	}
	for i, k := range corpus.Kinds() {
		if k.Number != i+1 {
			t.Errorf("kind %d is at place %d", k.Number, i+1)
		}
		if count[k.Number] == 0 && k.Missing == "" {
			t.Errorf("kind %d, %s, has no cases and no reason", k.Number, k.What)
		}
		delete(count, k.Number)
	}
	if count[0] == 0 {
		t.Error("no good bundles: who refuses everything would pass")
	}
	delete(count, 0)
	if len(count) != 0 || len(corpus.Kinds()) != 43 {
		t.Errorf("cases of unknown kinds %v, of %d kinds", count, len(corpus.Kinds()))
	}
}

func TestCorpusIsTheSameEachTime(t *testing.T) {
	a, b := corpus.Cases(), corpus.Cases()
	for i := range a {
		if a[i].Name != b[i].Name || !maps.EqualFunc(a[i].Files, b[i].Files, bytes.Equal) || !bytes.Equal(a[i].State.Root, b[i].State.Root) {
			t.Errorf("%q differs from one time to the next", a[i].Name)
		}
	}
}
