# SPDX-License-Identifier: MIT
"""Git's lock files. One that was left behind, by hand or by a killed process, costs a writer the few seconds until it is
old; one that a live git works under is waited for and never removed, also while git has the file closed. Readers do not
care about any of them."""
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, expect, fail, git, put

LOCKS = ["HEAD.lock", "refs/heads/main.lock", "packed-refs.lock", "config.lock", "shallow.lock", "index.lock",
         "objects/info/commit-graphs/commit-graph-chain.lock", "objects/maintenance.lock", "refs/heads/other.lock"]
STALE = 10  # seconds
AT_ONCE = 3 if not crash.SLOW else 8
WAITED = STALE + AT_ONCE + 1
AN_HOUR = 3600

scratch = None


def database():
    db = Db(scratch.new())
    db.must_write(put("k:1", 1))
    return db


def plant(db, name, age):
    path = os.path.join(db.path, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "x", encoding="ascii"):
        pass
    os.utime(path, (time.time() - age,) * 2)
    return path


def timed(function, *args, **options):
    start = time.monotonic()
    result = function(*args, **options)
    return result, time.monotonic() - start


def write_within(db, most, least=0.0):
    _, seconds = timed(db.must_write, put("k:%d" % (len(db.commits) + 1), time.time()))
    expect(least <= seconds <= most, "the write took %.1f s; between %.1f and %.1f were allowed" % (seconds, least, most))


def read_at_once(db):
    result, seconds = timed(db.read)
    expect(seconds < AT_ONCE, "a read took %.1f s" % seconds)
    db.check_values(None, result)


# ---- left behind -----------------------------------------------------------------------------------------------------


def old_ones():
    for name in LOCKS:
        db = database()
        path = plant(db, name, STALE + 20)
        read_at_once(db)
        write_within(db, AT_ONCE)
        expect(name != "refs/heads/main.lock" or not os.path.exists(path), "the branch's old lock is still there")
        crash.fsck(db.path)


def fresh_one(name):
    db = database()
    plant(db, name, 0)
    read_at_once(db)
    if name == "refs/heads/main.lock":
        result, seconds = timed(db.run, *put("k:0", 0).args, "--lock-timeout", "0.5")
        expect(result.code == 5 and b"main.lock" in result.err, lambda: "a fresh lock: %s" % result)
        expect(seconds < AT_ONCE, "--lock-timeout 0.5 took %.1f s" % seconds)
        write_within(db, WAITED, STALE - 3)
    else:
        write_within(db, AT_ONCE)
    db.check()


def from_the_future():
    """The clock was wrong when it was made: counted from when we first saw it."""
    db = database()
    plant(db, "refs/heads/main.lock", -AN_HOUR)
    write_within(db, WAITED + 1, STALE - 1)
    db.check()


def killed_git(old):
    db = database()
    with Transaction(db, "--git-dir=" + db.path) as transaction:
        transaction.prepare()
        transaction.process.kill()
    path = os.path.join(db.path, "refs/heads/main.lock")
    expect(os.path.exists(path), "git left no lock: what is tested here?")
    if old:
        os.utime(path, (time.time() - STALE - 5,) * 2)
    read_at_once(db)
    write_within(db, AT_ONCE if old else WAITED)
    db.check()


def killed_push():
    """A receive-pack that died with all its family, in the middle of its hook."""
    db = database()
    clone = db.path + ".clone"
    git(db.path, "clone", "-q", db.path, clone)
    crash.run(["git", "-C", clone, "commit", "-q", "--allow-empty", "-m", "pushed"])
    hook = os.path.join(db.path, "hooks/reference-transaction")
    os.makedirs(os.path.dirname(hook))
    with open(hook, "w", encoding="ascii") as file:
        file.write('#!/bin/sh\n[ "$1" != prepared ] || { touch "%s.ready"; sleep 30; }\n' % db.path)
    os.chmod(hook, 0o755)
    pusher = subprocess.Popen(["git", "-C", clone, "push", "-q", "origin", "main"], env=crash.environment(),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: os.path.exists(db.path + ".ready"), "the push does not come to its hook")
    lock = os.path.join(db.path, "refs/heads/main.lock")
    os.utime(lock, (time.time() - STALE - 60,) * 2)
    result = db.run(*put("k:0", 0).args, "--lock-timeout", "1")
    expect(result.code == 5 and os.path.exists(lock), lambda: "a push at work: %s" % result)
    read_at_once(db)
    os.killpg(pusher.pid, signal.SIGKILL)
    pusher.wait()
    os.unlink(hook)
    if os.path.exists(lock):
        os.utime(lock, (time.time() - STALE - 5,) * 2)
    write_within(db, AT_ONCE)
    db.check()
    shutil.rmtree(clone)


def beside_our_own():
    """Processes of chrondb's that hold no lock, a reader that nobody reads from, do not make a dead git's lock a live
    one's."""
    db = database()
    for i in range(40):
        db.must_write(put("long:%d" % i, "x" * 4000))
    reader = subprocess.Popen(db.command("list"), stdout=subprocess.PIPE, env=db.env)
    reader.stdout.read(1)  # the pipe is full, it waits
    plant(db, "refs/heads/main.lock", STALE + 20)
    write_within(db, AT_ONCE)
    expect(reader.poll() is None, "the reader has ended: what is tested here?")
    reader.kill()
    reader.wait()
    reader.stdout.close()


# ---- held ------------------------------------------------------------------------------------------------------------


class Transaction:
    """git update-ref --stdin, which keeps main.lock closed and unrenamed between "prepare" and "commit"."""

    def __init__(self, db, *where, env=None, cwd="/"):
        self.db = db
        tree = git(db.path, "rev-parse", "refs/heads/main^{tree}")
        self.old = git(db.path, "rev-parse", "refs/heads/main")
        self.new = git(db.path, "commit-tree", "-p", self.old, "-m", "theirs", tree)
        self.process = subprocess.Popen(["git", *where, "update-ref", "--stdin"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=crash.environment(**(env or {})), cwd=cwd)

    def say(self, text, answer):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline().decode().strip() if answer else ""
        expect(line == answer, "git update-ref says %r" % line)

    def prepare(self):
        self.say("start", "start: ok")
        self.say("update refs/heads/main %s %s" % (self.new, self.old), "")
        self.say("prepare", "prepare: ok")

    def commit(self):
        self.say("commit", "commit: ok")
        self.db.commits.append(self.new)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def live_git(how):
    """However git was told where the repository is, and however old its lock looks."""
    db = database()
    where, options = {"argument": (["--git-dir=" + db.path], {}), "folder": ([], {"cwd": db.path}),
                      "relative": (["--git-dir", os.path.relpath(db.path, "/usr")], {"cwd": "/usr"}),
                      "environment": ([], {"env": {"GIT_DIR": db.path}})}[how]
    with Transaction(db, *where, **options) as transaction:
        transaction.prepare()
        lock = os.path.join(db.path, "refs/heads/main.lock")
        os.utime(lock, (time.time() + 2,) * 2)
        before = os.stat(lock)
        read_at_once(db)
        result, seconds = timed(db.run, *put("k:0", 0).args, "--lock-timeout", "1")
        expect(result.code == 5, lambda: "a live git's lock: %s" % result)
        expect(0.9 <= seconds < 1 + AT_ONCE, "--lock-timeout 1 took %.1f s" % seconds)
        expect(b"busy" in result.err or b"held" in result.err, lambda: "no word about the lock: %s" % result)
        # It looks old; the process has been there for longer.
        os.utime(lock, (time.time() - 1,) * 2)
        time.sleep(1)
        writer = subprocess.Popen(db.command(*put("k:2", "waited").args, "--lock-timeout", "20"), env=db.env,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(0.5)
        read_at_once(db)
        expect(writer.poll() is None, "it did not wait")
        expect(os.stat(lock).st_ino == before.st_ino, "the live git's lock was taken away")
        transaction.commit()
        out, err = writer.communicate(timeout=crash.LIMIT)
        expect(writer.returncode == 0, "after the wait: %r %r" % (out, err))
    db.values["k:2"] = "waited"
    db.note_commit(crash.Result([], 0, out, err))
    db.check()


def live_git_for_long():
    """Long enough for its lock to be old: still not removed."""
    db = database()
    with Transaction(db, "--git-dir=" + db.path) as transaction:
        transaction.prepare()
        lock = os.path.join(db.path, "refs/heads/main.lock")
        time.sleep(STALE + 0.5)
        result = db.run(*put("k:0", 0).args, "--lock-timeout", "1")
        expect(result.code == 5 and os.path.exists(lock), lambda: "an old lock of a live git: %s" % result)
        transaction.commit()
    write_within(db, AT_ONCE)
    db.check()


def recovery_beside_git():
    """Recovery has to move a branch that git has locked: readers go on, writers wait as long as they are told."""
    db = database()
    head = db.commits[-1]
    db.must_write(put("k:2", 2))
    with open(os.path.join(db.path, "refs/heads/main"), "w", encoding="ascii") as file:
        file.write(head + "\n")  # the power went before the branch was durable
    with Transaction(db, "--git-dir=" + db.path) as transaction:
        transaction.prepare()
        db.reboot()
        read_at_once(db)
        result, seconds = timed(db.run, *put("k:0", 0).args, "--lock-timeout", "1")
        expect(result.code == 5 and seconds < 1 + AT_ONCE, lambda: "%.1f s: %s" % (seconds, result))
        read_at_once(db)
        transaction.commit()
    write_within(db, AT_ONCE)
    db.check()


def stolen():
    """Somebody removes our lock by hand, and git takes it: we must not rename git's lock for ours."""
    for git_holds_it in (True, False):
        db = database()
        writer = subprocess.Popen(db.command(*put("k:3", 3).args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=dict(db.env, CHRONDB_TEST_FAULT="ref-lock-written@stop"))
        os.waitid(os.P_PID, writer.pid, os.WSTOPPED | os.WNOWAIT)
        os.unlink(os.path.join(db.path, "refs/heads/main.lock"))
        with Transaction(db, "--git-dir=" + db.path) as transaction:
            transaction.prepare()
            if not git_holds_it:
                transaction.commit()
            os.kill(writer.pid, signal.SIGCONT)
            out, err = writer.communicate(timeout=crash.LIMIT)
            if git_holds_it:
                transaction.commit()
        expect(writer.returncode != 0, "it claims success: %r" % out)
        db.must_write(put("k:4", 4))
        db.check()


def stopped_writer():
    """A writer that hangs holds its lock: other writers wait as long as they are told, readers do not."""
    db = database()
    for point in ("locked", "ref-locked", "journal-synced"):
        writer = subprocess.Popen(db.command(*put("k:3", point).args), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env=dict(db.env, CHRONDB_TEST_FAULT=point + "@stop"))
        os.waitid(os.P_PID, writer.pid, os.WSTOPPED | os.WNOWAIT)
        read_at_once(db)
        result, seconds = timed(db.run, *put("k:0", 0).args, "--lock-timeout", "0.5")
        expect(result.code == 5 and seconds < AT_ONCE, lambda: "%s, %.1f s: %s" % (point, seconds, result))
        os.kill(writer.pid, signal.SIGCONT)
        out, err = writer.communicate(timeout=crash.LIMIT)
        expect(writer.returncode == 0, "continued: %r" % err)
        db.apply(put("k:3", point), crash.Result([], 0, out, err))
    db.check()


def slow_maintenance():
    """A gc that hangs while it packs refs keeps its locks, and loses nothing of what comes meanwhile if it does not."""
    for point, name in (("gc-refs-written", "packed-refs.lock"), ("gc-ref-locked", "refs/heads/side.lock")):
        db = database()
        git(db.path, "update-ref", "refs/heads/side", "main")
        gc = subprocess.Popen(db.command("gc"), stdout=subprocess.DEVNULL,
                              env=dict(db.env, CHRONDB_TEST_FAULT=point + "@stop"))
        os.waitid(os.P_PID, gc.pid, os.WSTOPPED | os.WNOWAIT)
        lock = os.path.join(db.path, name)
        os.utime(lock, (1, 1))
        db.must_write(put("k:3", 3))
        result = db.run("branch", "-d", "side", "--lock-timeout", "0")
        expect(result.code == 5 and os.path.exists(lock), "%s of a live gc was removed: %s" % (name, result))
        os.unlink(lock)  # as git advises people to
        db.must_write(put("k:4", 4))
        git(db.path, "update-ref", "refs/heads/side", "main")
        git(db.path, "update-ref", "refs/heads/other", "main")
        git(db.path, "pack-refs", "--all")
        refs = git(db.path, "for-each-ref")
        os.kill(gc.pid, signal.SIGCONT)
        expect(gc.wait(crash.LIMIT) == 0, "gc failed")
        expect(git(db.path, "for-each-ref") == refs, "%s: gc brought old refs back" % name)
        db.check()


def lock_file_removed():
    """Who waits for a lock file that is removed under him waits for the new one then."""
    db = database()
    holder = subprocess.Popen(db.command(*put("k:3", 3).args), stdout=subprocess.DEVNULL,
                              env=dict(db.env, CHRONDB_TEST_FAULT="locked@stop"))
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
    waiter = subprocess.Popen(db.command(*put("k:4", 4).args), stdout=subprocess.DEVNULL, env=db.env)
    time.sleep(0.3)
    os.unlink(os.path.join(db.path, "chrondb/lock"))
    other = subprocess.Popen(db.command(*put("k:5", 5).args), stdout=subprocess.DEVNULL,
                             env=dict(db.env, CHRONDB_TEST_FAULT="journal-written@stop"))
    os.waitid(os.P_PID, other.pid, os.WSTOPPED | os.WNOWAIT)
    holder.kill()  # now the waiter has the lock of the file that is gone
    holder.wait()
    time.sleep(0.3)
    expect(waiter.poll() is None, "two writers at once")
    os.kill(other.pid, signal.SIGCONT)
    expect(other.wait(crash.LIMIT) == 0 and waiter.wait(crash.LIMIT) == 0, "a writer failed")
    db.values.update({"k:4": 4, "k:5": 5})
    db.check()


def wait_for(condition, text):
    deadline = time.monotonic() + crash.LIMIT
    while not condition():
        expect(time.monotonic() < deadline, text)
        time.sleep(0.01)


def test(place, _):
    global scratch
    scratch = place
    jobs = [old_ones, killed_push, live_git_for_long, from_the_future, lambda: killed_git(False),
            lambda: killed_git(True), recovery_beside_git, stolen, stopped_writer, slow_maintenance, lock_file_removed,
            beside_our_own]
    jobs += [lambda n=name: fresh_one(n) for name in LOCKS]
    jobs += [lambda h=how: live_git(h) for how in ("argument", "folder", "relative", "environment")]
    crash.parallel(jobs, len(jobs))  # they mostly wait
    return "%d lock files, left behind and held: none in the way for long, none of a live git's removed" % len(LOCKS)


crash.main(test)
