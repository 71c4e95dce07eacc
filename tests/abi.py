#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""abi.py [--update]: chrondb.h is what programs were compiled against: functions, sizes and offsets of structs, values of
constants are those of tests/abi.txt. What is new is recorded there by --update; to change or remove what is there
needs another SOVERSION. The record is of systems with pointers of 64 bits. $CC compiles."""
import difflib
import os
import re
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
header = os.path.join(here, "..", "lib", "chrondb.h")
record = os.path.join(here, "abi.txt")


def members(body):
    """The names of a struct's members."""
    for declaration in filter(None, (part.strip() for part in body.split(";"))):
        pointer = re.match(r".*\(\*(\w+)\)\(", declaration)
        if pointer:
            yield pointer.group(1)
            continue
        for declarator in re.sub(r"\[[^]]*\]", "", declaration).split(","):
            yield re.search(r"(\w+)$", declarator.strip()).group(1)


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def functions(text):
    for declaration in re.findall(r"^CHRONDB_API ([^;]*);", text, flags=re.M):
        yield "function " + re.sub(r"\s+", " ", declaration)


def program(text):
    """A C program that prints what the compiler makes of the header."""
    lines = ["#include <stddef.h>", "#include <stdio.h>", '#include "chrondb.h"', "int main(void)", "{"]
    for name, body in re.findall(r"^typedef struct (\w+) \{(.*?)^\} \1;", text, flags=re.M | re.S):
        lines.append(f'printf("struct {name} %zu\\n", sizeof({name}));')
        for member in members(body):
            lines.append(f'printf("member {name}.{member} at %zu, %zu\\n", offsetof({name}, {member}),'
                         f" sizeof((({name} *)0)->{member}));")
    for body in re.findall(r"^enum (?:\w+ )?\{(.*?)\};", text, flags=re.M | re.S):
        for constant in re.findall(r"(?:^|,)\s*(\w+)", body):
            lines.append(f'printf("constant {constant} %lld\\n", (long long){constant});')
    for constant in re.findall(r"^#define (CHRONDB_[A-Z_]+) +[0-9(]", text, flags=re.M):
        lines.append(f'printf("constant {constant} %lld\\n", (long long){constant});')
    return "\n".join(lines + ["return 0;", "}", ""])


def current():
    with open(header, encoding="utf-8") as file:
        text = without_comments(file.read())
    with tempfile.TemporaryDirectory() as directory:
        source, binary = os.path.join(directory, "abi.c"), os.path.join(directory, "abi")
        with open(source, "w", encoding="utf-8") as file:
            file.write(program(text))
        subprocess.run([os.environ.get("CC", "cc"), "-I", os.path.dirname(header), "-o", binary, source], check=True)
        printed = subprocess.run([binary], check=True, stdout=subprocess.PIPE, text=True).stdout
    return sorted(functions(text)) + printed.splitlines()


if sys.maxsize < 2**32:
    print("abi: the record is of 64 bits")
    sys.exit(77)
lines = current()
if len(lines) < 300:
    sys.exit("abi: the header was not understood")
if sys.argv[1:] == ["--update"]:
    with open(record, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    sys.exit(0)
with open(record, encoding="utf-8") as file:
    recorded = file.read().splitlines()
if lines != recorded:
    print("\n".join(difflib.unified_diff(recorded, lines, "tests/abi.txt", "lib/chrondb.h", n=0, lineterm="")))
    sys.exit("abi: python3 tests/abi.py --update records what is new; what was there must not change")
