# SPDX-License-Identifier: MIT
"""A disk that forgets. A command's system calls are recorded with strace and replayed into a model of a file system that
knows what was synced; from any moment it builds the directories that a power cut may leave behind.

What is durable: the content of a file up to its last fsync, fdatasync or syncfs; the names in a directory up to its last
fsync, or syncfs. (An fsync of a file makes no name durable here: some file systems do it, none has to.) Whatever else
happened may be there or not:

- names, in order: as with a journalling file system, some first part of the changes since the last sync;
- names, any: each change for itself, whatever its order (a rename is one change);
- content: not there (the file ends where it ended), zeros, some of its sectors, some of the writes, or all of it.
"""
import os
import re
import signal
import subprocess

import crash
from crash import expect, fail

SECTOR = 512
CALLS = ("open,openat,creat,write,pwrite64,writev,pwritev,pwritev2,rename,renameat,renameat2,link,linkat,unlink,unlinkat,"
         "rmdir,mkdir,mkdirat,symlink,symlinkat,ftruncate,truncate,fallocate,fsync,fdatasync,syncfs,sync,mmap,close,dup,"
         "dup2,dup3,lseek,copy_file_range,sendfile,splice,chdir,fchdir,clone,clone3,fork,vfork,io_uring_setup")

STRING = r'"(?:\\x[0-9a-f]{2})*"(?:\.\.\.)?'
LINE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|\?|0x[0-9a-f]+)(?:<[^>]*>)?(?: .*)?$")
FD = re.compile(r"^(AT_FDCWD|-?\d+)(?:<([^>]*)>(?:\(deleted\))?)?$")


def unescape(text):
    expect(not text.endswith("..."), "strace cut a string short")
    return bytes.fromhex(text.strip('"').replace("\\x", ""))


def check_strace():
    """It is needed, and must be allowed: this test is not skipped."""
    try:
        result = crash.run(["strace", "-f", "-o", "/dev/null", "-e", "trace=close", "true"])
    except FileNotFoundError:
        fail("strace is not installed: power cuts cannot be tested without it")
    expect(result.code == 0, lambda: "strace is not allowed here (ptrace): power cuts cannot be tested: %s" % result)


# ---- the model -------------------------------------------------------------------------------------------------------


class Node:
    """A file or directory, as the running system sees it."""

    def __init__(self, number, folder, mode=0o644):
        self.number, self.folder, self.mode = number, folder, mode
        self.entries = {} if folder else None
        self.size = 0
        self.durable = b""  # content before the recording


class Disk:
    """`root` is a real directory; what is in it when the recording starts is durable."""

    def __init__(self, root):
        self.root = root
        self.nodes = []
        self.ops = []  # ("name", [(folder, name, number or None)...]), ("data", n, at, bytes), ("size", n, size),
        #                ("sync", n), ("sync all",), ("mark", anything)
        self.top = self.new_node(True)
        self.names = {}  # at the start: (folder number, name) -> number
        self.load(self.top, root, {})

    def new_node(self, folder, mode=0o644):
        node = Node(len(self.nodes), folder, mode)
        self.nodes.append(node)
        return node

    def load(self, node, path, seen):
        for entry in os.scandir(path):
            status = entry.stat(follow_symlinks=False)
            child = seen.get(status.st_ino)
            if child is None:
                child = seen[status.st_ino] = self.new_node(entry.is_dir(), status.st_mode & 0o777)
                if child.folder:
                    self.load(child, entry.path, seen)
                else:
                    with open(entry.path, "rb") as file:
                        child.durable = file.read()
                    child.size = len(child.durable)
            node.entries[entry.name] = child
            self.names[node.number, entry.name] = child.number

    def mark(self, what):
        self.ops.append(("mark", what))

    def find(self, path):
        """The node at an absolute path; None if it is not there, or not below the root."""
        if path == self.root:
            return self.top
        if not path.startswith(self.root + "/"):
            return None
        node = self.top
        for part in os.path.normpath(path[len(self.root) + 1:]).split("/"):
            node = node.entries.get(part) if node is not None and node.folder else None
        return node

    def place(self, path):
        """The folder's node and the name; (None, None) outside."""
        path = os.path.normpath(path)
        folder = self.find(os.path.dirname(path))
        return (folder, os.path.basename(path)) if folder is not None else (None, None)

    def set_names(self, *changes):
        for folder, name, node in changes:
            if node is None:
                folder.entries.pop(name, None)
            else:
                folder.entries[name] = node
        self.ops.append(("name", [(folder.number, name, None if node is None else node.number)
                                  for folder, name, node in changes]))

    # -- recording

    def record(self, args, stdin=b"", env=None, cwd=None):
        """Run a command under strace and take its calls in; the result is the command's."""
        log = self.root + ".strace"
        env = dict(env or crash.environment())
        if "ASAN_OPTIONS" in env:
            env["ASAN_OPTIONS"] += ":detect_leaks=0"  # LeakSanitizer needs ptrace for itself
        result = crash.run(["strace", "-f", "-y", "-xx", "-s", "67108864", "-o", log, "-e", "trace=" + CALLS,
                            "-e", "signal=none", *args], stdin=stdin, env=env, cwd=cwd, limit=120)
        calls = Calls(self, cwd or os.getcwd())
        with open(log, encoding="ascii") as file:
            calls.read(file)
        os.unlink(log)
        return result


class Calls:
    """The system calls of one command and its children."""

    def __init__(self, disk, cwd):
        self.disk = disk
        self.files = {}     # (process, descriptor) -> [node, position]
        self.cwd = {}       # process -> path
        self.parents = {}
        self.first_cwd = cwd
        self.unfinished = {}

    def read(self, file):
        lines = file.readlines()
        for line in lines:  # children may be seen before their parent's clone returns
            match = re.match(r"^(\d+) +(?:clone3?|v?fork|<\.\.\. (?:clone3?|v?fork) resumed>).*\) += (\d+)", line)
            if match:
                self.parents[match.group(2)] = match.group(1)
        for line in lines:
            self.line(line.rstrip("\n"))

    def line(self, line):
        process, rest = line.split(None, 1)
        if rest.startswith(("+++", "---")):
            return
        if rest.endswith("<unfinished ...>"):
            self.unfinished[process] = rest[:-len("<unfinished ...>")].rstrip()
            return
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)$", rest)
        if resumed:
            rest = self.unfinished.pop(process) + resumed.group(1)
        match = LINE.match(process + " " + rest)
        if not match:
            fail("strace: cannot read %r" % line[:200])
        _, name, args, result = match.groups()
        if result == "?" or result.startswith("-"):
            return
        handler = getattr(self, "do_" + name, None)
        args = re.split(r", (?![^\[{]*[\]}])", args)
        if handler is None:
            if any(self.disk.find(p) for p in self.paths(process, args)):
                fail("strace: what does %s do to a file? %s" % (name, line[:300]))
            return
        handler(process, args, int(result, 0))

    # -- arguments

    def directory(self, process):
        if process not in self.cwd:
            parent = self.parents.get(process)
            self.cwd[process] = self.directory(parent) if parent else self.first_cwd
        return self.cwd[process]

    def path(self, process, text, folder=None):
        name = os.fsdecode(unescape(text))
        base = self.directory(process) if folder is None else self.descriptor_path(folder) or self.directory(process)
        return os.path.normpath(os.path.join(base, name))

    @staticmethod
    def descriptor_path(text):
        match = FD.match(text)
        return os.fsdecode(unescape('"%s"' % match.group(2))) if match and match.group(2) else None

    def paths(self, process, args):
        for arg in args:
            if FD.match(arg):
                yield self.descriptor_path(arg) or ""

    def node(self, process, text):
        """[node, position] of an open descriptor, or None."""
        number = FD.match(text).group(1)
        at = process
        while at is not None:
            if (at, number) in self.files:
                return self.files[at, number]
            at = self.parents.get(at)
        path = self.descriptor_path(text)
        node = self.disk.find(path) if path else None
        return [node, None] if node is not None else None

    # -- calls

    def opened(self, process, path, flags, mode, descriptor):
        node = self.disk.find(path)
        if node is None:
            folder, name = self.disk.place(path)
            if folder is None or "O_CREAT" not in flags:
                self.files[process, str(descriptor)] = None
                return
            node = self.disk.new_node(False, int(mode, 8) & ~0o022 if mode else 0o644)
            self.disk.set_names((folder, name, node))
        elif "O_TRUNC" in flags and node.size > 0:
            self.truncated(node, 0)
        expect("O_APPEND" not in flags or node.folder, "strace: O_APPEND is not modelled: %s" % path)
        self.files[process, str(descriptor)] = [node, 0]

    def do_open(self, process, args, result):
        self.opened(process, self.path(process, args[0]), args[1], args[2] if len(args) > 2 else None, result)

    def do_openat(self, process, args, result):
        self.opened(process, self.path(process, args[1], args[0]), args[2], args[3] if len(args) > 3 else None, result)

    def do_creat(self, process, args, result):
        self.opened(process, self.path(process, args[0]), "O_CREAT|O_TRUNC", args[1], result)

    def do_close(self, process, args, _):
        self.files[process, FD.match(args[0]).group(1)] = None

    def do_dup(self, process, args, result):
        self.files[process, str(result)] = self.node(process, args[0])

    def do_dup2(self, process, args, result):
        self.do_dup(process, args, result)

    def do_dup3(self, process, args, result):
        self.do_dup(process, args, result)

    def do_lseek(self, process, args, result):
        file = self.node(process, args[0])
        if file is not None:
            file[1] = result

    def do_write(self, process, args, result):
        file = self.node(process, args[0])
        if file is not None:
            expect(file[1] is not None, "strace: a write at an unknown position")
            self.written(file[0], file[1], unescape(args[1])[:result])
            file[1] += result
        elif FD.match(args[0]).group(1) == "1":
            self.disk.mark("output")

    def do_pwrite64(self, process, args, result):
        file = self.node(process, args[0])
        if file is not None:
            self.written(file[0], int(args[3]), unescape(args[1])[:result])

    def written(self, node, at, data):
        if data:
            node.size = max(node.size, at + len(data))
            self.disk.ops.append(("data", node.number, at, data))

    def truncated(self, node, size):
        node.size = size
        self.disk.ops.append(("size", node.number, size))

    def do_ftruncate(self, process, args, _):
        file = self.node(process, args[0])
        if file is not None:
            self.truncated(file[0], int(args[1]))

    def do_truncate(self, process, args, _):
        node = self.disk.find(self.path(process, args[0]))
        if node is not None:
            self.truncated(node, int(args[1]))

    def do_fallocate(self, process, args, _):
        file = self.node(process, args[0])
        if file is not None and "FALLOC_FL_KEEP_SIZE" not in args[1]:
            expect(args[1] == "0", "strace: fallocate %s" % args[1])
            self.truncated(file[0], max(file[0].size, int(args[2]) + int(args[3])))

    def renamed(self, old, new):
        node = self.disk.find(old)
        (from_folder, from_name), (to_folder, to_name) = self.disk.place(old), self.disk.place(new)
        if node is None and to_folder is None:
            return
        expect(node is not None and to_folder is not None, "strace: renamed across the border: %s %s" % (old, new))
        if to_folder.entries.get(to_name) is not node:  # two links of one file: rename does nothing
            self.disk.set_names((from_folder, from_name, None), (to_folder, to_name, node))

    def do_rename(self, process, args, _):
        self.renamed(self.path(process, args[0]), self.path(process, args[1]))

    def do_renameat(self, process, args, _):
        self.renamed(self.path(process, args[1], args[0]), self.path(process, args[3], args[2]))

    def do_renameat2(self, process, args, _):
        expect("EXCHANGE" not in args[4], "strace: RENAME_EXCHANGE is not modelled")
        self.do_renameat(process, args, 0)

    def linked(self, old, new):
        node = self.disk.find(old)
        folder, name = self.disk.place(new)
        if node is not None:
            self.disk.set_names((folder, name, node))

    def do_link(self, process, args, _):
        self.linked(self.path(process, args[0]), self.path(process, args[1]))

    def do_linkat(self, process, args, _):
        self.linked(self.path(process, args[1], args[0]), self.path(process, args[3], args[2]))

    def unlinked(self, path):
        folder, name = self.disk.place(path)
        if folder is not None:
            self.disk.set_names((folder, name, None))

    def do_unlink(self, process, args, _):
        self.unlinked(self.path(process, args[0]))

    def do_rmdir(self, process, args, _):
        self.unlinked(self.path(process, args[0]))

    def do_unlinkat(self, process, args, _):
        self.unlinked(self.path(process, args[1], args[0]))

    def made(self, path):
        folder, name = self.disk.place(path)
        if folder is not None:
            self.disk.set_names((folder, name, self.disk.new_node(True, 0o755)))

    def do_mkdir(self, process, args, _):
        self.made(self.path(process, args[0]))

    def do_mkdirat(self, process, args, _):
        self.made(self.path(process, args[1], args[0]))

    def do_fsync(self, process, args, _):
        file = self.node(process, args[0])
        if file is not None:
            self.disk.ops.append(("sync", file[0].number))

    def do_fdatasync(self, process, args, _):
        self.do_fsync(process, args, 0)

    def do_syncfs(self, process, args, _):
        self.disk.ops.append(("sync all",))

    def do_sync(self, process, args, _):
        self.disk.ops.append(("sync all",))

    def do_chdir(self, process, args, _):
        self.cwd[process] = self.path(process, args[0])

    def do_fchdir(self, process, args, _):
        self.cwd[process] = self.descriptor_path(args[0])

    def do_mmap(self, process, args, _):
        if "MAP_SHARED" in args[3] and "PROT_WRITE" in args[2]:
            expect(FD.match(args[4]) is None or self.node(process, args[4]) is None, "strace: a file mapped for writing")

    def do_clone(self, *_):
        pass

    do_clone3 = do_fork = do_vfork = do_clone


# ---- what a power cut leaves -----------------------------------------------------------------------------------------


class State:
    """Names and contents; equal ones are one state."""

    def __init__(self, disk, names, contents):
        self.disk, self.names, self.contents = disk, names, contents

    def key(self):
        """By what can be reached."""
        below = {}
        for (folder, name), number in self.names.items():
            below.setdefault(folder, []).append((name, number))
        parts, todo = [], [self.disk.top.number]
        while todo:
            folder = todo.pop()
            for name, number in sorted(below.get(folder, ())):
                is_folder = self.disk.nodes[number].folder
                parts.append((folder, name, number, None if is_folder else self.contents.get(number)))
                if is_folder:
                    todo.append(number)
        return hash(tuple(parts))

    def build(self, path, when):
        """Write it to a real, empty directory; every file of the time `when`."""
        below = {}
        for (folder, name), number in self.names.items():
            below.setdefault(folder, []).append((name, number))
        made, todo = {}, [(self.disk.top.number, path)]
        while todo:
            folder, place = todo.pop()
            for name, number in below.get(folder, ()):
                node, target = self.disk.nodes[number], place + "/" + name
                if node.folder:
                    os.mkdir(target)
                    todo.append((number, target))
                elif number in made:
                    os.link(made[number], target)
                else:
                    made[number] = target
                    size, data = self.contents.get(number) or pack(node.durable)
                    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, node.mode)
                    os.write(fd, data) if data else None
                    os.ftruncate(fd, size)
                    os.utime(fd, (when, when))
                    os.close(fd)


def pack(data):
    """Long runs of zeros at the end are not carried around."""
    return len(data), bytes(data).rstrip(b"\0")


def durable_until(disk, moment):
    """For each operation before `moment`: is it certainly on the disk? A rename is, when either directory is."""
    certain = [False] * moment
    open_names, open_data = {}, {}  # folder, file -> operations not synced
    for i in range(moment):
        op = disk.ops[i]
        if op[0] == "name":
            for folder, _, _ in op[1]:
                open_names.setdefault(folder, []).append(i)
        elif op[0] in ("data", "size"):
            open_data.setdefault(op[1], []).append(i)
        elif op[0] == "sync":
            for j in open_names.pop(op[1], []) + open_data.pop(op[1], []):
                certain[j] = True
        elif op[0] == "sync all":
            for waiting in (open_names, open_data):
                for ops in waiting.values():
                    for j in ops:
                        certain[j] = True
                waiting.clear()
    return certain


def content_after(node, ops, sectors=None, zeros=False):
    """Apply ("data"/"size") operations to what is durable. `sectors`: which of the new ones are there."""
    data = bytearray(node[1])
    for op in ops:
        if op[0] == "size":
            data = data[:op[2]] + bytes(max(0, op[2] - len(data)))
            continue
        at, new = op[2], op[3]
        if len(data) < at + len(new):
            data += bytes(at + len(new) - len(data))
        if zeros:
            continue
        if sectors is None:
            data[at:at + len(new)] = new
            continue
        for start in range(at - at % SECTOR, at + len(new), SECTOR):
            low, high = max(start, at), min(start + SECTOR, at + len(new))
            if sectors(start):
                data[low:high] = new[low - at:high - at]
    return bytes(data)


WHOLE, NOTHING, ZEROS, TORN, SOME = range(5)
SHAPES = (WHOLE, NOTHING, ZEROS, TORN, SOME)


class Cut:
    """A moment of a recording: everything that may be left if the power goes there."""

    def __init__(self, disk, moment):
        self.disk, self.moment = disk, moment
        certain = durable_until(disk, moment)
        ops = disk.ops[:moment]
        self.name_ops = [(i, op) for i, op in enumerate(ops) if op[0] == "name"]
        self.certain_names = [certain[i] for i, _ in self.name_ops]
        self.first = max([n + 1 for n, sure in enumerate(self.certain_names) if sure], default=0)
        self.base, self.open = {}, {}  # file -> content that is certain; operations that are not
        waiting = {}
        for i, op in enumerate(ops):
            if op[0] in ("data", "size"):
                waiting.setdefault(op[1], []).append((certain[i], op))
        for number, list_ in waiting.items():
            # What is synced was so in order: a certain operation never follows one that is not.
            sure = [op for done, op in list_ if done]
            self.base[number] = content_after((0, disk.nodes[number].durable), sure)
            self.open[number] = [op for done, op in list_ if not done]

    def names(self, persisted):
        names = dict(self.disk.names)
        for (_, op), there in zip(self.name_ops, persisted):
            if there:
                for folder, name, number in op[1]:
                    if number is None:
                        names.pop((folder, name), None)
                    else:
                        names[folder, name] = number
        return names

    def in_order(self, length):
        return [n < length for n in range(len(self.name_ops))]

    def any_order(self, chance, rng):
        return [sure or rng.random() < chance for sure in self.certain_names]

    def content(self, number, shape, rng):
        base, ops = self.base[number], self.open[number]
        node = (0, base)
        if not ops or shape == NOTHING:
            return pack(base)
        if shape == WHOLE:
            return pack(content_after(node, ops))
        if shape == ZEROS:
            return pack(content_after(node, ops, zeros=True))
        if shape == TORN:
            seed = rng.getrandbits(32)
            return pack(content_after(node, ops, sectors=lambda at: hash((seed, at)) & 1))
        return pack(content_after(node, ops[:rng.randrange(len(ops) + 1)]))

    def state(self, persisted, shape, rng):
        """`shape`: one for all files, or None for a random one each."""
        contents = {number: self.content(number, rng.choice(SHAPES) if shape is None else shape, rng)
                    for number in self.base}
        return State(self.disk, self.names(persisted), contents)

    def ordered_states(self, rng):
        """Every first part of the changes of names, with each shape of the contents."""
        for length in range(self.first, len(self.name_ops) + 1):
            for shape in (*SHAPES, None):
                yield self.state(self.in_order(length), shape, rng)

    def random_state(self, rng):
        persisted = (self.in_order(rng.randrange(self.first, len(self.name_ops) + 1)) if rng.random() < 0.4
                     else self.any_order(rng.choice([0.1, 0.5, 0.9]), rng))
        return self.state(persisted, rng.choice([*SHAPES, None, None]), rng)
