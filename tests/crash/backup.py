# SPDX-License-Identifier: MIT
"""Backups and restores that are killed at every named point, at random moments, and on a full disk: the old file stays
whole, there is a whole database or none, and the next attempt succeeds and leaves nothing of the dead behind."""
import os
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import EXIT, SLOW, Db, batch, environment, expect, fsck, git, put, run
from diskfull import mount_small, private_mounts

RANDOM_KILLS = 3 if SLOW else 6
WORKERS = 4


def refs(path):
    return git(path, "show-ref", "--head", "--dereference")


def command(*args, fault=None, stdin=b"", log=None):
    env = environment(CHRONDB_TEST_FOREGROUND_MAINTENANCE="1")
    if fault:
        env["CHRONDB_TEST_FAULT"] = fault
    if log:
        env["CHRONDB_TEST_FAULT_LOG"] = log
    return run([crash.BIN, *args], env=env, stdin=stdin)


def ok(*args, **options):
    result = command(*args, **options)
    expect(result.code == 0, "%s" % result)
    return result


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Source:
    """A database, a full backup of it, what came then, and an incremental one."""

    def __init__(self, scratch):
        self.db = db = Db(scratch.new("source"))
        db.must_write(batch({"many:%d" % i: i for i in range(80)}))
        git(db.path, "update-ref", "refs/heads/old", "main")
        db.must_write(put("a:1", 1))
        git(db.path, "tag", "-a", "-m", "one", "v1", "main")
        self.full, self.more = scratch.new("full"), scratch.new("more")
        ok("--db", db.path, "backup", self.full)
        self.full_refs = refs(db.path)
        db.must_write(put("a:1", 2))
        git(db.path, "update-ref", "-d", "refs/heads/old")
        git(db.path, "update-ref", "refs/heads/new", "main")
        ok("--db", db.path, "config", "set", "search.language", "german")
        ok("--db", db.path, "backup", self.more, "--since", self.full)
        self.refs = refs(db.path)


def points_of(scratch, prepare, *args):
    """The named points that a run reaches, each with how often."""
    log = scratch.new("log")
    prepare()
    ok(*args, log=log)
    with open(log, encoding="utf-8") as file:
        names = file.read().split()
    return {name: names.count(name) for name in names}


def numbers(times):
    return sorted({1, times})


# ---- backup ----------------------------------------------------------------------------------------------------------


def check_old_file(folder, file, old):
    expect(content(file) == old, "the old file has changed")
    left = [name for name in os.listdir(folder) if name != "file"]
    expect(len(left) <= 1, "a dead backup left %s" % left)


def backup_killed(scratch, source, point, number):
    folder = scratch.new("folder")
    os.mkdir(folder)
    file = os.path.join(folder, "file")
    shutil.copy(source.full, file)
    os.chmod(file, 0o600)
    old = content(file)
    result = command("--db", source.db.path, "backup", file, fault="%s:%d" % (point, number))
    if point == "newfile-renamed":
        expect(content(file) != old, "it was renamed")
    elif result.killed:
        check_old_file(folder, file, old)
    ok("--db", source.db.path, "backup", file)
    expect(os.listdir(folder) == ["file"], "a dead backup left something: %s" % os.listdir(folder))
    expect(os.stat(file).st_mode & 0o777 == 0o600, "the mode has changed")
    copy = scratch.new("copy")
    ok("restore-backup", file, copy)
    expect(refs(copy) == refs(source.db.path), "the backup has other refs")
    return result.killed


def backups(scratch, source):
    points = points_of(scratch, lambda: None, "--db", source.db.path, "backup", scratch.new("file"))
    jobs = [lambda p=p, n=n: backup_killed(scratch, source, p, n) for p, times in points.items() for n in numbers(times)]
    expect(sum(name.startswith("backup-") for name in points) >= 5, "a backup reaches only %s" % list(points))
    return sum(crash.parallel(jobs, WORKERS))


# ---- restore ---------------------------------------------------------------------------------------------------------


def check_whole(path, wanted):
    expect(refs(path) == wanted, "other refs:\n%s\n%s" % (refs(path), wanted))
    fsck(path)


def is_database(path):
    return os.path.exists(os.path.join(path, "chrondb", "format"))


def restore_killed(scratch, source, point, number, exists):
    """To a place that is absent, or an empty directory, which is filled where it is."""
    parent = scratch.new("parent")
    os.mkdir(parent)
    path = os.path.join(parent, "db")
    if exists:
        os.mkdir(path)
    result = command("restore-backup", source.full, path, fault="%s:%d" % (point, number))
    if result.killed and is_database(path):
        check_whole(path, source.full_refs)
    elif result.killed:
        answer = command("--db", path, "list")
        expect(answer.code == EXIT["no_database"], "half a database answers: %s" % answer)
        ok("restore-backup", source.full, path)
    check_whole(path, source.full_refs)
    expect(os.listdir(parent) == ["db"], "a dead restore left something: %s" % os.listdir(parent))
    ok("--db", path, "put", "after", "1")
    return result.killed


def put_instead(scratch, source):
    """Whoever comes after a restore that died finds a place for a new database."""
    path = scratch.new("empty")
    os.mkdir(path)
    result = command("restore-backup", source.full, path, fault="restore-refs")
    expect(result.killed, "not killed: %s" % result)
    ok("--db", path, "put", "k", "1")
    expect(ok("--db", path, "list").out == b'{"key":"k","value":1}\n', "what is there is not what was put")
    fsck(path)


def apply_killed(scratch, source, base, point, number):
    path = scratch.new("applied")
    crash.copy_database(base, path)
    result = command("restore-backup", source.more, path, fault="%s:%d" % (point, number))
    answer = ok("--db", path, "get", "a:1")
    expect(answer.out in (b"1\n", b"2\n"), "half applied: %s" % answer)
    ok("restore-backup", source.more, path)
    check_whole(path, source.refs)
    ok("--db", path, "put", "after", "1")
    expect(not os.path.exists(os.path.join(path, "chrondb", "import")), "a dead restore left its directory")
    return result.killed


def restores(scratch, source):
    killed = []
    for exists in (False, True):
        path = scratch.new("measured")
        points = points_of(scratch, (lambda: os.mkdir(path)) if exists else lambda: None, "restore-backup", source.full, path)
        killed += crash.parallel([lambda p=p, n=n, e=exists: restore_killed(scratch, source, p, n, e)
                                  for p, times in points.items() for n in numbers(times)], WORKERS)
    base, measured = scratch.new("base"), scratch.new("measured")
    ok("restore-backup", source.full, base)
    crash.copy_database(base, measured)
    points = points_of(scratch, lambda: None, "restore-backup", source.more, measured)
    check_whole(measured, source.refs)
    killed += crash.parallel([lambda p=p, n=n: apply_killed(scratch, source, base, p, n)
                              for p, times in points.items() for n in numbers(times)], WORKERS)
    put_instead(scratch, source)
    return sum(killed)


# ---- beside others ---------------------------------------------------------------------------------------------------


def beside(scratch, rng):
    """Backups beside writers and gc: each holds what was acknowledged before it began."""
    db = Db(scratch.new("busy"))
    db.must_write(batch({"many:%d" % i: i for i in range(500)}))
    stop, problems = threading.Event(), []

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            result = db.run("put", "w:%d" % (number % 7), str(number))
            if result.code != 0:
                problems.append(str(result))

    def tidy():
        while not stop.is_set():
            result = db.run("gc")
            if result.code not in (0, EXIT["busy"]):
                problems.append(str(result))

    threads = [threading.Thread(target=job) for job in (write, tidy)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3 if SLOW else 5):
            before = git(db.path, "rev-parse", "main")
            file, copy = scratch.new("file"), scratch.new("copy")
            ok("--db", db.path, "backup", file)
            ok("restore-backup", file, copy)
            fsck(copy)
            git(copy, "merge-base", "--is-ancestor", before, "main")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    expect(not problems, lambda: "\n".join(problems[:3]))


def killed_after(scratch, source, seconds):
    """At a random moment, with SIGTERM and SIGKILL by turns."""
    import subprocess
    folder = scratch.new("folder")
    os.mkdir(folder)
    file, path = os.path.join(folder, "file"), os.path.join(folder, "db")
    shutil.copy(source.full, file)
    old = content(file)
    for args in (("--db", source.db.path, "backup", file), ("restore-backup", source.full, path)):
        process = subprocess.Popen([crash.BIN, *args], env=environment(), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    if content(file) != old:
        ok("restore-backup", file, scratch.new("copy"))
    if is_database(path):
        check_whole(path, source.full_refs)
    else:
        ok("restore-backup", source.full, path)


def full_disk(scratch, source):
    """Nothing is left of what did not fit, and the old file is as it was."""
    mount = scratch.new("mount")
    if not mount_small(mount, "400k", 10000):
        return
    try:
        file = os.path.join(mount, "file")
        with open(file, "wb") as old:
            old.write(b"old")
        ballast = os.open(os.path.join(mount, "ballast"), os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(ballast, bytes(1024))
        except OSError:
            pass
        os.close(ballast)
        result = command("--db", source.db.path, "backup", file)
        expect(result.code == EXIT["system"] and b"No space left" in result.err, "on a full disk: %s" % result)
        expect(content(file) == b"old", "the old file has changed")
        result = command("restore-backup", source.full, os.path.join(mount, "db"))
        expect(result.code == EXIT["system"] and b"No space left" in result.err, "on a full disk: %s" % result)
        expect(sorted(os.listdir(mount)) == ["ballast", "file"], "left: %s" % os.listdir(mount))
        os.unlink(os.path.join(mount, "ballast"))
        ok("--db", source.db.path, "backup", file)
    finally:
        run(["umount", "-l", mount])


def test(scratch, rng):
    source = Source(scratch)
    backed_up = backups(scratch, source)
    restored = restores(scratch, source)
    crash.parallel([lambda s=rng.random() * 0.03: killed_after(scratch, source, s) for _ in range(RANDOM_KILLS)], 2)
    beside(scratch, rng)
    if private_mounts():
        full_disk(scratch, source)
    return "%d backups and %d restores killed at named points, %d at random moments, beside writers and gc" % (
        backed_up, restored, 2 * RANDOM_KILLS)


if __name__ == "__main__":
    crash.main(test)
