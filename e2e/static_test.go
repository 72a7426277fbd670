package e2e

import (
	"debug/elf"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/airgap-ferry/ferry/internal/testtool"
	"github.com/airgap-ferry/ferry/report"
)

func TestFerryIsOneStaticFile(t *testing.T) {
	path := ferry(t)
	if runtime.GOOS != "linux" {
		t.Skip("how to tell is known for Linux")
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("ferry has a program header %v, which only dynamic executables have", p.Type)
		}
	}
	if r := execute(t, t.TempDir(), nil, testtool.Find(t, "ldd"), path); !strings.Contains(r.stdout+r.stderr, "not a dynamic executable") {
		t.Errorf("ldd says %q", r.stdout+r.stderr)
	}
}

func TestVersionIsStamped(t *testing.T) {
	var v report.Version
	out := mustExecute(t, t.TempDir(), nil, ferry(t), "version", "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if v.Go != runtime.Version() || v.Version == "" || v.Commit == "" || len(v.Reads) == 0 {
		t.Errorf("ferry version = %+v", v)
	}
}
