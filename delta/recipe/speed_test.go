package recipe

import "testing"

func TestParseID(t *testing.T) {
	n := 0
	for id := ID(1); id != 0; id++ {
		if id.info() == nil {
			continue
		}
		n++
		if got, ok := ParseID(id.String()); !ok || got != id {
			t.Errorf("ParseID(%q) = %d, %t, want %d", id.String(), got, ok, id)
		}
	}
	if n < 9 {
		t.Errorf("%d encoders have names", n)
	}
	for _, name := range []string{"", "go", "go1270", "busybox"} {
		if id, ok := ParseID(name); ok {
			t.Errorf("ParseID(%q) = %d", name, id)
		}
	}
}

// A higher level never takes less time.
func TestSpeed(t *testing.T) {
	for id := range speeds {
		last := 1e12
		for level := 1; level <= 9; level++ {
			g := Group{Frame: Gzip, Params: Params{Encoder: id, Level: level}}
			if s := g.Speed(); s <= 0 || s > last {
				t.Errorf("%s: %f bytes per second, %f at the level below", g.Params, s, last)
			} else {
				last = s
			}
		}
	}
	if g := (Group{Frame: Stored}); g.Speed() < usualSpeed {
		t.Errorf("a copy is slower than compression")
	}
}
