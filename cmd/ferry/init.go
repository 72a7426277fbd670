package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/outside"
	"github.com/airgap-ferry/ferry/report"
)

func (p *program) initCommand() *cli.Command {
	return group("init", "make the directory of one side", categoryBoth,
		p.command(leaf{
			name:  "outside",
			usage: "make the directory of the outside: keys, ledger and trust file",
			args:  "DIR", min: 1, max: 1,
			flags: []cli.Flag{
				passwordFlag(),
				&cli.StringFlag{Name: "key-name", Usage: "`NAME` of the key in the root, for people", EnvVars: []string{"FERRY_KEY_NAME"}},
			},
			examples: "ferry init outside vendor",
			run:      p.initOutside,
		}),
		p.command(leaf{
			name:  "inside",
			usage: "make the directory of a site: configuration, key and ledger",
			args:  "DIR", min: 1, max: 1,
			required: []string{flagSite, "registry"},
			flags: []cli.Flag{
				&cli.StringFlag{Name: flagSite, Usage: "`NAME` of the site, as the outside calls it", EnvVars: []string{"FERRY_SITE"}},
				&cli.StringFlag{Name: "registry", Usage: "`HOST` of the site's registry, with :PORT if there is one", EnvVars: []string{"FERRY_REGISTRY"}},
				&cli.BoolFlag{Name: "plain-http", Usage: "the registry does not speak TLS", EnvVars: []string{"FERRY_PLAIN_HTTP"}},
			},
			examples: "ferry init inside north --site north --registry harbor.north.example",
			run:      p.initInside,
		}))
}

func (p *program) initOutside(c *cli.Context) error {
	dir := c.Args().First()
	if err := refuseSide(dir); err != nil {
		return err
	}
	password, err := p.password(c.Context, c.String(flagPasswordFile), true)
	if err != nil {
		return err
	}
	now, err := p.issueTime()
	if err != nil {
		return err
	}
	made, err := outside.Init(dir, outside.InitOptions{Password: password, Now: now(), KeyName: c.String("key-name")})
	if err != nil {
		return err
	}
	if err := p.print(&report.OutsideInit{
		Dir: made.Dir, Root: made.RootFile, PublicKey: made.PublicKeyFile, Fingerprint: made.Fingerprint,
	}); err != nil {
		return err
	}
	p.next("ferry --dir %s site add NAME --key \"LINE that ferry init inside has printed\"", dir)
	return nil
}

func (p *program) initInside(c *cli.Context) error {
	dir := c.Args().First()
	if err := refuseSide(dir); err != nil {
		return err
	}
	made, err := inside.Init(dir, inside.InitOptions{
		Site: c.String(flagSite), Registry: c.String("registry"), PlainHTTP: c.Bool("plain-http"),
		Rand: p.rand, Now: p.now(),
	})
	if err != nil {
		return err
	}
	if err := p.print(&report.InsideInit{
		Dir: made.Dir, Site: c.String(flagSite), Registry: c.String("registry"),
		SiteFile: made.SiteFile, SiteKey: made.SiteKey, KeyDigest: made.KeyDigest,
	}); err != nil {
		return err
	}
	p.next("ferry --dir %s trust init root.json --fingerprint \"HEX as told by telephone\"", dir)
	return nil
}

// refuseSide refuses a directory that is one of ferry's already: the file that
// makes it one is written last, so it is complete.
func refuseSide(dir string) error {
	got, err := sideOf(dir)
	if err != nil || got == sideNone {
		return err
	}
	return &hintedError{
		err:  fmt.Errorf("directory %q is %s already", dir, got),
		hint: "there is nothing to do; to make another, name another directory",
	}
}
