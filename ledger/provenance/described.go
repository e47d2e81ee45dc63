package provenance

import (
	"slices"

	"github.com/custodyledger/custodyledger/ledger/rules"
	custodyv1 "github.com/custodyledger/custodyledger/proto/custody/v1"
)

func ofRegistration(r *custodyv1.ItemRegister) Described {
	return Described{
		Description: r.Description, OutsideIDs: outsideIDs(r.OutsideIds), Declared: r.Mass, Fineness: r.FinenessPermyriad,
		ProcessedIn: r.ProcessedIn, CustomsOrigin: r.CustomsOrigin, ExportedFrom: r.ExportedFrom, HSCode: r.HsCode,
		Acquisition: r.Acquisition,
	}
}

func ofOutput(o *custodyv1.Output) Described {
	return Described{
		Description: o.Description, OutsideIDs: outsideIDs(o.OutsideIds), Declared: o.Mass, Fineness: o.FinenessPermyriad, HSCode: o.HsCode,
	}
}

func outsideIDs(ids []*custodyv1.OutsideId) []OutsideID {
	var list []OutsideID
	for _, id := range ids {
		list = append(list, OutsideID{OutsideID: outsideID(id)})
	}
	return list
}

func outsideID(id *custodyv1.OutsideId) rules.OutsideID {
	return rules.OutsideID{Kind: id.Kind, Issuer: id.Issuer, Number: id.Number}
}

// correct replaces what a correction gives.
func (d *Described) correct(event *Event, c *custodyv1.Correct) {
	d.Corrections = append(d.Corrections, event)
	if c.Description != nil {
		d.Description = c.Description
	}
	if len(c.OutsideIds) > 0 {
		before := d.OutsideIDs
		d.OutsideIDs = outsideIDs(c.OutsideIds)
		for n, id := range d.OutsideIDs {
			if at := slices.IndexFunc(before, func(o OutsideID) bool { return o.OutsideID == id.OutsideID }); at >= 0 {
				d.OutsideIDs[n] = before[at]
			}
		}
	}
	for _, field := range []struct {
		of    *string
		given string
	}{
		{&d.ProcessedIn, c.ProcessedIn}, {&d.CustomsOrigin, c.CustomsOrigin}, {&d.ExportedFrom, c.ExportedFrom}, {&d.HSCode, c.HsCode},
	} {
		if field.given != "" {
			*field.of = field.given
		}
	}
}

func (d *Described) strike(id rules.OutsideID, ruling *Event) {
	for n := range d.OutsideIDs {
		if d.OutsideIDs[n].OutsideID == id {
			d.OutsideIDs[n].Struck = ruling
		}
	}
}
