package delta

import (
	"bytes"
	"errors"
	"testing"
)

func sampleTable(tb testing.TB) []byte {
	tb.Helper()
	_, now := samplePair(tb)
	table, err := Walk(bytes.NewReader(now))
	if err != nil {
		tb.Fatal(err)
	}
	b, err := table.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestTableRoundTrip(t *testing.T) {
	b := sampleTable(t)
	table, err := ParseTable(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, b) {
		t.Error("a parsed table has another binary form")
	}
	if perEntry := len(b) / table.Len(); perEntry > 50 {
		t.Errorf("the table takes %d bytes per file, want at most 50", perEntry)
	}
}

func TestTableRefused(t *testing.T) {
	b := sampleTable(t)
	for n := range b {
		if _, err := ParseTable(b[:n]); err == nil {
			t.Fatalf("ParseTable of the first %d of %d bytes succeeds", n, len(b))
		}
	}
	for _, bad := range [][]byte{nil, []byte("ferry table v2\n"), append(bytes.Clone(b), 0)} {
		_, err := ParseTable(bad)
		if _, ok := errors.AsType[*FormatError](err); !ok {
			t.Errorf("ParseTable of %d bytes = %v, want a FormatError", len(bad), err)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add(sampleTable(f)[:400])
	table, err := Walk(bytes.NewReader(nil))
	if err != nil {
		f.Fatal(err)
	}
	empty, err := table.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(empty)
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := ParseTable(b)
		if err != nil {
			if _, ok := errors.AsType[*FormatError](err); !ok {
				t.Errorf("ParseTable = %v, want a FormatError", err)
			}
			return
		}
		again, err := table.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("accepted input is not what MarshalBinary writes: %v", err)
		}
	})
}
