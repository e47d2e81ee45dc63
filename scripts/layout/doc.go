// Package layout holds no code, only a test that keeps the shape of the
// repository: which folders exist, in which order packages may import each
// other, and which library may be imported where. The tables are in
// tables_test.go; whoever adds a package gives it its place there.
//
// The rules, each with its reason:
//
//  1. A package imports only packages in rows above its own. Packages of one
//     row do not import each other. So the bytes and the rules never depend
//     on the node, and audit can run without one.
//  2. A package below another, such as consensus/x, counts as part of it.
//     Below ledger every package has a row of its own instead.
//  3. A test may also import its neighbours in the same top-level folder,
//     whatever their row: the store's tests end with an audit.
//  4. A package whose name ends in "test" helps tests. It follows rule 3 and
//     is imported by tests only.
//  5. Some libraries stand behind a fence: only one package may import them,
//     in its tests too, so that they can be replaced and reviewed at one place.
//  6. The packages that every node must run alike see no clock, randomness,
//     file or network. They may take an io.Reader, and name durations.
//  7. No cgo: the programs are static. No package named util, common or helpers.
package layout
