# SPDX-License-Identifier: MIT
"""gc loses nothing: killed at every named point and at random moments, beside writers, readers, git's pushes and another
gc; whatever it was, every object, ref and document is there, the next write leaves nothing of the dead behind, and the
next gc finishes.

CHRONDB_TEST_LONG=1, or CHRONDB_TEST_GC_KILLS: 200 or so many kills at random moments, instead of 16."""
import os
import random
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import SLOW, Db, batch, expect, fail, git, put

KILLS = crash.often("GC_KILLS", 16, 200)
WORKERS = 4
REPEATS = 2
LEFTOVERS = ("chrondb/maintaining", "chrondb/packed-refs.tmp", "chrondb/prune.tmp", "packed-refs.lock",
             "refs/heads/side.lock", "refs/tags/v1.lock", "refs/tags/v2.lock", "refs/heads/a/b.lock",
             "objects/pack/tmp_pack_chrondb_m", "objects/pack/tmp_idx_chrondb_m", "objects/pack/tmp_pack_chrondb_w")


def objects(path):
    return set(git(path, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").splitlines())


def refs(path):
    """What they are and what tags are about, as git sees it."""
    return git(path, "show-ref", "--head", "--dereference")


class Template:
    """Packs with and without deltas, loose objects, some that nothing reaches, refs; if it is `large`, both halves of the
    journal."""

    def __init__(self, scratch, rng, large):
        self.scratch = scratch
        self.db = db = Db(scratch.new("template"))
        for i in range(80):
            db.values["many:%d" % i] = i
        db.must_write(batch(dict(db.values)))
        for i in range(6):
            db.must_write(put("s:%d" % (i % 2), {"n": i, "text": "some words that stay " * 5}))
        crash.pack(db)
        for i in range(4):
            db.must_write(put("s:%d" % (i % 2), {"n": i + 100, "text": "some words that stay " * 5}))
            git(db.path, "repack", "-q")  # with git's own deltas
        git(db.path, "prune-packed", "-q")
        git(db.path, "update-ref", "refs/heads/side", "main~3")
        git(db.path, "update-ref", "refs/heads/a/b", "main~4")
        git(db.path, "tag", "-a", "-m", "one", "v1", "main~1")
        git(db.path, "pack-refs", "--all")
        git(db.path, "update-ref", "refs/heads/side", "main~2")  # packed, and newer as a file
        git(db.path, "tag", "-a", "-m", "two", "v2", "v1")  # a tag of a tag
        git(db.path, "hash-object", "-w", "--stdin", stdin=b"nothing reaches this")
        if large:
            crash.fill_half(scratch, db, lambda: put("big:0", crash.noise(rng, 560000)))
            db.must_write(put("big:0", crash.noise(rng, 560000)), env={"CHRONDB_TEST_FAULT": "none"})
        db.must_write(put("s:1", "the last one"))
        self.objects, self.refs = objects(db.path), refs(db.path)

    def copy(self):
        db = Db(self.scratch.new("gc"))
        crash.copy_database(self.db.path, db.path)
        db.values, db.commits = dict(self.db.values), list(self.db.commits)
        return db


def check_nothing_lost(template, db, more=()):
    found = objects(db.path)
    expect(template.objects <= found, lambda: "objects are lost: %s" % sorted(template.objects - found)[:5])
    db.check_values()
    db.check_history()
    crash.fsck(db.path)


def finish(template, db):
    """After whatever happened: readers, a write, another gc."""
    db.check_values()
    expect(refs(db.path) == template.refs, lambda: "refs changed:\n%s\n%s" % (template.refs, refs(db.path)))
    check_nothing_lost(template, db)
    db.must_write(put("s:0", "afterwards"))
    left = [name for name in LEFTOVERS if os.path.lexists(os.path.join(db.path, name))]
    expect(not left, lambda: "left over: %s" % left)
    head = git(db.path, "rev-parse", "main")
    db.ok("gc")
    check_nothing_lost(template, db)
    expect(git(db.path, "rev-parse", "main") == head, "gc moved the branch")
    expect(git(db.path, "rev-parse", "side", "a/b", "v1", "v2") is not None, "refs are lost")
    names = [n for n in os.listdir(db.path + "/objects/pack") if n.endswith(".pack")]
    expect(len(names) == 1 and not crash.loose_objects(db.path), lambda: "not tidy: %s" % names)
    git(db.path, "pack-refs", "--all")  # git can
    shutil.rmtree(db.path)


def killed_at(template, name, number):
    db = template.copy()
    result = db.run("gc", fault="%s:%d" % (name, number))
    expect(result.killed or result.code == 0, lambda: "killed at %s:%d: %s" % (name, number, result))
    try:
        finish(template, db)
    except crash.Failure as failure:
        fail("killed at %s:%d: %s" % (name, number, failure))


def killed_after(template, seconds):
    db = template.copy()
    process = subprocess.Popen(db.command("gc"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=db.env)
    time.sleep(seconds)
    process.kill()
    process.wait()
    finish(template, db)


def reached(template):
    db = template.copy()
    log = db.path + ".log"
    start = time.monotonic()
    db.ok("gc", env={"CHRONDB_TEST_FAULT_LOG": log})
    took = time.monotonic() - start
    with open(log, encoding="utf-8") as file:
        names = file.read().split()
    expect(refs(db.path) == template.refs, lambda: "refs changed:\n%s\n%s" % (template.refs, refs(db.path)))
    packed = open(db.path + "/packed-refs", encoding="utf-8").read()
    for name in ("refs/heads/side", "refs/heads/a/b", "refs/tags/v1", "refs/tags/v2"):
        expect(name in packed and not os.path.exists(os.path.join(db.path, name)), "%s is not packed" % name)
    finish(template, db)
    return names, took


def interrupted(template):
    """Ctrl-C ends it cleanly."""
    db = template.copy()
    process = subprocess.Popen(db.command("gc"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=dict(db.env, CHRONDB_TEST_FAULT="gc-checkpointed@stop"))
    while True:
        with open("/proc/%d/stat" % process.pid, encoding="utf-8") as file:
            state = file.read().rsplit(")", 1)[1].split()[0]
        if state in "TZ":
            break
        time.sleep(0.01)
    process.send_signal(2)
    process.send_signal(18)
    out, _ = process.communicate(timeout=crash.LIMIT)
    expect(process.returncode == -2 and out == b"", lambda: "interrupted: %s %r" % (process.returncode, out))
    left = [name for name in LEFTOVERS if os.path.lexists(os.path.join(db.path, name))]
    expect(not left, lambda: "left over: %s" % left)
    finish(template, db)


# ---- beside others -------------------------------------------------------------------------------------------------


def beside(template, seed):
    """Writers, pushes and readers while gc runs again and again."""
    db, rng = template.copy(), random.Random(seed)
    stop, problems = threading.Event(), []

    def guarded(work):
        def loop():
            while not stop.is_set():
                try:
                    work()
                except (crash.Failure, subprocess.SubprocessError, ValueError) as failure:
                    problems.append(str(failure))
                    stop.set()
        return threading.Thread(target=loop)

    writer, reader, values = Db(db.path), Db(db.path), dict(db.values)
    writer.values, writer.commits = dict(db.values), list(db.commits)
    writer.env.pop("CHRONDB_TEST_FOREGROUND_MAINTENANCE")

    def write():
        writer.must_write(put("w:%d" % rng.randrange(5), {"n": rng.random(), "text": "some words that stay " * 5}))

    def push():
        pushed = Db(db.path)
        crash.push(pushed, "pushed:1", rng.random(), branch="side")
        time.sleep(0.02)

    def read():
        expect(reader.ok("get", "many:7").out == b"7\n", "a wrong answer")
        found = set(reader.ok("list", "many:", "--keys").out.split())
        expect(len(found) == 80, "a wrong list")
        reader.ok("history", "s:1")

    def git_reads():
        expect(git(db.path, "cat-file", "-t", "v1") == "tag", "git does not find the tag")
        expect(len(git(db.path, "rev-list", "main").split()) >= len(db.commits), "git misses commits")

    threads = [guarded(work) for work in (write, push, read, git_reads)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3 if SLOW else 6):
            both = [subprocess.Popen(db.command("gc"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=db.env)
                    for _ in range(2)]
            for process in both:
                _, err = process.communicate(timeout=crash.LIMIT)
                expect(process.returncode == 0, lambda: "gc: %r" % err)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    expect(not problems, lambda: "\n".join(problems[:3]))
    expect(values == {k: v for k, v in writer.values.items() if not k.startswith("w:")}, "the test is wrong")
    check_nothing_lost(template, writer)
    writer.ok("gc")
    check_nothing_lost(template, writer)
    shutil.rmtree(db.path)


def named_points(template, rng, wanted):
    """A kill at each wanted point that gc comes by; of those that it comes by more often, the first, the last and another."""
    found, took = reached(template)
    jobs = []
    for name in filter(wanted, sorted(set(found))):
        most = found.count(name)
        numbers = range(1, most + 1) if most <= REPEATS else sorted({1, most, rng.randrange(2, most)})
        jobs += [lambda p=name, n=n: killed_at(template, p, n) for n in numbers]
    return jobs, set(found), took


def test(scratch, rng):
    small, large = Template(scratch, rng, False), Template(scratch, rng, True)
    jobs, names, took = named_points(small, rng, lambda name: True)
    # What has to do with the journal and its halves, or is only done where there is much; the rest is as with the small one.
    more, large_names, _ = named_points(
        large, rng, lambda name: crash.LONG or name not in names or name.startswith(("gc-", "checkpoint-", "journal-")))
    jobs += more
    known = len(jobs)
    never = [name for name in crash.fault_names()
             if name.startswith(("gc-", "rewrite-", "maintenance-", "search-merged")) and name not in names | large_names]
    expect(not never, "gc does not reach %s" % ", ".join(never))
    jobs += [lambda: interrupted(small)]
    jobs += [lambda s=rng.random() * took * 1.5: killed_after(small, s) for _ in range(KILLS)]
    crash.parallel(jobs, WORKERS)
    for template in (small, large):
        beside(template, rng.getrandbits(32))
    return "%d named points, %d random moments, beside writers, pushes and readers: nothing lost" % (known, KILLS)


crash.main(test)
