package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/gateway"
	"github.com/airgap-ferry/ferry/inside"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// maxPublicKey bounds what is read of a file that is no public key.
const maxPublicKey = 16 << 10 // bytes

// errNoTrust says that verify was not told whom to trust.
var errNoTrust = &statement.UntrustedError{
	Name: statement.NoTrustedSignature,
	Msg:  "whose signature should be on it was not said, so none was checked",
}

func (p *program) verifyCommand() *cli.Command {
	return p.command(leaf{
		name:  "verify",
		usage: "verify the signatures and every byte of a bundle",
		args:  "FILE|DIR...", min: 1, max: -1,
		category: categoryGateway,
		flags: []cli.Flag{
			&cli.StringFlag{Name: flagKey, Usage: "public key, such as cosign.pub, that must have signed: a `FILE`", EnvVars: []string{"FERRY_KEY"}},
			&cli.StringFlag{Name: "root", Usage: "root that says who must have signed: a `FILE`; with --fingerprint", EnvVars: []string{"FERRY_ROOT"}},
			&cli.StringFlag{Name: flagFingerprint, Usage: "`HEX` of that root, as told by the sender", EnvVars: []string{"FERRY_FINGERPRINT"}},
		},
		examples: "ferry verify --key cosign.pub disk/\n" +
			"ferry verify --root root.json --fingerprint \"c0ff ee00 ...\" disk/\n" +
			"ferry --dir north verify disk/                         # by the root that the site trusts",
		run: p.verify,
	})
}

func (p *program) verify(c *cli.Context) error {
	root, err := trustedRoot(c)
	if err != nil {
		return err
	}
	bundles, skipped, err := gateway.Inspect(c.Context, c.Args().Slice(), gateway.InspectOptions{
		Root: root, Read: true, Now: p.now(), Progress: p.progress(),
	})
	p.skip(skipped)
	var good []result
	for i := range bundles {
		if bundles[i].Trusted && bundles[i].Verified {
			good = append(good, &bundles[i])
		}
	}
	return errors.Join(p.print(good...), err)
}

// trustedRoot returns the root to judge by: of the key or the root that the
// command line names, else of the directory.
func trustedRoot(c *cli.Context) (*statement.Root, error) {
	key, root, fingerprint := c.String(flagKey), c.String("root"), c.String(flagFingerprint)
	usage := func(msg string) error { return &usageError{msg: msg, command: "verify"} }
	switch {
	case key != "" && root != "":
		return nil, usage("--key and --root exclude each other")
	case key != "":
		return rootOfKey(key)
	case root != "" && fingerprint == "":
		return nil, usage("--root wants --fingerprint: a root is worth nothing if nobody told it by another way")
	case root != "":
		return rootOfFile(root, fingerprint)
	case fingerprint != "":
		return nil, usage("--fingerprint wants --root")
	}
	return rootOfDirectory(c.String(flagDir))
}

func rootOfKey(name string) (*statement.Root, error) {
	b, err := readFile(name, maxPublicKey)
	if err != nil {
		return nil, fmt.Errorf("reading public key: %w", err)
	}
	key, err := statement.ParsePublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("reading public key %q: %w", name, err)
	}
	return gateway.RootOf(key), nil
}

func rootOfFile(name, fingerprint string) (*statement.Root, error) {
	b, err := readFile(name, statement.MaxRootSize)
	if err != nil {
		return nil, fmt.Errorf("reading root: %w", err)
	}
	if fingerprint != "" && !statement.MatchFingerprint(b, fingerprint) {
		return nil, &statement.UntrustedError{
			Name: statement.RootFingerprint,
			Msg:  fmt.Sprintf("%q does not have the fingerprint given", name),
		}
	}
	root, err := statement.ParseRoot(b)
	if err != nil {
		return nil, fmt.Errorf("reading root %q: %w", name, err)
	}
	return root, nil
}

// rootOfDirectory returns the root that a directory of ferry's holds.
func rootOfDirectory(dir string) (*statement.Root, error) {
	got, err := sideOf(dir)
	switch {
	case err != nil:
		return nil, err
	case got == sideInside:
		return inside.Root(dir)
	case got == sideOutside:
		return rootOfFile(filepath.Join(dir, "trust", "root.json"), "")
	}
	return nil, &hintedError{
		err:  errNoTrust,
		hint: "name a public key with --key, or a root with --root and --fingerprint; ferry inspect shows a bundle without checking",
	}
}

// readFile returns the content of a file. More than limit bytes are an error.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%q has more than %d bytes", name, limit)
	}
	return b, err
}
