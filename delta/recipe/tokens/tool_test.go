package tokens

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/airgap-ferry/ferry/internal/testtool"
)

// TestTools takes streams of programs that are at hand as those of unknown
// encoders.
func TestTools(t *testing.T) {
	tests := []struct {
		name string
		args []string
		skip int     // bytes before the stream
		most float64 // corrections, in percent of the stream
	}{
		{"gzip", []string{"-6", "-n"}, 10, 0.5},
		{"gzip", []string{"-1", "-n"}, 10, 8},
		{"gzip", []string{"-9", "-n"}, 10, 8},
		{"pigz", []string{"-n", "-R"}, 10, 1},
		{"python3", []string{"-c", "import sys,gzip;sys.stdout.buffer.write(gzip.compress(sys.stdin.buffer.read(),6))"}, 10, 0.5},
	}
	var c Codec
	size, overhead := 1_000_000, 0.0
	if testing.Short() {
		size, overhead = 60_000, 3
	}
	plain := sample(11, size)
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.args[0], func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), testtool.Find(t, tt.name), tt.args...)
			cmd.Stdin = bytes.NewReader(plain)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			src := out[tt.skip : len(out)-8]
			fix := roundTrip(t, &c, src, nil)
			if got := 100 * float64(len(fix)) / float64(len(src)); got > tt.most+overhead {
				t.Errorf("%d bytes of corrections for %d, %.2f %%, want at most %g %%", len(fix), len(src), got, tt.most+overhead)
			}
		})
	}
}
