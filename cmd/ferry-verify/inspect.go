package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/bundle/volume"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// judge says whether b may pass. Several bundles must be judged in the order
// of their numbers.
func (t *trust) judge(b *volume.Bundle) *result {
	r := &result{
		Site: b.Statement.Site, Epoch: b.Statement.Epoch, Seq: b.Statement.Seq, Statement: b.Digest,
		Files: b.Files, Verdict: verdictAccepted,
	}
	err := t.check(b, r)
	if err == nil && !r.Already {
		t.passed(b.Statement, b.Digest)
	}
	if err != nil {
		r.refuse(err)
	}
	return r
}

// check makes all checks, in their order, and notes in r what they found.
func (t *trust) check(b *volume.Bundle, r *result) error {
	signers, err := statement.VerifySignatures(b.Text, b.Signatures, t.root)
	if err != nil {
		return err
	}
	// What the statement says is from now on the word of somebody trusted.
	r.describe(b.Statement, signers)
	err = statement.CheckFit(b.Statement, b.Digest, t.root, t.state(b.Statement))
	// A shipment that is there already must be what it says all the same: at a
	// site nobody would look at it again, but here it would pass.
	if r.Already = errors.Is(err, statement.ErrAlreadyImported); err != nil && !r.Already {
		return err
	}
	plan, _, skipped, err := b.Plan()
	if errors.Is(err, volume.ErrNoIndex) {
		return fmt.Errorf("%w, and without it the others can't be checked: %w", err, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return err
	}
	if len(skipped) > 0 {
		return fmt.Errorf("reading volume %q: %w", skipped[0].Path, skipped[0].Err)
	}
	r.change(plan.Index().Changes)
	if err := complete(b, plan); err != nil {
		return err
	}
	if err := readAll(b, plan); err != nil {
		return err
	}
	r.Verified = true
	return nil
}

// complete reports which volumes are not here.
func complete(b *volume.Bundle, plan *bundle.Plan) error {
	have := b.Have()
	var missing []string
	for n := 1; n <= int(plan.Layout.Volumes); n++ {
		if !slices.Contains(have, n) {
			missing = append(missing, strconv.Itoa(n))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing of %d volumes: %s: %w", plan.Layout.Volumes, strings.Join(missing, ", "), io.ErrUnexpectedEOF)
}

// A copyOf is one file with one volume of a bundle.
type copyOf struct {
	number int
	file   *volume.Bundle // b with no other file
}

// readAll reads every file of b from its first byte to its last, and compares
// every byte with what was signed.
func readAll(b *volume.Bundle, plan *bundle.Plan) error {
	copies, err := copiesOf(b, plan)
	if err != nil {
		return err
	}
	digester := volume.NewDigester(plan)
	buf := make([]byte, plan.Layout.ChunkSize)
	for i, c := range copies {
		sink := digester.Add
		if i > 0 && copies[i-1].number == c.number {
			sink = func(bundle.Chunk) error { return nil } // the digester had these chunks
		}
		if err := c.file.Read(plan, c.number, buf, sink); err != nil {
			return err
		}
	}
	if n := len(digester.Open()); n > 0 {
		return fmt.Errorf("%d entries were not read to their end", n)
	}
	return nil
}

// copiesOf returns the files of b in the order of their volumes.
func copiesOf(b *volume.Bundle, plan *bundle.Plan) ([]copyOf, error) {
	var copies []copyOf
	for _, name := range b.Files {
		one := *b
		one.Files = []string{name}
		if _, err := one.Identify(plan); err != nil {
			return nil, err
		}
		for _, n := range one.Have() {
			copies = append(copies, copyOf{n, &one})
		}
	}
	slices.SortStableFunc(copies, func(a, b copyOf) int { return cmp.Compare(a.number, b.number) })
	return copies, nil
}
