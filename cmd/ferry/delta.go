package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/outside"
)

func (p *program) deltaCommand() *cli.Command {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "platform", Usage: "`OS/ARCH` of images for several (default linux/amd64)", EnvVars: []string{"FERRY_PLATFORM"}},
		&cli.StringSliceFlag{Name: "plain-http", Usage: "`HOST` that may be spoken to in plain HTTP", EnvVars: []string{"FERRY_PLAIN_HTTP"}},
		memoryFlag(),
	}
	return group("delta", "look into layers, and at what a patch would cost", categoryTool,
		p.command(leaf{
			name:  "explain",
			usage: "show how layers were compressed, and whether that can be done again bit by bit",
			args:  "FILE|IMAGE...", min: 1, max: -1,
			flags:    flags,
			examples: "ferry delta explain layer.tar.gz\nferry delta explain docker.io/library/nginx:1.27",
			run:      p.deltaExplain,
		}),
		p.command(leaf{
			name:  "diff",
			usage: "show what a patch from one image to another would cost, and where the bytes go",
			args:  "OLD NEW", min: 2, max: 2,
			flags:    append(flags, &cli.StringFlag{Name: "for", Usage: "make the patch for `WHAT`: bytes (as few as can be)", EnvVars: []string{"FERRY_FOR"}}),
			examples: "ferry delta diff docker.io/library/nginx:1.26 docker.io/library/nginx:1.27\nferry delta diff old.tar.gz new.tar.gz",
			run:      p.deltaDiff,
		}))
}

func (p *program) deltaExplain(c *cli.Context) error {
	o, err := layerOptions(c)
	if err != nil {
		return err
	}
	blobs, err := outside.Explain(c.Context, c.Args().Slice(), o)
	if err != nil {
		return err
	}
	results := make([]result, 0, len(blobs))
	for i := range blobs {
		results = append(results, &blobs[i])
	}
	return p.print(results...)
}

func (p *program) deltaDiff(c *cli.Context) error {
	o, err := layerOptions(c)
	if err != nil {
		return err
	}
	switch o.For = c.String("for"); o.For {
	case "", outside.ForBytes:
	default:
		return &usageError{msg: fmt.Sprintf("for %.40q: want bytes", o.For), command: "delta diff"}
	}
	d, err := outside.Diff(c.Context, c.Args().Get(0), c.Args().Get(1), o)
	if err != nil {
		return err
	}
	return p.print(d)
}

func layerOptions(c *cli.Context) (outside.LayerOptions, error) {
	limit, err := memory(c)
	if err != nil {
		return outside.LayerOptions{}, &usageError{msg: err.Error(), command: "delta"}
	}
	return outside.LayerOptions{
		Platform: c.String("platform"), PlainHTTP: c.StringSlice("plain-http"), Memory: limit,
		Temp: filepath.Join(os.TempDir(), fmt.Sprintf("ferry-delta-%d", os.Getpid())),
	}, nil
}
