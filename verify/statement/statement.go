// Package statement decides whether a signed statement may be acted on: it
// checks its signatures against the site's root, and whether it fits what the
// site has accepted before.
//
// # Root
//
// A root is the trust file of a site: which public keys exist, which role each
// of them has, how many signatures of a role a statement needs, and a policy.
// It is a magic line and one line of JSON in a fixed order of fields; nothing
// but that spelling is accepted, so the bytes that were signed or read over
// the telephone are the only bytes with that meaning. The specification is
// docs/formats/root-v1.md; where it and this package differ, it is right.
//
// The first root of a site is trusted by its fingerprint, see [Fingerprint].
// Each later one is trusted because the one before it vouches for it, see
// [VerifyRootUpdate].
//
// # Signatures
//
// Signatures are ECDSA P-256 over the SHA-256 of the bytes, in DER, as cosign
// and openssl make them. [VerifySignatures] counts distinct public keys, and
// every signature that is present must be good: a statement with a good and a
// bad signature is refused, because a byte that nobody checks is a byte that
// somebody can change.
//
// # Fit
//
// [CheckFit] compares a statement whose signatures were verified with the
// state of the site: is it for this site, is it the next shipment, does it
// continue the history that was accepted, is it of our time.
//
// # Zero values
//
// The requirements are plain values, and the zero [Root], [Policy] and [State]
// refuse everything: a requirement that was forgotten cannot weaken the check.
//
// This package uses the standard library and package bundle alone, reads no
// file and no clock, and can be built into a verifier of a few megabytes.
package statement
