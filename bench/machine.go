package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// machine returns what is to be known of the machine to compare with others.
func (b *bench) machine(ctx context.Context) ([]string, error) {
	facts := []string{fmt.Sprintf("%d cores%s, %s, %s/%s", runtime.NumCPU(), memory(), runtime.Version(), runtime.GOOS, runtime.GOARCH)}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		now, _, _ := strings.Cut(string(load), " ")
		facts = append(facts, "load when the run began: "+now+" (times are those of an idle machine only if this is near 0)")
	}
	for _, tool := range []string{"skopeo", "tar"} {
		out, err := exec.CommandContext(ctx, tool, "--version").Output() //nolint:gosec // one of two
		if err != nil {
			return nil, fmt.Errorf("looking for %s, to compare with: %w", tool, err)
		}
		line, _, _ := bytes.Cut(out, []byte("\n"))
		facts = append(facts, string(line))
	}
	return facts, nil
}

// memory returns how much memory there is, or "" where that is not known.
func memory() string {
	info, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "MemTotal:" {
			continue
		}
		if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
			return fmt.Sprintf(", %.0f GiB of memory", float64(kib)/(1<<20))
		}
	}
	return ""
}
