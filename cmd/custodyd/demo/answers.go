package demo

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	"github.com/custodyledger/custodyledger/cmd/custodyd/demo/story"
)

// Files about the ring.
const (
	ringReport    = ringDir + "/report.html"
	ringLineage   = ringDir + "/lineage.svg"
	ringEPCIS     = ringDir + "/ring.jsonld"
	ringScreening = ringDir + "/country-list.yaml"
)

//go:embed countries.yaml
var countryList []byte

// answers asks the ledger what is in the ring, in the ways that people ask.
func (p *play) answers(ctx context.Context, act *story.Act) error {
	if err := os.WriteFile(p.path(ringScreening), countryList, 0o600); err != nil {
		return err
	}
	lineage, err := p.custody(ctx, 0, "lineage", p.ring.piece, "--svg", ringLineage)
	if err != nil {
		return err
	}
	screened, err := p.custody(ctx, 0, "screen", p.ring.piece, "--policy", ringScreening)
	if err != nil {
		return err
	}
	for _, want := range []string{": UNDETERMINED", "may be mined in RU", "no ledger can see what was melted"} {
		if !strings.Contains(screened.Text, want) {
			return fmt.Errorf("the screening of the ring does not say %q:\n%s", want, screened.Text)
		}
	}
	reported, err := p.custody(ctx, 0, "report", p.ring.piece, "--html", ringReport, "--attach", "--title", "A ring of the demo; everything in it is made up")
	if err != nil {
		return err
	}
	for _, want := range []string{"where it came from is unknown", "no ledger can see"} {
		if !strings.Contains(reported.Text, want) {
			return fmt.Errorf("the report of the ring does not say %q:\n%s", want, reported.Text)
		}
	}
	exported, err := p.custody(ctx, 0, "epcis", p.ring.piece, "--out", ringEPCIS)
	if err != nil {
		return err
	}
	act.Sentence = "Whoever has the ring asks what is in it, and gets every part with its possible origins and how well each is borne out. The emerald's origin is unknown, in red; " +
		"the melee may be from either country; the gold that is called recycled is undetermined, because no ledger can see what was melted."
	act.Details = []story.Detail{
		{Output: lineage},
		{Output: screened},
		{Output: exported},
		story.Text(fmt.Sprintf("The report, with the file that proves it inside, the drawing and the EPCIS file lie in the demo's folder: %s, %s, %s.", ringReport, ringLineage, ringEPCIS)),
	}
	return nil
}
