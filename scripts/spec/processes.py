"""Changes of matter and corrections: section 14 of ledger/SPEC.md. bundle.py runs them."""
import matter
import verify as spec
from matter import (BULK, COUNTRIES, DIAMOND, ESTIMATED, GEM, MASS_MAX, METAL, PART, PIECE, POLISHED, SINGLE, UNKNOWN, Matter,
                    ascending, blend, check_line, mixed, parted, rule, same_species, share, tolerance, total)

CUT, SPLIT, MERGE, MELT, REFINE, TREAT, ASSEMBLE, DISASSEMBLE, REWORK = range(1, 10)
MANY, CHILDREN_MAX, LINES_MAX, ORIGINS_MAX = 500, 400, 256, 64
SERVICE, CHANGES, CONSUMED = 5, 16, 3

# process: least and most inputs, least and most outputs, loss in parts of 1000
TABLE = {CUT: (1, 1, 1, MANY, 980), SPLIT: (1, 1, 2, MANY, 10), MERGE: (2, MANY, 1, 1, 10), MELT: (1, MANY, 1, MANY, 100), REFINE: (1, MANY, 1, MANY, 500),
         TREAT: (1, 1, 0, 0, 50), ASSEMBLE: (1, MANY, 1, 1, 0), DISASSEMBLE: (1, MANY, 0, MANY, 1000), REWORK: (1, MANY, 0, MANY, 1000)}


def amounts(matters):
    """Gives the micrograms of each substance: (material, metal)."""
    out = {}
    for m in matters:
        for metal, n in m.composition if m.material == METAL else [(0, m.mass)]:
            out[m.material, metal] = out.get((m.material, metal), 0) + n
    return out


def pooled(*origins):
    """Adds up components of one source, in the order in which each came first."""
    pool = {}
    for origin in origins:
        for source, n in origin:
            pool[source] = pool.get(source, 0) + n
    return list(pool.items())


def bounded(pool):
    """Joins sources until there are no more than an item can have."""
    pool = [(s, n) for s, n in pool if n]
    if len(pool) > ORIGINS_MAX:
        pool = pooled([((metal, kind, countries, "", "", 0, 0), n) for (metal, kind, countries, *_), n in pool])
    if len(pool) > ORIGINS_MAX:
        possible = {}
        for (metal, kind, countries, *_), _ in pool:
            possible.setdefault((metal, kind), set()).update(countries)
        pool = pooled([((s[0], s[1], tuple(sorted(possible[s[:2]])), "", "", 0, 0), n) for s, n in pool])
    rule(len(pool) <= ORIGINS_MAX, "TOO_MANY_ORIGINS")
    return pool


def joined_model(inputs, pool):
    model = min(m.model for m in inputs)
    if len(inputs) == 1:
        return model
    return min(model, matter.SEGREGATED if all(len(m.origin) == len(pool) for m in inputs) else matter.BLENDED)


def in_proportion(a, b):
    return all(abs(a.of_metal(x) * b.mass - b.of_metal(x) * a.mass) <= a.mass * b.mass // 10000 + a.mass + b.mass for x in range(1, 12))


def things(m):
    """Gives how many things there are, 0 if nobody counted them."""
    if m.count:
        return m.count if m.count_basis != ESTIMATED else 0
    return 1 if m.form in (SINGLE, PART, PIECE) else 0


class Balance:
    def __init__(self, said):
        self.loss, self.gain, self.shortfall, self.said = {}, {}, {}, bool(said)
        order = []
        for b in said:
            at = b["material"], b.get("metal", 0)
            rule((at[0] == METAL) == (at[1] != 0), "INVALID_FIELD")
            order.append((at[0] == METAL, at))  # metals stand behind all others
            self.loss[at], self.gain[at], self.shortfall[at] = (b.get(f + "_micrograms", 0) for f in ("loss", "gain", "shortfall"))
            rule(self.loss[at] or self.gain[at] or self.shortfall[at], "NON_CANONICAL")
            rule(not self.gain[at] or not self.shortfall[at], "INVALID_FIELD")
        rule(ascending(order), "NON_CANONICAL")

    def conserve(self, inputs, added, outputs, loss_max):
        for at in set(inputs) | set(added) | set(outputs) | set(self.loss):
            went_in = inputs.get(at, 0)
            loss, gain, shortfall = self.loss.get(at, 0), self.gain.get(at, 0), self.shortfall.get(at, 0)
            rule(outputs.get(at, 0) + loss + shortfall == went_in + added.get(at, 0) + gain, "CONSERVATION_VIOLATED")
            rule(loss <= (went_in + added.get(at, 0)) * loss_max // 1000, "LOSS_TOO_LARGE")
            rule(not gain + shortfall or went_in and gain + shortfall <= tolerance(went_in), "DIFFERENCE_TOO_LARGE")

    def without_loss(self, material, pool, outputs, as_before):
        """Gives the pool of origins without what was lost."""
        for metal in {s[0] for s, _ in pool} | {metal for m, metal in outputs if m == material}:
            at = material, metal
            weights = [n if s[0] == metal else 0 for s, n in pool]
            out, left = outputs.get(at, 0), max(sum(weights) - self.loss.get(at, 0), 0)
            rule(left or not out, "DIFFERENCE_TOO_LARGE")
            rule(abs(left - out) <= tolerance(left) or as_before, "DIFFERENCE_TOO_LARGE")
            if sum(weights) > left:
                pool = [(s, n - lost) for (s, n), lost in zip(pool, share(sum(weights) - left, weights))]
        return pool


class Change:
    """A change of matter while it is judged."""

    def __init__(self, state, body):
        self.state, self.body, self.process = state, body, body["process"]
        least_in, most_in, least_out, most_out, self.loss_max = TABLE[self.process]
        said = body.get("outputs", [])
        rule("country" not in body or body["country"].decode() in COUNTRIES, "COUNTRY_INVALID")
        rule(least_in <= len(body["inputs"]) <= most_in and least_out <= len(said) <= most_out, "PROCESS_INVALID")
        rule("additions" not in body or self.process in (MELT, REFINE, ASSEMBLE, REWORK), "PROCESS_INVALID")
        rule("removed" not in body and "filings" not in body or self.process == REWORK, "PROCESS_INVALID")
        rule(("treatments" in body) == (self.process == TREAT), "PROCESS_INVALID")
        self.made, references = [], []
        for o in said:
            rule(("bill_line" in o) == (self.process == DISASSEMBLE), "PROCESS_INVALID")
            rule("allocation" not in o or self.process == SPLIT, "ALLOCATION_INVALID")
            self.made.append(Matter(o))
            matter.check_outside_ids(o.get("outside_ids", []), o.get("material", 0), o["form"])
            if "hs_code" in o and o["form"] != PIECE:
                matter.check_hs(o["hs_code"].decode(), self.made[-1:])
            references += [o["reference"]] if "reference" in o else []
        rule(len(set(references)) == len(references), "REFERENCE_TAKEN")
        self.added = []
        for line in body.get("additions", []):
            rule("origin" not in line, "PROCESS_INVALID")
            self.added.append(check_line(line, 0))
        self.balance = Balance(body.get("balances", []))
        self.ids = [ref["item"] for ref in spec.advanced({"transform": body})]
        refs = body["inputs"] + body.get("removed", []) + [f["item"] for f in body.get("filings", [])]
        self.items = [state.current(ref) for ref in refs]
        self.matters = [state.matters[i] for i in self.ids]
        self.changed = {}

    def may_work(self, items):
        for item in items:
            self.state.drop_lapsed(item)
            rule(item["custody"] == ("party", self.state.party), "NOT_HOLDER")
            in_service = item["terms"] and item["terms"][-1]["mode"] == SERVICE
            rule(item["title"][0][0] == ("party", self.state.party) or in_service, "NOT_OWNER")
            rule((item["title"], item["terms"]) == (items[0]["title"], items[0]["terms"]), "TITLE_DIFFERS")
            rule(not item["offers"], "OFFER_OPEN")
            self.state.free(item, CHANGES)

    def same_kind(self, m, out):
        rule(out.material == m.material and same_species(m.species, out.species), "MATERIAL_MISMATCH")
        rule(out.nature == m.nature, "NATURE_MISMATCH")

    def settle(self, inputs, additions, as_before):
        """Demands that all balances and gives the pool of origins that is left for the outputs."""
        outputs = amounts(self.made)
        self.balance.conserve(amounts(inputs), amounts(additions), outputs, self.loss_max)
        pool = pooled(*[m.origin for m in inputs + additions])
        return self.balance.without_loss(inputs[0].material, pool, outputs, as_before and not self.balance.said)

    def treated_as(self, codes, year, model):
        self.made = [m.but(codes=codes, year=year, model=model) for m in self.made]

    def dealt(self, pool):
        books = share(total(pool), [m.mass for m in self.made])
        rule(all(books), "DIFFERENCE_TOO_LARGE")
        return books

    def unsorted(self, as_before):
        source = mixed(self.matters[0].origin)
        books = self.dealt(self.settle(self.matters, [], as_before))
        self.made = [m.but(origin=[(source, book)]) for m, book in zip(self.made, books)]

    def cut(self):
        self.may_work(self.items)
        m = self.matters[0]
        rule(m.material in (DIAMOND, GEM), "MATERIAL_MISMATCH")
        for out in self.made:
            self.same_kind(m, out)
            rule(out.stage in (POLISHED, m.stage), "MATERIAL_MISMATCH")
        self.treated_as(m.codes, m.year, m.model)
        self.unsorted(False)

    def split(self):
        self.may_work(self.items)
        m = self.matters[0]
        rule((m.divided() or m.form == SINGLE and m.material == METAL) and not m.children, "FORM_INVALID")
        for out in self.made:
            self.same_kind(m, out)
            rule(out.stage == m.stage, "MATERIAL_MISMATCH")
            rule(out.form == m.form if m.form in (PART, PIECE) else out.form not in (PART, PIECE), "FORM_INVALID")
            rule(m.material != METAL or in_proportion(m, out), "COMPOSITION_INVALID")
        if m.counted():
            rule(all(things(out) for out in self.made), "COUNT_INVALID")
            rule(not m.alike() or all(out.mass == m.mass // m.count * things(out) for out in self.made), "CONSERVATION_VIOLATED")
            rule(sum(things(out) for out in self.made) == m.count, "CONSERVATION_VIOLATED")
        self.treated_as(m.codes, m.year, m.model)
        if m.form == PIECE:
            rule(not self.balance.said, "CONSERVATION_VIOLATED")
            parts = parted(m, [out.mass for out in self.made], [things(out) for out in self.made])
            self.made = [part.but(basis=out.basis) for part, out in zip(parts, self.made)]
            for o, part in zip(self.body["outputs"], self.made):
                if "hs_code" in o:
                    matter.check_hs(o["hs_code"].decode(), part.bill)
        elif any("allocation" in o for o in self.body["outputs"]):
            self.sorted_out(m)
        elif m.material == METAL:
            self.blended(self.matters, [])
        else:
            self.unsorted(True)

    def sorted_out(self, m):
        rule(m.material != METAL, "ALLOCATION_INVALID")
        books = self.dealt(self.settle(self.matters, [], True))
        left = [n for _, n in m.origin]
        for i, o in enumerate(self.body["outputs"]):
            allocation = o.get("allocation", [])
            rule(ascending([a["component"] for a in allocation]), "NON_CANONICAL")
            rule(all(a["component"] <= len(left) for a in allocation), "ALLOCATION_INVALID")
            for a in allocation:
                left[a["component"] - 1] -= a["micrograms"]
            rule(min(left) >= 0 and sum(a["micrograms"] for a in allocation) == books[i], "ALLOCATION_INVALID")
            self.made[i] = self.made[i].but(origin=[(m.origin[a["component"] - 1][0], a["micrograms"]) for a in allocation])

    def merge(self):
        self.may_work(self.items)
        first, out = self.matters[0], self.made[0]
        counted, things_in = True, 0
        for m in self.matters:
            self.same_kind(m, out)
            rule(m.form != PIECE and (m.form == PART) == (out.form == PART) and out.form not in (SINGLE, PIECE), "FORM_INVALID")
            rule(m.stage == out.stage and m.codes == first.codes, "MATERIAL_MISMATCH")
            n = m.count
            if m.form == SINGLE or m.form == PART and not n:
                n = 1
            elif not m.counted():
                counted = False
            things_in += n
            rule(not out.alike() or counted and (n == 1 or m.alike()) and m.mass == out.mass // out.count * n, "COUNT_INVALID")
        rule(out.form != PART or out.counted(), "COUNT_INVALID")
        rule(not counted or not out.counted() or things_in == out.count, "CONSERVATION_VIOLATED")
        pool = self.settle(self.matters, [], False)
        self.treated_as(first.codes, max(m.year for m in self.matters), joined_model(self.matters, pool))
        self.made = [self.made[0].but(origin=bounded(pool))]

    def melt(self):
        self.may_work(self.items)
        rule(all(m.material == METAL for m in self.matters + self.added + self.made), "MATERIAL_MISMATCH")
        rule(self.process == REFINE or all(in_proportion(m, self.made[0]) for m in self.made), "COMPOSITION_INVALID")
        self.blended(self.matters, self.added)

    refine = melt

    def blended(self, inputs, additions):
        pool = self.settle(inputs, additions, len(inputs) == 1)
        model = 0 if additions else joined_model(inputs, pool)
        origins = blend(bounded(pool), self.made) if self.made else []
        rule(all(origins), "DIFFERENCE_TOO_LARGE")
        self.made = [m.but(origin=origin, model=model) for m, origin in zip(self.made, origins)]

    def treat(self):
        self.may_work(self.items)
        m, said = self.matters[0], self.body["treatments"]
        rule(m.material not in (METAL, 0), "TREATMENT_INVALID")
        codes = [c.decode() for c in said["codes"]]
        matter.check_treatments((said["list"], codes), m.material, m.nature, m.species)
        rule(codes != ["N"] and not set(codes) <= set(m.codes), "TREATMENT_INVALID")
        m = m.but(codes=sorted(set(m.codes) - {"N"} | set(codes)), year=max(m.year, said["list"]))
        if self.balance.said:
            at, b = (m.material, 0), self.balance
            mass = m.mass + b.gain.get(at, 0) - b.loss.get(at, 0) - b.shortfall.get(at, 0)
            rule(max(m.count, 1) <= mass <= MASS_MAX, "LOSS_TOO_LARGE or MASS_MISMATCH")
            b.conserve(amounts([m]), {}, {at: mass}, self.loss_max)
            pool = b.without_loss(m.material, pooled(m.origin), {at: mass}, False)
            m = m.but(mass=mass, origin=[(s, n) for s, n in pool if n], equal=m.equal and mass % m.count == 0)
        self.changed[self.ids[0]] = m

    def assemble(self):
        self.may_work(self.items)
        out = self.made[0]
        rule(out.form == PIECE and not out.count and len(self.ids) <= CHILDREN_MAX, "FORM_INVALID, COUNT_INVALID or TOO_LARGE")
        rule(not self.balance.said, "CONSERVATION_VIOLATED")
        rule(sum(m.mass for m in self.matters + self.added) == out.mass, "CONSERVATION_VIOLATED")
        piece = spec.item_id(self.state.event_id, 0)
        for item in self.items:
            item.update(within=piece, offers=[])
        self.made = [out.but(bill=self.added, children=list(self.ids), model=self.weakest(self.matters))]
        if "hs_code" in self.body["outputs"][0]:
            matter.check_hs(self.body["outputs"][0]["hs_code"].decode(), self.matters + self.added)

    def weakest(self, matters):
        return 0 if self.added else min(m.model for m in matters)

    def the_piece(self, inputs):
        rule(self.matters[0].form == PIECE, "FORM_INVALID")
        self.may_work(self.items[:inputs])

    def part(self, item):
        rule(item["within"] == self.ids[0], "NOT_PART")
        self.state.free(dict(item, within=bytes(20)), CHANGES)

    def take_out(self, item):
        whole = self.items[0]
        item.update(within=bytes(20), custody=whole["custody"], title=whole["title"], terms=whole["terms"])

    def disassemble(self):
        self.the_piece(1)
        whole = self.matters[0]
        for item in self.items[1:]:
            self.part(item)
            self.take_out(item)
        rule(len(self.items) - 1 == len(whole.children), "PROCESS_INVALID")
        used = [o["bill_line"] for o in self.body.get("outputs", [])]
        rule(len(set(used)) == len(used) and all(n <= len(whole.bill) for n in used), "NOT_PART")
        lines = [whole.bill[n - 1] for n in used]
        for out, line in zip(self.made, lines):
            same = ("material", "form", "nature", "stage", "mass", "count", "count_basis", "equal", "composition")
            rule(all(getattr(out, f) == getattr(line, f) for f in same) and same_species(out.species, line.species), "NOT_PART")
        rule(not any(self.balance.gain.values()) and not any(self.balance.shortfall.values()), "DIFFERENCE_TOO_LARGE")
        self.balance.conserve(amounts(whole.bill), {}, amounts(lines), self.loss_max)
        self.made = [line.but(model=whole.model) for line in lines]
        self.items[0]["status"] = CONSUMED

    def rework(self):
        inputs, removed, filings = (len(self.body.get(f, [])) for f in ("inputs", "removed", "filings"))
        self.the_piece(inputs)
        whole = self.matters[0]
        rule(whole.count < 2, "COUNT_INVALID")
        rule(inputs > 1 or removed or filings or self.added, "PROCESS_INVALID")
        rule(filings or not self.made and not self.balance.said, "PROCESS_INVALID")
        rule(len(whole.bill) + len(self.added) <= LINES_MAX, "TOO_LARGE")
        model, children = self.weakest(self.matters[:inputs]), list(whole.children)
        for i in range(inputs, inputs + removed):
            self.part(self.items[i])
            children.remove(self.ids[i])
            self.take_out(self.items[i])
        for i in range(1, inputs):
            children.append(self.ids[i])
            self.items[i].update(within=self.ids[0], offers=[])
        bill = whole.bill + self.added
        rule(0 < len(children) + len(bill) and len(children) <= CHILDREN_MAX, "TOO_LARGE or PROCESS_INVALID")
        self.file(inputs + removed)
        mass = sum(line.mass for line in bill) + sum(self.changed.get(c, self.state.matters[c]).mass for c in children)
        rule(mass <= MASS_MAX, "MASS_MISMATCH")
        self.changed[self.ids[0]] = whole.but(bill=bill, children=children, model=model, mass=mass, basis=2)

    def file(self, start):
        filed = []
        for i, filing in enumerate(self.body.get("filings", []), start):
            m, micrograms = self.matters[i], filing["micrograms"]
            self.part(self.items[i])
            rule(m.material == METAL and micrograms < m.mass, "MATERIAL_MISMATCH or PORTION_INVALID")
            rule(not m.alike() or (m.mass - micrograms) % m.count == 0, "COUNT_INVALID")
            masses = [micrograms, m.mass - micrograms]
            off, on = matter.parted_composition(m.composition, masses)
            parts = [m.but(form=BULK, count=0, count_basis=0, equal=False, mass=masses[0], composition=off), m.but(mass=masses[1], composition=on)]
            parts = [part.but(origin=origin) for part, origin in zip(parts, blend(m.origin, parts))]
            rule(all(part.origin for part in parts), "DIFFERENCE_TOO_LARGE")
            filed.append(parts[0])
            self.changed[self.ids[i]] = parts[1]
        if filed:
            rule(all(out.material == METAL for out in self.made), "MATERIAL_MISMATCH")
            self.blended(filed, [])

    def write(self):
        state = self.state
        damaged = self.process in (SPLIT, MERGE) and any(item["damaged"] for item in self.items)
        like = dict(self.items[0], damaged=damaged)
        for item_id, item in zip(self.ids, self.items):
            if self.process in (CUT, SPLIT, MERGE, MELT, REFINE):
                item["status"] = CONSUMED
            item["offered"] = True
            state.put(item_id, item)
        state.matters.update(self.changed)
        for position, (made, said) in enumerate(zip(self.made, self.body.get("outputs", []))):
            item_id = state.create(position, made, like)
            state.claims[item_id] = {matter.outside_id(o) for o in said.get("outside_ids", [])}


STEPS = {CUT: Change.cut, SPLIT: Change.split, MERGE: Change.merge, MELT: Change.melt, REFINE: Change.refine, TREAT: Change.treat,
         ASSEMBLE: Change.assemble, DISASSEMBLE: Change.disassemble, REWORK: Change.rework}


def transform(state, body):
    change = Change(state, body)
    STEPS[change.process](change)
    change.write()


def correct(state, item, body):
    item_id = body["item"]["item"]
    m, holder = state.matters[item_id], body.get("holder")
    inside = item["within"] == bytes(20)
    rule(item["registrant"] == state.party, "NOT_REGISTRANT")
    rule(inside and item["custody"] == ("party", holder or state.party), "COUNTERSIGNER_INVALID or BUILT_ON")
    state.free(item, CHANGES)
    before, changes = state.claims.get(item_id, set()), "origin" in body
    if "description" in body:
        m.check_description(body["description"])
        species = body["description"].get("species", b"").decode()
        rule(not m.species or same_species(m.species, species), "CORRECTION_INVALID")
        m = m.but(species=species)
    for f in ("processed_in", "customs_origin", "exported_from"):
        rule(f not in body or body[f].decode() in COUNTRIES, "COUNTRY_INVALID")
    ids = body.get("outside_ids", [])
    matter.check_outside_ids(ids, m.material, m.form)
    if "hs_code" in body:
        matter.check_hs(body["hs_code"].decode(), [m] if m.form != PIECE else m.bill + [state.matters[c] for c in m.children])
    if changes:
        m = m.but(origin=widened(m.origin, body["origin"]))
    told = any(f in body for f in ("description", "processed_in", "customs_origin", "exported_from", "hs_code", "origin"))
    new = {matter.outside_id(o) for o in ids}
    rule(told or ids and new != before, "CORRECTION_INVALID")
    if ids:
        state.claims[item_id] = new
    state.matters[item_id] = m


def widened(origin, corrections):
    """Gives the origin of which less is known."""
    origin = list(origin)
    rule(ascending([c["component"] for c in corrections]), "NON_CANONICAL")
    for c in corrections:
        rule(c["component"] <= len(origin), "CORRECTION_INVALID")
        source, n = origin[c["component"] - 1]
        countries = tuple(code.decode() for code in c.get("countries", []))
        rule(set(countries) <= COUNTRIES and ascending(countries), "COUNTRY_INVALID or NON_CANONICAL")
        if countries:
            rule(source[2] and set(source[2]) < set(countries), "CORRECTION_INVALID")
            source = source[:2] + (countries, "") + source[4:]
        else:
            unknown = (source[0], UNKNOWN, (), "", "", 0, 0)
            rule(source != unknown, "CORRECTION_INVALID")
            source = unknown
        origin[c["component"] - 1] = source, n
    return pooled(origin)
