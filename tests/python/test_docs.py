# SPDX-License-Identifier: MIT
"""Every public name is explained, and the examples run."""
import doctest
import inspect
import os
import pydoc
import tempfile
import typing

from support import PACKAGE, SOURCE, Case, main

import chrondb


def public(kind):
    """What a class shows, and those of ours that it is derived from."""
    for base in kind.__mro__:
        for name in vars(base) if base.__module__ == "chrondb" else ():
            if not name.startswith("_"):
                yield name, getattr(kind, name)


class Docs(Case):
    def test_every_public_name_has_a_docstring(self):
        for name in chrondb.__all__:
            thing = getattr(chrondb, name)
            if name == "ABSENT":
                continue
            self.assertTrue(thing.__doc__, name)
            self.assertEqual(thing.__module__, "chrondb", name)
            if inspect.isclass(thing):
                for member_name, member in public(thing):
                    self.assertTrue(inspect.getdoc(member), "%s.%s" % (name, member_name))
        self.assertEqual(sorted(chrondb.__all__), chrondb.__all__)

    def test_every_public_function_has_type_hints(self):
        for name in chrondb.__all__:
            thing = getattr(chrondb, name)
            if not inspect.isclass(thing) or issubclass(thing, (tuple, dict)):
                continue
            for member_name, member in vars(thing).items():
                if inspect.isfunction(member) and (not member_name.startswith("_") or member_name == "__init__"):
                    signature = inspect.signature(member)
                    self.assertIsNot(signature.return_annotation, signature.empty, (name, member_name))
                    for parameter in list(signature.parameters.values())[1:]:
                        self.assertIsNot(parameter.annotation, parameter.empty, (name, member_name, parameter))
        self.assertTrue(os.path.exists(os.path.join(os.path.dirname(chrondb.__file__), "py.typed")))
        self.assertEqual(typing.get_type_hints(chrondb.Result)["status"], str)

    def test_help(self):
        text = pydoc.plain(pydoc.render_doc(chrondb))
        for name in chrondb.__all__:
            self.assertIn(name, text)
        self.assertIn("class ChronDB(Branch)", text)
        self.assertNotIn("_native", text.split("CLASSES")[1])

    def examples(self, test):
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as directory:
            test.globs.update(vars(chrondb), directory=os.path.join(directory, "db"))
            os.chdir(directory)
            try:
                runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
                said = []
                self.assertEqual(runner.run(test, out=said.append).failed, 0, "".join(said))
            finally:
                os.chdir(before)
        return runner.summarize(verbose=False).attempted

    def test_examples_in_docstrings(self):
        count = 0
        for name in chrondb.__all__:
            for test in doctest.DocTestFinder().find(getattr(chrondb, name), name, module=False, globs={}):
                if test.examples:
                    count += self.examples(test)
        self.assertGreater(count, 8)

    def test_examples_in_the_readme_and_in_the_manual_page(self):
        for path in (os.path.join(PACKAGE, "README.md"), os.path.join(SOURCE, "man", "chrondb-python.3")):
            with open(path) as file:
                text = file.read().replace("\n.Ed\n", "\n\n").replace("\n\\&", "\n")
            test = doctest.DocTestParser().get_doctest(text, {}, os.path.basename(path), path, 0)
            self.assertGreater(self.examples(test), 9)


if __name__ == "__main__":
    main()
