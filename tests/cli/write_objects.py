#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Git objects that git would not write.

    write_objects.py REPOSITORY blob SIZE                     a JSON string of so many bytes
    write_objects.py REPOSITORY tree [MODE NAME ID]...        a tree of these entries, just so; \\xNN in a name is a byte
    write_objects.py REPOSITORY nested DEPTH NAME ID          a tree in a tree ... of one entry NAME each, ID the last
    write_objects.py REPOSITORY bomb ID                       40 levels of 16 entries each, all the same
    write_objects.py REPOSITORY commit|tag <CONTENT           from standard input
    write_objects.py REPOSITORY raw TYPE <CONTENT             the same of any type

Prints the id.
"""
import hashlib
import os
import re
import sys
import zlib


def write(repository, kind, content):
    raw = b"%s %d\0" % (kind.encode(), len(content)) + content
    oid = hashlib.sha1(raw).hexdigest()
    directory = os.path.join(repository, "objects", oid[:2])
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, oid[2:])
    if not os.path.exists(path):
        with open(path, "wb") as file:
            file.write(zlib.compress(raw, 1))
    return oid


def name_of(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match.group(1), 16)]), os.fsencode(text))


def entry(mode, name, oid):
    return mode.encode() + b" " + name_of(name) + b"\0" + bytes.fromhex(oid)


def main(repository, what, *arguments):
    if what == "blob":
        return write(repository, "blob", b'"' + b"x" * (int(arguments[0]) - 2) + b'"')
    if what == "tree":
        groups = [arguments[i : i + 3] for i in range(0, len(arguments), 3)]
        return write(repository, "tree", b"".join(entry(*group) for group in groups))
    if what == "nested":
        depth, name, oid = arguments
        for _ in range(int(depth)):
            oid = write(repository, "tree", entry("40000", name, oid))
        return oid
    if what == "bomb":
        oid = arguments[0]
        for _ in range(40):
            oid = write(repository, "tree", b"".join(entry("40000", digit, oid) for digit in "0123456789abcdef"))
        return oid
    return write(repository, arguments[0] if what == "raw" else what, sys.stdin.buffer.read())


print(main(*sys.argv[1:]))
