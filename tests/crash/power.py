# SPDX-License-Identifier: MIT
"""Power cuts. What real commands do is recorded, call by call; from that the directories are built that a file system may
leave when the power goes at any moment (support/disk.py). Each is then opened as after a boot, in many of them after plain
git has pushed first: every acknowledged write is there, nothing is half there, the next write works, git fsck is clean.

CHRONDB_TEST_LONG=1: all states that one put may leave, if the file system keeps the order of names, and many others; else
random ones, half as many. CHRONDB_TEST_SAMPLES, in percent (20; 400 if it is to be long): how many."""
import os
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
import disk
from crash import Db, batch, delete, expect, fail, git, patch, put

WORKERS = 4
SAMPLES = crash.often("SAMPLES", 20, 400) / 100
AN_HOUR = 3600
DAMAGES = ("journal removed", "journal cut short", "journal overwritten", "state removed", "old state")
OTHERS = int(12 * SAMPLES) or 1  # states a moment, where names became durable in another order than they were made


# ---- recording -------------------------------------------------------------------------------------------------------


class Recording:
    """Steps on a database, recorded; a step is a dictionary of what it changes, None for one that is git's."""

    def __init__(self, scratch, name, path="db"):
        self.name = name
        self.root = scratch.new("disk")
        os.mkdir(self.root)
        self.db = Db(os.path.join(self.root, path))
        self.path = path
        self.steps = []   # (changes, is ours, dies)
        self.commits = {}  # step -> the acknowledged commit
        self.named = []    # the refs but for main, before the first step and after each, where they matter
        self.disk, self.first = None, 0

    def start(self):
        """What happened so far is durable."""
        self.before, self.before_commits = dict(self.db.values), list(self.db.commits)
        self.disk = disk.Disk(self.root)
        return self

    def step(self, operation, fault=None):
        env = dict(self.db.env, **({"CHRONDB_TEST_FAULT": fault} if fault else {}))
        number = len(self.steps)
        self.steps.append((operation.after, True, fault is not None))
        self.disk.mark(("start", number))
        result = self.disk.record(self.db.command(*operation.args), stdin=operation.stdin, env=env)
        expect(result.code == 0 or (fault and result.killed), lambda: "%s: %s" % (self.name, result))
        if result.code == 0:
            count = len(self.db.commits)
            self.db.note_commit(result)
            self.commits[number] = self.db.commits[count:]
        self.disk.mark(("end", number))

    def push(self, key, value):
        """A push of plain git, from a clone."""
        clone = self.root + ".clone"
        git(self.db.path, "clone", "-q", self.db.path, clone, cwd=self.root + "/..")
        file = os.path.join(clone, key.replace(":", "/") + ".json")
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "w", encoding="utf-8") as out:
            out.write(crash.json.dumps(value))
        for command in (["add", "-A"], ["commit", "-q", "-m", "pushed"]):
            expect(crash.run(["git", "-C", clone, *command]).code == 0, "git %s" % command)
        number = len(self.steps)
        self.steps.append(({key: value}, False, False))
        self.disk.mark(("start", number))
        result = self.disk.record(["git", "-C", clone, "push", "-q", "origin", "main"])
        expect(result.code == 0, lambda: "git push: %s" % result)
        self.disk.mark(("end", number))
        shutil.rmtree(clone)

    def bounds(self, moment):
        """The least and the most steps that may be there."""
        started = least = 0
        for op in self.disk.ops[:moment]:
            if op[0] == "mark" and op[1][0] == "start":
                started = op[1][1] + 1
            elif op[0] == "mark" and op[1] == "output" and self.steps[started - 1][1]:
                least = started
        return least, started

    def acceptable(self, moment):
        """What the documents may be, and the commits that must be there."""
        least, started = self.bounds(moment)
        states = [dict(self.before)]
        for number in range(started):
            changes, _, dead = self.steps[number]
            after = [dict(values, **changes) for values in states]
            states = after + states if dead or number >= least else after
        commits = self.before_commits + [c for n in range(least) for c in self.commits.get(n, ())]
        return states, commits

    def moments(self):
        """Between any two calls."""
        ops = self.disk.ops
        return [n for n in range(self.first, len(ops) + 1) if n == len(ops) or ops[n][0] != "mark" or ops[n][1] == "output"]


# ---- looking ---------------------------------------------------------------------------------------------------------


class Judge:
    """Opens states, each once: with the most that was acknowledged by then."""

    def __init__(self, scratch):
        self.scratch, self.mutex = scratch, threading.Lock()
        self.count = {}
        self.pushed = self.read_only = 0

    def judge(self, recording, cut, state, seed):
        rng = random.Random(seed)
        path = self.scratch.new("state", self.scratch.in_memory())
        os.mkdir(path)
        try:
            state.build(path, time.time() - AN_HOUR)
            if os.environ.get("CHRONDB_TEST_KEEP"):
                crash.copy_database(path, path + ".before")
            self.look(recording, cut, path, rng)
        except crash.Failure as failure:
            kept = " (kept: %s)" % path if os.environ.get("CHRONDB_TEST_KEEP") else ""
            fail("%s, power cut at call %d of %d, seed %d%s: %s" % (
                recording.name, cut.moment, len(recording.disk.ops), seed, kept, failure))
        shutil.rmtree(path)
        with self.mutex:
            self.count[recording.name] = self.count.get(recording.name, 0) + 1

    def look(self, recording, cut, path, rng):
        states, commits = recording.acceptable(cut.moment)
        db = Db(os.path.join(path, recording.path))
        db.reboot()
        db.commits = list(commits)
        pushed = {}
        if rng.random() < 0.25:
            pushed = push_first(db, rng)
            with self.mutex:
                self.pushed += len(pushed) > 0
        if commits and rng.random() < 0.15:
            self.look_read_only(db, path, states, pushed)
        found, notes = None, b""
        if rng.random() < 0.5:  # the first command is a read
            result = db.run("-v", "list")
            notes += result.err
            if result.code == 6 and not commits and not pushed:
                found = {}
            else:
                expect(result.code == 0, lambda: "the first read: %s" % result)
                found = {r["key"]: r["value"] for r in map(crash.json.loads, result.out.splitlines())}
        operation = put("z:after", 1)
        operation.args = ["-v", *operation.args]
        result = db.write(operation)
        notes += result.err
        expect(result.code == 0, lambda: "the first write: %s" % result)
        after = db.read()
        if found is not None:
            expect(after == dict(found, **{"z:after": 1}), "a read and a write recover differently")
        del after["z:after"]
        if not any(db.matches(after, dict(values, **pushed)) for values in states):
            fail("lost or half there: %s; told: %s" % (
                crash.difference(dict(states[0], **pushed), after, ""), notes.decode()))
        db.check_history()
        crash.fsck(db.path)
        refs = getattr(recording, "refs", None)
        expect(refs is None or git(db.path, "show-ref", "side", "a/b", "one") == refs, "refs changed")
        if recording.named:
            least, most = recording.bounds(cut.moment)
            expect(named(db) in recording.named[least:most + 1],
                   lambda: "refs are %s, not %s; told: %s" % (named(db), recording.named[least], notes.decode()))

    def look_read_only(self, db, path, states, pushed):
        """Who may not write reads through the journal."""
        if os.getuid() != 0 or not crash.can_be_nobody():
            return
        before = crash.listing(path)
        result = crash.as_nobody(db, "list")
        if result.code == 0:
            found = {r["key"]: r["value"] for r in map(crash.json.loads, result.out.splitlines())}
            # What git has pushed on top of an older state is not merged before somebody may write.
            possible = [dict(values, **more) for values in states for more in (pushed, {})]
            for values in possible:
                if values.get("cut:pushed") is not None and "cut:pushed" not in found:
                    del values["cut:pushed"]
            expect(any(db.matches(found, values) for values in possible),
                   lambda: "read-only, lost: %s" % crash.difference(possible[0], found, ""))
        else:
            fail("read-only: %s" % result)
        expect(crash.listing(path) == before, "a read of somebody who may not write has written")
        with self.mutex:
            self.read_only += 1


def named(db):
    refs = git(db.path, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    return [ref for ref in refs if not ref.endswith(" refs/heads/main")]


def push_first(db, rng):
    """What git can do with what the cut left, before chrondb has seen it."""
    if git(db.path, "pack-objects", "--revs", "--stdout", "-q", stdin=b"refs/heads/main\n", check=False).code != 0:
        return {}  # nobody pushes onto what he could not fetch
    key = rng.choice(["cut:pushed", "ka:1"])
    # Not a value that was pushed before: git takes an empty file that bears the object's name for the object.
    return {key: "after the cut"} if crash.push(db, key, "after the cut") else {}


# ---- the recordings --------------------------------------------------------------------------------------------------


def base(scratch, name, documents=3):
    recording = Recording(scratch, name)
    for i in range(documents):
        recording.db.must_write(put("ka:%d" % i, {"n": i}))
    return recording


def record_creation(scratch):
    recording = Recording(scratch, "creation", "new/folder/db").start()
    recording.step(put("ka:1", 1))
    recording.step(put("ka:2", 2))
    return recording


def record_creation_in_place(scratch):
    recording = Recording(scratch, "creation in place")
    os.mkdir(recording.db.path)
    recording.start()
    recording.step(put("ka:1", 1))
    recording.step(put("ka:2", 2))
    return recording


def record_put(scratch):
    recording = base(scratch, "put").start()
    recording.step(put("ka:9", {"new": True}))
    return recording


def record_writes(scratch):
    recording = base(scratch, "writes").start()
    values = dict(recording.before)
    for operation in (put("ka:1", "x"), put("kb:1", "y"), delete("ka:2"), put("ka:1", {"n": 1}), put("ka:1", "x"),
                      batch({"kc:%d" % i: i for i in range(70)}), put("kb:2", "z")):
        recording.step(operation)
        values.update(operation.after)
    recording.step(patch({"ka:0": {"n": 0}}, "ka:0", {"m": 1}))
    return recording


def record_large(scratch, rng):
    recording = base(scratch, "large batch").start()
    recording.step(put("kb:1", 1))
    recording.step(batch({"l:%d" % i: crash.noise(rng, 440000) for i in range(4)}))
    recording.step(put("kb:2", 2))
    return recording


def record_checkpoint(scratch, rng):
    recording = base(scratch, "checkpoint")
    db = recording.db
    for i in range(5):
        db.must_write(put("kp:%d" % i, i))
        crash.pack(db)
    crash.fill_half(scratch, db, lambda: put("kb:0", crash.noise(rng, 560000)))
    recording.start()
    recording.step(put("kb:2", "before"))
    recording.step(put("kb:0", crash.noise(rng, 560000)))
    recording.step(put("kb:2", "after"))
    recording.step(put("kb:3", "after"))
    return recording


def record_gc(scratch, rng):
    """Also of refs: what they were before it, they are after it."""
    recording = base(scratch, "gc")
    db = recording.db
    for i in range(3):
        db.must_write(put("kp:%d" % i, {"n": i, "text": "some words that stay " * 4}))
        crash.pack(db)
    for name in ("refs/heads/side", "refs/heads/a/b", "refs/tags/one"):
        git(db.path, "update-ref", name, "main~1")
    recording.refs = git(db.path, "show-ref", "side", "a/b", "one")
    recording.start()
    recording.step(put("kp:1", "before"))
    recording.step(crash.Operation(["gc"], {}))
    recording.step(put("kp:2", "after"))
    return recording


def record_refs(scratch):
    """Branches and tags: some packed, one made again, one with a new name."""
    recording = base(scratch, "refs")
    db = recording.db
    for name in ("refs/heads/side", "refs/heads/a/b", "refs/tags/one"):
        git(db.path, "update-ref", name, "main~1")
    git(db.path, "pack-refs", "--all")
    os.sync()
    recording.start()
    recording.named = [named(db)]
    for operation in (put("kb:1", 1), refs("branch", "new"), refs("branch", "-m", "side", "c/d"), put("kb:1", 2),
                      refs("branch", "-d", "a/b"), refs("tag", "-f", "one"), refs("branch", "a/b"), put("kb:2", 1),
                      refs("tag", "-d", "one"), refs("branch", "-d", "c/d"), refs("branch", "-m", "new", "newer")):
        recording.step(operation)
        recording.named.append(named(db))
    return recording


def refs(*args):
    return crash.Operation(list(args), {})


def record_push(scratch):
    recording = base(scratch, "push").start()
    recording.step(put("kb:1", 1))
    recording.push("kc:1", "pushed")
    recording.step(put("kb:2", 2))
    recording.step(delete("kb:2"))  # the trees of the push once more
    recording.push("kc:2", "pushed again")
    return recording


def record_dead(scratch):
    """A process that was killed, and the power goes before anybody has looked."""
    recording = base(scratch, "killed before").start()
    recording.step(put("kb:1", 1))
    recording.step(put("kb:2", 2), fault="journal-synced")
    recording.step(put("kb:3", 3))
    recording.step(put("kb:4", 4), fault="ref-lock-written")
    recording.step(put("kb:5", 5), fault="ref-renamed")
    return recording


def record_damage(scratch, rng, what):
    """Something of ours is removed or exchanged by hand. The next write makes it good: from its end on, nothing that was
    acknowledged before or later may be lost any more."""
    recording = base(scratch, what).start()
    journal, state = (os.path.join(recording.db.path, "chrondb", name) for name in ("journal", "state"))
    recording.step(put("kb:1", 1))
    old = recording.root + ".state"
    shutil.copyfile(state, old)
    recording.step(put("kb:2", 2))
    command = {"journal removed": ["rm", journal],
               "journal cut short": ["truncate", "-s", str(rng.randrange(100, 3000)), journal],
               "journal overwritten": ["dd", "if=/dev/zero", "of=" + journal, "bs=4096", "count=1", "conv=notrunc"],
               "state removed": ["rm", state],
               "old state": ["dd", "if=" + old, "of=" + state, "conv=notrunc", "bs=4096"]}[what]
    result = recording.disk.record(command)
    expect(result.code == 0, lambda: "%s" % result)
    recording.step(put("kb:3", 3))
    recording.first = len(recording.disk.ops)
    recording.step(put("kb:4", 4))
    return recording


def record_recovery(scratch, origin, rng, pushed):
    """The power goes again while what the first cut left is put right."""
    recording = Recording(scratch, "recovery of a push" if pushed else "recovery")
    cut = disk.Cut(origin.disk, len(origin.disk.ops))
    cut.state(cut.in_order(cut.first), disk.ZEROS if pushed else disk.TORN, rng).build(
        recording.root, time.time() - AN_HOUR)
    states, commits = origin.acceptable(cut.moment)
    recording.db.values, recording.db.commits = states[0], list(commits)
    recording.db.reboot()
    if pushed:
        expect(crash.push(recording.db, "cut:pushed", "pushed"), "cannot push")
        recording.db.values["cut:pushed"] = "pushed"
        os.sync()
    recording.start()
    recording.step(put("kd:1", 1))
    recording.step(put("kd:2", 2))
    return recording


# ---- all -------------------------------------------------------------------------------------------------------------


def all_states(recording, rng):
    """Every moment, every first part of the names, each shape of the contents; and many of the others. What is the same
    at several moments is looked at as of the last, when most is acknowledged."""
    wanted = {}
    for moment in recording.moments():
        cut = disk.Cut(recording.disk, moment)
        for state in (*cut.ordered_states(rng), *(cut.random_state(rng) for _ in range(OTHERS))):
            wanted[state.key()] = (cut, state)
    return list(wanted.values())


def judge_some(judge, recording, seed):
    rng = random.Random(seed)
    cut = disk.Cut(recording.disk, rng.choice(recording.moments()))
    judge.judge(recording, cut, cut.random_state(rng), seed)


def test(scratch, rng):
    disk.check_strace()
    judge = Judge(scratch)
    one, writes = record_put(scratch), record_writes(scratch)
    jobs = [lambda c=cut, s=state, seed=rng.getrandbits(32): judge.judge(one, c, s, seed)
            for cut, state in all_states(one, rng)]
    if SAMPLES < 1:
        jobs = rng.sample(jobs, int(len(jobs) * SAMPLES * 1.5))
    for recording, number in ((record_creation(scratch), 80), (record_creation_in_place(scratch), 80), (writes, 150),
                              (record_large(scratch, rng), 40), (record_checkpoint(scratch, rng), 40),
                              (record_gc(scratch, rng), 150), (record_refs(scratch), 150),
                              (record_push(scratch), 100), (record_dead(scratch), 100),
                              *((record_damage(scratch, rng, what), 12) for what in DAMAGES),
                              (record_recovery(scratch, writes, rng, False), 80),
                              (record_recovery(scratch, writes, rng, True), 80)):
        jobs += [lambda r=recording, seed=rng.getrandbits(32): judge_some(judge, r, seed)
                 for _ in range(int(number * SAMPLES) or 1)]
    crash.parallel(jobs, WORKERS)
    total = sum(judge.count.values())
    return "%d states after a power cut (%s; %d pushed to first, %d read by somebody who may not write): nothing lost" % (
        total, ", ".join("%d %s" % (n, name) for name, n in judge.count.items()), judge.pushed, judge.read_only)


crash.main(test)
