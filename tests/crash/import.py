# SPDX-License-Identifier: MIT
"""Import that is killed: at every named point of it and at random moments. After each kill git finds nothing wrong, the
branch is a beginning of the history that an undisturbed import makes, in whole commits; the same import finishes it,
commit for commit; and nothing of the dead is left after the next write. The same on a disk that fills.

CHRONDB_TEST_LONG=1, or CHRONDB_TEST_KILLS: 500 or so many kills at random moments, instead of 16."""
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crash
from crash import Db, expect, fail, git, put
from diskfull import CAUSE, check_full, mount_small, private_mounts

KILLS = crash.often("KILLS", 16, 500)  # at random moments
WORKERS = 4
LINES = 3000 if crash.LONG else 1500
WINDOW = 0.6  # seconds, after which commits are published while lines still come in

MODES = {"each": ["--commit-each"], "every": ["--commit-every", "70"], "groups": [], "one": ["--one-commit"]}

kills = {}  # point, or "random moment": how often
kills_mutex = threading.Lock()


def count(name):
    with kills_mutex:
        kills[name] = kills.get(name, 0) + 1


# ---- lines, and what becomes of them undisturbed -----------------------------------------------------------------------


def make_lines(rng, groups, count=LINES):
    lines, seconds = [], 1500000000
    for number in range(count):
        seconds += rng.randrange(40)
        record = {"key": "n:%d" % rng.randrange(count // 4), "time": "@%d" % seconds}
        if rng.randrange(12) == 0:
            record["op"] = "delete"
        elif rng.randrange(30) == 0:
            record["value"] = crash.noise(rng, 20000)
        else:
            record["value"] = {"number": number, "text": crash.noise(rng, 60)}
        if groups:
            record["commit"] = "g%d" % (number // 40)
        lines.append(crash.json.dumps(record).encode() + b"\n")
    return lines


class Case:
    """A mode of import, its lines, and the history that they make."""

    def __init__(self, scratch, rng, mode, count=LINES):
        self.mode, self.arguments = mode, ["import", *MODES[mode]]
        self.lines = make_lines(rng, mode == "groups", count)
        self.input = b"".join(self.lines)
        self.db = Db(scratch.new("whole"))
        self.db.ok("init")
        start = time.monotonic()
        self.db.ok(*self.arguments, stdin=self.input)
        self.seconds = time.monotonic() - start
        self.commits = git(self.db.path, "rev-list", "--reverse", "main").split()
        self.tree = git(self.db.path, "rev-parse", "main^{tree}")
        crash.fsck(self.db.path)


def new_db(scratch):
    db = Db(scratch.new())
    db.ok("init")
    return db


def commits_of(db):
    result = git(db.path, "rev-list", "--reverse", "main", check=False)
    return result.out.decode().split() if result.code == 0 else []


# ---- after a kill ----------------------------------------------------------------------------------------------------


def check_cut(case, db, thorough=True):
    """Whole commits, from the first one on. How many."""
    commits = commits_of(db)
    expect(commits == case.commits[:len(commits)], lambda: "%d commits that no undisturbed import makes" % len(commits))
    result = db.run("count")
    expect(result.code == 0, lambda: "a read: %s" % result)
    if thorough:
        crash.fsck(db.path)
    return len(commits)


def left_over(db):
    found = [name for name in os.listdir(os.path.join(db.path, "chrondb")) if name.startswith(("import", "resume"))]
    found += [name for name in os.listdir(os.path.join(db.path, "objects/pack")) if not name.startswith("pack-")]
    for folder, _, names in os.walk(db.path):
        if folder.endswith("chrondb/index"):
            continue  # other tests look after it
        found += [os.path.join(folder, name) for name in names
                  if name.endswith((".lock", ".tmp")) and name not in ("maintenance.lock", "checkpoint.lock")]
    return found


def check_finished(case, db):
    """The import has been done once more, to its end."""
    expect(commits_of(db) == case.commits, lambda: "after the same import again: %d commits, not the %d of an "
           "undisturbed one" % (len(commits_of(db)), len(case.commits)))
    db.must_write(put("z:z", "works"))
    expect(not left_over(db), lambda: "left over: %s" % left_over(db))
    crash.fsck(db.path)


def finish(case, db):
    result = db.run(*case.arguments, stdin=case.input)
    expect(result.code == 0, lambda: "the same import again: %s" % result)
    check_finished(case, db)


def finish_behind_another(case, db):
    """Somebody writes between the kill and the same import again."""
    before = len(commits_of(db))
    db.must_write(put("z:z", "between"))
    expect(not [name for name in left_over(db) if not name.startswith("resume")],
           lambda: "left over after a put: %s" % left_over(db))
    result = db.run(*case.arguments, "--force", stdin=case.input)
    expect(result.code == 0, lambda: "the same import again, behind a put: %s" % result)
    commits = commits_of(db)
    expect(commits[:before] == case.commits[:before], "the past changed")
    expect(len(commits) == len(case.commits) + 1, lambda: "behind a put: %d commits, not %d" % (
        len(commits), len(case.commits) + 1))
    db.ok("delete", "z:z")
    expect(git(db.path, "rev-parse", "main^{tree}") == case.tree, "behind a put: another tree")
    crash.fsck(db.path)


# ---- named points ----------------------------------------------------------------------------------------------------


def points_of(case, scratch):
    """All that an import comes by, whatever they are called."""
    db = new_db(scratch)
    log = db.path + ".log"
    db.ok(*case.arguments, stdin=case.input, env={"CHRONDB_TEST_FAULT_LOG": log})
    with open(log, encoding="utf-8") as file:
        names = file.read().split()
    return {name: names.count(name) for name in names}


def kill_at(case, scratch, point, number, behind):
    db = new_db(scratch)
    result = db.run(*case.arguments, stdin=case.input, fault="%s:%d" % (point, number))
    if not result.killed and point != "import-published":  # threads need not come by as often each time
        expect(result.code == 0, lambda: "%s" % result)
        return
    expect(result.killed, lambda: "not killed: %s" % result)
    count(point)
    try:
        check_cut(case, db)
        (finish_behind_another if behind else finish)(case, db)
    except crash.Failure as failure:
        fail("%s, killed at %s:%d: %s" % (case.mode, point, number, failure))


def quick_points(cases, scratch):
    jobs = []
    for case in cases:
        for name, most in points_of(case, scratch).items():
            jobs += [lambda c=case, p=name, n=n, b=len(jobs) % 2: kill_at(c, scratch, p, n, b) for n in {1, most}]
    crash.parallel(jobs, WORKERS)
    missed = [name for name in crash.fault_names() if name.startswith("import-") and name not in kills]
    expect(not missed, "no import was killed at %s" % ", ".join(missed))


def kill_in_window(case, scratch, point, number):
    """Lines that come slowly: they are published while they come, and at the end."""
    db = new_db(scratch)
    process = subprocess.Popen(db.command(*case.arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=dict(db.env, CHRONDB_TEST_FAULT="%s:%d" % (point, number),
                                                                CHRONDB_TEST_WINDOW_MS="150"))
    part = len(case.lines) // 3
    try:
        for i in range(3):
            process.stdin.write(b"".join(case.lines[part * i:part * (i + 1)]))
            process.stdin.flush()
            if i < 2:
                time.sleep(WINDOW)
    except BrokenPipeError:
        pass
    try:
        _, err = process.communicate(timeout=crash.LIMIT)
    except (BrokenPipeError, ValueError):
        err = b""
        process.wait()
    expect(process.returncode == -signal.SIGKILL, lambda: "%s:%d: not killed: %d %r" % (
        point, number, process.returncode, err))
    count(point)
    try:
        there = check_cut(case, db)
        publishings = number if point == "import-published" else number - 1
        expect(there > 0 or publishings == 0, "what was published is not there")
        finish(case, db)
    except crash.Failure as failure:
        fail("%s, in windows, killed at %s:%d: %s" % (case.mode, point, number, failure))


def windows(case, scratch):
    """They sleep most of the time, so all of them do so at once."""
    jobs = [lambda p=point, n=number: kill_in_window(case, scratch, p, n)
            for point in ("import-sealed", "import-locked", "import-noted", "ref-renamed", "import-published")
            for number in (1, 2)]
    crash.parallel(jobs, len(jobs))


# ---- random moments --------------------------------------------------------------------------------------------------


def run_and_end(case, db, seconds, signal_number, window):
    process = subprocess.Popen(db.command(*case.arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=dict(db.env, CHRONDB_TEST_WINDOW_MS=window))
    killer = threading.Timer(seconds, process.send_signal, [signal_number])
    killer.start()
    try:
        _, err = process.communicate(case.input, timeout=crash.LIMIT)
    except BrokenPipeError:
        err = b""
        process.wait()
    finally:
        killer.cancel()
    return process.returncode, err


def random_kills(case, scratch, rng, wanted):
    done = 0
    while done < wanted:
        db = new_db(scratch)
        there = 0
        for _ in range(rng.randrange(1, 5)):
            number = rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
            window = rng.choice(["5", "30", "10000"])  # milliseconds: many publishings, some, or one
            code, err = run_and_end(case, db, rng.uniform(0, case.seconds * 1.5), number, window)
            expect(code in (0, -number), lambda: "%s, signal %d: exit %d, %r" % (case.mode, number, code, err))
            now = check_cut(case, db, rng.randrange(4) == 0)
            expect(now >= there, lambda: "%d commits were there, %d are" % (there, now))
            there = now
            expect(code != 0 or there == len(case.commits), "exit 0, and not all is there")
            done += number == signal.SIGKILL and code != 0
            if code != 0:
                count("random moment" if number == signal.SIGKILL else "interrupt")
            if there == len(case.commits) and not any(name.startswith("resume") for name in left_over(db)):
                break  # it was over before the kill; the same lines would be another import
        else:
            rng.choice([finish, finish, finish_behind_another])(case, db)
            continue
        check_finished(case, db)


# ---- a disk that fills -----------------------------------------------------------------------------------------------


def disk_full(scratch, rng):
    """Again and again with more room: what is there is whole, and at last it all is."""
    mount = scratch.new("mount")
    expect(mount_small(mount, "1600k", 20000), "cannot mount a small file system")
    case = Case(scratch, rng, "each", 3000)
    db = Db(os.path.join(mount, "db"))
    db.prefix = "before"
    refused = 0
    try:
        db.must_write(put("before", 1))
        for size in range(1600, 60000, 400):
            crash.run(["mount", "-o", "remount,size=%dk" % size, mount])
            result = db.run(*case.arguments, "--force", stdin=case.input)
            check_full(db, "import")
            if result.code == 0:
                break
            refused += 1
            expect(result.code == crash.EXIT["system"] and CAUSE in result.err and b"'" in result.err,
                   lambda: "a full disk: %s" % result)
        expect(result.code == 0, lambda: "with room: %s" % result)
        expect(len(commits_of(db)) == len(case.commits) + 1, "not all commits are there, or some twice")
        crash.run(["mount", "-o", "remount,size=100m", mount])
        db.must_write(put("after", 1))
        expect(not left_over(db), lambda: "left over: %s" % left_over(db))
        db.ok("delete", "before", "after")
        expect(git(db.path, "rev-parse", "main^{tree}") == case.tree, "another tree")
        crash.fsck(db.path)
    finally:
        crash.run(["umount", "-l", mount])
    expect(refused > 0, "the disk did not get full")
    return "%d imports on a full disk" % refused


def test(scratch, rng):
    cases = [Case(scratch, rng, mode) for mode in MODES]
    quick_points(cases, scratch)
    windows(Case(scratch, rng, "each", 3000), scratch)  # lines are taken by blocks: with fewer nothing is published twice
    each = KILLS // WORKERS + 1
    crash.parallel([lambda c=case, n=n: random_kills(c, scratch, random.Random(crash.SEED + n), each)
                    for n, case in enumerate(cases)], WORKERS)
    full = disk_full(scratch, rng) if private_mounts() else "no full disk: may not mount"
    random_ones = kills.get("random moment", 0)
    return "%d kills (%d at random moments), %d interrupts: whole commits, none lost, none twice; %s" % (
        sum(kills.values()) - kills.get("interrupt", 0), random_ones, kills.get("interrupt", 0), full)


if __name__ == "__main__":
    crash.main(test)
