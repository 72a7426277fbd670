package oci

import (
	"encoding/json"
	"fmt"
	"strings"
)

// PlatformUnknown is the platform that BuildKit gives to the attestations
// that it keeps as children of an index.
const PlatformUnknown = "unknown/unknown"

// maxPlatformLen bounds each part of a platform.
const maxPlatformLen = 64

// usualVariants are the variants that a platform has when none is written.
var usualVariants = map[string]string{"amd64": "v1", "arm64": "v8"}

// text returns p as "os/architecture/variant", the last part only if there is
// one, or "" if p says nothing.
func (p *platformJSON) text() (string, error) {
	if p == nil || *p == (platformJSON{}) {
		return "", nil
	}
	parts := []string{p.OS, p.Architecture}
	if p.Variant != "" {
		parts = append(parts, p.Variant)
	}
	for i, part := range parts {
		if part == "" {
			parts[i] = "unknown"
		} else if !validPlatformPart(part) {
			return "", fmt.Errorf("%.80q can't be part of a platform", part)
		}
	}
	return strings.Join(parts, "/"), nil
}

// ParsePlatform returns s if it is a platform: os/architecture or
// os/architecture/variant, in lower case.
func ParsePlatform(s string) (string, error) {
	parts := strings.Split(s, "/")
	ok := len(parts) == 2 || len(parts) == 3
	for _, p := range parts {
		ok = ok && validPlatformPart(p) && p == strings.ToLower(p)
	}
	if !ok {
		return "", fmt.Errorf("platform %.80q: want os/architecture or os/architecture/variant, such as linux/arm64", s)
	}
	return s, nil
}

// PlatformMatches reports whether content for platform have serves whoever
// asks for platform want. Without a variant in want every variant does. The
// usual variants of amd64 and arm64 need not be written on either side.
func PlatformMatches(want, have string) bool {
	wantBase, wantVariant := splitVariant(want)
	haveBase, haveVariant := splitVariant(have)
	if wantBase != haveBase {
		return false
	}
	if wantVariant == "" || wantVariant == haveVariant {
		return true
	}
	_, arch, _ := strings.Cut(wantBase, "/")
	return haveVariant == "" && wantVariant == usualVariants[arch]
}

// ConfigPlatform returns the platform that the config of an image names, or
// "" if it names none.
func ConfigPlatform(config []byte) (string, error) {
	var p platformJSON
	if err := json.Unmarshal(config, &p); err != nil {
		return "", fmt.Errorf("malformed image config: %w", err)
	}
	s, err := p.text()
	if err != nil {
		return "", fmt.Errorf("malformed image config: %w", err)
	}
	return s, nil
}

// splitVariant cuts the variant off a platform.
func splitVariant(s string) (base, variant string) {
	os, rest, _ := strings.Cut(s, "/")
	arch, variant, _ := strings.Cut(rest, "/")
	return os + "/" + arch, variant
}

func validPlatformPart(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return s != "" && len(s) <= maxPlatformLen && strings.Trim(s, letters) == ""
}
