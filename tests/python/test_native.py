# SPDX-License-Identifier: MIT
"""What _declared.py says is what chrondb.h declares; and which library is loaded."""
import os
import re
import shutil
import subprocess
import sys
import unittest
from ctypes import sizeof

from support import SOURCE, Case, main

from chrondb import _declared

HEADER = os.path.join(SOURCE, "lib", "chrondb.h")


STRUCTS = [kind for kind in vars(_declared).values() if isinstance(kind, type) and getattr(kind, "c_name", "")]


class Native(Case):
    def test_it_was_written_from_this_header(self):
        script = os.path.join(SOURCE, "lib", "bindings", "declare.py")
        done = subprocess.run([sys.executable, script, "--check"], stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    @unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
    def test_structs_and_numbers_mean_the_same_to_a_compiler(self):
        lines, expected = [], []
        for struct in STRUCTS:
            lines.append('printf("%s %%zu\\n", sizeof(%s));' % (struct.c_name, struct.c_name))
            expected.append("%s %d" % (struct.c_name, sizeof(struct)))
            for field in struct._fields_:
                member, place = "%s.%s" % (struct.c_name, field[0]), getattr(struct, field[0])
                layout = "offsetof(%s, %s), sizeof(((%s *)0)->%s)" % ((struct.c_name, field[0]) * 2)
                lines.append('printf("%s %%zu %%zu\\n", %s);' % (member, layout))
                expected.append("%s %d %d" % (member, place.offset, place.size))
        for name, value in vars(_declared).items():
            if isinstance(value, int) and name.isupper():
                lines.append('printf("%s %%lld\\n", (long long)CHRONDB_%s);' % (name, name))
                expected.append("%s %d" % (name, value))
        program = os.path.join(self.directory, "layout")
        with open(program + ".c", "w") as file:
            file.write("#include <stdio.h>\n#include <stddef.h>\n#include <chrondb.h>\nint main(void)\n{\n")
            file.write("\n".join(lines) + "\n}\n")
        subprocess.check_call(["cc", "-I", os.path.dirname(HEADER), "-o", program, program + ".c"])
        self.assertEqual(subprocess.check_output([program]).decode().splitlines(), expected)
        self.assertGreater(len(STRUCTS), 40)
        self.assertEqual(_declared.STATUS[1:3] + _declared.MERGE_STATUS[1:], ("updated", "deleted", "fast-forward", "merged"))

    def test_functions_have_the_arguments_of_the_header(self):
        with open(HEADER) as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
        declared = {}
        for result, name, arguments in re.findall(r"CHRONDB_API ([^;(]*?)(chrondb_\w+)\((.*?)\);", text, re.DOTALL):
            arguments = re.sub(r"\([^()]*\)\s*\([^()]*\)", "callback", " ".join(arguments.split()))
            count = 0 if arguments == "void" else arguments.count(",") + 1
            declared[name] = (result.strip() == "void", count)
        found = {name: (result is None, len(given)) for name, (result, given) in _declared.PROTOTYPES.items()}
        self.assertEqual(found, declared)


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
