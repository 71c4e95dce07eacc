# SPDX-License-Identifier: MIT
"""One database, however many create it at once and wherever one of them dies; and what is not ours is left as it is."""
import os
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import EXIT, Db, expect, fault_names, fsck, git, listing, put, run

ROUNDS_OF_TWO = 4 if crash.SLOW else 50
ROUNDS_OF_16 = 2 if crash.SLOW else 10


def only_in(parent, names, what):
    found = sorted(os.listdir(parent))
    expect(found == sorted(names), "%s: beside the database there is %s" % (what, [n for n in found if n not in names]))


def room(scratch, existing=False):
    """A directory of its own and the database in it, which is not there or is an empty directory."""
    parent = scratch.new("parent")
    os.mkdir(parent)
    db = Db(os.path.join(parent, "db"))
    if existing:
        os.mkdir(db.path)
    return parent, db


# ---- races -----------------------------------------------------------------------------------------------------------


def race(scratch, writers, existing):
    parent, db = room(scratch, existing)
    what = "%d first puts at once into %s" % (writers, "an empty directory" if existing else "nothing")
    processes = [subprocess.Popen(db.command("put", "k:%d" % i, str(i)), env=db.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) for i in range(writers)]
    for i, process in enumerate(processes):
        out, err = process.communicate()
        expect(process.returncode == 0, "%s: one exits %d: %s" % (what, process.returncode, err.decode()))
        expect(b'"created"' in out, "%s: one says %r" % (what, out))
        db.values["k:%d" % i] = i
        db.note_commit(crash.Result([], 0, out, err))
    db.commits.clear()  # they were told in the order of our asking, not of their making
    db.check()
    count = int(git(db.path, "rev-list", "--count", "main"))
    expect(count == writers, "%s: %d commits" % (what, count))
    only_in(parent, ["db"], what)
    shutil.rmtree(parent)


def race_beside_dead(scratch):
    """Racing creators sweep what a dead one left, and never one another's."""
    parent, db = room(scratch)
    for point in ("create-aside", "create-layout", "create-filled"):
        expect(db.run("put", "x", "1", fault=point).killed, "a creation does not reach %s" % point)
    left = [name for name in os.listdir(parent) if name != "db"]
    expect(left, "killed creations left nothing: the test proves nothing")
    processes = [subprocess.Popen(db.command("put", "k:%d" % i, str(i)), env=db.env, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for i in range(8)]
    for i, process in enumerate(processes):
        _, err = process.communicate()
        expect(process.returncode == 0, "8 creators beside dead ones' leftovers: exit %d: %s"
               % (process.returncode, err.decode()))
        db.values["k:%d" % i] = i
    db.check()
    only_in(parent, ["db"], "8 creators beside dead ones' leftovers")


def slow_creator(scratch, point):
    """One stands still in its creation while another creates: both documents are there in the end."""
    parent, db = room(scratch)
    slow = subprocess.Popen(db.command("put", "slow", "1"), env=dict(db.env, CHRONDB_TEST_FAULT=point + "@stop"),
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.waitpid(slow.pid, os.WUNTRACED)
    try:
        db.must_write(put("fast", 1))
    finally:
        slow.send_signal(18)  # SIGCONT
        _, err = slow.communicate(timeout=crash.LIMIT)
    expect(slow.returncode == 0, "a creator that stood still at %s exits %d: %s" % (point, slow.returncode, err.decode()))
    db.values["slow"] = 1
    db.check()
    only_in(parent, ["db"], "a creator that stood still at %s" % point)


def theirs(path):
    own = (os.path.join(path, "chrondb"), os.path.join(path, "."))
    return {name: state for name, state in listing(path).items() if not name.startswith(own[0]) and name != own[1]}


def overtaken(scratch, point, *command):
    """A repository that appears after the first look is left as it is, by a restore too, which removes what it began."""
    parent, db = room(scratch, True)
    what = "%s that was overtaken at %s" % (command[0], point)
    env = dict(db.env, CHRONDB_TEST_FAULT=point + "@stop")
    slow = subprocess.Popen([crash.BIN, *command, db.path] if command[0] != "put" else db.command(*command), env=env,
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status = os.waitpid(slow.pid, os.WUNTRACED)
    expect(os.WIFSTOPPED(status), "%s: %s is not reached" % (what, point))
    try:
        make_git(db.path, "--bare", "--template=")
        made = os.path.join(db.path, "refs", "heads", "main")
        with open(made, "w", encoding="ascii") as file:
            file.write("years of work\n")
        before = theirs(db.path)
    finally:
        slow.send_signal(18)  # SIGCONT
        _, err = slow.communicate(timeout=crash.LIMIT)
    expect(slow.returncode == EXIT["no_database"], "%s exits %d: %s" % (what, slow.returncode, err.decode()))
    expect(b"somebody else" in err, "%s says %r" % (what, err))
    after = theirs(db.path)
    expect(before == after, "%s changed %s" % (what, changes(before, after)))
    expect(not os.path.exists(os.path.join(db.path, "chrondb")), "%s left something" % what)
    only_in(parent, ["db"], what)


# ---- killed ----------------------------------------------------------------------------------------------------------


def killed(scratch, point, existing):
    parent, db = room(scratch, existing)
    what = "a creation in %s killed at %s" % ("an empty directory" if existing else "nothing", point)
    first = db.run("put", "a", "1", fault=point)
    if not first.killed:
        expect(first.code == 0, "%s: %s" % (what, first))
        return 0
    if crash.acknowledged(first):
        db.values["a"] = 1
    read = db.run("get", "nothing")
    expect(read.code in (EXIT["no_database"], EXIT["not_found"]), "%s, then a read: %s" % (what, read))
    db.must_write(put("b", 2))
    found = db.read()
    expect(found in ({"b": 2}, {"a": 1, "b": 2}), "%s: then there is %r" % (what, found))
    db.values = found
    db.must_write(put("c", 3))
    db.check()
    only_in(parent, ["db"], what)
    left = [name for name in os.listdir(os.path.join(db.path, "chrondb")) if "tmp" in name]
    expect(not left, "%s: left in chrondb/: %s" % (what, left))
    return 1


# ---- what is not ours ------------------------------------------------------------------------------------------------


def make_git(path, *options):
    result = run(["git", "init", "-q", *options, path])
    expect(result.code == 0, "%s" % result)


def unchanged(path, code, text, *command, env=None):
    """Refused with this exit status and these words; nothing is touched."""
    before = listing(path) if os.path.isdir(path) else open(path, "rb").read()
    result = Db(path, env=env).run(*command) if command[0] != "init" else run([crash.BIN, "init", path, *command[1:]])
    after = listing(path) if os.path.isdir(path) else open(path, "rb").read()
    expect(result.code == code, "%s on %s: exit %d wanted: %s" % (" ".join(command), path, code, result))
    expect(not result.out and result.err.count(b"\n") == 1 and result.err.startswith(b"chrondb: "),
           "not one line of error: %s" % result)
    for word in text:
        expect(word.encode() in result.err, "the message does not say %r: %s" % (word, result))
    expect(before == after, "%s touched %s, which is not a database: %s" % (" ".join(command), path, changes(before, after)))


def changes(before, after):
    if not isinstance(before, dict):
        return "its content changed"
    return [name for name in sorted(set(before) | set(after)) if before.get(name) != after.get(name)]


def refused(scratch):
    foreign = scratch.new("foreign")
    os.mkdir(foreign)
    with open(os.path.join(foreign, "thesis.txt"), "w", encoding="ascii") as file:
        file.write("years of work\n")
    unchanged(foreign, EXIT["no_database"], [foreign, "thesis.txt"], "put", "a", "1")
    unchanged(foreign, EXIT["no_database"], [foreign, "thesis.txt"], "get", "a")
    unchanged(foreign, EXIT["no_database"], [foreign, "thesis.txt"], "init")
    unchanged(foreign, EXIT["no_database"], [foreign], "init", "--adopt")

    work_tree = scratch.new("tree")
    make_git(work_tree)
    unchanged(work_tree, EXIT["no_database"], [work_tree, "work tree"], "put", "a", "1")
    unchanged(work_tree, EXIT["no_database"], [work_tree, "work tree"], "init", "--adopt")

    file = scratch.new("file")
    with open(file, "w", encoding="ascii") as out:
        out.write("content\n")
    unchanged(file, EXIT["no_database"], [file], "put", "a", "1")
    unchanged(file, EXIT["no_database"], [file], "get", "a")
    return 8


def adopted(scratch):
    bare = scratch.new("bare")
    make_git(bare, "--bare", "--initial-branch=main")
    unchanged(bare, EXIT["no_database"], [bare, "init --adopt"], "put", "a", "1")
    unchanged(bare, EXIT["no_database"], [bare, "init --adopt"], "get", "a")
    db = Db(bare)
    for _ in range(2):
        result = run([crash.BIN, "init", "--adopt", bare], env=db.env)
        expect(result.code == 0, "%s" % result)
    db.must_write(put("a", 1))
    expect(git(bare, "config", "extensions.preciousObjects") == "true", "an adopted repository is not precious to git")
    db.check()

    reftable = scratch.new("bare")
    make_git(reftable, "--bare")
    git(reftable, "config", "core.repositoryformatversion", "1")
    git(reftable, "config", "extensions.refStorage", "reftable")
    unchanged(reftable, EXIT["no_database"], [reftable, "refs"], "init", "--adopt")

    sha256 = scratch.new("bare")
    make_git(sha256, "--bare", "--object-format=sha256")
    unchanged(sha256, EXIT["no_database"], [sha256, "SHA-1"], "init", "--adopt")

    for i in range(2):
        db.must_write(put("b", i))
    shallow = scratch.new("bare")
    result = run(["git", "-c", "safe.directory=*", "clone", "-q", "--bare", "--depth=1", "file://" + bare, shallow])
    expect(result.code == 0 and os.path.exists(os.path.join(shallow, "shallow")), "%s" % result)
    unchanged(shallow, EXIT["no_database"], [shallow, "shallow"], "init", "--adopt")
    return 5


# ---- where nothing, or almost nothing, is ----------------------------------------------------------------------------


def nothing(scratch):
    parent, db = room(scratch)
    for args in (["get", "a"], ["list"], ["count"], ["tables"], ["exists", "a"], ["history", "a"], ["log"],
                 ["at", "now", "a"], ["diff", "now"], ["info"], ["delete", "a"], ["patch", "a", "{}"]):
        result = db.run(*args)
        expect(result.code == EXIT["no_database"] and not result.out and db.path.encode() in result.err,
               "where nothing is: %s" % result)
        only_in(parent, [], "after %s where nothing is" % args[0])
    os.mkdir(db.path)
    result = db.run("list")
    expect(result.code == EXIT["no_database"], "in an empty directory: %s" % result)
    expect(os.listdir(db.path) == [], "a read in an empty directory left %s" % os.listdir(db.path))


def lost_and_found(scratch):
    parent, db = room(scratch, True)
    os.mkdir(os.path.join(db.path, "lost+found"), 0o700)
    inode = os.stat(db.path).st_ino
    db.must_write(put("a", 1))
    db.check()
    expect(os.path.isdir(os.path.join(db.path, "lost+found")), "lost+found is gone")
    expect(os.stat(db.path).st_ino == inode, "the directory was replaced, which a mount point cannot be")
    only_in(parent, ["db"], "a creation beside lost+found")


def mode_kept(scratch):
    _, db = room(scratch, True)
    os.chmod(db.path, 0o2750)
    db.must_write(put("a", 1))
    mode = stat.S_IMODE(os.stat(db.path).st_mode)
    expect(mode == 0o2750, "creation changed the mode of an existing directory to %o" % mode)


def other_head(scratch):
    """HEAD names a branch without commits: an empty database, until a put."""
    _, db = room(scratch)
    db.must_write(put("a", 1))
    git(db.path, "symbolic-ref", "HEAD", "refs/heads/other")
    for args, out in ((["list"], b""), (["tables"], b""), (["log"], b"")):
        result = db.run(*args)
        expect((result.code, result.out) == (0, out), "on a branch without commits: %s" % result)
    result = db.run("count")
    expect(result.code == 0 and b'"count":0' in result.out, "on a branch without commits: %s" % result)
    result = db.run("get", "a")
    expect(result.code == EXIT["not_found"], "on a branch without commits: %s" % result)
    db.must_write(put("b", 2))
    expect(db.read() == {"b": 2}, "the new branch has %r" % db.read())
    expect(git(db.path, "rev-list", "--count", "refs/heads/other") == "1", "the put made no branch of one commit")
    expect(db.ok("-b", "main", "list").out == b'{"key":"a","value":1}\n', "the other branch changed")
    fsck(db.path)


def test(scratch, _):
    for existing in (False, True):
        for rounds, writers in ((ROUNDS_OF_TWO, 2), (ROUNDS_OF_16, 16)):
            crash.parallel([lambda e=existing, w=writers: race(scratch, w, e)] * rounds, 2)
    crash.parallel([lambda: race_beside_dead(scratch)] * 3, 2)
    points = [name for name in fault_names() if name.startswith("create-")]
    expect(len(points) >= 10, "only %d fault points of creation: %s" % (len(points), points))
    crash.parallel([lambda p=p: slow_creator(scratch, p) for p in
                    ("create-aside", "create-began", "create-layout", "create-filled")], 4)
    source = Db(scratch.new("source"))
    source.must_write(put("a", 1))
    bundle = scratch.new("bundle")
    source.ok("backup", bundle)
    crash.parallel([lambda c=c, p=p: overtaken(scratch, p, *c) for p, c in
                    (("create-began", ("put", "a", "1")), ("create-began", ("restore-backup", bundle)),
                     ("restore-filling", ("restore-backup", bundle)), ("restore-filling", ("clone", source.path)))], 4)
    kills = crash.parallel([lambda p=p, e=e: killed(scratch, p, e) for p in points for e in (False, True)], 2)
    expect(sum(kills) >= 15, "only %d creations were killed" % sum(kills))
    refusals = refused(scratch) + adopted(scratch)
    for job in (nothing, lost_and_found, mode_kept, other_head):
        job(scratch)
    return "%d races of 2 and %d of 16, %d creations killed, %d refusals that touch nothing" % (
        2 * ROUNDS_OF_TWO, 2 * ROUNDS_OF_16, sum(kills), refusals)


crash.main(test)
