# SPDX-License-Identifier: MIT
"""Reads where nothing can be written: a read-only file system, another user, after a crash, after a boot. They work, show
all that was acknowledged, and write nothing."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import EXIT, Db, expect, listing, put, run

NOBODY = 65534
KEYS = ["a", "user:1", "user:2"]


def can_mount():
    return os.geteuid() == 0 and run(["unshare", "-m", "true"]).code == 0 if shutil.which("unshare") else False


class Place:
    """A way of running a command so that it cannot write to the database."""

    def __init__(self, name, run_in):
        self.name, self.run = name, run_in


def on_read_only_mount(db, *args):
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    return run(["unshare", "-m", "sh", "-c", script, db.path, *db.command(*args)], env=db.env)


def as_nobody(db, *args):
    def become_nobody():
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    return run(db.command(*args), env=db.env, preexec_fn=become_nobody, cwd="/")


def by_mode(db, *args):
    return run(db.command(*args), env=db.env)


def places():
    """Each has a reason why it may not be possible here."""
    found, missing = [], []
    if can_mount():
        found.append(Place("on a read-only file system", on_read_only_mount))
    else:
        missing.append("read-only file system: may not mount")
    if os.geteuid() == 0:
        found.append(Place("as another user", as_nobody))
    else:
        found.append(Place("without write permission", by_mode))
        missing.append("another user: not root")
    return found, missing


def set_writable(path, writable):
    for folder, folders, files in os.walk(path):
        for name in ["."] + folders + files:
            file = os.path.join(folder, name)
            mode = os.stat(file).st_mode & 0o7777
            os.chmod(file, mode | 0o200 if writable else (mode | 0o444) & ~0o222)


# ---- states ----------------------------------------------------------------------------------------------------------


def fill(db):
    for i in range(20):
        db.must_write(put("user:%d" % i, {"n": i}))
    db.must_write(put("a", {"text": "first"}))
    db.must_write(put("a", {"text": "second"}))
    db.must_write(put("user:1", {"n": "changed"}))


def clean(db):
    fill(db)


def died_before(db):
    """A write that died after its commit point: it may count or not, all before it does."""
    fill(db)
    died = db.run("put", "pending", "1", fault="journal-synced")
    expect(died.killed, "a put does not reach journal-synced: %s" % died)


def died_after(db):
    """It died, and then the machine was booted."""
    died_before(db)
    db.reboot()


def booted(db):
    fill(db)
    db.reboot()


def power_cut(db):
    """A boot, and all that only the journal had made durable is gone: the branch and the loose objects are empty files."""
    fill(db)
    db.reboot()
    for path in crash.loose_objects(db.path) + [os.path.join(db.path, "refs/heads/main")]:
        os.chmod(path, 0o644)
        with open(path, "wb"):
            pass


def emptied_and_gone(db):
    fill(db)
    db.reboot()
    for path in crash.loose_objects(db.path) + [os.path.join(db.path, "refs/heads/main")]:
        os.remove(path)


STATES = [clean, died_before, died_after, booted, power_cut, emptied_and_gone]


# ---- reading ---------------------------------------------------------------------------------------------------------


def check_reads(place, state, db):
    what = "%s, %s" % (place.name, state.__name__.replace("_", " "))

    def read(*args, code=0):
        result = place.run(db, *args)
        expect(result.code == code, "%s: %s" % (what, result))
        expect(code != 0 or b"safe.directory" not in result.err and b"dubious" not in result.err,
               "%s: a question of ownership: %s" % (what, result))
        return result.out

    lines = read("list").splitlines()
    found = {record["key"]: record["value"] for record in map(crash.json.loads, lines)}
    if found.get("pending") == 1:
        found.pop("pending")
        more = 1
    else:
        more = 0
    expect(found == db.values, "%s: acknowledged documents are not shown: %s"
           % (what, crash.difference(db.values, found, "")))
    expect(read("get", "a") == b'{"text": "second"}\n', "%s: get a is wrong" % what)
    read("get", "nothing", code=EXIT["not_found"])
    expect(b'"count":%d' % (len(found) + more) in read("count"), "%s: count is wrong" % what)
    expect(b'"table":"user","count":20' in read("tables") or b'"user"' in read("tables"), "%s: tables is wrong" % what)
    read("exists", "a")
    expect(read("history", "a").count(b"\n") == 2, "%s: history is wrong" % what)
    commits = len(read("log").splitlines())
    expect(commits == 23 + more, "%s: log shows %d commits" % (what, commits))
    expect(read("at", db.commits[-3], "user:1") == b'{"n": 1}\n', "%s: at is wrong" % what)
    expect(read("diff", db.commits[-3], "now", "--", "a").count(b"\n") == 1, "%s: diff is wrong" % what)
    read("info")
    return 12


def check_write(place, state, db):
    """A write says why it cannot."""
    result = place.run(db, "put", "b", "1")
    expect(result.code == EXIT["system"] and not result.out and result.err.count(b"\n") == 1,
           "put %s, %s: %s" % (place.name, state.__name__, result))
    expect(b"Read-only file system" in result.err or b"Permission denied" in result.err,
           "put %s does not say the cause: %s" % (place.name, result))


def check(scratch, place, state):
    db = Db(scratch.new())
    state(db)
    # What mode bits alone forbid, they must not forbid the reads of.
    if place.run is not on_read_only_mount:
        set_writable(db.path, False)
    before = listing(db.path)
    reads = check_reads(place, state, db)
    check_write(place, state, db)
    after = listing(db.path)
    changed = [name for name in sorted(set(before) | set(after)) if before.get(name) != after.get(name)]
    expect(not changed, "%s, %s: reads changed %s" % (place.name, state.__name__, changed[:5]))
    set_writable(db.path, True)
    found = db.read()  # writable again: recovered, and the same
    found.pop("pending", None)
    db.values = dict(db.values)
    expect(found == db.values, "writable again, %s: %s" % (state.__name__, crash.difference(db.values, found, "")))
    pending = db.run("get", "pending")
    if pending.code == 0:
        db.values["pending"] = 1
    db.must_write(put("b", 2))
    db.check()
    return reads


def test(scratch, _):
    found, missing = places()
    reads = crash.parallel([lambda p=p, s=s: check(scratch, p, s) for p in found for s in STATES], 2)
    summary = "%d reads %s" % (sum(reads), " and ".join(place.name for place in found))
    return summary + "".join("; not tested: " + text for text in missing)


crash.main(test)
