package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/report"
)

// stateImported is the state of a bundle of which nothing remains to be done.
const stateImported = "imported"

func (p *program) importCommand() *cli.Command {
	return p.command(leaf{
		name:  "import",
		usage: "verify bundles, push what they carry into the site's registry, and give a receipt",
		args:  "FILE|DIR...", min: 1, max: -1,
		category: categoryInside,
		flags: []cli.Flag{
			memoryFlag(),
			&cli.BoolFlag{Name: flagDryRun, Usage: "verify, show what would be done, and do nothing of it", EnvVars: []string{"FERRY_DRY_RUN"}},
		},
		examples: "ferry --dir north import inbox/\n" +
			"ferry --dir north import /media/disc1 /media/disc2     # volumes in any order\n" +
			"ferry --dir north import inbox/ --dry-run",
		run: p.importBundles,
	})
}

func (p *program) importBundles(c *cli.Context) (err error) {
	dir, _, err := directory(c, sideInside)
	if err != nil {
		return err
	}
	limit, err := memory(c)
	if err != nil {
		return &usageError{msg: err.Error(), command: "import"}
	}
	agent, err := p.openInside(dir, limit)
	if err != nil {
		return err
	}
	defer closeWith(agent, &err)
	dryRun := c.Bool(flagDryRun)
	reports, skipped, err := agent.Import(c.Context, inside.ImportOptions{Paths: c.Args().Slice(), DryRun: dryRun})
	p.skip(skipped)
	var results []result
	for i := range reports {
		reports[i].DryRun = dryRun
		// What failed is told by the error; what was done is told in any case.
		if err == nil || reports[i].State == stateImported {
			results = append(results, &reports[i])
		}
	}
	if printErr := p.print(results...); err == nil {
		err = printErr
	}
	if err == nil {
		err = waiting(reports)
	}
	return err
}

// waiting returns a [*waitingError] if volumes of a bundle are still to come.
func waiting(reports []report.Import) error {
	var bundles []string
	for i := range reports {
		r := &reports[i]
		if len(r.Missing) == 0 {
			continue
		}
		numbers := strings.Trim(strings.ReplaceAll(fmt.Sprint(r.Missing), " ", ", "), "[]")
		bundles = append(bundles, fmt.Sprintf("bundle %s %d/%d waits for volume %s", r.Site, r.Epoch, r.Seq, numbers))
	}
	if len(bundles) == 0 {
		return nil
	}
	return &waitingError{bundles}
}

// openInside opens the agent in dir. Patches may take memory bytes, 0 for what
// is usual.
func (p *program) openInside(dir string, memory int64) (*inside.Agent, error) {
	return inside.Open(dir, inside.Options{Progress: p.progress(), Now: p.now, Memory: memory})
}
