package release

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"

	"github.com/airgap-ferry/ferry/internal/oci"
)

const (
	// maxChartSize bounds a packaged chart, which is held in memory.
	maxChartSize = 20 << 20 // bytes

	// maxUnpackedChart is what Helm unpacks at most.
	maxUnpackedChart = 100 << 20 // bytes

	// maxChartConfigSize bounds what is read of a chart in a registry, and the
	// Chart.yaml of others.
	maxChartConfigSize = 1 << 20 // bytes

	chartYAMLName = "Chart.yaml"
)

// A chartMeta is the content of a Chart.yaml with the fields, and in JSON the
// names, that Helm has. Helm ignores other fields, and so does ferry.
type chartMeta struct {
	Name         string            `json:"name,omitempty" yaml:"name"`
	Home         string            `json:"home,omitempty" yaml:"home"`
	Sources      []string          `json:"sources,omitempty" yaml:"sources"`
	Version      string            `json:"version,omitempty" yaml:"version"`
	Description  string            `json:"description,omitempty" yaml:"description"`
	Keywords     []string          `json:"keywords,omitempty" yaml:"keywords"`
	Maintainers  []chartMaintainer `json:"maintainers,omitempty" yaml:"maintainers"`
	Icon         string            `json:"icon,omitempty" yaml:"icon"`
	APIVersion   string            `json:"apiVersion,omitempty" yaml:"apiVersion"`
	Condition    string            `json:"condition,omitempty" yaml:"condition"`
	Tags         string            `json:"tags,omitempty" yaml:"tags"`
	AppVersion   string            `json:"appVersion,omitempty" yaml:"appVersion"`
	Deprecated   bool              `json:"deprecated,omitempty" yaml:"deprecated"`
	Annotations  map[string]string `json:"annotations,omitempty" yaml:"annotations"`
	KubeVersion  string            `json:"kubeVersion,omitempty" yaml:"kubeVersion"`
	Dependencies []chartDependency `json:"dependencies,omitempty" yaml:"dependencies"`
	Type         string            `json:"type,omitempty" yaml:"type"`
}

type chartMaintainer struct {
	Name  string `json:"name,omitempty" yaml:"name"`
	Email string `json:"email,omitempty" yaml:"email"`
	URL   string `json:"url,omitempty" yaml:"url"`
}

type chartDependency struct {
	Name         string   `json:"name" yaml:"name"`
	Version      string   `json:"version,omitempty" yaml:"version"`
	Repository   string   `json:"repository" yaml:"repository"`
	Condition    string   `json:"condition,omitempty" yaml:"condition"`
	Tags         []string `json:"tags,omitempty" yaml:"tags"`
	Enabled      bool     `json:"enabled,omitempty" yaml:"enabled"`
	ImportValues []any    `json:"import-values,omitempty" yaml:"import-values"`
	Alias        string   `json:"alias,omitempty" yaml:"alias"`
}

// parseChartYAML parses a Chart.yaml.
func parseChartYAML(b []byte) (*chartMeta, error) {
	if len(b) > maxChartConfigSize {
		return nil, fmt.Errorf("%s is larger than %d bytes", chartYAMLName, maxChartConfigSize)
	}
	m := new(chartMeta)
	if err := yaml.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", chartYAMLName, err)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// check refuses what could not be named inside.
func (m *chartMeta) check() error {
	if strings.Contains(m.Name, "/") || !oci.ValidPath(m.Name) {
		return fmt.Errorf("%s: name %.80q can't be part of a repository: want a-z, 0-9 and single '.', '_' or '-' between them",
			chartYAMLName, m.Name)
	}
	if m.APIVersion == "" {
		return fmt.Errorf("%s has no apiVersion", chartYAMLName)
	}
	if _, err := semver.NewVersion(m.Version); err != nil || !oci.ValidTag(versionTag(m.Version)) {
		return fmt.Errorf("%s: version %.80q is not a version", chartYAMLName, m.Version)
	}
	return nil
}

// artifact returns the config and the manifest of the chart in archive.
func (m *chartMeta) artifact(archive []byte) (config, manifest []byte, err error) {
	if config, err = json.Marshal(m); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", chartYAMLName, err)
	}
	annotations := map[string]string{oci.AnnotationTitle: m.Name, "org.opencontainers.image.version": m.Version}
	if m.Description != "" {
		annotations["org.opencontainers.image.description"] = m.Description
	}
	manifest, err = appendManifest(manifestJSON{
		Config:      describe(oci.MediaTypeHelmConfig, config),
		Layers:      []descriptorJSON{describe(oci.MediaTypeHelmChart, archive)},
		Annotations: annotations,
	})
	return config, manifest, err
}

// readArchiveMeta returns the Chart.yaml of a packaged chart. The whole
// archive is read, so that a damaged one is found now.
func readArchiveMeta(archive []byte) (*chartMeta, error) {
	if len(archive) > maxChartSize {
		return nil, fmt.Errorf("is larger than %d bytes", maxChartSize)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("is not a packaged chart: %w", err)
	}
	var meta *chartMeta
	bounded := &io.LimitedReader{R: unzipped, N: maxUnpackedChart}
	tr := tar.NewReader(bounded)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if bounded.N == 0 {
			return nil, fmt.Errorf("is larger than %d bytes when it is unpacked", maxUnpackedChart)
		}
		if err != nil {
			return nil, fmt.Errorf("is not a packaged chart: %w", err)
		}
		name := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || path.Base(name) != chartYAMLName || strings.Count(name, "/") != 1 || meta != nil {
			continue
		}
		b, err := io.ReadAll(io.LimitReader(tr, maxChartConfigSize+1))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", chartYAMLName, err)
		}
		if meta, err = parseChartYAML(b); err != nil {
			return nil, err
		}
	}
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return nil, fmt.Errorf("is not a packaged chart: %w", err)
	}
	if bounded.N == 0 {
		return nil, fmt.Errorf("is larger than %d bytes when it is unpacked", maxUnpackedChart)
	}
	if meta == nil {
		return nil, fmt.Errorf("is not a packaged chart: has no %s", chartYAMLName)
	}
	return meta, nil
}
