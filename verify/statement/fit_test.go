package statement

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

func sortKeys(r *Root) {
	slices.SortFunc(r.Keys, func(a, b Key) int { return strings.Compare(a.ID, b.ID) })
}

// A fit is one call of CheckFit, for tests to change.
type fit struct {
	s    *bundle.Statement
	d    bundle.Digest
	root *Root
	st   State
}

// newFit returns a call that succeeds: shipment 2/42 after 2/41.
func newFit(t *testing.T) *fit {
	t.Helper()
	var (
		now  = time.Date(2026, 8, 21, 10, 0, 0, 0, time.UTC)
		head = bundle.DigestOf([]byte("statement 41"))
		key  = bundle.DigestOf([]byte("site key of north"))
		old  = map[int64]bundle.Digest{40: bundle.DigestOf([]byte("statement 40")), 41: head}
	)
	return &fit{
		s: &bundle.Statement{
			Site: "north", SiteKey: key, Epoch: 2, Seq: 42, Prev: head, RootVersion: 3,
			Issued: now.Add(-time.Hour), Expires: now.AddDate(0, 0, 14),
		},
		d:    bundle.DigestOf([]byte("statement 42")),
		root: newCast(t).root(),
		st: State{
			Site: "north", SiteKey: key, Epoch: 2, Seq: 41, Head: head,
			Floor: now.AddDate(0, 0, -3), Now: now, RootVersion: 3,
			Accepted: func(epoch, seq int64) (bundle.Digest, bool) {
				d, ok := old[seq]
				return d, ok && epoch == 2
			},
		},
	}
}

// first makes f the first shipment that a fresh site sees.
func (f *fit) first() {
	f.s.Epoch, f.s.Seq, f.s.Prev = 1, 1, ""
	f.st.Epoch, f.st.Seq, f.st.Head, f.st.Accepted, f.st.Floor = 0, 0, "", nil, time.Time{}
}

// Cases 10 to 18 and 20 of the hostile corpus, and what must be accepted
// beside them.
func TestCheckFit(t *testing.T) {
	other := bundle.DigestOf([]byte("other"))
	tests := []struct {
		name string
		edit func(*fit)
		want string // name of the refusal, "" if it fits
		msg  string // part of the message
	}{
		{"next shipment", func(*fit) {}, "", ""},
		{"bound by name alone", func(f *fit) { f.s.SiteKey = "" }, "", ""},
		{"ledger without history", func(f *fit) { f.st.Accepted = nil }, "", ""},
		{"any site", func(f *fit) { f.root.Policy.Sites = []string{AnySite} }, "", ""},
		{"newer root than needed", func(f *fit) { f.s.RootVersion = 1 }, "", ""},
		{"first of a fresh site", (*fit).first, "", ""},
		{"first of a fresh site in epoch 2", func(f *fit) { f.first(); f.s.Epoch = 2 }, "", ""},
		{"first of a new epoch", func(f *fit) { f.root.Epoch, f.s.Epoch, f.s.Seq, f.s.Prev = 3, 3, 1, "" }, "", ""},
		{"a root that allows more epochs", func(f *fit) { f.root.Epoch = 9 }, "", ""},

		{"other site", func(f *fit) { f.s.Site = "south" }, WrongSite, `for site "south", this is site "north"`},
		{"other site key", func(f *fit) { f.s.SiteKey = other }, WrongSite, "site key " + string(other)},
		{"site without key", func(f *fit) { f.st.SiteKey = "" }, WrongSite, "this one has none"},
		{"site that the root does not name", func(f *fit) { f.root.Policy.Sites = []string{"south"} }, WrongSite, `not for site "north"`},
		{"root that names no site", func(f *fit) { f.root.Policy.Sites = nil }, WrongSite, "not for site"},

		{"the last again", func(f *fit) { f.s.Seq, f.d = 41, f.st.Head }, "already imported", ""},
		{"the last again, ledger without history", func(f *fit) { f.s.Seq, f.d, f.st.Accepted = 41, f.st.Head, nil }, "already imported", ""},
		{"an older one again", func(f *fit) { f.s.Seq, f.d = 40, bundle.DigestOf([]byte("statement 40")) }, "already imported", ""},
		{"the last again, expired", func(f *fit) { f.s.Seq, f.d, f.s.Expires = 41, f.st.Head, f.s.Issued.Add(1) }, "already imported", ""},
		{"other statement with the last seq", func(f *fit) { f.s.Seq = 41 }, Fork, "two statements for shipment 2/41"},
		{"other statement with an older seq", func(f *fit) { f.s.Seq = 40 }, Fork, "two statements for shipment 2/40"},
		{"older and not on record", func(f *fit) { f.s.Seq = 39 }, Rollback, "2/39 is older than 2/41"},
		{"older, ledger without history", func(f *fit) { f.s.Seq, f.st.Accepted = 40, nil }, Rollback, "2/40 is older than 2/41"},
		{"the last, head lost", func(f *fit) { f.s.Seq, f.st.Accepted, f.st.Head = 41, nil, "" }, Rollback, "2/41 is older than 2/41"},

		{"one missing", func(f *fit) { f.s.Seq = 43 }, Gap, "shipment 2/43 comes after 2/42, not accepted yet"},
		{"three missing", func(f *fit) { f.s.Seq = 45 }, Gap, "shipment 2/45 comes after 2/42 to 2/44, not accepted yet"},
		{"as far as the policy allows", func(f *fit) { f.s.Seq = 41 + 16 }, Gap, "2/42 to 2/56"},
		{"one further", func(f *fit) { f.s.Seq = 41 + 17 }, SeqStep, "17 beyond the last accepted one, at most 16"},
		{"fast-forward", func(f *fit) { f.s.Seq = 1<<53 - 1 }, SeqStep, "at most 16"},
		{"second of a fresh site", func(f *fit) { f.first(); f.s.Seq, f.s.Prev = 2, other }, Gap, "1/2 comes after 1/1"},
		{"far at a fresh site", func(f *fit) { f.first(); f.s.Seq, f.s.Prev = 17, other }, SeqStep, "17 beyond"},
		{"second of a new epoch", func(f *fit) { f.root.Epoch, f.s.Epoch, f.s.Seq, f.s.Prev = 3, 3, 2, other }, Gap, "3/2 comes after 3/1"},
		{"other history", func(f *fit) { f.s.Prev = other }, Fork, "follows statement " + string(other)},
		{"head lost", func(f *fit) { f.st.Head = "" }, Fork, "accepted was none"},

		{"lower epoch", func(f *fit) { f.s.Epoch, f.s.Seq = 1, 99 }, Rollback, "1/99 is older than 2/41"},
		{"epoch that no root allowed", func(f *fit) { f.s.Epoch, f.s.Seq, f.s.Prev = 3, 1, "" }, EpochNotAuthorised, "root version 3 allows 2"},

		{"expired", func(f *fit) { f.s.Expires = f.st.Now }, Expired, "expired at 2026-08-21T10:00:00Z"},
		{"last second", func(f *fit) { f.s.Expires = f.st.Now.Add(time.Second) }, "", ""},
		{"clock set back", func(f *fit) { f.st.Floor, f.st.Now = f.s.Expires, f.s.Issued }, Expired, "now is 2026-09-04"},
		{"clock far back, floor right", func(f *fit) { f.st.Floor, f.st.Now = f.st.Now, time.Time{} }, "", ""},
		{"older than the policy allows", func(f *fit) { f.root.Policy.MaxAge = time.Hour }, Expired, "older than the 1h0m0s"},
		{"from the future", func(f *fit) { f.s.Issued = f.st.Now.Add(36*time.Hour + 1) }, WrongClock, "ahead of this clock"},
		{"a little from the future", func(f *fit) { f.s.Issued = f.st.Now.Add(36 * time.Hour) }, "", ""},
		{"no clock at all", func(f *fit) { f.st.Now, f.st.Floor = time.Time{}, time.Time{} }, WrongClock, "ahead of this clock"},
		{"expired and a gap", func(f *fit) { f.s.Seq, f.s.Expires = 43, f.st.Now }, Expired, ""},

		{"needs a newer root", func(f *fit) { f.s.RootVersion = 4 }, RootTooOld, "needs root version 4, this is version 3"},
		{"site has held a newer root", func(f *fit) { f.st.RootVersion = 4 }, RootTooOld, "this site has held version 4"},
		{"root expired", func(f *fit) { f.root.Expires = f.st.Now }, RootExpired, "root version 3 expired"},
		{"no root", func(f *fit) { f.root = nil }, RootTooOld, "there is no root"},
		{"zero root", func(f *fit) { f.root = &Root{} }, WrongSite, ""},
		{"zero policy", func(f *fit) { f.root.Policy = Policy{} }, WrongSite, ""},
		{"zero policy but sites", func(f *fit) { f.root.Policy = Policy{Sites: []string{"north"}} }, SeqStep, ""},
		{"zero state", func(f *fit) { f.st = State{} }, WrongSite, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFit(t)
			tt.edit(f)
			err := CheckFit(f.s, f.d, f.root, f.st)
			if refusal(err) != tt.want || err != nil && !strings.Contains(err.Error(), tt.msg) {
				t.Errorf("CheckFit = %v, want %q with %q", err, tt.want, tt.msg)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("CheckFit = %q, want one line", err)
			}
		})
	}
}

func TestCheckFitAlreadyImported(t *testing.T) {
	f := newFit(t)
	f.s.Seq, f.d = f.st.Seq, f.st.Head
	if err := CheckFit(f.s, f.d, f.root, f.st); !errors.Is(err, ErrAlreadyImported) {
		t.Errorf("CheckFit = %v, want ErrAlreadyImported", err)
	}
	// It says nothing about a statement for somebody else.
	f.s.Site = "south"
	if err := CheckFit(f.s, f.d, f.root, f.st); refusal(err) != WrongSite {
		t.Errorf("CheckFit for another site = %v, want %s", err, WrongSite)
	}
}

func TestCheckFitNeed(t *testing.T) {
	f := newFit(t)
	f.s.Seq = 45
	var m *MisfitError
	if err := CheckFit(f.s, f.d, f.root, f.st); !errors.As(err, &m) || !slices.Equal(m.Need, []int64{42, 43, 44}) {
		t.Errorf("CheckFit = %v with Need %v, want a gap that needs 42 to 44", err, m)
	}
}
