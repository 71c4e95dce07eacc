# SPDX-License-Identifier: MIT
"""Three databases, a person with plain git, and one bare repository between them, served by git daemon where there is
one and over file://. Random puts, deletes, pulls, pushes and fetches, some of them killed. At the end all have the same
documents and come to rest, nothing acknowledged is missing, every version is in every history, git finds all sound, and
moments before a pull have the answers that they had. 50 steps; CHRONDB_TEST_LONG=1: 500;
CHRONDB_TEST_REPLICATION_STEPS: so many."""
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import Db, expect, fail, git, run

STEPS = crash.often("REPLICATION_STEPS", 50, 500)
FIELDS = {"shared:%d" % i for i in range(6)}
QUIET = ("fetch first", "behind", "no branch")


class Daemon:
    """git daemon on the loopback, or nothing."""

    def __init__(self, base):
        self.process, self.port = None, None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        process = subprocess.Popen(["git", "daemon", "--reuseaddr", "--export-all", "--enable=receive-pack", "--listen=127.0.0.1",
                                    "--port=%d" % self.port, "--base-path=" + base, base], env=crash.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        for _ in range(50):
            if process.poll() is not None:
                return
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                self.process = process
                return
            except OSError:
                time.sleep(0.05)
        process.kill()

    def stop(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()


class Replica(Db):
    def __init__(self, path, name, rng):
        super().__init__(path)
        self.env["GIT_CONFIG_GLOBAL"] = path + ".gitconfig"  # the hub is not the tester's own, perhaps
        with open(path + ".gitconfig", "w", encoding="ascii") as file:
            file.write("[safe]\n\tdirectory = *\n[user]\n\tname = %s\n\temail = %s@example.org\n" % (name, name))
        self.name, self.rng = name, rng
        self.own = {}      # key: its acknowledged values, in order; None is a delete
        self.pending = {}  # key: the value of a write that was killed
        self.answers = []  # (moment, key, answer)

    def note(self, key, value, result):
        self.pending.pop(key, None)
        if crash.acknowledged(result):
            self.own.setdefault(key, []).append(value)
            self.note_commit(result)
        elif result.killed:
            self.pending[key] = value
        else:
            fail("%s" % result)

    def settle(self, key):
        """A write that was killed has happened, or not."""
        if key not in self.pending:
            return
        value = self.pending.pop(key)
        found = self.get(key)
        if found == value and (self.own.get(key) or [None])[-1] != value:
            self.own.setdefault(key, []).append(value)

    def get(self, key, *more):
        result = self.run("get", key, *more)
        if result.code not in (0, 1):
            fail("%s" % result)
        return json.loads(result.out) if result.code == 0 else None

    def remember_answers(self):
        """What some moments say now, they say for ever."""
        result = self.run("log", "--limit", "12", "--format", "ndjson")
        commits = [json.loads(line) for line in result.out.splitlines()]
        if not commits or result.code != 0:
            return
        moment = self.rng.choice(commits)["time"]
        listed = self.ok("list", "--at", moment).out
        self.answers.append((moment, listed))

    def check_answers(self):
        for moment, listed in self.answers:
            now = self.ok("list", "--at", moment).out
            expect(now == listed, lambda m=moment, l=listed, n=now: "%s at %s has another answer:\n%s\n%s"
                   % (self.name, m, crash.shorten(l), crash.shorten(n)))

    def check_versions(self, owner):
        """The history of what one replica alone writes lists its versions, all of them, in order."""
        for key, values in owner.own.items():
            result = self.run("history", key, "--reverse")
            expect(result.code == 0, lambda k=key, v=values, r=result: "history of %s at %s: %r: %s" % (k, self.name, v, r))
            found = [json.loads(line).get("value") for line in result.out.splitlines()]
            wanted = [value for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
            rest = iter(found)
            missing = [value for value in wanted if value not in rest]
            expect(not missing, lambda k=key, w=wanted, f=found: "history of %s at %s: %r lacks some of %r"
                   % (k, self.name, f, w))

    def killed(self, *args):
        """A command that is killed somewhere on its way, alone or with the git that it runs."""
        process = subprocess.Popen(self.command(*args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.env, start_new_session=True)
        everybody = args[0] in ("pull", "fetch") and self.rng.random() < 0.2
        try:
            out, err = process.communicate(timeout=self.rng.uniform(0, 0.012 if args[0] in ("put", "delete") else 0.06))
        except subprocess.TimeoutExpired:
            if everybody:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
            out, err = process.communicate()
        return crash.Result(list(args), process.returncode, out, err)


class World:
    def __init__(self, scratch):
        self.rng = random.Random(crash.SEED)
        base = scratch.new("served")
        os.mkdir(base)
        self.hub = os.path.join(base, "hub.git")
        expect(run(["git", "init", "-q", "--bare", "-b", "main", self.hub]).code == 0, "cannot make the hub")
        self.daemon = Daemon(base)
        urls = ["file://" + self.hub] * 3
        if self.daemon.process:
            urls[0] = "git://127.0.0.1:%d/hub.git" % self.daemon.port
        self.replicas = [Replica(scratch.new("replica"), "r%d" % i, self.rng) for i in range(3)]
        self.person = scratch.new("person")
        self.counter = 0
        self.counts = {}
        first = self.replicas[0]
        first.ok("put", "shared:0", '{"base": 0}')
        first.ok("remote", "add", "origin", urls[0])
        first.ok("push")
        for replica, url in list(zip(self.replicas, urls))[1:]:
            result = run([crash.BIN, "clone", url, replica.path], env=replica.env)
            expect(result.code == 0, "cannot clone: %s" % result)
        expect(run(["git", "clone", "-q", self.hub, self.person]).code == 0, "the person cannot clone")

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    # -- steps

    def write(self, replica):
        self.counter += 1
        kind = self.rng.random()
        if kind < 0.55:
            key, value = "%s:%d" % (replica.name, self.rng.randrange(8)), {"n": self.counter}
            replica.settle(key)
            if self.rng.random() < 0.15 and (replica.own.get(key) or [None])[-1] is not None:
                args, value = ["delete", key], None
            else:
                args = ["put", key, json.dumps(value)]
        elif kind < 0.85:  # fields of shared documents: these merge
            key = "shared:%d" % self.rng.randrange(len(FIELDS))
            found = replica.get(key) or {}
            found[replica.name] = self.counter
            args, value = ["put", key, json.dumps(found)], found
        else:
            key, value = "conflict:%d" % self.rng.randrange(2), self.counter
            args = ["put", key, str(value)]
        own = key.startswith(replica.name)
        if self.rng.random() < 0.2:
            result = replica.killed(*args)
            self.count("killed write" if result.killed else "write")
        else:
            result = replica.run(*args)
            self.count("write")
        if own:
            replica.note(key, value, result)
        elif crash.acknowledged(result):
            replica.note_commit(result)

    def exchange(self, replica, command, kill):
        args = [command]
        if command == "pull":
            replica.remember_answers()
            args += ["--strategy", "newest"]
        result = replica.killed(*args) if kill else replica.run(*args)
        self.count("killed " + command if result.killed else command)
        if result.code == 0 or result.killed:
            return
        if command == "push" and result.code == 3 and b"chrondb pull" in result.err:
            self.count("push refused")
            return
        fail("%s: %s" % (replica.name, result))

    def person_works(self):
        self.counter += 1
        os.makedirs(os.path.join(self.person, "plain"), exist_ok=True)
        with open(os.path.join(self.person, "plain", "%d.json" % self.rng.randrange(6)), "w", encoding="ascii") as file:
            file.write('{"by": "hand", "n": %d}\n' % self.counter)
        inside = ["git", "-C", self.person]
        for command in (["add", "-A"], ["commit", "-q", "-m", "by hand %d" % self.counter],
                        ["pull", "-q", "--no-rebase", "--no-edit", "--strategy-option=theirs"]):
            result = run(inside + command)
            expect(result.code == 0, lambda r=result: "%s" % r)
        result = run(inside + ["push", "-q", "origin", "HEAD:main"])
        self.count("person")
        if result.code != 0 and not any(word.encode() in result.err for word in QUIET):
            fail("%s" % result)

    def step(self):
        replica = self.rng.choice(self.replicas)
        kind = self.rng.random()
        if kind < 0.5:
            self.write(replica)
        elif kind < 0.92:
            command = self.rng.choice(["pull", "pull", "push", "push", "fetch"])
            self.exchange(replica, command, self.rng.random() < 0.25)
        else:
            self.person_works()

    # -- the end

    def roots(self):
        return [git(path, "rev-parse", "refs/heads/main^{tree}") for path in [r.path for r in self.replicas] + [self.hub]]

    def heads(self):
        return [git(path, "rev-parse", "refs/heads/main") for path in [r.path for r in self.replicas] + [self.hub]]

    def settle(self):
        """By turns, until there is nothing to bring."""
        self.person_works()
        for _ in range(3):
            for replica in self.replicas:
                self.exchange(replica, "pull", False)
                self.exchange(replica, "push", False)
        expect(len(set(self.roots())) == 1, lambda: "the root trees differ: %s" % self.roots())
        heads = self.heads()
        for replica in self.replicas:
            self.exchange(replica, "pull", False)
            self.exchange(replica, "push", False)
        expect(self.heads() == heads, "they do not come to rest")

    def check(self):
        for replica in self.replicas:
            for key in list(replica.pending):
                replica.settle(key)
        documents = [replica.read() for replica in self.replicas]
        expect(documents[0] == documents[1] == documents[2], "the documents differ")
        for owner in self.replicas:
            for key, values in owner.own.items():
                expect(documents[0].get(key) == values[-1], lambda k=key, v=values: "%s is %r, not %r"
                       % (k, documents[0].get(k), v[-1]))
            for replica in self.replicas:
                replica.check_versions(owner)
                there = set(git(replica.path, "rev-list", "refs/heads/main").split())
                missing = [commit for commit in owner.commits if commit not in there]
                expect(not missing, lambda m=missing, r=replica: "%s lacks acknowledged commits: %s" % (r.name, m[:5]))
        for replica in self.replicas:
            replica.check_answers()
            crash.fsck(replica.path)
            total = json.loads(replica.ok("search", "*", "--count").out)["total"]
            expect(total == len(documents[0]), "a search of %s finds %d of %d" % (replica.name, total, len(documents[0])))
        crash.fsck(self.hub)


def test(scratch, _):
    world = World(scratch)
    start = time.monotonic()
    try:
        for _ in range(STEPS):
            world.step()
        world.settle()
        world.check()
    finally:
        world.daemon.stop()
    merges = git(world.hub, "rev-list", "--count", "--merges", "main")
    return "%d steps in %.1f s%s: %s; %s of %s commits are merges; %d moments asked again" % (
        STEPS, time.monotonic() - start, " with git daemon" if world.daemon.process else "",
        ", ".join("%d %s" % (n, what) for what, n in sorted(world.counts.items())), merges,
        git(world.hub, "rev-list", "--count", "main"), sum(len(r.answers) for r in world.replicas))


crash.main(test)
