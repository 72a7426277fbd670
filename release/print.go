package release

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"
)

type releaseYAML struct {
	APIVersion string      `yaml:"apiVersion"`
	Kind       string      `yaml:"kind"`
	Name       string      `yaml:"name"`
	Version    string      `yaml:"version"`
	Platforms  []string    `yaml:"platforms,omitempty,flow"`
	Images     []imageYAML `yaml:"images,omitempty"`
	Charts     []chartYAML `yaml:"charts,omitempty"`
	Files      []pathYAML  `yaml:"files,omitempty"`
	Manifests  []pathYAML  `yaml:"manifests,omitempty"`
}

type imageYAML struct {
	Image     string      `yaml:"image"`
	Platforms []string    `yaml:"platforms,omitempty,flow"`
	Verify    *verifyYAML `yaml:"verify,omitempty"`
}

type verifyYAML struct {
	Key string `yaml:"key"`
}

type chartYAML struct {
	Chart   string `yaml:"chart"`
	Repo    string `yaml:"repo,omitempty"`
	Version string `yaml:"version,omitempty"`
}

type pathYAML struct {
	Path string `yaml:"path"`
	To   string `yaml:"to,omitempty"`
}

// AppendText appends r as release.yaml, from which Parse reads the same again,
// apart from the lines. The long form is used throughout.
func (r *Release) AppendText(b []byte) ([]byte, error) {
	y := releaseYAML{APIVersion: apiVersion, Kind: kind, Name: r.Name, Version: r.Version, Platforms: r.Platforms}
	for _, img := range r.Images {
		i := imageYAML{Image: img.Image, Platforms: img.Platforms}
		if img.VerifyKey != "" {
			i.Verify = &verifyYAML{img.VerifyKey}
		}
		y.Images = append(y.Images, i)
	}
	for _, c := range r.Charts {
		y.Charts = append(y.Charts, chartYAML{c.Chart, c.Repo, c.Version})
	}
	for _, f := range r.Files {
		y.Files = append(y.Files, pathYAML{f.Path, f.To})
	}
	for _, m := range r.Manifests {
		y.Manifests = append(y.Manifests, pathYAML{m.Path, m.To})
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(y); err != nil {
		return nil, fmt.Errorf("writing release: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("writing release: %w", err)
	}
	return append(b, out.Bytes()...), nil
}
