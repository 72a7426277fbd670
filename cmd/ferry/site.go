package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify"
)

// maxSiteKey bounds what is read of a file that is no site key.
const maxSiteKey = 4 << 10 // bytes

func (p *program) siteCommand() *cli.Command {
	return group("site", "manage the sites that the outside packs for", categoryOutside,
		p.command(leaf{
			name:  "add",
			usage: "add a site that bundles are packed for",
			args:  "NAME", min: 1, max: 1,
			flags: []cli.Flag{
				&cli.StringFlag{Name: flagKey, Usage: "public `LINE` that ferry init inside has printed, or its file; bundles are then bound to it", EnvVars: []string{"FERRY_SITE_KEY"}},
			},
			examples: "ferry --dir vendor site add north --key \"north+1a2b3c4d+...\"\nferry --dir vendor site add north --key north/keys/site.pub",
			run:      p.siteAdd,
		}))
}

func (p *program) siteAdd(c *cli.Context) (err error) {
	dir, _, err := directory(c, sideOutside)
	if err != nil {
		return err
	}
	key, err := siteKey(c.String(flagKey))
	if err != nil {
		return err
	}
	agent, err := p.openOutside(c, dir)
	if err != nil {
		return err
	}
	defer closeWith(agent, &err)
	name := c.Args().First()
	if err := agent.AddSite(c.Context, name, key); err != nil {
		return err
	}
	if err := p.print(&report.SiteAdded{Site: name, SiteKey: key}); err != nil {
		return err
	}
	p.next("ferry --dir %s pack --site %s release.yaml -o outbox/", dir, name)
	return nil
}

// siteKey returns the public line that value is, or that the file value holds.
func siteKey(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	if key, err := verify.ParsePublicSiteKey(strings.TrimSpace(value)); err == nil {
		return key.String(), nil
	}
	f, err := os.Open(value)
	if err != nil {
		return "", &hintedError{
			err:  fmt.Errorf("site key %.80q is neither the public line of a site nor a file that holds it", value),
			hint: "inside it is in keys/site.pub",
		}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSiteKey))
	if err != nil {
		return "", fmt.Errorf("reading site key: %w", err)
	}
	key, err := verify.ParsePublicSiteKey(string(bytes.TrimSpace(b)))
	if err != nil {
		return "", fmt.Errorf("reading site key %q: %w", value, err)
	}
	return key.String(), nil
}

// closeWith closes what a command has opened. If that is what fails, it is
// the error.
func closeWith(c io.Closer, err *error) {
	if e := c.Close(); *err == nil {
		*err = e
	}
}
