#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands in our manual pages, run.

    man_examples.py check PAGE...        run them; say where the output is not what the page shows
    man_examples.py update PAGE...       write what they print into the pages
    man_examples.py block SECTION N PAGE print the Nth literal block of a section, as a reader sees it

A literal block that begins with "$ " is an example: a line "$ COMMAND", perhaps with lines "> ..." that continue it,
then what it prints on both streams. In the section EXAMPLES there is no other. A line of output that is too long for a
page is folded at a backslash. A command that fails must be followed by "$ echo $?".

All examples of a page run in one shell, in order, in one directory that is empty at first and called /home/alice/shop
in the output. Everybody is Alice. The clock starts at 2026-11-21T10:00:00Z and goes on a second with every command; a
roff comment '.\\" clock: TIME' sets it for the next one. Sizes on disk depend on the file system: the numbers of
"bytes" and the like are not compared.

$CHRONDB_BIN is the program, built with CHRONDB_TEST_HOOKS.
"""
import contextlib
import datetime
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

WIDTH = 74
HOME = "/home/alice/shop"
START = "2026-11-21T10:00:00Z"
ESCAPES = {"\\e": "\\", "\\&": "", "\\-": "-", "\\(aq": "'", "\\(dq": '"', "\\(ha": "^", "\\(ti": "~", "\\(ga": "`"}


def unescape(line):
    def one(match):
        if match.group() not in ESCAPES:
            raise ValueError(f"unknown escape in {line!r}")
        return ESCAPES[match.group()]

    return re.sub(r"\\(\(..|.)", one, line)


def escape(line):
    line = line.replace("\\", "\\e")
    return "\\&" + line if line.startswith((".", "'")) else line


class Command:
    def __init__(self, line, clock):
        self.line = line  # of the page, from 1
        self.clock = clock
        self.text = []
        self.source = []  # of the command, as it stands in the page
        self.output = []  # unfolded


def blocks(page):
    """(section, number of the first line, lines) of every literal block."""
    section, start, lines = "", None, []
    for number, line in enumerate(page, 1):
        if start is not None:
            if line.startswith(".Ed"):
                yield section, start, lines
                start = None
            else:
                lines.append(line)
        elif line.startswith(".Sh "):
            section = line[4:]
        elif line.startswith(".Bd -literal"):
            start, lines = number + 1, []


def parse(name, section, start, lines):
    """The commands of a block; none if it is no example."""
    commands, clock, folded = [], None, False
    for number, line in enumerate(lines, start):
        if line.startswith('.\\"'):
            match = re.match(r'\.\\" clock: (\S+)$', line)
            clock = match.group(1) if match else clock
            continue
        text = unescape(line)
        if text.startswith("$ "):
            commands.append(Command(number, clock))
            commands[-1].text.append(text[2:])
            commands[-1].source.append(line)
            clock, folded = None, False
        elif not commands:
            if section == "EXAMPLES":
                raise ValueError(f"{name}:{number}: an example begins with '$ '")
            return []
        elif (text == ">" or text.startswith("> ")) and not commands[-1].output:
            commands[-1].text.append(text[2:])
            commands[-1].source.append(line)
        else:
            if folded:
                commands[-1].output[-1] += text
            else:
                commands[-1].output.append(text)
            folded = text.endswith("\\")
            if folded:
                commands[-1].output[-1] = commands[-1].output[-1][:-1]
    return commands


def script(commands, marker):
    now = None
    text = ["last_status=0"]
    for command in commands:
        now = command.clock or (START if now is None else now)
        text += [
            f"export CHRONDB_TEST_NOW={shlex.quote(now)}",
            "(exit $last_status)",
            f"eval {shlex.quote(os.linesep.join(command.text))} 2>&1 </dev/null",
            "last_status=$?",
            f"printf '%s %s\\n' {marker} $last_status",
        ]
        moment = datetime.datetime.fromisoformat(now.replace("Z", "+00:00"))
        if not command.text[0].startswith("#"):
            moment += datetime.timedelta(seconds=1)
        now = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return os.linesep.join(text) + os.linesep


def environment(base):
    home, bin_dir = os.path.join(base, "home"), os.path.join(base, "bin")
    os.mkdir(home)
    os.mkdir(bin_dir)
    os.symlink(os.path.realpath(os.environ["CHRONDB_BIN"]), os.path.join(bin_dir, "chrondb"))
    kept = {k: v for k, v in os.environ.items() if re.match(r"(PATH|TMPDIR|LANG|[AUT]+B?SAN_OPTIONS)$", k)}
    alice = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER")
             for part, value in (("NAME", "Alice"), ("EMAIL", "alice@example.org"))}
    return {**kept, **alice, "PATH": bin_dir + ":" + kept.get("PATH", "/usr/bin:/bin"), "HOME": home, "TZ": "UTC",
            "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}


@contextlib.contextmanager
def temporary_directory():
    """Removed at the end, also if a process in the background still writes there."""
    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        for _ in range(100):
            shutil.rmtree(path, ignore_errors=True)
            if not os.path.exists(path):
                break
            time.sleep(0.1)


def run(commands):
    """(output lines, exit status) of each."""
    with temporary_directory() as base:
        base = os.path.realpath(base)
        shop = os.path.join(base, "shop")
        os.mkdir(shop)
        marker = "@@@" + os.path.basename(base)
        done = subprocess.run(["sh"], input=script(commands, marker).encode(), cwd=shop, env=environment(base),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        text = done.stdout.decode().replace(shop, HOME)
    parts = re.split(rf"{marker} (\d+)\n", text)
    outputs = [part.splitlines() for part in parts[0::2]][: len(commands)]
    statuses = [int(status) for status in parts[1::2]]
    if len(statuses) != len(commands):
        raise ValueError(f"the shell ended early: {text!r}")
    return list(zip(outputs, statuses))


def without_sizes(lines):
    return [re.sub(r'("(?:journal_|index_)?bytes": *)\d+|^((?:journal_|index_)?bytes *)\d+$', r"\1\2N", line) for line in lines]


def fold(line):
    """Lines of at most WIDTH, a backslash at the end of all but the last, broken between members of JSON or words."""
    lines = []
    gaps = [',"', " "] if line.startswith(("{", "[", '"')) else [" "]
    while len(line) > WIDTH:
        places = [line.rfind(gap, WIDTH // 4, WIDTH - 1) + 1 for gap in gaps]
        at = next(filter(None, places), WIDTH - 1)
        lines.append(line[:at] + "\\")
        line = line[at:]
    return lines + [line]


def read(name):
    with open(name, encoding="utf-8") as file:
        return file.read().splitlines()


def check(name):
    """How many examples are wrong."""
    commands = [c for block in blocks(read(name)) for c in parse(name, *block)]
    results = run(commands) if commands else []
    wrong = 0
    for i, (command, (output, status)) in enumerate(zip(commands, results)):
        told = i + 1 < len(commands) and commands[i + 1].text == ["echo $?"]
        if without_sizes(output) != without_sizes(command.output):
            wrong += 1
            print(f"{name}:{command.line}: {command.text[0]}")
            for who, lines in ("page:   ", command.output), ("program:", output):
                for line in lines:
                    print(f"  {who} {line}")
        elif status != 0 and not told:
            wrong += 1
            print(f"{name}:{command.line}: exit {status}, and no 'echo $?' tells it: {command.text[0]}")
    return wrong


def update(name):
    page = read(name)
    found = [(start, lines, parse(name, section, start, lines)) for section, start, lines in blocks(page)]
    results = iter(run([c for _, _, commands in found for c in commands]))
    for start, lines, commands in reversed([(s, l, [(c, next(results)) for c in cs]) for s, l, cs in found]):
        if not commands:
            continue
        fresh, starts = [], {c.line: (c, output) for c, (output, _) in commands}
        for number, line in enumerate(lines, start):
            if number in starts:
                command, output = starts[number]
                if without_sizes(output) == without_sizes(command.output):
                    output = command.output
                fresh += command.source + [escape(folded) for text in output for folded in fold(text)]
            elif line.startswith('.\\"'):
                fresh.append(line)
        page[start - 1:start - 1 + len(lines)] = fresh
    with open(name, "w", encoding="utf-8") as file:
        file.write("\n".join(page) + "\n")


def main(arguments):
    if len(arguments) > 1 and arguments[0] == "check":
        return 1 if sum([check(name) for name in arguments[1:]]) else 0
    if len(arguments) > 1 and arguments[0] == "update":
        for name in arguments[1:]:
            update(name)
        return 0
    if len(arguments) == 4 and arguments[0] == "block":
        found = [lines for section, _, lines in blocks(read(arguments[3])) if section == arguments[1]]
        print(*[unescape(line) for line in found[int(arguments[2]) - 1]], sep="\n")
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
