# SPDX-License-Identifier: MIT
"""Plain git beside the writers: gc, prune, pack-refs, repack and pushes, again and again during 1,000 puts with their
checkpoints in the background. Nothing acknowledged is missing at the end."""
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, expect, git, put, run

PUTS = 100 if crash.SLOW else 1000
WRITERS = 2


class Loop(threading.Thread):
    """Runs some git commands again and again; `allowed` are words of failures that may be."""

    def __init__(self, name, commands, allowed=(), pause=0.0):
        super().__init__(name=name)
        self.commands, self.allowed, self.pause = commands, allowed, pause
        self.go_on, self.good, self.bad, self.problem = True, 0, 0, None

    def run(self):
        while self.go_on and self.problem is None:
            for command in self.commands():
                try:
                    result = run(["git", "-c", "safe.directory=*", *command], limit=60)
                except crash.Failure as failure:
                    self.problem = str(failure)
                    return
                text = result.out + result.err
                if result.code == 0:
                    self.good += 1
                elif any(word.encode() in text for word in self.allowed):
                    self.bad += 1
                else:
                    self.problem = "%s" % result
                    return
                time.sleep(self.pause)


def pushes(scratch, db):
    """A clone that pushes its own branch, and to main where it can. What main took counts as acknowledged."""
    clone = scratch.new("clone")
    expect(run(["git", "clone", "-q", db.path, clone]).code == 0, "cannot clone")
    number = 0

    def commands():
        nonlocal number
        number += 1
        inside = ["-C", clone]
        yield inside + ["fetch", "-q", "origin"]
        yield inside + ["reset", "-q", "--hard", "origin/main"]
        yield inside + ["commit", "-q", "--allow-empty", "-m", "pushed %d" % number]
        yield inside + ["push", "-q", "--force", "origin", "HEAD:refs/heads/side"]
        yield inside + ["push", "-q", "origin", "HEAD:refs/heads/main"]

    # A push to main comes too late, or meets the lock of a put: git says so, and that is all.
    return Loop("push", commands, ("non-fast-forward", "fetch first", "rejected", "cannot lock ref", "failed to update ref",
                                   "Unable to create")), clone


def wait_for_push(db):
    before = git(db.path, "rev-parse", "refs/heads/main")
    for _ in range(100):
        if git(db.path, "rev-parse", "refs/heads/main") != before:
            return
        time.sleep(0.1)


def writer(db, number, acknowledged, problems, pause):
    for i in range(PUTS // WRITERS):
        operation = put("w%d:%d" % (number, i), {"n": i, "text": "x" * (i % 300)})
        try:
            result = db.run(*operation.args, limit=60)
        except crash.Failure as failure:
            problems.append(str(failure))
            pause.abort()
            return
        if result.code != 0:
            problems.append("a put beside git: %s" % result)
            pause.abort()
            return
        acknowledged.append((operation, result))
        if i % 100 == 49:  # all writers pause, so that a push to main has its chance
            try:
                pause.wait(60)
            except threading.BrokenBarrierError:
                continue
            wait_for_push(db)


def test(scratch, _):
    db = Db(scratch.new())
    del db.env["CHRONDB_TEST_FOREGROUND_MAINTENANCE"]
    db.must_write(put("a", 0))
    here = ["--git-dir", db.path]
    push, _ = pushes(scratch, db)
    loops = [
        push,
        # One after the other: a git gc takes the half renamed pack of another git's repack for garbage.
        Loop("gc and repack", lambda: [["-c", "gc.packRefs=false"] + here + ["gc", "--quiet", "--prune=now"],
                                       here + ["repack", "-q"], here + ["repack", "-q", "-a", "-d"], here + ["prune"]],
             ("precious", "cannot lock", "Unable to create")),
        # Not twice a second (which is also why gc must not): a git push that has read packed-refs takes a later one of
        # the same second, size and inode for the one it has read, and overwrites a branch that has moved. Plain git does
        # that to plain git too.
        Loop("pack-refs", lambda: [here + ["pack-refs", "--all"]], ("Unable to create", "cannot lock"), 1.1),
    ]
    acknowledged, problems = [[] for _ in range(WRITERS)], []
    pause = threading.Barrier(WRITERS)
    writers = [threading.Thread(target=writer, args=(db, n, acknowledged[n], problems, pause)) for n in range(WRITERS)]
    start = time.monotonic()
    for thread in loops + writers:
        thread.start()
    for thread in writers:
        thread.join()
    took = time.monotonic() - start
    for loop in loops:
        loop.go_on = False
    for loop in loops:
        loop.join()
    expect(not problems, "\n".join(problems))
    for loop in loops:
        expect(loop.problem is None, "%s beside puts: %s" % (loop.name, loop.problem))
        expect(loop.good + loop.bad > 1, "%s ran only %d times" % (loop.name, loop.good + loop.bad))
    expect(loops[0].good > 4, "no push succeeded")
    wait_for_maintenance(db)
    for pairs in acknowledged:
        db.commits.clear()
        for operation, result in pairs:
            db.apply(operation, result)
        try:
            db.check_history()
        except crash.Failure as failure:
            crash.fail("%s\n%s" % (failure, instead(db)))
    db.check()
    pushed = git(db.path, "rev-list", "--count", "--grep=^pushed", "main")
    expect(int(pushed) > 0, "no push reached main")
    return "%d puts in %.1f s beside %s; %s pushed commits in main" % (
        PUTS, took, ", ".join("%d %s (%d refused)" % (loop.good + loop.bad, loop.name, loop.bad) for loop in loops), pushed)


def instead(db):
    """What main has in the place of a commit that is missing."""
    there = dict(line.split(" ", 1) for line in
                 git(db.path, "log", "--format=%P %H (%s)", "refs/heads/main").splitlines() if line[0] != " ")
    for commit in db.commits:
        if git(db.path, "merge-base", "--is-ancestor", commit, "refs/heads/main", check=False).code != 0:
            parent = git(db.path, "rev-parse", commit + "^")
            return "%s follows %s; in main %s does" % (commit, parent, there.get(parent, "nothing"))
    return ""


def wait_for_maintenance(db):
    """Until the last background checkpoint is done."""
    last = None
    for _ in range(100):
        now = crash.listing(os.path.join(db.path, "objects"))
        if now == last:
            return
        last = now
        time.sleep(0.1)


crash.main(test)
