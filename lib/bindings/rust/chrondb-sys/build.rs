// SPDX-License-Identifier: MIT
//! Finds libchrondb, or builds it, and tells cargo how to link it.
//!
//! libchrondb.a and the archives that it needs become one object first, in which only `chrondb_*` is global. For cargo
//! hands on neither linker options nor the order of archives to the crates above; and a program may use another
//! libgit2 or zlib beside ours, whose symbols must not meet.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["CHRONDB_LIB_DIR", "CC", "OBJCOPY", "AR", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    if env::var_os("CARGO_FEATURE_SYSTEM").is_some() {
        link_system();
    } else {
        link_static(&library_directory());
    }
}

fn fail(message: &str) -> ! {
    eprintln!("chrondb-sys: {message}");
    process::exit(1);
}

/// Runs a program, named by `variable` or else `default`, and gives back what it printed.
fn run(variable: &str, default: &str, arguments: &[String]) -> String {
    let program = env::var(variable).unwrap_or_else(|_| default.to_string());
    println!("{program} {}", arguments.join(" "));
    let output = match Command::new(&program).args(arguments).output() {
        Ok(output) => output,
        Err(error) => fail(&format!("cannot run {program}: {error}")),
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        fail(&format!("{program} failed:\n{printed}{}", String::from_utf8_lossy(&output.stderr)));
    }
    printed
}

fn path_text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_string(),
        None => fail(&format!("{}: the path is not UTF-8", path.display())),
    }
}

// ---- the system's library ----

fn link_system() {
    for word in run("PKG_CONFIG", "pkg-config", &["--libs".into(), "chrondb".into()]).split_whitespace() {
        if let Some(directory) = word.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={directory}");
        } else if let Some(name) = word.strip_prefix("-l") {
            println!("cargo:rustc-link-lib={name}");
        }
    }
}

// ---- the static library ----

/// Where libchrondb.a is.
fn library_directory() -> PathBuf {
    if let Some(directory) = env::var_os("CHRONDB_LIB_DIR") {
        return PathBuf::from(directory);
    }
    let root = source_tree();
    let built = root.join("build");
    if is_newer(&built.join("libchrondb.a"), &root.join("lib/chrondb.h")) {
        return built;
    }
    build(&root)
}

/// The source tree that this crate is part of.
fn source_tree() -> PathBuf {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    // This directory may be a link into the tree.
    let root = here.canonicalize().ok().and_then(|here| here.ancestors().nth(4).map(Path::to_path_buf));
    match root {
        Some(root) if root.join("lib/chrondb.h").is_file() => root,
        _ => fail(
            "this crate is not in chrondb's source tree: set CHRONDB_LIB_DIR to the directory of libchrondb.a, \
             or use the feature \"system\"",
        ),
    }
}

fn is_newer(file: &Path, than: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    matches!((changed(file), changed(than)), (Some(file), Some(than)) if file >= than)
}

fn build(root: &Path) -> PathBuf {
    for name in ["CMakeLists.txt", "cmake", "lib/chrondb.h", "lib/db", "lib/doc", "lib/index", "lib/query"] {
        println!("cargo:rerun-if-changed={}", root.join(name).display());
    }
    for name in ["lib/store", "lib/text", "lib/util"] {
        println!("cargo:rerun-if-changed={}", root.join(name).display());
    }
    let directory = out_directory().join("build");
    let (source, target) = (path_text(root), path_text(&directory));
    let mut configure = vec!["-S".into(), source, "-B".into(), target.clone()];
    configure.extend(["-DCMAKE_BUILD_TYPE=Release".into(), "-DCHRONDB_TESTS=OFF".into()]);
    run("CMAKE", "cmake", &configure);
    let jobs = env::var("NUM_JOBS").unwrap_or_else(|_| "1".into());
    let build = ["--build", &target, "--target", "chrondb_static", "-j", &jobs];
    run("CMAKE", "cmake", &build.map(String::from));
    directory
}

fn out_directory() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default())
}

/// What a program that links libchrondb.a needs beside it: a line of chrondb.pc, which a build directory has before it
/// knows where it will be installed.
fn private_libraries(directory: &Path) -> Vec<String> {
    let names = ["chrondb.pc.in", "pkgconfig/chrondb.pc", "chrondb.pc"];
    let text = names.iter().find_map(|name| fs::read_to_string(directory.join(name)).ok());
    let line = text.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("Libs.private:")));
    match line {
        Some(line) => line.split_whitespace().map(String::from).collect(),
        None => fail(&format!("no chrondb.pc in {}, which says what libchrondb.a needs", directory.display())),
    }
}

fn link_static(directory: &Path) {
    let archive = directory.join("libchrondb.a");
    if !archive.is_file() {
        fail(&format!("{}: there is no such file", archive.display()));
    }
    println!("cargo:rerun-if-changed={}", archive.display());
    let out = out_directory();
    let object = path_text(&out.join("chrondb.o"));
    let whole = out.join("libchrondb.a");

    let mut merge = vec!["-r".into(), "-nostdlib".into(), "-o".into(), object.clone()];
    merge.extend(["-Wl,--whole-archive".into(), path_text(&archive), "-Wl,--no-whole-archive".into()]);
    let mut shared = Vec::new();
    for word in private_libraries(directory) {
        match word.strip_prefix("-l") {
            Some(name) if !name.starts_with(':') => shared.push(name.to_string()),
            _ => merge.push(word),
        }
    }
    run("CC", "cc", &merge);
    run("OBJCOPY", "objcopy", &["-w".into(), "--keep-global-symbol=chrondb_*".into(), object.clone()]);
    let _ = fs::remove_file(&whole); // ar would add to it
    run("AR", "ar", &["crs".into(), path_text(&whole), object]);

    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rustc-link-lib=static=chrondb");
    for name in shared {
        println!("cargo:rustc-link-lib={name}");
    }
}
