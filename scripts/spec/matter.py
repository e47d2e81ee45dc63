"""What goods are made of and where they come from: the matter of sections 5 and 14 of ledger/SPEC.md.

It judges what a registration, an output or a line of a bill says, and parts, joins and weighs matter. bundle.py runs it.
"""
import copy
import re
from fractions import Fraction

COUNTRIES = set("""
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF
CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH
GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW
KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG
NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN
SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT
ZA ZM ZW""".split())
assert len(COUNTRIES) == 249

DIAMOND, GEM, PEARL, METAL, OTHER = 1, 2, 3, 4, 5
SINGLE, PARCEL, BULK, PART, PIECE = 1, 2, 3, 4, 5
NATURAL, LAB_GROWN, CULTURED, IMITATION, COMPOSITE = 1, 2, 3, 4, 5
ROUGH, POLISHED = 1, 2
COUNTED, ESTIMATED = 1, 2
MINED, BY_PRODUCT, RECYCLED, GROWN, GRANDFATHERED, UNKNOWN = 1, 2, 3, 4, 5, 6
MASS_MAX = 9000000000000000
BLENDED, SEGREGATED = 3, 4


class Broken(Exception):
    """Says which rule an event breaks."""


class NotKnown(Exception):
    """Says of which event this verifier does not know the rules."""


def rule(condition, what):
    if not condition:
        raise Broken(what)


def ascending(values):
    return all(a < b for a, b in zip(values, values[1:]))


# What the trade knows: units, species, treatments, numbers of others.

UNITS = {1: 20_000_000, 2: 100_000_000, 3: 100_000_000_000, 4: 100_000, 5: 3_110_347_680,
         6: 155_517_384, 7: 5_000_000, 8: 375_000_000, 9: 1_166_380_380}  # in 1/100 microgram
CARAT, PEARL_GRAIN = 1, 7

GROUPS = {group: words.split() for group, words in {
    "corundum": "ruby sapphire padparadscha", "beryl": "emerald aquamarine morganite heliodor", "chrysoberyl": "alexandrite", "spinel": "",
    "garnet": "tsavorite demantoid rhodolite spessartine", "tourmaline": "rubellite indicolite paraiba", "topaz": "",
    "quartz": "amethyst citrine ametrine", "chalcedony": "agate onyx jasper", "opal": "", "zircon": "", "peridot": "", "zoisite": "tanzanite",
    "spodumene": "kunzite", "feldspar": "moonstone labradorite", "jadeite": "", "nephrite": "", "turquoise": "", "lapis-lazuli": "",
    "malachite": "", "rhodochrosite": "", "apatite": "", "diopside": "", "titanite": "", "iolite": "", "kyanite": "", "andalusite": "",
    "benitoite": "", "fluorite": "", "amber": "", "coral": "", "jet": "", "saltwater": "akoya south-sea tahitian", "freshwater": "",
    "abalone": "", "conch": "", "melo": "", "other": ""}.items()}
GROUP_OF = {word: group for group, words in GROUPS.items() for word in [group] + words}
OF_PEARLS = ("saltwater", "freshwater", "abalone", "conch", "melo")


def species_group(species):
    """Gives the one group of all words, "other" beside them aside, or None."""
    groups = {GROUP_OF[word] for word in species.split(" ")}
    groups -= {"other"} if len(groups) > 1 else set()
    return groups.pop() if len(groups) == 1 else None


def same_species(a, b):
    return a == b or bool(a and b) and species_group(a) == species_group(b)


TREATABLE = {code: (materials, natures) for materials, natures, codes in (
    ((1, 2, 3), (NATURAL, CULTURED), "N"), ((1, 2, 3), None, "C F G H R"), ((2, 3), None, "B D E I O W"), ((2,), None, "FH U"),
    ((1, 2), None, "HP L"), ((1, 2), (LAB_GROWN,), "SYN"), ((1, 2, 3), (IMITATION,), "IMIT"), ((1, 2, 3), (COMPOSITE,), "ASBL"),
) for code in codes.split()}


def check_treatments(treatments, material, nature, species):
    year, codes = treatments
    rule(1981 <= year <= 2099, "TREATMENT_INVALID")
    rule(ascending(codes), "NON_CANONICAL")
    for code in codes:
        materials, natures = TREATABLE.get(code, ((), None))
        rule(material in materials and (natures is None or nature in natures), "TREATMENT_INVALID")
    rule("N" not in codes or len(codes) == 1, "TREATMENT_INVALID")
    corundum = material == GEM and species != "" and species_group(species) == "corundum"
    rule("FH" not in codes or corundum, "TREATMENT_INVALID")
    rule("F" not in codes or not corundum or nature in (COMPOSITE, IMITATION), "TREATMENT_INVALID")


def outside_id(message):
    return message["kind"], message["issuer"].decode(), message["number"].decode()


def check_outside_ids(messages, material, form):
    ids = [outside_id(m) for m in messages]
    rule(len(set(ids)) == len(ids), "REPEATED_FIELD")
    for kind, issuer, number in ids:
        if kind == 2:
            rule(form == SINGLE and material != METAL, "OUTSIDE_ID_INVALID")
        elif kind == 3:
            rule(form == SINGLE and material == METAL, "OUTSIDE_ID_INVALID")
        elif kind == 4:
            rule(issuer == "BIS" and len(number) == 6, "OUTSIDE_ID_INVALID")
        elif kind == 5:
            rule(is_gtin(issuer) and len(number) <= 20, "OUTSIDE_ID_INVALID")


def is_gtin(text):
    return (re.fullmatch("[0-9]{14}", text) is not None and int(text) != 0
            and sum((3, 1)[i % 2] * int(d) for i, d in enumerate(text)) % 10 == 0)


def check_mass(mass, material):
    rule(("declared" in mass) == ("unit" in mass), "UNIT_MISMATCH")
    if "unit" not in mass:
        return
    rule(material != METAL or mass["unit"] not in (CARAT, PEARL_GRAIN), "UNIT_MISMATCH")
    declared = mass["declared"].decode()
    rule(re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?", declared), "UNIT_MISMATCH")
    rule(round(Fraction(declared) * UNITS[mass["unit"]] / 100) == mass["micrograms"], "UNIT_MISMATCH")


def check_hs(code, what):
    raise NotKnown("a customs code")


# What somebody says about goods.


class Matter:
    """What an item, or a line of a bill, is made of. Treat a matter as a value: copy it with but() before it is changed."""

    def __init__(self, said):
        described, mass, treatments = said.get("description", {}), said["mass"], said.get("treatments")
        self.material, self.form, self.nature, self.stage = said.get("material", 0), said["form"], said.get("nature", 0), said.get("stage", 0)
        self.species, self.growth = described.get("species", b"").decode(), described.get("growth", 0)
        self.mass, self.basis = mass["micrograms"], mass["basis"]
        self.count, self.count_basis, self.equal = said.get("count", 0), said.get("count_basis", 0), "equal_pieces" in said
        self.composition = [(c["metal"], c["micrograms"]) for c in said.get("composition", [])]
        self.year, self.codes = (treatments["list"], [c.decode() for c in treatments["codes"]]) if treatments else (0, [])
        self.model, self.origin, self.bill, self.children = said.get("model", 0), [], [], []
        self.check(said)
        self.growth = 0  # not part of the matter
        if self.count and not self.count_basis:
            self.count_basis = COUNTED

    def but(self, **changed):
        other = copy.copy(self)
        other.__dict__.update(changed)
        return other

    def check(self, said):
        stone, grows = self.material in (DIAMOND, GEM), self.material in (DIAMOND, GEM, PEARL)
        rule((self.material == 0) == (self.form == PIECE), "FORM_INVALID or MISSING_FIELD")
        rule(self.form != PART or not grows, "FORM_INVALID")
        rule((self.nature != 0) == grows, "MISSING_FIELD or NATURE_MISMATCH")
        rule(self.nature != CULTURED or self.material == PEARL, "NATURE_MISMATCH")
        rule(self.nature != LAB_GROWN or self.material != PEARL, "NATURE_MISMATCH")
        rule(self.stage or not stone or self.nature not in (NATURAL, LAB_GROWN), "MISSING_FIELD")
        rule(stone or not self.stage, "DESCRIPTION_INVALID")
        self.check_count()
        check_mass(said["mass"], self.material)
        self.check_description(said.get("description", {}))
        self.check_composition(said.get("fineness_permyriad", 0))
        if "treatments" in said:
            check_treatments((self.year, self.codes), self.material, self.nature, self.species)

    def check_count(self):
        equal = self.equal or self.count and self.form in (PART, PIECE)
        rule(self.count or not self.count_basis, "COUNT_INVALID")
        rule(self.form != SINGLE or not self.count, "COUNT_INVALID")
        rule(self.form != PARCEL or self.count, "COUNT_INVALID")
        rule(self.count != 1, "COUNT_INVALID")
        rule(self.form != BULK or not self.count or self.count_basis == ESTIMATED, "COUNT_INVALID")
        rule(not self.equal or self.form == PARCEL, "COUNT_INVALID")
        rule(not equal or self.count_basis != ESTIMATED and self.mass % self.count == 0, "COUNT_INVALID")
        rule(self.mass >= self.count, "COUNT_INVALID")

    def check_description(self, said):
        species = said.get("species", b"").decode()
        rule(species or self.material != GEM, "DESCRIPTION_INVALID")
        rule(not species or self.material in (GEM, PEARL), "DESCRIPTION_INVALID")
        rule("growth" not in said or self.nature == LAB_GROWN, "DESCRIPTION_INVALID")
        if species:
            group = species_group(species)
            rule(group is not None, "DESCRIPTION_INVALID")
            rule(group in OF_PEARLS + ("other",) if self.material == PEARL else group not in OF_PEARLS, "DESCRIPTION_INVALID")

    def check_composition(self, fineness):
        if self.material != METAL:
            rule(not self.composition and not fineness, "COMPOSITION_INVALID or FINENESS_INVALID")
            return
        rule(ascending([metal for metal, _ in self.composition]), "NON_CANONICAL")
        rule(sum(n for _, n in self.composition) == self.mass, "COMPOSITION_INVALID")
        rule(not fineness or any(metal <= 7 and abs(n * 10000 - fineness * self.mass) < self.mass for metal, n in self.composition), "FINENESS_INVALID")

    def check_origin(self, components):
        """Gives the origin that the components say."""
        origin, books = [], {}
        for c in components:
            kind, countries = c["kind"], tuple(code.decode() for code in c.get("countries", []))
            source = (c.get("metal", 0), kind, countries, c.get("mine", b"").decode(), c.get("producer", b"").decode(),
                      c.get("state_ownership", 0), c.get("ownership_as_of_ms", 0))
            rule(source not in [s for s, _ in origin], "REPEATED_FIELD")
            rule(set(countries) <= COUNTRIES and ascending(countries), "COUNTRY_INVALID")
            rule(kind != GROWN or self.nature in (LAB_GROWN, COMPOSITE), "NATURE_MISMATCH")
            rule(self.nature != LAB_GROWN or kind in (GROWN, UNKNOWN), "NATURE_MISMATCH")
            rule(kind not in (MINED, BY_PRODUCT) or self.nature in (0, NATURAL, COMPOSITE), "NATURE_MISMATCH")
            rule((self.material == METAL) == (source[0] != 0), "MISSING_FIELD or COMPOSITION_INVALID")
            if kind in (MINED, BY_PRODUCT):
                rule(countries, "COUNTRY_INVALID")
            else:
                rule(kind == GRANDFATHERED or not countries, "COUNTRY_INVALID")
                rule("mine" not in c, "NATURE_MISMATCH")
            rule("state_ownership" not in c or "producer" in c, "MISSING_FIELD")
            rule(("state_ownership" in c) == ("ownership_as_of_ms" in c), "MISSING_FIELD")
            origin.append((source, c["micrograms"]))
            books[source[0]] = books.get(source[0], 0) + c["micrograms"]
        rule(books == (dict(self.composition) if self.material == METAL else {0: self.mass}), "MASS_MISMATCH")
        return origin

    def unknown(self):
        """Gives the origin of matter of which nobody said more."""
        return [((metal, UNKNOWN, (), "", "", 0, 0), n) for metal, n in (self.composition if self.material == METAL else [(0, self.mass)])]

    def book(self):
        return total(self.origin)

    def alike(self):
        return self.count > 1 and (self.equal or self.form in (PART, PIECE))

    def counted(self):
        return self.count > 1 and self.count_basis != ESTIMATED

    def divided(self):
        return self.form in (PARCEL, BULK) or self.form in (PART, PIECE) and self.count > 1

    def of_metal(self, metal):
        return dict(self.composition).get(metal, 0)


def registered(body, now):
    """Gives the matter of a registration that holds."""
    m = Matter(body)
    for f in ("processed_in", "customs_origin", "exported_from"):
        rule(f not in body or body[f].decode() in COUNTRIES, "COUNTRY_INVALID")
    check_outside_ids(body.get("outside_ids", []), m.material, m.form)
    for component in body.get("origin", []) + [c for line in body.get("bill", []) for c in line.get("origin", [])]:
        rule(component.get("ownership_as_of_ms", 0) <= now + 300000, "OCCURRED_AHEAD")
    if m.form == PIECE:
        rule("origin" not in body and "treatments" not in body and "bill" in body, "FORM_INVALID, TREATMENT_INVALID or MISSING_FIELD")
        m.bill = [check_line(line, m.count) for line in body["bill"]]
        rule(sum(line.mass for line in m.bill) == m.mass, "MASS_MISMATCH")
    else:
        rule("bill" not in body and "origin" in body, "FORM_INVALID or MISSING_FIELD")
        m.origin = m.check_origin(body["origin"])
    if "hs_code" in body:
        check_hs(body["hs_code"].decode(), m.bill or [m])
    return m


def check_line(said, pieces):
    """Gives the matter of a line in the bill of so many equal pieces."""
    rule(said["form"] != PIECE, "FORM_INVALID")
    line = Matter(said)
    line.origin = line.check_origin(said["origin"]) if "origin" in said else line.unknown()
    if pieces > 1:
        rule(line.form != SINGLE and line.mass % pieces == 0 and line.count % pieces == 0, "COUNT_INVALID")
    return line


# Parting and weighing.


def total(origin):
    return sum(n for _, n in origin)


def share(whole, weights):
    """Parts a number by weights: the largest remainders get what is left over, of equal ones the first."""
    every = sum(weights)
    parts = [whole * w // every for w in weights]
    by_rest = sorted(range(len(weights)), key=lambda i: (-(whole * weights[i] % every), i))
    for i in by_rest[:whole - sum(parts)]:
        parts[i] += 1
    return parts


def tolerance(book):
    return max(book * 5 // 1000, 2000)


def mixed(origin):
    """Gives the one source of goods of several that nobody sorted."""
    if len(origin) == 1:
        return origin[0][0]
    sources = [s for s, _ in origin]
    kinds = {s[1] for s in sources}
    kind = kinds.pop() if len(kinds) == 1 else MINED if kinds == {MINED, BY_PRODUCT} else UNKNOWN
    countries = tuple(sorted({c for s in sources for c in s[2]}))
    mine, producer = (sources[0][i] if len({s[i] for s in sources}) == 1 else "" for i in (3, 4))
    owned = sources[0][5:] if producer and len({s[5:] for s in sources}) == 1 else (0, 0)
    return (sources[0][0], kind, countries, mine, producer) + owned


def blend(pool, parts):
    """Parts origins of metals: of each metal, every part has of every source in proportion."""
    origins = [[] for _ in parts]
    for metal in range(1, 12):
        sources, left = [s for s, _ in pool if s[0] == metal], [n for s, n in pool if s[0] == metal]
        if not sources:
            continue
        weights = [p.of_metal(metal) for p in parts]
        if not sum(weights):
            weights = [p.mass for p in parts]
        for i, book in enumerate(share(sum(left), weights)):
            taken = share(book, left) if book else [0] * len(left)
            left = [n - t for n, t in zip(left, taken)]
            origins[i] += [(s, t) for s, t in zip(sources, taken) if t]
    return origins


def parted_composition(composition, masses):
    left, parts = [n for _, n in composition], []
    for mass in masses:
        taken = share(mass, left) if composition else []
        left = [n - t for n, t in zip(left, taken)]
        parts.append([(metal, t) for (metal, _), t in zip(composition, taken) if t])
    return parts


def parted(whole, masses, counts):
    """Parts goods that nobody sorted, in parts that add up to the whole."""
    compositions = parted_composition(whole.composition, masses)
    parts = [recounted(whole.but(mass=mass, composition=c, bill=[], origin=[]), n) for mass, c, n in zip(masses, compositions, counts)]
    if whole.form == PIECE:
        for line in whole.bill:
            lines = parted(line, [line.mass // whole.count * n for n in counts], [line.count // whole.count * n for n in counts])
            for part, l in zip(parts, lines):
                part.bill = part.bill + [l]
    elif whole.material == METAL:
        for part, origin in zip(parts, blend(whole.origin, parts)):
            part.origin = origin
    else:
        for part, book in zip(parts, share(whole.book(), masses)):
            part.origin = [(mixed(whole.origin), book)]
    return parts


def recounted(m, count):
    """Gives goods with another count: one thing is a single, or one part or piece."""
    if count > 1:
        return m.but(count=count, equal=m.equal and m.mass % count == 0)
    form = m.form
    if form == PARCEL:
        form = SINGLE if count == 1 and m.count_basis != ESTIMATED else BULK
    return m.but(form=form, count=0, count_basis=0, equal=False)


def check_portion(m, micrograms, count):
    rule(m.divided() and not m.children, "PORTION_INVALID")
    rule(0 < micrograms < m.mass, "PORTION_INVALID")
    if m.counted():
        rule(0 < count < m.count and count <= micrograms and m.count - count <= m.mass - micrograms, "PORTION_INVALID")
    else:
        rule(count <= m.count, "PORTION_INVALID")
    rule(not m.alike() or micrograms == m.mass // m.count * count, "PORTION_INVALID")
    if m.form != PIECE:
        rule(all(part.book() for part in carve(m, micrograms, count)), "PORTION_INVALID")


def carve(m, micrograms, count):
    """Gives a portion and the rest."""
    masses = [micrograms, m.mass - micrograms]
    counts = [count, m.count - count] if m.counted() else share(m.count, masses)
    return parted(m, masses, counts)


def reweighed(m, mass, count, book):
    """Gives matter with another mass or count; None and 0 leave it as it was."""
    basis, before = m.count_basis, m
    if count and m.form == PARCEL:
        basis = COUNTED
    count = count or m.count
    if mass is not None:
        check_mass(mass, m.material)
        rule(abs(mass["micrograms"] - book) <= tolerance(book), "DIFFERENCE_TOO_LARGE")
        composition = m.composition
        if mass["micrograms"] != m.mass and composition:
            parts = share(mass["micrograms"], [n for _, n in composition])
            composition = [(metal, n) for (metal, _), n in zip(composition, parts) if n]
        m = m.but(mass=mass["micrograms"], basis=mass["basis"], composition=composition)
    rule(m.form not in (PART, PIECE) or count < 2 or m.mass % count == 0, "COUNT_INVALID")
    rule(m.mass >= count, "COUNT_INVALID")
    off = abs(count - before.count)
    if off:
        rule(before.count >= 2 and m.form not in (PART, PIECE) and count >= 2, "COUNT_INVALID")
        rule(not before.counted() or off <= max(before.count * 5 // 1000, 1), "DIFFERENCE_TOO_LARGE")
    return m.but(count=count, count_basis=basis, equal=m.equal and m.mass % count == 0)
