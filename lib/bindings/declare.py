#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""declare.py [--check]: writes what the bindings repeat of lib/chrondb.h anew, below the marks of
rust/chrondb-sys/src/lib.rs and python/chrondb/_declared.py; --check only tells whether that is needed. The tests have a
C compiler judge the result: what this script does not understand does not pass."""
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
HEADER = HERE.parent / "chrondb.h"
WIDTH = 120

# ---- reading C ----

CALLBACK = re.compile(r"(.+?)\(\*(\w+)\)\((.*)\)$")

DECLARATION = re.compile(r"""
    @section\ (?P<section>[^\n]*)\n
  | \#define\ (?P<define>\w+)\ +(?P<value>[^\n]+)\n
  | typedef\ struct\ (?P<struct>\w+)\s*\{(?P<fields>.*?)\}\s*\w+;
  | typedef\ struct\ (?P<opaque>\w+)\ \w+;
  | enum\ ?(?P<enum>\w*)\s*\{(?P<members>.*?)\};
  | typedef\ (?P<callback>\w[^;{]*\(\*\w+\)\([^;]*\));
  | CHRONDB_API\s+(?P<result>[^;(]*?)(?P<function>chrondb_\w+)\((?P<parameters>.*?)\);
""", re.VERBOSE | re.DOTALL)


def split(text):
    """At the commas that are in no parentheses."""
    parts = re.split(r",(?![^(]*\))", text)
    return [" ".join(part.split()) for part in parts if part.strip() not in ("", "void")]


def declarator(text):
    """(name, type, size of an array or None) of a parameter or member; the type of a callback is (result, [such])."""
    callback = CALLBACK.match(text)
    if callback:
        result, name, parameters = callback.groups()
        return name, (result.strip(), [declarator(part) for part in split(parameters)]), None
    kind, name, size = re.match(r"(.*?[ *])(\w+)(?:\[(.*)\])?$", text).groups()
    return name, kind.strip(), size


def members(text):
    """The declarators of a struct."""
    for line in (" ".join(line.split()) for line in text.split(";")):
        if not line:
            continue
        if CALLBACK.match(line):
            yield declarator(line)
            continue
        kind, names = re.match(r"((?:const |enum |struct )*\w+(?: \*(?:const \*)?| ))(.*)", line).groups()
        for name in names.split(","):
            yield declarator(kind + name.strip())


def constants(text):
    """(name, value) of an enum's."""
    number = 0
    for member in split(text):
        label, _, value = member.partition(" = ")
        number = int(value or number)
        yield label, number
        number += 1


def pointed_to(kind):
    """What a type points to, and is that const? (None, False): it is no pointer."""
    if kind.endswith("const") and kind[:-5].rstrip().endswith("*"):
        kind = kind[:-5].rstrip()  # of the pointer itself: said where it is pointed to
    if not kind.endswith("*"):
        return None, False
    inner = kind[:-1].strip()
    return inner, inner.endswith("const") if "*" in inner else inner.startswith("const ")


def base_name(kind):
    return re.sub(r"\b(const|enum|struct)\s+", "", kind)


def declarations():
    """(sort, ...) in the order of the header."""
    header = HEADER.read_text(encoding="utf-8")
    header = re.sub(r"/\* ---- (.*?) -+ \*/", r"@section \1", header)
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    header = re.sub(r"^#(?!define CHRONDB_\w+ +[\d(]).*$", "", header, flags=re.MULTILINE)  # but for numbers
    for found in DECLARATION.finditer(header):
        if found["section"] is not None:
            yield "section", found["section"]
        elif found["define"]:
            yield "define", found["define"], found["value"].replace("(size_t)", "").strip("() "), found["value"]
        elif found["struct"]:
            yield "struct", found["struct"], list(members(found["fields"]))
        elif found["opaque"]:
            yield "opaque", found["opaque"]
        elif found["members"]:
            yield "enum", found["enum"], list(constants(found["members"]))
        elif found["callback"]:
            yield "callback", *declarator(" ".join(found["callback"].split()))[:2]
        elif found["function"]:
            parameters = [declarator(part) for part in split(found["parameters"])]
            yield "function", found["function"], found["result"].strip(), parameters


# ---- writing Rust ----

RUST_BASES = {"int": "c_int", "unsigned": "c_uint", "char": "c_char", "void": "c_void", "size_t": "usize",
              "uint64_t": "u64", "int64_t": "i64", "int32_t": "i32", "double": "f64"}
RUST_KEYWORDS = {"match": "r#match", "ref": "r#ref", "type": "r#type"}


def rust_type(kind, size=None):
    """The type of Rust for one of C, 'const char *const *' for example."""
    if isinstance(kind, tuple):
        inside = ", ".join(f"{name}: {text}" for name, text in map(rust_declarator, kind[1]))
        return f'Option<unsafe extern "C" fn({inside}){rust_result(kind[0])}>'
    inner, is_const = pointed_to(kind)
    if inner is not None:
        return ("*const " if is_const else "*mut ") + rust_type(inner)
    name = RUST_BASES.get(base_name(kind), base_name(kind))
    return name if size is None else f"[{name}; {size}]"


def rust_declarator(found):
    name, kind, size = found
    return RUST_KEYWORDS.get(name, name), rust_type(kind, size)


def rust_result(kind):
    return "" if kind == "void" else f" -> {rust_type(kind)}"


def rust_constants(enum, values):
    kind = enum or ("c_uint" if values[0][1] == 1 else "c_int")  # flags begin with 1
    lines = [f"pub type {enum} = c_uint;"] if enum else []
    return "\n".join(lines + [f"pub const {label}: {kind} = {number};" for label, number in values])


def rust_function(name, result, parameters):
    # An array is a pointer as a parameter.
    pairs = [(n, "*mut " + k[1:].split(";")[0] if k[0] == "[" else k) for n, k in map(rust_declarator, parameters)]
    parts = [f"{parameter}: {kind}" for parameter, kind in pairs]
    arrow = rust_result(result)
    start = f"pub fn {name}("
    line = f"    {start}{', '.join(parts)}){arrow};"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"    {start}"] + [f"        {part}," for part in parts] + [f"    ){arrow};"])


def rust_text(sort, *about):
    if sort == "section":
        return f"// ---- {about[0]} ----"
    if sort == "define":
        kind = "usize" if "size_t" in about[2] or about[0].endswith("_SIZE") else "c_int"
        return f"pub const {about[0]}: {kind} = {about[1]};"
    if sort == "struct":
        lines = "".join(f"    pub {name}: {kind},\n" for name, kind in map(rust_declarator, about[1]))
        return f"#[derive(Clone, Copy)]\n#[repr(C)]\npub struct {about[0]} {{\n{lines}}}"
    if sort == "opaque":
        return f"opaque!({about[0]});"
    if sort == "enum":
        return rust_constants(*about)
    if sort == "callback":
        line = f"pub type {about[0]} = {rust_type(about[1])};"
        return line if len(line) <= WIDTH else line.replace(" = ", " =\n    ", 1)
    return rust_function(*about)


def rust(found):
    out, previous = "", ""
    for sort, *about in found:
        if previous == "function" and sort != "function":
            out += "}\n"
        if sort == "function":
            out += "" if previous == "function" else '\nextern "C" {\n'
        text = rust_text(sort, *about)
        out += f"{text}\n" if sort == "function" or sort == previous == "define" else f"\n{text}\n"
        previous = sort
    out += "}\n" if previous == "function" else ""
    out += "\n// ---- all defaults ----\n"
    structs = [(name, fields[0][:2] == ("size", "size_t")) for sort, name, fields in structs_of(found)]
    for macro, is_sized in (("sized", True), ("plain", False)):
        names = "\n".join(f"    {name}" for name, sized in structs if sized == is_sized)
        out += f"\n{macro}! {{\n{names}\n}}\n"
    return out


def structs_of(found):
    return [declaration for declaration in found if declaration[0] == "struct"]


# ---- writing Python ----

PYTHON_BASES = {"int": "c_int", "unsigned": "c_uint", "size_t": "c_size_t", "uint64_t": "c_uint64",
                "int64_t": "c_int64", "int32_t": "c_int32", "double": "c_double"}


def short(name):
    """chrondb_gc_report: GcReport."""
    return "".join(word.capitalize() for word in name.split("_")[1:])


class Python:
    """What was declared so far, and what callbacks are called."""

    def __init__(self):
        self.structs = set()
        self.enums = set()
        self.callbacks = {}
        self.sizes = {}
        self.prototypes = []

    def type(self, kind):
        """The type of ctypes for one of C."""
        if isinstance(kind, tuple):
            return self.callbacks[str(kind)]
        inner, _ = pointed_to(kind)
        if inner is None:
            name = base_name(kind)
            if name in self.structs:
                return short(name)
            return "c_int" if name in self.enums else PYTHON_BASES.get(name) or self.callbacks[name]
        name = base_name(inner)
        if name == "char":
            return "c_char_p"
        if kind == "const char **":  # of bytes with a size: ctypes would stop at a NUL
            return "POINTER(c_void_p)"
        known = pointed_to(inner)[0] is not None or name in self.structs or name in self.enums or name in PYTHON_BASES
        return f"POINTER({self.type(inner)})" if known else "c_void_p"

    def result(self, kind):
        return "None" if kind == "void" else self.type(kind)

    def callback(self, name, kind):
        """Declares one that is new; called as its member or typedef, or by what it is given each of."""
        if str(kind) in self.callbacks:
            return ""
        called = name.replace("chrondb_", "").upper()
        called += "_" + kind[1][1][0].upper() if called == "EACH" else ""
        self.callbacks[str(kind)] = self.callbacks[name] = called
        parts = [self.result(kind[0])] + [self.type(part[1]) for part in kind[1]]
        return f"{called} = CFUNCTYPE({', '.join(parts)})\n"

    def callbacks_of(self, parts):
        return "".join(self.callback(name, kind) for name, kind, _ in parts if isinstance(kind, tuple))

    def struct(self, name, parts):
        self.structs.add(name)
        out = self.callbacks_of(parts)
        lines = []
        for (member, kind, size), following in zip(parts, parts[1:] + [("", "", None)]):
            if size is not None:
                text = f"c_char * {eval(size, {}, self.sizes)}"
            elif kind in ("const char *", "char *") and following[0].endswith("size") and following[1] == "size_t":
                text = "c_void_p"  # may hold anything: ctypes would stop at a NUL
            else:
                text = self.type(kind)
            lines.append(f'        ("{member}", {text}),\n')
        return f'{out}\n\nclass {short(name)}(Struct):\n    c_name = "{name}"\n    _fields_ = [\n{"".join(lines)}    ]\n\n\n'

    def enum(self, name, values):
        if not name:
            return "".join(f"{label.replace('CHRONDB_', '')} = {number}\n" for label, number in values)
        self.enums.add(name)
        words = name.upper().split("_")[1:]
        labels = [re.sub(f"^CHRONDB_({words[0]}_)?", "", label).lower().replace("_", "-") for label, _ in values]
        return "%s = (%s)\n" % ("_".join(words), ", ".join(f'"{label}"' for label in labels))

    def function(self, name, result, parameters):
        out = self.callbacks_of(parameters)
        kinds = ["c_char_p" if size is not None else self.type(kind) for _, kind, size in parameters]
        line = f'    "{name}": ({self.result(result)}, [{", ".join(kinds)}]),\n'
        if len(line) > WIDTH + 1:
            inside = "".join(f"            {kind},\n" for kind in kinds)
            line = f'    "{name}": (\n        {self.result(result)},\n        [\n{inside}        ],\n    ),\n'
        self.prototypes.append(line)
        return out

    def text(self, sort, *about):
        if sort == "define":
            self.sizes[about[0]] = eval(about[1])
            return f"{about[0].replace('CHRONDB_', '')} = {self.sizes[about[0]]}\n"
        writers = {"struct": self.struct, "enum": self.enum, "callback": self.callback, "function": self.function}
        return writers[sort](*about) if sort in writers else ""


def python(found):
    writer = Python()
    out = "".join(writer.text(*declaration) for declaration in found)
    out = re.sub(r"\n{3,}", "\n\n\n", "\n" + out.rstrip("\n"))
    return f"{out}\n\n# name: (result, arguments)\nPROTOTYPES = {{\n{''.join(writer.prototypes)}}}\n"


# ---- the files ----

FILES = (
    (HERE / "rust" / "chrondb-sys" / "src" / "lib.rs", "// ---- below: declare.py ----\n", rust),
    (HERE / "python" / "chrondb" / "_declared.py", "# ---- below: declare.py ----\n", python),
)


def main():
    found = list(declarations())
    stale = []
    for file, mark, write in FILES:
        before = file.read_text(encoding="utf-8")
        after = before.partition(mark)[0] + mark + write(found)
        if before != after:
            stale.append(os.path.relpath(file))
            if sys.argv[1:] != ["--check"]:
                file.write_text(after, encoding="utf-8")
    if sys.argv[1:] == ["--check"] and stale:
        sys.exit("python3 lib/bindings/declare.py is to be run: %s do not say what chrondb.h says" % ", ".join(stale))


main()
