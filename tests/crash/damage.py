# SPDX-License-Identifier: MIT
"""Our own files damaged, removed, put back from a backup, copied: while the database is at rest, beside a writer that
died, and while a half of the journal waits for its checkpoint. The files of the repository are whole, so nothing may be
missing, and what is written next must be as safe as ever (power.py goes on from here)."""
import os
import random
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, delete, expect, git, put

WORKERS = 4


# ---- what can happen to a file ---------------------------------------------------------------------------------------


def remove(path, _):
    os.unlink(path)


def empty(path, _):
    os.truncate(path, 0)


def cut_short(path, rng):
    os.truncate(path, rng.randrange(os.path.getsize(path)))


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def garbage(path, rng):
    size = os.path.getsize(path)
    with open(path, "wb") as file:
        file.write(rng.randbytes(size))


def zeros(path, _):
    size = os.path.getsize(path)
    with open(path, "wb") as file:
        file.write(bytes(size))


def records(path):
    """Where the journal's records begin, both halves."""
    with open(path, "rb") as file:
        data = file.read()
    found = []
    for half in (0, crash.JOURNAL_HALF):
        at = half
        while data[at:at + 4] == b"CDBR":
            found.append(at)
            at += int.from_bytes(data[at + 4:at + 8], "little")
    return found


def flip_record(which, offset):
    def damage(path, rng):
        places = records(path)
        flip(path, places[which if which is not None else rng.randrange(len(places))] + offset)
    damage.__name__ = "flip_record_%s_%d" % (which, offset)
    return damage


JOURNAL = [remove, empty, cut_short, garbage, zeros, flip_record(0, 9), flip_record(0, 60), flip_record(-1, 9),
           flip_record(-1, 60), flip_record(None, 20), flip_record(None, 70)]
STATE = [remove, empty, cut_short, garbage, zeros, lambda path, rng: flip(path, rng.randrange(os.path.getsize(path)))]


# ---- in which situation ----------------------------------------------------------------------------------------------


class Templates:
    def __init__(self, scratch, rng):
        self.scratch = scratch
        rest = self.at_rest = Db(scratch.new())
        for i in range(12):
            rest.must_write(put("k:%d" % i, {"n": i}))
        rest.must_write(delete("k:3"))
        self.pending = Db(scratch.new())
        self.pending.must_write(put("k:1", 1))
        crash.fill_half(scratch, self.pending, lambda: put("large", crash.noise(rng, 560000)))
        result = self.pending.write(put("large", crash.noise(rng, 560000)), fault="checkpoint-packed")
        expect(result.killed, "no checkpoint to kill: %s" % result)

    def copy(self, template):
        db = Db(self.scratch.new())
        crash.copy_database(template.path, db.path)
        db.values, db.commits = dict(template.values), list(template.commits)
        return db


def go_on(db, what):
    """Everything is there; writes work; they are found again by a recovery that trusts nothing."""
    try:
        db.check_values()
        for i in range(2):
            db.must_write(put("k:%d" % (20 + i), what))
        db.reboot()  # the journal is read anew; the files are all there, but it decides about the branch
        db.check_values()
        db.must_write(put("k:30", what))
        db.check()
    except crash.Failure as failure:
        crash.fail("%s: %s" % (what, failure))
    shutil.rmtree(db.path)


def damaged(templates, template, name, damage, seed):
    rng = random.Random(seed)
    db = templates.copy(template)
    damage(os.path.join(db.path, name), rng)
    go_on(db, "%s: %s, seed %d" % (name, damage.__name__, seed))


def damaged_and_dead(templates, name, damage, point, seed):
    """The writer died, and its file is damaged before anybody has looked: its write may be there or not."""
    rng = random.Random(seed)
    db = templates.copy(templates.at_rest)
    operation = put("k:2", "by the dead")
    result = db.write(operation, fault=point)
    expect(result.killed, "not killed at %s: %s" % (point, result))
    damage(os.path.join(db.path, name), rng)
    what = "killed at %s, %s: %s, seed %d" % (point, name, damage.__name__, seed)
    lock = os.path.join(db.path, "refs/heads/main.lock")
    try:
        if rng.randrange(2):
            db.check_values(operation)
        db.must_write(put("k:40", 1), limit=crash.LIMIT + 15)
        del db.values["k:40"]
        found = db.read()
        expect(found.pop("k:40", None) == 1, "the next write is not there")
        db.check_values(operation, found)
        db.values["k:40"] = 1
    except crash.Failure as failure:
        crash.fail("%s: %s" % (what, failure))
    expect(not os.path.exists(lock), "%s: the dead writer's lock is still there" % what)
    go_on(db, what)


def wait_for_no_checkpoint(templates, damage, seed):
    """The half that waits is damaged: its checkpoint must end all the same, or writers would wait for ever."""
    rng = random.Random(seed)
    db = templates.copy(templates.pending)
    damage(os.path.join(db.path, "chrondb/journal"), rng)
    for i in range(12):
        db.must_write(put("large", crash.noise(rng, 560000)))
    found = db.run("verify")  # it has healed the journal
    expect(found.code == 0, "after the checkpoint: %s" % found)
    go_on(db, "a checkpoint is due, %s, seed %d" % (damage.__name__, seed))


# ---- backups and copies ----------------------------------------------------------------------------------------------


def old_file_back(templates, name, same_boot):
    """A file of ours from before the last writes comes back: from a backup, or from a disk that was away."""
    db = templates.copy(templates.at_rest)
    path = os.path.join(db.path, name)
    shutil.copy2(path, path + ".old")
    for i in range(5):
        db.must_write(put("k:%d" % i, "after the backup"))
    os.rename(path + ".old", path)
    if not same_boot:
        db.reboot()
    go_on(db, "an old %s" % name)


def state_of_another(templates):
    db = templates.copy(templates.at_rest)
    other = Db(templates.scratch.new())
    for i in range(30):
        other.must_write(put("other:%d" % i, i))
    shutil.copy2(os.path.join(other.path, "chrondb/state"), os.path.join(db.path, "chrondb/state"))
    go_on(db, "the state of another database")


def copies(templates, links):
    """Two databases that once were one go their own ways; also when the original's writer is dead."""
    for point in (None, "ref-lock-written", "journal-synced", "ref-renamed"):
        origin = templates.copy(templates.at_rest)
        operation = put("k:2", "by the dead")
        if point is not None:
            origin.write(operation, fault=point)
        copy = Db(templates.scratch.new())
        if links:
            crash.copy_database(origin.path, copy.path)
        else:
            shutil.copytree(origin.path, copy.path)
            # As cp -r would leave it, and later: a lock that is no link of ours any more is as good as git's.
            lock = os.path.join(copy.path, "refs/heads/main.lock")
            if os.path.exists(lock):
                os.utime(lock, (0, 0))
        copy.values, copy.commits = dict(origin.values), list(origin.commits)
        for db, text in ((copy, "the copy"), (origin, "the origin")):
            db.check_values(operation)
            db.must_write(put("k:5", text))
            go_on(db, "%s, killed at %s" % (text, point))


def without_format(templates, names):
    """No database any more, but never made anew: it can be adopted again, with all that it has."""
    db = templates.copy(templates.at_rest)
    for name in names:
        path = os.path.join(db.path, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    result = db.run("put", "k:1", "1")
    expect(result.code == 6, lambda: "without %s: %s" % (names, result))
    db.ok("init", "--adopt")
    go_on(db, "without %s" % (names,))


def branch_emptied(templates, content):
    """The file of the branch is damaged, without a boot: the journal knows it."""
    db = templates.copy(templates.at_rest)
    with open(os.path.join(db.path, "refs/heads/main"), "wb") as file:
        file.write(content)
    go_on(db, "the branch is %r" % content)


def test(scratch, rng):
    templates = Templates(scratch, rng)
    seed = lambda: rng.getrandbits(32)
    jobs = []
    for name, damages in (("chrondb/journal", JOURNAL), ("chrondb/state", STATE)):
        for damage in damages:
            jobs += [lambda n=name, d=damage, s=seed(): damaged(templates, templates.at_rest, n, d, s)]
            if name == "chrondb/journal":
                jobs += [lambda n=name, d=damage, s=seed(): damaged(templates, templates.pending, n, d, s)]
            jobs += [lambda n=name, d=damage, p=point, s=seed(): damaged_and_dead(templates, n, d, p, s)
                     for point in ("in-progress", "ref-lock-written", "journal-synced", "ref-renamed")]
    jobs += [lambda d=damage, s=seed(): wait_for_no_checkpoint(templates, d, s)
             for damage in (remove, flip_record(0, 9), flip_record(3, 20), zeros)]
    jobs += [lambda n=name, b=same: old_file_back(templates, n, b)
             for name in ("chrondb/state", "chrondb/journal") for same in (True, False)]
    jobs += [lambda: state_of_another(templates)]
    jobs += [lambda: copies(templates, True), lambda: copies(templates, False)]
    jobs += [lambda n=names: without_format(templates, n) for names in (["chrondb/format"], ["chrondb"])]
    jobs += [lambda c=content: branch_emptied(templates, c) for content in (b"", b"\0" * 41, b"0123")]
    crash.parallel(jobs, WORKERS)
    return "%d ways to damage, lose, exchange or copy our own files: nothing missing" % len(jobs)


crash.main(test)
