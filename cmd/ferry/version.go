package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/airgap-ferry/ferry/report"
)

// Set by the linker: see the Makefile.
var (
	version = ""
	commit  = ""
)

// formats are what this ferry reads and writes, with their versions.
var formats = []string{"ferry-statement-v1", "ferry-index-v1", "ferry-index-v2", "ferry-root-v1", "ferry-receipt-v1"}

func (p *program) versionCommand() *cli.Command {
	return p.command(leaf{
		name:     "version",
		usage:    "show the version of ferry and the formats that it reads and writes",
		category: categoryTool,
		examples: "ferry version",
		run: func(*cli.Context) error {
			v, c := build()
			return p.print(&report.Version{
				Version: v, Commit: c, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
				Reads: formats, Writes: formats,
			})
		},
	})
}

// build returns the version and the commit: as the linker was told, else as
// the go command has noted them.
func build() (v, c string) {
	v, c = version, commit
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(v, "unknown"), cmp.Or(c, "unknown")
	}
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	return cmp.Or(v, info.Main.Version, "unknown"), cmp.Or(c, revision, "unknown")
}

// toolName is what statements call this program.
func toolName() string {
	v, _ := build()
	return "ferry " + v
}
