package release

import (
	"context"
	"fmt"
	"slices"

	"github.com/airgap-ferry/ferry/bundle"
)

// maxAttachments bounds what hangs on one image or chart.
const maxAttachments = 10_000

// attachments returns what is attached to subjects, and what is attached to
// that, sorted.
func (v *resolver) attachments(ctx context.Context, repository string, subjects []bundle.Digest) ([]Attachment, error) {
	var all []Attachment
	asked := make(map[bundle.Digest]bool)
	for depth := 0; len(subjects) > 0; depth++ {
		if depth > maxDepth {
			return nil, fmt.Errorf("attachments of attachments lie more than %d deep below %s", maxDepth, subjects[0])
		}
		var next []bundle.Digest
		for _, subject := range subjects {
			if asked[subject] {
				continue
			}
			asked[subject] = true
			found, err := v.attachmentsOf(ctx, repository, subject)
			if err != nil {
				return nil, err
			}
			for _, a := range found {
				next = append(next, a.Digest)
			}
			all = append(all, found...)
			if len(all) > maxAttachments {
				return nil, fmt.Errorf("more than %d attachments", maxAttachments)
			}
		}
		subjects = next
	}
	slices.SortFunc(all, compareAttachments)
	return all, nil
}

// attachmentsOf returns what is attached to subject, with the manifests read.
func (v *resolver) attachmentsOf(ctx context.Context, repository string, subject bundle.Digest) ([]Attachment, error) {
	found, err := v.source.Attachments(ctx, repository, subject)
	if err != nil {
		return nil, err
	}
	byKey := make(map[Attachment]bool)
	var out []Attachment
	for _, a := range found {
		if a.Digest == subject {
			continue // would be its own
		}
		m, err := v.manifest(ctx, repository, a.Digest)
		if err != nil {
			return nil, fmt.Errorf("attachment of %s: %w", subject, err)
		}
		for _, c := range m.Children {
			if _, err := v.manifest(ctx, repository, c.Digest); err != nil {
				return nil, fmt.Errorf("attachment of %s: %w", subject, err)
			}
		}
		a.Subject, a.MediaType, a.Size = subject, m.MediaType, m.Size
		if a.ArtifactType == "" {
			a.ArtifactType = m.ArtifactType
		}
		if a.ArtifactType == "" && m.Config != nil {
			a.ArtifactType = m.Config.MediaType
		}
		if !byKey[a] {
			byKey[a] = true
			out = append(out, a)
		}
	}
	return mergeFinds(out), nil
}

// mergeFinds drops what was found as a referrer and also by its tag: the tag
// says more.
func mergeFinds(list []Attachment) []Attachment {
	tagged := make(map[bundle.Digest]bool)
	for _, a := range list {
		tagged[a.Digest] = tagged[a.Digest] || a.Tag != ""
	}
	return slices.DeleteFunc(list, func(a Attachment) bool { return a.Tag == "" && tagged[a.Digest] })
}
