//go:build plain

package node

const cosigning = false
