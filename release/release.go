// Package release says what to ship: it reads a release, finds out which
// bytes that is, and pins them.
//
// A release is written by hand as release.yaml ([Read]): images, Helm charts,
// files and Kubernetes manifests, by the names that people use. [Resolve]
// turns it into a [Resolved] release, in which every tag has become a digest.
// Its canonical text is the lock file that people review, and at the same time
// the config of the release manifest: one OCI artifact that names everything
// the release consists of, so that the registry inside, which holds it, keeps
// all of that together.
//
// # The release manifest
//
// An OCI image manifest with artifactType [MediaTypeRelease]. Its config is
// the resolved release. Its layers are the files and the Kubernetes manifests,
// one for each content, of media type [MediaTypeFile] and titled with the
// first path that has it; without any, one empty layer. Its bytes follow from
// the resolved release. It is pushed as ferry/releases/NAME with the version as
// tag. Images and charts are artifacts of their own, and the config names them
// by digest.
//
// # What travels with an image
//
// An index stays as it is, bit by bit; of its children only those for the
// platforms asked for travel, and BuildKit's attestations of those. Signatures,
// attestations and SBOMs travel with the image or the child that they are
// about ([Attachment]).
//
// [Closure] is the one place that knows in which order all this must be pushed.
// Outside uses it to find what to pack, inside to find what to push.
//
// This package speaks to registries only through [Source], and it writes
// nothing. It compares the digests of manifests and charts; blobs it names,
// and whoever reads them must compare.
package release

import "github.com/airgap-ferry/ferry/internal/strictyaml"

const (
	// MaxReleaseSize bounds release.yaml.
	MaxReleaseSize = 1 << 20 // bytes

	// MaxFiles bounds the files, and the Kubernetes manifests, of a release: a
	// release manifest must fit into what registries take as a manifest.
	MaxFiles = 5000

	apiVersion = "ferry/v1"
	kind       = "Release"

	// AllPlatforms in a list of platforms stands for every platform.
	AllPlatforms = "all"
)

// A Release is what release.yaml says.
type Release struct {
	Path      string   // where it was read; relative paths start in its folder
	Name      string   // part of a repository: ferry/releases/NAME
	Version   string   // a tag
	Platforms []string // for images that name none; nil for every platform
	Images    []WantedImage
	Charts    []WantedChart
	Files     []WantedFile
	Manifests []WantedManifests
}

// A WantedImage asks for an image.
type WantedImage struct {
	Line      int      // in release.yaml
	Image     string   // reference as written
	Platforms []string // nil: those of the release
	VerifyKey string   // path of the cosign public key that must verify it; "" for none
}

// A WantedChart asks for a Helm chart: oci://…, the name of one in an HTTP
// repository, or the path of a folder or of a .tgz.
type WantedChart struct {
	Line    int
	Chart   string
	Repo    string // URL of the HTTP repository, "" for the other kinds
	Version string // exact or a range; for folder and .tgz perhaps ""
}

// A WantedFile asks for a file, or for all files of a folder.
type WantedFile struct {
	Line int
	Path string
	To   string // path below the files of the release; "": Path
}

// WantedManifests ask for files with Kubernetes manifests.
type WantedManifests struct {
	Line int
	Path string // of a file, of a folder, or a pattern as of path.Match
	To   string // folder below the manifests of the release; "": that of Path
}

// An Error is one problem in a release, or in a file that it names. [Read] and
// [Resolve] return all they find, joined.
type Error = strictyaml.Error
