#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The catalog of a branch read as chrondb-index(5) says, with nothing of chrondb's. Every byte that the page speaks of is
held against it.

    read_index.py DIRECTORY REF commits   NDJSON [COMMIT, SECONDS, NANOSECONDS, MERGE], oldest first
    read_index.py DIRECTORY REF versions  NDJSON [KEY, [[COMMIT, BLOB or null], ...]], by key, newest version first
    read_index.py DIRECTORY REF tables    NDJSON [TABLE, DOCUMENTS] at the end
    read_index.py DIRECTORY REF files     NDJSON [NAME]: what belongs to the catalog
"""
import json
import os
import struct
import sys
import zlib

NONE = bytes(20)


def check(condition, what):
    if not condition:
        sys.exit("read_index.py: " + what)


def number(data, at, length):
    return int.from_bytes(data[at : at + length], "little")


def time_of(data, at):
    """Seconds, nanoseconds, flag."""
    seconds, fraction = struct.unpack_from("<qI", data, at)
    check(fraction & 0x7FFFFFFF < 10**9, "nanoseconds")
    return seconds, fraction & 0x7FFFFFFF, bool(fraction >> 31)


class Bytes:
    """Read one after the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        check(self.at + length <= len(self.data), "bytes end too early")
        self.at += length
        return self.data[self.at - length : self.at]

    def varint(self):
        value, shift = 0, 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def ref_name(ref):
    """NAME."""
    heads = "refs/heads/"
    raw = ref.encode()
    out, rest = ("", raw[len(heads) :]) if ref.startswith(heads) else ("+", raw)
    while rest and len(out) < 190:
        byte, rest = rest[0], rest[1:]
        plain = byte < 0x80 and (chr(byte).isalnum() or byte in b"_-" or (byte == ord(".") and out))
        out += chr(byte) if plain else "%%%02X" % byte
    if rest:
        value = 14695981039346656037
        for byte in raw:
            value = (value ^ byte) * 1099511628211 & 2**64 - 1
        out += "~%016x" % value
    return out


# ---- dictionaries and rows ----


def blocks_of(section):
    return [section[at : at + 4096] for at in range(0, len(section), 4096)]


def block_entries(block):
    """Level, first child, and the entries."""
    check(number(block, 0, 4) == zlib.crc32(block[4:]), "checksum of a block")
    count, level, first = number(block, 4, 2), number(block, 6, 2), number(block, 8, 4)
    offsets = [number(block, len(block) - 2 * ((count + 15) // 16) + 2 * i, 2) for i in range((count + 15) // 16)]
    reader, key, entries = Bytes(block), b"", []
    reader.at = 12
    for i in range(count):
        if i % 16 == 0:
            check(offsets[i // 16] == reader.at, "offset of an entry")
        shared, rest, length = reader.varint(), reader.varint(), reader.varint()
        check(shared <= (len(key) if i % 16 else 0), "shared bytes")
        key = key[:shared] + reader.take(rest)
        entries.append((key, reader.take(length)))
    check(not any(block[reader.at : len(block) - 2 * len(offsets)]), "zeros in a block")
    return level, first, entries


def dictionary(leaves, tree):
    """All entries; and the tree leads to them."""
    leaves = [block_entries(block) for block in blocks_of(leaves)]
    tree = [block_entries(block) for block in blocks_of(tree)]
    check(all(level == 0 and first == 0 for level, first, _ in leaves), "head of a leaf")
    check(bool(tree) == (len(leaves) > 1), "a tree for more than one leaf")

    def walk(level, index):
        """The leaves below a block."""
        if level == 0:
            return [index]
        its_level, first, entries = tree[index]
        check(its_level == level, "level")
        found = []
        for i, (key, value) in enumerate(entries):
            below = walk(level - 1, first + i)
            check(value == b"" and key <= leaves[below[0]][2][0][0], "key of a child")
            check(below[0] == 0 or key > leaves[below[0] - 1][2][-1][0], "key behind what is before the child")
            check(level == 1 or first + i < index, "children lie before")
            found += below
        return found

    if tree:
        check(walk(tree[-1][0], len(tree) - 1) == list(range(len(leaves))), "all leaves, in order")
    entries = [entry for _, _, entries in leaves for entry in entries]
    check(all(a[0] < b[0] for a, b in zip(entries, entries[1:])), "order of keys")
    return entries, [len(entries) for _, _, entries in leaves]


def rows(section, size, per_block):
    out = []
    while section:
        block, section = section[: 4 + size * per_block], section[4 + size * per_block :]
        check(number(block, 0, 4) == zlib.crc32(block[4:]), "checksum of rows")
        check(len(block) > 4 and (len(block) - 4) % size == 0, "length of rows")
        out += [block[at : at + size] for at in range(4, len(block), size)]
    return out


# ---- files ----


class Segment:
    def __init__(self, data, name):
        check(data[:8] == b"CDBSEGM\n" and number(data, 8, 4) == 1, "head of a segment")
        head, count = number(data, 16, 4), number(data, 20, 4)
        check(head == 112 + 24 * count and number(data, 24, 8) == len(data), "lengths of a segment")
        check(number(data, 12, 4) == zlib.crc32(data[:12] + data[16:head]), "checksum of a segment's head")
        check(number(data, 32, 8) == name, "number of a segment")
        self.start, self.to, keys, versions, self.documents, self.table_count = struct.unpack_from("<6Q", data, 40)
        self.sections = {}
        for at in range(112, head, 24):
            kind, zeros, offset, length = struct.unpack_from("<IIQQ", data, at)
            check(zeros == 0 and kind not in self.sections and offset >= head, "a section")
            check(offset + length <= len(data), "extent of a section")
            self.sections[kind] = data[offset : offset + length]
        self.read_commits()
        if self.commits:
            check(time_of(data, 88) == self.commits[0][1][:2] + (False,), "first time")
            check(time_of(data, 100) == self.commits[-1][1][:2] + (False,), "last time")
        self.read_keys()
        check(len(self.keys) == keys and sum(len(v) for _, v in self.keys.values()) == versions, "numbers of keys")
        tables, _ = dictionary(self.section(6), self.section(7))
        self.tables = {table: Bytes(value).varint() for table, value in tables}

    def section(self, kind):
        return self.sections.get(kind, b"")

    def read_commits(self):
        self.commits = [(row[:20], time_of(row, 20)) for row in rows(self.section(4), 32, 64)]
        check(len(self.commits) == self.to - self.start, "number of commits")
        ids = [struct.unpack("<II", row) for row in rows(self.section(5), 8, 256)]
        merges = [number(row, 0, 4) for row in rows(self.section(9), 4, 256)]
        check(merges == [i for i, (_, when) in enumerate(self.commits) if when[2]], "merges")
        check(ids == sorted((int.from_bytes(c[0][:4], "big"), i) for i, c in enumerate(self.commits)), "ids")

    def read_keys(self):
        """self.keys: key -> (existed, [(position, blob)])"""
        older, self.keys, spans, end = self.section(3), {}, [], 0
        for block in blocks_of(older):
            check(number(block, 0, 4) == zlib.crc32(block[4:]), "checksum of versions")
        entries, leaves = dictionary(self.section(1), self.section(2))
        for key, value in entries:
            value = Bytes(value)
            flags, position = value.varint(), value.varint()
            versions = [(self.start + position, NONE if flags & 2 else value.take(20))]
            if flags & 4:
                offset, length = value.varint(), value.varint()
                check(offset >= end, "versions in the order of the keys")
                end = offset + length
                versions += self.older(older, offset, end)
            check(value.at == len(value.data), "value of a key")
            check(all(a[0] > b[0] for a, b in zip(versions, versions[1:])), "order of versions")
            self.keys[key] = (bool(flags & 1), versions)
        versions = [[v[0] for v in self.keys[key][1]] for key, _ in entries]
        for count in leaves:
            here, versions = sum(versions[:count], []), versions[count:]
            spans.append((min(here) - self.start, max(here) - self.start))
        check(spans == [struct.unpack("<II", row) for row in rows(self.section(8), 8, 256)], "spans")

    def older(self, section, at, end):
        out = []
        while at < end:
            if at % 4096 == 0:
                at += 4
            block = Bytes(section[: at - at % 4096 + 4096])
            block.at = at
            if at == len(block.data) or section[at] == 0:  # no version begins with a zero
                check(not any(block.data[at:]), "zeros behind versions")
                at = len(block.data)
                continue
            head = block.varint() - 1
            out.append((self.start + head // 2, NONE if head % 2 else block.take(20)))
            at = block.at
        check(at == end, "extent of versions")
        return out


class Catalog:
    def __init__(self, directory, ref):
        self.directory, name = directory, ref_name(ref)
        self.files = [name + ".manifest"]
        data = self.read(self.files[0])
        check(data[:8] == b"CDBMANI\n" and number(data, 8, 4) == 1, "head of a manifest")
        check(number(data, 16, 4) == len(data), "length of a manifest")
        check(number(data, 12, 4) == zlib.crc32(data[:12] + data[16:]), "checksum of a manifest")
        segments, self.generation, count = number(data, 20, 4), number(data, 24, 8), number(data, 32, 8)
        check(data[80 + 40 * segments :] == ref.encode() and number(data, 60, 4) == len(ref.encode()), "ref")
        self.commits, self.sources, self.tables = [], [], {}  # sources: ({key: (existed, versions)}, limit)
        for i in range(segments):
            self.add_segment(struct.unpack_from("<5Q", data, 80 + 40 * i))
        check(len(self.commits) == count, "number of commits in segments")
        last = self.commits[-1] if self.commits else (NONE, (0, 0, False))
        check(data[40:60] == last[0], "last commit")
        check(time_of(data, 64) == last[1][:2] + (False,), "time of the last commit")
        self.add_tail(name + "-%016x.tail" % self.generation)
        check(all(a[1][:2] < b[1][:2] for a, b in zip(self.commits, self.commits[1:])), "order of times")

    def read(self, name):
        with open(os.path.join(self.directory, name), "rb") as file:
            return file.read()

    def add_segment(self, named):
        number_, start, to, until, length = named
        name = "%016x.segment" % number_
        self.files.append(name)
        data = self.read(name)
        segment = Segment(data, number_)
        check((segment.start, segment.to, len(data)) == (start, to, length), "range of a segment")
        check(start == len(self.commits) and start <= until <= to, "place of a segment")
        self.commits += segment.commits[: until - start]
        self.sources.append((segment.keys, until))
        self.tables.update(segment.tables)
        self.cut = until < to
        self.totals = (segment.documents, segment.table_count)

    def add_tail(self, name):
        self.files.append(name)
        data = self.read(name)
        seed = (self.generation ^ self.generation >> 32) & 0xFFFFFFFF
        last = self.commits[-1][0] if self.commits else NONE

        def trailer(at, length):
            check(number(data, at + 20, 4) == length, "length in a trailer")
            check(number(data, at + 24, 4) == zlib.crc32(data[at : at + 24], seed), "checksum of a trailer")
            return data[at : at + 20]

        check(data[:8] == b"CDBTAIL\n" and number(data, 8, 4) == 1, "head of a tail")
        check(number(data, 12, 4) == zlib.crc32(data[:12] + data[16:60]), "checksum of a tail's head")
        check(number(data, 16, 8) == self.generation and number(data, 24, 8) == len(self.commits), "place of a tail")
        check(trailer(32, 60) == last, "commit before a tail")
        keys, at = {}, 60
        while at < len(data):
            length = number(data, at, 4)
            check(72 <= length <= len(data) - at, "length of a record")
            check(number(data, at + 4, 4) == zlib.crc32(data[at + 8 : at + length], seed), "checksum of a record")
            check(data[at + 8 : at + 28] == last, "commit before a record")
            last = trailer(at + length - 28, length)
            changes = Bytes(data[: at + length - 28])
            changes.at = at + 44
            for _ in range(number(data, at + 40, 4)):
                size, existed = number(changes.take(2), 0, 2), changes.take(1)[0]
                blob, key = changes.take(20), changes.take(size)
                keys.setdefault(key, (bool(existed), []))[1].insert(0, (len(self.commits), blob))
            check(changes.at == len(changes.data), "changes of a record")
            self.commits.append((last, time_of(data, at + 28)))
            at += length
        self.sources.append((keys, len(self.commits)))

    def versions(self):
        """key -> versions that count, newest first; 'existed' is what the versions before say."""
        out = {}
        for keys, limit in self.sources:
            for key, (existed, versions) in keys.items():
                versions = [v for v in versions if v[0] < limit]
                before = out.get(key, [])
                if versions:
                    check(existed == bool(before and before[0][1] != NONE), "whether a key existed")
                    out[key] = versions + before
        return out

    def table_counts(self):
        counts = {}
        for key, versions in self.versions().items():
            table, colon, _ = key.partition(b":")
            table = table if colon else b""
            counts[table] = counts.get(table, 0) + (versions[0][1] != NONE)
        counts = {table: count for table, count in counts.items() if count}
        if not self.sources[-1][0] and len(self.sources) > 1 and not self.cut:  # the segments say it
            check({table: count for table, count in self.tables.items() if count} == counts, "counts of tables")
            check(self.totals == (sum(counts.values()), len(counts)), "totals")
        return counts


def main():
    catalog = Catalog(sys.argv[1], sys.argv[2])
    if sys.argv[3] == "commits":
        out = [[commit.hex(), *time] for commit, time in catalog.commits]
    elif sys.argv[3] == "versions":
        out = [
            [key.decode(), [[catalog.commits[v[0]][0].hex(), None if v[1] == NONE else v[1].hex()] for v in versions]]
            for key, versions in sorted(catalog.versions().items())
        ]
    elif sys.argv[3] == "tables":
        out = [[table.decode(), count] for table, count in sorted(catalog.table_counts().items())]
    else:
        out = [[name] for name in sorted(catalog.files)]
    for line in out:
        print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


main()
