package diff

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func fileOf(b []byte) File {
	return File{len(b), func(to []byte) error {
		copy(to, b)
		return nil
	}}
}

// TestDiffSparing checks that a patch made with little memory is the patch that
// is made with much.
func TestDiffSparing(t *testing.T) {
	tests := []struct {
		name         string
		base, target []byte
	}{
		{"programs", elfProgram(1, machineX86), elfProgram(2, machineX86)},
		{"longer base", elfProgram(1, machineX86), elfProgram(2, machineX86)[:9000]},
		{"longer target", elfProgram(1, machineARM64)[:9000], elfProgram(2, machineARM64)},
		{"dumps", javaDump(0), javaDump(24)},
		{"others", noise(1, 5000), noise(1, 6000)},
		{"nothing", nil, nil},
	}
	for _, tt := range tests {
		var d Differ
		var want, got Streams
		d.Diff(&want, tt.base, tt.target, Options{})
		if err := d.DiffSparing(&got, fileOf(tt.base), fileOf(tt.target), Options{}); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if !slices.EqualFunc(got[:], want[:], bytes.Equal) {
			t.Errorf("%s: the patch is another", tt.name)
		}
	}
}

// TestDiffSparingErrors checks that a file that cannot be read is an error,
// whenever that is.
func TestDiffSparingErrors(t *testing.T) {
	broken := errors.New("broken")
	good := fileOf(elfProgram(1, machineX86))
	for readable := range 2 {
		n := 0
		bad := File{good.Size, func(b []byte) error {
			if n++; n > readable {
				return broken
			}
			return good.Read(b)
		}}
		var d Differ
		if err := d.DiffSparing(new(Streams), bad, good, Options{}); !errors.Is(err, broken) {
			t.Errorf("base that is read %d times: %v, want broken", readable, err)
		}
	}
	bad := File{good.Size, func([]byte) error { return broken }}
	if err := new(Differ).DiffSparing(new(Streams), good, bad, Options{}); !errors.Is(err, broken) {
		t.Errorf("target that cannot be read: %v, want broken", err)
	}
}
