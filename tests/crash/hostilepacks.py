# SPDX-License-Identifier: MIT
"""Packs that nobody would write, put where git keeps its own: every command ends soon, with the right answer where what is
damaged is not needed, else with exit status 7; never a crash, never a wrong answer, nothing lost.

CHRONDB_TEST_LONG=1, or CHRONDB_TEST_MUTATIONS: 2,000 or so many packs altered at random, instead of 60."""
import json
import os
import random
import shutil
import struct
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
import packs
from crash import Db, expect, git
from packs import BLOB, COMMIT, TREE, Pack, insert, varint

MUTATIONS = crash.often("MUTATIONS", 60, 2000)
WORKERS = 4
COMMANDS = [["get", "user:1"], ["list"], ["count"], ["tables"], ["history", "user:1"], ["log"], ["info"],
            ["get", "user:1", "--at", "main~2"], ["diff", "main~1"], ["at", "@1", "user:1"]]
WRITES = [["put", "user:1", '{"calm":1}'], ["put", "other:new", "1"], ["gc"], ["list"], ["delete", "user:2"]]


def calm(db, args, codes=(0, 1, 2, 7)):
    result = db.run(*args)
    expect(result.code in codes, lambda: "%s" % result)
    expect(result.code != 7 or result.err.startswith(b"chrondb: "), lambda: "no message: %s" % result)
    return result


def write_pack(path, pack, index, name="a" * 40):
    for suffix, data in ((".pack", pack), (".idx", index)):
        file = os.path.join(path, "objects/pack/pack-%s%s" % (name, suffix))
        with open(file, "wb") as out:
            out.write(data)


def tree(entries):
    return b"".join(b"%s %s\0" % (mode, name) + oid for mode, name, oid in entries)


def loose(path, kind, content):
    name = packs.oid(kind, content).hex()
    os.makedirs(os.path.join(path, "objects", name[:2]), exist_ok=True)
    with open(os.path.join(path, "objects", name[:2], name[2:]), "wb") as out:
        out.write(zlib.compress(b"%s %d\0" % (packs.NAMES[kind], len(content)) + content))
    return bytes.fromhex(name)


def commit(path, root, parents=()):
    text = b"tree %s\n" % root.hex().encode() + b"".join(b"parent %s\n" % p.hex().encode() for p in parents)
    text += b"author A <a> 1795255200 +0000\ncommitter A <a> 1795255200 +0000\n\nhostile\n"
    head = loose(path, COMMIT, text)
    with open(os.path.join(path, "refs/heads/main"), "w", encoding="ascii") as out:
        out.write(head.hex() + "\n")
    return head


# ---- a good database, its packs mutated ----------------------------------------------------------------------------


class Templates:
    def __init__(self, scratch):
        self.scratch = scratch
        self.good = Db(scratch.new("good"))
        for i in range(12):
            self.good.ok("put", "user:%d" % (i % 3), json.dumps({"n": i, "text": "some words that stay " * 8}))
        self.good.ok("gc")
        self.name = next(n for n in os.listdir(self.good.path + "/objects/pack") if n.endswith(".pack"))[:-5]
        self.answers = {tuple(args): self.good.ok(*args).out for args in COMMANDS[:6]}

    def copy(self, source=None):
        db = Db(self.scratch.new("hostile", self.scratch.in_memory()))
        crash.copy_database((source or self.good).path, db.path)
        shutil.rmtree(os.path.join(db.path, "chrondb/index"), ignore_errors=True)
        return db


def mutate(data, rng):
    data = bytearray(data)
    kind = rng.randrange(6)
    if kind == 0:
        del data[rng.randrange(len(data)):]
    elif kind == 1:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 2:
        at = rng.randrange(len(data))
        data[at:at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0", b"\x7f\xff\xff\xff"])
    elif kind == 3:
        at, size = rng.randrange(len(data)), rng.randrange(1, 64)
        data[at:at + size] = rng.randbytes(size)
    elif kind == 4:
        at = rng.randrange(len(data))
        del data[at:at + rng.randrange(1, 40)]
    else:
        a, b, size = rng.randrange(len(data)), rng.randrange(len(data)), rng.randrange(1, 200)
        data[a:a + size] = data[b:b + size]
    return bytes(data)


def reseal(pack, index):
    """As an attacker would: the checksums are right again."""
    import hashlib
    if len(pack) >= 20:
        pack = pack[:-20] + hashlib.sha1(pack[:-20]).digest()
    if len(index) >= 40:
        index = index[:-40] + pack[-20:]
        index += hashlib.sha1(index).digest()
    return pack, index


def mutation(templates, seed):
    rng = random.Random(seed)
    db = templates.copy()
    stem = os.path.join(db.path, "objects/pack", templates.name)
    with open(stem + ".pack", "rb") as file:
        pack = file.read()
    with open(stem + ".idx", "rb") as file:
        index = file.read()
    for _ in range(rng.randrange(1, 4)):
        if rng.random() < 0.5:
            pack = mutate(pack, rng)
        else:
            index = mutate(index, rng)
    if rng.random() < 0.7:
        pack, index = reseal(pack, index)
    for suffix, data in ((".pack", pack), (".idx", index)):
        os.unlink(stem + suffix)
        with open(stem + suffix, "wb") as file:
            file.write(data)
    for args in COMMANDS:
        result = calm(db, args)
        wanted = templates.answers.get(tuple(args))
        expect(result.code != 0 or wanted is None or result.out == wanted,
               lambda: "a wrong answer, seed %d: %s\nwanted %r" % (seed, result, crash.shorten(wanted)))
    kept = {name: os.path.getsize(os.path.join(db.path, "objects/pack", name))
            for name in os.listdir(os.path.join(db.path, "objects/pack")) if name.endswith(".pack")}
    readable = db.run("get", "user:2").code
    for args in WRITES:
        calm(db, args)
    if readable == 0 and kept:
        expect(db.run("get", "user:2", "--at", "main").code in (0, 1), "gc lost a document, seed %d" % seed)
    shutil.rmtree(db.path)


# ---- packs made by hand --------------------------------------------------------------------------------------------


def crafted(templates, name, build, wanted=7):
    """`build` puts a pack that should have the blob (or tree) `victim` beside a good database, and makes the branch need
    it; get ends with `wanted`, everything else calmly; what the good pack has is still read."""
    db = templates.copy()
    head = git(db.path, "rev-parse", "main")
    db.head = [bytes.fromhex(head)]
    build(db)
    for args in [["get", "hostile:1"]] + COMMANDS:
        result = calm(db, args)
        if args[0] == "get" and args[1] == "hostile:1":
            expect(result.code == wanted, lambda: "%s: %s" % (name, result))
    for args in WRITES:
        calm(db, args)
    result = db.run("get", "user:1", "--at", head)
    expect(result.code == 0, lambda: "%s: the past is lost: %s" % (name, result))
    shutil.rmtree(db.path)


VICTIM = packs.oid(BLOB, b"{}")


def needs(db, victim=VICTIM, mode=b"100644", file=b"1.json"):
    table = loose(db.path, TREE, tree([(mode, file, victim)]))
    commit(db.path, loose(db.path, TREE, tree([(b"40000", b"hostile", table)])), db.head)


def build_with(fill, index=None, pack=None):
    def build(db):
        made = Pack()
        fill(made)
        data = made.pack(**(pack or {}))
        write_pack(db.path, data, made.index(data, **(index or {})))
        needs(db)
    return build


def other(number):
    return bytes([number]) * 20


def cycle(made):
    made.ref_delta(VICTIM, other(1), insert(2, b"{}"))
    made.ref_delta(other(1), other(2), insert(2, b"{}"))
    made.ref_delta(other(2), VICTIM, insert(2, b"{}"))


def long_chain(made, links):
    content = b"{}"
    names = [struct.pack(">I", i) + bytes(16) for i in range(links)] + [VICTIM]
    at = made.whole(BLOB, content, name=names[0])
    for name in names[1:]:
        at = made.ofs_delta(name, made.offset - at, insert(2, content))


def growing(made):
    """Each delta copies its base many times: a few bytes that would become terabytes."""
    at, size = made.whole(BLOB, b"x" * 65536, name=other(1)), 65536
    for i in range(2, 10):
        step = min(size, 0xffffff)
        copies = (bytes([0xf0]) + struct.pack("<I", step)[:3]) * 15
        delta = varint(size) + varint(15 * step) + copies
        at = made.ofs_delta(other(i) if i < 9 else VICTIM, made.offset - at, delta)
        size = 15 * step


def good_victim(made):
    made.whole(BLOB, b"{}")


def offsets(values):
    return {"offsets": values}


CRAFTED = [
    ("a good one", build_with(good_victim), 0),
    ("of version 1", build_with(good_victim, {"version": 1}), 0),
    ("a cycle of REF_DELTAs", build_with(cycle)),
    ("a REF_DELTA on itself", build_with(lambda m: m.ref_delta(VICTIM, VICTIM, insert(2, b"{}")))),
    ("a REF_DELTA on nothing", build_with(lambda m: m.ref_delta(VICTIM, other(1), insert(2, b"{}")))),
    ("an OFS_DELTA on itself", build_with(lambda m: m.ofs_delta(VICTIM, 0, insert(2, b"{}")))),
    ("an OFS_DELTA on the header", build_with(lambda m: m.ofs_delta(VICTIM, 5, insert(2, b"{}")))),
    ("an OFS_DELTA far before the pack", build_with(lambda m: m.ofs_delta(VICTIM, 1 << 50, insert(2, b"{}")))),
    ("an OFS_DELTA into an entry", build_with(lambda m: (m.whole(BLOB, b"x" * 50), m.ofs_delta(VICTIM, 3, b"x")))),
    ("a huge size", build_with(lambda m: m.whole(BLOB, b"{}", size=1 << 40))),
    ("a larger size", build_with(lambda m: m.whole(BLOB, b"{}", size=1 << 30))),
    ("a size one too large", build_with(lambda m: m.whole(BLOB, b"{}", size=3))),
    ("a size one too small", build_with(lambda m: m.whole(BLOB, b"{}", size=1))),
    ("a size of endless digits", build_with(lambda m: m.raw(VICTIM, b"\xbf" + b"\xff" * 30))),
    ("a header and no more", build_with(lambda m: m.raw(VICTIM, b"\x32"))),
    ("no type", build_with(lambda m: m.raw(VICTIM, b"\x02" + zlib.compress(b"{}")))),
    ("the reserved type", build_with(lambda m: m.raw(VICTIM, b"\x52" + zlib.compress(b"{}")))),
    ("another content", build_with(lambda m: m.whole(BLOB, b"[]", name=VICTIM))),
    ("another type", build_with(lambda m: m.whole(COMMIT, b"{}", name=VICTIM))),
    ("a delta that copies beyond its base", build_with(lambda m: (
        m.whole(BLOB, b"x" * 50, name=other(1)), m.ref_delta(VICTIM, other(1), varint(50) + b"\x02\x91\x31\x02")))),
    ("a delta of another base", build_with(lambda m: (
        m.whole(BLOB, b"x" * 50, name=other(1)), m.ref_delta(VICTIM, other(1), insert(49, b"{}"))))),
    ("a delta of a huge result", build_with(lambda m: (
        m.whole(BLOB, b"x" * 50, name=other(1)), m.ref_delta(VICTIM, other(1), varint(50) + varint(1 << 45) + b"\x90\x01")))),
    ("a delta of a huge size", build_with(lambda m: (
        m.whole(BLOB, b"x" * 50, name=other(1)), m.ref_delta(VICTIM, other(1), insert(50, b"{}"), size=1 << 40)))),
    ("a delta that is empty", build_with(lambda m: (
        m.whole(BLOB, b"x" * 50, name=other(1)), m.ref_delta(VICTIM, other(1), b"")))),
    ("9,000 deltas", build_with(lambda m: long_chain(m, 9000)), 0),
    ("30,000 deltas", build_with(lambda m: long_chain(m, 30000))),
    ("deltas that grow", build_with(growing)),
    ("an index that points to the header", build_with(good_victim, offsets([0]))),
    ("an index that points into the checksum", build_with(good_victim, offsets([25]))),
    ("an index that points beyond the end", build_with(good_victim, offsets([1 << 30]))),
    ("an index that points into a table it has not", build_with(good_victim, offsets([0x80000000]))),
    ("an index that points far away", build_with(good_victim, dict(offsets([0x80000000]), large=b"\xff" * 8))),
    ("an index that uses the table", build_with(good_victim, dict(offsets([0x80000000]), large=bytes(7) + b"\x0c")), 0),
    ("a fanout that falls", build_with(good_victim, {"fanout": [1] * 128 + [0] * 127 + [1]})),
    ("a fanout of too many", build_with(good_victim, {"fanout": [0xffffffff] * 256})),
    ("a fanout of none", build_with(good_victim, {"fanout": [0] * 256})),
    ("no objects", build_with(lambda m: None)),
    ("an unknown version", build_with(good_victim, None, {"version": 9})),
    ("an index of an unknown version", build_with(good_victim, {"version": 3})),
    ("another count", build_with(good_victim, None, {"count": 7})),
]


def file_cases():
    def without(*suffixes):
        def build(db):
            build_with(good_victim)(db)
            for suffix in suffixes:
                os.unlink(db.path + "/objects/pack/pack-%s%s" % ("a" * 40, suffix))
        return build

    def replaced(suffix, how):
        def build(db):
            build_with(good_victim)(db)
            file = db.path + "/objects/pack/pack-%s%s" % ("a" * 40, suffix)
            os.unlink(file)
            how(file)
        return build

    return [
        ("no pack", without(".pack"), 7), ("no index", without(".idx"), 7),
        ("an empty pack", replaced(".pack", lambda f: open(f, "wb").close()), 7),
        ("an empty index", replaced(".idx", lambda f: open(f, "wb").close()), 7),
        ("a directory in the pack's place", replaced(".pack", os.mkdir), 7),
        ("a directory in the index's place", replaced(".idx", os.mkdir), 7),
        ("a pipe in the pack's place", replaced(".pack", os.mkfifo), 7),
        ("a pipe in the index's place", replaced(".idx", os.mkfifo), 7),
    ]


def deep_trees(levels):
    """A tree of so many levels, in a pack, each a delta on the one below where that is one."""
    def build(db):
        made = Pack()
        oid, content = None, tree([(b"100644", b"1.json", VICTIM)])
        made.whole(BLOB, b"{}")
        for _ in range(levels):
            oid = packs.oid(TREE, content)
            made.whole(TREE, content)
            content = tree([(b"40000", b"0", oid)])
        data = made.pack()
        write_pack(db.path, data, made.index(data))
        commit(db.path, loose(db.path, TREE, tree([(b"40000", b"hostile", oid)])))
    return build


def modes(db):
    """Links and submodules, packed."""
    made = Pack()
    made.whole(BLOB, b"{}")
    content = tree([(b"120000", b"1.json", VICTIM), (b"160000", b"2.json", other(7)), (b"160000", b"a", other(8)),
                    (b"100644", b"ok.json", VICTIM)])
    made.whole(TREE, content)
    data = made.pack()
    write_pack(db.path, data, made.index(data))
    commit(db.path, loose(db.path, TREE, tree([(b"40000", b"hostile", packs.oid(TREE, content))])), db.head)
    result = db.ok("list", "hostile:", "--keys")
    expect(result.out == b'{"key":"hostile:ok"}\n', lambda: "%s" % result)


def beside_damage(templates):
    """A damaged copy beside a good one: the good one is found, and gc keeps it."""
    db = templates.copy()
    names = git(db.path, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    made = Pack()
    for name in names:
        made.whole(BLOB, b"nonsense", name=bytes.fromhex(name))
    data = made.pack()
    write_pack(db.path, data, made.index(data))
    for args in list(COMMANDS[:6]) + [["gc"]] + list(COMMANDS[:6]):
        result = db.run(*args)
        expect(result.code == 0, lambda: "beside damage: %s" % result)
        if args[0] != "gc":
            expect(result.out == templates.answers[tuple(args)], lambda: "a wrong answer beside damage: %s" % result)
    shutil.rmtree(db.path)


def test(scratch, rng):
    templates = Templates(scratch)
    cases = [(c + (7,))[:3] for c in CRAFTED] + file_cases()
    cases += [("10,000 levels", deep_trees(10000), 1), ("links and submodules", modes, 1)]
    jobs = [lambda c=case: crafted(templates, *c) for case in cases]
    jobs += [lambda: beside_damage(templates)]
    jobs += [lambda s=rng.getrandbits(32): mutation(templates, s) for _ in range(MUTATIONS)]
    crash.parallel(jobs, WORKERS)
    return "%d packs made by hand, %d mutations: every command ended well" % (len(cases) + 1, MUTATIONS)


crash.main(test)
