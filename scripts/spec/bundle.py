#!/usr/bin/env python3
"""Verifies a bundle of the custody ledger, from ledger/SPEC.md alone.

Usage: bundle.py FILE (--genesis FILE | --policy FILE)   one bundle
       bundle.py --vectors DIRECTORY                     every vector of a vectors.json
       bundle.py --batch                                 JSON lines from standard input

It prints what the bundle proves as JSON and exits with 0, or says what does not
hold and exits with 1; 2 is wrong use. A line of --batch has "bundle" in base64
and "genesis" or "policy" as text; the answer to each is one line. An answer with
"unknown" is no verdict: an event in the bundle has rules that are not written here.

It shares no code with the ledger and runs the rules anew. It needs the standard
library of Python 3.9 or later only: the Ed25519 rule of section 3 is not that of
common libraries and is written out in verify.py, so no package from Python's
index is needed, or used. It is slow, some milliseconds for a signature.
"""
import base64
import functools
import ipaddress
import json
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
import matter  # noqa: E402
import rules  # noqa: E402
import verify as spec  # noqa: E402
from matter import COUNTRIES, Broken, NotKnown  # noqa: E402
from rules import State, registrable  # noqa: E402

sha256 = spec.sha256
holds = functools.lru_cache(maxsize=None)(spec.holds)
TIME_MAX = 253402300799999


class Refused(Exception):
    """Says where a bundle does not hold, and what is wrong there."""

    def __init__(self, where, what):
        super().__init__(f"{where}: {what}")


def need(condition, where, what):
    if not condition:
        raise Refused(where, what)


class Reader:
    def __init__(self, data, where):
        self.data, self.at, self.where = data, 0, where

    def take(self, n):
        need(n <= len(self.data) - self.at, self.where, "it is cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def many(self, n, of):
        return [of() for _ in range(n)]

    def end(self):
        need(self.at == len(self.data), self.where, f"{len(self.data) - self.at} bytes are left over")


# Section 1.

TEXT_OF_LEDGER = re.compile(r"[a-z0-9]([a-z0-9./-]{0,98}[a-z0-9])?")
NAME_OF_ASSOCIATION = re.compile(r"[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?")
NAME_OF_NODE = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
HEX = re.compile(r"[0-9a-f]*")


def address(text):
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"0*[1-9][0-9]{0,4}", port) or int(port) > 65535:
        return False
    try:
        if host.startswith("[") and host.endswith("]"):
            return shortest_v6(host[1:-1]) and port[0] != "0"
        return str(ipaddress.IPv4Address(host)) == host and port[0] != "0"
    except ValueError:
        return NAME_OF_ASSOCIATION.fullmatch(host) is not None


def shortest_v6(text):
    ip = ipaddress.IPv6Address(text)
    shortest = "::ffff:" + str(ip.ipv4_mapped) if ip.ipv4_mapped else str(ip)
    return "%" not in text and shortest == text


def same_form(file):
    """Gives the JSON value of a file that has the one permitted form."""
    value = json.loads(file.decode("utf-8"))
    return value if (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode() == file else None


@functools.lru_cache(maxsize=16)
def read_genesis(file):
    try:
        g = same_form(file)
        ok = len(file) <= 60000 and g is not None and genesis_holds(g)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        ok = False
    need(ok, "the genesis", "the file breaks section 1")
    return g


def texts(value, names):
    return all(type(value[n]) is str for n in names)


def key_of(text):
    return bytes.fromhex(text) if len(text) == 66 and HEX.fullmatch(text) else b""


def genesis_holds(g):
    if list(g) != spec.FIELDS["genesis"] or g["format"] != "custody-genesis/v1" or not texts(g, ["name"]):
        return False
    if any(type(g[n]) is not int for n in ("created_ms", "rules_version", "quorum")):
        return False
    parts, nodes = g["associations"], g["nodes"]
    if not 1 <= g["created_ms"] <= TIME_MAX or g["rules_version"] != 1 or not TEXT_OF_LEDGER.fullmatch(g["name"]):
        return False
    if type(parts) is not list or type(nodes) is not list or not 1 <= len(parts) <= 64 or not 1 <= len(nodes) <= 64:
        return False
    if not len(nodes) // 2 < g["quorum"] <= len(nodes):
        return False
    keys = []
    for a in parts:
        governance = a["governance_keys"]
        if list(a) != spec.FIELDS["association"] or not texts(a, ["name", "country"]) or type(governance) is not list:
            return False
        if not NAME_OF_ASSOCIATION.fullmatch(a["name"]) or a["country"] not in COUNTRIES or not 1 <= len(governance) <= 8:
            return False
        keys += governance
    for n in nodes:
        if list(n) != spec.FIELDS["node"] or not texts(n, list(n)) or not NAME_OF_NODE.fullmatch(n["id"]):
            return False
        if not address(n["peer_address"]) or not address(n["client_address"]):
            return False
        for field, digits in (("incarnation", 16), ("tls_key_sha256", 64)):
            if len(n[field]) != digits or not HEX.fullmatch(n[field]):
                return False
        keys += [n[use] for use in ("log_key", "cosigner_key", "statement_key")]
    names, own = [a["name"] for a in parts], [n["association"] for n in nodes]
    for once in (names, own, [n["id"] for n in nodes], [n["tls_key_sha256"] for n in nodes], keys):
        if len(set(once)) != len(once):
            return False
    return set(own) <= set(names) and all(registrable(key_of(k)) for k in keys)


# Section 10.

WHITE = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}
SIZE_MAX = 2**64 - 1


def strict_base64(text):
    """Gives the bytes, or None if the text is not their one form."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw) == text else None


def read_note(note, where):
    """Gives origin, size, root, text and lines (name, key id, signature) of a note in its one form."""
    text, cut, rest = note.rpartition(b"\n\n")
    need(len(note) <= 131072 and cut and rest.endswith(b"\n"), where, "it is no signed note")
    text += b"\n"
    try:
        note.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(where, "it is not UTF-8") from None
    need(not any(c < 0x20 and c != 0x0A for c in note), where, "it has a control character")
    parts = text.split(b"\n")
    need(len(parts) == 4 and 1 <= len(parts[0]) <= 256, where, "a checkpoint has three lines")
    need(re.fullmatch(rb"0|[1-9][0-9]{0,19}", parts[1]) and int(parts[1]) <= SIZE_MAX, where, "the size is no number")
    root = strict_base64(parts[2])
    need(root is not None and len(root) == 32, where, "the root is not the base64 of a hash")
    lines = []
    for line in rest[:-1].split(b"\n"):
        words = line.split(b" ")
        need(len(words) == 3 and words[0] == b"\xe2\x80\x94" and len(words[2]) <= 8192, where, "a line has not the form of a signature")
        need(1 <= len(words[1]) <= 256 and not set(words[1].decode()) & (WHITE | {"+"}), where, "a name is not permitted")
        raw = strict_base64(words[2])
        need(raw is not None and len(raw) > 4, where, "a signature is not base64")
        lines.append((words[1], raw[:4], raw[4:]))
    need(1 <= len(lines) <= 100, where, "there are too many lines")
    return dict(origin=parts[0], size=int(parts[1]), root=root, text=text, lines=lines)


def key_hash(name, kind, key):
    return sha256(name, b"\n", bytes([kind]), key)[:4]


def line_holds(kind, key, text, signature):
    if kind == 1:
        return holds(b"\x01" + key, text, signature)
    if len(signature) != 72 or signature[0] >= 0x80:
        return False
    message = b"cosignature/v1\ntime " + str(int.from_bytes(signature[:8], "big")).encode() + b"\n" + text
    return holds(b"\x01" + key, message, signature[8:])


def keys_of(policy):
    """Gives (name, key id) -> (place of the node, kind, key)."""
    keys = {}
    for place, n in enumerate(policy["nodes"]):
        for kind, name, key in ((1, policy["origin"], n["keys"][0]), (4, n["association"] + "/custody-validator", n["keys"][1])):
            keys[name.encode(), key_hash(name.encode(), kind, key[1:])] = place, kind, key[1:]
    return keys


def check_final(note, policy, where, ordered):
    """Demands that a note has only lines of a policy's keys, that they hold, and that it is final."""
    keys, seen = keys_of(policy), []
    need(note["origin"] == policy["origin"].encode(), where, "it is of another log")
    for name, hashed, signature in note["lines"]:
        known = keys.get((name, hashed))
        need(known is not None, where, f"a line of {name.decode()} is not by a key of the policy in force")
        need(known[:2] not in seen, where, f"a line of {name.decode()} stands twice")
        need(not ordered or not seen or seen[-1] < known[:2], where, f"the line of {name.decode()} is out of order")
        seen.append(known[:2])
    kinds = [kind for _, kind in seen]
    need(1 in kinds, where, "no log key signed it")
    need(kinds.count(4) >= policy["quorum"], where, "it has not the quorum's cosignatures")
    for name, hashed, signature in note["lines"]:
        _, kind, key = keys[name, hashed]
        need(line_holds(kind, key, note["text"], signature), where, f"the line of {name.decode()} does not hold")


class PolicyFile:
    """A C2SP tlog-policy file: who may sign for the log, and whose cosignatures are enough."""

    def __init__(self, file):
        where = "the policy file"
        need(len(file) <= 262144, where, "it is too long")
        need(file.endswith(b"\n"), where, "its last line has no end")
        need(not any(c < 0x20 and c not in (9, 10) or c == 0x7F for c in file), where, "it has a control character")
        self.logs, self.witnesses, self.groups, self.quorum = {}, {}, {}, None
        inside = set()
        for line in file[:-1].split(b"\n"):
            words = [w for w in re.split(rb"[ \t]+", line) if w]
            if not words or words[0].startswith(b"#"):
                continue
            if words[0] == b"log" and len(words) in (2, 3):
                name, hashed, key = vkey(words[1], 1)
                need(key not in [k for _, k in self.logs.values()], where, "a log key stands twice")
                self.logs[name, hashed] = name, key
            elif words[0] == b"witness" and len(words) in (3, 4):
                name, hashed, key = vkey(words[2], 4)
                need(self.free(words[1]) and key not in [w["key"] for w in self.witnesses.values()], where, "a witness stands twice")
                self.witnesses[words[1]] = dict(line=(name, hashed), key=key)
            elif words[0] == b"group" and len(words) >= 4:
                members = words[3:]
                need(self.free(words[1]), where, "a name stands twice")
                need(all(m in self.witnesses or m in self.groups for m in members), where, "a member is not defined before")
                need(len(set(members)) == len(members) and not inside & set(members), where, "a member stands twice")
                inside |= set(members)
                k = {b"any": 1, b"all": len(members)}.get(words[2])
                if k is None:
                    need(re.fullmatch(rb"[1-9][0-9]{0,3}", words[2]), where, "a threshold is no number")
                    k = int(words[2])
                need(1 <= k <= len(members), where, "a threshold is out of range")
                self.groups[words[1]] = k, members
            elif words[0] == b"quorum" and len(words) == 2:
                need(self.quorum is None, where, "there are two quorums")
                need(words[1] == b"none" or not self.free(words[1]), where, "the quorum is not defined")
                self.quorum = words[1]
            else:
                raise Refused(where, "a line is not of a known form")
        need(self.quorum is not None, where, "there is no quorum")
        need(self.logs, where, "there is no log")
        need(max(len(self.logs), len(self.witnesses), len(self.groups)) <= 256, where, "it is too large")

    def free(self, name):
        return name != b"none" and name not in self.witnesses and name not in self.groups

    def finds_final(self, note):
        """Tells whether a note is final; raises where a line of a known key does not hold."""
        known = {line: (1, key) for line, (_, key) in self.logs.items() if line[0] == note["origin"]}
        known.update({w["line"]: (4, w["key"]) for w in self.witnesses.values()})
        signed = set()
        for name, hashed, signature in note["lines"]:
            kind, key = known.get((name, hashed), (None, None))
            if kind is None:
                continue
            need((name, hashed) not in signed, "the policy file", "a known key signed the note twice")
            need(line_holds(kind, key, note["text"], signature), "the policy file", f"the line of {name.decode()} does not hold")
            signed.add((name, hashed))
        if not signed & set(self.logs):
            return False
        return self.quorum == b"none" or self.reached(self.quorum, signed)

    def same(self, policy):
        """Tells whether this is a policy of the ledger: its log keys, and its quorum of the same cosigners."""
        keys = {(name, hashed, kind) for (name, hashed), (_, kind, _) in keys_of(policy).items()}
        k, members = self.groups.get(self.quorum, (0, []))
        if k != policy["quorum"] or not all(m in self.witnesses for m in members):
            return False
        return keys == {line + (1,) for line in self.logs} | {self.witnesses[m]["line"] + (4,) for m in members}

    def filled(self, nodes):
        """Tells whether the cosignatures of some nodes would fill the quorum."""
        lines = {line for line, (_, kind, _) in keys_of(dict(origin="", nodes=nodes)).items() if kind == 4}
        return self.quorum == b"none" or self.reached(self.quorum, lines)

    def reached(self, name, signed):
        if name in self.witnesses:
            return self.witnesses[name]["line"] in signed
        k, members = self.groups[name]
        return sum(self.reached(m, signed) for m in members) >= k


def vkey(text, kind):
    where = "the policy file"
    name, _, rest = text.partition(b"+")
    hashed, _, encoded = rest.partition(b"+")
    raw = strict_base64(encoded)
    need(raw is not None and len(raw) == 33 and raw[0] == kind, where, "a key is not of its type")
    need(spec.decode_point(raw[1:]) is not None, where, "a key is no point")
    need(1 <= len(name) <= 256 and hashed == key_hash(name, kind, raw[1:]).hex().encode(), where, "a key has another key id")
    return name, key_hash(name, kind, raw[1:]), raw[1:]


# Section 7.


def root_by_proof(index, size, leaf, proof):
    """Gives the root that an inclusion proof leads to (RFC 9162, section 2.1.3.2), or None."""
    if index >= size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = sha256(b"\x01", p, r)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


# Section 12.


def statement_bytes(state, item_id, checkpoint, contested, time):
    """Writes what the state gives for an item."""
    item, made = state.items[item_id], state.matters[item_id]
    flags = contested | item["lost"] << 1 | item["stolen"] << 2 | item["damaged"] << 3 | bool(item["disputes"]) << 4 | bool(item["holds"]) << 5
    out = [state.ledger_id, item_id, bytes([item["status"]]), holder_bytes(item["custody"]), bytes([len(item["title"])])]
    out += [struct.pack(">I", parts) + holder_bytes(owner) for owner, parts in item["title"]]
    out.append(bytes([len(item["terms"])]))
    out += [bytes([t["mode"]]) + t["from"] + struct.pack(">QB", t["until"], t["on"] << 2) for t in item["terms"]]
    out += [item["within"], struct.pack(">BQI", flags, made.mass, made.count), bytes([len(item["offers"])])]
    for o in sorted(item["offers"], key=lambda o: o["index"]):
        out += [o["event"], struct.pack(">Q", o["index"]), o["from"], o["to"],
                struct.pack(">BQBQ", o["mode"], o["expiry"], o["left"] | o["declined"] << 1 | o["on"] << 2, o["until"]),
                struct.pack(">QI", *o["part"]), o["agent"]]
    out += [struct.pack(">Q", item["registered"]), item["last_event"], struct.pack(">Q", item["last"]),
            struct.pack(">Q", checkpoint["size"]), checkpoint["root"], struct.pack(">Q", time)]
    return b"".join(out)


def holder_bytes(holder):
    if holder[0] == "party":
        return b"\x01" + holder[1]
    _, reason, country, index, by = holder
    return b"\x02" + bytes([reason]) + country + struct.pack(">Q", index) + by


def statement_message(payload):
    return b"DSSEv1 36 application/vnd.custody.statement.v1 " + str(len(payload)).encode() + b" " + payload


# Section 13.

MAGIC = b"custody-bundle/v1\n"


def parse(file):
    need(len(file) <= 33554432, "the file", "it is too long")
    need(file.startswith(MAGIC), "the first line", "it is no bundle, or one of another version")
    r = Reader(file, "the file")
    r.take(len(MAGIC))

    def hashes():
        n = r.number(1)
        need(n <= 64, "a proof", "it has more than 64 hashes")
        return r.many(n, lambda: r.take(32))

    def statement():
        payload = r.take(r.number(2))
        need(len(payload) <= 8192, "a statement", "it is too long")
        n = r.number(1)
        need(1 <= n <= 64, "a statement", "it has no signatures, or too many")
        return payload, r.many(n, lambda: (r.number(1), r.take(64)))

    subjects = r.many(r.number(2), lambda: r.take(20))
    note = r.take(r.number(2))
    entries = r.many(r.number(2), lambda: (r.take(r.number(2)), hashes()))
    handovers = r.many(r.number(2), hashes)
    statements = r.many(r.number(2), statement)
    r.end()
    need(len(subjects) <= 1000, "the subjects", "there are too many")
    need(all(a < b for a, b in zip(subjects, subjects[1:])), "the subjects", "they are not in ascending order")
    need(entries, "the entries", "there are none")
    need(len(handovers) <= 1000, "the handovers", "there are too many")
    need(len(statements) in (0, len(subjects)), "the statements", "there is not one for each subject")
    return subjects, note, entries, handovers, statements


def verify(file, genesis=None, policy=None):
    """Gives what a bundle proves to somebody with a genesis or policy file, or raises Refused."""
    held_policy = PolicyFile(policy) if policy is not None else None
    if genesis is not None:
        read_genesis(genesis)
    subjects, note, raw, handovers, statements = parse(file)

    first = spec.read_entry(raw[0][0])
    need(first is not None and first["kind"] == 1, "the genesis", "the first entry is none")
    founded = read_genesis(first["payload"])
    wanted = spec.write_entry(dict(kind=1, index=0, time=founded["created_ms"], prev=bytes(32), links=[], payload=first["payload"]))
    need(raw[0][0] == wanted, "the genesis", "the entry is not the one that the file makes")
    need(genesis is None or genesis == first["payload"], "the genesis", "the bundle is of another ledger")

    final = read_note(note, "the final checkpoint")
    need(final["origin"] == founded["name"].encode(), "the final checkpoint", "it is of another log")
    need(held_policy is None or final["origin"] in [n for n, _ in held_policy.logs.values()], "the final checkpoint", "it is not of the policy's log")

    entries = [first]
    for b, proof in raw[1:]:
        e = spec.read_entry(b)
        need(e is not None and e["kind"] != 1, "the entries", f"the one behind entry {entries[-1]['index']} has no valid form")
        need(e["index"] > entries[-1]["index"], f"entry {e['index']}", "it is out of order")
        need(e["time"] >= entries[-1]["time"], f"entry {e['index']}", "it was recorded before the one in front of it")
        entries.append(e)
    for e, (b, proof) in zip(entries, raw):
        need(e["index"] < final["size"], f"entry {e['index']}", "it is not below the size of the checkpoint")
        got = root_by_proof(e["index"], final["size"], spec.leaf_hash(b), proof)
        need(got == final["root"], f"entry {e['index']}", "its inclusion proof does not hold")

    handed = [e for e in entries if e["kind"] == 4]
    need(len(handed) == len(handovers), "the handovers", "there is not one consistency proof for each")
    state, policies = State(founded, first["payload"]), []
    state.knows_papers = False  # a draw is judged as the first one
    for e, proof in zip(handed, handovers):
        where = f"handover entry {e['index']}"
        e["read"] = read_note(e["note"], where)
        need(spec.consistent(e["read"]["size"], final["size"], e["read"]["root"], final["root"], proof), where, "its consistency proof does not hold")
    for e in entries[1:]:
        if e["kind"] == 4:
            policies.append(state.policy)
        run(state, e)
    check_final(final, state.policy, "the final checkpoint", True)
    by_file = held_policy is not None and not any(held_policy.same(p) for p in policies + [state.policy])
    if by_file:
        need(held_policy.finds_final(final), "the final checkpoint", "it is not final under the policy file")

    check_lineage(state, subjects, entries)
    for item_id, (payload, signatures) in zip(subjects, statements):
        check_statement(state, item_id, final, entries[-1], payload, signatures)
        need(not by_file or held_policy.filled([state.policy["nodes"][place] for place, _ in signatures]),
             f"the statement on item {spec.text_of('item', item_id)}", "those who signed it do not fill the quorum of the policy file")
    return report(state, final, subjects, handed, statements)


def run(state, e):
    where = f"entry {e['index']}"
    if e["kind"] == 4:
        need(state.adopted is not None, where, "a handover, but no adopted policy waits")
        need(not e["links"], where, "a handover has no links")
        need(state.adopted_at < e["read"]["size"] <= e["index"], where, "the note's size does not cover the adoption")
        check_final(e["read"], state.policy, where, False)
        state.hand_over(e["index"])
        return
    try:
        fields = read_event(e["payload"], tuple(e["signatures"]))
        got = state.apply(fields, sha256(spec.signing_bytes(e["payload"])), e["index"], e["time"])
    except spec.Refused as refused:
        raise Refused(where, f"its event: {refused.reason} {refused.path}") from None
    except Broken as broken:
        raise Refused(where, f"the rules refuse its event: {broken}") from None
    except NotKnown as unknown:
        raise NotKnown(f"{where}: this verifier does not know the rules of {unknown}") from None
    need(got == (e["kind"], e["links"]), where, f"it has kind {e['kind']} and links {e['links']}, the rules give {got}")


@functools.lru_cache(maxsize=None)
def read_event(event, signatures):
    return spec.read_event(event, signatures)


spec.holds = holds


def check_lineage(state, subjects, entries):
    for item_id in subjects:
        need(item_id in state.items, "the subjects", f"item {spec.text_of('item', item_id)} is not in the bundle")
    links = {e["index"]: e["links"] for e in entries}
    reached, todo = {0} | state.made, [state.items[s]["last"] for s in subjects]
    while todo:
        index = todo.pop()
        if index not in reached:
            reached.add(index)
            todo += links[index]
    for index in links:
        need(index in reached, f"entry {index}", "it has nothing to do with the items of the bundle")


def check_statement(state, item_id, final, last, payload, signatures):
    where = f"the statement on item {spec.text_of('item', item_id)}"
    time = int.from_bytes(payload[-8:], "big")
    given = [statement_bytes(state, item_id, final, contested, time) for contested in (0, 1)]
    need(payload in given, where, "it does not state what the events give")
    need(time >= last["time"], where, "its time is before the last entry")
    need(time == last["time"] or last["index"] != final["size"] - 1, where, "its time is not that of the last entry")
    nodes = state.policy["nodes"]
    places = [place for place, _ in signatures]
    need(all(a < b for a, b in zip(places, places[1:])) and places[-1] < len(nodes), where, "a signature is out of order or of nobody")
    need(len(places) >= state.policy["quorum"], where, "not as many signed it as the quorum asks for")
    for place, signature in signatures:
        need(holds(nodes[place]["keys"][2], statement_message(payload), signature), where, f"the signature of {nodes[place]['id']} does not hold")


STATUS = {1: "live", 2: "voided", 3: "consumed", 4: "destroyed"}


def report(state, final, subjects, handed, statements):
    def party(holder):
        return spec.text_of("party", holder[1]) if holder[0] == "party" else "outside"

    items = []
    for i, item_id in enumerate(subjects):
        item = state.items[item_id]
        items.append(dict(item=spec.text_of("item", item_id), status=STATUS[item["status"]], custody=party(item["custody"]),
                          title=party(item["title"][0][0]), events=item["count"], last_index=item["last"],
                          stated_by=len(statements[i][1]) if statements else 0))
    return dict(ledger=state.ledger_id.hex(), origin=final["origin"].decode(), size=final["size"], root=final["root"].hex(),
                handovers=[e["index"] for e in handed], items=items)


# The program.


def judge(file, **trust):
    try:
        return dict(accept=True, **verify(file, **trust))
    except Refused as refused:
        return dict(accept=False, refusal=str(refused))
    except NotKnown as unknown:
        return dict(accept=False, unknown=True, refusal=str(unknown))


def read_file(*path):
    with open(os.path.join(*path), "rb") as f:
        return f.read()


def vectors(directory):
    all_vectors = json.loads(read_file(directory, "vectors.json"))
    accepted = 0
    for v in all_vectors:
        trust = {kind: read_file(directory, v[kind]) for kind in ("genesis", "policy") if kind in v}
        got = judge(read_file(directory, v["bundle"]), **trust)
        if got["accept"] != v["accept"] or "unknown" in got:
            sys.exit(f"{v['name']}: {got}, the vector says {v['accept']}: {v.get('refusal', '')}")
        if v["accept"]:
            accepted += 1
            said = dict(size=v["size"], root=v["root"], items=v.get("items", []))
            if len(got["items"]) == len(said["items"]):
                got["items"] = [{k: i[k] for k in want} for i, want in zip(got["items"], said["items"])]
            for k in said:
                if got[k] != said[k]:
                    sys.exit(f"{v['name']}: {k} is {got[k]}, the vector says {said[k]}")
        elif "-v" in sys.argv:
            print(f"{v['name']}\n  {got['refusal']}\n  {v['refusal']}")
    if accepted == 0 or accepted == len(all_vectors):
        sys.exit("the vectors have none to accept, or none to refuse")
    print(f"{len(all_vectors)} bundles judged from SPEC.md as the vectors say, {len(all_vectors) - accepted} of them refused")


def main(arguments):
    if arguments[:1] == ["--vectors"] and len(arguments) >= 2:
        return vectors(arguments[1])
    if arguments == ["--batch"]:
        for line in sys.stdin:
            asked = json.loads(line)
            trust = {kind: asked[kind].encode() for kind in ("genesis", "policy") if kind in asked}
            print(json.dumps(judge(base64.b64decode(asked["bundle"]), **trust)), flush=True)
        return None
    if len(arguments) != 3 or arguments[1] not in ("--genesis", "--policy"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    got = judge(read_file(arguments[0]), **{arguments[1][2:]: read_file(arguments[2])})
    if not got["accept"]:
        sys.exit(got["refusal"])
    del got["accept"]
    print(json.dumps(got, indent=2))
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
