package delta

import (
	"bytes"
	"testing"
)

// TestGiveUp checks that a Builder that may give up leaves out what no patch
// makes smaller, and nothing else, and that the patch goes on.
func TestGiveUp(t *testing.T) {
	noise := makeNoise(1, 5<<20)
	text := makeText(2, 5<<20)
	tests := []struct {
		name  string
		old   []byte
		now   []byte
		share int64 // blob's size, percent of the plain text
		want  bool
	}{
		{"noise", nil, noise, 100, true},
		{"noise that is held", noise, noise, 100, false},
		{"text", nil, text, 100, false},
		{"text in a small blob", nil, text, 1, true},
		{"short noise", nil, noise[:1<<20], 100, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := NewBuilder(Options{GiveUp: true, Effort: fast.Effort})
			if tt.old != nil {
				base := baseOf(t, makeTar(t, sampleFile{name: "old", content: tt.old}))
				if err := b.AddBase(base); err != nil {
					t.Fatal(err)
				}
			}
			target := targetOf(t, makeTar(t, sampleFile{name: "new", content: tt.now}))
			target.Size = target.Table.Plain * tt.share / 100
			cost, err := b.AddTarget(target)
			if err != nil {
				t.Fatal(err)
			}
			if cost.Hopeless != tt.want || cost.Hopeless && cost.Bytes < target.Size {
				t.Errorf("AddTarget = hopeless %t, %d bytes, want %t; the blob has %d", cost.Hopeless, cost.Bytes, tt.want, target.Size)
			}
			if want := map[bool]int{false: 1}[tt.want]; b.Targets() != want {
				t.Errorf("the patch has %d targets, want %d", b.Targets(), want)
			}
			b.Discard()
			if _, err := b.AddTarget(targetOf(t, makeTar(t, sampleFile{name: "next", content: []byte("next")}))); err != nil {
				t.Fatal(err)
			}
			var patch bytes.Buffer
			head, err := b.Finish(&patch)
			if err != nil || len(head.Targets) != 1 {
				t.Errorf("Finish = %v, %v, want one target", head, err)
			}
		})
	}
}
