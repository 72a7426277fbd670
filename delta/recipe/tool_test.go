package recipe

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

// run gives input to a program and returns what it writes.
func run(tb testing.TB, input []byte, name string, args ...string) []byte {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), name, args...)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return out
}

// deflated cuts the plain gzip frame of a tool off.
func deflated(tb testing.TB, gz []byte) []byte {
	tb.Helper()
	if len(gz) < 18 || gz[3] != 0 {
		tb.Fatalf("not a plain gzip header: %x", gz[:min(10, len(gz))])
	}
	return gz[10 : len(gz)-8]
}

func TestZlibSameAsPython(t *testing.T) {
	oneGoroutine(t)
	python := testtool.Find(t, "python3")
	const script = `import sys, zlib
c = zlib.compressobj(int(sys.argv[1]), zlib.DEFLATED, -15, 8)
sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read()) + c.flush())`
	testTool(t, ZlibLevel, 0, func(tb testing.TB, level int, plain []byte) []byte {
		tb.Helper()
		return run(tb, plain, python, "-c", script, strconv.Itoa(level))
	})
}

func TestGNUSameAsGzip(t *testing.T) {
	gzip := testtool.Find(t, "gzip")
	testTool(t, GNU, 0, func(tb testing.TB, level int, plain []byte) []byte {
		tb.Helper()
		return deflated(tb, run(tb, plain, gzip, "-nc", "-"+strconv.Itoa(level)))
	})
}

func TestGNURSameAsGzipRsyncable(t *testing.T) {
	oneGoroutine(t)
	gzip := testtool.Find(t, "gzip")
	testTool(t, GNUR, 0, func(tb testing.TB, level int, plain []byte) []byte {
		tb.Helper()
		return deflated(tb, run(tb, plain, gzip, "-nc", "--rsyncable", "-"+strconv.Itoa(level)))
	})
}

func TestPigzSameAsPigz(t *testing.T) {
	pigz := testtool.Find(t, "pigz")
	testTool(t, Pigz, 128<<10, func(tb testing.TB, level int, plain []byte) []byte {
		tb.Helper()
		return deflated(tb, run(tb, plain, pigz, "-nTc", "-p2", "-"+strconv.Itoa(level)))
	})
}

func TestPigzISameAsPigzIndependent(t *testing.T) {
	pigz := testtool.Find(t, "pigz")
	testTool(t, PigzI, 128<<10, func(tb testing.TB, level int, plain []byte) []byte {
		tb.Helper()
		return deflated(tb, run(tb, plain, pigz, "-nTc", "-i", "-p2", "-"+strconv.Itoa(level)))
	})
}

// testTool compares an encoder with what the installed original makes. The
// golden vectors try more.
func testTool(t *testing.T, id ID, block int, original func(tb testing.TB, level int, plain []byte) []byte) {
	t.Helper()
	oneGoroutine(t)
	for _, level := range []int{1, 6, 9} {
		p := Params{Encoder: id, Level: level, Block: block}
		e := id.info().open(p)
		for _, s := range samples() {
			if s.name != "mixed" && s.name != "binary" && s.name != "empty" {
				continue
			}
			t.Run(fmt.Sprintf("%d/%s", level, s.name), func(t *testing.T) {
				checkSame(t, encode(t, e, p, s.plain, 10007), original(t, level, s.plain))
			})
		}
	}
}
