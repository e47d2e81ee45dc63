package report

import (
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
)

//go:embed report.html
var page string

// rowsMax is the number of rows of one table in the HTML form. Tables say what they
// leave out; the JSON form has all.
const rowsMax = 100

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"date": Date, "moment": Moment,
	"join":   func(list []string, by string) string { return strings.Join(list, by) },
	"levels": func() []string { return []string{"unknown", "stated", "documented", "examined", "source-matched"} },
	"weight": func(micrograms uint64, c Coverage) string {
		if micrograms == 0 {
			return "–"
		}
		return weight(micrograms, c.material)
	},
	"metal": func(what, metal string) string {
		if metal == "" || strings.HasSuffix(what, " "+metal) || what == metal {
			return ""
		}
		return ": " + metal
	},
	"short": func(id string) string {
		if len(id) < 20 {
			return id
		}
		return id[:8] + "…" + id[len(id)-4:]
	},
	"holders":  func(l []Holder) []Holder { return l[:min(len(l), rowsMax)] },
	"papers":   func(l []Paper) []Paper { return l[:min(len(l), rowsMax)] },
	"parts":    func(l []Part) []Part { return l[:min(len(l), rowsMax)] },
	"begins":   func(l []Begin) []Begin { return l[:min(len(l), rowsMax)] },
	"changes":  func(l []Change) []Change { return l[:min(len(l), rowsMax)] },
	"flags":    func(l []Flag) []Flag { return l[:min(len(l), rowsMax)] },
	"gaps":     func(l []Gap) []Gap { return l[:min(len(l), rowsMax)] },
	"more":     func(n int) int { return max(n-rowsMax, 0) },
	"evidence": func(level string) string { return strings.ReplaceAll(level, " ", "-") },
}).Parse(page))

// HTML writes the report as one file that needs nothing else: no scripts, no fonts,
// no network. It prints on A4 and Letter. Lineages are drawn in it, if given, one
// for each item in their order. A bundle that is attached can be saved from it.
func (r *Report) HTML(w io.Writer, lineages ...*Lineage) error {
	view := struct {
		*Report
		Drawings []template.HTML
		Attached template.URL
	}{Report: r}
	for _, l := range lineages {
		var drawing strings.Builder
		if err := l.SVG(&drawing); err != nil {
			return err
		}
		// What SVG writes is escaped by it; nothing else gets here.
		view.Drawings = append(view.Drawings, template.HTML(drawing.String()))
	}
	if r.attached != nil {
		view.Attached = template.URL("data:application/octet-stream;base64," + base64.StdEncoding.EncodeToString(r.attached))
	}
	return pageTemplate.Execute(w, view)
}
