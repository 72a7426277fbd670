package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/report"
	"github.com/airgap-ferry/ferry/verify/statement"
)

func (p *program) trustCommand() *cli.Command {
	return group("trust", "tell a site whom to trust", categoryInside,
		p.command(leaf{
			name:  "init",
			usage: "make a site trust a root, if its fingerprint is the one that the sender has told",
			args:  "ROOT", min: 1, max: 1,
			required: []string{flagFingerprint},
			flags: []cli.Flag{
				&cli.StringFlag{Name: flagFingerprint, Usage: "`HEX` of the root, as told by telephone or on paper; blanks and case don't matter", EnvVars: []string{"FERRY_FINGERPRINT"}},
			},
			examples: "ferry --dir north trust init root.json --fingerprint \"c0ff ee00 ...\"",
			run:      p.trustInit,
		}))
}

func (p *program) trustInit(c *cli.Context) error {
	dir, _, err := directory(c, sideInside)
	if err != nil {
		return err
	}
	if err := inside.InitTrust(dir, c.Args().First(), c.String(flagFingerprint)); err != nil {
		return err
	}
	root, err := inside.Root(dir)
	if err != nil {
		return err
	}
	if err := p.print(trusted(dir, root)); err != nil {
		return err
	}
	p.next("ferry --dir %s import inbox/", dir)
	return nil
}

func trusted(dir string, root *statement.Root) *report.Trusted {
	t := &report.Trusted{Dir: dir, Version: root.Version, Expires: bundle.FormatTime(root.Expires), Packers: []report.Signer{}}
	for _, k := range root.Keys {
		if slices.Contains(root.Packer.Keys, k.ID) {
			t.Packers = append(t.Packers, report.Signer{KeyID: k.ID, Name: k.Name, Role: "packer"})
		}
	}
	return t
}
