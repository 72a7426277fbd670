// Package report says what ferry plans, did and knows: as text for people, as
// JSON for programs.
//
// The structs of this package are the contract of --json (docs/json.md):
// fields are added, never renamed or removed. Digests are in full, sizes in
// bytes, times RFC 3339 in UTC. Each result has a method WriteText, which
// prints the same for a person. Told a width in columns, it shortens names in
// tables to fit; digests, paths and sentences stay whole. A width of 0 leaves
// everything as it is.
//
// This package decides nothing and reads nothing: what it prints was found
// out by others.
package report

import (
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// A Release names a release.
type Release struct {
	Name    string        `json:"name"`
	Version string        `json:"version"`
	Digest  bundle.Digest `json:"digest"`
}

// Kinds of content of a release.
const (
	KindImage   = "image"
	KindChart   = "chart"
	KindFiles   = "files"   // plain files and Kubernetes manifests together
	KindRelease = "release" // the release's own manifest
)

// Verdicts on content of a release, against what a site holds.
const (
	VerdictNew     = "new"     // no blob of it is held
	VerdictChanged = "changed" // some blobs of it are held
	VerdictHeld    = "held"    // all blobs of it are held
	VerdictRemoved = "removed" // the release before had it, this one has not
)

// Content is one image, chart or set of files of a release.
type Content struct {
	Kind      string        `json:"kind"`
	Name      string        `json:"name"` // reference as asked, chart and version, or "files"
	Digest    bundle.Digest `json:"digest,omitempty"`
	Verdict   string        `json:"verdict"`
	Platforms []string      `json:"platforms,omitempty"`
	Blobs     int64         `json:"blobs"`             // blobs and manifests it consists of
	Bytes     int64         `json:"bytes"`             // their sizes
	NewBlobs  int64         `json:"newBlobs"`          // of these, not held and not counted for an earlier content
	NewBytes  int64         `json:"newBytes"`          // their sizes
	Signed    int64         `json:"signed"`            // signatures, attestations and SBOMs that travel along
	Missing   []string      `json:"missing,omitempty"` // inside, with --probe: what the registry lacks
}

// Plan is what pack would do, or has done.
type Plan struct {
	Site     string    `json:"site"`
	Epoch    int64     `json:"epoch"`
	Seq      int64     `json:"seq"` // 0 if there is nothing to ship
	Release  Release   `json:"release"`
	Contents []Content `json:"contents"`
	Blobs    int64     `json:"blobs"`    // all blobs and manifests of the release
	Bytes    int64     `json:"bytes"`    // their sizes: a full export
	NewBlobs int64     `json:"newBlobs"` // that the site lacks
	NewBytes int64     `json:"newBytes"`
	Payload  int64     `json:"payload"` // bytes that travel for them: whole blobs, and patches of others
	Patches  []Patch   `json:"patches,omitempty"`
	Requires []int64   `json:"requires"` // unacknowledged shipments it leans on
	Lock     string    `json:"lock"`     // file name of the resolved release
}

// Patch says how a blob that a site lacks gets there.
type Patch struct {
	Digest  bundle.Digest   `json:"digest"`
	Owner   string          `json:"owner"` // the first image, chart or file that it is of
	Size    int64           `json:"size"`  // bytes of the blob
	Rung    string          `json:"rung"`  // RungRecipe and so on
	Encoder string          `json:"encoder,omitempty"`
	Bases   []bundle.Digest `json:"bases"`                         // that it is rebuilt from
	Bytes   int64           `json:"bytes"`                         // that travel for it
	Rebuild int64           `json:"rebuildMilliseconds,omitempty"` // that one core will take, about
	Why     string          `json:"why,omitempty"`                 // it goes whole
}

// The rungs of the ladder, from the smallest patch to none.
const (
	RungRecipe = "recipe" // compressed again by a known encoder
	RungNear   = "near"   // likewise, with corrections to what a near relative of it makes
	RungTokens = "tokens" // with corrections to a model of any encoder
	RungWhole  = "whole"  // as it is
)

// Packed is the result of pack.
type Packed struct {
	Plan
	Statement bundle.Digest `json:"statement"`
	Volumes   []Volume      `json:"volumes"`
	Issued    time.Time     `json:"issued"`
	Expires   time.Time     `json:"expires"`
	Signers   []string      `json:"signers"` // key ids
}

// Volume is one file of a bundle.
type Volume struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// Bundle is what can be said of a bundle from its volumes alone.
type Bundle struct {
	Site       string        `json:"site"`
	SiteKey    bundle.Digest `json:"siteKey,omitempty"`
	Epoch      int64         `json:"epoch"`
	Seq        int64         `json:"seq"`
	Statement  bundle.Digest `json:"statement"`
	Prev       bundle.Digest `json:"prev,omitempty"`
	Requires   []int64       `json:"requires"`
	Root       int64         `json:"rootVersion"`
	Issued     time.Time     `json:"issued"`
	Expires    time.Time     `json:"expires"`
	Expired    bool          `json:"expired"`
	Releases   []Release     `json:"releases"`
	Added      []Reference   `json:"added"`
	Removed    []Reference   `json:"removed"`
	Entries    int64         `json:"entries"` // manifests and blobs that travel
	Bytes      int64         `json:"bytes"`
	Volumes    int64         `json:"volumes"`        // of the whole bundle
	Missing    []int         `json:"missingVolumes"` // not at hand
	Files      []Volume      `json:"files"`          // at hand
	Signatures []Signer      `json:"signatures"`
	Trusted    bool          `json:"trusted"`  // the signatures satisfy the root or key given
	Verified   bool          `json:"verified"` // every byte was read and is as signed
	Tool       string        `json:"tool"`
	// NoTrust is why Trusted is false, or "".
	NoTrust string `json:"noTrust,omitempty"`
}

// Reference is a name and what it stands for.
type Reference struct {
	Name   string        `json:"name"`
	Digest bundle.Digest `json:"digest"`
}

// Signer is a signature on a bundle.
type Signer struct {
	KeyID string `json:"keyID"`
	Name  string `json:"name,omitempty"` // by the root
	Role  string `json:"role,omitempty"` // packer, officer, or "" if no trust was given
}

// Import is what import did, or with --dry-run would do, with one bundle.
type Import struct {
	Site      string        `json:"site"`
	Epoch     int64         `json:"epoch"`
	Seq       int64         `json:"seq"`
	Statement bundle.Digest `json:"statement"`
	State     string        `json:"state"`   // of the ledger: imported, verified (waiting for volumes), parked, refused
	Already   bool          `json:"already"` // it had been imported before
	DryRun    bool          `json:"dryRun,omitempty"`
	Releases  []Release     `json:"releases"`
	Changes   []TagChange   `json:"changes"`
	Files     []string      `json:"files"` // directories of files written
	Uploaded  Count         `json:"uploaded"`
	Mounted   Count         `json:"mounted"`
	Present   Count         `json:"present"`
	Missing   []int         `json:"missingVolumes"`    // still to come
	Receipt   string        `json:"receipt,omitempty"` // the signed text
	ReceiptAt string        `json:"receiptFile,omitempty"`
}

// TagChange is a tag in the inside registry that was set.
type TagChange struct {
	Name   string        `json:"name"`             // as in the release
	Target string        `json:"target"`           // repository and tag inside
	Before bundle.Digest `json:"before,omitempty"` // "" if the tag was new
	After  bundle.Digest `json:"after"`
	Note   string        `json:"note,omitempty"`
}

// Count is a number of blobs and their sizes.
type Count struct {
	Blobs int64 `json:"blobs"`
	Bytes int64 `json:"bytes"`
}

// OutsideStatus is status outside.
type OutsideStatus struct {
	Sites []SiteStatus `json:"sites"`
	// Wanted is what a pack for the site would ship, if a release was named.
	Wanted *Plan `json:"wanted,omitempty"`
}

// SiteStatus is what the outside ledger knows of a site.
type SiteStatus struct {
	Site      string        `json:"site"`
	Epoch     int64         `json:"epoch"`
	SiteKey   bundle.Digest `json:"siteKey,omitempty"`
	Holdings  Count         `json:"holdings"`
	Inventory bundle.Digest `json:"inventory"`
	Releases  []Release     `json:"releases"`
	Shipments []Shipment    `json:"shipments"`
}

// Shipment is one bundle as the outside ledger knows it.
type Shipment struct {
	Seq       int64         `json:"seq"`
	State     string        `json:"state"`
	Means     string        `json:"means"` // the state in words, and what to do next
	Statement bundle.Digest `json:"statement,omitempty"`
	Releases  []Release     `json:"releases"`
	Bytes     int64         `json:"bytes"`
	Volumes   []string      `json:"volumes"`
	Issued    time.Time     `json:"issued"`
	Expires   time.Time     `json:"expires"`
}

// InsideStatus is status inside.
type InsideStatus struct {
	Site      string          `json:"site"`
	Registry  string          `json:"registry"`
	Epoch     int64           `json:"epoch"`
	Seq       int64           `json:"seq"` // last imported, 0 if none
	Head      bundle.Digest   `json:"head,omitempty"`
	Holdings  Count           `json:"holdings"`
	Inventory bundle.Digest   `json:"inventory"`
	Bundles   []BundleStatus  `json:"bundles"`
	Releases  []ReleaseStatus `json:"releases"`
	Probed    bool            `json:"probed"`  // the registry itself was asked
	Missing   int64           `json:"missing"` // blobs that the ledger has and the registry lacks
}

// BundleStatus is one bundle as the inside ledger knows it.
type BundleStatus struct {
	Epoch     int64         `json:"epoch"`
	Seq       int64         `json:"seq"`
	State     string        `json:"state"`
	Means     string        `json:"means"` // the state in words, and what to do next
	Statement bundle.Digest `json:"statement"`
	Releases  []Release     `json:"releases"`
	Missing   []int         `json:"missingVolumes,omitempty"`
	Since     time.Time     `json:"since"` // of the state
}

// ReleaseStatus is a release that the site holds.
type ReleaseStatus struct {
	Release
	Seq      int64     `json:"seq"`
	Current  bool      `json:"current"`
	Imported time.Time `json:"imported"`
	Contents []Content `json:"contents"`
}
