# SPDX-License-Identifier: MIT
"""verify finds whatever is damaged in the repository's own files, unless it does no harm: then git finds nothing either,
and every version of every document reads as before. It finds nothing in sound databases: where writers and maintenance
died, beside those that live, on a disk that cannot be written; and it never writes.

40 damages at random; CHRONDB_TEST_LONG=1: 1,000; CHRONDB_TEST_DAMAGES: so many."""
import json
import os
import random
import shutil
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, batch, delete, expect, git, put

WORKERS = 4
DAMAGES = crash.often("DAMAGES", 40, 1000)
# Derived; what no command works without; of no content, or nobody's.
SKIPPED = ("chrondb/index/", "chrondb/format", "hooks/", "description", "info/", "chrondb/lock", "chrondb/maintenance.lock")


def findings(result, codes=(0, 7)):
    expect(result.code in codes, lambda: "%s" % result)
    records = [json.loads(line) for line in result.out.splitlines()]
    for record in records:
        expect(list(record) == ["kind", "severity", "ref", "commit", "path", "key", "object", "message"],
               "a finding is %s" % record)
    errors = sum(record["severity"] == "error" for record in records)
    expect((result.code == 7) == (errors > 0), lambda: "%d errors, %s" % (errors, result))
    return records


def sound(db, what, *options, **more):
    found = findings(db.run("verify", *options, **more))
    expect(not found, lambda: "%s: %s" % (what, found[:3]))


# ---- damage ----------------------------------------------------------------------------------------------------------


def template(scratch, rng, packed):
    db = Db(scratch.new())
    for i in range(8):
        db.must_write(put("user:%d" % (i % 5), {"n": i, "text": crash.noise(rng, 40)}))
    db.must_write(delete("user:3"))
    db.must_write(batch({"order:%d" % i: {"total": i} for i in range(70)}))
    db.ok("branch", "side")
    db.ok("-b", "side", "put", "user:9", "9")
    db.ok("tag", "v1")
    git(db.path, "tag", "-a", "-m", "of git", "v2", "main")
    if packed:
        db.ok("gc")
        db.must_write(put("user:1", "after"))
    return db


def everything(db):
    """All that there is to read."""
    found = []
    for args in (["export", "--history"], ["list"], ["list", "--at", "v1"], ["-b", "side", "list"], ["branch"], ["tag"]):
        result = db.run(*args)
        found.append((result.code, result.out))
    found.append(git(db.path, "for-each-ref", check=False).out)
    return found


def files(path):
    found = []
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.path.relpath(os.path.join(folder, name), path)
            if not file.startswith(SKIPPED) and os.path.getsize(os.path.join(path, file)) > 0:
                found.append(file)
    return sorted(found)


def damage(rng, path):
    os.chmod(path, 0o644)
    with open(path, "rb") as file:
        data = bytearray(file.read())
    at = rng.randrange(len(data))
    how = rng.choice(["flip", "flip", "flip", "byte", "cut", "zeros", "longer"])
    if how == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif how == "byte":
        data[at] = rng.randrange(256)
    elif how == "cut":
        del data[at:]
    elif how == "zeros":
        data[at:at + 64] = bytes(len(data[at:at + 64]))
    else:
        data += rng.randbytes(9)
    with open(path, "wb") as file:
        file.write(data)
    return "%s at %d" % (how, at)


def is_harmless(db, before, name):
    if name == "packed-refs" and git(db.path, "for-each-ref", check=False).out != before[-1]:
        return True  # nobody can tell that a branch had another name, or none
    result = git(db.path, "fsck", "--full", "--no-dangling", "--no-progress", check=False)
    return result.code == 0 and not result.err and everything(db) == before


def damaged(scratch, origin, before, seed):
    rng = random.Random(seed)
    db = Db(scratch.new("damaged", scratch.in_memory()))
    crash.copy_database(origin.path, db.path)
    name = rng.choice(files(db.path))
    what = "%s, %s, seed %d" % (name, damage(rng, os.path.join(db.path, name)), seed)
    findings(db.run("verify"))
    found = findings(db.run("verify", "--full"))
    expect(found or is_harmless(db, before, name), lambda: "%s: nothing was found" % what)
    shutil.rmtree(db.path)


def damaged_index(scratch, origin, before, seed):
    """It is derived: verify tells of it, or nothing comes of it."""
    rng = random.Random(seed)
    db = Db(scratch.new("damaged", scratch.in_memory()))
    crash.copy_database(origin.path, db.path)
    index = os.path.join(db.path, "chrondb/index")
    name = rng.choice([name for name in sorted(os.listdir(index)) if os.path.getsize(os.path.join(index, name)) > 0])
    what = "%s, %s, seed %d" % (name, damage(rng, os.path.join(index, name)), seed)
    found = findings(db.run("verify", "--full"))
    expect(all(record["kind"] == "index" for record in found), lambda: "%s: %s" % (what, found[:3]))
    expect(everything(db) == before, "%s: something reads otherwise" % what)
    shutil.rmtree(db.path)


# ---- sound databases -------------------------------------------------------------------------------------------------


def killed(scratch, origin, point, operation):
    """Verify is the first to come behind the dead."""
    db = Db(scratch.new("killed", scratch.in_memory()))
    crash.copy_database(origin.path, db.path)
    db.run(*operation, fault=point, stdin=b'{"key":"k:1","value":1}\n' if operation[0] == "import" else b"")
    sound(db, "killed at %s in %s" % (point, operation[0]), "--full")
    shutil.rmtree(db.path)


def beside(scratch, origin):
    """Writers and maintenance go on."""
    db = Db(scratch.new("beside"))
    crash.copy_database(origin.path, db.path)
    go_on = threading.Event()
    problems = []

    def loop(commands):
        number = 0
        while not go_on.is_set():
            number += 1
            result = db.run(*[part % number if "%d" in part else part for part in commands[number % len(commands)]])
            if result.code not in (0, 1, 5):
                problems.append("%s" % result)
                return

    loops = [threading.Thread(target=loop, args=(commands,)) for commands in (
        [["put", "user:%d", '{"n":%d}'], ["delete", "user:%d", "--if-exists"], ["-b", "side", "put", "order:%d", "%d"]],
        [["gc"], ["reindex"], ["tag", "t%d"], ["search", "n:1"]])]
    for thread in loops:
        thread.start()
    try:
        for i in range(4 if crash.SLOW else 12):
            sound(db, "beside writers and gc", *(["--full"] if i % 2 else []))
    finally:
        go_on.set()
        for thread in loops:
            thread.join()
    expect(not problems, lambda: problems[0])


def read_only(scratch, origin):
    """Nothing is written, also not where it could be."""
    db = Db(scratch.new("quiet"))
    crash.copy_database(origin.path, db.path)
    before = crash.listing(db.path)
    sound(db, "at rest", "--full")
    expect(crash.listing(db.path) == before, "verify has written")
    if not crash.can_be_nobody():
        return
    result = db.run("put", "user:1", "1", fault="journal-synced")
    expect(result.killed, "not killed: %s" % result)
    for folder, folders, names in os.walk(db.path):
        os.chmod(folder, 0o555)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o444)
    found = findings(crash.as_nobody(db, "verify", "--full"))
    expect(not found, lambda: "read-only: %s" % found[:3])


def without_index(scratch, origin):
    db = Db(scratch.new("behind"))
    crash.copy_database(origin.path, db.path)
    index = os.path.join(db.path, "chrondb/index")
    crash.push(db, "user:77", {"n": 77})  # git tells no index
    sound(db, "with an index that is behind", "--full")
    shutil.rmtree(index)
    sound(db, "without an index", "--full")


def test(scratch, rng):
    loose, packed = template(scratch, rng, False), template(scratch, rng, True)
    seed = lambda: rng.getrandbits(32)
    before = {origin: everything(origin) for origin in (loose, packed)}
    for origin in (loose, packed):
        sound(origin, "as it was made", "--full")
        sound(origin, "as it was made")
    jobs = []
    for i in range(DAMAGES):
        origin = (loose, packed)[i % 2]
        jobs += [lambda o=origin, s=seed(): damaged(scratch, o, before[o], s)]
        if i % 4 == 0:
            jobs += [lambda o=packed, s=seed(): damaged_index(scratch, o, before[o], s)]
    for point in crash.fault_names():
        operation = ("put", "user:2", "2")
        if point.startswith(("checkpoint", "pack", "rewrite", "repack", "gc", "maintenance")):
            operation = ("gc",)
        elif point.startswith("import"):
            operation = ("import",)
        jobs += [lambda p=point, o=operation: killed(scratch, packed, p, o)]
    jobs += [lambda: read_only(scratch, packed), lambda: without_index(scratch, packed)]
    crash.parallel(jobs, WORKERS)
    beside(scratch, packed)
    return "%d damages found or harmless, nothing found in sound databases" % DAMAGES


crash.main(test)
