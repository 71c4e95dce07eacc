# SPDX-License-Identifier: MIT
"""Never lost: processes that put, patch, delete, batch, create, adopt, checkpoint and recover are killed, at every named
point of the sources and at random moments. After each kill: all that was acknowledged is there, the write that was cut
short is there whole or not at all, and the next command works with no repair.

CHRONDB_TEST_LONG=1: 1,000 kills at random moments instead of 40, and each point more often when a command comes by it again
and again. CHRONDB_TEST_KILLS: so many at random moments."""
import os
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, batch, delete, expect, fail, git, patch, put

KILLS = crash.often("KILLS", 40, 1000)  # at random moments
WORKERS = 4
REPEATS = 4 if crash.LONG else 2  # of a point that one command reaches several times: the first, the last, others

kills = {}  # point, or "random moment": how often
kills_mutex = threading.Lock()


def count(name):
    with kills_mutex:
        kills[name] = kills.get(name, 0) + 1


# ---- what a power cut takes, in the few shapes that matter here (power.py has them all) ------------------------------


def old_times(path):
    for name in ("refs/heads/main.lock", "chrondb/ref.tmp"):
        file = os.path.join(path, name)
        if os.path.exists(file):
            os.utime(file, (time.time() - 3600,) * 2)


def lose(path, rng, since, heads):
    """Loose files written since then are empty, torn, gone or whole; the branch is one of `heads`, or an empty file."""
    for file in sorted(set(crash.loose_objects(path)) - since):
        shape = rng.randrange(5)
        if shape == 0:
            os.unlink(file)
        elif shape < 4:
            size = os.path.getsize(file)
            os.unlink(file)  # other names of it would be damaged too
            with open(file, "wb") as out:
                out.write(b"" if shape == 1 else bytes(size) if shape == 2 else bytes(size // 2))
    main = os.path.join(path, "refs/heads/main")
    if os.path.exists(main):
        os.unlink(main)
        with open(main, "w") as out:
            out.write(rng.choice([head + "\n" for head in heads] + ["", "\0" * 41]))
    state = os.path.join(path, "chrondb/state")
    if rng.randrange(2):
        os.unlink(state)
        if rng.randrange(2):
            with open(state, "wb") as out:
                out.write(b"" if rng.randrange(2) else bytes(1000))
    old_times(path)


# ---- every named point -----------------------------------------------------------------------------------------------


THEIRS = {"s:1": "theirs", "many:1": None, "t:1": 1}  # what a merge brings


class Templates:
    """Databases to begin with, made once and copied."""

    def __init__(self, scratch, rng):
        self.scratch, self.made = scratch, {}
        base = self.begin("base")
        for i in range(70):  # a table that is folded, and one that is not
            base.values["many:%d" % i] = i
        base.must_write(batch(dict(base.values)))
        for i in range(6):
            base.must_write(put("s:%d" % i, {"n": i}))
        crash.pack(base)  # fewer files to copy

        # Enough packs for a merge, and a half of the journal that the next large write does not fit into.
        packs = self.begin("packs", "base")
        for i in range(5):
            packs.must_write(put("p:%d" % i, i))
            crash.pack(packs)
        crash.fill_half(self.scratch, packs, lambda: large_put(rng))

        branches = self.begin("branches", "base")
        for name in ("refs/heads/old", "refs/heads/other", "refs/tags/t"):
            git(branches.path, "update-ref", name, "refs/heads/main~1")
        git(branches.path, "pack-refs", "--all")
        renamed = self.begin("renamed", "branches")
        self.die(renamed, refs("branch", "-m", "main", "trunk"), "rename-created")
        deleted = self.begin("deleted", "branches")
        self.die(deleted, refs("branch", "-d", "old"), "journal-synced")

        forked = self.begin("forked", "base")  # another branch, ahead of this one, or parted from it
        git(forked.path, "update-ref", "refs/heads/theirs", "refs/heads/main")
        there = batch(THEIRS)
        forked.ok("-b", "theirs", *there.args, stdin=there.stdin)
        parted = self.begin("parted", "forked")
        parted.must_write(put("s:2", {"n": 2, "ours": 1}))

        dead = self.begin("dead", "base")
        self.die(dead, put("s:1", "journalled, not published"), "journal-synced")
        unsynced = self.begin("unsynced", "base")
        self.die(unsynced, put("s:1", "written, not synced"), "journal-written")

        cut = self.begin("cut", "base")
        before, heads = set(crash.loose_objects(cut.path)), cut.commits[-1:]
        for i in range(5):
            cut.must_write(put("s:%d" % i, "before the cut"))
        lose(cut.path, random.Random(1), before, heads)
        with open(os.path.join(cut.path, "refs/heads/main"), "w") as out:
            out.write(heads[0] + "\n")
        cut.reboot()

        pushed = self.begin("pushed", "cut")
        expect(crash.push(pushed, "s:9", "pushed"), "cannot push")
        pushed.values["s:9"] = "pushed"
        pushed.env["CHRONDB_TEST_BOOT_ID"] = cut.env["CHRONDB_TEST_BOOT_ID"]

    def begin(self, name, origin=None):
        db = self.made[name] = Db(self.scratch.new(name))
        if origin:
            self.fill(db, origin)
        return db

    def fill(self, db, origin):
        template = self.made[origin]
        crash.copy_database(template.path, db.path)
        db.values, db.commits = dict(template.values), list(template.commits)
        if "CHRONDB_TEST_BOOT_ID" in template.env:
            db.env["CHRONDB_TEST_BOOT_ID"] = template.env["CHRONDB_TEST_BOOT_ID"]
        db.pending = getattr(template, "pending", None)

    def die(self, db, operation, point):
        result = db.write(operation, fault=point)
        expect(result.killed, "%s does not kill: %s" % (point, result))
        db.pending = operation


def log(db):
    return db.path + ".log"


def points(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        names = file.read().split()
    os.unlink(path)
    return names


def large_put(rng):
    return put("big:0", crash.noise(rng, 560000))


def refs(*args):
    return crash.Operation(list(args), {})


def scenarios(rng):
    """Name, the template (None: nothing is there), and the operation, or the arguments of init."""
    many = {"many:%d" % i: None if i % 3 else "changed" for i in range(70)}
    large = {"l:%d" % i: crash.noise(rng, 440000) for i in range(4)}
    return [("put", "base", put("t:new", [1, 2])), ("overwrite", "base", put("s:3", "again")),
            ("patch", "base", patch({"s:2": {"n": 2}}, "s:2", {"m": 3})), ("delete", "base", delete("s:4")),
            ("batch", "base", batch(many)), ("large batch", "base", batch(large)),
            ("checkpoint", "packs", large_put(rng)),
            ("reindex", "base", crash.Operation(["reindex"], {})),
            ("config", "base", crash.Operation(["config", "set", "search.language", "none"], {})),
            ("branch", "branches", refs("branch", "new", "main~2")), ("delete branch", "branches", refs("branch", "-d", "old")),
            ("rename", "branches", refs("branch", "-m", "old", "new/name")),
            ("rename default", "branches", refs("branch", "-m", "main", "trunk")),
            ("tag", "branches", refs("tag", "-f", "t")), ("delete tag", "branches", refs("tag", "-d", "t")),
            ("default branch", "branches", refs("config", "branch", "old")),
            ("recover renamed", "renamed", put("s:5", "after")), ("recover deleted", "deleted", put("s:5", "after")),
            ("forward", "forked", crash.Operation(["merge", "theirs"], THEIRS)),
            ("merge", "parted", crash.Operation(["merge", "theirs"], THEIRS)),
            ("recover published", "dead", put("s:5", "after")), ("recover unsynced", "unsynced", put("s:5", "after")),
            ("recover lost", "cut", put("s:5", "after")), ("recover pushed", "pushed", put("s:5", "after")),
            ("create", None, put("a:1", 1)), ("create in place", "", put("a:1", 1)),
            ("init", None, None), ("init in place", "", None), ("adopt", "bare", None)]


def prepare(templates, scratch, template):
    """In a folder of its own, so that leftovers beside it show."""
    folder = scratch.new("at")
    os.mkdir(folder)
    db = Db(os.path.join(folder, "db"))
    db.pending = None
    if template == "":
        os.mkdir(db.path)
    elif template == "bare":
        git(db.path, "init", "-q", "--bare", "--template=", "--initial-branch=trunk", db.path)
        blob = git(db.path, "hash-object", "-w", "--stdin", stdin=b'{"n":1}')
        tree = git(db.path, "mktree", stdin=("100644 blob %s\t1.json\n" % blob).encode())
        top = git(db.path, "mktree", stdin=("040000 tree %s\ttheirs\n" % tree).encode())
        commit = git(db.path, "commit-tree", "-m", "theirs", top)
        git(db.path, "update-ref", "refs/heads/trunk", commit)
        git(db.path, "config", "remote.origin.url", "ssh://somewhere")
    elif template is not None:
        templates.fill(db, template)
    return db


def begin(db, scenario, **options):
    _, template, operation = scenario
    if operation is None:
        return db.run("init", *(["--adopt"] if template == "bare" else []), **options)
    return db.write(operation, **options)


def reached(templates, scratch, scenario):
    """The points that it comes by, and how often."""
    db = prepare(templates, scratch, scenario[1])
    result = begin(db, scenario, env={"CHRONDB_TEST_FAULT_LOG": log(db)})
    expect(result.code == 0, lambda: "%s, without a kill: %s" % (scenario[0], result))
    look_after(db, scenario, None)
    names = points(log(db))
    shutil.rmtree(os.path.dirname(db.path))
    return {name: names.count(name) for name in names}


def attempt(templates, scratch, scenario, point, number):
    """Kill it there and look."""
    db = prepare(templates, scratch, scenario[1])
    result = begin(db, scenario, fault="%s:%d" % (point, number))
    expect(result.killed, lambda: "not killed: %s" % result)
    count(point)
    look_after(db, scenario, db.read() if number % 2 and scenario[1] in templates.made else None)
    expect(os.listdir(os.path.dirname(db.path)) == ["db"], lambda: "left over: %s" % os.listdir(os.path.dirname(db.path)))
    expect_clean(db)
    shutil.rmtree(os.path.dirname(db.path))


def look_after(db, scenario, found):
    _, template, operation = scenario
    if template in ("branches", "renamed", "deleted"):
        expect_refs(db, operation if template == "branches" else db.pending)
        found = None  # that was on whatever branch was the default one
    if template is None or template == "":
        after_creation(db, operation)
    elif template == "bare":
        after_adoption(db)
    else:
        # The one that died first is settled before the second: whole or not at all, in that order.
        settle(db, found, [o for o in (db.pending, operation) if o is not None])
    if operation is not None and operation.args[:2] == ["config", "set"]:
        expect_config(db)
    db.must_write(put("z:z", "works"))
    db.check()


def settle(db, found, pending):
    """`found` is some prefix of what was pending, applied to what was acknowledged."""
    found = db.read() if found is None else found
    if db.matches(found, db.values):
        return
    for operation in pending:
        after = dict(db.values, **operation.after)
        if db.matches(found, after):
            db.values = after
            return
        if operation is db.pending:  # it was finished, the other not
            both = dict(after, **pending[-1].after)
            if db.matches(found, both):
                db.values = both
                return
    fail("lost or half there: %s\n  pending: %s" % (crash.difference(db.values, found, ""), pending))


def after_creation(db, operation):
    result = db.run("list")
    expect(result.code in (0, 6), lambda: "a read in between: %s" % result)
    if operation is None:
        db.ok("init")
    elif result.code == 0:
        db.check_values(operation)


def after_adoption(db):
    result = db.run("list")
    expect(result.code in (0, 6), lambda: "a read in between: %s" % result)
    if result.code == 6:  # the repository is as it was: no first write makes another database of it
        refused = db.run("put", "x:1", "1")
        expect(refused.code == 6, lambda: "put into a repository: %s" % refused)
    db.ok("init", "--adopt")
    db.values["theirs:1"] = {"n": 1}
    expect(git(db.path, "config", "remote.origin.url") == "ssh://somewhere", "the adopted repository's config is lost")
    expect(git(db.path, "symbolic-ref", "HEAD") == "refs/heads/trunk", "the adopted repository's HEAD is lost")
    db.check_values()
    db.check_history = lambda: None


def expect_clean(db):
    """Nothing of the dead is left."""
    for name in ("refs/heads/main.lock", "chrondb/ref.tmp", "chrondb/object.tmp", "chrondb/creating",
                 "chrondb/format.tmp", "objects/pack/tmp_pack_chrondb_w", "objects/pack/tmp_idx_chrondb_w",
                 "config.lock", "chrondb/config.tmp", "HEAD.lock", "packed-refs.lock", "refs/heads/old.lock",
                 "refs/heads/new.lock", "refs/heads/trunk.lock", "refs/tags/t.lock",
                 "chrondb/retire.tmp", "chrondb/unpacked.tmp", "chrondb/head.tmp"):
        expect(not os.path.lexists(os.path.join(db.path, name)), "left over: %s" % name)


def expect_refs(db, operation):
    """All refs are as they were, or as they were to be; HEAD goes with them. Then back to main."""
    db.ok("list", "--limit", "1")  # whatever command comes next sees to it
    head = git(db.path, "symbolic-ref", "HEAD")
    lines = git(db.path, "for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    found = {name: commit for commit, name in map(str.split, lines)}
    expect(head in found, lambda: "HEAD names %s, there is %s" % (head, lines))
    last = found[head if head != "refs/heads/old" else "refs/heads/main"]
    before = found["refs/heads/other"]
    old = {"refs/heads/main": last, "refs/heads/old": before, "refs/heads/other": before, "refs/tags/t": before}
    changes = {"branch new": {"refs/heads/new": git(db.path, "rev-parse", before + "~1")},
               "branch -d": {"refs/heads/old": None},
               "branch -m old": {"refs/heads/old": None, "refs/heads/new/name": before},
               "branch -m main": {"refs/heads/main": None, "refs/heads/trunk": last},
               "tag -f": {"refs/tags/t": last}, "tag -d": {"refs/tags/t": None}, "config branch": {}}
    change, = (change for name, change in changes.items() if " ".join(operation.args).startswith(name))
    new = {name: commit for name, commit in dict(old, **change).items() if commit}
    expect(found in (old, new), lambda: "half done: %s" % lines)
    if head == "refs/heads/trunk":
        expect(found == new, "HEAD is renamed, the branch is not")
        db.ok("branch", "-m", "trunk", "main")
    elif head == "refs/heads/old":
        db.ok("config", "branch", "main")
    else:
        expect(head == "refs/heads/main", lambda: "HEAD names %s" % head)


def expect_config(db):
    """The old configuration or the new one, whole."""
    lines = git(db.path, "config", "--file", os.path.join(db.path, "config"), "--list").splitlines()
    expect({"core.bare=true", "gc.auto=0"} <= set(lines), lambda: "the configuration is torn: %s" % lines)
    ours = [line for line in lines if line.startswith("chrondb.")]
    expect(ours in ([], ["chrondb.search.language=none"]), lambda: "half set: %s" % ours)
    db.ok("config", "set", "search.language", "english")


def every_point(templates, scratch, rng):
    elsewhere = ("gc-", "rewrite-", "maintenance-", "search-merged", "import-", "backup-", "newfile-", "restore-",
                 "clone-")
    # gc.py, import.py, backup.py and remote.bats have those.
    names, jobs, seen = [n for n in crash.fault_names() if not n.startswith(elsewhere)], [], set()
    everything = scenarios(rng)
    points = crash.parallel([lambda s=s: reached(templates, scratch, s) for s in everything], WORKERS)
    for scenario, times in zip(everything, points):
        seen.update(times)
        for name, most in times.items():
            if scenario[0] == "checkpoint" and not crash.LONG:  # it takes 20 times as long as others
                numbers = [rng.choice([1, most])]
            else:
                numbers = range(1, most + 1) if most <= REPEATS else {1, most, *rng.sample(range(2, most), REPEATS - 2)}
            jobs += [lambda s=scenario, p=name, n=n: named_attempt(templates, scratch, s, p, n) for n in numbers]
    never = [name for name in names if name not in seen]
    expect(not never, "no scenario reaches %s" % ", ".join(never))
    crash.parallel(jobs, WORKERS)
    return len(names)


def named_attempt(templates, scratch, scenario, point, number):
    try:
        attempt(templates, scratch, scenario, point, number)
    except crash.Failure as failure:
        fail("%s, killed at %s:%d: %s" % (scenario[0], point, number, failure))


# ---- random moments --------------------------------------------------------------------------------------------------


class Worker:
    """One database that lives through a long series of kills, and of boots in which what was not synced is gone."""

    def __init__(self, scratch, seed):
        self.rng = random.Random(seed)
        self.db = Db(scratch.new("random"))
        self.db.prefix = "s:"
        self.db.reboot()
        self.typical = 0.005
        self.kills = self.boots = 0
        self.big = None
        self.db.must_write(put("s:0", 0))
        self.after_boot()

    def after_boot(self):
        self.since, self.heads = set(crash.loose_objects(self.db.path)), self.db.commits[-1:]

    def operation(self):
        rng, values = self.rng, self.db.values
        keys = [key for key, value in values.items() if value is not None and key.startswith("s:")]
        kind = rng.randrange(12)
        key = "s:%d" % rng.randrange(90)
        if kind < 5:
            return put(key, {"v": rng.randrange(10 ** 9)})
        if kind < 7 and len(keys) > 1:
            return delete(rng.choice(keys))
        patchable = [k for k in keys if isinstance(values[k], dict)]
        if kind < 9 and patchable:
            return patch(values, rng.choice(patchable), {"p%d" % rng.randrange(3): rng.randrange(10 ** 9)})
        if kind < 11:
            change = {"s:%d" % n: rng.choice([None, rng.randrange(10 ** 9)])
                      for n in rng.sample(range(90), rng.randrange(2, 40))}
            change["s:100"] = rng.randrange(10 ** 9)
            return batch(change)
        # Fills the journal, so that checkpoints happen; now and then too large for it.
        return batch({"big:%d" % i: crash.noise(rng, 440000) for i in range(rng.choice([1, 1, 1, 3]))})

    def kill_one(self):
        operation = self.operation()
        big = any(key.startswith("big:") for key in operation.after)
        limit = self.rng.uniform(0, self.typical * (6 if big else 1.4))
        result, seconds = run_and_kill(self.db, operation, limit)
        self.db.apply(operation, result)
        if result.killed:
            count("random moment")
            self.kills += 1
        elif result.code == 0:
            if not big:
                self.typical += (seconds - self.typical) / 16
        else:
            fail("%s" % result)
        self.look(operation, big)

    def look(self, operation, big):
        db = self.db
        if self.rng.randrange(2):  # the next command is a write
            other = put("s:99", self.rng.randrange(10 ** 9))
            result = db.run(*other.args)
            if result.code != 0:
                fail("the next command: %s" % result)
            found = db.read()
            expect(found.pop("s:99", None) == other.after["s:99"], "the next write is not there")
            db.values.pop("s:99", None)
            db.check_values(operation, found)
            db.apply(other, result)
        else:
            db.check_values(operation)
        if big:
            self.check_big(operation)

    def check_big(self, operation):
        found = {}
        for key in operation.after:
            result = self.db.run("get", key, "--format", "raw")
            expect(result.code in (0, 1), lambda: "%s" % result)
            found[key] = result.out.decode().strip().strip('"') if result.code == 0 else None
        before = {key: self.db.values.get(key) for key in operation.after}
        expect(found in (before, operation.after), "a large batch is half there, or lost")
        self.db.values.update(found)

    def thorough(self):
        self.db.check_history()
        crash.fsck(self.db.path)

    def boot(self):
        """The machine goes down; what happens to a recovery may be the same again."""
        lose(self.db.path, self.rng, self.since, self.heads + self.db.commits[-3:])
        self.db.reboot()
        for _ in range(self.rng.randrange(3)):
            operation = put("s:98", self.rng.randrange(10 ** 9))
            result, _ = run_and_kill(self.db, operation, self.rng.uniform(0, self.typical * 3))
            self.db.apply(operation, result)
            if result.killed:
                count("random moment of a recovery")
                self.kills += 1
            self.look(operation, False)
        self.db.check_values()
        self.thorough()
        self.db.must_write(put("s:97", self.rng.randrange(10 ** 9)))
        self.after_boot()
        self.boots += 1

    def live(self, wanted):
        rounds = 0
        while self.kills < wanted:
            rounds += 1
            expect(rounds < wanted * 6, "too few commands live long enough to be killed")
            self.kill_one()
            if rounds % 20 == 0:
                self.boot()
        self.thorough()
        return self.boots


def run_and_kill(db, operation, seconds):
    process = crash.subprocess.Popen(db.command(*operation.args), stdin=crash.subprocess.PIPE,
                                     stdout=crash.subprocess.PIPE, stderr=crash.subprocess.PIPE, env=db.env)
    start = time.monotonic()
    killer = threading.Timer(seconds, process.kill)
    killer.start()
    try:
        out, err = process.communicate(operation.stdin or None, timeout=crash.LIMIT)
    except BrokenPipeError:
        out, err = b"", b""
        process.wait()
    finally:
        killer.cancel()
    return crash.Result(process.args, process.returncode, out, err), time.monotonic() - start


# ---- all -------------------------------------------------------------------------------------------------------------


def test(scratch, rng):
    points = every_point(Templates(scratch, rng), scratch, rng)
    at_points = sum(kills.values())
    workers = [Worker(scratch, crash.SEED + n) for n in range(WORKERS)]
    boots = sum(crash.parallel([lambda w=w: w.live(KILLS // WORKERS + 1) for w in workers], WORKERS))
    total = sum(kills.values())
    expect(total >= at_points + KILLS, "only %d kills" % total)
    return "%d kills (%d at %d named points, %d at random moments), %d boots: nothing lost" % (
        total, at_points, points, total - at_points, boots)


crash.main(test)
