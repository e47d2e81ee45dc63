//go:build plain

package replica

const plain = true
