#!/usr/bin/env python3
"""Derives and judges the vectors of ledger/testdata/vectors from ledger/SPEC.md alone.

Usage: verify.py DIRECTORY-OF-VECTORS

It shares no code with the ledger and needs the standard library only. The field
tables and word lists are read from SPEC.md itself. Exit status 0 if every vector
agrees, 1 if one does not. bundle.py imports what it has of sections 2 to 7.
"""
import base64
import hashlib
import json
import os
import re
import struct
import sys

DIRECTORY = sys.argv[1] if __name__ == "__main__" else None
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "ledger", "SPEC.md"), encoding="utf-8") as spec:
    SPEC = spec.read()
checks = 0


def expect(got, want, what):
    global checks
    checks += 1
    if got != want:
        sys.exit(f"{what}: derived {got!r}, the vector says {want!r}")


def load(name):
    with open(os.path.join(DIRECTORY, name), encoding="utf-8") as f:
        return json.load(f)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Section 3: Ed25519 over affine points, slow and plain.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
IDENTITY = (0, 1, 1, 0)


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e = (y1 - x1) * (y2 - x2) % P
    f = (y1 + x1) * (y2 + x2) % P
    g = 2 * t1 * t2 * D % P
    h = 2 * z1 * z2 % P
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def times(n, point):
    result = IDENTITY
    while n:
        if n & 1:
            result = add(result, point)
        point = add(point, point)
        n >>= 1
    return result


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def decode_point(encoded):
    """Gives the point, or None; y of p or more is reduced."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & (2**255 - 1)) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    if x & 1 != sign:
        x = -x % P
    return x, y, 1, x * y % P


def canonical(encoded):
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    return y < P and not (sign and y in (1, P - 1))


BASE = decode_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def holds(wire, message, signature):
    if len(wire) != 33 or wire[0] != 1 or len(signature) != 64:
        return False
    key, r, s = wire[1:], signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L or not canonical(r):
        return False
    point_r, point_a = decode_point(r), decode_point(key)
    if point_r is None or point_a is None or same(times(8, point_r), IDENTITY):
        return False
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    return same(times(8 * s, BASE), times(8, add(point_r, times(k, point_a))))


def registrable(wire):
    point = decode_point(wire[1:])
    return (len(wire) == 33 and wire[0] == 1 and canonical(wire[1:]) and point is not None
            and not same(times(8, point), IDENTITY) and same(times(L, point), IDENTITY))


def public_of(seed):
    h = bytearray(hashlib.sha512(seed).digest()[:32])
    h[0] &= 248
    h[31] = h[31] & 127 | 64
    x, y, z, _ = times(int.from_bytes(h, "little"), BASE)
    inverse = pow(z, -1, P)
    x, y = x * inverse % P, y * inverse % P
    return b"\x01" + (y | (x & 1) << 255).to_bytes(32, "little")


# Sections 2 and 4: ids.

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KINDS = {"item": 1, "party": 2, "key": 3}


def key_id(wire):
    return sha256(b"custody/key-id/v1\n", wire)[:20]


def party_id(first):
    return sha256(b"custody/party-id/v1\n", first)[:20]


def item_id(event, position):
    return sha256(b"custody/item-id/v1\n", event, struct.pack(">I", position))[:20]


def commitment(field, subject, salt, value):
    return sha256(b"custody/commitment/v1\n", struct.pack(">I", field), subject, salt, value)


def double(v):
    v *= 2
    return v ^ 37 if v >= 32 else v


def check_character(kind, digits):
    c = double(kind)
    for d in digits:
        c = double(c ^ d)
    return c


def text_of(kind, id_bytes):
    number = int.from_bytes(id_bytes, "big")
    digits = [number >> (155 - 5 * i) & 31 for i in range(32)]
    return "".join(ALPHABET[d] for d in digits + [check_character(KINDS[kind], digits)])


def parse_text(kind, text):
    text = text.replace("-", "").upper().replace("O", "0").replace("I", "1").replace("L", "1")
    if len(text) != 33 or any(c not in ALPHABET for c in text):
        return None
    digits = [ALPHABET.index(c) for c in text]
    if check_character(KINDS[kind], digits[:32]) != digits[32]:
        return None
    number = 0
    for d in digits[:32]:
        number = number << 5 | d
    return number.to_bytes(20, "big")


# Section 5: events, by the tables of SPEC.md.


def read_tables():
    body = SPEC.split("<!-- tables: checked by TestSpecTables -->\n")[1].split("<!-- end of tables -->")[0]
    tables, words, current = {}, {}, None
    for line in body.splitlines():
        if match := re.fullmatch(r"\*\*(\w+)\*\*", line):
            current = tables.setdefault(match[1], {})
        elif match := re.fullmatch(r"\| (\d+) \| (\w+) \| (\w+) \| (\w+) \| (\d+) \| (.*) \|", line):
            number, name, kind, required, most, limit = match.groups()
            size = re.search(r"\d+", limit)
            current[int(number)] = dict(name=name, kind=kind, required=required, most=int(most),
                                        exact=limit.startswith("="), limit=int(size[0]) if size else None)
        elif match := re.fullmatch(r"Words of `(\w+)`: (.*)\.", line):
            words[match[1]] = set(match[2].split())
    return tables, words


TABLES, WORDS = read_tables()
WORD = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 -+./()")
CODE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
NAME = (WORD | set("&',") | {chr(c) for c in range(0xC0, 0x180)} - {chr(c) for c in (0xD7, 0xF7, 0x132, 0x133, 0x13F, 0x140, 0x149, 0x17F)}
        | {chr(c) for c in range(0x218, 0x21C)} | {chr(c) for c in range(0x1EA0, 0x1EFA)})
NODE = set("abcdefghijklmnopqrstuvwxyz0123456789-")
LETTERS = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = set("0123456789")
ALPHABETS = {"word": WORD, "term": WORD, "code": CODE, "name": NAME, "country": LETTERS, "node": NODE, "digits": DIGITS, "decimal": DIGITS | set(".")}
STRINGS = set(ALPHABETS)


class Refused(Exception):
    def __init__(self, reason, path=""):
        super().__init__(reason, path)
        self.reason, self.path = reason, path


def varint(b, at):
    """Gives value and next position, or None if it is cut short, not minimal or too large."""
    value = 0
    for i in range(10):
        if at + i >= len(b):
            return None
        byte = b[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return (value, at + i + 1) if value < 2**64 and (byte or i == 0) else None
    return None


def join(path, name):
    return path + "." + name if path else name


def walk(b, message, path=""):
    table, last, found, body, at = TABLES[message], 0, {}, None, 0
    while at < len(b):
        tag = varint(b, at)
        if tag is None or not 1 <= tag[0] >> 3 < 2**29:
            raise Refused("MALFORMED", path)
        number, wire, at = tag[0] >> 3, tag[0] & 7, tag[1]
        row = table.get(number)
        if row is None:
            raise Refused("UNKNOWN_EVENT_TYPE" if message == "Event" and 16 <= number <= 63 else "UNKNOWN_FIELD", path)
        here, values = join(path, row["name"]), found.setdefault(number, [])
        if number < last:
            raise Refused("NON_CANONICAL", here)
        if len(values) == row["most"]:
            raise Refused("REPEATED_FIELD" if row["most"] == 1 else "TOO_LARGE", here)
        if row["required"] == "body" and body is not None:
            raise Refused("REPEATED_FIELD", here)
        body = number if row["required"] == "body" else body
        last = number
        value, at = read_value(b, at, wire, row, here)
        values.append(value)
    for number in sorted(table):
        if table[number]["required"] == "yes" and not found.get(number):
            raise Refused("MISSING_FIELD", join(path, table[number]["name"]))
    if message == "Event" and body is None:
        raise Refused("MISSING_FIELD", path)
    return {table[n]["name"]: v if table[n]["most"] > 1 else v[0] for n, v in found.items()}


def read_value(b, at, wire, row, here):
    kind = row["kind"]
    numeric = kind in ("number", "flag", "choice")
    if wire != (0 if numeric else 2):
        raise Refused("MALFORMED", here)
    head = varint(b, at)
    if head is None:
        raise Refused("NON_CANONICAL", here)
    value, at = head
    if numeric:
        if value == 0 or kind == "flag" and value != 1:
            raise Refused("NON_CANONICAL", here)
        if kind != "flag" and value > row["limit"]:
            raise Refused("INVALID_FIELD", here)
        return value, at
    if value > len(b) - at:
        raise Refused("MALFORMED", here)
    body, at = b[at:at + value], at + value
    if kind in TABLES:
        if not body and all(r["required"] == "no" for r in TABLES[kind].values()):
            raise Refused("NON_CANONICAL", here)
        return walk(body, kind, here), at
    check_bytes(body, row, here)
    return body, at


def check_bytes(body, row, here):
    kind = row["kind"]
    if kind == "key" and (len(body) != 33 or body[0] != 1):
        raise Refused("BAD_KEY", here)
    if row["exact"] and len(body) != row["limit"]:
        raise Refused("INVALID_FIELD", here)
    if not body:
        raise Refused("NON_CANONICAL", here)
    if len(body) > row["limit"]:
        raise Refused("TOO_LARGE", here)
    if kind not in STRINGS:
        return
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("INVALID_FIELD", here) from None
    words = text.split(" ")
    if any(c not in ALPHABETS[kind] for c in text) or "" in words or kind == "term" and not set(words) <= WORDS[row["name"]]:
        raise Refused("INVALID_FIELD", here)


def signing_bytes(event):
    kind = b"application/vnd.custody.event.v1+protobuf"
    return b"DSSEv1 41 " + kind + b" " + str(len(event)).encode() + b" " + event


EVENT_MAX = int(re.search(r"event: (\d+) bytes", SPEC)[1])


def read_event(event, signatures):
    """Gives the fields of an event that section 5 accepts, or raises Refused."""
    if len(event) > EVENT_MAX:
        raise Refused("TOO_LARGE")
    fields = walk(event, "Event")
    signers = fields["signers"]
    if len(signatures) != len(signers):
        raise Refused("WRONG_SIGNERS", "signatures")
    for i, signature in enumerate(signatures):
        if len(signature) != 64:
            raise Refused("BAD_SIGNATURE", "signatures")
        if i and key_id(signers[i - 1]) >= key_id(signers[i]):
            raise Refused("NON_CANONICAL", "signers")
    group = fields.get("group")
    if group and group["count"] < 2:
        raise Refused("INVALID_FIELD", "group.count")
    if group and group.get("position", 0) >= group["count"]:
        raise Refused("INVALID_FIELD", "group.position")
    committed = [c["field"] for c in fields.get("commitments", [])]
    if committed != sorted(set(committed)):
        raise Refused("NON_CANONICAL", "commitments")
    if "transform" in fields:
        items = [ref["item"] for ref in advanced(fields)]
        if len(items) + outputs(fields) > 500:
            raise Refused("TOO_LARGE", "transform")
        if len(set(items)) < len(items):
            raise Refused("REPEATED_FIELD", "transform.inputs")
    for signer, signature in zip(signers, signatures):
        if not holds(signer, signing_bytes(event), signature):
            raise Refused("BAD_SIGNATURE", "signatures")
    return fields


def body_of(fields):
    """Gives the name of the event's body and the body."""
    return next((row["name"], fields[row["name"]]) for row in TABLES["Event"].values() if row["required"] == "body" and row["name"] in fields)


def advanced(fields):
    """Gives the ItemRefs of the items that an event advances."""
    name, body = body_of(fields)
    if name == "transform":
        return body["inputs"] + body.get("removed", []) + [filing["item"] for filing in body.get("filings", [])]
    return [body["item"]] if isinstance(body.get("item"), dict) else []


ABOUT = ("attest", "attest_withdraw", "dispute", "ruling", "hold", "hold_release")


def named(fields):
    """Gives the items that an event advances or is about."""
    name, body = body_of(fields)
    return [body["item"]] if name in ABOUT else [ref["item"] for ref in advanced(fields)]


def outputs(fields):
    """Gives how many items an event creates."""
    name, body = body_of(fields)
    return {"item_register": 1, "transform": len(body.get("outputs", [])), "accept": 1 if "received" in body else 0}.get(name, 0)


def parties_of(fields):
    """Gives the parties to whose records the entry of an event links."""
    name, body = body_of(fields)
    others = {
        "party_sponsor": [body.get("party")], "party_suspend": [body.get("party")], "offer": [body.get("to"), body.get("agent")],
        "accept": [body.get("from")], "attest_withdraw": [body.get("attestor")], "reclaim": [body.get("from"), body.get("association")],
        "share": [o["party"] for o in body.get("owners", [])] + body.get("leaving", []) if name == "share" else [],
        "correct": [body.get("holder")], "ruling": [body.get("second")], "hold": [body.get("second")], "hold_release": [body.get("second")],
    }.get(name, [])
    parties = [fields["party"]]
    for other in others:
        if other and other not in parties:
            parties.append(other)
    return parties


# Section 6: entries.


def read_entry(b):
    """Gives the parts of an entry, or None."""
    at = 0

    def take(n):
        nonlocal at
        if at + n > len(b):
            raise EOFError
        at += n
        return b[at - n:at]

    def number(n):
        return int.from_bytes(take(n), "big")

    try:
        if len(b) > 65535 or number(1) != 1:
            return None
        entry = {"kind": number(1), "index": number(8), "time": number(8), "prev": take(32)}
        links = number(2)
        if entry["kind"] not in (1, 2, 3, 4) or links > 517:
            return None
        entry["links"] = [number(8) for _ in range(links)]
        if entry["kind"] == 4:
            entry["note"] = take(number(2))
            hashes = number(1)
            if hashes > 65:
                return None
            entry["proof"] = [take(32) for _ in range(hashes)]
            return entry if at == len(b) else None
        if entry["kind"] in (2, 3):
            count = number(1)
            if not 1 <= count <= 8:
                return None
            entry["signatures"] = [take(number(2)) for _ in range(count)]
        entry["payload"] = take(number(4))
    except EOFError:
        return None
    return entry if at == len(b) else None


def write_entry(e):
    b = struct.pack(">BBQQ", 1, e["kind"], e["index"], e["time"]) + e["prev"] + struct.pack(">H", len(e["links"]))
    b += b"".join(struct.pack(">Q", link) for link in e["links"])
    if e["kind"] == 4:
        return b + struct.pack(">H", len(e["note"])) + e["note"] + bytes([len(e["proof"])]) + b"".join(e["proof"])
    if e["kind"] in (2, 3):
        b += bytes([len(e["signatures"])]) + b"".join(struct.pack(">H", len(s)) + s for s in e["signatures"])
    return b + struct.pack(">I", len(e["payload"])) + e["payload"]


# Section 7: the tree.


def leaf_hash(entry):
    return sha256(b"\x00", entry)


def root_of(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return sha256(b"\x01", root_of(leaves[:k]), root_of(leaves[k:]))


def proof_of(index, leaves):
    if len(leaves) == 1:
        return []
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    if index < k:
        return proof_of(index, leaves[:k]) + [root_of(leaves[k:])]
    return proof_of(index - k, leaves[k:]) + [root_of(leaves[:k])]


def consistent(m, n, root_m, root_n, proof):
    """Checks a consistency proof from size m to size n by RFC 9162, section 2.1.4.2, which has the same tree."""
    if not 1 <= m <= n:
        return False
    if m == n:
        return not proof and root_m == root_n
    path = list(proof)
    if m & (m - 1) == 0:
        path.insert(0, root_m)
    if not path:
        return False
    fn, sn = m - 1, n - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha256(b"\x01", c, fr), sha256(b"\x01", c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha256(b"\x01", sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == root_m and sr == root_n and sn == 0


# Section 6: policies and handovers.


def first_policy(genesis):
    return dict(origin=genesis["name"], quorum=genesis["quorum"], nodes=[
        dict(id=n["id"], association=n["association"], keys=[bytes.fromhex(n[use]) for use in ("log_key", "cosigner_key", "statement_key")])
        for n in genesis["nodes"]])


def policy_id(policy):
    return sha256(b"custody/policy/v1\n", struct.pack(">I", policy["quorum"]), *(k for n in policy["nodes"] for k in n["keys"]))


class Policies:
    """The policy in force, open proposals by event id, and the one that is adopted."""

    def __init__(self, genesis):
        self.force, self.open, self.adopted, self.adopted_at = first_policy(genesis), {}, None, 0
        self.names = {party_id(key_id(bytes.fromhex(a["governance_keys"][0]))): a["name"] for a in genesis["associations"]}
        self.used = {k for n in self.force["nodes"] for k in n["keys"]}

    def event(self, fields, event_id, index):
        """Gives the reason to refuse, or None."""
        party, force = fields["party"], self.force
        own = [n for n in force["nodes"] if n["association"] == self.names.get(party)]
        if not own:
            return "NO_NODE"
        if "policy_propose" in fields:
            body = fields["policy_propose"]
            node, count = body.get("node"), len(force["nodes"])
            if node and not all(registrable(k) and k not in self.used for k in new_keys(node)):
                return "KEY_IN_USE"
            if self.adopted:
                return "POLICY_PENDING"
            if body["base"] != policy_id(force):
                return "POLICY_STALE"
            if not count // 2 < body["quorum"] <= count:
                return "QUORUM_INVALID"
            if not node and body["quorum"] == force["quorum"]:
                return "POLICY_UNCHANGED"
            if node and node["node_id"].decode() not in [n["id"] for n in own]:
                return "UNKNOWN_NODE"
            nodes = [dict(n, keys=new_keys(node)) if node and n["id"] == node["node_id"].decode() else n for n in force["nodes"]]
            self.open = {e: p for e, p in self.open.items() if p["votes"][0] != party}
            self.open[event_id] = dict(votes=[party], policy=dict(force, quorum=body["quorum"], nodes=nodes))
        else:
            event_id = fields["policy_approve"]["proposal"]
            if event_id not in self.open:
                return "UNKNOWN_PROPOSAL"
            if party in self.open[event_id]["votes"]:
                return "ALREADY_APPROVED"
            self.open[event_id]["votes"].append(party)
        if len(self.open[event_id]["votes"]) >= force["quorum"]:
            self.adopted, self.adopted_at, self.open = self.open[event_id]["policy"], index, {}
            self.used |= {k for n in self.adopted["nodes"] for k in n["keys"]}
        return None

    def handover(self, entry, leaves):
        """Tells whether the entry may stand behind the leaves."""
        note = final_note(entry["note"], self.force)
        return (self.adopted is not None and not entry["links"] and note is not None and self.adopted_at < note[0] <= len(leaves)
                and consistent(note[0], len(leaves), note[1], root_of(leaves), entry["proof"]))

    def take_over(self):
        self.force, self.adopted, self.adopted_at = self.adopted, None, 0


def new_keys(node):
    return [node[use] for use in ("log_key", "cosigner_key", "statement_key")]


def final_note(note, policy):
    """Gives size and root of a note that is final under a policy and has no other lines, or None."""
    text, _, lines = note.rpartition(b"\n\n")
    text += b"\n"
    parts = text.split(b"\n")
    if len(parts) != 4 or parts[0].decode() != policy["origin"] or not re.fullmatch(rb"[1-9]\d*", parts[1]) or not lines.endswith(b"\n"):
        return None
    keys = {}
    for n in policy["nodes"]:
        for kind, name, key in ((1, policy["origin"], n["keys"][0]), (4, n["association"] + "/custody-validator", n["keys"][1])):
            keys[name.encode(), sha256(name.encode(), b"\n", bytes([kind]), key[1:])[:4]] = kind, key
    signed = []
    for line in lines[:-1].split(b"\n"):
        match = re.fullmatch(b"\xe2\x80\x94 (\\S+) ([A-Za-z0-9+/=]+)", line)
        raw = base64.b64decode(match[2], validate=True) if match else b""
        kind, key = keys.pop((match[1], raw[:4]), (None, None)) if match else (None, None)
        if kind is None:
            return None
        message, signature = text, raw[4:]
        if kind == 4:
            if raw[4:5] >= b"\x80":
                return None
            message = b"cosignature/v1\ntime " + str(int.from_bytes(raw[4:12], "big")).encode() + b"\n" + text
            signature = raw[12:]
        if not holds(key, message, signature):
            return None
        signed.append(kind)
    if 1 not in signed or signed.count(4) < policy["quorum"]:
        return None
    return int(parts[1]), base64.b64decode(parts[2], validate=True)


# The vectors.


def ids():
    v = load("ids.json")
    for k in v["keys"]:
        wire = public_of(bytes.fromhex(k["seed"]))
        expect(wire.hex(), k["wire"], "public key")
        expect(key_id(wire).hex(), k["key_id"], "key id")
        expect(text_of("key", key_id(wire)), k["key_id_text"], "key id text")
        expect(party_id(key_id(wire)).hex(), k["party_id"], "party id")
        expect(text_of("party", party_id(key_id(wire))), k["party_id_text"], "party id text")
    for i in v["items"]:
        item = item_id(bytes.fromhex(i["event_id"]), i["position"])
        expect(item.hex(), i["item_id"], "item id")
        expect(text_of("item", item), i["item_id_text"], "item id text")
    for t in v["texts"]:
        expect(parse_text(t["kind"], t["text"]).hex(), t["id"], t["text"])
    for t in v["refused"]:
        expect(parse_text(t["kind"], t["text"]), None, t["why"])
    for c in v["commitments"]:
        got = commitment(c["field"], bytes.fromhex(c["subject"]), bytes.fromhex(c["salt"]), c["value"].encode())
        expect(got.hex(), c["hash"], "commitment")


def signatures():
    v = load("signatures.json")
    for s in v["signatures"]:
        got = holds(bytes.fromhex(s["key"]), bytes.fromhex(s["message"]), bytes.fromhex(s["signature"]))
        expect(got, s["holds"], s["name"])
    for k in v["keys"]:
        expect(registrable(bytes.fromhex(k["key"])), k["registrable"], k["name"])


def genesis():
    v = load("genesis.json")
    file = v["file"].encode()
    expect(hashlib.sha256(file).hexdigest(), v["ledger_id"], "ledger id")
    text = text_of("key", sha256(file)[:20])
    expect("-".join(text[i:i + 5] for i in range(0, 25, 5)), v["fingerprint"], "fingerprint")
    decoded = json.loads(file)
    expect((json.dumps(decoded, indent=2, ensure_ascii=False) + "\n").encode(), file, "the one form")
    entry = write_entry(dict(kind=1, index=0, time=decoded["created_ms"], prev=bytes(32), links=[], payload=file))
    expect(entry.hex(), v["entry"], "entry 0")
    expect(leaf_hash(entry).hex(), v["leaf"], "leaf 0")
    for r in v["refused"]:
        expect(genesis_accepted(bytes.fromhex(r["bytes"])), False, r["why"])
    expect(genesis_accepted(file), True, "genesis")


FIELDS = {
    "genesis": ["format", "name", "created_ms", "rules_version", "quorum", "associations", "nodes"],
    "association": ["name", "country", "governance_keys"],
    "node": ["id", "association", "peer_address", "client_address", "incarnation", "tls_key_sha256", "log_key", "cosigner_key", "statement_key"],
}


def genesis_accepted(file):
    """Judges form, counts and keys; the country list of ISO 3166-1 is not here, but XX is not on it."""
    try:
        g = json.loads(file.decode())
    except ValueError:
        return False
    if (json.dumps(g, indent=2, ensure_ascii=False) + "\n").encode() != file or list(g) != FIELDS["genesis"]:
        return False
    if any(list(a) != FIELDS["association"] for a in g["associations"]) or any(list(n) != FIELDS["node"] for n in g["nodes"]):
        return False
    if g["format"] != "custody-genesis/v1" or g["rules_version"] != 1 or not len(g["nodes"]) // 2 < g["quorum"] <= len(g["nodes"]):
        return False
    if any(a["country"] == "XX" for a in g["associations"]):
        return False
    keys = [k for a in g["associations"] for k in a["governance_keys"]]
    keys += [n[use] for n in g["nodes"] for use in ("log_key", "cosigner_key", "statement_key")]
    return len(set(keys)) == len(keys) and all(registrable(bytes.fromhex(k)) for k in keys)


def events():
    v = load("events.json")
    for e in v["accepted"]:
        event, signed = bytes.fromhex(e["event"]), [bytes.fromhex(s) for s in e["signatures"]]
        fields = read_event(event, signed)
        expect(signing_bytes(event).hex(), e["signing_bytes"], e["name"])
        event_id = sha256(signing_bytes(event))
        expect(event_id.hex(), e["event_id"], e["name"])
        expect([item_id(event_id, i).hex() for i in range(outputs(fields))], e.get("creates_items", []), e["name"])
        expect([item.hex() for item in named(fields)], e.get("names_items", []), e["name"])
        expect([ref["prev"].hex() for ref in advanced(fields)], e.get("prevs", []), e["name"])
    for e in v["refused"]:
        try:
            read_event(bytes.fromhex(e["event"]), [bytes.fromhex(s) for s in e["signatures"]])
            got = ("accepted", "")
        except Refused as refused:
            got = (refused.reason, refused.path)
        expect(got, (e["reason"], e["field"]), e["name"])


def log():
    v = load("log.json")
    leaves, time, last, tail, group, record = [], 0, {}, {}, None, {}
    ledger_id = bytes.fromhex(load("genesis.json")["ledger_id"])
    policies = Policies(json.loads(load("genesis.json")["file"]))
    expect(policy_id(policies.force).hex(), v["policies"]["first_policy_id"], "policy id")
    for place, vector in enumerate(v["entries"]):
        raw = bytes.fromhex(vector["entry"])
        entry = read_entry(raw)
        expect(write_entry(entry), raw, "entry")
        expect(entry["index"], place, "index")
        expect(entry["index"], vector["index"], "index")
        expect(entry["time"], vector["recorded_ms"], "time")
        expect(entry["time"] >= time, True, "time")
        expect(entry["prev"], leaves[-1] if leaves else bytes(32), "prev")
        expect(entry["prev"].hex(), vector["prev"], "prev")
        time = entry["time"]
        leaves.append(leaf_hash(raw))
        expect(leaves[-1].hex(), vector["leaf"], "leaf")
        expect(root_of(leaves).hex(), vector["root"], "root")
        links = []
        if entry["kind"] == 4:
            expect(group, None, "no handover inside a group")
            expect(place, v["policies"]["handover_index"], "handover")
            for r in v["policies"]["refused"]:
                expect(policies.handover(read_entry(bytes.fromhex(r["bytes"])), leaves[:-1]), False, r["why"])
            expect(policies.handover(entry, leaves[:-1]), True, "handover")
            policies.take_over()
        elif place:
            fields = read_event(entry["payload"], entry["signatures"])
            expect(fields["ledger_id"], ledger_id, "ledger id")
            event_id = sha256(signing_bytes(entry["payload"]))
            expect(event_id.hex(), vector["event_id"], "event id")
            links = party_links(record, fields, place)
            made = [item_id(event_id, i) for i in range(outputs(fields))]
            links += [last[item] for item in named(fields)]
            for ref in advanced(fields):
                expect(ref["prev"], tail[ref["item"]], "the item's own chain")
            for item in named(fields) + made:
                last[item] = place
            for item in [ref["item"] for ref in advanced(fields)] + made:
                tail[item] = event_id
            governance = "policy_propose" in fields or "policy_approve" in fields
            expect(entry["kind"], 3 if governance else 2, "kind")
            if governance:
                expect(policies.event(fields, event_id, place), None, "policy")
            group = check_group(group, fields, entry)
        expect(entry["links"], links, "links")
        expect(vector["links"], links, "links")
    expect(group, None, "the last group is whole")
    expect(policy_id(policies.force).hex(), v["policies"]["last_policy_id"], "policy id")
    p = v["inclusion"]
    expect([h.hex() for h in proof_of(p["index"], leaves[:p["size"]])], p["proof"], "inclusion proof")
    expect(root_of(leaves[:p["size"]]).hex(), p["root"], "root")
    for r in v["refused"]:
        expect(read_entry(bytes.fromhex(r["bytes"])), None, r["why"])


def party_links(record, fields, place):
    """Gives the links to the event's parties and notes whose record it changes; associations have none."""
    _, body = body_of(fields)
    links = [record.get(party, 0) for party in parties_of(fields)]
    if "party_admit" in fields:
        record[party_id(key_id(body["key"]))] = place
    elif "party_sponsor" in fields or "party_suspend" in fields:
        record[body["party"]] = place
    elif "key_add" in fields or "key_revoke" in fields:
        record[fields["party"]] = place
    return links


def check_group(open_group, fields, entry):
    """Gives what the next entry must continue, or None."""
    group = fields.get("group")
    here = (fields["party"], group["id"], group["count"], group.get("position", 0), entry["time"]) if group else None
    if open_group:
        party, identity, count, position, time = open_group
        expect(here, (party, identity, count, position + 1, time), "group")
    elif here:
        expect(here[3], 0, "a group begins with position 0")
    return here if here and here[3] + 1 < here[2] else None


if __name__ == "__main__":
    for part in (ids, signatures, genesis, events, log):
        part()
    print(f"{checks} values derived from SPEC.md agree with the vectors")
