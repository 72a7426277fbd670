package oci

import "testing"

func TestParsePlatform(t *testing.T) {
	for _, s := range []string{"linux/amd64", "linux/arm/v7", "windows/amd64"} {
		if got, err := ParsePlatform(s); err != nil || got != s {
			t.Errorf("ParsePlatform(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "linux", "amd64", "linux/", "/amd64", "linux/arm/v7/x", "Linux/amd64", "linux/amd 64", "linux/amd64\n"} {
		if got, err := ParsePlatform(s); err == nil {
			t.Errorf("ParsePlatform(%q) = %q, want an error", s, got)
		}
	}
}

func TestPlatformMatches(t *testing.T) {
	tests := []struct {
		want, have string
		ok         bool
	}{
		{"linux/amd64", "linux/amd64", true},
		{"linux/amd64", "linux/arm64", false},
		{"linux/amd64", "windows/amd64", false},
		{"linux/arm64", "linux/arm64/v8", true},
		{"linux/arm64/v8", "linux/arm64", true},
		{"linux/arm64/v9", "linux/arm64", false},
		{"linux/amd64/v1", "linux/amd64", true},
		{"linux/amd64/v3", "linux/amd64", false},
		{"linux/arm", "linux/arm/v7", true},
		{"linux/arm/v7", "linux/arm/v6", false},
		{"linux/arm/v7", "linux/arm", false},
		{"linux/amd64", "", false},
		{"linux/amd64", PlatformUnknown, false},
	}
	for _, tt := range tests {
		if got := PlatformMatches(tt.want, tt.have); got != tt.ok {
			t.Errorf("PlatformMatches(%q, %q) = %v, want %v", tt.want, tt.have, got, tt.ok)
		}
	}
}

func TestConfigPlatform(t *testing.T) {
	tests := []struct {
		config, want string
		ok           bool
	}{
		{`{"os":"linux","architecture":"arm64","variant":"v8","rootfs":{}}`, "linux/arm64/v8", true},
		{`{}`, "", true},
		{`{"architecture":"wasm"}`, "unknown/wasm", true},
		{`{"os":"a b","architecture":"c"}`, "", false},
		{`[]`, "", false},
	}
	for _, tt := range tests {
		if got, err := ConfigPlatform([]byte(tt.config)); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ConfigPlatform(%s) = %q, %v, want %q", tt.config, got, err, tt.want)
		}
	}
}
