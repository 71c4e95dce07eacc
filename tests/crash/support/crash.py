# SPDX-License-Identifier: MIT
"""What the crash tests share: databases, the program, plain git, faults, and the model of what was acknowledged.

Databases are made below $TMPDIR. $CHRONDB_TEST_SEED repeats a run; every failure prints it.
"""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

BIN = os.environ.get("CHRONDB_BIN") or sys.exit("CHRONDB_BIN is not set: run this with ctest")
SOURCE = os.environ.get("CHRONDB_SOURCE_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../..")
SEED = int(os.environ.get("CHRONDB_TEST_SEED") or 20261121)
SLOW = bool(os.environ.get("CHRONDB_SANITIZE"))
LONG = bool(os.environ.get("CHRONDB_TEST_LONG"))
LIMIT = 120  # seconds that any one command may take, on a machine that does much else
JOURNAL_HALF = 4 << 20
EXIT = {"not_found": 1, "usage": 2, "conflict": 3, "invalid": 4, "busy": 5, "no_database": 6, "damaged": 7, "system": 8}

_here = os.path.basename(sys.argv[0])


def often(name, usual, longer):
    """How many random kills, states or mutations: $CHRONDB_TEST_<name>; or, if CHRONDB_TEST_LONG is set, `longer`; else
    `usual`, a third of it with the sanitizers."""
    given = os.environ.get("CHRONDB_TEST_" + name)
    if given:
        return int(given)
    return longer if LONG else usual // 3 if SLOW else usual


class Failure(Exception):
    """What went wrong, for people."""


def fail(text):
    raise Failure(text)


def expect(condition, text):
    if not condition:
        fail(text() if callable(text) else text)


# ---- running ---------------------------------------------------------------------------------------------------------


def environment(**more):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("GIT_", "CHRONDB_TEST_")) and name not in ("CHRONDB_DIR", "CHRONDB_BRANCH")}
    env.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="T", GIT_AUTHOR_EMAIL="t@t",
               GIT_COMMITTER_NAME="T", GIT_COMMITTER_EMAIL="t@t", LC_ALL="C", HOME="/nonexistent")
    env.update(more)
    return env


class Result:
    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    @property
    def killed(self):
        return self.code == -signal.SIGKILL

    def __str__(self):
        return "%s: exit %s, stdout %r, stderr %r" % (
            " ".join(shown(a) for a in self.args), self.code, shorten(self.out), shorten(self.err))


def shown(text):
    return text if len(text) < 120 else text[:120] + "..."


def shorten(data, most=600):
    return data if len(data) <= most else data[:most] + type(data)(b"..." if isinstance(data, bytes) else "...")


def run(args, stdin=b"", env=None, limit=None, **options):
    process = subprocess.Popen(args, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=env or environment(), **options)
    try:
        out, err = process.communicate(stdin or None, timeout=limit or LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        fail("does not end: %s" % Result(args, "none", out, err))
    return Result(args, process.returncode, out, err)


def git(path, *args, stdin=b"", check=True, **options):
    result = run(["git", "-c", "safe.directory=*", "--git-dir", path, *args], stdin=stdin, **options)
    if check and result.code != 0:
        fail("git: %s" % result)
    return result.out.decode(errors="replace").strip() if check else result


def fsck(path):
    result = git(path, "fsck", "--strict", "--full", "--no-dangling", "--no-progress", check=False, limit=120)
    # What an unfinished write leaves behind unreferenced is no damage, and git does not call it so.
    if result.code != 0 or b"error" in result.err or b"missing" in result.out or b"broken" in result.out:
        fail("git fsck: %s" % result)


def push(db, key, value, branch="main"):
    """What a push does, by plain git: objects, then the branch. True if git could."""
    text = json.dumps(value).encode()
    marks = "%s.marks" % db.path
    stream = ("commit refs/heads/%s\nmark :1\ncommitter T <t@t> %d +0000\ndata 6\npushed\nfrom refs/heads/%s^0\n"
              "M 644 inline %s\ndata %d\n" % (branch, time.time(), branch, key.replace(":", "/") + ".json", len(text)))
    result = git(db.path, "fast-import", "--quiet", "--export-marks=" + marks, stdin=stream.encode() + text + b"\n",
                 check=False)
    if result.code != 0:
        return False
    with open(marks, encoding="ascii") as file:
        db.commits.append(file.read().split()[1])
    os.unlink(marks)
    return True


def pack(db):
    """Loose objects into one more pack, without deltas, as a checkpoint does it."""
    git(db.path, "-c", "pack.window=0", "repack", "-q")
    git(db.path, "prune-packed", "-q")


def fill_half(scratch, db, operation):
    """Write until the next one would not fit into the journal's half: then a checkpoint is due."""
    log = db.path + ".log"
    while True:
        trial = Db(scratch.new("trial"))
        copy_database(db.path, trial.path)
        trial.must_write(operation(), env={"CHRONDB_TEST_FAULT_LOG": log})
        shutil.rmtree(trial.path)
        with open(log, encoding="utf-8") as file:
            switched = "checkpoint-packed" in file.read()
        os.unlink(log)
        if switched:
            return
        db.must_write(operation())


def fault_names():
    """Every named point of the sources, so that a new one is covered the day it is written."""
    names = set()
    for folder, _, files in os.walk(os.path.join(SOURCE, "lib")):
        for name in files:
            if name.endswith(".c"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    names.update(re.findall(r'CDB_FAULT\("([^"]+)"\)', file.read()))
    expect(len(names) > 20, "no fault points found below %s" % SOURCE)
    return sorted(names)


# ---- a database ------------------------------------------------------------------------------------------------------


class Db:
    """A database and what its writers were told."""

    boots = 0

    def __init__(self, path, env=None):
        self.path = path
        self.env = environment(CHRONDB_TEST_FOREGROUND_MAINTENANCE="1", **(env or {}))
        self.values = {}   # key: the last acknowledged value
        self.commits = []  # acknowledged, in order
        self.prefix = None  # list only these when checking

    def reboot(self):
        Db.boots += 1
        self.env["CHRONDB_TEST_BOOT_ID"] = "%08x-0000-4000-8000-%012x" % (SEED & 0xffffffff, Db.boots)

    def command(self, *args):
        return [BIN, "--db", self.path, *args]

    def run(self, *args, stdin=b"", fault=None, limit=None, env=None, **options):
        environment_ = dict(self.env, **(env or {}))
        if fault:
            environment_["CHRONDB_TEST_FAULT"] = fault
        return run(self.command(*args), stdin=stdin, env=environment_, limit=limit, **options)

    def ok(self, *args, **options):
        result = self.run(*args, **options)
        if result.code != 0:
            fail("%s" % result)
        return result

    # -- writes, with a model

    def apply(self, operation, result):
        """Take note of what `result` says about the operation."""
        if acknowledged(result):
            self.values.update(operation.after)
            self.note_commit(result)

    def note_commit(self, result):
        for line in result.out.splitlines()[-1:]:
            record = json.loads(line)
            if record.get("commit") and record["commit"] not in self.commits[-200:]:
                self.commits.append(record["commit"])

    def write(self, operation, **options):
        result = self.run(*operation.args, stdin=operation.stdin, **options)
        self.apply(operation, result)
        return result

    def must_write(self, operation, **options):
        result = self.write(operation, **options)
        if result.code != 0:
            fail("cannot write: %s" % result)
        return result

    # -- checks

    def read(self, **options):
        args = ["list"] + ([self.prefix] if self.prefix else [])
        result = self.run(*args, **options)
        if result.code != 0:
            fail("cannot read: %s" % result)
        return {record["key"]: record["value"] for record in map(json.loads, result.out.splitlines())}

    def matches(self, found, values):
        prefix = self.prefix or ""
        return found == {key: value for key, value in values.items() if value is not None and key.startswith(prefix)}

    def check_values(self, pending=None, found=None):
        """What was acknowledged is there, and the operation that was cut short whole or not at all. It then counts."""
        found = self.read() if found is None else found
        if self.matches(found, self.values):
            return False
        if pending is not None:
            after = dict(self.values, **pending.after)
            if self.matches(found, after):
                self.values = after
                return True
        fail("lost or half there: %s\n  pending: %s\n  found: %s"
             % (difference(self.values, found, self.prefix or ""), pending, shorten(repr(found))))

    def check_history(self, branch="main"):
        """Every acknowledged commit, in order, in the first-parent chain or behind a merge."""
        order = {commit: i for i, commit in
                 enumerate(git(self.path, "rev-list", "--topo-order", "--reverse", "refs/heads/" + branch).split())}
        missing = [commit for commit in self.commits if commit not in order]
        expect(not missing, lambda: "acknowledged commits are missing from the history: %s" % missing[:5])
        places = [order[commit] for commit in self.commits]
        expect(places == sorted(places), "acknowledged commits changed their order")

    def check(self, pending=None):
        self.check_values(pending)
        self.check_history()
        fsck(self.path)


def difference(wanted, found, prefix):
    wanted = {k: v for k, v in wanted.items() if v is not None and k.startswith(prefix)}
    lines = ["%s should be %s, is %s" % (k, shown(repr(wanted.get(k))), shown(repr(found.get(k))))
             for k in sorted(set(wanted) | set(found)) if wanted.get(k) != found.get(k)]
    return "; ".join(lines[:6])


def acknowledged(result):
    """Success counts from the moment its last byte is out, even if the process is killed after."""
    if result.code == 0:
        return True
    return result.killed and result.out.endswith(b"\n") and b'"commit"' in result.out


class Operation:
    """A write: the program's arguments and input, and what the keys are after it (None: deleted)."""

    def __init__(self, args, after, stdin=b""):
        self.args, self.after, self.stdin = args, after, stdin

    def __repr__(self):
        return "%s %s" % (self.args[:2], shorten(repr(self.after), 200))


def put(key, value):
    text = json.dumps(value)
    if len(text) > 100000:  # than an argument may be
        return Operation(["put", key, "-"], {key: value}, text.encode())
    return Operation(["put", key, text], {key: value})


def delete(key):
    return Operation(["delete", key], {key: None})


def batch(values):
    """Puts, and deletes where the value is None, all or nothing."""
    lines = [{"op": "put", "key": k, "value": v} if v is not None else {"op": "delete", "key": k, "if_exists": True}
             for k, v in values.items()]
    return Operation(["batch"], dict(values), "".join(json.dumps(line) + "\n" for line in lines).encode())


def patch(values, key, change):
    merged = dict(values[key])
    merged.update(change)
    return Operation(["patch", key, json.dumps(change)], {key: merged})


_PLAIN = "".join(chr(c) for c in range(33, 127) if chr(c).isalnum()).encode()


def noise(rng, size):
    """Text that hardly compresses; not of so many words that it would take seconds to index them."""
    return rng.randbytes(size).translate((_PLAIN * 5)[:256]).decode()


# ---- files -----------------------------------------------------------------------------------------------------------


def loose_objects(path):
    found = []
    objects = os.path.join(path, "objects")
    for folder in os.listdir(objects):
        if len(folder) == 2:
            found += [os.path.join(objects, folder, name) for name in os.listdir(os.path.join(objects, folder))]
    return found


def copy_database(source, target):
    """Like cp -a: hard links, times and modes stay."""
    links = {}
    os.makedirs(target, exist_ok=True)
    for folder, folders, files in os.walk(source):
        below = target + folder[len(source):]
        for name in folders:
            os.makedirs(os.path.join(below, name), exist_ok=True)
        for name in files:
            origin, copy = os.path.join(folder, name), os.path.join(below, name)
            status = os.lstat(origin)
            if status.st_nlink > 1 and status.st_ino in links:
                os.link(links[status.st_ino], copy)
                continue
            links[status.st_ino] = copy
            shutil.copy2(origin, copy)


def listing(path):
    """Everything about every file but its access time."""
    found = {}
    for folder, folders, files in os.walk(path):
        for name in folders + files + ["."]:
            file = os.path.join(folder, name)
            status = os.lstat(file)
            found[file] = (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


# ---- another user ----------------------------------------------------------------------------------------------------


NOBODY = 65534
_nobody = []


def can_be_nobody():
    """Root can become somebody who owns nothing; and that somebody must reach the program."""
    if not _nobody:
        result = None
        if os.getuid() == 0:
            try:
                result = run([BIN, "--version"], user=NOBODY, group=NOBODY, extra_groups=[])
            except OSError:
                pass
        _nobody.append(result is not None and result.code == 0)
    return _nobody[0]


def as_nobody(db, *args):
    return db.run(*args, user=NOBODY, group=NOBODY, extra_groups=[])


# ---- the test itself -------------------------------------------------------------------------------------------------


class Scratch:
    """A directory for the whole test; kept when it fails, if CHRONDB_TEST_KEEP is set."""

    def __enter__(self):
        self.path = os.path.realpath(tempfile.mkdtemp(prefix="chrondb-crash."))
        os.chmod(self.path, 0o755)
        self.count, self.memory, self.mutex = 0, None, threading.Lock()
        return self

    def new(self, name="db", below=None):
        with self.mutex:
            self.count += 1
            return os.path.join(below or self.path, "%s%d" % (name, self.count))

    def in_memory(self):
        """A place where many files are made fast, if the system has one: for what is built, not for what is tested."""
        if self.memory is None:
            below = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
            self.memory = os.path.realpath(tempfile.mkdtemp(prefix="chrondb-crash.", dir=below))
            os.chmod(self.memory, 0o755)
        return self.memory

    def __exit__(self, kind, *_):
        for path in (self.path, self.memory):
            if path is not None and (kind is None or not os.environ.get("CHRONDB_TEST_KEEP")):
                shutil.rmtree(path, ignore_errors=True)
            elif path is not None:
                print("kept: %s" % path)


def parallel(jobs, workers=4):
    """Run the functions, at most `workers` at once; after a few failures no more are begun."""
    failures = []

    def guarded(job):
        if len(failures) >= 8:
            return None
        try:
            return job()
        except Failure as failure:
            failures.append(str(failure))
            return None

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(guarded, jobs))
    expect(not failures, lambda: "\n".join(failures))
    return results


def main(test):
    """test(scratch, rng) returns the one-line summary."""
    start = time.monotonic()
    try:
        with Scratch() as scratch:
            summary = test(scratch, random.Random(SEED))
    except Failure as failure:
        print("%s: FAILED (repeat with CHRONDB_TEST_SEED=%d)\n%s" % (_here, SEED, failure))
        sys.exit(1)
    print("%s: %s; seed %d, %.1f s" % (_here, summary, SEED, time.monotonic() - start))
