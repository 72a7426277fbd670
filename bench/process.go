package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// password opens the keys that are made here.
const password = "bench"

// A usage is what a process took.
type usage struct {
	wall    time.Duration
	cpu     time.Duration
	peak    int64 // bytes of memory, resident
	floor   int64 // what peak would be at least, however little the process needs
	written int64 // bytes that it made the disk take
}

// add returns what two processes took that ran one after the other.
func (u usage) add(v usage) usage {
	return usage{u.wall + v.wall, u.cpu + v.cpu, max(u.peak, v.peak), max(u.floor, v.floor), u.written + v.written}
}

// memory returns the peak. That of a process counts from when it was still
// this one, so one that needs less has the peak of this one.
func (u usage) memory() string {
	if u.peak <= u.floor {
		return "≤ " + mib(u.peak)
	}
	return mib(u.peak)
}

// command returns a process in b.dir, with the settings of nobody.
func (b *bench) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // what is measured is named here
	cmd.Dir = b.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "DOCKER_CONFIG=" + b.dir, "LC_ALL=C", "TMPDIR=" + os.TempDir(),
		"COSIGN_PASSWORD=" + password,
	}
	return cmd
}

// run runs a program to its end, which must be a success, and returns what it
// took and what it printed.
func (b *bench) run(ctx context.Context, program string, args ...string) (usage, string, error) {
	var stdout bytes.Buffer
	u, err := b.runInto(ctx, &stdout, program, args...)
	return u, stdout.String(), err
}

// runInto is run for a program that prints more than one would keep.
func (b *bench) runInto(ctx context.Context, stdout io.Writer, program string, args ...string) (usage, error) {
	cmd := b.command(ctx, program, args...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	start := b.now()
	err := cmd.Run()
	u := usage{wall: b.now().Sub(start)}
	if err != nil {
		return u, fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	rusage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return u, errors.New("this system does not tell what a process took")
	}
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return u, err
	}
	u.floor = own.Maxrss * 1024
	u.peak = rusage.Maxrss * 1024    // Linux counts KiB
	u.written = rusage.Oublock * 512 // and blocks
	return u, nil
}

// runAll runs several commands, one after the other.
func (b *bench) runAll(ctx context.Context, commands ...[]string) (usage, error) {
	var sum usage
	for _, c := range commands {
		u, _, err := b.run(ctx, c[0], c[1:]...)
		if err != nil {
			return sum, err
		}
		sum = sum.add(u)
	}
	return sum, nil
}

// runFerry runs ferry.
func (b *bench) runFerry(ctx context.Context, args ...string) (usage, error) {
	u, _, err := b.run(ctx, b.ferry, args...)
	return u, err
}

// A server is a "ferry serve".
type server struct {
	host string
	cmd  *exec.Cmd
}

// serve starts a registry on a folder of b.dir. The caller must stop it.
func (b *bench) serve(ctx context.Context, store string) (*server, error) {
	cmd := b.command(ctx, b.ferry, "serve", "--store", store, "--listen", "127.0.0.1:0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	s := &server{strings.TrimSpace(line), cmd}
	if err == nil {
		_, _, err = net.SplitHostPort(s.host)
	}
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("starting a registry: %w", err)
	}
	return s, nil
}

// clockTick is the unit in which Linux tells processor times.
const clockTick = 10 * time.Millisecond

// cpu returns the processor time that the registry has taken so far.
func (s *server) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name of the program, in parentheses, may have blanks in it.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, errors.New("this system does not tell what a process takes")
	}
	var sum int64
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * clockTick, nil
}

// stop ends the registry.
func (s *server) stop() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // that it was killed is known
}
