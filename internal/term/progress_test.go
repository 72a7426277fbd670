package term

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// transfer runs a small transfer of three blobs, two at the same time.
func transfer(p *Progress) {
	p.Stage("packing for site %q", "north")
	p.Start(3000)
	var wg sync.WaitGroup
	for n := range 2 {
		wg.Go(func() {
			i := p.Blob(fmt.Sprintf("blob%d", n), 1000)
			i.Add(1000)
			i.Done()
		})
	}
	wg.Wait()
	i := p.Blob("blob2", 1000)
	i.Add(700)
	i.Add(-700) // started over
	i.Add(1000)
	p.Stage("almost there")
	i.Done()
	p.Finish()
	p.Finish()
}

func TestOnlyStageLinesWithoutTerminal(t *testing.T) {
	tests := []struct {
		name string
		o    Options
		want string
	}{
		{"log", Options{}, "ferry: packing for site \"north\"\nferry: almost there\n"},
		{"quiet", Options{Quiet: true}, ""},
		{"quiet terminal", Options{Quiet: true, Interactive: true}, ""},
		{"JSON", Options{JSON: true}, ""},
		{"JSON on a terminal", Options{JSON: true, Interactive: true}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			transfer(NewProgress(&b, tt.o))
			if got := b.String(); got != tt.want {
				t.Errorf("printed %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNilProgress(t *testing.T) {
	transfer(nil)
	if i := (*Progress)(nil).Blob("blob", 1); i != nil {
		t.Error("Blob of a nil Progress is not nil")
	}
}

func TestBar(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, Options{Interactive: true})
	p.width = 100
	transfer(p)
	out := b.String()
	if strings.Contains(out, "\x1b") {
		t.Errorf("escape sequences in %q", out)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	last := lines[len(lines)-1]
	last = last[strings.LastIndex(last, "\r")+1:]
	for _, want := range []string{"ferry: 3.00 kB / 3.00 kB [=", "=] 100% ", " in "} {
		if !strings.Contains(last, want) {
			t.Errorf("last line is %q, want %q in it", last, want)
		}
	}
	if n := len(strings.TrimRight(last, " ")); n > 100 {
		t.Errorf("last line has %d columns, want at most 100", n)
	}
	if !strings.Contains(out, "ferry: almost there\n") {
		t.Errorf("no stage line in %q", out)
	}
}

// A second transfer counts from zero.
func TestStartAgain(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, Options{Interactive: true})
	p.Start(10)
	p.Blob("a", 10).Add(10)
	p.Start(20) // without Finish
	p.Blob("b", 10).Add(10)
	p.Finish()
	for _, want := range []string{"10 B / 10 B", "10 B / 20 B"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("printed %q, want %q in it", b.String(), want)
		}
	}
}

func TestBlobsInFlight(t *testing.T) {
	p := NewProgress(&bytes.Buffer{}, Options{Interactive: true})
	p.Start(100)
	defer p.Finish()
	first, second := p.Blob("docker.io/library/a\tvery-long-name:1.2.3-alpine", 12_300_000), p.Blob("b", 5)
	tests := []struct {
		name string
		do   func()
		want string
	}{
		{"two", func() {}, "-name:1.2.3-alpine 12.3 MB +1"},
		{"first done", first.Done, "b 5 B"},
		{"first done again", first.Done, "b 5 B"},
		{"none", second.Done, ""},
	}
	for _, tt := range tests {
		tt.do()
		if got := p.bar.Get("blobs"); !strings.HasSuffix(fmt.Sprint(got), tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: in flight is %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := shorten("a\x1b[31m\rb", 20); got != "a?[31m?b" {
		t.Errorf("shorten keeps control characters: %q", got)
	}
}

// A stage line takes the place of the bar instead of being appended to it.
func TestLineClearsBar(t *testing.T) {
	var b bytes.Buffer
	s := &screen{w: &b}
	fmt.Fprint(s, "\rbar===  ")
	s.line("stage")
	s.line("next")
	if got, want := b.String(), "\rbar===  \r      \rstage\nnext\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}
