#!/usr/bin/env python3
"""A second opinion on the vectors: a reader and writer made from docs/wire-format.md alone.

Reads every valid batch from both formats and writes it in both, byte for byte; reads every accepted batch and
writes its canonical JSON; and refuses every batch of which the whole is not of its format's grammar.
Python's standard library only. Prints what differs; exit code 1 if anything does.
"""

import base64
import datetime
import ipaddress
import json
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).parent
TAGS = {"$bytes", "$i64", "$u64", "$map"}
SEVERITIES = ["", "informational", "low", "medium", "high", "critical", "fatal"]
OUTCOMES = ["unknown", "success", "failure"]
FAMILIES = ["", "authentication", "authorization", "configuration", "performance", "security"]


def table(text):
    return dict(pair.split(":") for pair in text.split())


BATCH = table("v:v source:s instance:n runs:r events:e losses:l lanes:a")
LOSS = table("lane:l reason:r first_seq:f last_seq:u count:n first_at:a last_at:z")
SOURCE = table("service:s instance:n host:h environment:e network:w sdk:k sdk_version:v")
ACTOR = table("name:n ip:i port:p host:h")
TARGET = table("name:n kind:k")
HEAD = table("id:i time:t kind:k action:a severity:s outcome:o reason:r actor:c target:g trace:x duration_ns:d")
PAYLOADS = {
    "authentication": table("method:m credential:cr"),
    "authorization": table("permission:p policy:po"),
    "configuration": table("setting:st old_value:ov new_value:nv"),
    "performance": table("value:v unit:u count:n errors:er"),
    "security": table("technique:te rule:ru score:sc"),
}
ANY_PAYLOAD = {word: short for fields in PAYLOADS.values() for word, short in fields.items()}
EVENT = {**HEAD, **ANY_PAYLOAD, "attributes": "b"}


class Refused(Exception):
    """Bytes that are not of the format."""


# Reading. A map is a list of pairs; what a value is, is its Python type.


def read_json(data):
    def pairs(found):
        return {"pairs": found}

    def constant(name):
        raise Refused(name)

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Refused(error) from error


def json_value(value):
    """A value, out of its tags."""
    if isinstance(value, list):
        return [json_value(item) for item in value]
    if isinstance(value, float):
        return value + 0.0
    if not isinstance(value, dict):
        return value
    found = value["pairs"]
    if len(found) == 1 and found[0][0] in TAGS:
        tag, inner = found[0]
        if tag == "$bytes":
            return base64.b64decode(inner, validate=True)
        if tag == "$map":
            return {"pairs": [(name, json_value(item)) for name, item in inner["pairs"]]}
        return int(inner)
    if any(name in TAGS for name, _ in found):
        raise Refused("tag")
    return {"pairs": [(name, json_value(item)) for name, item in found]}


def read_msgpack(data):
    at = 0

    def take(length):
        nonlocal at
        if at + length > len(data):
            raise Refused("truncated")
        at += length
        return data[at - length : at]

    def number(form):
        return struct.unpack(">" + form, take(struct.calcsize(form)))[0]

    def items(count):
        if count > len(data):
            raise Refused("truncated")
        return [value() for _ in range(count)]

    def pairs(count):
        flat = items(2 * count)
        return {"pairs": list(zip(flat[::2], flat[1::2]))}

    def value():
        first = number("B")
        if first < 0x80:
            return first
        if first >= 0xE0:
            return first - 256
        if first < 0x90:
            return pairs(first & 15)
        if first < 0xA0:
            return items(first & 15)
        if first < 0xC0:
            return take(first & 31).decode()
        plain = {0xC0: None, 0xC2: False, 0xC3: True}
        if first in plain:
            return plain[first]
        numbers = {0xCA: "f", 0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
        if first in numbers:
            return number(numbers[first])
        sized = {0xC4: "B", 0xC5: "H", 0xC6: "I", 0xD9: "B", 0xDA: "H", 0xDB: "I", 0xDC: "H", 0xDD: "I", 0xDE: "H", 0xDF: "I"}
        if first not in sized:
            raise Refused("unused or extension")
        count = number(sized[first])
        if first < 0xD0:
            return take(count)
        if first < 0xDC:
            return take(count).decode()
        return items(count) if first < 0xDE else pairs(count)

    try:
        whole = value()
    except (UnicodeDecodeError, RecursionError) as error:
        raise Refused(error) from error
    if at != len(data):
        raise Refused("trailing")
    return whole


# Meaning. A field has one form here: ids, instances and traces bytes, time and numbers integers.


def named(found, fields):
    """Fields by word, and what is unknown, in order."""
    words = {**{short: word for word, short in fields.items()}, **{word: word for word in fields}}
    known, unknown = {}, []
    for key, value in found["pairs"]:
        if key not in words:
            unknown.append((key, value))
        elif words[key] in known:
            raise Refused("twice")
        else:
            known[words[key]] = value
    return {word: value for word, value in known.items() if value is not None}, unknown


def nanoseconds(value):
    if not isinstance(value, str):
        return int(value)
    date, clock, fraction, zone = re.fullmatch(r"(\S{10})[Tt ](\S{8})(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", value).groups()
    moment = datetime.datetime.fromisoformat(f"{date}T{clock}+00:00")
    seconds = (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(seconds=1)
    if zone not in "Zz":
        seconds -= int(zone[0] + "1") * (int(zone[1:3]) * 3600 + int(zone[4:]) * 60)
    return seconds * 10**9 + int((fraction or ".0")[1:].ljust(9, "0"))


def trace_bytes(value):
    if isinstance(value, bytes):
        raw = value
    else:
        raw = bytes.fromhex(value[3:35] + value[36:52] + value[53:55])
    return raw[:24] + bytes([raw[24] & 3])


def word_of(words, value):
    return value if isinstance(value, str) else words[int(value)]


def id_bytes(value):
    return value if isinstance(value, bytes) else bytes.fromhex(value)


def understood(tree, value):
    """The batch that a tree is; `value` takes a value out of the format's tags."""
    batch, batch_rest = named(tree, BATCH)
    source, source_rest = named(batch["source"], SOURCE)
    rest = lambda found: [(key, value(item)) for key, item in found]
    runs = [[int(number) for number in run] for run in batch.get("runs", [])]
    ids = []
    for lane, first, count in runs:
        for step in range(count):
            tail = lane << 48 | first + step
            ids.append(id_bytes(batch["instance"]) + tail.to_bytes(8, "big") if first else None)
    events = []
    for index, found in enumerate(batch["events"]):
        event, unknown = named(found, EVENT)
        family = word_of(FAMILIES, event["kind"])
        own = PAYLOADS.get(family, {})
        actor, actor_rest = named(event.get("actor", {"pairs": []}), ACTOR)
        target, target_rest = named(event.get("target", {"pairs": []}), TARGET)
        if "ip" in actor:
            actor["ip"] = ipaddress.ip_address(actor["ip"])
        payload = {word: value(event[word]) for word in own if word in event}
        for word in ("count", "errors", "score"):
            if word in payload:
                payload[word] = int(payload[word])
        if "value" in payload:
            payload["value"] = float(payload["value"]) + 0.0
        in_run = ids[index] if index < len(ids) else None
        events.append({
            "id": in_run or id_bytes(event.get("id", bytes(16))),
            "time": nanoseconds(event["time"]),
            "kind": family,
            "action": event["action"],
            "severity": word_of(SEVERITIES, event.get("severity", 1)),
            "outcome": word_of(OUTCOMES, event.get("outcome", 0)),
            "reason": event.get("reason"),
            "actor": (actor, rest(actor_rest)),
            "target": (target, rest(target_rest)),
            "trace": trace_bytes(event["trace"]) if "trace" in event else None,
            "duration_ns": int(value(event["duration_ns"])) if "duration_ns" in event else None,
            "payload": payload,
            "attributes": rest(event.get("attributes", {"pairs": []})["pairs"]),
            "unknown": rest(unknown) + [(w, value(v)) for w, v in event.items() if w in ANY_PAYLOAD and w not in own],
        })
    losses = []
    for found in batch.get("losses", []):
        loss, _ = named(found, LOSS)
        exact = {word: value(held) for word, held in loss.items()}
        times = {word: nanoseconds(exact[word]) for word in ("first_at", "last_at")}
        losses.append({**exact, **times, **{word: int(exact[word]) for word in ("lane", "first_seq", "last_seq", "count")}})
    lanes = [[int(number) for number in mark] for mark in batch.get("lanes", [])]
    instance = id_bytes(batch["instance"]) if "instance" in batch else None
    return {
        "source": (source, rest(source_rest)), "instance": instance, "events": events, "losses": losses, "lanes": lanes,
        "unknown": rest(batch_rest),
    }


# Writing: one walk, two formats.


class Json:
    def text(self, text):
        quoted = json.dumps(text, ensure_ascii=False)
        hidden = "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
        return re.sub(hidden, lambda found: f"\\u{ord(found[0]):04x}", quoted).encode("utf-8", "surrogatepass")

    def key(self, word, _short):
        return self.text(word)

    def map(self, pairs):
        return b"{" + b",".join(key + b":" + value for key, value in pairs) + b"}"

    def list(self, items):
        return b"[" + b",".join(items) + b"]"

    def value(self, value):
        if value is True or value is False:
            return b"true" if value else b"false"
        if isinstance(value, int):
            if -(2**53) <= value <= 2**53:
                return b"%d" % value
            return b'{"$%s":"%d"}' % (b"u64" if value >= 2**63 else b"i64", value)
        if isinstance(value, float):
            return self.float(value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return b'{"$bytes":"%s"}' % base64.b64encode(value)
        if isinstance(value, list):
            return self.list(self.value(item) for item in value)
        written = self.map((self.text(name), self.value(item)) for name, item in value["pairs"])
        return b'{"$map":%s}' % written if any(name in TAGS for name, _ in value["pairs"]) else written

    def float(self, value):
        digits, exponent = re.fullmatch(r"-?(\d+(?:\.\d+)?)(?:e(.*))?", repr(value)).groups()
        whole, _, fraction = digits.partition(".")
        shown = (whole + fraction).lstrip("0")
        point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(shown))
        shown = shown.rstrip("0") or "0"
        point = 1 if shown == "0" else point
        if 0 < point <= 21:
            text = shown.ljust(point, "0")[:point] + "." + (shown[point:] or "0")
        elif -6 < point <= 0:
            text = "0." + "0" * -point + shown
        else:
            text = shown[0] + ("." + shown[1:] if shown[1:] else "") + f"e{point - 1:+d}"
        return (("-" if value < 0 else "") + text).encode()

    def id(self, raw):
        return b'"%s"' % raw.hex().encode()

    def time(self, nanos):
        seconds, fraction = divmod(nanos, 10**9)
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
        return b'"%s.%09dZ"' % (moment.isoformat().encode(), fraction)

    def word(self, _words, word):
        return self.text(word)

    def ip(self, ip):
        mapped = getattr(ip, "ipv4_mapped", None)
        return self.text(f"::ffff:{mapped}" if mapped else str(ip))

    def trace(self, raw):
        return self.text(f"00-{raw[:16].hex()}-{raw[16:24].hex()}-{raw[24:].hex()}")


class Msgpack:
    def sized(self, count, small, *sizes):
        if small is not None and count < small[1]:
            return bytes([small[0] | count])
        first, form = next((first, form) for first, form in sizes if count < 1 << 8 * struct.calcsize(form))
        return bytes([first]) + struct.pack(">" + form, count)

    def text(self, text):
        raw = text.encode()
        return self.sized(len(raw), (0xA0, 32), (0xD9, "B"), (0xDA, "H"), (0xDB, "I")) + raw

    def key(self, _word, short):
        return self.text(short)

    def map(self, pairs):
        flat = [key + value for key, value in pairs]
        return self.sized(len(flat), (0x80, 16), (0xDE, "H"), (0xDF, "I")) + b"".join(flat)

    def list(self, items):
        flat = list(items)
        return self.sized(len(flat), (0x90, 16), (0xDC, "H"), (0xDD, "I")) + b"".join(flat)

    def value(self, value):
        if value is True or value is False:
            return b"\xc3" if value else b"\xc2"
        if isinstance(value, int) and value >= 0:
            return self.sized(value, (0, 128), (0xCC, "B"), (0xCD, "H"), (0xCE, "I"), (0xCF, "Q"))
        if isinstance(value, int):
            sizes = [(0xD0, "b"), (0xD1, "h"), (0xD2, "i"), (0xD3, "q")]
            if value >= -32:
                return struct.pack("b", value)
            first, form = next(size for size in sizes if value >= -(1 << 8 * struct.calcsize(size[1]) - 1))
            return bytes([first]) + struct.pack(">" + form, value)
        if isinstance(value, float):
            return b"\xcb" + struct.pack(">d", value)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bytes):
            return self.sized(len(value), None, (0xC4, "B"), (0xC5, "H"), (0xC6, "I")) + value
        if isinstance(value, list):
            return self.list(self.value(item) for item in value)
        return self.map([(self.text(name), self.value(item)) for name, item in value["pairs"]])

    id = trace = value

    def time(self, nanos):
        return self.value(nanos)

    def word(self, words, word):
        return self.value(words.index(word)) if word in words else self.text(word)

    def ip(self, ip):
        return self.value(ip.packed)


def written(batch, form):
    def fields(found, spelling, unknown, **special):
        pairs = []
        for word, short in spelling.items():
            if found.get(word) is not None:
                pairs.append((form.key(word, short), special.get(word, form.value)(found[word])))
        for name, value in unknown:
            pairs.append((form.key(name, ANY_PAYLOAD.get(name, name) if spelling is EVENT_ORDER else name), form.value(value)))
        return pairs

    def event(found, with_id):
        flat = {**found, **found["payload"]}
        flat["id"] = found["id"] if with_id and any(found["id"]) else None
        flat["attributes"] = {"pairs": found["attributes"]} if found["attributes"] else None
        for name, spelling in (("actor", ACTOR), ("target", TARGET)):
            known, unknown = found[name]
            flat[name] = fields(known, spelling, unknown, ip=form.ip) or None
        named_map = lambda held: form.map((form.text(name), form.value(value)) for name, value in held["pairs"])
        return form.map(fields(
            flat, EVENT_ORDER, found["unknown"], id=form.id, time=form.time, trace=form.trace, actor=form.map, target=form.map,
            kind=lambda word: form.word(FAMILIES, word), severity=lambda word: form.word(SEVERITIES, word),
            outcome=lambda word: form.word(OUTCOMES, word), attributes=named_map,
        ))

    runs, in_run = [], []
    for found in batch["events"]:
        seq = int.from_bytes(found["id"][10:], "big")
        in_run.append(batch["instance"] == found["id"][:8] and seq > 0)
        lane, seq = (int.from_bytes(found["id"][8:10], "big"), seq) if in_run[-1] else (0, 0)
        if runs and runs[-1][0] == lane and seq == (runs[-1][1] and runs[-1][1] + runs[-1][2]):
            runs[-1][2] += 1
        else:
            runs.append([lane, seq, 1])
    if runs and runs[-1][1] == 0:
        runs.pop()
    flat = {
        "v": 1, "source": fields(batch["source"][0], SOURCE, batch["source"][1]), "instance": batch["instance"],
        "runs": runs or None, "events": [event(found, not run) for found, run in zip(batch["events"], in_run)],
        "losses": [form.map(fields(loss, LOSS, [], first_at=form.time, last_at=form.time)) for loss in batch["losses"]] or None,
        "lanes": batch["lanes"] or None,
    }
    return form.map(fields(flat, BATCH, batch["unknown"], source=form.map, instance=form.id, events=form.list, losses=form.list))


EVENT_ORDER = {**HEAD, **ANY_PAYLOAD, "attributes": "b"}


def main():
    index = json.loads((HERE / "vectors.json").read_text())
    wrong = []

    def same(what, made, expected):
        if made != expected:
            wrong.append(f"{what}:\n  made     {made!r}\n  expected {expected!r}")

    def hexadecimal(file):
        return bytes.fromhex(file.read_text())

    def read(file):
        if file.suffix == ".hex":
            return understood(read_msgpack(hexadecimal(file)), lambda value: value)
        return understood(read_json(file.read_bytes()), json_value)

    for vector in index["valid"]:
        line, packed = HERE / f"valid/{vector['name']}.json", HERE / f"valid/{vector['name']}.msgpack.hex"
        for batch in (read(line), read(packed)):
            same(line.name, written(batch, Json()) + b"\n", line.read_bytes())
            same(packed.name, written(batch, Msgpack()), hexadecimal(packed))
    for vector in index["accepted"]:
        file = HERE / f"accepted/{vector['name']}.{'json' if vector['format'] == 'json' else 'msgpack.hex'}"
        canonical = HERE / f"accepted/{vector['name']}.canonical.json"
        same(file.name, written(read(file), Json()) + b"\n", canonical.read_bytes())
    grammar = {"JSON_SYNTAX", "JSON_TRUNCATED", "JSON_TRAILING", "MSGPACK_SYNTAX", "MSGPACK_TRUNCATED", "MSGPACK_TRAILING"}
    for vector in index["malformed"]:
        if vector["code"] not in grammar:
            continue
        file = HERE / f"malformed/{vector['name']}.{'json' if vector['format'] == 'json' else 'msgpack.hex'}"
        try:
            read_msgpack(hexadecimal(file)) if file.suffix == ".hex" else read_json(file.read_bytes())
            wrong.append(f"{file.name}: read, though it is {vector['code']}")
        except Refused:
            pass
    for difference in wrong:
        print(difference)
    print(f"{len(index['valid'])} valid, {len(index['accepted'])} accepted, {len(index['malformed'])} malformed: {len(wrong)} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
