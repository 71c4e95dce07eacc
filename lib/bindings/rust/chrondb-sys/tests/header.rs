// SPDX-License-Identifier: MIT
//! Every declaration of this crate, written out in C behind `chrondb.h`, must mean the same to a C compiler; and the
//! header must declare nothing that this crate lacks.
use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SOURCE: &str = include_str!("../src/lib.rs");

fn header() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap(); // it may be a link into the tree
    here.join("../../../chrondb.h").canonicalize().unwrap()
}

// ---- reading Rust ----

struct Function {
    name: String,
    parameters: Vec<(String, String)>,
    result: String,
}

#[derive(Default)]
struct Declarations {
    constants: Vec<(String, String)>,
    types: Vec<(String, String)>,
    structs: Vec<(String, Vec<(String, String)>)>,
    opaque: Vec<String>,
    functions: Vec<Function>,
}

/// One line, without comments and keywords' escapes.
fn flatten(source: &str) -> String {
    let code = source.lines().map(|line| line.split("//").next().unwrap_or(""));
    code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").replace("r#", "")
}

/// "name: type" at the commas that are in no bracket.
fn members(text: &str) -> Vec<(String, String)> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for character in text.chars() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(character);
    }
    let pairs = parts.iter().filter_map(|part| part.trim().split_once(": "));
    pairs.map(|(name, kind)| (name.trim_start_matches("pub ").to_string(), kind.to_string())).collect()
}

fn functions(code: &str) -> Vec<Function> {
    let starts = code.split("pub fn ").skip(1);
    let texts = starts.filter_map(|text| text.split_once(';')).map(|(text, _)| text);
    let parse = |text: &str| {
        let (name, rest) = text.split_once('(')?;
        let (parameters, result) = rest.rsplit_once(") -> ").unwrap_or_else(|| (rest.trim_end_matches(')'), "void"));
        Some(Function { name: name.into(), parameters: members(parameters), result: result.into() })
    };
    texts.filter_map(parse).collect()
}

fn parse(source: &str) -> Declarations {
    let code = flatten(source);
    let after = |start: &'static str, end: &'static str| {
        code.split(start).skip(1).filter_map(move |text| text.split_once(end)).map(|(text, _)| text)
    };
    let mut found = Declarations { functions: functions(&code), ..Declarations::default() };
    for text in after("pub const ", ";") {
        let (name, value) = text.split_once(": ").unwrap();
        found.constants.push((name.into(), value.split_once("= ").unwrap().1.into()));
    }
    for text in after("pub type ", ";") {
        let (name, kind) = text.split_once(" = ").unwrap();
        found.types.push((name.into(), kind.into()));
    }
    for text in after("pub struct ", "}").filter(|text| !text.starts_with('$')) {
        let (name, body) = text.split_once(" {").unwrap();
        found.structs.push((name.into(), members(body)));
    }
    found.opaque = after("opaque!(", ")").map(String::from).collect();
    found
}

// ---- writing C ----

impl Declarations {
    fn is_enum(&self, name: &str) -> bool {
        self.types.iter().any(|(known, kind)| known == name && kind == "c_uint")
    }

    fn base(&self, name: &str) -> String {
        let text = match name {
            "c_int" => "int",
            "c_uint" => "unsigned",
            "c_char" => "char",
            "c_void" => "void",
            "usize" => "size_t",
            "u64" => "uint64_t",
            "i64" => "int64_t",
            "i32" => "int32_t",
            "f64" => "double",
            _ if self.is_enum(name) => return format!("enum {name}"),
            _ => name,
        };
        text.to_string()
    }

    /// The declaration of something of a type.
    fn declare(&self, kind: &str, declarator: &str) -> String {
        if let Some(inner) = kind.strip_prefix("*const ") {
            return match inner.starts_with('*') {
                true => self.declare(inner, &format!("const *{declarator}")),
                false => format!("const {} *{declarator}", self.base(inner)),
            };
        }
        if let Some(inner) = kind.strip_prefix("*mut ") {
            return self.declare(inner, &format!("*{declarator}"));
        }
        if let Some((inner, size)) = kind.strip_prefix('[').and_then(|kind| kind[..kind.len() - 1].split_once("; ")) {
            return self.declare(inner, &format!("{declarator}[{size}]"));
        }
        if let Some(function) = kind.strip_prefix("Option<unsafe extern \"C\" fn(") {
            let (parameters, result) = match function.rsplit_once(") -> ") {
                Some((parameters, result)) => (parameters, result.trim_end_matches('>')),
                None => (function.trim_end_matches(")>"), "void"),
            };
            return self.declare(result, &format!("(*{declarator})({})", self.parameters(&members(parameters))));
        }
        format!("{} {declarator}", self.base(kind))
    }

    fn parameters(&self, parameters: &[(String, String)]) -> String {
        match parameters.is_empty() {
            true => "void".into(),
            false => parameters.iter().map(|(name, kind)| self.declare(kind, name)).collect::<Vec<_>>().join(", "),
        }
    }

    fn write_struct(&self, out: &mut String, name: &str, fields: &[(String, String)]) {
        writeln!(out, "struct rust_{name} {{").unwrap();
        for (field, kind) in fields {
            writeln!(out, "    {};", self.declare(kind, field)).unwrap();
        }
        writeln!(out, "}};\n_Static_assert(sizeof(struct rust_{name}) == sizeof({name}), \"{name}\");").unwrap();
        for (field, _) in fields {
            let (ours, theirs) = (format!("struct rust_{name}"), name);
            writeln!(
                out,
                "_Static_assert(offsetof({ours}, {field}) == offsetof({theirs}, {field}), \"{name}.{field}\");\n\
                 _Static_assert(__builtin_types_compatible_p(__typeof__((({ours} *)0)->{field}), \
                 __typeof__((({theirs} *)0)->{field})), \"{name}.{field}\");"
            )
            .unwrap();
        }
    }

    fn to_c(&self) -> String {
        let mut out = String::from("#include <stddef.h>\n#include \"chrondb.h\"\n");
        for (name, value) in &self.constants {
            writeln!(out, "_Static_assert({name} == ({value}), \"{name}\");").unwrap();
        }
        for (name, kind) in &self.types {
            match self.is_enum(name) {
                true => writeln!(out, "_Static_assert(sizeof(enum {name}) == sizeof(unsigned), \"{name}\");"),
                false => writeln!(out, "typedef {};", self.declare(kind, name)),
            }
            .unwrap();
        }
        for (name, fields) in &self.structs {
            self.write_struct(&mut out, name, fields);
        }
        for function in &self.functions {
            let declarator = format!("{}({})", function.name, self.parameters(&function.parameters));
            writeln!(out, "extern {};", self.declare(&function.result, &declarator)).unwrap();
        }
        out
    }
}

fn compile(code: &str) -> Result<(), String> {
    let directory = header().parent().unwrap().to_path_buf();
    let file = env::temp_dir().join(format!("chrondb-sys-{}.c", std::process::id()));
    fs::write(&file, code).unwrap();
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(compiler)
        .args(["-std=gnu11", "-fsyntax-only", "-I"])
        .args([&directory, &file])
        .stdin(Stdio::null())
        .output();
    fs::remove_file(&file).unwrap();
    let output = output.unwrap();
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn declarations_mean_what_the_header_says() {
    let ours = parse(SOURCE);
    assert!(ours.functions.len() > 80 && ours.structs.len() > 20, "the source was not understood");
    if let Err(complaints) = compile(&ours.to_c()) {
        panic!("run lib/bindings/declare.py: src/lib.rs and chrondb.h differ:\n{complaints}");
    }
    // What differs is found.
    let other = SOURCE.replacen("key: *const c_char", "key: *mut c_char", 1);
    assert!(compile(&parse(&other).to_c()).is_err());
    let other = SOURCE.replacen("CHRONDB_EBUSY: c_int = -5", "CHRONDB_EBUSY: c_int = -6", 1);
    assert!(compile(&parse(&other).to_c()).is_err());
}

/// The words of the header's code.
fn header_words() -> (String, BTreeSet<String>) {
    let text = fs::read_to_string(header()).unwrap();
    let code: String = text.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect();
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let words = code.split(|character| !is_word(character)).map(String::from).collect();
    (code, words)
}

#[test]
fn nothing_of_the_header_is_missing() {
    let ours = parse(SOURCE);
    let mut known: BTreeSet<String> = ours.functions.iter().map(|function| function.name.clone()).collect();
    known.extend(ours.constants.iter().chain(&ours.types).map(|(name, _)| name.clone()));
    known.extend(ours.structs.iter().map(|(name, _)| name.clone()));
    known.extend(ours.opaque.iter().cloned());
    known.extend(["CHRONDB_H", "CHRONDB_API", "CHRONDB_VERSION"].map(String::from));
    let (_, words) = header_words();
    let of_ours = |word: &&String| word.starts_with("chrondb_") || word.starts_with("CHRONDB_");
    let missing: Vec<_> = words.iter().filter(of_ours).filter(|word| !known.contains(*word)).collect();
    assert!(missing.is_empty(), "run lib/bindings/declare.py: src/lib.rs lacks {missing:?} of chrondb.h");
}

#[test]
fn the_version_is_the_header_s() {
    let (code, _) = header_words();
    let line = code.lines().find(|line| line.starts_with("#define CHRONDB_VERSION")).unwrap();
    assert_eq!(line.split('"').nth(1), Some(env!("CARGO_PKG_VERSION")));
}
