// Package ledger records what each site holds and how it got there. There are
// two ledgers, one on either side of the gap, each one file: [Outside] and
// [Inside]. No ledger ever talks to the other; what they know of each other
// went with bundles one way, and with receipts, or a voice, the other.
//
// The outside ledger is why a bundle can be small: pack ships only what the
// ledger says a site lacks. The inside ledger is why an import can be
// repeated: it knows how far the last one came, and what must not come again.
//
// The files are bbolt databases. docs/formats/ledger.md gives every bucket,
// key and value, and is right if it differs from the code.
//
// # The life of a shipment
//
// Outside, a shipment is planned, sealed, shipped, and then acknowledged or
// lost. Its seq is consumed by [Outside.Plan] and belongs to one statement for
// good. The order of work is:
//
//	Plan            consumes the seq
//	                volumes are written under temporary names, and synced
//	Seal            binds the seq to the digest of the statement
//	                volumes get their names, the first one last
//	Ship            the blobs become holdings
//
// A crash between any two of them leaves a planned or a sealed shipment, which
// [Outside.Unfinished] names. A planned one can be planned anew: as long as
// nothing was sealed no volume has its name, so nobody can have seen it, and
// another plan takes the same seq. A sealed one can only be finished.
//
// # The life of a bundle
//
// Inside, a bundle is seen, verified, staged; its blobs, then its manifests
// are pushed; it is tagged, rolled out, imported. It may be parked, refused or
// failed on the way. [Inside.SetState] knows which steps are legal; only
// [Inside.Import] makes it imported, and nothing leads out of that.
//
// # Guarantees
//
// A method that changes the ledger does so in one transaction: when it returns
// nil the change is on the medium, and when it returns an error nothing has
// changed. A failed sync is never retried and never passes for success: after
// one the open ledger writes no more. Methods that record a step may be called
// again with the same arguments, and then write nothing. Damage is reported as
// [ErrDamaged], not as a panic.
//
// One process writes. Opening a ledger for writing excludes all others, also
// readers; opening it read-only excludes writers, and readers share. Whoever
// comes second waits a second, and then gets [ErrLocked]. So a status that is
// asked while a pack or an import runs may find the ledger locked.
//
// An open ledger is for one goroutine at a time.
//
// # Invariants
//
// They hold after every commit, also after a crash, and Check verifies them.
//
// Outside, for each site:
//
//   - The shipments of an epoch are numbered 1, 2, 3, … without gaps; in the
//     current epoch, which is the last one, NextSeq is the number after them.
//   - Only the last shipment of the current epoch may be planned or sealed.
//   - A shipment has a statement unless it is planned, and Prev is the statement
//     of the shipment before it in its epoch.
//   - The head is the statement of the last sealed shipment of the epoch.
//   - Shipments up to Acked are acknowledged or lost; later ones, in the
//     current epoch, are not acknowledged. Earlier epochs are acknowledged or
//     lost throughout.
//   - Every holding names at least one shipment that carried it, and all it
//     names are shipped or acknowledged. As many holdings name a shipment as
//     it brought entries.
//   - Every release of a shipment that was shipped is on record, and no other.
//
// Inside:
//
//   - The head is the last imported bundle, and the floor is not before the
//     issue of any imported bundle.
//   - Every holding names at least one repository, and all it names are known.
//   - The numbers of repositories are 1, 2, 3, … and one to one.
//   - Every release on record is one of an imported bundle; of each name, one
//     that is on record is current.
//   - The audit is numbered 1, 2, 3, … without gaps.
//
// Both: every record has the form of docs/formats/ledger.md, every cached
// manifest has the digest under which it is kept, and the pages of the
// database are consistent.
package ledger

import "errors"

// Errors that callers may test for with errors.Is.
var (
	// ErrNotFound says that the ledger has no such site, shipment, bundle,
	// release or manifest.
	ErrNotFound = errors.New("not in the ledger")

	// ErrExists says that the ledger, or the site in it, is there already.
	ErrExists = errors.New("exists already")

	// ErrConflict says that what is to be recorded contradicts the ledger: a
	// step out of order, another statement for the same seq, another size for
	// the same digest.
	ErrConflict = errors.New("contradicts the ledger")

	// ErrLocked says that another process has the ledger open.
	ErrLocked = errors.New("ledger is in use by another process")

	// ErrFormat says that the file is a ledger of the other side, or of
	// another version of ferry.
	ErrFormat = errors.New("not this kind of ledger")

	// ErrDamaged says that the file can't be what ferry wrote.
	ErrDamaged = errors.New("ledger is damaged")
)

const (
	outsideFormat = "ferry-ledger-outside-v1"
	insideFormat  = "ferry-ledger-inside-v1"
)

// Names of buckets, and keys of single records.
var (
	keyMeta      = []byte("meta")
	keyFormat    = []byte("format")
	keyManifests = []byte("manifests")
	keyHoldings  = []byte("holdings")
	keyReleases  = []byte("releases")

	// Outside.
	keySites     = []byte("sites")
	keySite      = []byte("site") // inside, it is in meta
	keyShipments = []byte("shipments")
	keyLayers    = []byte("layers")

	// Inside.
	keyHead          = []byte("head")
	keyBundles       = []byte("bundles")
	keyRepositories  = []byte("repositories")
	keyRepositoryIDs = []byte("repository-ids")
	keyCurrent       = []byte("current")
	keyAudit         = []byte("audit")
)
