package main

import (
	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/inside"
)

func (p *program) statusCommand() *cli.Command {
	return p.command(leaf{
		name:  "status",
		usage: "show what sites hold, what they lack, and what is under way",
		args:  "[RELEASE.yaml]", max: 1,
		category: categoryBoth,
		flags: []cli.Flag{
			&cli.StringFlag{Name: flagSite, Usage: "outside: show only the site `NAME`", EnvVars: []string{"FERRY_SITE"}},
			&cli.BoolFlag{Name: "probe", Usage: "inside: ask the registry for everything that the ledger says it holds", EnvVars: []string{"FERRY_PROBE"}},
		},
		examples: "ferry --dir vendor status\n" +
			"ferry --dir vendor status --site north release.yaml    # what a pack would ship\n" +
			"ferry --dir north status --probe",
		run: p.status,
	})
}

func (p *program) status(c *cli.Context) error {
	dir, side, err := directory(c, sideNone)
	if err != nil {
		return err
	}
	if side == sideInside {
		return p.insideStatus(c, dir)
	}
	return p.outsideStatus(c, dir)
}

func (p *program) outsideStatus(c *cli.Context, dir string) (err error) {
	site, file := c.String(flagSite), c.Args().First()
	if c.Bool("probe") {
		return &usageError{msg: "--probe asks a site's registry, and works inside", command: "status"}
	}
	agent, err := p.openOutside(c, dir)
	if err != nil {
		return err
	}
	defer closeWith(agent, &err)
	status, err := agent.Status(c.Context, site, file)
	if err != nil {
		return err
	}
	return p.print(status)
}

func (p *program) insideStatus(c *cli.Context, dir string) (err error) {
	if c.NArg() > 0 {
		return &usageError{msg: "a release is compared outside; inside, status takes no argument", command: "status"}
	}
	agent, err := p.openInside(dir, 0)
	if err != nil {
		return err
	}
	defer closeWith(agent, &err)
	status, err := agent.Status(c.Context, inside.StatusOptions{Probe: c.Bool("probe")})
	if err != nil {
		return err
	}
	return p.print(status)
}
