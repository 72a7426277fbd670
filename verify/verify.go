// Package verify holds the keys that ferry signs with and the checks that need
// more than the standard library: cosign key pairs, image signatures, and the
// receipts that a site signs. What must hold of a statement before a byte of
// its bundle is acted on stands in the package statement below this one.
//
// # Keys outside
//
// The keys that sign statements and roots are cosign key pairs, ECDSA P-256,
// encrypted under a password in cosign's own format: a pair that
// "cosign generate-key-pair" made works here, and the reverse. Signatures are
// deterministic (RFC 6979), so that the same statement and key give the same
// bundle; cosign and openssl verify them like any other.
//
// # Image signatures
//
// [VerifyImage] asks the cosign library whether an image is signed by a given
// key. It looks at what it is handed and never at the network: no transparency
// log, no certificate authority.
//
// # Keys and receipts inside
//
// A site has an Ed25519 key of its own and signs receipts with it, as signed
// notes of golang.org/x/mod/sumdb/note. The specification of receipts is
// docs/formats/receipt-v1.md; where it and this package differ, it is right.
//
// This package knows neither registries nor ledgers and reads no files.
package verify
