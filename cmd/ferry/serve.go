package main

import (
	"bytes"
	"fmt"
	"net"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/registry/serve"
	"github.com/airgap-ferry/ferry/report"
)

func (p *program) serveCommand() *cli.Command {
	return p.command(leaf{
		name:     "serve",
		usage:    "run an OCI registry, for sites that have none",
		category: categoryInside,
		required: []string{"store"},
		flags: []cli.Flag{
			&cli.StringFlag{Name: "store", Usage: "`DIR` that holds the content", EnvVars: []string{"FERRY_STORE"}},
			&cli.StringFlag{Name: "listen", Value: "127.0.0.1:5000", Usage: "`ADDRESS` to listen on; port 0 takes a free one", EnvVars: []string{"FERRY_LISTEN"}},
			&cli.BoolFlag{Name: "read-only", Usage: "take no pushes", EnvVars: []string{"FERRY_READ_ONLY"}},
		},
		examples: "ferry serve --store /srv/registry\nferry serve --store /srv/registry --listen 0.0.0.0:5000",
		run:      p.serve,
	})
}

func (p *program) serve(c *cli.Context) error {
	store, listen := c.String("store"), c.String("listen")
	ln, err := new(net.ListenConfig).Listen(c.Context, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", listen, err)
	}
	if addr, ok := ln.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		p.warn("this registry knows neither users nor TLS: whoever reaches %s can change it", ln.Addr())
	}
	if err := p.print(&report.Served{Address: ln.Addr().String(), Store: store}); err != nil {
		return err
	}
	// What ends it is the signal that everybody ends it with: that is no failure.
	return serve.Serve(c.Context, ln, serve.Options{
		Store: store, ReadOnly: c.Bool("read-only"), Log: lineWriter(func(line string) { p.say("", "%s", line) }),
	})
}

// A lineWriter gives each line that is written to it to a function.
type lineWriter func(line string)

func (w lineWriter) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		w(string(bytes.TrimRight(line, "\n")))
	}
	return len(b), nil
}
