package corpus

import (
	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

const maxInteger = 1<<53 - 1

// misfits are bundles that are signed well, for another place or another time.
func misfits(c *collector) {
	made := func(change func(*bundle.Statement)) *draft {
		b := small()
		b.statement = change
		return b
	}
	numbered := func(epoch, seq int64) *draft {
		return made(func(s *bundle.Statement) {
			s.Epoch, s.Seq, s.Requires = epoch, seq, nil
			if seq == 1 {
				s.Prev = ""
			}
		})
	}
	at := func(change func(*State)) State {
		st := ordinary()
		change(&st)
		return st
	}

	c.add(10, "for another site", made(func(s *bundle.Statement) { s.Site = "south" }), Misfit, statement.WrongSite)
	c.add(10, "for a site whose name begins alike", made(func(s *bundle.Statement) { s.Site = "north-2" }), Misfit, statement.WrongSite)
	c.add(10, "for another key of this site", made(func(s *bundle.Statement) { s.SiteKey = head() }), Misfit, statement.WrongSite)
	c.addAt(10, "by a root that is not for this site", small(), at(func(st *State) {
		st.Root = rootBytes(func(r *statement.Root) { r.Policy.Sites = []string{"south"} })
	}), Misfit, statement.WrongSite)
	c.addAt(10, "by a root that is for no site", small(), at(func(st *State) {
		st.Root = rootBytes(func(r *statement.Root) { r.Policy.Sites = nil })
	}), Misfit, statement.WrongSite)

	known := at(func(st *State) { st.Seq, st.Head = 42, statementDigest(small()) })
	c.addAt(11, "the same again", small(), known, Accepted, "")
	known.Now = issued.AddDate(2, 0, 0)
	c.addAt(11, "the same again, long after its time and that of the root", small(), known, Accepted, "")

	c.addAt(12, "another statement under the last number", small(), at(func(st *State) { st.Seq = 42 }), Misfit, statement.Fork)
	c.addAt(13, "an older shipment", small(), at(func(st *State) { st.Seq = 43 }), Misfit, statement.Rollback)
	c.add(13, "the first shipment again", numbered(2, 1), Misfit, statement.Rollback)
	c.add(14, "a gap of one", numbered(2, 43), Misfit, statement.Gap)
	c.add(14, "the widest gap", numbered(2, 41+16), Misfit, statement.Gap)
	c.addAt(14, "a gap before anything was accepted", numbered(2, 2), at(func(st *State) { st.Epoch, st.Seq, st.Head = 0, 0, "" }), Misfit, statement.Gap)
	c.add(15, "a step beyond the widest gap", numbered(2, 41+17), Misfit, statement.SeqStep)
	c.add(15, "the last number of all", numbered(2, maxInteger), Misfit, statement.SeqStep)
	c.addAt(16, "another previous statement", small(), at(func(st *State) { st.Head = siteKey() }), Misfit, statement.Fork)

	c.add(17, "a lower epoch", numbered(1, 42), Misfit, statement.Rollback)
	c.add(17, "a lower epoch with a higher number", numbered(1, 4200), Misfit, statement.Rollback)
	c.add(17, "an epoch that the root does not allow", numbered(3, 1), Misfit, statement.EpochNotAuthorised)
	c.add(17, "the last epoch of all", numbered(maxInteger, 1), Misfit, statement.EpochNotAuthorised)
	c.addAt(17, "the next epoch from its second shipment", numbered(2, 2), at(func(st *State) { st.Epoch = 1 }), Misfit, statement.Gap)

	c.add(20, "a statement that needs the next root", made(func(s *bundle.Statement) { s.RootVersion = 4 }), Untrusted, statement.RootTooOld)
	c.addAt(20, "a root in its last second", small(), at(func(st *State) {
		st.Root = rootBytes(func(r *statement.Root) { r.Expires = st.Now.Add(1e9) })
	}), Accepted, "")
	c.addAt(20, "a root past its time", small(), at(func(st *State) {
		st.Root = rootBytes(func(r *statement.Root) { r.Expires = st.Now })
	}), Untrusted, statement.RootExpired)
}

// statementDigest returns the digest of the statement of b.
func statementDigest(b *draft) bundle.Digest {
	for _, v := range b.files() {
		return bundle.DigestOf(split(v)[0].body())
	}
	panic("corpus: internal error: a bundle without volumes")
}
