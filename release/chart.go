package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/oci"
)

// resolveChart pins a chart, wherever it comes from.
func (v *resolver) resolveChart(ctx context.Context, w WantedChart) (Chart, error) {
	if repository, ok := strings.CutPrefix(w.Chart, ociScheme); ok {
		tag, err := v.chartTag(ctx, repository, w.Version)
		if err != nil {
			return Chart{}, err
		}
		return v.ociChart(ctx, w.Chart, repository, tag)
	}
	if w.Repo != "" {
		return v.repoChart(ctx, w)
	}
	return v.localChart(w)
}

// isExact reports whether version is one version, not a range.
func isExact(version string) bool {
	_, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v"))
	return err == nil
}

// versionTag returns the tag that Helm gives to a version: "+" can't be in one.
func versionTag(version string) string { return strings.ReplaceAll(version, "+", "_") }

// newest returns the newest of versions that satisfies want, which is a range
// or a version.
func newest(versions []string, want string) (string, error) {
	c, err := semver.NewConstraint(want)
	if err != nil {
		return "", fmt.Errorf("version %.80q: %w", want, err)
	}
	type candidate struct {
		text   string
		parsed *semver.Version
	}
	var all []candidate
	for _, s := range versions {
		if s == want {
			return s, nil
		}
		if p, err := semver.NewVersion(s); err == nil {
			all = append(all, candidate{s, p})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if n := b.parsed.Compare(a.parsed); n != 0 {
			return n
		}
		return strings.Compare(a.text, b.text)
	})
	var have []string
	for _, a := range all {
		if c.Check(a.parsed) {
			return a.text, nil
		}
		have = append(have, a.text)
	}
	if len(have) == 0 {
		return "", fmt.Errorf("has no version %s, nor any other", want)
	}
	more := ""
	if len(have) > 5 {
		more = fmt.Sprintf(" and %d older ones", len(have)-5)
		have = have[:5]
	}
	return "", fmt.Errorf("has no version %s; it has %s%s", want, strings.Join(have, ", "), more)
}

// chartTag returns the tag of a version in a repository of a registry. An
// exact version needs no list of tags.
func (v *resolver) chartTag(ctx context.Context, repository, version string) (string, error) {
	if isExact(version) {
		return versionTag(version), nil
	}
	tags, err := v.source.Tags(ctx, repository)
	if err != nil {
		return "", err
	}
	for i := range tags {
		tags[i] = strings.ReplaceAll(tags[i], "_", "+")
	}
	found, err := newest(tags, version)
	return versionTag(found), err
}

// ociChart pins a chart that lies in a registry.
func (v *resolver) ociChart(ctx context.Context, source, repository, tag string) (Chart, error) {
	d, err := v.source.Resolve(ctx, oci.Reference{Repository: repository, Tag: tag})
	if err != nil {
		return Chart{}, err
	}
	m, err := v.manifest(ctx, repository, d.Digest)
	if err != nil {
		return Chart{}, err
	}
	if m.Config == nil || m.Config.MediaType != oci.MediaTypeHelmConfig {
		return Chart{}, fmt.Errorf("%q is no Helm chart", repository+":"+tag)
	}
	if m.Config.Size > maxChartConfigSize {
		return Chart{}, fmt.Errorf("config %s has %d bytes, at most %d are read", m.Config.Digest, m.Config.Size, maxChartConfigSize)
	}
	config, err := v.source.Blob(ctx, repository, m.Config.Digest, m.Config.Size)
	if err != nil {
		return Chart{}, err
	}
	var meta chartMeta
	if err := json.Unmarshal(config, &meta); err != nil {
		return Chart{}, fmt.Errorf("reading config %s: %w", m.Config.Digest, err)
	}
	if err := meta.check(); err != nil {
		return Chart{}, err
	}
	c := Chart{
		Name: meta.Name, Version: meta.Version, Source: source, Repository: repository, Tag: tag,
		Digest: m.Digest, MediaType: m.MediaType, Size: m.Size,
	}
	c.Attachments, err = v.attachments(ctx, repository, []bundle.Digest{m.Digest})
	return c, err
}

// repoChart pins a chart of an HTTP repository, and makes an artifact of it.
func (v *resolver) repoChart(ctx context.Context, w WantedChart) (Chart, error) {
	index, err := v.repos.index(ctx, v.options.HTTP, w.Repo)
	if err != nil {
		return Chart{}, err
	}
	entry, err := index.find(w.Chart, w.Version)
	if err != nil {
		return Chart{}, fmt.Errorf("repo %q: %w", w.Repo, err)
	}
	address, err := entry.address(w.Repo)
	if err != nil {
		return Chart{}, fmt.Errorf("repo %q: %w", w.Repo, err)
	}
	repo, err := url.Parse(w.Repo)
	if err != nil {
		return Chart{}, err
	}
	source := strings.TrimSuffix(w.Repo, "/") + "/" + w.Chart
	if rest, ok := strings.CutPrefix(address, ociScheme); ok {
		ref, err := oci.ParseReference(rest)
		if err != nil {
			return Chart{}, err
		}
		return v.ociChart(ctx, source, ref.Repository, ref.Tag)
	}
	archive, err := entry.download(ctx, v.options.HTTP, address)
	if err != nil {
		return Chart{}, err
	}
	c, err := v.chartArtifact(archive, func(name string) string {
		return strings.ToLower(strings.Trim(repo.Host+repo.Path, "/")) + "/" + name
	})
	if err != nil {
		return Chart{}, fmt.Errorf("%q: %w", address, err)
	}
	if c.Name != w.Chart || c.Version != entry.Version {
		return Chart{}, fmt.Errorf("%q is chart %q version %q, but the repo says %q version %q",
			address, c.Name, c.Version, w.Chart, entry.Version)
	}
	c.Source = source
	return c, nil
}

// localChart makes an artifact of a chart that is a folder or a .tgz.
func (v *resolver) localChart(w WantedChart) (Chart, error) {
	path := v.path(w.Chart)
	info, err := os.Stat(path)
	if err != nil {
		return Chart{}, reasonOf(err)
	}
	var archive []byte
	switch {
	case info.IsDir():
		archive, err = packageChart(path)
	case info.Mode().IsRegular():
		archive, err = readLimited(path, maxChartSize)
	default:
		err = errors.New("is neither a folder nor a file")
	}
	if err != nil {
		return Chart{}, err
	}
	c, err := v.chartArtifact(archive, func(name string) string {
		return "ferry/" + v.release.Name + "/charts/" + name
	})
	if err != nil {
		return Chart{}, err
	}
	if w.Version != "" {
		if _, err := newest([]string{c.Version}, w.Version); err != nil {
			return Chart{}, err
		}
	}
	c.Source = w.Chart
	return c, nil
}

// chartArtifact makes an OCI artifact of a packaged chart, as Helm pushes it,
// but without a date. repository says where one with that name lies.
func (v *resolver) chartArtifact(archive []byte, repository func(name string) string) (Chart, error) {
	meta, err := readArchiveMeta(archive)
	if err != nil {
		return Chart{}, err
	}
	config, manifest, err := meta.artifact(archive)
	if err != nil {
		return Chart{}, err
	}
	c := Chart{
		Name: meta.Name, Version: meta.Version, Repository: repository(meta.Name), Tag: versionTag(meta.Version),
		Digest: bundle.DigestOf(manifest), MediaType: oci.MediaTypeManifest, Size: int64(len(manifest)),
	}
	if !oci.ValidPath(c.Repository) && !oci.ValidRepository(c.Repository) {
		return Chart{}, fmt.Errorf("%.300q, where the chart would lie, is not a repository", c.Repository)
	}
	v.keep(c.Digest, c.MediaType, manifest)
	for _, b := range [][]byte{config, archive} {
		v.addLocal(bundle.DigestOf(b), int64(len(b)), openBytes(b))
	}
	return c, nil
}

// readLimited reads the file at path, of at most limit bytes.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, reasonOf(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("is larger than %d bytes", limit)
	}
	return b, nil
}
