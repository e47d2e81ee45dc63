// Package node assembles one node of the custody ledger: its configuration,
// its identity, its data folder, and everything that runs in it.
package node
