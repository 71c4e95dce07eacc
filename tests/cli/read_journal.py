#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A reader of the journal that knows it only from chrondb-format(5): the offsets are those of the page's tables.

    read_journal.py PAGE JOURNAL    a line for each record: sequence, time, ref, head before, head after, objects
"""
import hashlib
import re
import sys
import zlib

HALF = 4194304
TYPES = {1: b"commit", 2: b"tree", 3: b"blob", 4: b"tag"}


def tables(page):
    """What the tables behind .Sh THE JOURNAL say: {what: (offset, length or None)} of a record and of an object."""
    found = []
    for line in page[page.index(".Sh THE JOURNAL"):].splitlines():
        row = re.match(r"\.It (\d+) Ta (\d+|\\&) Ta (.*)$", line)
        if line.startswith(".Bl -column"):
            found.append({})
        elif row and found:
            offset, length, what = row.groups()
            found[-1][what] = (int(offset), int(length) if length.isdigit() else None)
    return found[:2]


def field(table, word):
    places = [place for what, place in table.items() if word in what]
    assert len(places) == 1, (word, table)
    return places[0]


def number(data, place, signed=False):
    return int.from_bytes(data[place[0]:place[0] + place[1]], "little", signed=signed)


def read_objects(table, data):
    ids, at = [], 0
    while at < len(data):
        rest = data[at:]
        start, size = field(table, "loose")[0], number(rest, field(table, "length of what follows"))
        head, content = zlib.decompress(rest[start:start + size]).split(b"\0", 1)
        assert head == TYPES[number(rest, field(table, "type"))] + b" %d" % len(content)
        offset, length = field(table, "id")
        ids.append(rest[offset:offset + length].hex())
        assert ids[-1] == hashlib.sha1(head + b"\0" + content).hexdigest()
        at += start + size
        assert at <= len(data)
    return ids


def read_half(record, obj, half):
    at, before = 0, None
    while half[at:at + 4] == b"CDBR":
        data = half[at:at + number(half[at:at + 8], field(record, "whole record"))]
        assert number(data, field(record, "bytes from 48")) == zlib.crc32(data[48:])
        assert number(data, field(record, "bytes 0 to 43")) == zlib.crc32(data[:44])
        now = [number(data, field(record, word)) for word in ("generation, from", "salt", "sequence")]
        if before is not None and now != before[:2] + [before[2] + 1]:
            return
        ref = field(record, "name of the ref")[0]
        end = ref + number(data, field(record, "length of the ref"))
        objects = read_objects(obj, data[end + number(data, field(record, "length of a former name")):])
        assert len(objects) == number(data, field(record, "number of objects"))
        heads = [data[o:o + n].hex() for o, n in (field(record, "head before"), field(record, "head after"))]
        seconds, nanoseconds = number(data, field(record, "seconds since"), True), number(data, field(record, "nanos"))
        print(now[2], f"{seconds}.{nanoseconds:09}", data[ref:end].decode(), *heads, ",".join(objects))
        at, before = at + len(data), now


def main(arguments):
    with open(arguments[0], encoding="utf-8") as file:
        record, obj = tables(file.read())
    with open(arguments[1], "rb") as file:
        journal = file.read()
    for half in journal[:HALF], journal[HALF:]:
        read_half(record, obj, half)


if __name__ == "__main__":
    main(sys.argv[1:])
