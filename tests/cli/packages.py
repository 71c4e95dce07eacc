# SPDX-License-Identifier: MIT
"""Packages of a distribution as documents, and what searches among them must find, by looking at every word of every
one of them.

    packages.py sample             print some that are made up, always the same, as lines to import
    packages.py expect FILE DIR    read lines to import; write for each search DIR/N.args, an argument a line, and
                                   DIR/N.keys, what it finds, a key a line: in order if DIR/N.ordered is there; or
                                   DIR/N.json, what it prints
"""
import collections
import json
import os
import re
import sys
import unicodedata

# ---- made-up packages ----

WORDS = """web server servers serving python pythonic compiler compilers compile compilation editor edit editing text
library libraries development files parser parsing parsed fast small modern graphical interface command line tool
tools for the a of and with network client game games strategy audio video player image viewer database bindings
binding documentation shared runtime module modules plugin theme font fonts mail web-server webserver HTTP TLS/SSL
x11 c++ 3.14 Qt5 café naïve""".split()
SECTIONS = ["httpd", "games", "python", "libs", "libdevel", "doc", "editors", "utils", "net", "web"]
PEOPLE = [("Debian Python Team", "team+python@tracker.debian.org"), ("Jörg Müller", "joerg@debian.org"),
          ("Games Team", "games@lists.example.org"), ("Ana Pythonissa", "ana@example.org"),
          ("Łukasz Nowak", "lukasz@debian.org"), ("Python Modules Packaging", "modules@debian.org.example")]
TAGS = ["role::program", "role::shared-lib", "role::documentation", "interface::x11", "interface::commandline",
        "implemented-in::python", "works-with::text", "use::gameplaying", "scope::application"]
STEMS = ["apache", "nginx", "python3-django", "python3-data", "libssl", "libgnutls-openssl", "vim", "emacs", "gcc",
         "clang", "gnome-text", "openarena", "fonts-noto"]


def sample():
    state = 4711

    def below(limit):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % limit

    def some(items, most):
        return [items[min(below(len(items)), below(len(items)))] for _ in range(1 + below(most))]

    for number in range(400):
        stem = STEMS[below(len(STEMS))]
        name = f"{stem}{'-dev' if number % 7 == 0 else ''}{number}"
        person = PEOPLE[min(below(len(PEOPLE)), below(len(PEOPLE)))]
        value = {"name": name, "version": f"{below(12)}.{below(20)}-{below(4)}", "maintainer": dict(zip(("name", "email"), person)),
                 "description": " ".join(some(WORDS, 9)), "section": SECTIONS[below(len(SECTIONS))],
                 "priority": "required" if number % 31 == 0 else "optional", "size": below(10**8)}
        if number % 11:
            value["installed_size"] = below(400000)
        if number % 3:
            value["tag"] = some(TAGS, 4)
        if number % 4:
            value["homepage"] = f"https://www.{'gnome' if below(5) == 0 else 'example'}.org/{stem}/"
        if number % 5:
            value["depends"] = [f"{d} (>= {below(5)}.{below(40)})" for d in some(["libc6", "libssl3", "python3", "zlib1g"], 3)]
        print(json.dumps({"key": "pkg:" + name, "value": value}, ensure_ascii=False))


# ---- words ----

WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])(?:[^\W_]|[\u0300-\u036f]|(?<=\d)[.,](?=\d)|(?<=[^\W\d_])['’](?=[^\W\d_]))*")


def words(text):
    folded = unicodedata.normalize("NFKD", text.casefold()).casefold()
    plain = "".join(c for c in folded if not unicodedata.combining(c)).translate(str.maketrans("łøđıæœ’", "lodiæœ'"))
    return WORD.findall(plain)


# The words that have the same stem as the one in a search, as far as there are any. (More of them would be a mistake of
# these lists, not of the search: the forms that the documents have can be looked at.)
STEM = {"server": "server servers server's servers'", "web": "web webs web's", "python": "python python's pythons pythonic",
        "program": "program programs program's", "role": "role roles role's", "parser": "parser parsers parser's",
        "parse": "parse parses parsed parsing pars", "binding": "bind binds binding bindings binded binding's",
        "library": "library libraries library's", "libdevel": "libdevel", "httpd": "httpd httpd's", "muller": "muller muller's",
        "interface": "interface interfaces interfaced interfacing interface's interfac", "x11": "x11 x11's", "doc": "doc docs doc's",
        "debian": "debian debian's debians", "org": "org org's orgs", "libc6": "libc6", "editors": "editor editors editor's editors'"}
STEM = {stem: set(forms.split()) for stem, forms in STEM.items()}


class Package:
    def __init__(self, record):
        self.key, self.value = record["key"], record["value"]
        scalars = list(self.walk(self.value, ()))
        self.scalars = {path + (value,) for path, value in scalars}
        self.words = [(path, words(text)) for path, text in scalars if isinstance(text, str)]

    def walk(self, value, path):
        if isinstance(value, dict):
            for name, member in value.items():
                yield from self.walk(member, path + (name,))
        elif isinstance(value, list):
            for element in value:
                yield from self.walk(element, path)
        else:
            yield path, value

    def texts(self, field=None):
        wanted = tuple(field.split(".")) if field else ()
        return (found for path, found in self.words if path[:len(wanted)] == wanted)

    def has(self, field, stem):
        return any(word in STEM[stem] for text in self.texts(field) for word in text)

    def phrase(self, field, *stems, slop=0):
        for text in self.texts(field):
            places = [[i - n for i, word in enumerate(text) if word in STEM[stem]] for n, stem in enumerate(stems)]
            if slop == 0 and set.intersection(*map(set, places)):
                return True
            if slop and any(abs(a - b) <= slop for a in places[0] for b in places[1]):
                return True
        return False

    def like(self, field, pattern):
        return any(re.fullmatch(pattern, word) for text in self.texts(field) for word in text)

    def near(self, field, word, most):
        return any(distance(word, other, most) for text in self.texts(field) for other in text)

    def number(self, name):
        return self.value.get(name, float("nan"))


NEAR = {}


def distance(a, b, most):
    """Are they at most so far from each other? Insertions, deletions, changes, and exchanges of neighbours."""
    if abs(len(a) - len(b)) > most:
        return False
    if (a, b, most) not in NEAR:
        rows = [list(range(len(b) + 1))]
        for i in range(1, len(a) + 1):
            rows.append([i] + [0] * len(b))
            for j in range(1, len(b) + 1):
                rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
                if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                    rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
        NEAR[a, b, most] = rows[-1][-1] <= most
    return NEAR[a, b, most]


# ---- searches, and what they mean ----

FOUND = [
    ('description:"web server" AND section:httpd', lambda p: p.phrase("description", "web", "server") and p.has("section", "httpd")),
    ("compilr~", lambda p: p.near(None, "compilr", 2)),
    ("description:compilr~1", lambda p: p.near("description", "compilr", 1)),
    ("description:(parser OR parsing) AND NOT section:libdevel",
     lambda p: (p.has("description", "parser") or p.has("description", "parse")) and not p.has("section", "libdevel")),
    ("name:lib*ssl* AND installed_size:*", lambda p: p.like("name", "lib.*ssl.*") and "installed_size" in p.value),
    ("installed_size:[100000 TO 200000} AND section:=games",
     lambda p: 100000 <= p.number("installed_size") < 200000 and p.value.get("section") == "games"),
    ('maintainer:"debian.org" -section:doc', lambda p: p.phrase("maintainer", "debian", "org") and not p.has("section", "doc")),
    ("depends:libc6 AND description:edito?", lambda p: p.has("depends", "libc6") and p.like("description", "edito.")),
    (r"key:pkg:python3\-d*", lambda p: p.key.startswith("pkg:python3-d")),
    ("_missing_:homepage AND section:doc", lambda p: "homepage" not in p.value and p.has("section", "doc")),
    ("homepage:*nome", lambda p: p.like("homepage", ".*nome")),
    ('description:"python binding"~2', lambda p: p.phrase("description", "python", "binding", slop=2)),
    ("maintainer:MÜLLER", lambda p: p.has("maintainer", "muller")),
    ('+tag:"interface::x11" -description:library', lambda p: p.phrase("tag", "interface", "x11") and not p.has("description", "library")),
    ('version:["2" TO "3"} priority:=required', lambda p: "2" <= p.value.get("version", "") < "3" or p.value.get("priority") == "required"),
    ('maintainer.email:=joerg@debian.org OR section:="editors"',
     lambda p: ("maintainer", "email", "joerg@debian.org") in p.scalars or ("section", "editors") in p.scalars),
]


def by(name, descending):
    """Those that have no value come last."""
    sign = -1 if descending else 1
    return lambda p: (name not in p.value, sign * p.value.get(name, 0), p.key)


ORDERED = [
    (["--sort", "installed_size:desc", "--limit", "5", 'tag:"role::program" AND maintainer.name:python'],
     lambda p: p.phrase("tag", "role", "program") and p.has("maintainer.name", "python"), by("installed_size", True)),
    (["--sort", "size:desc", "--limit", "10", "size:>50000000"], lambda p: p.number("size") > 50000000, by("size", True)),
    (["--sort", "installed_size,_key", "--limit", "25", "--offset", "3", "section:editors"],
     lambda p: p.has("section", "editors"), by("installed_size", False)),
    (["--sort", "_key:desc", "--limit", "7", "section:httpd"], lambda p: p.has("section", "httpd"), None),
]


def option(arguments, name, default):
    return int(arguments[arguments.index(name) + 1]) if name in arguments else default


def expect(file, directory):
    with open(file, encoding="utf-8") as lines:
        packages = sorted((Package(json.loads(line)) for line in lines), key=lambda p: p.key.encode())
    cases = 0

    def case(arguments, suffix, text):
        nonlocal cases
        cases += 1
        for name, content in (("args", "\n".join(arguments) + "\n"), (suffix, text)):
            with open(os.path.join(directory, f"{cases}.{name}"), "w", encoding="utf-8") as out:
                out.write(content)

    def lines_of(found):
        return "".join(p.key + "\n" for p in found)

    for query, matches in FOUND:
        found = [p for p in packages if matches(p)]
        case(["--limit", "1000000", query], "keys", lines_of(found))
        case(["--count", query], "json", json.dumps({"total": len(found)}, separators=(",", ":")) + "\n")
    for arguments, matches, order in ORDERED:
        found = sorted(filter(matches, packages), key=order) if order else list(filter(matches, packages))[::-1]
        first = option(arguments, "--offset", 0)
        case(arguments, "ordered", lines_of(found[first:first + option(arguments, "--limit", 10)]))
    sections = collections.Counter(p.value["section"] for p in packages if p.has("depends", "libc6") and "section" in p.value)
    best = sorted(sections.items(), key=lambda item: (-item[1], item[0].encode()))[:5]
    case(["--count", "--facet", "section", "--facet-limit", "5", "depends:libc6"], "json", json.dumps(
        {"total": sum(p.has("depends", "libc6") for p in packages),
         "facets": {"section": {"distinct": len(sections), "values": [{"value": v, "count": n} for v, n in best]}}},
        separators=(",", ":"), ensure_ascii=False) + "\n")


if sys.argv[1:] == ["sample"]:
    sample()
elif len(sys.argv) == 4 and sys.argv[1] == "expect":
    expect(sys.argv[2], sys.argv[3])
else:
    sys.exit(__doc__)
