package rules

import (
	"strings"

	"github.com/custodyledger/custodyledger/ledger"
)

// Actions names the columns of the table of blocks, in the order of their bits.
var Actions = []string{"move custody", "move title", "give back", "come back", "change of matter", "border", "incident", "destroyed"}

// Obstacle is a row of the table: its reason, and what it stops, as Actions.
type Obstacle struct {
	Reason ledger.Reason
	Stops  []bool
}

// Obstacles gives the table in the code.
func Obstacles() []Obstacle {
	var rows []Obstacle
	for _, b := range blocks {
		row := Obstacle{Reason: b.reason}
		for i := range Actions {
			row.Stops = append(row.Stops, b.stops&(1<<i) != 0)
		}
		rows = append(rows, row)
	}
	return rows
}

// BlocksTable is how DESIGN.md shows it.
func BlocksTable() string {
	var b strings.Builder
	b.WriteString("| | " + strings.Join(Actions, " | ") + " |\n|---|" + strings.Repeat("---|", len(Actions)) + "\n")
	for _, row := range Obstacles() {
		b.WriteString("| `" + string(row.Reason) + "` |")
		for _, stops := range row.Stops {
			b.WriteString(map[bool]string{true: " × |", false: " |"}[stops])
		}
		b.WriteString("\n")
	}
	return b.String()
}
