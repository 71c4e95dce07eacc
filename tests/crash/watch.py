# SPDX-License-Identifier: MIT
"""Watches beside 8 writers, pushes, pack-refs and gc: every commit is told once, in order, with all its changes and as
they happen. One follows from the beginning, one is killed again and again and goes on behind what it told last."""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
import crash
from crash import BIN, Db, environment, expect, git, put

WRITERS = 8
PUTS = 4 if crash.SLOW else 16  # of each writer


def writer(db, number, problems):
    try:
        for i in range(PUTS):
            if i % 4 == 3:
                operations = [{"op": "put", "key": "w%d:%d" % (number, k), "value": -i} for k in range(i)]
                db.ok("batch", stdin="".join(json.dumps(o) + "\n" for o in operations).encode())
            else:
                db.ok(*put("w%d:%d" % (number, i), {"n": i}).args)
    except crash.Failure as failure:
        problems.append(str(failure))


def tidy(db, stop):
    while not stop.is_set():
        git(db.path, "pack-refs", "--all", "--prune", check=False)
        db.run("gc", limit=60)
        stop.wait(0.05)


def pushes(db, stop, pushed):
    """As many as come in time: a put is quicker."""
    while not stop.is_set() or not any(pushed):
        pushed.append(crash.push(db, "pushed:%d" % len(pushed), 1))


class Watch:
    def __init__(self, db, path, since):
        self.file = open(path, "ab")
        self.process = subprocess.Popen([BIN, "--db", db.path, "watch", "--since", since], stdout=self.file,
                                        stderr=subprocess.PIPE, env=environment())

    def end(self):
        self.process.kill()
        error = self.process.communicate()[1]
        self.file.close()
        expect(not error, "watch: %r" % error)


def records(path):
    """Those that are whole: a kill may cut the last one."""
    with open(path, "rb") as file:
        return [json.loads(line) for line in file.read().split(b"\n")[:-1]]


def wait_for(path, commit, limit=60):
    end = time.monotonic() + limit
    while not any(record["commit"] == commit for record in records(path)[-40:]):
        expect(time.monotonic() < end, "commit %s is not told" % commit)
        time.sleep(0.02)


def commits_of(path):
    """The commits in the order that they were told in, and the changes of each."""
    order, changes = [], {}
    for record in records(path):
        if record["commit"] not in changes:
            order.append(record["commit"])
        changes.setdefault(record["commit"], []).append((record["key"], record["op"]))
    return order, changes


def restart(db, path, first, stop, problems):
    """Kill it at any moment; it goes on behind the last commit but one, of which all was told."""
    rounds = 0
    while not stop.is_set():
        order, _ = commits_of(path)
        since = order[-2] if len(order) > 1 else first
        whole = [r for r in records(path) if r["commit"] in order[:-1]] if order else []
        with open(path, "wb") as file:
            file.write(b"".join(json.dumps(r).encode() + b"\n" for r in whole))
        watch = Watch(db, path, since)
        rounds += 1
        stop.wait(0.15)
        if stop.is_set():
            try:
                wait_for(path, git(db.path, "rev-parse", "refs/heads/main"))
            except crash.Failure as failure:
                problems.append(str(failure))
        try:
            watch.end()
        except crash.Failure as failure:
            problems.append(str(failure))
    return rounds


def test(scratch, _):
    db = Db(scratch.new())
    db.ok(*put("first", 0).args)
    first = git(db.path, "rev-parse", "refs/heads/main")
    steady, broken = os.path.join(scratch.new("out"), "steady"), os.path.join(scratch.new("out"), "broken")
    for path in steady, broken:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()
    problems, pushed, written, done = [], [], threading.Event(), threading.Event()
    watch = Watch(db, steady, first)
    threads = [threading.Thread(target=writer, args=(db, number, problems)) for number in range(WRITERS)]
    others = [threading.Thread(target=tidy, args=(db, written)),
              threading.Thread(target=pushes, args=(db, written, pushed)),
              threading.Thread(target=restart, args=(db, broken, first, done, problems))]
    for thread in threads + others:
        thread.start()
    for thread in threads:
        thread.join()
    written.set()
    for other in others[:2]:
        other.join()
    head = git(db.path, "rev-parse", "refs/heads/main")
    done.set()
    others[2].join()
    wait_for(steady, head)
    time.sleep(0.1) # the last commit may have more than one change
    watch.end()
    expect(not problems, "\n".join(problems))
    log = [json.loads(line) for line in db.ok("log", "--reverse").out.splitlines()][1:]
    log = [entry for entry in log if entry["changes"]]
    for path in steady, broken:
        order, changes = commits_of(path)
        expect(order == [entry["commit"] for entry in log], "%s: not all commits in their order" % path)
        for entry in log:
            expect(changes[entry["commit"]] == [(c["key"], c["op"]) for c in entry["changes"]], "not all of %s" % entry)
    return "%d commits, %d of them pushed, %d changes" % (len(log), sum(pushed), sum(len(e["changes"]) for e in log))


crash.main(test)
