# SPDX-License-Identifier: MIT
"""A program that saves its state in one process and loads it in the next, with kill -9 at any moment, never loses it nor
has it reset (saver.c): 150 processes; CHRONDB_TEST_LONG=1: 1,000."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "support"))
from crash import SEED, expect, fsck, git, main, run  # noqa: E402

SAVER = os.path.join(os.environ["CHRONDB_TEST_BIN_DIR"], "saver")
ROUNDS = 1000 if os.environ.get("CHRONDB_TEST_LONG") else 150


def test(scratch, rng):
    path = scratch.new()
    result = run([SAVER, path, str(ROUNDS), str(SEED)], limit=600)
    expect(result.code == 0, lambda: str(result))
    before, inside, after, saved = map(int, result.out.split())
    expect(before + inside + after == ROUNDS and saved >= ROUNDS // 10, lambda: "hardly anything was done: %s" % result)
    expect(min(before, inside, after) > 0, lambda: "not killed at all sorts of moments: %s" % result)
    fsck(path)
    # Each state is one commit, and none was written twice.
    commits = int(git(path, "rev-list", "--count", "main"))
    expect(commits in (saved, saved + 1), "%d states saved in %d commits" % (saved, commits))
    expect(int(git(path, "cat-file", "-p", "main:" + git(path, "ls-tree", "-r", "--name-only", "main"))) == commits,
           "the state is not the number of commits")
    return "%d states in %d processes, killed before (%d), in (%d) and after (%d) a write" % (
        saved, ROUNDS, before, inside, after)


main(test)
