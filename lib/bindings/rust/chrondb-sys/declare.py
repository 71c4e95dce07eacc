#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the declarations of src/lib.rs, below its mark, anew from lib/chrondb.h. The tests judge the result: what this
script does not understand does not pass."""
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
HEADER = HERE.parents[2] / "chrondb.h"
SOURCE = HERE / "src" / "lib.rs"
MARK = "// ---- below: declare.py ----\n"
WIDTH = 120

BASES = {"int": "c_int", "unsigned": "c_uint", "char": "c_char", "void": "c_void", "size_t": "usize",
         "uint64_t": "u64", "int64_t": "i64", "int32_t": "i32", "double": "f64"}
KEYWORDS = {"match": "r#match", "ref": "r#ref", "type": "r#type"}
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


def rust_type(text):
    """The type of Rust for one of C, 'const char *const *' for example."""
    text = text.strip()
    if text.endswith("const") and text[:-5].rstrip().endswith("*"):
        text = text[:-5].rstrip()  # of the pointer itself: said where it is pointed to
    if text.endswith("*"):
        inner = text[:-1].strip()
        is_const = inner.endswith("const") if "*" in inner else inner.startswith("const ")
        return ("*const " if is_const else "*mut ") + rust_type(inner)
    name = re.sub(r"\b(const|enum|struct)\s+", "", text)
    return BASES.get(name, name)


def split(text):
    """At the commas that are in no parentheses."""
    parts = re.split(r",(?![^(]*\))", text)
    return [" ".join(part.split()) for part in parts if part.strip() not in ("", "void")]


def function_type(result, parameters):
    inside = ", ".join(f"{name}: {kind}" for name, kind in map(named, split(parameters)))
    arrow = "" if result.strip() == "void" else f" -> {rust_type(result)}"
    return f'Option<unsafe extern "C" fn({inside}){arrow}>'


def named(text):
    """(name, type) of a parameter or member."""
    callback = CALLBACK.match(text)
    if callback:
        result, name, parameters = callback.groups()
        return name, function_type(result, parameters)
    kind, name, size = re.match(r"(.*?[ *])(\w+)(\[.*\])?$", text).groups()
    return KEYWORDS.get(name, name), rust_type(kind) if not size else f"[{rust_type(kind)}; {size[1:-1]}]"


def fields(text):
    for line in (" ".join(line.split()) for line in text.split(";")):
        if not line:
            continue
        if CALLBACK.match(line):
            yield named(line)
            continue
        kind, names = re.match(r"((?:const |enum |struct )*\w+(?: \*(?:const \*)?| ))(.*)", line).groups()
        for name in names.split(","):
            yield named(kind + name.strip())


def constants(name, text):
    values, number = [], 0
    for member in split(text):
        label, _, value = member.partition(" = ")
        number = int(value or number)
        values.append((label, number))
        number += 1
    kind = name or ("c_uint" if values[0][1] == 1 else "c_int")  # flags begin with 1
    lines = [f"pub type {name} = c_uint;"] if name else []
    return "\n".join(lines + [f"pub const {label}: {kind} = {number};" for label, number in values])


def function(function_name, result, parameters):
    # An array is a pointer as a parameter.
    pairs = [(n, "*mut " + k[1:].split(";")[0] if k[0] == "[" else k) for n, k in map(named, split(parameters))]
    parts = [f"{name}: {kind}" for name, kind in pairs]
    arrow = "" if result.strip() == "void" else f" -> {rust_type(result)}"
    start = f"pub fn {function_name}("
    line = f"    {start}{', '.join(parts)}){arrow};"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"    {start}"] + [f"        {part}," for part in parts] + [f"    ){arrow};"])


def define(name, value):
    kind = "usize" if "size_t" in value or name.endswith("_SIZE") else "c_int"
    value = value.replace("(size_t)", "").strip("() ")
    return f"pub const {name}: {kind} = {value};"


def declarations(header):
    """(kind, text) in the order of the header; sized and plain structs are remembered."""
    sized, plain = [], []
    for found in DECLARATION.finditer(header):
        if found["section"] is not None:
            yield "section", found["section"]
        elif found["define"]:
            yield "define", define(found["define"], found["value"])
        elif found["struct"]:
            members = list(fields(found["fields"]))
            (sized if members[0] == ("size", "usize") else plain).append(found["struct"])
            lines = "".join(f"    pub {name}: {kind},\n" for name, kind in members)
            yield "struct", f"#[derive(Clone, Copy)]\n#[repr(C)]\npub struct {found['struct']} {{\n{lines}}}"
        elif found["opaque"]:
            yield "opaque", f"opaque!({found['opaque']});"
        elif found["members"]:
            yield "constant", constants(found["enum"], found["members"])
        elif found["callback"]:
            name, kind = named(" ".join(found["callback"].split()))
            line = f"pub type {name} = {kind};"
            yield "type", line if len(line) <= WIDTH else f"pub type {name} =\n    {kind};"
        elif found["function"]:
            yield "function", function(found["function"], found["result"], found["parameters"])
    yield "section", "all defaults"
    for macro, names in (("sized", sized), ("plain", plain)):
        yield "default", "\n".join([f"{macro}! {{"] + [f"    {name}" for name in names] + ["}"])


def main():
    header = HEADER.read_text(encoding="utf-8")
    header = re.sub(r"/\* ---- (.*?) -+ \*/", r"@section \1", header)
    header = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    header = re.sub(r"^#(?!define CHRONDB_\w+ +[\d(]).*$", "", header, flags=re.MULTILINE)  # but for numbers
    out, previous = "", ""
    for kind, text in declarations(header):
        if previous == "function" and kind != "function":
            out += "}\n"
        if kind == "function":
            out += "" if previous == "function" else '\nextern "C" {\n'
        elif kind == "section":
            text = f"// ---- {text} ----"
        out += f"{text}\n" if kind == "function" or kind == previous == "define" else f"\n{text}\n"
        previous = kind
    preface = SOURCE.read_text(encoding="utf-8").partition(MARK)[0]
    SOURCE.write_text(preface + MARK + out, encoding="utf-8")


main()
