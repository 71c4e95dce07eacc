# SPDX-License-Identifier: MIT
"""Packs and their indexes as bytes, right or wrong. Source: gitformat-pack."""
import hashlib
import struct
import zlib

COMMIT, TREE, BLOB, TAG, OFS_DELTA, REF_DELTA = 1, 2, 3, 4, 6, 7
NAMES = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}


def oid(kind, content):
    return hashlib.sha1(b"%s %d\0" % (NAMES[kind], len(content)) + content).digest()


def header(kind, size):
    out, byte = bytearray(), kind << 4 | size & 15
    size >>= 4
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7f, size >> 7
    out.append(byte)
    return bytes(out)


def distance(value):
    out = bytearray([value & 0x7f])
    while value >> 7:
        value = (value >> 7) - 1
        out.insert(0, 0x80 | value & 0x7f)
    return bytes(out)


def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(0x80 | value & 0x7f)
        value >>= 7
    out.append(value)
    return bytes(out)


def insert(base_size, content):
    """The delta that takes nothing from its base."""
    out = varint(base_size) + varint(len(content))
    for at in range(0, len(content), 127):
        piece = content[at:at + 127]
        out += bytes([len(piece)]) + piece
    return out


class Pack:
    def __init__(self):
        self.body = bytearray()
        self.entries = []  # (id, offset, crc)

    @property
    def offset(self):
        return 12 + len(self.body)

    def raw(self, name, entry):
        """An entry as it is, under a name that need not be its own; where it begins."""
        at = self.offset
        self.entries.append((name, at, zlib.crc32(entry)))
        self.body += entry
        return at

    def whole(self, kind, content, name=None, size=None):
        return self.raw(name or oid(kind, content),
                        header(kind, len(content) if size is None else size) + zlib.compress(content))

    def ofs_delta(self, name, back, delta, size=None):
        return self.raw(name, header(OFS_DELTA, len(delta) if size is None else size) + distance(back)
                        + zlib.compress(delta))

    def ref_delta(self, name, base, delta, size=None):
        return self.raw(name, header(REF_DELTA, len(delta) if size is None else size) + base + zlib.compress(delta))

    def pack(self, count=None, version=2):
        data = b"PACK" + struct.pack(">II", version, len(self.entries) if count is None else count) + bytes(self.body)
        return data + hashlib.sha1(data).digest()

    def index(self, pack, version=2, fanout=None, offsets=None, large=b""):
        entries = sorted(self.entries)
        if fanout is None:
            fanout = [sum(1 for e in entries if e[0][0] <= first) for first in range(256)]
        table = struct.pack(">256I", *fanout)
        places = offsets or [e[1] for e in entries]
        if version == 1:
            data = table + b"".join(struct.pack(">I", p) + e[0] for e, p in zip(entries, places))
        else:
            data = (b"\377tOc" + struct.pack(">I", version) + table + b"".join(e[0] for e in entries)
                    + b"".join(struct.pack(">I", e[2]) for e in entries)
                    + b"".join(struct.pack(">I", p) for p in places) + large)
        data += pack[-20:]
        return data + hashlib.sha1(data).digest()
