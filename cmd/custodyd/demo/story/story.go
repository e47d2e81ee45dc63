// Package story is what the demo tells: numbered acts, each with one plain
// sentence and the details behind it. The same acts are told on the terminal
// while they happen and written as a page at the end.
package story

import "time"

// Story is everything that was told.
type Story struct {
	Title string
	// Lead stands under the title, in a few sentences.
	Lead  string
	Begun time.Time
	// Facts are the figures of the whole story, in the order of telling.
	Facts []Fact
	Acts  []Act
	// Commands say how to talk to the nodes while they run; empty when they do not.
	Commands []Command
}

// Fact is one figure with its name.
type Fact struct{ Name, Value string }

// Command is a line to copy and what it does.
type Command struct{ What, Line string }

// Act is one thing that happened.
type Act struct {
	Number   int
	Title    string
	Sentence string
	Details  []Detail
	Took     time.Duration
}

// Detail is one piece of evidence for an act: exactly one field is set.
type Detail struct {
	Text   string
	Table  *Table
	Output *Output
	Chart  *Chart
}

// Table is a table with a caption. Numbers marks the columns that hold numbers.
type Table struct {
	Caption string
	Columns []string
	Numbers []bool
	Rows    [][]string
}

// Output is what a program printed, with the command that was typed.
type Output struct {
	Command string
	Text    string
	Status  int
}

// Chart is a count per slice of time, with moments marked in it.
type Chart struct {
	Caption string
	Slice   time.Duration
	Counts  []int
	Marks   []Mark
}

// Mark is a moment in a chart.
type Mark struct {
	At   time.Duration
	Name string
}

// Text makes a detail of a sentence.
func Text(s string) Detail { return Detail{Text: s} }
