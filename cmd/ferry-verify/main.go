// Ferry-verify tells a gateway officer whether a bundle may pass.
//
//	ferry-verify --root root.json --site north --after 1/41 disk/
//
// It reads the volumes of a bundle and nothing else: no ledger, no network,
// no configuration, and it writes no file. It is made to be read: besides the
// standard library it consists of package bundle (the form), package
// bundle/volume (finding volumes) and package verify/statement (trust), and of
// the files here:
//
//	main.go      the command line
//	trust.go     what a bundle is held against
//	inspect.go   the checks, in their order
//	verdict.go   refusals: names and exit codes
//	print.go     the screen, and JSON
//
// # What it checks
//
// The order is that of docs/formats/bundle-v1.md. Nothing is read of a bundle
// before what stands earlier here is found good.
//
//   - The statement is in its one form, and every signature on it is good and
//     by a key that the root gives the right to it; the thresholds are met.
//   - It has not expired by the clock of this machine, or at --at.
//   - It is for --site and --site-key, and follows --after and --head. What the
//     officer does not name is not checked, and the screen says so.
//   - The index is the one that the statement names.
//   - All volumes are here, and every byte of every file is the one that
//     statement and index demand.
//
// That is stricter than an import: of two copies of a volume both must be good,
// since both would pass the gateway. A file in a directory that is no volume at
// all is passed over, and named.
//
// # Exit codes
//
// They are those of docs/exit-codes.md: 0 if every bundle may pass, 10 not a
// bundle, 11 damaged or incomplete, 12 newer format, 13 not trusted, 14 does
// not fit, 64 wrong command line, 1 anything else.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/airgap-ferry/ferry/bundle/volume"
)

// Set by the linker: see the Makefile.
var (
	version = ""
	commit  = ""
)

const usage = `ferry-verify --root root.json --fingerprint "c0ff ee00 ..." --site north --after 1/41 FILE|DIR...
ferry-verify --key cosign.pub FILE|DIR...

Says whether the bundles in these volumes may pass. It reads every byte of
them, and nothing else.

`

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, time.Now()))
}

// options are the command line.
type options struct {
	root, fingerprint, key           string
	site, siteKey, after, head, time string
	json, all, version               bool
	paths                            []string
}

// errUsage says that the command line was wrong, and that it was said why.
var errUsage = errors.New("wrong command line")

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("ferry-verify", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, usage)
		f.PrintDefaults()
	}
	f.StringVar(&o.root, "root", "", "root that says who must have signed: a `FILE`")
	f.StringVar(&o.fingerprint, "fingerprint", "", "`HEX` of the root, as it was told by another way")
	f.StringVar(&o.key, "key", "", "public key, such as cosign.pub, that must have signed, instead of a root: a `FILE`")
	f.StringVar(&o.site, "site", "", "the bundle must be for the site of this `NAME`")
	f.StringVar(&o.siteKey, "site-key", "", "`DIGEST` of the public key that the site signs receipts with")
	f.StringVar(&o.after, "after", "", "shipment that passed last, as `EPOCH/SEQ`; 0/0 for none")
	f.StringVar(&o.head, "head", "", "`DIGEST` of the statement of the shipment that passed last")
	f.StringVar(&o.time, "at", "", "judge as if it were this `TIME`, such as 2026-03-01T12:00:00Z")
	f.BoolVar(&o.json, "json", false, "print one JSON object for each bundle, and each file that is none")
	f.BoolVar(&o.all, "all", false, "print all names that the bundle adds and removes")
	f.BoolVar(&o.version, "version", false, "print the version")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.paths = f.Args()
	if len(o.paths) == 0 && !o.version {
		return nil, complain(f, "a FILE or DIR is missing")
	}
	return o, o.check(f)
}

// check finds flags that do not go together.
func (o *options) check(f *flag.FlagSet) error {
	switch {
	case o.version:
		return nil
	case (o.root == "") == (o.key == ""):
		return complain(f, "one of --root and --key is needed: a signature by nobody in particular proves nothing")
	case o.fingerprint != "" && o.root == "":
		return complain(f, "--fingerprint wants --root")
	case o.after != "" && o.site == "":
		return complain(f, "--after wants --site: shipments are numbered by site")
	case o.siteKey != "" && o.site == "":
		return complain(f, "--site-key wants --site")
	case o.head != "" && o.after == "":
		return complain(f, "--head wants --after")
	}
	return nil
}

func complain(f *flag.FlagSet, msg string) error {
	fmt.Fprintf(f.Output(), "ferry-verify: error: %s\n", msg)
	return errUsage
}

// run is the program. It returns the exit code.
func run(args []string, stdout, stderr io.Writer, now time.Time) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case o.version:
		fmt.Fprintf(stdout, "ferry-verify %s\n", build())
		return exitOK
	}
	t, err := newTrust(o, now)
	if err != nil {
		return fail(o, stderr, err)
	}
	found, skipped, err := volume.Scan(o.paths)
	if err == nil && len(found)+len(skipped) == 0 {
		err = fmt.Errorf("looking for volumes in %.80q: %w", o.paths, volume.ErrNoVolume)
	}
	if err != nil {
		return fail(o, stderr, err)
	}
	results := make([]*result, 0, len(found)+len(skipped))
	for _, b := range found {
		results = append(results, t.judge(b))
	}
	for _, s := range skipped {
		results = append(results, resultOf(s, len(found) > 0))
	}
	if err := (&printer{w: stdout, trust: t, all: o.all, json: o.json}).print(results); err != nil {
		fmt.Fprintf(stderr, "ferry-verify: error: %v\n", err)
		return exitFailure
	}
	return exitOf(results)
}

// build returns the version and the commit: as the linker was told, else as
// the go command has noted it.
func build() string {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok {
		v = cmp.Or(v, info.Main.Version)
	}
	if commit != "" {
		return v + " " + commit
	}
	return cmp.Or(v, "unknown")
}
