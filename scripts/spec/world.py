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
        except (spec.Refused, b.Broken):
            return None
        return state, got

    def add(self, signed, links=None, kind=None, prev=None):
        """Appends an event; one that the rules refuse gets the links that it would have. Tells whether they accept it."""
        tried = self.try_event(signed)
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
        body = next(fields[row["name"]] for row in spec.TABLES["Event"].values() if row["required"] == "body" and row["name"] in fields)
        other = body.get("party") or body.get("to")
        links = [self.state.parties.get(p, {"last": 0})["last"] for p in [fields["party"]] + ([other] if other else [])]
        if isinstance(body.get("item"), dict):
            links.append(self.state.items.get(body["item"]["item"], {"last": 0})["last"])
        return links

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
        body = dict(dict(material=1, form=1, nature=1, mass=dict(micrograms=200000, basis=1), acquisition=1,
                         origin=[dict(micrograms=200000, kind=1, countries=["BW"], evidence=1)]), **body)
        return self.event(self.party(dealer), dict(item_register=body), keys or [dealer])

    def ref(self, item):
        return dict(item=item, prev=self.state.items[item]["last_event"] if item in self.state.items else bytes(32))

    def item_of(self, signed):
        return spec.item_id(spec.sha256(spec.signing_bytes(signed[0])), 0)

    def id_of(self, signed):
        return spec.sha256(spec.signing_bytes(signed[0]))

    def offer(self, dealer, item, to, mode, **body):
        body = dict(dict(item=self.ref(item), to=self.party(to), mode=mode, expires_at_ms=self.now + DAY), **body)
        if mode == 2:
            body.setdefault("memo_until_ms", self.now + 2 * DAY)
        return self.event(self.party(dealer), dict(offer=body), [dealer])

    def answer(self, what, dealer, item, offer, **body):
        return self.event(self.party(dealer), {what: dict(item=self.ref(item), offer=offer, **body)}, [dealer])


def pack(hashes):
    return bytes([len(hashes)]) + b"".join(hashes)


DEALERS = ["asha", "bram", "chen"]


def random_event(w):
    """Draws an event that is often, but not always, what the rules accept. Gives it with the item that it is on."""
    r = w.rng
    dealer, other = r.choice(DEALERS), r.choice(DEALERS + ["north"])
    kind = r.choice(["register", "offer", "offer", "offer", "accept", "accept", "accept", "decline", "withdraw", "release", "reenter", "void",
                     "key_add", "key_revoke", "suspend", "sponsor", "odd"])
    items = list(w.state.items)
    item = r.choice(items[-3:]) if items else bytes(20)
    holds = w.state.items.get(item, {})
    names = {w.party(d): d for d in DEALERS}
    if holds and r.random() < 0.7:
        dealer = names.get(holds[r.choice(["custody", "title"])][-1], dealer)
    keys = [dealer] if r.random() < 0.9 else [r.choice([other, "recovers " + dealer, "second " + dealer])]
    if keys[0] == "north":
        keys = [dealer]
    open_offers = holds.get("offers", [])
    offer = r.choice(open_offers) if open_offers else None
    if not open_offers and kind in ("accept", "decline", "withdraw") and r.random() < 0.9:
        kind = "offer"
    more = {}
    if r.random() < 0.1:
        more = r.choice([dict(occurred_at_ms=w.now + 300000), dict(occurred_at_ms=w.now + 300001), dict(not_after_ms=w.now), dict(not_after_ms=w.now - 1),
                         dict(not_after_ms=w.now + 7776000000), dict(not_after_ms=w.now + 7776000001), dict(party=w.party("north")), dict(party=bytes(20)),
                         dict(ledger_id=bytes(31) + b"\x01"), dict(group=dict(id=bytes(15) + b"\x01", position=3, count=9))])
    if kind == "register":
        return random_register(w, dealer, keys, more)
    if kind == "offer":
        mode = r.choice([1, 1, 2, 2, 3, 4])
        if holds and mode in (3, 4) and r.random() < 0.8:
            mine, theirs = ("custody", "title") if mode == 3 else ("title", "custody")
            dealer, other = names.get(holds[mine][-1], dealer), names.get(holds[theirs][-1], other)
            keys = [dealer]
        body = dict(item=w.ref(item), to=w.party(other), mode=mode, expires_at_ms=w.now + r.choice([1, 2, 5, 1000, DAY, DAY, 31622400000, 31622400001, 0]))
        if r.random() < 0.3:
            body["goods_left"] = 1
        if mode == 2 and r.random() < 0.95 or r.random() < 0.03:
            body["memo_until_ms"] = w.now + r.choice([DAY, 31622400001, 158112000000, 158112000001, 1000, 0])
        return w.event(w.party(dealer), dict(offer=body), keys, **more), item
    if kind in ("accept", "decline", "withdraw"):
        if offer and r.random() < 0.9:
            dealer = names.get(offer["from" if kind == "withdraw" else "to"], dealer)
            keys = [dealer]
        body = dict(item=w.ref(item), offer=offer["event"] if offer else bytes(32))
        if kind == "decline":
            body["reason"] = r.choice([1, 2, 3])
        if kind == "withdraw" and r.random() < 0.3:
            keys = ["second " + dealer]
        return w.event(w.party(dealer), {kind: body}, keys, **more), item
    if kind == "release":
        body = dict(item=w.ref(item), reason=r.choice([1, 2]), country=r.choice(["US", "US", "US", "XX"]))
        return w.event(w.party(dealer), dict(release=body), keys, r.choice([(4,), (4,), (1, 4), ()]), **more), item
    if kind == "reenter":
        return w.event(w.party(dealer), dict(reenter=dict(item=w.ref(item))), keys, **more), item
    if kind == "void":
        return w.event(w.party(dealer), dict(item_void=dict(item=w.ref(item), reason=1)), keys, **more), item
    if kind == "key_add":
        new = r.choice(["second " + dealer, "third " + dealer, "second " + dealer, other if other != "north" else "logs north"])
        return w.event(w.party(dealer), dict(key_add=dict(key=wire(new), scopes=r.choice([1, 4, 8, 12, 64, 127]))), [keys[0], new], **more), None
    if kind == "key_revoke":
        gone = r.choice(["second " + dealer, "third " + dealer, "recovers " + dealer, dealer, other])
        keys = [r.choice([keys[0], gone, "recovers " + dealer])]
        return w.event(w.party(dealer), dict(key_revoke=dict(key_id=spec.key_id(wire(gone)), reason=1)), keys, **more), None
    by = r.choice(w.associations)
    if kind == "suspend":
        return w.event(w.party(by), dict(party_suspend=dict(party=w.party(dealer), reason=2)), ["governs " + by]), None
    if kind == "sponsor":
        return w.event(w.party(by), dict(party_sponsor=dict(party=w.party(dealer))), ["governs " + by]), None
    return random_odd(w, dealer, item)


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


def random_register(w, dealer, keys, more):
    r = w.rng
    body = dict(material=r.choice([1, 1, 2, 3]), form=1, nature=r.choice([1, 1, 1, 2, 3, 4, 5]), mass=dict(micrograms=r.choice([200000, 200000, 3]), basis=1), acquisition=1)
    if body["material"] == 2 or r.random() < 0.1:
        body["description"] = dict(species=r.choice(["ruby", "akoya"]), colour="red") if r.random() < 0.9 else dict(colour="red")
    kind = r.choice([1, 1, 2, 3, 4, 5, 6])
    if body["nature"] == 2:
        kind = r.choice([4, 6, kind])
    parts = r.choice([1, 1, 2])
    origin = []
    for i in range(parts):
        o = dict(micrograms=body["mass"]["micrograms"] // parts, kind=kind, evidence=1)
        if kind in (1, 2) and r.random() < 0.95 or r.random() < 0.05:
            o["countries"] = r.choice([["BW"], ["BW", "CA"], ["CA", "BW"], ["BW", "BW"], ["XX"]] if r.random() < 0.3 else [["BW"], ["BW", "CA"]])
        if r.random() < 0.1:
            o["mine"] = "Mine"
        if i or r.random() < 0.1:
            o["producer"] = f"Producer {i}" if r.random() < 0.8 else "Producer 0"
        if r.random() < 0.05:
            o["state_ownership"] = 1
        origin.append(o)
    if r.random() < 0.9:
        origin[-1]["micrograms"] += body["mass"]["micrograms"] - sum(o["micrograms"] for o in origin)
    body["origin"] = origin
    if r.random() < 0.2:
        body.update(form=2, count=r.choice([1, 2, 3, 4, 200000, 200001]))
    elif r.random() < 0.05:
        body["count"] = 1
    if r.random() < 0.1:
        body["outside_ids"] = r.choice([[dict(kind=1, issuer="LAB", number="1"), dict(kind=2, issuer="LAB", number="1")], [dict(kind=1, issuer="LAB", number="1")] * 2])
    if r.random() < 0.1:
        body["processed_in"] = r.choice(["IN", "ZZ"])
    if r.random() < 0.2:
        body["reference"] = bytes(15) + bytes([r.randrange(1, 3)])
    signed = w.event(w.party(dealer), dict(item_register=body), keys, **more)
    return signed, w.item_of(signed)


def random_world(rng, count):
    """Yields (name, world, bundle) until there are enough."""
    w = World(rng, nodes=rng.choice([1, 3, 3]))
    for d in DEALERS:
        w.add(w.admit(d))
    for d in DEALERS:
        w.add(w.register(d))
    made = 0
    for step in range(400):
        w.now += rng.choice([0, 0, 1, 1, 2, 1000])
        signed, subject = random_event(w)
        if w.try_event(signed):
            w.add(signed)
            if rng.random() < 0.5:
                items = list(w.state.items)
                yield f"step {step} accepted", w, w.bundle(rng.sample(items, min(len(items), rng.choice([1, 1, 2]))))
                made += 1
        else:
            bad = copy.copy(w)
            bad.raw, bad.parsed, bad.leaves = list(w.raw), list(w.parsed), list(w.leaves)
            bad.add(signed)
            last = len(bad.raw) - 1
            if subject is None or subject not in bad.state.items:
                fields = spec.walk(signed[0], "Event")
                bad.put(dict(bad.parsed[-1], index=last + 1, links=[last], prev=bad.leaves[-1]))
                follow = bad.register(DEALERS[0])
                bad.raw.pop(), bad.parsed.pop(), bad.leaves.pop()
                bad.add(follow, links=[last])
                subject = bad.item_of(follow)
                if "item_register" in fields:
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
    cases = [case for make in (() if arguments[2:] else (shown_suspension, references, policies, forms)) for case in make(rng)]
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
