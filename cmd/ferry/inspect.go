package main

import (
	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/gateway"
	"github.com/airgap-ferry/ferry/report"
)

func (p *program) inspectCommand() *cli.Command {
	return p.command(leaf{
		name:  "inspect",
		usage: "show what a bundle says of itself, without checking who says so",
		args:  "FILE|DIR...", min: 1, max: -1,
		category: categoryGateway,
		examples: "ferry inspect disk/\nferry inspect --json north-1-2.v001.tar",
		run:      p.inspect,
	})
}

func (p *program) inspect(c *cli.Context) error {
	bundles, skipped, err := gateway.Inspect(c.Context, c.Args().Slice(), gateway.InspectOptions{Now: p.now()})
	p.skip(skipped)
	if err != nil {
		return err
	}
	return p.print(bundleResults(bundles)...)
}

func bundleResults(bundles []report.Bundle) []result {
	results := make([]result, 0, len(bundles))
	for i := range bundles {
		results = append(results, &bundles[i])
	}
	return results
}
