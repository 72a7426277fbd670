// Package corpus makes hostile bundles, and a few good ones, for tests of
// whoever judges bundles: each [Case] is the files of one, what the site knows
// when they arrive, and the verdict.
//
// Cases are numbered by kind of attack, 1 to 43; see [Kinds]. They are built in
// memory and come out the same each time. Statements are signed well, by keys
// derived from their names, unless the signature is what the case is about: a
// verifier that refuses everything for a bad signature proves nothing.
//
// The bundles are put together from the text of docs/formats/bundle-v1.md:
// package bundle makes the good ones, and what is wrong with the others is made
// here, byte by byte.
package corpus

import (
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// Exit codes of the verdicts, as docs/exit-codes.md has them.
const (
	Accepted  = 0
	Failed    = 1
	Malformed = 10
	Damaged   = 11
	Newer     = 12
	Untrusted = 13
	Misfit    = 14
)

// Names of verdicts that package statement does not have.
const (
	StatementForm = "statement-form"
	SignatureForm = "signature-form"
	IndexForm     = "index-form"
	RootForm      = "root-form"
	NotABundle    = "not-a-bundle"
	NewerFormat   = "newer-format"
	IsDamaged     = "damaged"
	Incomplete    = "incomplete"
)

// A Case is one bundle, or what pretends to be one, and the verdict on it.
type Case struct {
	Name     string            // unique, in words
	Number   int               // of the kind of attack; 0 for good bundles
	Files    map[string][]byte // by file name
	State    State
	WantName string // stable name of the refusal, "" if it is accepted
	WantExit int    // 0 if it is accepted
}

// A State is what the site knows when a bundle arrives.
type State struct {
	Root       []byte // bytes of the root
	Site       string
	SiteKey    bundle.Digest
	Epoch, Seq int64         // of the last accepted shipment
	Head       bundle.Digest // its statement
	Floor      time.Time     // has certainly passed
	Now        time.Time     // by the clock
}

// A Kind is a kind of attack.
type Kind struct {
	Number  int
	What    string
	Missing string // why there are no cases of it, or which there are not; "" if there are all
}

// Kinds returns all kinds of attack in order.
func Kinds() []Kind { return append([]Kind{}, kinds...) }

// kinds is the one place that says what the corpus does not have yet.
var kinds = []Kind{
	{1, "no signature", ""},
	{2, "a signature by an unknown key", ""},
	{3, "one key twice for a threshold of two", ""},
	{4, "an officer's key as packer", ""},
	{5, "a key without a role any more", ""},
	{6, "signatures and keys that are no canonical ECDSA on P-256", ""},
	{7, "base64 in another spelling", ""},
	{8, "a signature over something else", ""},
	{9, "JSON in another spelling", ""},
	{10, "for another site", ""},
	{11, "the same bundle again", ""},
	{12, "another statement with the number of the last", ""},
	{13, "an older bundle", ""},
	{14, "a bundle after one that is missing", ""},
	{15, "a bundle far ahead", ""},
	{16, "another history", ""},
	{17, "another epoch", ""},
	{18, "times", ""},
	{19, "roots", "updates of the root do not travel in bundles yet; a file with the next root is tested in package statement"},
	{20, "a root that is too old", ""},
	{21, "a volume of another bundle", ""},
	{22, "head and payload of two bundles", ""},
	{23, "names of members", ""},
	{24, "types of members", ""},
	{25, "a file through a link", ""},
	{26, "sizes of members", ""},
	{27, "members twice, missing, out of order", ""},
	{28, "padding and the end", ""},
	{29, "other formats", ""},
	{30, "indexes in another form", ""},
	{31, "more bytes announced than there is room for", "a verifier stores nothing; the import is tested in package inside"},
	{32, "more bytes than announced", ""},
	{33, "digests of chunks and of blobs that contradict each other", ""},
	{34, "manifests beyond limits", "there is no policy on manifests yet"},
	{35, "a manifest that names a blob which is not there", "a verifier does not know what the site holds; the import is tested in package inside"},
	{36, "a layer that is a decompression bomb", "nothing is decompressed yet, and whole blobs never will be"},
	{37, "names of tags and repositories", "there is no policy on names yet; the form of names is in kind 30"},
	{38, "signatures of images that do not belong to the release", "there is no policy on signatures of images yet"},
	{39, "rollouts", "there are no rollouts yet"},
	{40, "encrypted volumes", "there is no encryption yet"},
	{41, "drop directories", "the corpus has regular files only; package volume tests directories"},
	{42, "receipts", "these are not bundles; package verify tests them"},
	{43, "permissions of trust and key files", "these are not bundles"},
}

// Cases returns all cases. The caller may change them.
func Cases() []Case {
	c := new(collector)
	for _, add := range []func(*collector){
		goodBundles, unsigned, badSignatures, badDER, badBase64, otherMessages,
		statementSpellings, statementValues, statementWholes, statementTimes, misfits, roots,
		foreignVolumes, memberNames, memberTypes, memberSizes, memberOrder, ends, otherFormats,
		indexForms, indexEntries, indexChanges, indexSums, indexAgainstPayload, patches,
	} {
		add(c)
	}
	return c.cases
}

// A collector collects cases.
type collector struct{ cases []Case }

// add adds the case of b arriving at an ordinary site.
func (c *collector) add(number int, name string, b *draft, exit int, want string) {
	c.addAt(number, name, b, ordinary(), exit, want)
}

// addAt adds the case of b arriving where st is known.
func (c *collector) addAt(number int, name string, b *draft, st State, exit int, want string) {
	c.cases = append(c.cases, Case{Name: name, Number: number, Files: b.files(), State: st, WantName: want, WantExit: exit})
}

// ordinary returns the state of a site for which the next shipment is the one
// that sample makes.
func ordinary() State {
	return State{
		Root: rootBytes(nil), Site: "north", SiteKey: siteKey(), Epoch: 2, Seq: 41, Head: head(),
		Floor: issued.AddDate(0, 0, -1), Now: issued.AddDate(0, 0, 1),
	}
}

// Find returns the case of this name.
func Find(name string) (Case, bool) {
	for _, c := range Cases() {
		if c.Name == name {
			return c, true
		}
	}
	return Case{}, false
}
