package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An artifact is an image or an index of images.
type artifact interface {
	remote.Taggable
	Digest() (v1.Hash, error)
}

// build returns the image of an app: for one platform the image itself, for
// several an index of them.
func build(ctx context.Context, base v1.Layer, app, version string, platforms []string) (artifact, error) {
	var children []mutate.IndexAddendum
	for _, p := range platforms {
		goos, goarch, ok := strings.Cut(p, "/")
		if !ok {
			return nil, fmt.Errorf("platform %q: want os/arch", p)
		}
		image, err := appImage(ctx, base, app, version, goos, goarch)
		if err != nil {
			return nil, err
		}
		if len(platforms) == 1 {
			return image, nil
		}
		children = append(children, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: goos, Architecture: goarch}},
		})
	}
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), children...), nil
}

func appImage(ctx context.Context, base v1.Layer, app, version, goos, goarch string) (v1.Image, error) {
	binary, err := appLayer(ctx, app, version, goos, goarch)
	if err != nil {
		return nil, err
	}
	created := v1.Time{Time: time.Unix(0, 0).UTC()}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: goos, Architecture: goarch, Created: created,
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:       "65534:65534",
			Entrypoint: []string{"/usr/bin/" + app},
			Labels:     map[string]string{"org.opencontainers.image.version": version},
		},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image,
		mutate.Addendum{Layer: base, History: v1.History{Created: created, CreatedBy: "base files"}},
		mutate.Addendum{Layer: binary, History: v1.History{Created: created, CreatedBy: app + " " + version}},
	)
}
