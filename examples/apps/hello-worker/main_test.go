package main

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

func TestWork(t *testing.T) {
	var out strings.Builder
	if err := work(&out, strings.NewReader("a\nb")); err != nil {
		t.Fatal(err)
	}
	want := "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb  a\n" +
		"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d  b\n"
	if out.String() != want {
		t.Errorf("work wrote %q, want %q", out.String(), want)
	}
}

func TestWorkReportsReadError(t *testing.T) {
	broken := errors.New("broken")
	if err := work(new(strings.Builder), iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("work = %v, want %v", err, broken)
	}
}
