package workload

import (
	_ "embed"
	"strings"

	"github.com/custodyledger/custodyledger/ledger/vocabulary"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

//go:embed stones/stones.csv
var stonesCSV string

// stone is a polished diamond, see stones/README.md.
type stone struct {
	carat      string
	micrograms uint64
	colour     string
	clarity    string
}

var stones = readStones()

func readStones() []stone {
	var list []stone
	for _, row := range strings.Split(strings.TrimSpace(stonesCSV), "\n")[1:] {
		cells := strings.Split(row, ",")
		micrograms, err := vocabulary.Micrograms(cells[0], custodyv1.Unit_UNIT_CARAT)
		if err != nil {
			panic("workload: stones.csv: " + err.Error())
		}
		list = append(list, stone{carat: cells[0], micrograms: micrograms, colour: cells[2], clarity: cells[3]})
	}
	return list
}

// shares of countries in what comes to the ledger. They resemble the published figures
// of no year: made up.
var diamondShares = []share{{"BW", 30}, {"RU", 25}, {"CA", 15}, {"AO", 12}, {"ZA", 8}, {"NA", 5}, {"AU", 3}, {"LS", 2}}
var goldShares = []share{{"GH", 25}, {"PE", 25}, {"AU", 20}, {"CA", 20}, {"RU", 10}}
var gemShares = []share{{"CO", 30}, {"ZM", 30}, {"LK", 25}, {"MM", 15}}

type share struct {
	country string
	weight  int
}
