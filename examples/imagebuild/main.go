// Imagebuild builds the images of the examples and pushes them to a
// registry, with no container engine:
//
//	imagebuild -registry localhost:5000 -version 1.0 hello-api hello-worker
//
// Each app of examples/apps becomes an image <registry>/demo/<app>:<version>
// of two layers: a base of real files from the Go distribution, which all of
// them share, and the app's static binary. With more than one platform the
// image is an index. The same Go distribution, source and version give the
// same bytes. On standard output there is one line per image: its name and
// digest.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "imagebuild: error: %v\n", err)
		os.Exit(1)
	}
}

// Options are what the command line says.
type options struct {
	registry  string
	version   string
	platforms []string
	apps      []string
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	base, err := baseLayer(ctx)
	if err != nil {
		return err
	}
	for _, app := range o.apps {
		image, err := build(ctx, base, app, o.version, o.platforms)
		if err != nil {
			return fmt.Errorf("building image of %q: %w", app, err)
		}
		ref := o.registry + "/demo/" + app + ":" + o.version
		if err := push(ctx, ref, image); err != nil {
			return fmt.Errorf("pushing to %s: %w", ref, err)
		}
		digest, err := image.Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s@%s\n", ref, digest)
	}
	return nil
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var platforms string
	flags := flag.NewFlagSet("imagebuild", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.registry, "registry", "localhost:5000", "`host:port` to push to, by plain HTTP")
	flags.StringVar(&o.version, "version", "1.0", "tag of the images, and what the apps say they are")
	flags.StringVar(&platforms, "platforms", "linux/amd64", "comma-separated `os/arch` list")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.platforms, o.apps = strings.Split(platforms, ","), flags.Args()
	if len(o.apps) == 0 {
		return o, errors.New("no app named; the apps are the folders of examples/apps")
	}
	return o, nil
}

// push writes an image or an index, and what it consists of, to a registry.
func push(ctx context.Context, ref string, image remote.Taggable) error {
	tag, err := name.NewTag(ref, name.Insecure)
	if err != nil {
		return err
	}
	return remote.Push(tag, image, remote.WithContext(ctx))
}
