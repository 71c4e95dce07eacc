# SPDX-License-Identifier: MIT
"""What _native.py repeats by hand is what chrondb.h declares."""
import os
import re
import shutil
import subprocess
import sys
import unittest
from ctypes import sizeof

from support import SOURCE, Case, main

from chrondb import _native

HEADER = os.path.join(SOURCE, "lib", "chrondb.h")


class Native(Case):
    @unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
    def test_structs_have_the_members_of_the_header(self):
        lines = []
        for struct in _native.STRUCTS:
            lines.append('printf("%s %%zu\\n", sizeof(%s));' % (struct.c_name, struct.c_name))
            for field in struct._fields_:
                member = "%s.%s" % (struct.c_name, field[0])
                place = "offsetof(%s, %s), sizeof(((%s *)0)->%s)" % ((struct.c_name, field[0]) * 2)
                lines.append('printf("%s %%zu %%zu\\n", %s);' % (member, place))
        program = os.path.join(self.directory, "layout")
        with open(program + ".c", "w") as file:
            file.write("#include <stdio.h>\n#include <stddef.h>\n#include <chrondb.h>\nint main(void)\n{\n")
            file.write("\n".join(lines) + "\n}\n")
        subprocess.check_call(["cc", "-I", os.path.dirname(HEADER), "-o", program, program + ".c"])
        found = subprocess.check_output([program]).decode().splitlines()
        expected = []
        for struct in _native.STRUCTS:
            size = int(found[len(expected)].split()[1])
            # What states its size may grow: the library sees that it was given the members of before.
            grown = struct._fields_[0][0] == "size" and size > sizeof(struct)
            expected.append("%s %d" % (struct.c_name, size if grown else sizeof(struct)))
            for field in struct._fields_:
                place = getattr(struct, field[0])
                expected.append("%s.%s %d %d" % (struct.c_name, field[0], place.offset, place.size))
        self.assertEqual(found, expected)
        self.assertGreater(len(_native.STRUCTS), 15)

    def test_functions_have_the_arguments_of_the_header(self):
        with open(HEADER) as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
        declared = {}
        for result, name, arguments in re.findall(r"CHRONDB_API ([^;(]*?)(chrondb_\w+)\((.*?)\);", text, re.DOTALL):
            arguments = re.sub(r"\([^()]*\)\s*\([^()]*\)", "callback", " ".join(arguments.split()))
            count = 0 if arguments == "void" else arguments.count(",") + 1
            declared[name] = (result.strip() == "void", count)
        used = {name: (result is None, len(given)) for name, (result, given) in _native.PROTOTYPES.items()}
        self.assertEqual(used, {name: declared[name] for name in used})

    def test_numbers_are_those_of_the_header(self):
        with open(HEADER) as file:
            text = file.read()
        for name, value in re.findall(r"\bCHRONDB_(E[A-Z]+|NOTFOUND|END|OPEN_[A-Z]+|IF_[A-Z]+|WARNING) = (-?\d+)", text):
            self.assertEqual(getattr(_native, name), int(value), name)
        for names, prefix, expected in (
            (r"enum chrondb_status \{(.*?)\}", "", _native.STATUS),
            (r"enum chrondb_op \{(.*?)\}", "OP_", _native.OPS),
            (r"enum chrondb_merge_strategy \{(.*?)\}", "MERGE_", _native.STRATEGIES),
            (r"enum chrondb_import_mode \{(.*?)\}", "IMPORT_", _native.IMPORT_MODES),
        ):
            found = re.sub(r"/\*.*?\*/", "", re.search(names, text, re.DOTALL).group(1), flags=re.DOTALL)
            words = [w.strip().replace("CHRONDB_" + prefix, "", 1).lower() for w in found.split(",") if w.strip()]
            self.assertEqual(tuple(words), expected)


class Loading(Case):
    script_text = "import chrondb; print(chrondb.version())"

    def load(self, **environment):
        clean = {name: "" for name in ("CHRONDB_LIB_PATH", "CHRONDB_LIB_DIR")}
        return subprocess.run(
            [sys.executable, "-c", self.script_text],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(os.environ, **dict(clean, **environment)),
        )

    def test_by_path_and_by_directory(self):
        path = os.path.realpath(os.environ["CHRONDB_LIB_PATH"])
        self.assertEqual(self.load(CHRONDB_LIB_PATH=path).stdout, b"0.1.0\n")
        os.mkdir(self.path)
        os.symlink(path, os.path.join(self.path, "libchrondb.so"))
        self.assertEqual(self.load(CHRONDB_LIB_DIR=self.path).stdout, b"0.1.0\n")
        self.assertEqual(self.load(CHRONDB_LIB_PATH="/nowhere/x.so", CHRONDB_LIB_DIR=self.path).stdout, b"0.1.0\n")

    @unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
    def test_another_library_of_that_name_is_told(self):
        os.mkdir(self.path)
        for name, code, said in (
            ("foreign.so", "int chrondb_open(void) { return -1; }", "not chrondb's own interface"),
            (
                "newer.so",
                'int chrondb_snapshot_open(void) { return 0; } const char *chrondb_version(void) { return "7.0.0"; }',
                "version 7.0.0, but this package needs 0.1.x",
            ),
            (
                "older.so",
                'int chrondb_snapshot_open(void) { return 0; } const char *chrondb_version(void) { return "0.1.0"; }',
                "too old: it lacks chrondb_last_error, ",
            ),
        ):
            library = os.path.join(self.path, name)
            with open(library + ".c", "w") as file:
                file.write(code + "\n")
            subprocess.check_call(["cc", "-shared", "-fPIC", "-o", library, library + ".c"])
            done = self.load(CHRONDB_LIB_PATH=library, LD_LIBRARY_PATH="/nowhere")
            if done.returncode == 0:
                self.skipTest("the library is installed on this system")
            self.assertIn(said, done.stderr.decode())
            self.assertIn("ImportError: chrondb: the library libchrondb.so.0 was not found", done.stderr.decode())


if __name__ == "__main__":
    main()
