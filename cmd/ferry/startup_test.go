package main

import (
	"os/exec"
	"testing"
	"time"
)

// startUpLimit is what ferry version may take. What it takes is what the
// packages do before main that ferry imports; time that other processes take
// in the meantime does not count.
const startUpLimit = 60 * time.Millisecond

func TestStartUp(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows the start")
	}
	best := time.Hour
	for range 5 {
		cmd := exec.Command("ferry", "version")
		cmd.Env = append(cmd.Environ(), "FERRY_TEST_NOW="+scriptNow)
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		best = min(best, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	if best > startUpLimit {
		t.Errorf("ferry version takes %v, want at most %v; see GODEBUG=inittrace=1 ferry version", best, startUpLimit)
	}
	t.Logf("ferry version takes %v", best)
}
