package delta

import "sync"

// A gate keeps what works at the same time within a budget of memory. Who asks
// for more than all of it gets all of it.
type gate struct {
	mu     sync.Mutex
	freed  sync.Cond
	budget int64
	used   int64
}

func newGate(budget int64) *gate {
	g := &gate{budget: max(budget, 1)}
	g.freed.L = &g.mu
	return g
}

// enter waits for n bytes and returns how many it got, for leave.
func (g *gate) enter(n int64) int64 {
	n = min(n, g.budget)
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.used+n > g.budget {
		g.freed.Wait()
	}
	g.used += n
	return n
}

func (g *gate) leave(n int64) {
	g.mu.Lock()
	g.used -= n
	g.mu.Unlock()
	g.freed.Broadcast()
}
