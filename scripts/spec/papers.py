"""Attestations and the papers that they draw of: section 14 of ledger/SPEC.md. bundle.py runs them."""
import hashlib
import struct

import matter
from matter import COUNTRIES, DIAMOND, GEM, METAL, PART, PIECE, SINGLE, ascending, rule

KIMBERLEY = 1
STATED, DOCUMENTED, EXAMINED, MATCHED = 1, 2, 3, 4
IDENTITY, MASS, NATURE, TREATMENT, FINENESS, ORIGIN, PRODUCER, LOCATION, CONFORMITY = range(1, 10)
MINER, LABORATORY = 1, 7

# What papers can be about: materials, 0 for a piece.
ANYTHING, DIAMONDS, METALS, NOT_METALS = {0, 1, 2, 3, 4, 5}, {0, DIAMOND}, {0, METAL}, {0, 1, 2, 3}
ANYBODY = set(range(1, 9))
EXAMINES = {IDENTITY: EXAMINED, MASS: EXAMINED, NATURE: EXAMINED, TREATMENT: EXAMINED}

# kind: roles that issue it; what it is about; fields it has, fields it has not; what it shows, up to which level.
# N number, C country, Q quantity, I issued, E expires; F: it may find pieces of another nature.
KINDS = {
    1: (set(), {DIAMOND}, "NCQIE", "F", {MASS: DOCUMENTED, ORIGIN: DOCUMENTED}),
    2: (ANYBODY, NOT_METALS, "", "F", {NATURE: STATED, TREATMENT: STATED, ORIGIN: STATED, CONFORMITY: STATED}),
    3: ({LABORATORY}, NOT_METALS, "N", "Q", EXAMINES),
    4: ({LABORATORY}, {GEM}, "N", "QF", {**EXAMINES, ORIGIN: EXAMINED}),
    5: ({LABORATORY}, METALS, "N", "F", {MASS: EXAMINED, FINENESS: EXAMINED}),
    6: ({LABORATORY}, METALS, "", "QF", {FINENESS: DOCUMENTED}),
    7: (ANYBODY, METALS, "N", "F", {ORIGIN: DOCUMENTED, CONFORMITY: DOCUMENTED}),
    8: (ANYBODY, DIAMONDS, "", "F", {ORIGIN: STATED, CONFORMITY: STATED}),
    9: (ANYBODY, DIAMONDS, "", "F", {ORIGIN: STATED, LOCATION: STATED}),
    10: (set(), DIAMONDS, "NC", "F", {ORIGIN: DOCUMENTED}),
    11: (ANYBODY, ANYTHING, "I", "QF", {LOCATION: STATED}),
    12: ({LABORATORY}, NOT_METALS, "", "", {NATURE: EXAMINED}),
    13: (set(), ANYTHING, "", "QF", {CONFORMITY: EXAMINED}),
    14: ({LABORATORY}, NOT_METALS, "", "QF", {IDENTITY: MATCHED, ORIGIN: MATCHED, PRODUCER: MATCHED}),
    15: ({MINER}, ANYTHING, "", "F", {ORIGIN: DOCUMENTED, PRODUCER: DOCUMENTED}),
    16: (ANYBODY, ANYTHING, "", "F", {**{claim: STATED for claim in range(1, 10)}, MASS: DOCUMENTED}),
}
FIELDS = dict(N="number", C="country", Q="quantity", I="issued_ms", E="expires_ms", F="found_count")


def portion(message):
    return (message["micrograms"], message.get("count", 0)) if message else (0, 0)


def attest(state, item, body):
    kind, own = body["kind"], "own" in body
    roles, about, has, has_not, shows = KINDS[kind]
    rule(own != ("issuer" in body), "MISSING_FIELD or PAPER_INVALID")
    rule(not own or state.parties[state.party]["role"] in roles, "NOT_ISSUER")
    rule(all(FIELDS[f] in body for f in has) and not any(FIELDS[f] in body for f in has_not), "MISSING_FIELD or PAPER_INVALID")
    rule(("quantity" in body) == ("drawn" in body) and ("quantity" not in body or "number" in body), "MISSING_FIELD or PAPER_INVALID")
    country, number = body.get("country", b"").decode(), body.get("number", b"").decode()
    rule(not country or country in COUNTRIES or kind == KIMBERLEY and country == "EU", "COUNTRY_INVALID")
    rule(kind != KIMBERLEY or number.startswith(country), "PAPER_INVALID")
    issued, expires = body.get("issued_ms", 0), body.get("expires_ms", 0)
    rule(issued <= state.now + 300000, "PAPER_INVALID")
    rule(not expires or issued < expires, "PAPER_INVALID")
    rule(not expires or expires >= state.now, "PAPER_EXPIRED")
    made = {c["claim"]: c["level"] for c in body["claims"]}
    rule(ascending([c["claim"] for c in body["claims"]]), "NON_CANONICAL")
    for claim, level in made.items():
        highest = shows.get(claim, 0)
        rule(level <= (highest if own else min(highest, DOCUMENTED)), "CLAIM_TOO_STRONG")
    countries = [c.decode() for c in body.get("countries", [])]
    rule(set(countries) <= COUNTRIES and ascending(countries), "COUNTRY_INVALID or NON_CANONICAL")
    rule(not countries or ORIGIN in made, "PAPER_INVALID")
    rule(("producer" in body) == (PRODUCER in made) and ("treatments" in body) == (TREATMENT in made), "PAPER_INVALID or MISSING_FIELD")
    rule(("found_count" in body) == ("found_nature" in body), "MISSING_FIELD")
    rule(item["status"] != 2, "ITEM_VOIDED")

    m = state.matters[body["item"]]
    rule(m.material in about, "PAPER_MISMATCH")
    rule(kind != KIMBERLEY or (m.nature, m.stage) == (1, 1), "PAPER_MISMATCH")
    if "treatments" in body and m.form != PIECE:
        t = body["treatments"]
        matter.check_treatments((t["list"], [c.decode() for c in t["codes"]]), m.material, m.nature, m.species)
    pieces = m.count or int(m.form in (SINGLE, PIECE, PART))
    drawn, quantity = portion(body.get("drawn")), portion(body.get("quantity"))
    rule(drawn[0] <= m.mass and drawn[1] <= pieces and (not drawn[1] or quantity[1]), "PAPER_MISMATCH")
    rule(kind != KIMBERLEY or ORIGIN in made, "MISSING_FIELD")
    if ORIGIN in made:
        stated = countries_of(state, m)
        rule(not stated and kind != KIMBERLEY or stated == countries, "PAPER_MISMATCH")
    if "producer" in body:
        named = {s[4] for s, _ in m.origin} - {""}
        rule(not named or body["producer"].decode() in named, "PAPER_MISMATCH")
    if "found_count" in body:
        rule(body["found_nature"] != m.nature, "PAPER_MISMATCH")
        rule(m.form == PIECE or not pieces or m.count_basis == matter.ESTIMATED or body["found_count"] <= pieces, "PAPER_MISMATCH")
    paper = None
    if "quantity" in body:
        issuer = b"\x01" + sized(state.party) if own else b"\x02" + sized(body["issuer"])
        paper = hashlib.sha256(b"custody paper v1\n" + struct.pack(">I", kind) + issuer + sized(country.encode()) + sized(number.encode())).digest()
        known = state.papers.get(paper)
        if not state.knows_papers or known is None or known["spent"] == (0, 0):
            known = dict(document=body["document_sha256"], quantity=quantity, spent=(0, 0))
        spent = tuple(a + b for a, b in zip(known["spent"], drawn))
        rule(known["document"] == body["document_sha256"] and known["quantity"] == quantity, "PAPER_DIFFERS")
        rule(spent[0] <= quantity[0] and spent[1] <= quantity[1], "PAPER_SPENT")
        state.papers[paper] = dict(known, spent=spent)
    state.attestations[state.event_id] = dict(item=body["item"], party=state.party, kind=kind, expires=expires, withdrawn=False, paper=paper, drawn=drawn)


def sized(text):
    return struct.pack(">I", len(text)) + text


def countries_of(state, m):
    """Gives the possible countries of goods and of all that is set in them."""
    todo, seen, countries = [m], 1, set()
    while todo:
        m = todo.pop()
        for origin in [m.origin] + [line.origin for line in m.bill]:
            countries.update(c for s, _ in origin for c in s[2])
        seen += len(m.children)
        rule(seen <= 500, "PAPER_MISMATCH")
        todo += [state.matters[c] for c in m.children]
    return sorted(countries)


def attest_withdraw(state, item, body):
    attestation = state.attestations.get(body["attestation"])
    rule(attestation is not None and attestation["item"] == body["item"], "UNKNOWN_ATTESTATION")
    by = attestation["party"]
    if "attestor" in body:
        rule(by == body["attestor"] != state.party and state.party in state.parties[by]["members"], "NOT_ATTESTOR")
    else:
        rule(by == state.party, "NOT_ATTESTOR")
    rule(not attestation["withdrawn"], "ATTESTATION_WITHDRAWN")
    state.attestations[body["attestation"]] = dict(attestation, withdrawn=True)
    if attestation["paper"] is not None:
        paper = state.papers[attestation["paper"]]
        state.papers[attestation["paper"]] = dict(paper, spent=tuple(a - b for a, b in zip(paper["spent"], attestation["drawn"])))
