# SPDX-License-Identifier: MIT
"""A full disk: a put says so and writes nothing, what was acknowledged stays, and with room again the next put works.
The same where no more files fit, and for the output."""
import ctypes
import os
import resource
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import EXIT, Db, batch, delete, expect, fail, fsck, noise, put, run

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
CAUSE = b"No space left on device"


def private_mounts():
    """Mounts of this process and its children only; False where that is not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    return (os.geteuid() == 0 and libc.unshare(CLONE_NEWNS) == 0
            and libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0)


def mount_small(path, size, inodes):
    os.mkdir(path)
    result = run(["mount", "-t", "tmpfs", "-o", "size=%s,nr_inodes=%d,mode=0755" % (size, inodes), "tmpfs", path])
    return result.code == 0


def small_writes(rng):
    number = 0
    while True:
        number += 1
        yield put("k:%d" % number, {"n": number, "text": noise(rng, 400)})


def mixed_writes(rng):
    """Small and large, batches and deletes."""
    number = 0
    while True:
        number += 1
        if number % 11 == 0:
            yield batch({"b:%d:%d" % (number, i): noise(rng, 200) for i in range(20)})
        elif number % 7 == 0:
            yield put("large:%d" % number, noise(rng, 400000))
        elif number % 5 == 0:
            yield delete("k:%d" % (number - 1))
        else:
            yield put("k:%d" % number, {"n": number, "text": noise(rng, 2000)})


def huge_writes(rng):
    """More than the journal takes: packs."""
    number = 0
    while True:
        number += 1
        yield batch({"h:%d:%d" % (number, i): noise(rng, 30000) for i in range(100)})


def check_refused(result, what):
    expect(result.code == EXIT["system"], "%s: exit %d wanted: %s" % (what, EXIT["system"], result))
    expect(not result.out, "%s: something on stdout: %s" % (what, result))
    expect(result.err.count(b"\n") == 1 and CAUSE in result.err, "%s: the cause is not told: %s" % (what, result))
    expect(b"'" in result.err, "%s: no file is named: %s" % (what, result))


def check_full(db, what):
    """Everything acknowledged is readable with no room at all."""
    db.check_values()
    for args in (["count"], ["log", "--limit", "3"], ["info"], ["tables"]):
        result = db.run(*args)
        expect(result.code == 0, "%s: a read: %s" % (what, result))
    db.check_history()
    fsck(db.path)


def fill(scratch, rng, what, writes, size, inodes=100000):
    """Put until the disk is full, thrice."""
    mount = scratch.new("mount")
    expect(mount_small(mount, size, inodes), "cannot mount a small file system at %s" % mount)
    db = Db(os.path.join(mount, "db"))
    ballast = os.path.join(mount, "ballast")
    os.mkdir(ballast)
    for i in range(300):
        with open(os.path.join(ballast, str(i)), "wb") as file:
            file.write(bytes(4096))
    writing, puts, refusals = writes(rng), 0, 0
    try:
        for round_ in range(3):
            refused = 0
            while refused < 5:  # a smaller one may still fit
                operation = next(writing)
                if operation.args[0] == "delete" and not all(key in db.values for key in operation.after):
                    continue  # its put was refused
                result = db.write(operation)
                if result.code == 0:
                    puts += 1
                    expect(puts < 20000, "%s: the disk does not get full" % what)
                else:
                    refused += 1
                    refusals += 1
                    check_refused(result, "%s, put number %d" % (what, puts + 1))
            check_full(db, what)
            for i in range(100):  # room again
                os.remove(os.path.join(ballast, str(100 * round_ + i)))
            operation = put("after:%d" % round_, round_)
            result = db.write(operation)
            expect(result.code == 0, "%s: room again, and: %s" % (what, result))
            db.check()
    finally:
        run(["umount", "-l", mount])
    expect(puts > 3, "%s: only %d puts before the disk was full" % (what, puts))
    return "%s: %d writes, %d refused" % (what, puts, refusals)


def gc_on_a_full_disk(scratch, rng):
    """It says so, loses nothing, leaves nothing behind; with room again it is done."""
    mount = scratch.new("mount")
    expect(mount_small(mount, "24m", 100000), "cannot mount a small file system at %s" % mount)
    db = Db(os.path.join(mount, "db"))
    ballast = os.path.join(mount, "ballast")
    refused = done = 0
    try:
        for i in range(12):
            db.must_write(batch({"b:%d:%d" % (i % 3, n): noise(rng, 3000) for n in range(60)}))
        for left in [0, 4096, 16384] + [rng.randrange(1 << 21) for _ in range(12)] + [1 << 22]:
            status = os.statvfs(mount)
            with open(ballast, "wb") as file:
                file.write(bytes(max(0, status.f_bavail * status.f_frsize - left)))
            result = db.run("gc")
            if result.code == 0:
                done += 1
            else:
                refused += 1
                check_refused(result, "gc with %d bytes left" % left)
            check_full(db, "gc with %d bytes left" % left)
            os.remove(ballast)
            files = [n for n in os.listdir(os.path.join(db.path, "objects/pack")) if not n.startswith("pack-")]
            expect(not files, "left over: %s" % files)
            db.must_write(batch({"c:%d:%d" % (left % 7, n): noise(rng, 1000) for n in range(20)}))
        db.ok("gc")
        db.check()
    finally:
        run(["umount", "-l", mount])
    expect(refused > 3, "gc met no full disk")
    return "gc: %d refused, %d done" % (refused, done)


def limited(scratch, rng):
    """Without mounts: files may not grow beyond a limit. The kernel says EFBIG, the same code runs."""
    db = Db(scratch.new())
    puts = refused = 0
    for operation in small_writes(rng):
        limit = 100 << 10 if puts < 20 else 1 << 30

        def set_limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        result = run(db.command(*operation.args), env=db.env, preexec_fn=set_limit)
        db.apply(operation, result)
        if result.code != 0:
            expect(result.code == EXIT["system"] and b"File too large" in result.err, "under a limit: %s" % result)
            refused += 1
        puts += 1
        if puts == 40:
            break
    expect(refused > 0, "no put met the limit")
    db.check()
    return "files limited by the kernel: %d refused" % refused


def output_full(scratch):
    """The output is lost: an error; the write that it was about counts."""
    db = Db(scratch.new())
    for i in range(200):
        if i % 50 == 0:
            db.must_write(batch({"d:%d" % n: {"n": n, "text": "x" * 100} for n in range(i, i + 50)}))
    commands = [["get", "d:1"], ["list"], ["list", "--format", "json"], ["count"], ["log"], ["info"], ["history", "d:1"],
                ["tables"], ["diff", db.commits[0], "now"], ["at", "now", "d:1"], ["help"], ["get", "-h"],
                ["--version"], ["put", "new", "1"]]
    for args in commands:
        with open("/dev/full", "wb", buffering=0) as full:
            process = subprocess.Popen(db.command(*args), env=db.env, stdin=subprocess.DEVNULL, stdout=full,
                                       stderr=subprocess.PIPE)
            _, err = process.communicate(timeout=crash.LIMIT)
        result = crash.Result(args, process.returncode, b"", err)
        expect(process.returncode == EXIT["system"], "stdout on /dev/full: %s" % result)
        expect(err.count(b"\n") == 1 and CAUSE in err, "stdout on /dev/full: %s" % result)
    found = db.read()
    expect(found.get("new") == 1, "the put whose output was lost is not there, and nothing said so")
    db.values["new"] = 1
    db.check()
    return "%d commands with a full output" % len(commands)


def test(scratch, rng):
    summaries = [output_full(scratch)]
    if private_mounts():
        summaries.append(fill(scratch, rng, "small documents", small_writes, "5m"))
        summaries.append(fill(scratch, rng, "all kinds", mixed_writes, "16m"))
        summaries.append(fill(scratch, rng, "batches beyond the journal", huge_writes, "24m"))
        summaries.append(fill(scratch, rng, "no more files", small_writes, "100m", 900))
        summaries.append(gc_on_a_full_disk(scratch, rng))
    else:
        summaries.append(limited(scratch, rng) + "; no full file system: may not mount")
    return "; ".join(summaries)


if __name__ == "__main__":
    crash.main(test)
