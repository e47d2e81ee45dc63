package paper

import (
	"fmt"
	"html/template"
	"io"
)

const blank = "______________________________"

const warned = "The record does not bear out all of this. Look at these before you sign:"

func (d *Document) foot() string {
	return fmt.Sprintf("Filled from the ledger %s at %d entries. Blank lines are what the ledger does not know. Its record is proven by a bundle, not by this paper.", d.Ledger, d.Entries)
}

// Text writes the document for a terminal or a text file.
func (d *Document) Text(w io.Writer) {
	fmt.Fprintf(w, "%s\n\n", d.Title)
	split := d.signing()
	fields(w, d.Fields[:split])
	if len(d.Types) > 0 {
		fmt.Fprintln(w, "\nType of transfer")
	}
	for _, c := range d.Types {
		box := " "
		if c.Ticked {
			box = "x"
		}
		fmt.Fprintf(w, "  [%s] %s\n", box, c.Text)
	}
	if len(d.Lines) > 0 {
		fmt.Fprintln(w, "\nGoods")
	}
	for _, l := range d.Lines {
		fmt.Fprintf(w, "  %s  %s", l.Item, l.What)
		for _, more := range []struct{ label, value string }{{"pieces", l.Count}, {"mass", l.Mass}, {"numbers", l.Numbers}, {"origin", l.Origin}} {
			if more.value != "" {
				fmt.Fprintf(w, "; %s: %s", more.label, more.value)
			}
		}
		fmt.Fprintln(w)
	}
	if len(d.Matrix) > 0 {
		fmt.Fprintf(w, "\n  %-12s %16s %16s %16s %16s %16s\n", "", "mined", "by-product", "recycled", "grandfathered", "not known")
	}
	for _, m := range d.Matrix {
		fmt.Fprintf(w, "  %-12s %16s %16s %16s %16s %16s\n", m.Metal, m.Mined, m.ByProduct, m.Recycled, m.Grandfathered, m.LessIsKnown)
	}
	fmt.Fprintf(w, "\n%s\n", d.Statement)
	if len(d.Warnings) > 0 {
		fmt.Fprintf(w, "\n%s\n", warned)
	}
	for _, text := range d.Warnings {
		fmt.Fprintf(w, "  ! %s\n", text)
	}
	fmt.Fprintln(w)
	fields(w, d.Fields[split:])
	fmt.Fprintf(w, "\n%s\n", d.foot())
}

func fields(w io.Writer, fields []Field) {
	for _, f := range fields {
		value := f.Value
		if value == "" {
			value = blank
		}
		fmt.Fprintf(w, "%-45s %s\n", f.Label, value)
	}
}

// signing gives where the fields begin that stand below the statement: the last two.
func (d *Document) signing() int { return max(0, len(d.Fields)-2) }

// HTML writes a page of its own that prints on A4 and Letter, without scripts and
// without anything from elsewhere.
func (d *Document) HTML(w io.Writer) error {
	split := d.signing()
	return page.Execute(w, map[string]any{
		"D": d, "Above": d.Fields[:split], "Below": d.Fields[split:], "Warned": warned, "Foot": d.foot(),
	})
}

var page = template.Must(template.New("paper").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.D.Title}}</title>
<style>
@page { margin: 18mm }
body { font: 11pt/1.4 serif; color: #000; background: #fff; max-width: 180mm; margin: auto }
h1 { font-size: 16pt }
table { border-collapse: collapse; width: 100%; margin: 4mm 0 }
td, th { text-align: left; vertical-align: top; padding: 1mm 2mm; border-bottom: 0.2mm solid #999; overflow-wrap: anywhere }
thead { display: table-header-group }
tr { break-inside: avoid }
.blank { border-bottom: 0.3mm solid #000; min-width: 60mm; height: 7mm }
.label { width: 40% }
.warning { border: 0.6mm solid #b00000; padding: 2mm 4mm; break-inside: avoid }
.foot { font-size: 9pt; color: #333 }
</style></head><body>
<h1>{{.D.Title}}</h1>
<table>{{range .Above}}<tr><td class="label">{{.Label}}</td><td{{if not .Value}} class="blank"{{end}}>{{.Value}}</td></tr>
{{end}}</table>
{{if .D.Types}}<p>Type of transfer</p><ul style="list-style:none">{{range .D.Types}}<li>{{if .Ticked}}&#9746;{{else}}&#9744;{{end}} {{.Text}}</li>
{{end}}</ul>{{end}}
{{if .D.Lines}}<table><thead><tr><th>Item</th><th>Goods</th><th>Pieces</th><th>Mass</th><th>Numbers</th><th>Origin, as recorded</th></tr></thead>
{{range .D.Lines}}<tr><td>{{.Item}}</td><td>{{.What}}</td><td>{{.Count}}</td><td>{{.Mass}}</td><td>{{.Numbers}}</td><td>{{.Origin}}</td></tr>
{{end}}</table>{{end}}
{{if .D.Matrix}}<table><thead><tr><th>Metal</th><th>Mined</th><th>By-product</th><th>Recycled</th><th>Grandfathered</th><th>Not known</th></tr></thead>
{{range .D.Matrix}}<tr><td>{{.Metal}}</td><td>{{.Mined}}</td><td>{{.ByProduct}}</td><td>{{.Recycled}}</td><td>{{.Grandfathered}}</td><td>{{.LessIsKnown}}</td></tr>
{{end}}</table>{{end}}
<p>{{.D.Statement}}</p>
{{if .D.Warnings}}<div class="warning"><p>{{.Warned}}</p><ul>{{range .D.Warnings}}<li>{{.}}</li>
{{end}}</ul></div>{{end}}
<table>{{range .Below}}<tr><td class="label">{{.Label}}</td><td{{if not .Value}} class="blank"{{end}}>{{.Value}}</td></tr>
{{end}}</table>
<p class="foot">{{.Foot}}</p>
</body></html>
`))
