//go:build !plain

package node

// cosigning is false only in a binary built with the tag plain, for measuring
// what cosigning costs.
const cosigning = true
