// Package ferry carries container releases across an air gap as signed
// bundles that hold only what the site lacks.
//
// There is no code here: the package exists for this overview and for the
// test that keeps imports pointing one way (arch_test.go).
//
// # The two ends
//
// Outside, package outside reads a release, asks the ledger what a site
// holds, and writes what it lacks as a bundle. Inside, package inside
// verifies the bundle, stages it, pushes it into the site's registry and
// records it. Nothing but the bundle passes between them.
//
// # Where to start reading
//
// Package bundle is the format that crosses the gap, verify/statement is what
// must hold before one byte of it is acted on, and package ledger is the
// bookkeeping of either side. docs/design.md has the order of writes that
// everything else rests on, docs/terms.md the words.
package ferry
