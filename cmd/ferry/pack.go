package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/outside"
)

// epochVariable holds the seconds since 1970 that a build, here a bundle, is
// dated with: https://reproducible-builds.org/specs/source-date-epoch/. It
// counts outside only; inside nobody gets to choose the time.
const epochVariable = "SOURCE_DATE_EPOCH"

func (p *program) packCommand() *cli.Command {
	return p.command(leaf{
		name:  "pack",
		usage: "pack what a site lacks of a release into a signed bundle",
		args:  "RELEASE.yaml", min: 1, max: 1,
		category: categoryOutside,
		required: []string{flagSite},
		flags: []cli.Flag{
			&cli.StringFlag{Name: flagSite, Usage: "`NAME` of the site to pack for", EnvVars: []string{"FERRY_SITE"}},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: ".", Usage: "`DIR` that the volumes are written to", EnvVars: []string{"FERRY_OUTPUT"}},
			&cli.StringFlag{Name: "volume-size", Usage: "cut the bundle into volumes of `SIZE`: 4GiB, 700MB, dvd, bd25, fat32...", EnvVars: []string{"FERRY_VOLUME_SIZE"}},
			&cli.StringFlag{Name: "expires", Usage: "`TIME` after which a site refuses the bundle: 30d, 720h...", EnvVars: []string{"FERRY_EXPIRES"}},
			&cli.StringFlag{Name: "basis", Usage: "what the site is taken to hold, by `BASIS`: shipped, acked or none", EnvVars: []string{"FERRY_BASIS"}},
			&cli.BoolFlag{Name: "locked", Usage: "ship only what the lock file says", EnvVars: []string{"FERRY_LOCKED"}},
			&cli.BoolFlag{Name: flagDryRun, Usage: "show what would be shipped, and write nothing", EnvVars: []string{"FERRY_DRY_RUN"}},
			&cli.BoolFlag{Name: "no-patch", Usage: "ship every blob whole", EnvVars: []string{"FERRY_NO_PATCH"}},
			&cli.StringFlag{Name: "for", Usage: "make patches for `WHAT`: bytes (as few as can be) or time (ready soonest over --link)", EnvVars: []string{"FERRY_FOR"}},
			&cli.StringFlag{Name: "link", Usage: "`RATE` of the way to the site: 100Mbit, 20MB/s, gate-20MB/s, dvd, usb3...", EnvVars: []string{"FERRY_LINK"}},
			memoryFlag(),
			&cli.StringFlag{Name: "cache-size", Usage: "keep up to `SIZE` of what was shipped, for later patches (default 10GiB)", EnvVars: []string{"FERRY_CACHE_SIZE"}},
			passwordFlag(),
		},
		examples: "ferry pack --site north release.yaml -o outbox/\n" +
			"ferry pack --site north release.yaml --dry-run\n" +
			"ferry pack --site north release.yaml -o outbox/ --volume-size dvd",
		run: p.pack,
	})
}

func (p *program) pack(c *cli.Context) (err error) {
	o, err := packOptions(c)
	if err != nil {
		return err
	}
	dir, _, err := directory(c, sideOutside)
	if err != nil {
		return err
	}
	agent, err := p.openOutside(c, dir)
	if err != nil {
		return err
	}
	defer closeWith(agent, &err)
	plan, err := agent.Plan(c.Context, o)
	if err != nil {
		return err
	}
	planned := plan.Report()
	if c.Bool(flagDryRun) || plan.Empty() {
		return p.print(&planned)
	}
	packed, err := plan.Execute(c.Context)
	if err != nil {
		return err
	}
	if err := p.print(packed); err != nil {
		return err
	}
	p.next("carry %s to %s; there: ferry import DIR", o.Output, o.Site)
	return nil
}

func packOptions(c *cli.Context) (outside.PackOptions, error) {
	usage := func(format string, args ...any) error {
		return &usageError{msg: fmt.Sprintf(format, args...), command: "pack"}
	}
	o := outside.PackOptions{
		Site: c.String(flagSite), ReleaseFile: c.Args().First(), Output: c.String("output"),
		Basis: c.String("basis"), Locked: c.Bool("locked"),
	}
	switch o.Basis {
	case "", outside.BasisShipped, outside.BasisAcked, outside.BasisNone:
	default:
		return o, usage("basis %.40q: want shipped, acked or none", o.Basis)
	}
	if o.Output == "" || o.Output == "-" {
		return o, usage("output %q: want a directory; a bundle is files", o.Output)
	}
	var err error
	if o.VolumeSize, err = outside.ParseVolumeSize(c.String("volume-size")); err != nil {
		return o, usage("%v", err)
	}
	if v := c.String("expires"); v != "" {
		if o.Expires, err = outside.ParseExpires(v); err != nil {
			return o, usage("%v", err)
		}
	}
	if err := patchOptions(c, &o); err != nil {
		return o, usage("%v", err)
	}
	return o, nil
}

// memoryFlag bounds the memory that patches take, on either side.
func memoryFlag() cli.Flag {
	return &cli.StringFlag{Name: "memory", Usage: "let patches take up to `SIZE` of memory (default 512MiB)", EnvVars: []string{"FERRY_MEMORY"}}
}

// patchOptions reads the flags that are about patches.
func patchOptions(c *cli.Context, o *outside.PackOptions) (err error) {
	o.NoPatch, o.For = c.Bool("no-patch"), c.String("for")
	switch o.For {
	case "", outside.ForBytes, outside.ForTime:
	default:
		return fmt.Errorf("for %.40q: want bytes or time", o.For)
	}
	if v := c.String("link"); v != "" {
		if o.Link, err = outside.ParseLink(v); err != nil {
			return err
		}
	}
	if o.For == outside.ForTime && o.Link == 0 {
		return errors.New("--for time wants --link RATE: what is soonest depends on it")
	}
	if v := c.String("cache-size"); v != "" {
		if o.CacheSize, err = outside.ParseSize(v); err != nil {
			return err
		}
		if o.CacheSize == 0 {
			o.CacheSize = -1
		}
	}
	o.Memory, err = memory(c)
	return err
}

// memory returns what memoryFlag says, 0 if it is not given, and makes this
// process keep to it.
func memory(c *cli.Context) (n int64, err error) {
	if v := c.String("memory"); v != "" {
		if n, err = outside.ParseSize(v); err == nil && n < minMemory {
			err = fmt.Errorf("memory %.40q: want 64MiB or more", v)
		}
	}
	if err == nil && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(cmp.Or(n, outside.DefaultMemory) * 7 / 8)
	}
	return n, err
}

// minMemory is the least that patches get along with.
const minMemory = 64 << 20 // bytes

// openOutside opens the agent in dir.
func (p *program) openOutside(c *cli.Context, dir string) (*outside.Agent, error) {
	now, err := p.issueTime()
	if err != nil {
		return nil, err
	}
	return outside.Open(dir, outside.Options{
		Progress: p.progress(),
		Now:      now,
		Password: func() ([]byte, error) { return p.password(c.Context, c.String(flagPasswordFile), false) },
		Tool:     toolName(),
	})
}

// issueTime returns the clock that bundles and roots are dated by.
func (p *program) issueTime() (func() time.Time, error) {
	v, ok := os.LookupEnv(epochVariable)
	if !ok || v == "" {
		return p.now, nil
	}
	seconds, err := strconv.ParseInt(v, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<37 {
		return nil, fmt.Errorf("%s is %.40q, want seconds since 1970", epochVariable, v)
	}
	return func() time.Time { return time.Unix(seconds, 0).UTC() }, nil
}
