package volume

// Report is a table as programs read it, masses in micrograms.
type Report struct {
	PartiesMin int            `json:"parties_min"`
	Rows       []ReportRow    `json:"rows"`
	Findings   []ReportMarked `json:"findings"`
}

// ReportRow is a Row; without a mass where it was left out.
type ReportRow struct {
	Material   string  `json:"material"`
	Countries  string  `json:"countries"`
	Year       int     `json:"year"`
	Produced   bool    `json:"produced"`
	Micrograms *uint64 `json:"micrograms,omitempty"`
	LeftOut    bool    `json:"left_out,omitempty"`
}

// ReportMarked is a Finding.
type ReportMarked struct {
	Material string `json:"material"`
	Country  string `json:"country"`
	Year     int    `json:"year"`
	Mined    uint64 `json:"mined"`
	Text     string `json:"text"`
}

// Report writes a table for programs.
func (t *Table) Report() *Report {
	r := &Report{PartiesMin: PartiesMin, Rows: []ReportRow{}, Findings: []ReportMarked{}}
	for _, row := range t.Rows {
		out := ReportRow{Material: substance(row.Material, row.Metal), Countries: row.Countries, Year: row.Year, Produced: row.Produced, LeftOut: row.Suppressed}
		if !row.Suppressed {
			out.Micrograms = &row.Micrograms
		}
		r.Rows = append(r.Rows, out)
	}
	for _, f := range t.Findings {
		r.Findings = append(r.Findings, ReportMarked{substance(f.Material, f.Metal), f.Country, f.Year, f.Mined, f.String()})
	}
	return r
}
