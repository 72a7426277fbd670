package statement

import (
	"fmt"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// A State is what a site knows when a statement arrives. The zero State
// refuses every statement.
type State struct {
	Site        string        // name of this site
	SiteKey     bundle.Digest // digest of the public half of the site's receipt key
	Epoch, Seq  int64         // of the last accepted shipment; 0 when there was none
	Head        bundle.Digest // statement of the last accepted shipment; "" when there was none
	Floor       time.Time     // a time that has certainly passed, such as the latest accepted Issued
	Now         time.Time     // by the clock, read once at start
	RootVersion int64         // of the newest root that this site ever held

	// Accepted returns the statement that was accepted as that shipment, if
	// any was. It may be nil; the last one is known without it.
	Accepted func(epoch, seq int64) (bundle.Digest, bool)
}

// CheckFit checks whether the statement s, with digest d, is what the site may
// act on next. Its signatures must have been verified against root before. It
// looks at everything that can be decided before the index is read, in this
// order: site, known shipment, root, epoch and seq, time, gap, previous
// statement.
//
// The same statement again gives [ErrAlreadyImported], also when it has expired
// since. Otherwise errors are of type [*UntrustedError], when root is at fault,
// or [*MisfitError]. For a Gap its Need lists the shipments to bring first; the
// statement itself is good and can be kept until then. A shipment more than
// Policy.MaxSeqStep ahead is not waited for, and is a SeqStep.
func CheckFit(s *bundle.Statement, d bundle.Digest, root *Root, st State) error {
	if root == nil {
		return untrusted(RootTooOld, "there is no root; root version %d or newer is needed", s.RootVersion)
	}
	for _, check := range []func(*bundle.Statement, bundle.Digest, *Root, *State) error{
		checkSite, checkKnown, checkRoot, checkOrder, checkTime, checkGap, checkPrev,
	} {
		if err := check(s, d, root, &st); err != nil {
			return err
		}
	}
	return nil
}

func checkSite(s *bundle.Statement, _ bundle.Digest, root *Root, st *State) error {
	if s.Site != st.Site {
		return misfit(WrongSite, "shipment is for site %.80q, this is site %q", s.Site, st.Site)
	}
	if s.SiteKey != "" && s.SiteKey != st.SiteKey {
		return misfit(WrongSite, "shipment is for a site %q with site key %s, this one has %s", s.Site, s.SiteKey, orNone(st.SiteKey))
	}
	if !root.Policy.covers(s.Site) {
		return misfit(WrongSite, "root version %d is not for site %q", root.Version, s.Site)
	}
	return nil
}

// checkKnown looks for another or the same statement with this number.
func checkKnown(s *bundle.Statement, d bundle.Digest, _ *Root, st *State) error {
	known, ok := st.accepted(s.Epoch, s.Seq)
	if !ok {
		return nil
	}
	if known == d {
		return ErrAlreadyImported
	}
	return misfit(Fork, "two statements for shipment %d/%d: this is %s, accepted was %s", s.Epoch, s.Seq, d, known)
}

func checkRoot(s *bundle.Statement, _ bundle.Digest, root *Root, st *State) error {
	if root.Version < s.RootVersion {
		return untrusted(RootTooOld, "shipment needs root version %d, this is version %d", s.RootVersion, root.Version)
	}
	if root.Version < st.RootVersion {
		return untrusted(RootTooOld, "root is version %d, this site has held version %d", root.Version, st.RootVersion)
	}
	if now := st.now(); !now.Before(root.Expires) {
		return untrusted(RootExpired, "root version %d expired at %s, now is %s",
			root.Version, bundle.FormatTime(root.Expires), bundle.FormatTime(now))
	}
	return nil
}

func checkOrder(s *bundle.Statement, _ bundle.Digest, root *Root, st *State) error {
	if s.Epoch > root.Epoch {
		return misfit(EpochNotAuthorised, "shipment %d/%d has epoch %d, root version %d allows %d",
			s.Epoch, s.Seq, s.Epoch, root.Version, root.Epoch)
	}
	if s.Epoch < st.Epoch || s.Epoch == st.Epoch && s.Seq <= st.Seq {
		return misfit(Rollback, "shipment %d/%d is older than %d/%d, which was accepted last", s.Epoch, s.Seq, st.Epoch, st.Seq)
	}
	if step := s.Seq - st.last(s.Epoch); step > root.Policy.MaxSeqStep {
		return misfit(SeqStep, "shipment %d/%d is %d beyond the last accepted one, at most %d is allowed",
			s.Epoch, s.Seq, step, root.Policy.MaxSeqStep)
	}
	return nil
}

func checkTime(s *bundle.Statement, _ bundle.Digest, root *Root, st *State) error {
	now := st.now()
	if ahead := s.Issued.Sub(now); ahead > root.Policy.ClockSkew {
		return misfit(WrongClock, "shipment was issued at %s, which is %s ahead of this clock; at most %s is allowed",
			bundle.FormatTime(s.Issued), ahead, root.Policy.ClockSkew)
	}
	if !now.Before(s.Expires) {
		return misfit(Expired, "shipment expired at %s, now is %s", bundle.FormatTime(s.Expires), bundle.FormatTime(now))
	}
	if age := now.Sub(s.Issued); age >= root.Policy.MaxAge {
		return misfit(Expired, "shipment was issued at %s and is older than the %s that root version %d allows",
			bundle.FormatTime(s.Issued), root.Policy.MaxAge, root.Version)
	}
	return nil
}

func checkGap(s *bundle.Statement, _ bundle.Digest, _ *Root, st *State) error {
	last := st.last(s.Epoch)
	if s.Seq == last+1 {
		return nil
	}
	// checkOrder has bounded the list by Policy.MaxSeqStep.
	var need []int64
	for n := last + 1; n < s.Seq; n++ {
		need = append(need, n)
	}
	missing := fmt.Sprintf("%d/%d", s.Epoch, need[0])
	if len(need) > 1 {
		missing += fmt.Sprintf(" to %d/%d", s.Epoch, need[len(need)-1])
	}
	return &MisfitError{Name: Gap, Need: need, Msg: fmt.Sprintf("shipment %d/%d comes after %s, not accepted yet", s.Epoch, s.Seq, missing)}
}

// checkPrev runs last: the number is that of the next shipment.
func checkPrev(s *bundle.Statement, _ bundle.Digest, _ *Root, st *State) error {
	if s.Seq == 1 || s.Prev == st.Head {
		return nil // a statement with seq 1 has no previous one, by its form
	}
	return misfit(Fork, "shipment %d/%d follows statement %s, accepted was %s", s.Epoch, s.Seq, s.Prev, orNone(st.Head))
}

// accepted returns the statement that was accepted as that shipment.
func (st *State) accepted(epoch, seq int64) (bundle.Digest, bool) {
	if epoch == st.Epoch && seq == st.Seq && st.Head != "" {
		return st.Head, true
	}
	if st.Accepted == nil {
		return "", false
	}
	return st.Accepted(epoch, seq)
}

// last returns the seq of the last accepted shipment of that epoch.
func (st *State) last(epoch int64) int64 {
	if epoch != st.Epoch {
		return 0
	}
	return st.Seq
}

// now returns the time that statements are held against: a clock that was set
// back does not make an old one young.
func (st *State) now() time.Time {
	if st.Floor.After(st.Now) {
		return st.Floor
	}
	return st.Now
}

func orNone(d bundle.Digest) string {
	if d == "" {
		return "none"
	}
	return string(d)
}
