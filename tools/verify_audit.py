#!/usr/bin/env python3
"""usage: verify_audit.py [--json] [--strict] AUDIT.LOG

A second, independent reader of docs/audit-trail.md, tested against the Rust one. Exit 0: intact (a crash
tail or a missing head is said in words); 1: altered, or under --strict anything to remark; 2: usage or I/O.
"""

import hashlib
import json
import os
import re
import sys

LINE_MAX = 16 << 20
INDEX = rb'"i":(0|[1-9][0-9]{0,19}),'
STAMP = (rb'"t":"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z",'
         rb'"m":"[0-9a-f]{8}\.(?:0|[1-9][0-9]*)",')
# Whole, or short: an event with the `log`, `t` and `m` of the line before it.
ENVELOPE = re.compile(
    rb'\{"v":1,(?:"log":"([0-9a-f]{16})",' + INDEX + STAMP + rb'|' + INDEX + rb'(?="p":"[0-9a-f]{64}","ev"))'
    rb'"p":"([0-9a-f]{64})",(?:"ev":\{|"kind":"([a-z_]{1,32})").*\}', re.DOTALL)
ZERO = "0" * 64


class Line:
    def __init__(self, segment, number, offset, raw):
        self.segment, self.number, self.offset = segment, number, offset
        self.ended = raw.endswith(b"\n")
        self.bytes = raw[:-1] if self.ended else raw
        match = ENVELOPE.fullmatch(self.bytes) if self.ended else None
        self.good = match is not None
        if match:
            log, index, short_index, previous, self.kind = match.groups()
            self.log, self.index = log and log.decode(), int(index or short_index)
            self.previous = previous.decode()
            self.hash = hashlib.sha256(b"\0" + self.bytes).hexdigest()

    def is_json(self):
        try:
            return bool(json.loads(self.bytes))
        except (ValueError, RecursionError):
            return False


def segments_of(path):
    """Closed segments by the index in their names, then the one that is written to."""
    folder, own = os.path.dirname(path) or ".", os.path.basename(path)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    closed = [name for name in names if re.fullmatch(re.escape(own) + r"\.[0-9]{12,20}", name)]
    found = sorted((int(name.rsplit(".", 1)[1]), os.path.join(folder, name)) for name in closed)
    return found + [(None, path)] * os.path.exists(path)


def lines_of(segments):
    for place, (_, path) in enumerate(segments):
        with open(path, "rb") as file:
            number, offset, raw = 1, 0, file.readline(LINE_MAX + 1)
            while raw:
                yield Line(place, number, offset, raw)
                number, offset, raw = number + 1, offset + len(raw), file.readline(LINE_MAX + 1)


def read_head(path):
    try:
        with open(path + ".head", "rb") as file:
            text = file.read(1024)
    except FileNotFoundError:
        return None, "missing"
    try:
        head = json.loads(text)
        numbers = all(type(head[k]) is int and head[k] >= 0 for k in ("lines", "segment", "bytes"))
        names = re.fullmatch("[0-9a-f]{64} [0-9a-f]{16}", f"{head['head']} {head['log']}")
        if head["v"] == 1 and numbers and names:
            return head, "anchored"
    except (ValueError, KeyError, TypeError):
        return None, "unreadable"
    return None, "unreadable"


class Walk:
    def __init__(self, segments, head):
        self.segments, self.head = segments, head
        named = segments[0][0] if segments else None
        self.start = named if named is not None else (head["segment"] if head else None)
        self.next, self.hash = self.start or 0, ZERO
        self.log = self.first = self.before = self.prior = self.retention = None
        self.lines = self.events = 0

    def problem_of(self, line):
        """What keeps `line` from being the next one; None if nothing does."""
        if not line.good:
            return "unterminated" if not line.ended else "malformed"
        index, previous = self.next, self.hash
        if self.first is None and line.kind == b"rotate" and line.index > 0:
            index = self.start if self.start is not None else line.index
            previous = line.previous
        log = line.log or self.log
        if log is None:
            return "malformed"
        if self.log is not None and log != self.log:
            return "other_log"
        if self.log is None and self.head and self.head["log"] != log:
            return "head_of_other_log"
        if line.index != index:
            return "index"
        if line.previous != previous:
            return "previous"
        if self.head and self.head["lines"] == index + 1 and self.head["head"] != line.hash:
            return "changed"
        self.before = (index, previous)
        self.first = self.first or self.before
        return None

    def take(self, line):
        self.log, self.prior = line.log or self.log, line
        self.next, self.hash = line.index + 1, line.hash
        self.lines += 1
        self.events += line.kind is None
        if line.kind == b"retention":
            stated = re.search(rb'"removed_before":([0-9]{1,19}),"head":"([0-9a-f]{64})"', line.bytes)
            if stated:
                self.retention = max(self.retention or (0, ZERO), (int(stated[1]), stated[2].decode()))

    def culprit(self, problem, line, successor):
        """The line that was changed, of two that disagree."""
        if not line.good or self.prior is None:
            return line, problem
        if problem == "index":
            if line.index == self.before[0] and line.previous == self.before[1]:
                return self.prior, "inserted"
            return (line, problem) if self.prior.is_json() else (self.prior, "malformed")
        if problem == "previous":
            if self.head and self.head["lines"] == self.next + 1:
                vouched = self.head["head"] == line.hash
            else:
                vouched = successor is None or not successor.good or successor.previous == line.hash
            return (self.prior, "changed") if vouched else (line, problem)
        return line, problem


def verify(path):
    head, anchor = read_head(path)
    segments = segments_of(path)
    if not segments and anchor == "missing":
        raise FileNotFoundError(f"there is no audit log at {path}")
    walk, bad, tail = Walk(segments, head), None, None
    stream, last = lines_of(segments), max(len(segments) - 1, 0)
    for line in stream:
        problem = walk.problem_of(line)
        if problem is None:
            walk.take(line)
            continue
        successor = next(stream, None)
        if head:
            beyond = walk.next >= head["lines"] and problem != "head_of_other_log"
        else:
            beyond = problem in ("malformed", "unterminated") and successor is None
        if line.segment == last and beyond:
            name = segments[line.segment][1]
            tail = {"segment": name, "line": line.number, "offset": line.offset,
                    "bytes": os.path.getsize(name) - line.offset}
        else:
            bad = walk.culprit(problem, line, successor)
        break
    else:
        removed, prior = walk.first[0] if walk.first else 0, walk.prior
        if head and walk.next < head["lines"]:
            bad = prior, "malformed"
            if prior is None or prior.is_json():
                here = prior is not None and prior.segment == last
                number, offset = (prior.number, prior.offset + len(prior.bytes) + 1) if here else (0, 0)
                bad = Line(last, number + 1, offset, b""), "cut_off"
        elif removed and not (walk.retention and (walk.retention[0] > removed or walk.retention == walk.first)):
            bad = Line(0, 1, 0, b""), "removed"
    if bad:
        line, problem = bad
        name = segments[line.segment][1] if segments else path
        bad = {"segment": name, "line": line.number, "offset": line.offset, "problem": problem}
    return {"lines": walk.lines, "events": walk.events, "head": walk.hash if walk.first else None,
            "anchor": anchor, "segments": [name for _, name in segments], "first_bad": bad, "crash_tail": tail}


def main(arguments):
    options = {a for a in arguments if a.startswith("--")}
    paths = [a for a in arguments if a not in options]
    if len(paths) != 1 or options - {"--json", "--strict"}:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    try:
        report = verify(paths[0])
    except OSError as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        return 2
    bad, tail, anchor = report["first_bad"], report["crash_tail"], report["anchor"]
    if "--json" in options:
        print(json.dumps(report))
    elif bad:
        print(f"ALTERED at line {bad['line']} (byte {bad['offset']}) of {bad['segment']!r}: {bad['problem']}")
    else:
        print(f"intact: {report['lines']} lines, {report['events']} events, head {report['head']}")
        print(f"crash tail: {tail}; head file: {anchor}")
    remark = bad or ("--strict" in options and (tail or anchor != "anchored"))
    return 1 if remark else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
