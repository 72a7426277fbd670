package release

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// maxResolvedSize bounds a lock file before it is parsed.
const maxResolvedSize = 64 << 20 // bytes

// Modes that a file can have inside.
const (
	ModePlain      = "0644"
	ModeExecutable = "0755"
)

// A Resolved release is a release with everything pinned by digest. Its lists
// are sorted.
type Resolved struct {
	Name      string  `json:"name"`
	Version   string  `json:"version"`
	Images    []Image `json:"images"`    // by name
	Charts    []Chart `json:"charts"`    // by name, version and repository
	Files     []File  `json:"files"`     // by path
	Manifests []File  `json:"manifests"` // by path: files with Kubernetes manifests
}

// An Image is a container image, or another artifact of a registry.
type Image struct {
	Name        string          `json:"name"`        // as asked for, written in full: "docker.io/library/nginx:1.27"
	Repository  string          `json:"repository"`  // where it comes from
	Tag         string          `json:"tag"`         // "" if it was asked for by digest alone
	Digest      bundle.Digest   `json:"digest"`      // of the manifest or index
	MediaType   string          `json:"media_type"`  // of the manifest or index
	Size        int64           `json:"size"`        // bytes of the manifest or index
	Platforms   []string        `json:"platforms"`   // as asked for; empty for all
	Selected    []bundle.Digest `json:"selected"`    // for an index: all manifests below it that travel
	Attachments []Attachment    `json:"attachments"` // of the image and of what is selected
}

// An Attachment is a signature, an attestation or an SBOM: a manifest that is
// about another one, its subject.
type Attachment struct {
	Subject      bundle.Digest `json:"subject"`
	Digest       bundle.Digest `json:"digest"`
	MediaType    string        `json:"media_type"`
	Size         int64         `json:"size"`          // bytes
	Tag          string        `json:"tag"`           // "sha256-….sig", or "" if it was found as a referrer
	ArtifactType string        `json:"artifact_type"` // "" if it names none
}

// A Chart is a Helm chart as OCI artifact.
type Chart struct {
	Name        string        `json:"name"`       // as the chart calls itself
	Version     string        `json:"version"`    // as the chart calls itself
	Source      string        `json:"source"`     // as asked for
	Repository  string        `json:"repository"` // where it comes from; for a local one ferry/RELEASE/charts/NAME
	Tag         string        `json:"tag"`        // the version, with "_" for "+"
	Digest      bundle.Digest `json:"digest"`     // of the manifest
	MediaType   string        `json:"media_type"` // of the manifest
	Size        int64         `json:"size"`       // bytes of the manifest
	Attachments []Attachment  `json:"attachments"`
}

// A File is a file as it will stand inside.
type File struct {
	Path   string        `json:"path"` // relative, with "/"
	Mode   string        `json:"mode"` // ModePlain or ModeExecutable
	Size   int64         `json:"size"` // bytes
	Digest bundle.Digest `json:"digest"`
}

// A FormatError reports bytes that are not a resolved release.
type FormatError struct {
	Msg string
}

func (e *FormatError) Error() string { return "malformed resolved release: " + e.Msg }

// ParseResolved parses a lock file, or the config of a release manifest. Only
// the canonical form is accepted: what AppendText appends. The error is a
// [*FormatError].
func ParseResolved(b []byte) (*Resolved, error) {
	if len(b) > maxResolvedSize {
		return nil, resolvedError("%d bytes, at most %d are allowed", len(b), maxResolvedSize)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	r := new(Resolved)
	if err := dec.Decode(r); err != nil {
		return nil, resolvedError("%v", err)
	}
	again, err := r.AppendText(nil)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, resolvedError("not in canonical form: line %d differs", 1+bytes.Count(b[:commonPrefix(again, b)], []byte("\n")))
	}
	return r, nil
}

// AppendText appends r in canonical form: JSON with the fields in the order of
// the type, indented by two spaces, no list null, a newline at the end. It
// fails if r has a value that ParseResolved would not accept.
func (r *Resolved) AppendText(b []byte) ([]byte, error) {
	c := r.withLists()
	if err := c.check(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		return nil, resolvedError("%v", err)
	}
	return append(b, out.Bytes()...), nil
}

// withLists returns a copy of r in which no list is nil, so that all are
// written as lists.
func (r *Resolved) withLists() *Resolved {
	c := &Resolved{
		Name: r.Name, Version: r.Version,
		Images: list(r.Images), Charts: list(r.Charts), Files: list(r.Files), Manifests: list(r.Manifests),
	}
	for i := range c.Images {
		img := &c.Images[i]
		img.Platforms, img.Selected, img.Attachments = list(img.Platforms), list(img.Selected), list(img.Attachments)
	}
	for i := range c.Charts {
		c.Charts[i].Attachments = list(c.Charts[i].Attachments)
	}
	return c
}

// list returns a copy of s that is not nil.
func list[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }

// check returns the first value of r that the canonical form does not allow.
func (r *Resolved) check() error {
	if !bundle.ValidReleaseName(r.Name) || !bundle.ValidVersion(r.Version) {
		return resolvedError("name %.80q or version %.80q is not one", r.Name, r.Version)
	}
	if err := r.checkTags(); err != nil {
		return resolvedError("%v", err)
	}
	for i := range r.Images {
		img := &r.Images[i]
		if i > 0 && img.Name <= r.Images[i-1].Name {
			return resolvedError("images are not sorted by name: %.300q after %.300q", img.Name, r.Images[i-1].Name)
		}
		if err := img.check(); err != nil {
			return resolvedError("image %.300q: %v", img.Name, err)
		}
	}
	for i := range r.Charts {
		c := &r.Charts[i]
		if i > 0 && compareCharts(*c, r.Charts[i-1]) <= 0 {
			return resolvedError("charts are not sorted: %.80q after %.80q", c.Name, r.Charts[i-1].Name)
		}
		if err := c.check(); err != nil {
			return resolvedError("chart %.80q: %v", c.Name, err)
		}
	}
	if err := checkFiles(r.Files); err != nil {
		return resolvedError("files: %v", err)
	}
	if err := checkFiles(r.Manifests); err != nil {
		return resolvedError("manifests: %v", err)
	}
	return nil
}

// checkTags refuses two contents for one tag, of which one would be lost
// inside.
func (r *Resolved) checkTags() error {
	type owner struct {
		name   string
		digest bundle.Digest
	}
	tags := make(map[string]owner)
	add := func(name, repository, tag string, d bundle.Digest) error {
		if tag == "" {
			return nil
		}
		ref := repository + ":" + tag
		if o, ok := tags[ref]; ok && o.digest != d {
			return fmt.Errorf("%q would be %s of %q and %s of %q", ref, o.digest, o.name, d, name)
		}
		tags[ref] = owner{name, d}
		return nil
	}
	for _, img := range r.Images {
		if err := add(img.Name, img.Repository, img.Tag, img.Digest); err != nil {
			return err
		}
	}
	for _, c := range r.Charts {
		if err := add(c.Source, c.Repository, c.Tag, c.Digest); err != nil {
			return err
		}
	}
	return nil
}

func (i *Image) check() error {
	ref, err := oci.ParseReference(i.Name)
	if err != nil {
		return err
	}
	if ref.String() != i.Name || ref.Repository != i.Repository || ref.Tag != i.Tag {
		return fmt.Errorf("repository %.300q and tag %.130q are not those of the name", i.Repository, i.Tag)
	}
	if ref.Digest != "" && ref.Digest != i.Digest {
		return fmt.Errorf("digest %.80q is not that of the name", i.Digest)
	}
	if err := checkDescriptor(i.Digest, i.MediaType, i.Size); err != nil {
		return err
	}
	for n, p := range i.Platforms {
		if _, err := oci.ParsePlatform(p); err != nil {
			return err
		}
		if n > 0 && p <= i.Platforms[n-1] {
			return fmt.Errorf("platforms are not sorted: %q after %q", p, i.Platforms[n-1])
		}
	}
	for n, d := range i.Selected {
		if _, err := bundle.ParseDigest(string(d)); err != nil {
			return err
		}
		if n > 0 && d <= i.Selected[n-1] {
			return fmt.Errorf("selected: %s after %s is not sorted", d, i.Selected[n-1])
		}
	}
	return checkAttachments(i.Attachments)
}

func (c *Chart) check() error {
	if c.Name == "" || c.Version == "" || !printable(c.Name, 250) || !printable(c.Version, 250) || !printable(c.Source, 2000) {
		return fmt.Errorf("name, version %.80q or source %.300q is not printable", c.Version, c.Source)
	}
	if !oci.ValidRepository(c.Repository) && !oci.ValidPath(c.Repository) {
		return fmt.Errorf("%.300q is not a repository", c.Repository)
	}
	if !oci.ValidTag(c.Tag) {
		return fmt.Errorf("%.130q is not a tag", c.Tag)
	}
	if err := checkDescriptor(c.Digest, c.MediaType, c.Size); err != nil {
		return err
	}
	return checkAttachments(c.Attachments)
}

func checkAttachments(list []Attachment) error {
	for n, a := range list {
		if n > 0 && compareAttachments(a, list[n-1]) <= 0 {
			return fmt.Errorf("attachments are not sorted: %.80q after %.80q", a.Digest, list[n-1].Digest)
		}
		if _, err := bundle.ParseDigest(string(a.Subject)); err != nil {
			return fmt.Errorf("attachment: subject: %w", err)
		}
		if err := checkDescriptor(a.Digest, a.MediaType, a.Size); err != nil {
			return fmt.Errorf("attachment: %w", err)
		}
		if a.Tag != "" && !oci.ValidTag(a.Tag) {
			return fmt.Errorf("attachment: %.130q is not a tag", a.Tag)
		}
		if !printable(a.ArtifactType, 255) {
			return fmt.Errorf("attachment: artifact type %.80q is not printable", a.ArtifactType)
		}
	}
	return nil
}

func checkDescriptor(d bundle.Digest, mediaType string, size int64) error {
	if _, err := bundle.ParseDigest(string(d)); err != nil {
		return err
	}
	if mediaType == "" || !printable(mediaType, 255) {
		return fmt.Errorf("%.80q is not a media type", mediaType)
	}
	if size < 1 || size > oci.MaxManifestSize {
		return fmt.Errorf("%s has %d bytes, want 1 to %d", d, size, oci.MaxManifestSize)
	}
	return nil
}

func checkFiles(files []File) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("%d files, at most %d are allowed", len(files), MaxFiles)
	}
	for i, f := range files {
		if i > 0 && f.Path <= files[i-1].Path {
			return fmt.Errorf("not sorted by path: %.300q after %.300q", f.Path, files[i-1].Path)
		}
		if err := checkLanding(f.Path); err != nil {
			return err
		}
		if f.Mode != ModePlain && f.Mode != ModeExecutable {
			return fmt.Errorf("%q: mode is %.20q, want %s or %s", f.Path, f.Mode, ModePlain, ModeExecutable)
		}
		if f.Size < 0 || f.Size > bundle.MaxBundleBytes {
			return fmt.Errorf("%q: %d bytes, want 0 to %d", f.Path, f.Size, int64(bundle.MaxBundleBytes))
		}
		if _, err := bundle.ParseDigest(string(f.Digest)); err != nil {
			return fmt.Errorf("%q: %w", f.Path, err)
		}
	}
	return checkNoFileIsFolder(files)
}

func resolvedError(format string, args ...any) error {
	return &FormatError{fmt.Sprintf(format, args...)}
}

// commonPrefix returns how many bytes a and b share at their start.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
