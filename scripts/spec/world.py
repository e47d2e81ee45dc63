#!/usr/bin/env python3
"""Makes bundles of made-up ledgers from ledger/SPEC.md alone, so that two verifiers can be compared.

Usage: world.py SEED COUNT [random]

It prints COUNT JSON lines and, without "random", those of cases that are thought of: "name", "bundle" in base64,
"genesis" or "policy" as text, and "got", what bundle.py finds. Events are drawn at random; those that the rules accept go on into the
ledger, and of those that they refuse, a bundle is made that is right in all else.
"""
import base64
import copy
import functools
import hashlib
import json
import random
import struct
import sys

sys.dont_write_bytecode = True
import bundle as b  # noqa: E402
import verify as spec  # noqa: E402

DAY = 86400000


def seed(name):
    return hashlib.sha256(b"world " + name.encode()).digest()


@functools.lru_cache(maxsize=None)
def wire(name):
    return spec.public_of(seed(name))


def encode_point(point):
    x, y, z, _ = point
    inverse = pow(z, -1, spec.P)
    x, y = x * inverse % spec.P, y * inverse % spec.P
    return (y | (x & 1) << 255).to_bytes(32, "little")


POWERS = []
for _ in range(256):
    POWERS.append(spec.add(POWERS[-1], POWERS[-1]) if POWERS else spec.BASE)


def times_base(n):
    result = spec.IDENTITY
    for i, power in enumerate(POWERS):
        if n >> i & 1:
            result = spec.add(result, power)
    return result


@functools.lru_cache(maxsize=None)
def sign(name, message):
    h = hashlib.sha512(seed(name)).digest()
    a = int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254
    r = int.from_bytes(hashlib.sha512(h[32:] + message).digest(), "little") % spec.L
    point = encode_point(times_base(r))
    k = int.from_bytes(hashlib.sha512(point + wire(name)[1:] + message).digest(), "little") % spec.L
    return point + ((r + k * a) % spec.L).to_bytes(32, "little")


def varint(n):
    out = b""
    while n >= 128:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def encode(message, fields):
    """Writes a message by the tables of section 5; what is zero or empty is left out."""
    out = b""
    for number, row in sorted(spec.TABLES[message].items()):
        value = fields.get(row["name"])
        if value is None:
            continue
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, int):
                out += varint(number * 8) + varint(v) if v else b""
                continue
            if isinstance(v, dict):
                v = encode(row["kind"], v)
            v = v.encode() if isinstance(v, str) else v
            if v:
                out += varint(number * 8 + 2) + varint(len(v)) + v
    return out


def consistency(m, leaves, whole=True):
    """RFC 6962, section 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if whole else [spec.root_of(leaves)]
    k = 1
    while 2 * k < n:
        k *= 2
    if m <= k:
        return consistency(m, leaves[:k], whole) + [spec.root_of(leaves[k:])]
    return consistency(m - k, leaves[k:], False) + [spec.root_of(leaves[:k])]


def inclusion(index, leaves):
    return spec.proof_of(index, leaves)


class World:
    """A ledger, all of whose secret keys are known."""

    def __init__(self, rng, name="ledger.example.org/world", nodes=3):
        self.rng, self.now, self.nonce = rng, 1700000000000, 0
        names = ["north", "south", "west", "east"][:nodes + 1]
        self.associations = names
        self.genesis = dict(format="custody-genesis/v1", name=name, created_ms=self.now, rules_version=1, quorum=nodes // 2 + 1, associations=[
            dict(name=n + ".example.org", country="BE", governance_keys=[wire("governs " + n).hex()]) for n in names], nodes=[
            dict(id=f"node-{i}", association=n + ".example.org", peer_address=f"127.0.0.1:{7000 + i}", client_address=f"[::1]:{8000 + i}",
                 incarnation=f"{i:016x}", tls_key_sha256=f"{i:064x}", log_key=wire("logs " + n).hex(), cosigner_key=wire("cosigns " + n).hex(),
                 statement_key=wire("states " + n).hex()) for i, n in enumerate(names[:nodes])])
        self.file = (json.dumps(self.genesis, indent=2) + "\n").encode()
        self.names = {wire(f"{use} {n}"): f"{use} {n}" for use in ("governs", "logs", "cosigns", "states") for n in names}
        self.state = b.State(self.genesis, self.file)
        self.raw, self.parsed, self.leaves, self.governance = [], [], [], set()
        self.put(dict(kind=1, index=0, time=self.now, prev=bytes(32), links=[], payload=self.file))
        self.size = 1

    def party(self, name):
        key = "governs " + name if name in self.associations else name
        return spec.party_id(spec.key_id(wire(key)))

    def put(self, entry):
        raw = spec.write_entry(entry)
        self.raw.append(raw)
        self.parsed.append(entry)
        self.leaves.append(spec.leaf_hash(raw))

    def event(self, acting, body, keys, commitments=(), **more):
        """Gives event bytes and signatures."""
        self.nonce += 1
        fields = dict(ledger_id=self.state.ledger_id, party=acting, signers=sorted((wire(k) for k in set(keys)), key=spec.key_id),
                      nonce=struct.pack(">QQ", 1, self.nonce), occurred_at_ms=self.now, not_after_ms=self.now + DAY,
                      commitments=[dict(field=f, hash=bytes(31) + bytes([f])) for f in commitments])
        for k in keys:
            self.names[wire(k)] = k
        fields.update(more)
        fields.update(body)
        event = encode("Event", fields)
        return event, [sign(self.names[k], spec.signing_bytes(event)) for k in fields["signers"]]

    def try_event(self, signed):
        """Gives the state behind an event with kind and links, or None where the rules refuse it."""
        event, signatures = signed
        state = copy.deepcopy(self.state)
        try:
            got = state.apply(b.read_event(event, tuple(signatures)), spec.sha256(spec.signing_bytes(event)), len(self.raw), self.now)
        except (spec.Refused, b.Broken, b.NotKnown):
            return None
        return state, got

    def add(self, signed, links=None, kind=None, prev=None, tried=None):
        """Appends an event; one that the rules refuse gets the links that it would have. Tells whether they accept it."""
        tried = tried or self.try_event(signed)
        if tried:
            self.state, got = tried
        else:
            got = 2, self.guess(signed[0])
        self.put(dict(kind=kind or got[0], index=len(self.raw), time=self.now, prev=prev or self.leaves[-1],
                      links=got[1] if links is None else links, signatures=list(signed[1]), payload=signed[0]))
        return tried is not None

    def guess(self, event):
        try:
            fields = spec.walk(event, "Event")
        except spec.Refused:
            return [0]
        links = [self.state.parties.get(p, {"last": 0})["last"] for p in spec.parties_of(fields)]
        return links + [self.state.items.get(i, {"last": 0})["last"] for i in spec.named(fields)]

    def note(self, size, policy=None, lines=None, text=None):
        policy = policy or self.state.policy
        root = spec.root_of(self.leaves[:size])
        text = text or f"{policy['origin']}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
        out = []
        for n in policy["nodes"]:
            time = struct.pack(">Q", 1700000000)
            message = b"cosignature/v1\ntime 1700000000\n" + text
            for kind, name, key, signature in (
                    (1, policy["origin"], n["keys"][0], sign(self.names[n["keys"][0]], text)),
                    (4, n["association"] + "/custody-validator", n["keys"][1], time + sign(self.names[n["keys"][1]], message))):
                raw = b.key_hash(name.encode(), kind, key[1:]) + signature
                out.append("\u2014 ".encode() + name.encode() + b" " + base64.b64encode(raw) + b"\n")
        return text + b"\n" + b"".join(out if lines is None else [out[i] for i in lines])

    def hand_over(self):
        size = len(self.raw)
        self.put(dict(kind=4, index=size, time=self.now, prev=self.leaves[-1], links=[], note=self.note(size, lines=[0, 1, 2, 3]), proof=[]))
        self.state.hand_over(size)

    def bundle(self, subjects, last=None, states=True, note=None):
        """Writes a bundle of items; last overrides where their entries end."""
        size = len(self.raw)
        todo = [self.state.items[s]["last"] for s in subjects if s in self.state.items] + ([last] if last is not None else [])
        reached = {0} | self.state.made
        while todo:
            i = todo.pop()
            if i < size and i not in reached:
                reached.add(i)
                todo += self.parsed[i]["links"]
        entries = sorted(reached)
        note = note or self.note(size)
        out = [b.MAGIC, struct.pack(">H", len(subjects)), *sorted(subjects), struct.pack(">H", len(note)), note, struct.pack(">H", len(entries))]
        for i in entries:
            out += [struct.pack(">H", len(self.raw[i])), self.raw[i], pack(inclusion(i, self.leaves))]
        handed = [i for i in entries if self.parsed[i]["kind"] == 4]
        out.append(struct.pack(">H", len(handed)))
        for i in handed:
            out.append(pack(consistency(b.read_note(self.parsed[i]["note"], "")["size"], self.leaves)))
        states = states and all(s in self.state.items for s in subjects)
        out.append(struct.pack(">H", len(subjects) if states else 0))
        for s in sorted(subjects) if states else []:
            final = dict(size=size, root=spec.root_of(self.leaves))
            payload = b.statement_bytes(self.state, s, final, 0, self.parsed[-1]["time"])
            nodes = list(enumerate(self.state.policy["nodes"]))[:int(self.state.policy["quorum"])]
            out += [struct.pack(">H", len(payload)), payload, bytes([len(nodes)])]
            out += [bytes([place]) + sign(self.names[n["keys"][2]], b.statement_message(payload)) for place, n in nodes]
        return b"".join(out)

    # Shorter words for what follows.

    def admit(self, dealer, by="north", keys=None, commitments=(1,), **body):
        body = dict(dict(key=wire(dealer), scopes=127, recovery_key=wire("recovers " + dealer), country="BE", role=3), **body)
        return self.event(self.party(by), dict(party_admit=body), keys or ["governs " + by, dealer, "recovers " + dealer], commitments)

    def register(self, dealer, keys=None, **body):
        body = dict(dict(material=1, form=1, nature=1, stage=1, mass=dict(micrograms=200000, basis=1), acquisition=1,
                         origin=[dict(micrograms=200000, kind=1, countries=["BW"])]), **body)
        return self.event(self.party(dealer), dict(item_register=body), keys or [dealer])

    def ref(self, item):
        return dict(item=item, prev=self.state.items[item]["last_event"] if item in self.state.items else bytes(32))

    def item_of(self, signed):
        return spec.item_id(spec.sha256(spec.signing_bytes(signed[0])), 0)

    def id_of(self, signed):
        return spec.sha256(spec.signing_bytes(signed[0]))

    def offer(self, dealer, item, to, mode, **body):
        body = dict(dict(item=self.ref(item), to=self.party(to), mode=mode, expires_at_ms=self.now + DAY), **body)
        if mode in (2, 5, 7):
            body.setdefault("until_ms", self.now + 2 * DAY)
        return self.event(self.party(dealer), dict(offer=body), [dealer])

    def answer(self, what, dealer, item, offer, **body):
        if what == "accept":
            body.setdefault("from", next(o["from"] for o in self.state.items[item]["offers"] if o["event"] == offer))
        return self.event(self.party(dealer), {what: dict(item=self.ref(item), offer=offer, **body)}, [dealer])


def pack(hashes):
    return bytes([len(hashes)]) + b"".join(hashes)


DEALERS = ["asha", "bram", "chen", "labo"]
ROLES = dict(labo=7, asha=1)


def portions(r, m):
    """Draws a part of goods that is often one."""
    if m is None or r.random() < 0.05:
        return dict(micrograms=r.choice([1, 100000, 200000]), count=r.choice([0, 1, 2]))
    if m.counted():
        n = r.randrange(1, m.count)
        mass = m.mass // m.count * n + (0 if m.alike() else r.choice([0, 0, 1, -1]))
        return dict(micrograms=max(mass, 1), count=r.choice([n, n, n, n, n, 0, m.count]))
    return dict(micrograms=r.choice([m.mass // 2, m.mass // 3, 1, m.mass]) or 1, count=r.choice([0, 0, 0, 1, m.count]))


def random_event(w):
    """Draws an event that is often, but not always, what the rules accept. Gives it with the item that it is on."""
    r = w.rng
    dealer, other = r.choice(DEALERS), r.choice(DEALERS + DEALERS + ["north"])
    kind = r.choice(["register", "register", "offer", "offer", "offer", "offer", "accept", "accept", "accept", "accept", "accept", "accept", "decline",
                     "withdraw", "release", "reenter", "void", "key_add", "key_revoke", "suspend", "sponsor", "odd"] + MORE)
    items = list(w.state.items)
    lively = [i for i in items if w.state.items[i]["status"] == 1] if r.random() < 0.97 else items
    item = r.choice(lively[-5:]) if lively else bytes(20)
    standing = [i for i in lively[-8:] if w.state.items[i]["offers"]]
    if standing and r.random() < 0.35:
        item = r.choice(standing)
    holds = w.state.items.get(item, {})
    names = {w.party(d): d for d in DEALERS}
    if holds and r.random() < 0.7:
        dealer = names.get(r.choice([holds["custody"], b.rules.owner_of(holds)])[-1], dealer)
    keys = [dealer] if r.random() < 0.95 else [r.choice([other, "recovers " + dealer, "second " + dealer])]
    if keys[0] == "north":
        keys = [dealer]
    open_offers = holds.get("offers", [])
    offer = r.choice(open_offers) if open_offers else None
    if not open_offers and kind in ("accept", "decline", "withdraw") and r.random() < 0.9:
        kind = "offer"
    if holds and holds["custody"][0] == "outside" and r.random() < 0.3:
        kind = "reenter"
    more = {}
    if r.random() < 0.08:
        more = r.choice([dict(occurred_at_ms=w.now + 300000), dict(occurred_at_ms=w.now + 300001), dict(occurred_at_ms=w.now - 300000), dict(occurred_at_ms=w.now - 300001),
                         dict(occurred_at_ms=1), dict(not_after_ms=w.now), dict(not_after_ms=w.now - 1),
                         dict(not_after_ms=w.now + 7776000000), dict(not_after_ms=w.now + 7776000001), dict(party=w.party("north")), dict(party=bytes(20)),
                         dict(ledger_id=bytes(31) + b"\x01"), dict(group=dict(id=bytes(15) + b"\x01", position=3, count=9))])
    if kind == "register":
        return random_register(w, dealer, keys, more)
    if holds and (holds["lost"] or holds["stolen"]) and r.random() < 0.4:
        kind, dealer = "incident", names.get(b.rules.owner_of(holds)[-1], dealer)
        keys = [dealer]
    elif holds and holds["holds"] and r.random() < 0.3:
        kind = "hold_release"
    elif holds and holds["disputes"] and r.random() < 0.3:
        kind = "ruling"
    if kind == "offer":
        return random_offer(w, dealer, other, keys, more, item)
    if kind in ("accept", "decline", "withdraw"):
        if offer and r.random() < 0.95:
            dealer = names.get(offer["from" if kind == "withdraw" else "to"], dealer)
            keys = [dealer]
        body = dict(item=w.ref(item), offer=offer["event"] if offer else bytes(32))
        if kind == "accept":
            body["from"] = offer["from"] if offer and r.random() < 0.97 else w.party(other)
            part = offer["part"] if offer else (0, 0)
            if part != (0, 0) and r.random() < 0.9 or r.random() < 0.15:
                body["received"] = dict(micrograms=part[0], count=part[1]) if part != (0, 0) and r.random() < 0.6 else portions(r, w.state.matters.get(item))
        if kind == "decline":
            body["reason"] = r.choice([1, 2, 3])
        if kind == "withdraw" and r.random() < 0.3:
            keys = ["second " + dealer]
        return w.event(w.party(dealer), {kind: body}, keys, **more), item
    if kind == "release":
        body = dict(item=w.ref(item), reason=r.choice([1, 2, 3, 4, 5, 6]), country=r.choice(["US", "US", "US", "XX"]))
        return w.event(w.party(dealer), dict(release=body), keys, r.choice([(4,), (4,), (1, 4), ()]), **more), item
    if kind == "reenter":
        body = dict(item=w.ref(item), identity=1)
        if holds and holds["custody"][0] == "outside" and r.random() < 0.9:
            dealer = names.get(holds["custody"][-1], dealer)
            keys = [dealer]
        if holds and r.random() < 0.4:
            body.update(random_weight(r, w.state.matters[item]))
        return w.event(w.party(dealer), dict(reenter=body), keys, **more), item
    if kind == "void":
        return w.event(w.party(dealer), dict(item_void=dict(item=w.ref(item), reason=1)), keys, **more), item
    if kind == "key_add":
        new = r.choice(["second " + dealer, "third " + dealer, "second " + dealer, other if other != "north" else "logs north"])
        return w.event(w.party(dealer), dict(key_add=dict(key=wire(new), scopes=r.choice([1, 4, 8, 12, 64, 127]))), [keys[0], new], **more), None
    if kind == "key_revoke":
        gone = r.choice(["second " + dealer, "third " + dealer, "second " + dealer, "third " + dealer, "recovers " + dealer, other, often(r, "second " + dealer, dealer)])
        keys = [r.choice([keys[0], gone, "recovers " + dealer])]
        return w.event(w.party(dealer), dict(key_revoke=dict(key_id=spec.key_id(wire(gone)), reason=1)), keys, **more), None
    by = r.choice(w.associations)
    gone = [d for d in DEALERS if w.state.suspended(w.party(d))]
    if gone and r.random() < 0.8:
        kind, dealer, by = "sponsor", gone[0], r.choice(["north", by])
    if kind == "suspend":
        return w.event(w.party(by), dict(party_suspend=dict(party=w.party(dealer), reason=2)), ["governs " + by]), None
    if kind == "sponsor":
        return w.event(w.party(by), dict(party_sponsor=dict(party=w.party(dealer))), ["governs " + by]), None
    if kind == "odd":
        return random_odd(w, dealer, item)
    return random_other(w, kind, dealer, other, keys, more, item)


MORE = ["transform"] * 12 + ["correct", "correct", "attest", "attest", "attest", "attest_withdraw", "incident", "incident", "border_cross", "share", "share", "reclaim", "dispute", "ruling", "ruling", "hold", "hold_release", "reweigh"]


def random_offer(w, dealer, other, keys, more, item):
    r, holds = w.rng, w.state.items.get(item, {})
    names = {w.party(d): d for d in DEALERS}
    mode = r.choice([1, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8])
    if holds and r.random() < 0.8:
        holder, owner = names.get(holds["custody"][-1], dealer), names.get(b.rules.owner_of(holds)[-1], dealer)
        if holder == owner and mode in (3, 4, 8):
            mode = r.choice([1, 2, 5, 6, 7])
        dealer = owner if mode in (1, 4, 8) else holder
        keys = [dealer]
        if mode == 4:
            other = holder
        if mode in (3, 8):
            lenders = [names.get(t["from"], other) for t in holds["terms"]]
            other = r.choice(lenders[-1:] + [owner] if mode == 3 else lenders + [other])
    body = dict(item=w.ref(item), to=w.party(other), mode=mode, expires_at_ms=w.now + r.choice([1, 2, 5, 1000, 1000, DAY, DAY, DAY, 31622400000, 31622400001, 0]))
    if r.random() < 0.3:
        body["goods_left"] = 1
    if mode in (2, 5, 7) and r.random() < 0.95 or mode == 6 and r.random() < 0.5 or r.random() < 0.03:
        body["until_ms"] = max(w.now + r.choice([DAY, DAY, DAY, 31622400001, 158112000000, 158112000001, 1000, 0]), r.choice([0, body["expires_at_ms"]]))
        if holds and holds["terms"] and holds["terms"][-1]["until"] and r.random() < 0.6:
            body["until_ms"] = holds["terms"][-1]["until"] + r.choice([0, 0, 1])
    if mode == 2 and r.random() < 0.6 or r.random() < 0.02:
        body["may_memo_on"] = 1
    if r.random() < 0.06:
        body["agent"] = w.party(r.choice(DEALERS + ["north"]))
    m = w.state.matters.get(item)
    if m and m.divided() and r.random() < 0.6 or r.random() < 0.03:
        body["part"] = portions(r, m)
    return w.event(w.party(dealer), dict(offer=body), keys, **more), item


def random_weight(r, m):
    """Draws another mass or count."""
    out = {}
    if r.random() < 0.8:
        near = b.matter.tolerance(m.book() or m.mass)
        mass = m.mass + r.choice([0, 0, 1, -1, near, -near, near + 1, m.count, -m.count, 1000])
        out["mass"] = dict(micrograms=max(mass, 1), basis=r.choice([1, 2, 3]))
    if r.random() < 0.4 or not out:
        out["count"] = max(m.count + r.choice([0, 0, 1, -1, 2, -2]), 1)
    return out


def random_other(w, kind, dealer, other, keys, more, item):
    """Draws an event on title or what is said about an item."""
    r, holds, m = w.rng, w.state.items.get(item, {}), w.state.matters.get(item)
    names = {w.party(d): d for d in DEALERS}
    if kind == "transform":
        return random_transform(w, keys, more)
    if not holds:
        return random_register(w, dealer, keys, more)
    if kind == "correct":
        return random_correct(w, dealer, more, item)
    if kind in ("attest", "attest_withdraw"):
        return random_paper(w, kind, dealer, keys, more, item)
    if kind == "hold_release" and not holds["holds"] and r.random() < 0.9 or kind == "reclaim" and not any(h["terms"] for h in w.state.items.values()):
        kind = "incident"
    if kind == "incident":
        kinds = [3, 3] if holds["lost"] or holds["stolen"] else [1, 2, 4, 5, 4, 5, 6]
        body = dict(item=w.ref(item), kind=r.choice(kinds * 3 + [1, 3, 4, 5]))
        return w.event(w.party(dealer), dict(incident=body), keys, **more), item
    if kind == "border_cross":
        body = {"item": w.ref(item), "from": r.choice(["BE", "BE", "BE", "XX"]), "to": r.choice(["IN", "IN", "BE", "US"])}
        own = [e for e, a in w.state.attestations.items() if a["item"] == item]
        if own and r.random() < 0.8:
            body["certificate"] = r.choice(own)
        elif r.random() < 0.1:
            body["certificate"] = bytes(31) + b"\x01"
        return w.event(w.party(dealer), dict(border_cross=body), keys, **more), item
    if kind == "reweigh":
        weight = random_weight(r, m)
        weight.setdefault("mass", dict(micrograms=m.mass, basis=1))
        return w.event(w.party(dealer), dict(reweigh=dict(item=w.ref(item), **weight)), keys, **more), item
    if kind == "share":
        now = [p for (h, *p), _ in holds["title"] if h == "party"]
        owners = [p[-1] for p in now]
        after = list(dict.fromkeys(r.sample(owners, r.randrange(len(owners) + 1)) + ([w.party(other)] if r.random() < 0.7 else []))) or [w.party(dealer)]
        r.shuffle(after)
        gone = sorted(set(owners) - set(after))
        if r.random() < 0.1:
            gone = r.choice([gone[:-1], gone + [w.party(other)], sorted(gone, reverse=True)])
        if owners:
            dealer = names.get(r.choice(owners), dealer)
            keys = [dealer]
        keys = list(dict.fromkeys(keys + [names[p] for p in after + gone if p in names]))
        if r.random() < 0.05:
            keys.pop()
        body = dict(item=w.ref(item), owners=[dict(party=p, parts=r.choice([1, 1, 1, 2, 3])) for p in after], leaving=gone)
        return w.event(w.party(dealer), dict(share=body), keys or [dealer], **more), item
    by, second = r.sample(w.associations, 2)
    two = ["governs " + by, "governs " + second]
    if kind == "reclaim":
        if r.random() < 0.5:
            late = [i for i, h in w.state.items.items() if h["status"] == 1 and h["terms"]]
            item = r.choice(late) if late else item
            holds = w.state.items[item]
        dealer, by = names.get(b.rules.owner_of(holds)[-1], dealer), r.choice(["north", "north", by])
        body = {"item": w.ref(item), "from": holds["custody"][-1] if r.random() < 0.9 else w.party(other), "association": w.party(by)}
        return w.event(w.party(dealer), dict(reclaim=body), [dealer, "governs " + by], **more), item
    if kind == "dispute":
        who = by if r.random() < 0.3 else dealer
        return w.event(w.party(who), dict(dispute=dict(item=item, ground=1)), ["governs " + by] if who == by else keys, **more), item
    if kind == "ruling":
        body, keys = dict(item=item, outcome=r.choice([1, 2, 3]), second=w.party(second)), two
        who, claims = by, sorted(w.state.claims.get(item, []))
        if holds["disputes"] and r.random() < 0.7:
            body["dispute"], opener = r.choice(holds["disputes"])
            if body["outcome"] == 3 and r.random() < 0.8:
                del body["second"]
                who = names.get(opener) or next(a for a in w.associations if w.party(a) == opener)
                keys = [who if who in DEALERS else "governs " + who]
        if claims and r.random() < 0.6 or r.random() < 0.1:
            what, issuer, number = r.choice(claims or [(1, "LAB", "9")])
            body["outside_id"] = dict(kind=what, issuer=issuer, number=number)
            if r.random() < 0.3:
                body.pop("second", None)
                who, keys = r.choice([(dealer, [dealer]), ("labo", ["labo"]), (by, ["governs " + by])])
        return w.event(w.party(who), dict(ruling=body), keys, **more), item
    if kind == "hold":
        body = dict(item=item, authority=1, order_sha256=bytes(31) + b"\x01", second=w.party(second))
    else:
        body = dict(item=item, hold=r.choice(holds["holds"] or [bytes(31) + b"\x01"]), second=w.party(second))
    if r.random() < 0.2:
        two = two[:1]
        if r.random() < 0.7:
            del body["second"]
    elif r.random() < 0.05:
        body["second"] = w.party(r.choice([by, dealer]))
    return w.event(w.party(by), {kind: body}, two, **more), item


def workable(w):
    """Gives a dealer with the items that it may work on, most of which have one title."""
    by = {}
    for i, h in w.state.items.items():
        service = h["terms"] and h["terms"][-1]["mode"] == 5
        if (h["lost"] or h["stolen"] or h["holds"] or h["disputes"] or h["offers"]) and w.rng.random() < 0.93:
            continue
        if h["status"] == 1 and h["within"] == bytes(20) and h["custody"][0] == "party" and (h["custody"] == b.rules.owner_of(h) or service):
            by.setdefault((h["custody"][1], str((h["title"], h["terms"]))), []).append(i)
    names = {w.party(d): d for d in DEALERS}
    groups = [(names.get(party, DEALERS[0]), items) for (party, _), items in by.items()]
    return w.rng.choice(sorted(groups, key=lambda g: len(g[1]))[-3:]) if groups else (DEALERS[0], [])


def near(r, n):
    """Draws a number that is mostly the one given."""
    return max(n + (0 if r.random() < 0.97 else r.choice([1, -1, 2500])), 0)


def pieces_of(r, n, parts):
    cuts = sorted(r.randrange(n + 1) for _ in range(parts - 1))
    return [high - low for low, high in zip([0] + cuts, cuts + [n])]


def output(r, m, mass, count=0, form=None, **more):
    """Says what goods like others are, of another mass and count."""
    out = dict(material=m.material, form=form or m.form, nature=m.nature, stage=m.stage, mass=dict(micrograms=max(mass, 1), basis=r.choice([1, 2])), **more)
    if m.species:
        out["description"] = dict(species=often(r, m.species, "ruby", "quartz"))
    if count and out["form"] in (2, 3, 4, 5):
        out["count"] = count
        if out["form"] == 3 or m.count_basis == 2 and out["form"] == 2:
            out["count_basis"] = 2
    if m.material == 4:
        parts = b.matter.share(max(mass, 1), [n for _, n in m.composition])
        out["composition"] = [dict(metal=metal, micrograms=n) for (metal, _), n in zip(m.composition, parts) if n]
    return out


def substances(matters):
    return b.rules.processes.amounts(matters)


def balances(r, went_in, came_out):
    """Says what of each substance did not come out."""
    out = []
    for at in sorted(set(went_in) | set(came_out), key=lambda at: (at[0] == 4, at)):
        missing = went_in.get(at, 0) - came_out.get(at, 0)
        said = dict(material=at[0], metal=at[1])
        if missing > 0:
            said["shortfall_micrograms" if missing < 2500 and r.random() < 0.3 else "loss_micrograms"] = near(r, missing)
        elif missing < 0:
            said["gain_micrograms"] = -missing
        if len(said) > 2 or r.random() < 0.01:
            out.append(said)
    return out


def said_amounts(outputs):
    out = {}
    for o in outputs:
        for metal, n in [(c["metal"], c["micrograms"]) for c in o.get("composition", [])] or [(0, o["mass"]["micrograms"])]:
            out[o.get("material", 0), metal] = out.get((o.get("material", 0), metal), 0) + n
    return out


def random_transform(w, keys, more):
    r = w.rng
    dealer, items = workable(w)
    matters = {i: w.state.matters[i] for i in items}
    process = r.choice([1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 7, 7, 8, 9, 9])
    fit = dict([(1, lambda m: m.material in (1, 2)), (2, lambda m: m.divided() or m.form == 1 and m.material == 4), (3, lambda m: m.form != 5), (4, lambda m: m.material == 4),
                (5, lambda m: m.material == 4), (6, lambda m: m.material in (1, 2, 3)), (8, lambda m: m.form == 5), (9, lambda m: m.form == 5 and m.count < 2)])
    right = [i for i in items if fit.get(process, lambda m: True)(matters[i])] if r.random() < 0.96 else items
    if not right:
        return random_register(w, dealer, [dealer], more)
    chosen = [r.choice(right)]
    m = matters[chosen[0]]
    body, outputs = dict(process=process), []
    if process == 1:
        mass = m.mass * r.choice([1, 3, 5, 9, 10]) // 10
        for part in pieces_of(r, mass, r.choice([1, 2, 3])):
            form = r.choice([1, 1, 2, 3])
            outputs.append(dict(output(r, m, part, r.choice([2, 3]) if form == 2 else 0, form), stage=often(r, 2, m.stage)))
        for o in outputs:
            if o["form"] == 2:
                o.pop("count_basis", None)
    elif process == 2:
        outputs = split_outputs(r, m)
    elif process == 3:
        alike = [i for i in right if (matters[i].material, matters[i].nature, matters[i].stage, matters[i].codes) == (m.material, m.nature, m.stage, m.codes)
                 and (b.matter.same_species(m.species, matters[i].species)) and (matters[i].form == 4) == (m.form == 4)]
        chosen = list(dict.fromkeys(chosen + r.sample(alike, min(len(alike), r.choice([1, 2, 3])))))
        if len(chosen) == 1 and len(right) > 1 and r.random() < 0.3:
            chosen = r.sample(right, 2)
        mass, count = sum(matters[i].mass for i in chosen), sum(matters[i].count or (matters[i].form in (1, 4)) for i in chosen)
        whole = m.but(count_basis=1)
        if m.material == 4:
            whole = m.but(composition=sorted((metal, n) for (_, metal), n in substances([matters[i] for i in chosen if matters[i].material == 4]).items()))
        form = 4 if m.form == 4 else r.choice([2, 3])
        outputs = [output(r, whole, near(r, mass), near(r, count) if form != 3 and count > 1 else 0, form)]
        if form == 2 and r.random() < 0.2:
            outputs[0]["equal_pieces"] = 1
    elif process in (4, 5):
        chosen = list(dict.fromkeys(chosen + r.sample(right, min(len(right), r.choice([0, 1, 2])))))
        if r.random() < 0.3:
            body["additions"] = [dict(random_goods(r, 4, 3))]
            body["additions"][0].pop("fineness_permyriad", None)
            if r.random() < 0.05:
                body["additions"][0]["origin"] = random_origin(r, body["additions"][0])
        went_in = sum_of(substances([matters[i] for i in chosen]), said_amounts(body.get("additions", [])))
        melted = sorted((metal, n) for (material, metal), n in went_in.items() if material == 4)
        kept = [(metal, n * r.choice([1000, 1000, 990, 950]) // 1000) for metal, n in melted]
        kept = [(metal, n) for metal, n in kept if n]
        if kept:
            if process == 5 and len(kept) > 1 and r.random() < 0.6:
                groups = [kept[:1], kept[1:]]
            else:
                whole = sum(n for _, n in kept)
                parts = pieces_of(r, whole, r.choice([1, 2])) if whole > 1 else [whole]
                split = b.matter.parted_composition(kept, [p for p in parts if p])
                groups = [g for g in split if g]
            outputs = [dict(material=4, form=r.choice([1, 3]), mass=dict(micrograms=sum(n for _, n in g), basis=1), composition=[dict(metal=x, micrograms=n) for x, n in g]) for g in groups]
    elif process == 6:
        body["treatments"] = dict(list=r.choice([2024, 2025]), codes=r.choice([["H"], ["R"], ["C"], ["B"], ["H", "R"], ["N"], ["L"], ["E"], ["G"], ["O", "W"]]))
        if r.random() < 0.3:
            body["balances"] = [dict(material=m.material, **{r.choice(["loss_micrograms", "loss_micrograms", "gain_micrograms", "shortfall_micrograms"]): near(r, m.mass * r.choice([1, 20, 50]) // 1000 or 1)})]
    elif process == 7:
        chosen = list(dict.fromkeys(chosen + r.sample(items, min(len(items), r.choice([0, 1, 2, 3])))))
        if r.random() < 0.5:
            body["additions"] = random_lines(r)
        mass = sum(matters[i].mass for i in chosen) + sum(a["mass"]["micrograms"] for a in body.get("additions", []))
        outputs = [dict(form=often(r, 5, 4), mass=dict(micrograms=near(r, mass), basis=2))]
    elif process == 8:
        lines, gone = list(enumerate(m.bill)), []
        for n, line in lines:
            if r.random() < 0.6:
                said = output(r, line, line.mass, line.count)
                outputs.append(dict(said, composition=[dict(metal=x, micrograms=y) for x, y in line.composition], bill_line=near(r, n + 1) or 1))
                if line.count_basis:
                    outputs[-1]["count_basis"] = line.count_basis
            else:
                gone.append(line)
        chosen += m.children if r.random() < 0.95 else m.children[:-1]
        body["balances"] = balances(r, substances(gone), {})
    if process in (1, 2, 3, 4, 5):
        body["balances"] = balances(r, sum_of(substances([matters[i] for i in chosen]), said_amounts(body.get("additions", []))), said_amounts(outputs))
    if process == 9:
        outputs = random_rework(w, r, body, chosen, items, matters)
    for o in outputs:
        if r.random() < 0.05:
            o["outside_ids"] = [r.choice(NUMBERS)]
        if r.random() < 0.03:
            o["reference"] = bytes(15) + bytes([r.randrange(1, 3)])
    body["inputs"] = [w.ref(i) for i in dict.fromkeys(chosen)]
    body["outputs"] = outputs
    if r.random() < 0.1:
        body["country"] = often(r, "IN", "XX")
    signed = w.event(w.party(dealer), dict(transform=body), [dealer], **more)
    subject = w.item_of(signed) if outputs and r.random() < 0.8 else chosen[0]
    return signed, subject


def sum_of(*amounts):
    return {at: sum(a.get(at, 0) for a in amounts) for at in {at for a in amounts for at in a}}


def random_lines(r):
    lines = []
    for _ in range(r.choice([1, 2])):
        material = r.choice([1, 3, 4, 4, 5])
        lines.append(random_goods(r, material, r.choice([1, 2, 3] if material < 4 else [1, 3, 4])))
        for gone in ("fineness_permyriad", "equal_pieces"):
            lines[-1].pop(gone, None)
    return lines


def split_outputs(r, m):
    n = r.choice([2, 2, 3])
    if m.counted():
        counts = pieces_of(r, m.count, n)
        if m.alike():
            masses = [m.mass // m.count * c for c in counts]
        else:
            masses = b.matter.share(m.mass, [c + 1 for c in counts])
    else:
        counts, masses = [0] * n, pieces_of(r, m.mass, n)
        if r.random() < 0.3:
            masses[0] = max(masses[0] - m.mass // 150, 1)
    if m.material == 4 and not m.alike():
        compositions = b.matter.parted_composition(m.composition, [x for x in masses if x > 0]) if sum(masses) <= m.mass else []
    outputs = []
    for mass, count in zip(masses, counts):
        if mass <= 0:
            continue
        form = m.form
        if form in (2, 3):
            form = 1 if count == 1 else m.form if count or not m.counted() else 3
            if form == 2 and not count:
                count = r.choice([2, 3])
        if form == 1 and m.material != 4 and count != 1:
            form = 3
        outputs.append(output(r, m, near(r, mass), count if count > 1 else 0, form))
        if m.equal and form == 2 and r.random() < 0.7:
            outputs[-1]["equal_pieces"] = 1
    if m.material == 4 and not m.alike():
        for o, c in zip(outputs, compositions):
            if o["mass"]["micrograms"] == sum(n for _, n in c):
                o["composition"] = [dict(metal=x, micrograms=n) for x, n in c]
    if m.material != 4 and m.form in (2, 3) and m.origin and r.random() < 0.5:
        books = b.matter.share(m.book(), [o["mass"]["micrograms"] for o in outputs])
        left = [n for _, n in m.origin]
        for o, book in zip(outputs, books):
            o["allocation"] = []
            for i, have in enumerate(left):
                taken = min(have, book)
                if taken:
                    o["allocation"].append(dict(component=i + 1, micrograms=near(r, taken)))
                    left[i], book = have - taken, book - taken
    return outputs


def random_rework(w, r, body, chosen, items, matters):
    piece = matters[chosen[0]]
    outputs, children = [], list(piece.children)
    r.shuffle(children)
    for i in r.sample(items, min(len(items), r.choice([0, 0, 1]))):
        if i not in chosen:
            chosen.append(i)
    if children and r.random() < 0.4:
        body["removed"] = [w.ref(children.pop())]
    if r.random() < 0.3:
        body["additions"] = random_lines(r)
    metals = [c for c in children if w.state.matters[c].material == 4]
    if metals and r.random() < 0.8:
        m = w.state.matters[r.choice(metals)]
        child = next(c for c in metals if w.state.matters[c] is m)
        filed = near(r, m.mass * r.choice([1, 5, 50, 100]) // 100 or 1) or 1
        if m.alike():
            filed = filed // m.count * m.count or m.count
        body["filings"] = [dict(item=w.ref(child), micrograms=filed)]
        if 0 < filed < m.mass:
            dust = b.matter.parted_composition(m.composition, [filed, m.mass - filed])[0]
            if r.random() < 0.6:
                kept = [(x, n * r.choice([1000, 900, 500]) // 1000) for x, n in dust]
                kept = [(x, n) for x, n in kept if n]
                if kept:
                    outputs = [dict(material=4, form=3, mass=dict(micrograms=sum(n for _, n in kept), basis=1), composition=[dict(metal=x, micrograms=n) for x, n in kept])]
            body["balances"] = balances(r, {(4, x): n for x, n in dust}, said_amounts(outputs))
    return outputs


def random_correct(w, dealer, more, item):
    r, h, m = w.rng, w.state.items[item], w.state.matters[item]
    names = {w.party(d): d for d in DEALERS}
    dealer = names.get(h["registrant"], dealer) if r.random() < 0.95 else dealer
    holder = names.get(h["custody"][-1])
    body, keys = dict(item=w.ref(item), reason=1), [dealer]
    if holder and holder != dealer and r.random() < 0.9 or r.random() < 0.03:
        body["holder"] = w.party(holder or dealer)
        keys = list(dict.fromkeys([dealer, holder or dealer]))
    if r.random() < 0.5 and m.origin:
        n = r.randrange(len(m.origin))
        countries = list(m.origin[n][0][2])
        wider = r.choice([[], sorted(set(countries) | {"AO"}), sorted(set(countries) | {"BW", "ZW"}), countries])
        body["origin"] = [dict(component=near(r, n + 1) or 1, countries=wider)]
        if len(m.origin) > 1 and r.random() < 0.3:
            body["origin"] = [dict(component=i + 1, countries=[]) for i in range(len(m.origin))]
    if r.random() < 0.3:
        body["outside_ids"] = r.choice([[x] for x in NUMBERS] + [NUMBERS[:2]])
    if r.random() < 0.3:
        body["description"] = dict(species=r.choice([m.species, "ruby", "sapphire", "quartz other", "akoya"]), colour="red") if m.species or r.random() < 0.1 else dict(colour="blue")
    if r.random() < 0.2:
        body["processed_in"] = often(r, "IN", "XX")
    return w.event(w.party(dealer), dict(correct=body), keys, **more), item


def random_paper(w, kind, dealer, keys, more, item):
    r, m = w.rng, w.state.matters[item]
    if kind == "attest_withdraw":
        known = [(e, a) for e, a in w.state.attestations.items() if not a["withdrawn"] or r.random() < 0.1]
        names = {w.party(d): d for d in DEALERS}
        event, a = r.choice(known) if known and r.random() < 0.95 else (bytes(31) + b"\x01", dict(item=item, party=w.party(dealer)))
        item, by = a["item"], a["party"]
        body = dict(item=item, attestation=event, reason=1)
        if r.random() < 0.3:
            who = r.choice(["north", "north", "south" if len(w.associations) > 1 else "north", dealer])
            if r.random() < 0.9:
                body["attestor"] = by
            return w.event(w.party(who), dict(attest_withdraw=body), ["governs " + who if who in w.associations else who], **more), item
        dealer = names.get(by, dealer) if r.random() < 0.95 else dealer
        if r.random() < 0.05:
            body["attestor"] = by
        return w.event(w.party(dealer), dict(attest_withdraw=body), [dealer], **more), item
    rough = (m.material, m.nature, m.stage) == (1, 1, 1)
    about = [k for k, row in b.rules.papers.KINDS.items() if m.material in row[1] and (k != 1 or rough)]
    what = r.choice(about if r.random() < 0.95 else range(1, 17))
    if rough and r.random() < 0.5:
        what = 1
    roles, _, has, has_not, shows = b.rules.papers.KINDS[what]
    own = bool(roles) and r.random() < 0.6
    if own and r.random() < 0.95:
        dealer = next((d for d in [dealer] + DEALERS if ROLES.get(d, 3) in roles), dealer)
    body = dict(item=item, kind=what, document_sha256=bytes(31) + bytes([r.choice([1, 1, 1, 2])]))
    if own:
        body["own"] = 1
    if not own or r.random() < 0.02:
        body["issuer"] = "Authority"
    country = r.choice(["BE", "BE", "EU" if what == 1 else "IN", "XX" if r.random() < 0.1 else "BE"])
    values = dict(number=r.choice([country, country, "ZA"]) + r.choice("12"), country=country, quantity=dict(micrograms=r.choice([400000, 400000, 10**9]), count=r.choice([0, 0, 10])),
                  issued_ms=w.now - r.choice([1000, 0, -300000, -300001]), expires_ms=w.now + r.choice([DAY, DAY, DAY, 0, 1, -1]))
    for letter, name in b.rules.papers.FIELDS.items():
        if name in values and r.random() < (0.98 if letter in has else 0.02 if letter in has_not else 0.2):
            body[name] = values[name]
    if ("quantity" in body) != (r.random() < 0.02):
        body["drawn"] = dict(micrograms=max(r.choice([m.mass, m.mass, m.mass // 2, m.mass + 1]), 1), count=r.choice([0, 0, 0, m.count, 1]))
    claims = sorted(c for c in shows if r.random() < 0.5) or [min(shows)]
    if what == 1 and r.random() < 0.97:
        claims = [6]
    if r.random() < 0.03:
        claims = r.choice([claims[::-1], claims + [9], [1, 2]])
    highest = {c: shows.get(c, 1) if own else min(shows.get(c, 1), 2) for c in claims}
    body["claims"] = [dict(claim=c, level=min(r.choice([highest[c], highest[c], 1, near(r, highest[c]) or 1]), 4)) for c in claims]
    if 6 in claims:
        try:
            stated = b.rules.papers.countries_of(w.state, m)
        except b.Broken:
            stated = []
        body["countries"] = often(r, stated or r.choice([[], ["BW"]]), ["BW"], ["CA", "BW"], [], ["XX"])
    elif r.random() < 0.02:
        body["countries"] = ["BW"]
    if 7 in claims and r.random() < 0.95 or r.random() < 0.02:
        body["producer"] = r.choice([s[4] for s, _ in m.origin if s[4]] or ["Producer 9"]) if r.random() < 0.8 else "Producer 9"
    if 4 in claims and r.random() < 0.95 or r.random() < 0.02:
        body["treatments"] = dict(list=2024, codes=r.choice([["N"], ["H"], ["H", "N"], ["R"], ["B"]]))
    if what in (3, 12) and r.random() < 0.4 or r.random() < 0.02:
        body["found_count"], body["found_nature"] = r.choice([1, 1, 2, 11]), r.choice([1, 2, 2, 4])
        if r.random() < 0.05:
            del body["found_nature"]
    return w.event(w.party(dealer), dict(attest=body), [dealer] if r.random() < 0.95 else keys, **more), item


def random_odd(w, dealer, item):
    r = w.rng
    choice = r.randrange(7)
    if choice == 0:
        return w.offer(dealer, bytes(19) + b"\x01", "asha", 1), None
    if choice == 1:
        return w.register(dealer, keys=[dealer, "second " + dealer]), None
    if choice == 2:
        body = dict(item=dict(item=item, prev=bytes(31) + b"\x07"), reason=1)
        return w.event(w.party(dealer), dict(item_void=body), [dealer]), item
    new = f"dealer {w.nonce}"
    if choice == 3:
        return w.admit(new, commitments=r.choice([(1,), (2,), ()]), scopes=r.choice([127, 64, 63, 1])), w.party(new)
    if choice == 4:
        return w.admit(new, key=wire(r.choice(DEALERS + [new]))), w.party(new)
    if choice == 5:
        return w.admit(new, country=r.choice(["XX", "UK", "GB", "XK", "EU", "AN", "SS"])), w.party(new)
    return w.admit(new, by="north", keys=["governs south", new, "recovers " + new]), w.party(new)


def often(r, value, *others):
    return value if r.random() < 0.96 else r.choice(others)


def random_goods(r, material, form, pieces=1):
    """Draws what a registration or a line says about goods, often right."""
    said = dict(material=material, form=form)
    if material in (1, 2, 3):
        said["nature"] = r.choice([1, 1, 1, 2, 4, 5] if material < 3 else [1, 3, 3, 4, 5])
    said["nature"] = often(r, said.get("nature", 0), 0, 2, 3)
    if material in (1, 2) and (said["nature"] < 3 or r.random() < 0.5) or r.random() < 0.02:
        said["stage"] = often(r, r.choice([1, 2]), 0)
    mass = r.choice([200000, 200000, 999999, 31103477, 3, 12 * 4096, 6, 5000000]) * (pieces if r.random() < 0.95 else 1)
    if form == 2:
        said["count"] = r.choice([2, 3, 4, 10, 12]) * pieces
        if r.random() < 0.3:
            said["equal_pieces"] = 1
        if r.random() < 0.6 or "equal_pieces" in said:
            mass = mass * said["count"]
        if r.random() < 0.3:
            said["count_basis"] = often(r, 1 if "equal_pieces" in said else r.choice([1, 2]), 2)
    elif form == 3 and r.random() < 0.4:
        said.update(count=r.choice([2, 50]) * pieces, count_basis=often(r, 2, 1, 0))
    elif form == 4 and (pieces > 1 or r.random() < 0.5):
        said["count"] = r.choice([2, 3] if pieces == 1 else [1, 2]) * pieces
        mass *= said["count"]
    if r.random() < 0.03:
        said.update(count=r.choice([1, 2, mass, mass + 1]))
    if r.random() < 0.02:
        said["count_basis"] = 1
    said["mass"] = dict(micrograms=min(mass, b.matter.MASS_MAX), basis=r.choice([1, 2, 3]))
    if r.random() < 0.1:
        said["mass"].update(r.choice([dict(declared="1.07", unit=1), dict(declared="1", unit=1), dict(declared="1.00000", unit=1), dict(declared="01", unit=2),
                                      dict(declared="1", unit=5), dict(declared="31.1034768", unit=2), dict(declared="4", unit=7), dict(declared="1.", unit=2),
                                      dict(declared="0.2", unit=2), dict(unit=2), dict(declared="1"), dict(declared=".2", unit=2),
                                      dict(declared="31.103476499999999999999", unit=2), dict(declared="200.0005", unit=4), dict(declared="0.00000015432358352941", unit=5)]))
        if "declared" in said["mass"] and "unit" in said["mass"] and r.random() < 0.8 and form in (1, 3) and material != 4:
            try:
                exact = b.matter.Fraction(said["mass"]["declared"]) * b.matter.UNITS[said["mass"]["unit"]] / 100
                said["mass"]["micrograms"] = max(round(exact) + r.choice([0, 0, 0, 1, -1]), 1)
            except ValueError:
                pass
    mass = said["mass"]["micrograms"]
    if material == 2 or material == 3 and r.random() < 0.5 or r.random() < 0.03:
        words = ["akoya", "freshwater", "south-sea other", "melo", "other"] if material == 3 else ["ruby", "corundum sapphire", "beryl emerald", "quartz", "other", "other opal", "amber"]
        said["description"] = often(r, dict(species=r.choice(words), colour="red"), dict(colour="red"), dict(species="ruby beryl"), dict(species="akoya"), dict(species="ruby"))
    if r.random() < 0.03:
        said.setdefault("description", {})["growth"] = r.choice([1, 2])
    if material == 4:
        alloy = r.choice([[1], [1, 2, 8], [1, 2, 8], [2, 8], [3], [4, 5], [1, 11]])
        weights = {1: 750, 2: 125, 8: 125, 3: 1, 4: 3, 5: 2, 11: 250}
        parts = b.matter.share(mass, [weights[x] for x in alloy])
        said["composition"] = [dict(metal=x, micrograms=n) for x, n in zip(alloy, parts) if n]
        if r.random() < 0.3:
            said["fineness_permyriad"] = r.choice([7500, 9999, 10000, 5000, 7499])
        if r.random() < 0.03:
            said["composition"].reverse()
    elif r.random() < 0.02:
        said["composition"] = [dict(metal=1, micrograms=mass)]
    if r.random() < 0.2:
        codes = r.choice([["N"], ["H"], ["H", "R"], ["B", "D"], ["F"], ["FH"], ["SYN"], ["IMIT"], ["ASBL"], ["E"], ["HP"], ["R", "H"], ["H", "N"], ["L"], ["U"], ["W"]])
        said["treatments"] = dict(list=often(r, 2024, 1980, 2099, 2100, 1981), codes=codes)
    return said


def random_component(r, said, metal, mass):
    nature = said.get("nature", 0)
    o = dict(micrograms=mass, kind=often(r, r.choice([4, 4, 6] if nature == 2 else [3, 5, 6] if nature in (3, 4) else [1, 1, 1, 2, 3, 5, 6]), 1, 4))
    if metal:
        o["metal"] = metal
    if o["kind"] in (1, 2) or o["kind"] == 5 and r.random() < 0.5 or r.random() < 0.03:
        o["countries"] = often(r, r.choice([["BW"], ["BW", "CA"], ["ZA"], ["AO", "RU", "ZA"]]), [], ["CA", "BW"], ["BW", "BW"], ["XX"])
    if o["kind"] in (1, 2) and r.random() < 0.2 or r.random() < 0.02:
        o["mine"] = r.choice(["Mine", "Pit 7"])
    if r.random() < 0.3:
        o["producer"] = r.choice(["Producer 0", "Producer 1"])
    if "producer" in o and r.random() < 0.4 or r.random() < 0.02:
        o["state_ownership"] = r.choice([1, 2])
    if "state_ownership" in o and r.random() < 0.95 or r.random() < 0.02:
        o["ownership_as_of_ms"] = often(r, 1600000000000, 1900000000000)
    return o


def random_origin(r, said):
    """Draws where goods are from."""
    if "composition" in said:
        masses = [(c["metal"], c["micrograms"]) for c in said["composition"]]
    else:
        masses = [(0, said["mass"]["micrograms"])]
    origin = []
    for metal, mass in masses:
        parts = r.choice([1, 1, 2, 3]) if mass > 10 else 1
        for i in range(parts):
            part = mass // parts if i else mass - mass // parts * (parts - 1)
            o = random_component(r, said, metal, part)
            if i and r.random() < 0.8:
                o["producer"] = f"Producer {i + 2}"
            origin.append(o)
    if r.random() < 0.03:
        origin[-1]["micrograms"] += 1
    return origin


NUMBERS = [dict(kind=1, issuer="LAB", number="1"), dict(kind=2, issuer="LAB", number="1"), dict(kind=3, issuer="REF", number="B1"), dict(kind=4, issuer="BIS", number="ABC123"),
           dict(kind=4, issuer="BIS", number="ABC12"), dict(kind=4, issuer="BIX", number="ABC123"), dict(kind=5, issuer="04012345678901", number="S1"),
           dict(kind=5, issuer="00000000000000", number="S1"), dict(kind=5, issuer="12345678901231", number="A" * 21), dict(kind=5, issuer="12345678901231", number="A" * 20)]


def random_register(w, dealer, keys, more):
    r = w.rng
    material = r.choice([1, 1, 1, 2, 3, 4, 4, 5, 0])
    form = often(r, 5 if material == 0 else r.choice([1, 2, 2, 3] if material < 4 else [1, 2, 3, 4, 4]), 4, 5, 1)
    body = random_goods(r, material, form)
    body["acquisition"] = 1
    if form == 5:
        for gone in ("composition", "fineness_permyriad", "stage", "description", "treatments", "equal_pieces", "count_basis", "count"):
            if r.random() < 0.97:
                body.pop(gone, None)
        pieces = r.choice([1, 1, 2, 3])
        if pieces > 1:
            body["count"] = pieces
        body["bill"] = []
        for _ in range(r.choice([1, 2, 3])):
            part = r.choice([1, 2, 3, 4, 4, 5])
            line = random_goods(r, part, r.choice([1, 2, 3] if pieces == 1 else [2, 3]) if part < 4 else r.choice([1, 3, 4, 4] if pieces == 1 else [3, 4]), pieces)
            for gone in ("fineness_permyriad", "equal_pieces"):
                line.pop(gone, None)
            if r.random() < 0.5:
                line["origin"] = random_origin(r, line)
            body["bill"].append(line)
        body["mass"] = dict(micrograms=sum(line["mass"]["micrograms"] for line in body["bill"]) + often(r, 0, 1), basis=1)
        if r.random() < 0.03:
            body["origin"] = random_origin(r, body)
    elif r.random() < 0.97:
        body["origin"] = random_origin(r, body)
    if r.random() < 0.2:
        body["outside_ids"] = r.choice([[x] for x in NUMBERS] + [NUMBERS[:2], NUMBERS[:1] * 2])
    if r.random() < 0.1:
        body["processed_in"] = r.choice(["IN", "IN", "ZZ"])
    if r.random() < 0.1:
        body["reference"] = bytes(15) + bytes([r.randrange(1, 3)])
    if r.random() < 0.3:
        body["model"] = r.choice([1, 2, 3, 4, 5])
    signed = w.event(w.party(dealer), dict(item_register=body), keys, **more)
    return signed, w.item_of(signed)


def signed_kind(signed):
    try:
        return spec.body_of(spec.walk(signed[0], "Event"))[0]
    except spec.Refused:
        return None


def random_world(rng, count):
    """Yields (name, world, bundle) until there are enough."""
    w = World(rng, nodes=rng.choice([1, 3, 3]))
    for d in DEALERS:
        w.add(w.admit(d, role=ROLES.get(d, 3)))
    for d in DEALERS[:3]:
        w.add(w.register(d))
    made = 0
    for step in range(400):
        w.now += rng.choice([0, 0, 1, 1, 2, 1000, 1000, DAY // 2])
        signed, subject = random_event(w)
        tried = w.try_event(signed)
        if tried:
            w.add(signed, tried=tried)
            if rng.random() < 0.2:
                items = list(w.state.items)
                yield f"step {step} accepted", w, w.bundle(rng.sample(items, min(len(items), rng.choice([1, 1, 2]))))
                made += 1
        elif rng.random() < 0.5:
            bad = copy.copy(w)
            bad.raw, bad.parsed, bad.leaves = list(w.raw), list(w.parsed), list(w.leaves)
            bad.add(signed)
            last = len(bad.raw) - 1
            if subject is None or subject not in bad.state.items:
                bad.put(dict(bad.parsed[-1], index=last + 1, links=[last], prev=bad.leaves[-1]))
                follow = bad.register(DEALERS[0])
                bad.raw.pop(), bad.parsed.pop(), bad.leaves.pop()
                bad.add(follow, links=[last])
                subject = bad.item_of(follow)
                if signed_kind(signed) == "item_register":
                    subject = bad.item_of(signed)
                last = len(bad.raw) - 1
            yield f"step {step} refused", bad, bad.bundle([subject], last=last, states=False)
            made += 1
        if made >= count:
            return


# Cases that are thought of.


def shown_suspension(rng):
    """An offerer was suspended when it last touched the item, and is not any more when its offer is accepted."""
    w = World(rng)
    for d in ("asha", "bram"):
        assert w.add(w.admit(d))
    stone = w.register("asha")
    assert w.add(stone)
    item = w.item_of(stone)
    memo = w.offer("asha", item, "bram", 2)
    assert w.add(memo) and w.add(w.answer("accept", "bram", item, w.id_of(memo)))
    sale, back = w.offer("asha", item, "bram", 4), None
    assert w.add(sale)
    back = w.offer("bram", item, "asha", 3)
    assert w.add(back)
    assert w.add(w.event(w.party("north"), dict(party_suspend=dict(party=w.party("asha"), reason=2)), ["governs north"]))
    assert w.add(w.answer("decline", "asha", item, w.id_of(back), reason=1))
    assert w.add(w.event(w.party("north"), dict(party_sponsor=dict(party=w.party("asha"))), ["governs north"]))
    assert w.add(w.answer("accept", "bram", item, w.id_of(sale)))
    yield "a suspension that is shown was lifted by an entry that is not", w, w.bundle([item])


def references(rng):
    w = World(rng)
    assert w.add(w.admit("asha"))
    one, two = w.register("asha", reference=bytes(15) + b"\x01"), w.register("asha", reference=bytes(15) + b"\x01")
    w.add(one), w.add(two)
    yield "one reference twice in a shipment", w, w.bundle([w.item_of(one), w.item_of(two)])


def does(w, dealer, **body):
    """Appends an event that the rules accept; gives it."""
    signed = w.event(w.party(dealer), body, [dealer])
    assert w.add(signed)
    return signed


def odd_matters(rng):
    w = World(rng)
    for d in ("asha", "bram"):
        assert w.add(w.admit(d))
    stone = w.register("asha")
    assert w.add(stone)
    for agent in ("north", "nobody", "asha", "bram"):
        bad = copy.deepcopy(w)
        bad.add(bad.offer("asha", w.item_of(stone), "bram", 1, agent=w.party(agent)))
        yield f"an offer whose agent is {agent}", bad, bad.bundle([w.item_of(stone)], last=len(bad.raw) - 1, states=False)
    metal = dict(material=4, form=3, mass=dict(micrograms=1000, basis=1), composition=[dict(metal=1, micrograms=1000)])
    bill = [metal, dict(material=5, form=3, mass=dict(micrograms=1000, basis=1))]
    made = does(w, "asha", item_register=dict(form=5, mass=dict(micrograms=2000, basis=1), acquisition=1, bill=bill))
    lost = [dict(material=5, loss_micrograms=1000), dict(material=4, metal=1, loss_micrograms=1000)]
    for name, order in (("behind", lost), ("in front of", lost[::-1])):
        v = copy.deepcopy(w)
        v.add(v.event(v.party("asha"), dict(transform=dict(process=8, inputs=[v.ref(w.item_of(made))], balances=order)), ["asha"]))
        yield f"a balance of metal {name} one of other material", v, v.bundle([w.item_of(made)], last=len(v.raw) - 1, states=False)


def filings_all_lost(rng):
    """Metal that weighs less than its book is filed off a piece, and all of the filings are lost."""
    w = World(rng)
    assert w.add(w.admit("asha"))
    gold = w.item_of(does(w, "asha", item_register=dict(material=4, form=1, mass=dict(micrograms=1000000, basis=1), acquisition=1,
                                                        composition=[dict(metal=1, micrograms=1000000)], origin=[dict(micrograms=1000000, kind=3, metal=1)])))
    does(w, "asha", reweigh=dict(item=w.ref(gold), mass=dict(micrograms=998000, basis=1)))
    ring = w.item_of(does(w, "asha", transform=dict(process=7, inputs=[w.ref(gold)], outputs=[dict(form=5, mass=dict(micrograms=998000, basis=2))])))
    lost = [dict(material=4, metal=1, loss_micrograms=500000)]
    does(w, "asha", transform=dict(process=9, inputs=[w.ref(ring)], filings=[dict(item=w.ref(gold), micrograms=500000)], balances=lost))
    yield "filings that are all lost", w, w.bundle([ring])


def paper_given_back(rng):
    """What was drawn of a paper is given back by an entry that the bundle has no link to."""
    w = World(rng)
    for d in ("asha", "bram"):
        assert w.add(w.admit(d))
    whole = w.item_of(does(w, "asha", item_register=dict(material=1, form=2, nature=1, stage=1, count=4, mass=dict(micrograms=800000, basis=1), acquisition=1,
                                                         origin=[dict(micrograms=800000, kind=1, countries=["BW"])])))

    def paper(item, drawn, document):
        return dict(item=item, kind=1, issuer="Authority", country="BW", number="BW1", document_sha256=bytes(31) + bytes([document]), issued_ms=w.now - 1,
                    expires_ms=w.now + DAY, claims=[dict(claim=6, level=2)], countries=["BW"], quantity=dict(micrograms=400000), drawn=dict(micrograms=drawn))

    first = does(w, "asha", attest=paper(whole, 400000, 1))
    offer = w.offer("asha", whole, "bram", 1, part=dict(micrograms=200000, count=1))
    assert w.add(offer)
    taken = w.answer("accept", "bram", whole, w.id_of(offer), received=dict(micrograms=200000, count=1))
    assert w.add(taken)
    does(w, "asha", attest_withdraw=dict(item=whole, attestation=w.id_of(first), reason=1))
    does(w, "bram", attest=paper(w.item_of(taken), 200000, 2))
    yield "a paper of which all was given back", w, w.bundle([w.item_of(taken)])


def policies(rng):
    def propose(w, by="north", node=True, new="new", **body):
        keys = [f"{new} {use}" for use in spec_uses]
        body = dict(dict(base=spec.policy_id(w.state.policy), quorum=w.state.policy["quorum"]), **body)
        if node:
            body["node"] = dict(node_id="node-0", log_key=wire(keys[0]), cosigner_key=wire(keys[1]), statement_key=wire(keys[2]))
        return w.event(w.party(by), dict(policy_propose=body), ["governs " + by] + (keys if node else []))

    def approve(w, by, proposal):
        return w.event(w.party(by), dict(policy_approve=dict(proposal=w.id_of(proposal))), ["governs " + by])

    spec_uses = ("logs", "cosigns", "states")
    for name, body, by in (("keys", {}, "north"), ("the quorum too", dict(quorum=3), "north"), ("a quorum of 1", dict(quorum=1), "north"),
                           ("a quorum of 4", dict(quorum=4), "north"), ("another base", dict(base=bytes(31) + b"\x01"), "north"),
                           ("of another's node", {}, "south"), ("of no node", dict(node=False), "east"), ("nothing", dict(node=False), "north"),
                           ("only the quorum", dict(node=False, quorum=3), "south"), ("keys that are used", dict(new="used"), "north")):
        w = World(rng)
        for use in spec_uses:
            w.names[wire("used " + use)] = "used " + use
        w.add(w.admit("asha"))
        if name == "keys that are used":
            assert w.add(w.event(w.party("asha"), dict(key_add=dict(key=wire("used logs"), scopes=1)), ["asha", "used logs"]))
        proposal = propose(w, by, **body)
        held = w.add(proposal, kind=3)
        if held:
            assert w.add(approve(w, "west", proposal))
            w.hand_over()
            assert w.state.policy["quorum"] == body.get("quorum", 2)
        stone = w.register("asha")
        assert w.add(stone)
        if not held:
            w.state.made.add(len(w.raw) - 2)
        yield "a policy that changes " + name, w, w.bundle([w.item_of(stone)])
        if held and name == "keys":
            second = propose(w, "south", False, quorum=3)
            assert w.add(second)
            again = approve(w, "south", second)
            bad = copy.deepcopy(w)
            bad.add(again, kind=3)
            bad.state.made |= {len(bad.raw) - 2, len(bad.raw) - 1}
            yield "an approval of one's own proposal", bad, bad.bundle([w.item_of(stone)])
            assert w.add(approve(w, "north", second))
            w.hand_over()
            yield "two handovers", w, w.bundle([w.item_of(stone)])
    for middle in ("a dealer's key", "its own second proposal"):
        w = World(rng)
        w.add(w.admit("asha"))
        proposal = propose(w)
        assert w.add(proposal)
        if middle == "a dealer's key":
            w.add(w.event(w.party("asha"), dict(key_add=dict(key=wire("new logs"), scopes=1)), ["asha", "new logs"]))
            assert not w.add(approve(w, "west", proposal), kind=3)
            w.state.adopted, w.state.adopted_at = w.state.proposals[w.id_of(proposal)], 4
            w.state.adopted["entries"].add(4)
        else:
            w.add(propose(w, quorum=3), kind=3)
            w.state.made |= {2, 3}
        if w.state.adopted:
            w.hand_over()
        stone = w.register("asha")
        w.add(stone)
        yield f"{middle} takes the keys of an open proposal", w, w.bundle([w.item_of(stone)])


def forms(rng):
    def fresh():
        w = World(rng)
        w.add(w.admit("asha"))
        return w

    w = fresh()
    stone = w.register("asha")
    w.add(stone, prev=bytes(32))
    yield "prev is not the leaf of the entry in front", w, w.bundle([w.item_of(stone)])
    w = fresh()
    w.add(stone := w.register("asha"), kind=3)
    yield "a registration of kind 3", w, w.bundle([w.item_of(stone)])
    w = fresh()
    w.add(stone := w.register("asha"), links=[1, 1])
    yield "a link too many", w, w.bundle([w.item_of(stone)])
    w = fresh()
    w.add(stone := w.register("asha"), links=[0])
    yield "a link to the genesis", w, w.bundle([w.item_of(stone)])
    w = fresh()
    w.add(stone := w.register("asha"))
    w.put(dict(w.parsed[-1], index=3, prev=w.leaves[-1]))
    yield "an event in two entries", w, w.bundle([w.item_of(stone)], last=3)
    for lines in ([0, 1], [0, 1, 3], [1, 3], [0, 3, 5], [0, 2, 4], [1, 0, 3], [0, 1, 1, 3], [3, 0, 1], [0, 1, 2, 3]):
        w = fresh()
        w.add(stone := w.register("asha"))
        yield f"a note with lines {lines}", w, w.bundle([w.item_of(stone)], note=w.note(3, lines=lines))
    root = base64.b64encode(spec.root_of(w.leaves)).decode()
    for size in ("03", "+3", "3 ", "18446744073709551619"):
        yield f"a note of size {size}", w, w.bundle([w.item_of(stone)], note=w.note(3, text=f"{w.genesis['name']}\n{size}\n{root}\n".encode()))
    for size in (2**62, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1):
        yield f"a tree of {size}", w, tall(w, w.item_of(stone), size)
    yield "a note with an extension", w, w.bundle([w.item_of(stone)], note=w.note(3, text=f"{w.genesis['name']}\n3\n{root}\nmore\n".encode()))
    yield "a note of another name", w, w.bundle([w.item_of(stone)], note=w.note(3, text=f"other\n3\n{root}\n".encode()))
    for changed in ("127.0.0.1:0", "127.0.0.01:1", "[::FFFF]:1", "[::ffff:1.2.3.4]:1", "[::ffff:102:304]:1", "[::]:1", "[0::1]:1", "[::1%1]:1",
                                     "[1:0:0:2::]:1", "[1::2:0:0]:1", "1.2.3:1", "1.2.3.4.5:1", "256.1.1.1:1", "a:01", "a:00001", "a:000001", "a:00000000080", "a:+1", "a:0x1", "a:1_0", "a: 1", "a:0", "1.2.3.4:01", "[::1]:01", "[::1]:65536", "a:65535", "a:65536", "A:1", "-a:1", "a.:1", "a..b:1", "::1:1", "[a]:1", "[1.2.3.4]:1", "", ":1"):
        w = World(rng)
        node = w.genesis["nodes"][0]
        w.genesis["nodes"][0] = dict(node, peer_address=changed)
        yield from founded(rng, w.genesis, f"address {changed}")
    g = w.genesis
    good = dict(g, nodes=[dict(g["nodes"][0], peer_address="a:1")] + g["nodes"][1:])
    for name, changed in (("country UK", dict(associations=[dict(good["associations"][0], country="UK")] + good["associations"][1:])),
                          ("country SS", dict(associations=[dict(good["associations"][0], country="SS")] + good["associations"][1:])),
                          ("created 0", dict(created_ms=0)), ("created too late", dict(created_ms=253402300800000)), ("quorum 3.0", dict(quorum=3.0)),
                          ("quorum true", dict(quorum=True)), ("quorum 1", dict(quorum=1)), ("name a", dict(name="a")), ("name /", dict(name="/")),
                          ("name of 100", dict(name="a" * 100)), ("name of 101", dict(name="a" * 101)), ("name with a dot", dict(name="a..b")),
                          ("two nodes of one", dict(nodes=[good["nodes"][0], dict(good["nodes"][1], association="north.example.org"), good["nodes"][2]])),
                          ("format", dict(format="custody-genesis/v2")), ("rules 2", dict(rules_version=2))):
        yield from founded(rng, dict(good, **changed), "genesis with " + name)


def tall(w, item, size):
    """Writes a bundle under a root that says a size that no ledger has."""
    sibling = spec.root_of(w.leaves[:2]), w.leaves[2]
    proofs = [[w.leaves[1], sibling[1]], [w.leaves[0], sibling[1]], [w.leaves[2], sibling[0]]]
    root = spec.sha256(b"\x01", sibling[0], spec.sha256(b"\x01", w.leaves[2], w.leaves[2]))
    proofs[0][1] = proofs[1][1] = spec.sha256(b"\x01", w.leaves[2], w.leaves[2])
    for _ in range((size - 1).bit_length() - 2):
        root = spec.sha256(b"\x01", root, bytes(32))
        for p in proofs:
            p.append(bytes(32))
    note = w.note(3, text=f"{w.genesis['name']}\n{size}\n{base64.b64encode(root).decode()}\n".encode())
    out = [b.MAGIC, struct.pack(">H", 1), item, struct.pack(">H", len(note)), note, struct.pack(">H", 3)]
    for raw, proof in zip(w.raw, proofs):
        out += [struct.pack(">H", len(raw)), raw, pack(proof)]
    return b"".join(out) + bytes(4)


def founded(rng, genesis, name):
    """Yields a bundle of a ledger with a genesis that may be wrong."""
    w = World(rng)
    w.genesis, w.file = genesis, (json.dumps(genesis, indent=2) + "\n").encode()
    w.now = 1700000000000
    w.state = b.State(genesis, w.file)
    w.raw, w.parsed, w.leaves = [], [], []
    w.put(dict(kind=1, index=0, time=min(genesis["created_ms"], w.now), prev=bytes(32), links=[], payload=w.file))
    w.add(w.admit("asha"))
    w.add(stone := w.register("asha"))
    yield name, w, w.bundle([w.item_of(stone)])


def main(arguments):
    if len(arguments) not in (2, 3) or arguments[2:] not in ([], ["random"]):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    rng, count = random.Random(int(arguments[0])), int(arguments[1])
    thought_of = {"": (shown_suspension, references, odd_matters, filings_all_lost, paper_given_back, policies, forms), "random": ()}
    cases = [case for make in thought_of["".join(arguments[2:])] for case in make(rng)]
    while count > 0:
        for name, w, made in random_world(rng, min(count, 40)):
            emit((name, w, made))
            count -= 1
    for case in cases:
        emit(case)


def policy_file(g):
    """Writes the policy file of a genesis."""
    def key(name, kind, text):
        raw = bytes([kind]) + bytes.fromhex(text)[1:]
        return f"{name}+{b.key_hash(name.encode(), kind, raw[1:]).hex()}+{base64.b64encode(raw).decode()}"

    nodes = g["nodes"]
    return "".join([f"log {key(g['name'], 1, n['log_key'])}\n" for n in nodes]
                   + [f"witness node/{n['id']} {key(n['association'] + '/custody-validator', 4, n['cosigner_key'])}\n" for n in nodes]
                   + [" ".join(["group associations", str(int(g["quorum"]))] + [f"node/{n['id']}" for n in nodes]) + "\nquorum associations\n"])


def emit(case):
    name, w, made = case
    trust = {"genesis": w.file.decode()}
    if name.startswith(("address", "genesis")) or w.rng.random() < 0.3:
        trust = {"policy": policy_file(w.genesis)}
    got = b.judge(made, **{k: v.encode() for k, v in trust.items()})
    print(json.dumps(dict(name=name, bundle=base64.b64encode(made).decode(), **trust, got=got)))


if __name__ == "__main__":
    main(sys.argv[1:])
