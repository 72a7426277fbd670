package corpus

import (
	"math/big"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/verify/statement"
)

// goodBundles are for verifiers that refuse too much.
func goodBundles(c *collector) {
	c.add(0, "one volume", small(), Accepted, "")
	c.add(0, "three volumes", sample(), Accepted, "")
	c.add(0, "no entries", sampleOf(0), Accepted, "")
	c.add(0, "last volume with nothing but the index", sampleOf(smallVolume, chunk, 2*chunk-600, 400), Accepted, "")

	b := sample()
	b.extra = map[string][]byte{"a copy with a strange name": sample().files()["north-2-42.v002.tar"]}
	c.add(0, "one volume twice", b, Accepted, "")

	b = small()
	b.signers = []string{packer1, packer2, officer1}
	c.add(0, "more signatures than needed", b, Accepted, "")
	st := ordinary()
	st.Root = rootBytes(func(r *statement.Root) { r.Packer.Threshold, r.Officer.Threshold = 2, 1 })
	c.addAt(0, "two packers and an officer for thresholds of two and one", b, st, Accepted, "")

	b = small()
	b.sigs = func(text []byte) []member {
		twin := parseDER(sign(packer1, text))
		twin.S = new(big.Int).Sub(order(), twin.S)
		return []member{signature(packer1, marshalDER(twin))}
	}
	c.add(0, "the twin that ECDSA leaves to each signature", b, Accepted, "")

	b = small()
	b.statement = func(s *bundle.Statement) {
		s.SiteKey, s.Requires, s.Releases, s.RootVersion = "", nil, nil, 1
	}
	c.add(0, "a statement with nothing that can be left empty", b, Accepted, "")

	b = small()
	b.statement = func(s *bundle.Statement) { s.Seq, s.Prev, s.Requires = 1, "", nil }
	st = ordinary()
	st.Epoch, st.Seq, st.Head = 0, 0, ""
	c.addAt(0, "the first shipment", b, st, Accepted, "")
	st = ordinary()
	st.Epoch = 1
	c.addAt(0, "the first shipment of the next epoch", b, st, Accepted, "")

	st = ordinary()
	st.Root = rootBytes(func(r *statement.Root) { r.Policy.Sites = []string{statement.AnySite} })
	c.addAt(0, "a root for any site", small(), st, Accepted, "")
}

// Countersigned returns a good bundle of three volumes and more than 500,000
// bits, for a site whose root wants a packer and an officer to have signed.
func Countersigned() Case {
	b := sampleOf(bundle.MinVolumeSize+5*chunk, 700, 5*chunk+300, 5*chunk+17, 900)
	b.signers = []string{packer1, officer1}
	st := ordinary()
	st.Root = rootBytes(func(r *statement.Root) { r.Officer.Threshold = 1 })
	return Case{Name: "countersigned", Files: b.files(), State: st}
}
