//go:build !plain

package replica

// plain is true only in a binary built with the tag plain, for measuring what
// signed proposals cost. Such a node accepts what anybody proposes.
const plain = false
