// Package bundle reads and writes ferry bundles, the one thing that crosses
// the gap.
//
// A bundle is one shipment to one site. It is one or more volumes; each is a
// plain ustar file of which every byte follows from the signed statement.
//
// # Format
//
// A volume holds these members, in this order and in no other form:
//
//	ferry.statement          the signed heart: [Statement]
//	sigs/<keyid>.sig         one per signer, ascending: [Signature]
//	ferry.index              in the first and the last volume: [Index]
//	oci-layout, index.json   in the first volume
//	blobs/sha256/<hex>       the payload, manifests first
//
// A blob that does not fit into what is left of a volume goes on in the next
// one: its parts are called <hex>.0001, <hex>.0002 and so on, and cat(1) puts
// them together. A bundle whose blobs are all in one part, unpacked with
// tar(1), is an OCI image layout.
//
// The header of each member is the one that its name and size demand, padding
// is zeros, and 1,024 zero bytes end the volume. So there is nothing that a
// second reader could understand in a second way.
//
// The place of each byte follows from the index and the sizes in the
// statement ([NewPlan]), before a byte of payload was read: that is why the
// outside can write payload to its final place as it comes in ([Writer]).
//
// The specification is docs/formats/bundle-v1.md; where it and this package
// differ, it is right.
//
// # Trust
//
// This package checks form, not origin: what it returns comes from outside
// until the signatures have been verified (package verify/statement), and
// what hangs on a statement is no better than the statement. It imports the
// standard library alone, starts no goroutines, and reads a volume once, from
// its first byte to its last ([VolumeReader]).
package bundle

import "fmt"

const (
	// MaxIndexSize bounds the index of one bundle.
	MaxIndexSize = 1 << 30 // bytes
	// MaxEntries bounds the manifests and blobs of one bundle.
	MaxEntries = 4_000_000
	// MaxBundleBytes bounds the payload of one bundle.
	MaxBundleBytes = 2 << 40 // bytes
	// MaxVolumes bounds the volumes of one bundle.
	MaxVolumes = 999
	// MaxChunkSize is the largest and the usual chunk. A chunk is read into
	// one buffer.
	MaxChunkSize = 8 << 20 // bytes
	// MaxSignatures bounds the signatures of one statement.
	MaxSignatures = 8
)

// A FormatError reports bytes that are not a well-formed part of a bundle.
type FormatError struct {
	Part string // "statement", "signature", "index", "volume"
	Line int    // line of the index, from 1; 0 elsewhere
	Msg  string
}

func (e *FormatError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("malformed %s: %s", e.Part, e.Msg)
	}
	return fmt.Sprintf("malformed %s: line %d: %s", e.Part, e.Line, e.Msg)
}

// A VersionError reports a format that this version of ferry does not read.
type VersionError struct {
	Got string // the first line
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("format %q is not supported by this ferry", e.Got)
}
