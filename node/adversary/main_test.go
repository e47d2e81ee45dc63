package adversary

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// The tests wait for nodes more than they work, so that more of them than cores run side by side.
const atOnce = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == flag.Lookup("test.parallel").DefValue {
		flag.Set("test.parallel", atOnce)
	}
	goleak.VerifyTestMain(m)
}
