#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A database read, and written, as chrondb-format(5) says, with git's plumbing and nothing of chrondb's.

    read_format.py REPOSITORY documents [COMMIT]  NDJSON {"key","value"}: the document's bytes as text
    read_format.py REPOSITORY log                 NDJSON {"commit","time","meta"}, newest first, of the branch
    read_format.py REPOSITORY layout [COMMIT]     where a canonical tree has its documents: MODE PATH
    read_format.py REPOSITORY at TIME             the commit of that moment, TIME as it is in a trailer
    read_format.py REPOSITORY path KEY            where KEY is in a small database
"""
import collections
import datetime
import hashlib
import json
import re
import subprocess
import sys

LIMIT, DEPTH = 64, 40
LAST_SECOND, GIT_LAST = 253402300799, 2**34 - 1
PLAIN = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") | set(range(0x80, 0x100))
DIGITS = b"0123456789abcdef"


# ---- keys ----


def encode(name, table):
    if table and len(name) == 1 and name in b"_0123456789abcdefABCDEF":
        return b"%%%02X" % name[0]
    out = b""
    for i, byte in enumerate(name):
        plain = byte in PLAIN or (byte == ord(".") and not table and i > 0)
        out += bytes([byte]) if plain else b"%%%02X" % byte
    return out


def decode(name, table):
    """The raw name, or None if it is no key's."""
    raw = re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), name)
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not raw or b"\0" in raw or (table and b":" in raw):
        return None
    return raw if encode(raw, table) == name and len(name) <= (255 if table else 250) else None


def split(key):
    """Table (None: without) and id."""
    table, colon, name = key.partition(b":")
    return (table, name) if colon else (None, key)


def digits(name):
    return hashlib.sha1(name).hexdigest().encode()


# ---- git ----


class Repository:
    def __init__(self, path):
        self.path = path
        self.batch = subprocess.Popen(
            ["git", "-C", path, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def object(self, name):
        self.batch.stdin.write(name.encode() + b"\n")
        self.batch.stdin.flush()
        head = self.batch.stdout.readline().split()
        if len(head) != 3:
            raise SystemExit(f"{name}: {head}")
        content = self.batch.stdout.read(int(head[2]))
        self.batch.stdout.read(1)
        return head[1], content

    def tree(self, oid):
        """(mode, name, id) of each entry."""
        content, at = self.object(oid)[1], 0
        while at < len(content):
            space, nul = content.index(b" ", at), content.index(b"\0", at)
            yield int(content[at:space], 8), content[space + 1 : nul], content[nul + 1 : nul + 21].hex()
            at = nul + 21

    def git(self, *command):
        return subprocess.run(["git", "-C", self.path, *command], check=True, capture_output=True).stdout.decode()


# ---- documents ----


def items(repository, oid, is_item, way=b""):
    """(level, name, id) of every item below a tree that is on its own way."""
    for mode, name, entry in repository.tree(oid):
        if mode == 0o40000 and len(name) == 1 and name in DIGITS:
            if len(way) < DEPTH:
                yield from items(repository, entry, is_item, way + name)
            continue
        raw = is_item(mode, name)
        if raw is not None and digits(raw).startswith(way):
            yield len(way), raw, entry


def is_table(mode, name):
    if mode != 0o40000:
        return None
    return b"" if name == b"_" else decode(name, True)


def is_document(untabled):
    def test(mode, name):
        if mode not in (0o100644, 0o100755, 0o100664) or not name.endswith(b".json"):
            return None
        raw = decode(name[:-5], False)
        return None if raw is None or (untabled and b":" in raw) else raw

    return test


def documents(repository, commit):
    """{key: blob}"""
    found = {}
    for table_level, table, tree in items(repository, commit + "^{tree}", is_table):
        for level, name, blob in items(repository, tree, is_document(table == b"")):
            key = table + b":" + name if table else name
            if key not in found or (table_level, level) > found[key][0]:
                found[key] = ((table_level, level), blob)
    return {key: blob for key, (_, blob) in found.items()}


def ways(names):
    """The way that each of the items of a directory has."""
    out, together, depth = {}, list(names), 0
    while together:
        counts = collections.Counter(digits(name)[:depth] for name in together)
        alone = [name for name in together if depth == DEPTH or counts[digits(name)[:depth]] <= LIMIT]
        out.update((name, b"".join(b"%c/" % digit for digit in digits(name)[:depth])) for name in alone)
        together = [name for name in together if name not in out]
        depth += 1
    return out


def layout(keys):
    tables = {}
    for key in keys:
        table, name = split(key)
        tables.setdefault(table or b"", []).append(name)
    roots = ways(tables)
    for table, names in tables.items():
        directory = roots[table] + (encode(table, True) if table else b"_") + b"/"
        for name, way in ways(names).items():
            yield directory + way + encode(name, False) + b".json"


# ---- commits and time ----


def parse_time(text):
    """(seconds, nanoseconds) of a trailer's time, or None."""
    match = re.fullmatch(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{9})Z", text)
    if not match:
        return None
    year, month, day, hour, minute, second, nanos = map(int, match.groups())
    try:  # datetime has no year 0; the calendar repeats after 400 years
        days = datetime.date(year + 400, month, day).toordinal() - datetime.date(400 + 1970, 1, 1).toordinal()
    except ValueError:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return days * 86400 + hour * 3600 + minute * 60 + second, nanos


def format_time(time):
    days, rest = divmod(time[0], 86400)
    date = datetime.date.fromordinal(days + datetime.date(400 + 1970, 1, 1).toordinal())
    return "%04d-%02d-%02dT%02d:%02d:%02d.%09dZ" % (
        date.year - 400, date.month, date.day, rest // 3600, rest // 60 % 60, rest % 60, time[1]
    )


class Commit:
    def __init__(self, content):
        head, _, message = content.partition(b"\n\n")
        self.parents = [line[7:].decode() for line in head.split(b"\n") if line.startswith(b"parent ")]
        committer = re.search(rb"^committer .*> (-?\d+)", head, re.M)
        date = min(max(int(committer.group(1)), 0), LAST_SECOND)
        self.time, self.meta = (date, 0), []
        block = message.rstrip(b" \t\r\n").rpartition(b"\n\n")[2].split(b"\n")
        if not all(re.match(rb"[^ :]+:", line) for line in block):
            return
        times = [line[14:] for line in block if line.startswith(b"Chrondb-Time: ")]
        if not times:
            return
        self.meta = [self.unescape(line[14:]) for line in block if line.startswith(b"Chrondb-Meta: ")]
        own = parse_time(times[0]) if len(times) == 1 else None
        if own and min(max(own[0], 0), GIT_LAST) == date:
            self.time = own

    @staticmethod
    def unescape(text):
        return re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m.group(1), 16)]), text).decode()


def branch(repository):
    """(id, commit, effective time) along the first parents, newest first."""
    chain, at = [], repository.git("rev-parse", "HEAD").strip()
    while at:
        commit = Commit(repository.object(at)[1])
        chain.append((at, commit))
        at = commit.parents[0] if commit.parents else None
    out, before = [], None
    for oid, commit in reversed(chain):
        time = commit.time
        if before is not None and time <= before:
            time = (before[0] + (before[1] + 1) // 10**9, (before[1] + 1) % 10**9)
        out.append((oid, commit, time))
        before = time
    return out[::-1]


def main(path, what, *arguments):
    repository = Repository(path)
    if what == "documents":
        found = documents(repository, arguments[0] if arguments else "HEAD")
        for key in sorted(found):
            value = repository.object(found[key])[1].decode()
            print(json.dumps({"key": key.decode(), "value": value}, ensure_ascii=False, separators=(",", ":")))
    elif what == "layout":
        found = documents(repository, arguments[0] if arguments else "HEAD")
        for place in sorted(layout(found)):
            print("100644", place.decode())
    elif what == "log":
        for oid, commit, time in branch(repository):
            print(json.dumps({"commit": oid, "time": format_time(time), "meta": commit.meta}))
    elif what == "at":
        wanted = parse_time(arguments[0].encode())
        print(next((oid for oid, _, time in branch(repository) if time <= wanted), "none"))
    elif what == "path":
        table, name = split(arguments[0].encode())
        directory = encode(table, True) if table is not None else b"_"
        print((directory + b"/" + encode(name, False) + b".json").decode())
    else:
        raise SystemExit(__doc__)


main(*sys.argv[1:])
