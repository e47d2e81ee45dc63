"""The state of a ledger and its rules: sections 6 and 14 of ledger/SPEC.md. bundle.py runs them."""
import functools
import sys

sys.dont_write_bytecode = True
import matter  # noqa: E402
import papers  # noqa: E402
import processes  # noqa: E402
import verify as spec  # noqa: E402
from matter import COUNTRIES, ascending, rule  # noqa: E402

sha256 = spec.sha256
registrable = functools.lru_cache(maxsize=None)(spec.registrable)

SALE, MEMO, RETURN, MEMO_TO_SALE, SERVICE, CARRIER, LOAN, TITLE = range(1, 9)
REGISTER, RECEIVE, HAND_OVER, PASS_TITLE, TRANSFORM, ATTEST, ADMINISTER = 1, 2, 4, 8, 16, 32, 64
LIVE, VOIDED, CONSUMED, DESTROYED = 1, 2, 3, 4
SOLD, CONSUMER = 1, 3
LABORATORY = 7
BY_ASSOCIATIONS = ("party_admit", "party_sponsor", "party_suspend", "policy_propose", "policy_approve", "hold", "hold_release")
BY_EITHER = ("attest_withdraw", "dispute", "ruling")
ON_ITEMS = ("item_void", "reweigh", "correct", "offer", "accept", "decline", "withdraw", "release", "reenter", "reclaim", "share", "border_cross", "incident")
NODE_KEYS = ("log_key", "cosigner_key", "statement_key")
NOBODY = bytes(20)

# What the state of an item stops: the bits of the columns of section 14.
MOVES_CUSTODY, MOVES_TITLE, GIVES_BACK, COMES_BACK, CHANGES, CROSSES, BEFALLS, DESTROYS = (1 << i for i in range(8))
STOPS = (
    (lambda i: i["within"] != NOBODY, 255),
    (lambda i: i["stolen"] or i["lost"], MOVES_CUSTODY | MOVES_TITLE | GIVES_BACK | COMES_BACK | CHANGES | CROSSES),
    (lambda i: i["holds"], MOVES_CUSTODY | MOVES_TITLE | GIVES_BACK | CHANGES | CROSSES | DESTROYS),
    (lambda i: i["disputes"], MOVES_TITLE | CHANGES | DESTROYS),
)


def free(item, wanted):
    for holds, stopped in STOPS:
        rule(not stopped & wanted or not holds(item), "the item's state stops it")


def moves_custody(mode):
    return mode not in (MEMO_TO_SALE, TITLE)


def moves_title(mode):
    return mode in (SALE, MEMO_TO_SALE, TITLE)


def lends(mode):
    return mode in (MEMO, SERVICE, CARRIER, LOAN)


def offer_scopes(mode):
    return HAND_OVER * moves_custody(mode) | PASS_TITLE * moves_title(mode)


def lapsed(offer, now):
    return now > offer["expiry"] and not offer["left"]


def owner_of(item):
    return item["title"][0][0]


def parts_of(title, party):
    return sum(parts for owner, parts in title if owner == ("party", party))


def lent_by(item, party):
    """Gives the place of the first term that a party gave, or None."""
    return next((i for i, t in enumerate(item["terms"]) if t["from"] == party), None)


def on_memo(item):
    return any(t["mode"] == MEMO for t in item["terms"])


def fits(item, offer):
    mode, giver, to = offer["mode"], ("party", offer["from"]), ("party", offer["to"])
    if lends(mode):
        return (owner_of(item) == giver or bool(item["terms"])) and owner_of(item) != to and lent_by(item, offer["to"]) is None
    if mode == RETURN:
        return owner_of(item) == to or bool(item["terms"]) and item["terms"][-1]["from"] == offer["to"]
    if mode == MEMO_TO_SALE:
        return item["custody"] == to
    if mode == TITLE:
        return (item["custody"][0] == "party" and item["custody"] not in (giver, to)
                and (not on_memo(item) or lent_by(item, offer["to"]) is not None))
    return True


def needs(offer):
    mode = offer["mode"]
    custody = GIVES_BACK if mode == RETURN else MOVES_CUSTODY if moves_custody(mode) else 0
    return custody | MOVES_TITLE * moves_title(mode) | CHANGES * (offer["part"] != (0, 0))


def overtaken(item):
    item["offers"] = [o for o in item["offers"] if o["left"] or fits(item, o)]


def owned(item):
    """Gives the terms that are left under the managing owner."""
    owner = owner_of(item)
    if owner[0] == "outside" or item["custody"] == owner or not item["terms"]:
        return []
    terms = item["terms"][lent_by(item, owner[1]) or 0:]
    return [dict(terms[0], **{"from": owner[1]})] + terms[1:]


def portion(message):
    return (message["micrograms"], message.get("count", 0)) if message else (0, 0)


class State:
    def __init__(self, genesis, file):
        self.ledger_id = sha256(file)
        self.parties, self.keys, self.items, self.events = {}, {}, {}, {}
        self.matters, self.claims, self.attestations, self.papers = {}, {}, {}, {}
        self.knows_papers = True  # what everybody drew of every paper; a bundle does not show it
        for a in genesis["associations"]:
            keys = [bytes.fromhex(k) for k in a["governance_keys"]]
            party = spec.party_id(spec.key_id(keys[0]))
            self.parties[party] = dict(association=a["name"], last=0)
            for k in keys:
                self.keys[k] = dict(party=party, scopes=ADMINISTER, recovery=False, revoked=False)
        self.policy = spec.first_policy(genesis)
        for n in self.policy["nodes"]:
            self.hold_node_keys(n["association"], n["keys"])
        self.proposals, self.adopted, self.adopted_at, self.made = {}, None, None, set()

    def hold_node_keys(self, association, keys):
        party = next(p for p, v in self.parties.items() if v.get("association") == association)
        for k in keys:
            self.keys[k] = dict(party=party, scopes=0, recovery=False, revoked=False)

    def dealer(self, party):
        return party in self.parties and "members" in self.parties[party]

    def association(self, party):
        return party in self.parties and "members" not in self.parties[party]

    def suspended(self, party):
        members = self.parties[party].get("members")
        return members is not None and all(members.values())

    def apply(self, fields, event_id, index, now):
        """Runs one event; gives the kind and links of its entry, or raises Broken or NotKnown."""
        name, body = spec.body_of(fields)
        party = fields["party"]
        self.name, self.party, self.event_id, self.index, self.now, self.occurred = name, party, event_id, index, now, fields["occurred_at_ms"]
        self.committed = {c["field"] for c in fields.get("commitments", [])}
        rule(fields["ledger_id"] == self.ledger_id, "WRONG_LEDGER")
        rule(event_id not in self.events, "it is recorded already")
        rule(now <= fields["not_after_ms"], "EVENT_EXPIRED")
        rule(fields["not_after_ms"] <= now + 7776000000, "NOT_AFTER_TOO_FAR")
        rule(fields["occurred_at_ms"] <= now + 300000, "OCCURRED_AHEAD")
        named = spec.parties_of(fields)
        rule(all(p in self.parties for p in named), "UNKNOWN_PARTY")
        rule(name in BY_EITHER or self.association(party) == (name in BY_ASSOCIATIONS), "the event is not for this kind of party")
        new = self.introduced(name, body)
        for i, k in enumerate(new):
            rule(registrable(k), "BAD_KEY")
            rule(k not in self.keys and k not in new[:i], "KEY_IN_USE")
        scopes, while_suspended = self.row(name, body)
        self.check_signers(fields["signers"], new, scopes, self.countersigners(name, body))
        rule(while_suspended or not self.suspended(party), "PARTY_SUSPENDED")
        items = spec.named(fields)
        rule(all(i in self.items for i in items), "UNKNOWN_ITEM")
        links = [self.parties[p]["last"] for p in named] + [self.items[i]["last"] for i in items]
        if name in ON_ITEMS:
            item = self.current(body["item"])
            getattr(self, name)(item, body)
            self.put(body["item"]["item"], item)
        elif name in spec.ABOUT:
            item = dict(self.items[body["item"]])
            rule(item["born"] <= fields["occurred_at_ms"] + 300000, "OCCURRED_BEHIND")
            getattr(self, name)(item, body)
            item.update(last=index, count=item["count"] + 1)
            self.items[body["item"]] = item
        else:
            getattr(self, name)(body)
        self.events[event_id] = index
        return 3 if name in ("policy_propose", "policy_approve") else 2, links

    def introduced(self, name, body):
        if name == "party_admit":
            return [body["key"], body["recovery_key"]]
        if name == "key_add":
            return [body["key"]]
        if name == "policy_propose" and "node" in body:
            return [body["node"][use] for use in NODE_KEYS]
        return []

    def row(self, name, body):
        """Gives the scopes that an event needs and whether a suspended dealer may make it."""
        if name in BY_ASSOCIATIONS or name in ("key_add", "key_revoke"):
            return ADMINISTER, True
        if name in BY_EITHER:
            return (ADMINISTER if self.association(self.party) else ATTEST), True
        if name == "offer":
            return offer_scopes(body["mode"]), body["mode"] == RETURN
        if name == "release":
            return (HAND_OVER | PASS_TITLE if body["reason"] in (SOLD, CONSUMER) else HAND_OVER), False
        if name in ("accept", "withdraw"):
            item = self.items.get(body["item"]["item"], {"offers": []})
            mode = next((o["mode"] for o in item["offers"] if o["event"] == body["offer"]), None)
            if name == "withdraw":
                return (offer_scopes(mode) if mode else 0), True
            return RECEIVE, mode == RETURN
        return {"item_register": REGISTER, "item_void": REGISTER, "correct": REGISTER, "transform": TRANSFORM, "reweigh": TRANSFORM,
                "decline": RECEIVE, "reenter": REGISTER | RECEIVE, "reclaim": RECEIVE, "share": PASS_TITLE, "border_cross": HAND_OVER,
                "attest": ATTEST, "incident": HAND_OVER}[name], name in ("item_void", "decline", "incident")

    def countersigners(self, name, body):
        """Gives (party, whether it is an association, scopes) of all that countersign."""
        if name == "correct" and "holder" in body:
            return [(body["holder"], False, RECEIVE)]
        if name == "reclaim":
            return [(body["association"], True, ADMINISTER)]
        if name == "share":
            others = [o["party"] for o in body["owners"]] + body.get("leaving", [])
            return [(p, False, PASS_TITLE) for p in dict.fromkeys(others) if p != self.party]
        if name in ("ruling", "hold", "hold_release") and "second" in body:
            return [(body["second"], True, ADMINISTER)]
        return []

    def check_signers(self, signers, new, scopes, countersigners):
        rule(set(new) <= set(signers), "WRONG_SIGNERS")
        wanted = {self.party: scopes}
        for party, association, needed in countersigners:
            rule(party != self.party, "COUNTERSIGNER_INVALID")
            rule(self.association(party) == association, "NOT_ASSOCIATION or ASSOCIATION_EXCLUDED")
            wanted[party] = needed
        rule(len(signers) == len(new) + len(wanted), "WRONG_SIGNERS")
        for signer in signers:
            if signer in new:
                continue
            key = self.keys.get(signer)
            rule(key is not None, "UNKNOWN_KEY")
            rule(key["party"] in wanted, "FOREIGN_KEY or WRONG_SIGNERS")
            rule(not key["revoked"], "KEY_REVOKED")
            needed = wanted.pop(key["party"])
            rule(key["scopes"] & needed == needed, "MISSING_SCOPE")
            if key["party"] == self.party:
                self.signer = signer

    free = staticmethod(free)

    # Parties.

    def party_admit(self, body):
        rule(body["scopes"] & ADMINISTER, "LAST_ADMINISTER_KEY")
        rule(body["country"].decode() in COUNTRIES, "COUNTRY_INVALID")
        rule(1 in self.committed, "MISSING_LEGAL_NAME")
        admitted = spec.party_id(spec.key_id(body["key"]))
        self.parties[admitted] = dict(members={self.party: False}, last=self.index, role=body["role"])
        self.keys[body["key"]] = dict(party=admitted, scopes=body["scopes"], recovery=False, revoked=False)
        self.keys[body["recovery_key"]] = dict(party=admitted, scopes=ADMINISTER, recovery=True, revoked=False)

    def party_sponsor(self, body):
        rule(self.dealer(body["party"]), "ASSOCIATION_EXCLUDED")
        named = self.parties[body["party"]]
        rule(named["members"].get(self.party, True), "ALREADY_SPONSOR")
        named["members"][self.party], named["last"] = False, self.index

    def party_suspend(self, body):
        rule(self.dealer(body["party"]), "ASSOCIATION_EXCLUDED")
        named = self.parties[body["party"]]
        rule(named["members"].get(self.party) is False, "NOT_SPONSOR")
        named["members"][self.party], named["last"] = True, self.index

    def key_add(self, body):
        rule(sum(k["party"] == self.party and not k["revoked"] for k in self.keys.values()) < 64, "TOO_LARGE")
        self.keys[body["key"]] = dict(party=self.party, scopes=body["scopes"], recovery=False, revoked=False)
        self.parties[self.party]["last"] = self.index

    def key_revoke(self, body):
        wire = next((w for w, k in self.keys.items() if spec.key_id(w) == body["key_id"] and k["party"] == self.party), None)
        rule(wire is not None, "UNKNOWN_REVOKED_KEY")
        rule(not self.keys[wire]["revoked"], "KEY_REVOKED_ALREADY")
        rule(not self.keys[wire]["recovery"] or self.signer == wire, "a recovery key signs its own revocation")
        left = [k for w, k in self.keys.items() if k["party"] == self.party and w != wire and not k["revoked"]]
        rule(any(k["scopes"] & ADMINISTER for k in left), "LAST_ADMINISTER_KEY")
        self.keys[wire]["revoked"] = True
        self.parties[self.party]["last"] = self.index

    # Policies.

    def own_nodes(self):
        return [n for n in self.policy["nodes"] if n["association"] == self.parties[self.party]["association"]]

    def policy_propose(self, body):
        own, node, count = self.own_nodes(), body.get("node"), len(self.policy["nodes"])
        rule(own, "NO_NODE")
        rule(self.adopted is None, "POLICY_PENDING")
        rule(body["base"] == spec.policy_id(self.policy), "POLICY_STALE")
        rule(count // 2 < body["quorum"] <= count, "QUORUM_INVALID")
        rule(node or body["quorum"] != self.policy["quorum"], "POLICY_UNCHANGED")
        rule(not node or node["node_id"].decode() == own[0]["id"], "UNKNOWN_NODE")
        nodes = [dict(n, keys=[node[use] for use in NODE_KEYS]) if node and n is own[0] else n for n in self.policy["nodes"]]
        self.proposals = {e: p for e, p in self.proposals.items() if p["by"] != self.party}
        self.proposals[self.event_id] = dict(by=self.party, approved={self.party}, entries={self.index}, new=self.introduced("policy_propose", body),
                                             policy=dict(self.policy, quorum=body["quorum"], nodes=nodes))
        self.adopt(self.event_id)

    def policy_approve(self, body):
        rule(self.own_nodes(), "NO_NODE")
        proposal = self.proposals.get(body["proposal"])
        rule(proposal is not None, "UNKNOWN_PROPOSAL")
        rule(self.party not in proposal["approved"], "ALREADY_APPROVED")
        proposal["approved"].add(self.party)
        proposal["entries"].add(self.index)
        self.adopt(body["proposal"])

    def adopt(self, event_id):
        proposal = self.proposals[event_id]
        if len(proposal["approved"]) >= self.policy["quorum"]:
            rule(not any(k in self.keys for k in proposal["new"]), "KEY_IN_USE")
            self.adopted, self.adopted_at, self.proposals = proposal, self.index, {}
            if proposal["new"]:
                self.hold_node_keys(self.parties[proposal["by"]]["association"], proposal["new"])

    def hand_over(self, index):
        self.policy = self.adopted["policy"]
        self.made |= self.adopted["entries"] | {index}
        self.adopted, self.adopted_at = None, None

    # Items.

    def current(self, ref):
        """Gives a copy of an item that an event advances."""
        item = self.items.get(ref["item"])
        rule(item is not None, "UNKNOWN_ITEM")
        rule(item["status"] == LIVE, "ITEM_VOIDED, ITEM_CONSUMED or ITEM_DESTROYED")
        rule(item["last_event"] == ref["prev"], "STALE_PREV")
        rule(item["occurred"] <= self.occurred + 300000, "OCCURRED_BEHIND")
        return dict(item, offers=[dict(o) for o in item["offers"]])

    def put(self, item_id, item):
        item.update(last_event=self.event_id, last=self.index, occurred=max(item["occurred"], self.occurred), count=item["count"] + 1)
        self.items[item_id] = item

    def create(self, position, made, like):
        """Makes an item of this event, with the registers of another one."""
        item_id = spec.item_id(self.event_id, position)
        self.matters[item_id] = made
        self.items[item_id] = dict(
            status=LIVE, registrant=self.party, registered=self.index, custody=like["custody"], title=like["title"], terms=like["terms"],
            offers=[], offered=True, within=NOBODY, lost=False, stolen=False, damaged=like["damaged"], disputes=[], holds=[],
            last_event=self.event_id, last=self.index, born=self.occurred, occurred=self.occurred, count=1)
        return item_id

    def drop_lapsed(self, item):
        item["offers"] = [o for o in item["offers"] if not lapsed(o, self.now)]

    def book(self, m):
        """Gives the mass that is accounted for."""
        if m.form != matter.PIECE:
            return m.book()
        return sum(line.mass for line in m.bill) + sum(self.matters[c].mass for c in m.children)

    def item_register(self, body):
        made = matter.registered(body, self.now)
        me = ("party", self.party)
        item_id = self.create(0, made, dict(custody=me, title=[(me, 1)], terms=[], damaged=False))
        self.items[item_id]["offered"] = False
        self.claims[item_id] = {matter.outside_id(o) for o in body.get("outside_ids", [])}

    def item_void(self, item, body):
        rule(item["registrant"] == self.party, "NOT_REGISTRANT")
        rule(not item["offered"], "ALREADY_OFFERED")
        free(item, CHANGES)
        item["status"] = VOIDED

    def offer(self, item, body):
        to, mode, end, now = body["to"], body["mode"], body.get("until_ms", 0), self.now
        offer = {"event": self.event_id, "index": self.index, "from": self.party, "to": to, "mode": mode, "expiry": body["expires_at_ms"],
                 "left": "goods_left" in body, "declined": False, "until": end, "part": portion(body.get("part")), "agent": body.get("agent", NOBODY),
                 "on": "may_memo_on" in body}
        rule(to != self.party, "SELF_TRANSFER")
        rule(now < offer["expiry"] <= now + 31622400000, "EXPIRY_INVALID")
        rule(lends(mode) or not end, "MEMO_TERM_INVALID")
        rule(end or mode not in (MEMO, SERVICE, LOAN), "MEMO_TERM_INVALID")
        rule(not end or now < end <= now + 158112000000 and end >= offer["expiry"], "MEMO_TERM_INVALID")
        rule(not offer["on"] or mode == MEMO, "MEMO_TERM_INVALID")
        rule(not offer["left"] or moves_custody(mode), "GOODS_LEFT_INVALID")
        rule(offer["part"] == (0, 0) or mode != TITLE, "PORTION_INVALID")
        if "agent" in body:
            rule(body["agent"] not in (to, self.party), "SELF_TRANSFER")
            rule(self.dealer(body["agent"]), "ASSOCIATION_EXCLUDED")
        rule(self.dealer(to), "ASSOCIATION_EXCLUDED")
        rule(mode == RETURN or not self.suspended(to), "PARTY_SUSPENDED")
        me = ("party", self.party)
        holds, owns = item["custody"] == me, owner_of(item) == me
        rule(holds or not moves_custody(mode), "NOT_HOLDER")
        if mode == RETURN:
            rule(not owns, "OWN_GOODS")
        elif lends(mode) and not owns:
            rule(1 <= len(item["terms"]) <= 7, "NOT_OWNER or MAY_NOT_LEND")
            term = item["terms"][-1]
            rule(term["mode"] == mode != LOAN and (mode != MEMO or term["on"]), "MAY_NOT_LEND")
            rule(not term["until"] or 0 < end <= term["until"], "MEMO_TERM_INVALID")
        else:
            rule(owns, "NOT_OWNER")
            rule(not holds or moves_custody(mode), "OWN_GOODS")
        rule(fits(item, offer), "the offer does not fit")
        free(item, needs(offer))
        if offer["part"] != (0, 0):
            matter.check_portion(self.matters[body["item"]["item"]], *offer["part"])
        self.drop_lapsed(item)
        for o in item["offers"]:
            rule(not (moves_custody(mode) and moves_custody(o["mode"]) or moves_title(mode) and moves_title(o["mode"])), "OFFER_OPEN")
        item["offers"].append(offer)
        item["offered"] = True

    def answered(self, item, body, side):
        """Gives the offer that the acting party answers and leaves the item with the others that stand."""
        offer = next((o for o in item["offers"] if o["event"] == body["offer"]), None)
        rule(offer is not None, "UNKNOWN_OFFER")
        rule(offer[side] == self.party, "NOT_OFFERED or NOT_OFFERER")
        rule(not lapsed(offer, self.now), "OFFER_EXPIRED")
        item["offers"] = [o for o in item["offers"] if o is not offer]
        self.drop_lapsed(item)
        return offer

    def accept(self, item, body):
        offer = self.answered(item, body, "to")
        rule(offer["from"] == body["from"], "NOT_OFFERER")
        rule(not offer["declined"], "OFFER_DECLINED")
        rule(fits(item, offer), "the offer does not fit any more")
        rule(not moves_title(offer["mode"]) or offer["left"] or not self.suspended(offer["from"]), "PARTY_SUSPENDED")
        free(item, needs(offer))
        item_id = body["item"]["item"]
        whole, received = self.matters[item_id], portion(body.get("received"))
        if offer["part"] == received == (0, 0):
            self.move(item, offer)
        else:
            rule("received" in body, "MISSING_FIELD")
            offered = offer["part"] if offer["part"] != (0, 0) else (whole.mass, whole.count)
            rule(received[0] <= offered[0] and received[1] <= offered[1], "PORTION_INVALID")
            rule(moves_custody(offer["mode"]) or received == offered, "PORTION_INVALID")
            matter.check_portion(whole, *received)
            free(item, CHANGES)
            moved = dict(item)
            self.move(moved, offer)
            if offer["part"] != (0, 0):
                part, rest = matter.carve(whole, *received)
                self.create(0, part, moved)
            else:
                part, rest = matter.carve(whole, whole.mass - received[0], whole.count - received[1])
                self.create(0, part, item)
                item.update(moved)
            self.matters[item_id] = rest
        overtaken(item)

    def move(self, item, offer):
        mode, me = offer["mode"], ("party", self.party)
        if moves_custody(mode):
            item["custody"] = me
        if moves_title(mode):
            item["title"] = [(me, 1)]
            item["terms"] = owned(item)
        elif mode == RETURN:
            item["terms"] = [] if owner_of(item) == me else item["terms"][:-1]
        else:
            item["terms"] = item["terms"] + [{"mode": mode, "from": offer["from"], "until": offer["until"], "on": offer["on"]}]

    def decline(self, item, body):
        offer = self.answered(item, body, "to")
        rule(not offer["declined"], "OFFER_DECLINED")
        if offer["left"]:
            item["offers"].append(dict(offer, declined=True))

    def withdraw(self, item, body):
        self.answered(item, body, "from")

    def release(self, item, body):
        rule(body["country"].decode() in COUNTRIES, "COUNTRY_INVALID")
        sold = body["reason"] in (SOLD, CONSUMER)
        rule(4 in self.committed or body["reason"] == CONSUMER, "there is no commitment to the counterparty")
        rule(owner_of(item) == ("party", self.party), "NOT_OWNER")
        rule(item["custody"] == ("party", self.party) or sold and item["custody"][0] == "outside" and item["custody"][4] == self.party, "NOT_HOLDER")
        self.drop_lapsed(item)
        rule(not item["offers"], "OFFER_OPEN")
        free(item, MOVES_CUSTODY | MOVES_TITLE * sold)
        item["custody"] = ("outside", body["reason"], body["country"], self.index, self.party)
        if sold:
            item["title"] = [(item["custody"], 1)]
        item["offered"] = True

    def reenter(self, item, body):
        rule(item["custody"][0] == "outside", "ITEM_NOT_OUTSIDE")
        rule(item["custody"][4] == self.party, "NOT_RELEASER")
        free(item, COMES_BACK)
        item_id = body["item"]["item"]
        if "mass" in body or "count" in body:
            m = self.matters[item_id]
            self.matters[item_id] = matter.reweighed(m, body.get("mass"), body.get("count", 0), self.book(m))
        item["custody"] = ("party", self.party)
        if owner_of(item)[0] == "outside":
            item["title"] = [(("party", self.party), 1)]

    def reclaim(self, item, body):
        me = ("party", self.party)
        rule(owner_of(item) == me, "NOT_OWNER")
        rule(item["custody"] == ("party", body["from"]) != me, "OWN_GOODS, NOT_HOLDER or ITEM_OUTSIDE")
        rule(item["terms"], "NOT_LENT")
        due = item["terms"][0]["until"] or item["terms"][-1]["until"]
        rule(due and self.now > due, "NOT_OVERDUE")
        suspended = self.parties[body["from"]]["members"].get(body["association"])
        rule(suspended is False or suspended and self.suspended(body["from"]), "COUNTERSIGNER_INVALID")
        free(item, GIVES_BACK)
        item["custody"], item["terms"] = me, []
        self.drop_lapsed(item)
        item["offers"] = [o for o in item["offers"] if not moves_custody(o["mode"])]
        overtaken(item)

    def share(self, item, body):
        title = [(("party", o["party"]), o["parts"]) for o in body["owners"]]
        leaving = body.get("leaving", [])
        before, owners = item["title"], [owner for owner, _ in title]
        rule(len(set(owners)) == len(owners), "SHARES_INVALID")
        rule(ascending(leaving), "NON_CANONICAL")
        rule(not any(("party", p) in owners for p in leaving), "SHARES_INVALID")
        self.drop_lapsed(item)
        rule(parts_of(before, self.party), "NOT_OWNER")
        rule(all(owner in owners or owner[1] in leaving for owner, _ in before), "SHARES_INVALID")
        rule(all(parts_of(before, p) for p in leaving), "SHARES_INVALID")

        def keeps(party):
            return (parts_of(before, party) * sum(n for _, n in title) == parts_of(title, party) * sum(n for _, n in before))

        everybody = {owner[1] for owner, _ in before + title}
        rule(owners[0] != before[0][0] or len(title) != len(before) or not all(keeps(p) for p in everybody), "SHARES_INVALID")
        rule(not any(self.suspended(p) and not keeps(p) for p in everybody), "PARTY_SUSPENDED")
        rule(not any(moves_title(o["mode"]) for o in item["offers"]), "OFFER_OPEN")
        for owner in owners:
            new = not parts_of(before, owner[1])
            rule(not new or not on_memo(item) or item["custody"] == owner or lent_by(item, owner[1]) is not None, "ON_MEMO")
        free(item, MOVES_TITLE)
        item["title"] = title
        item["terms"] = owned(item)
        overtaken(item)

    def border_cross(self, item, body):
        rule(body["from"].decode() in COUNTRIES and body["to"].decode() in COUNTRIES and body["from"] != body["to"], "COUNTRY_INVALID")
        rule(item["custody"] == ("party", self.party), "NOT_HOLDER")
        free(item, CROSSES)
        item_id = body["item"]["item"]
        m = self.matters[item_id]
        if "hs_code" in body and m.form != matter.PIECE:
            matter.check_hs(body["hs_code"].decode(), [m])
        if (m.material, m.nature, m.stage) != (matter.DIAMOND, matter.NATURAL, matter.ROUGH):
            rule("certificate" not in body, "PAPER_MISMATCH")
            return
        rule("certificate" in body, "CERTIFICATE_REQUIRED")
        attestation = self.attestations.get(body["certificate"])
        rule(attestation is not None and attestation["item"] == item_id, "UNKNOWN_ATTESTATION")
        rule(attestation["kind"] == papers.KIMBERLEY, "CERTIFICATE_REQUIRED")
        rule(not attestation["withdrawn"], "ATTESTATION_WITHDRAWN")
        rule(attestation["expires"] >= self.now, "PAPER_EXPIRED")
        rule(attestation["drawn"][0] >= m.mass - matter.tolerance(m.mass), "PAPER_SPENT")

    def incident(self, item, body):
        kind, me = body["kind"], ("party", self.party)
        owns = owner_of(item) == me
        rule(owns or item["custody"] == me, "NOT_HOLDER")
        free(item, DESTROYS if kind == 6 else BEFALLS)
        if kind == 1:
            rule(not item["lost"], "INCIDENT_INVALID")
            item["lost"] = True
        elif kind == 2:
            rule(not item["stolen"], "INCIDENT_INVALID")
            item["stolen"] = True
        elif kind == 3:
            rule(item["lost"] or item["stolen"], "INCIDENT_INVALID")
            rule(owns or not item["stolen"], "NOT_OWNER")
            item["lost"] = item["stolen"] = False
        elif kind in (4, 5):
            rule(item["damaged"] == (kind == 5), "INCIDENT_INVALID")
            item["damaged"] = kind == 4
        else:
            rule(owns, "NOT_OWNER")
            item["status"], item["offers"] = DESTROYED, []

    # What is said about an item.

    def two_bodies(self, body):
        rule("second" in body or len({n["association"] for n in self.policy["nodes"]}) == 1, "TWO_BODIES_REQUIRED")

    def dispute(self, item, body):
        party, me = self.party, ("party", self.party)
        rule(item["status"] == LIVE, "ITEM_VOIDED, ITEM_CONSUMED or ITEM_DESTROYED")
        concerned = (item["registrant"] == party or item["custody"] == me or parts_of(item["title"], party) or lent_by(item, party) is not None
                     or any(party in (o["from"], o["to"]) for o in item["offers"] if not lapsed(o, self.now)))
        rule(concerned or self.association(party), "NOT_CONCERNED")
        rule(all(by != party for _, by in item["disputes"]) and len(item["disputes"]) < 16, "TOO_MANY_OPEN")
        item["disputes"] = item["disputes"] + [(self.event_id, party)]

    def ruling(self, item, body):
        settled = body["outcome"] == 3
        rule(("dispute" in body) != ("outside_id" in body), "INVALID_FIELD or MISSING_FIELD")
        if "dispute" in body:
            opener = dict(item["disputes"]).get(body["dispute"])
            rule(opener is not None, "UNKNOWN_DISPUTE")
            if settled:
                rule(opener == self.party, "NOT_CONCERNED")
            else:
                rule(self.association(self.party), "NOT_ASSOCIATION")
                self.two_bodies(body)
            item["disputes"] = [d for d in item["disputes"] if d[0] != body["dispute"]]
            return
        outside = matter.outside_id(body["outside_id"])
        rule(not settled, "INVALID_FIELD")
        if self.association(self.party):
            self.two_bodies(body)
        else:
            rule(self.parties[self.party]["role"] == LABORATORY and outside[0] in (1, 2), "NOT_ASSOCIATION")
            rule(not self.suspended(self.party), "PARTY_SUSPENDED")
        claims = self.claims.get(body["item"], set())
        rule(outside in claims, "UNKNOWN_CLAIM")
        if body["outcome"] == 2:
            self.claims[body["item"]] = claims - {outside}

    def hold(self, item, body):
        self.two_bodies(body)
        rule(item["status"] == LIVE, "ITEM_VOIDED, ITEM_CONSUMED or ITEM_DESTROYED")
        rule(len(item["holds"]) < 16, "TOO_MANY_OPEN")
        item["holds"] = item["holds"] + [self.event_id]

    def hold_release(self, item, body):
        self.two_bodies(body)
        rule(body["hold"] in item["holds"], "UNKNOWN_HOLD")
        item["holds"] = [h for h in item["holds"] if h != body["hold"]]

    def attest(self, item, body):
        papers.attest(self, item, body)

    def attest_withdraw(self, item, body):
        papers.attest_withdraw(self, item, body)

    # Matter.

    def reweigh(self, item, body):
        item_id = body["item"]["item"]
        rule(item["custody"] == ("party", self.party), "NOT_HOLDER")
        free(item, CHANGES)
        m = self.matters[item_id]
        self.matters[item_id] = matter.reweighed(m, body["mass"], body.get("count", 0), self.book(m))
        item["offered"] = True

    def correct(self, item, body):
        processes.correct(self, item, body)

    def transform(self, body):
        processes.transform(self, body)
