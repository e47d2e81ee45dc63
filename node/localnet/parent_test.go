package localnet_test

import (
	"context"
	"fmt"
	"os"

	"github.com/custodyledger/custodyledger/node/localnet"
)

// parentVariable makes the test binary play a program that runs nodes, in the
// folder that it names.
const parentVariable = "CUSTODY_TEST_PARENT"

// playParent runs three nodes, prints their process ids, and waits to be killed.
func playParent(dir string) int {
	ctx := context.Background()
	net, err := localnet.Run(ctx, localnet.Options{Dir: dir, Program: os.Getenv(parentVariable + "_PROGRAM")})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	for _, node := range net.Nodes() {
		fmt.Println(node.PID())
	}
	fmt.Println("ready")
	if err := net.Wait(ctx); err != nil {
		fmt.Println("error:", err)
	}
	return 1
}
