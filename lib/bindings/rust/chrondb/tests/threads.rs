// SPDX-License-Identifier: MIT
//! Sixteen threads, handles on one database by different spellings of its path, two processes beside them: no error,
//! and one line of history.
mod support;

use std::collections::HashSet;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::thread;

use chrondb::{CommitId, Condition, Database, ErrorKind, HistoryOptions, Range, SearchOptions, Snapshot, Status};
use support::{database, Scratch};

const THREADS: usize = 16;
const PROCESSES: usize = 2;

const DATABASE: &str = "CHRONDB_TEST_WORKER_DATABASE"; // for the other processes: what to work on,
const NAME: &str = "CHRONDB_TEST_WORKER_NAME"; // and as who

/// 8 operations each. CHRONDB_TEST_LONG=1: 8 * (16 + 2) * 70 = 10,080 of them.
fn rounds() -> usize {
    match env::var_os("CHRONDB_TEST_LONG") {
        Some(_) => 70,
        None => 10,
    }
}

/// A round is eight operations, one of them a write of a document that is no other's.
fn work(db: &Database, name: &str, rounds: usize) -> chrondb::Result<Vec<CommitId>> {
    let mut commits = Vec::new();
    for round in 0..rounds {
        let key = format!("{name}:{}", round % 10);
        let document = format!(r#"{{"by":"{name}","round":{round}}}"#);
        let written = db.put(&key, &document)?;
        assert!(matches!(written.status, Status::Created | Status::Updated), "{written:?}");
        commits.push(written.commit.expect("a commit"));
        assert_eq!(db.get(&key)?.expect("what was put"), document.as_bytes());
        assert_eq!(db.count(&Range::new().table(name))? as usize, 10.min(round + 1));
        let newest = db.history(&key, &HistoryOptions::new().limit(1))?.next().expect("a version")?;
        assert_eq!(newest.commit, written.commit.unwrap());
        let listed = db.keys(&Range::new().prefix(&key))?.next().expect("the key")?;
        assert_eq!(listed, key);
        assert!(db.exists(&key)?);
        assert_eq!(db.at(newest.commit)?.get(&key)?.expect("what was put"), document.as_bytes());
    }
    Ok(commits)
}

/// What another process does: not a test, unless the environment says so.
#[test]
fn worker() {
    if let (Some(path), Ok(name)) = (env::var_os(DATABASE), env::var(NAME)) {
        let db = Database::open(PathBuf::from(path)).unwrap();
        work(&db, &name, rounds()).unwrap();
    }
}

fn start_worker(path: &Path, name: &str) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "worker"]).env(DATABASE, path).env(NAME, name);
    command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// Paths of one database.
fn spellings(scratch: &Scratch) -> Vec<PathBuf> {
    let root = scratch.path();
    fs::create_dir_all(root.join("a/b")).unwrap();
    symlink(root.join("db"), root.join("link")).unwrap();
    let upwards: PathBuf = env::current_dir().unwrap().ancestors().skip(1).map(|_| "..").collect();
    let relative = upwards.join(root.strip_prefix("/").unwrap()).join("db");
    vec![root.join("db"), root.join("a/b/../../db"), root.join("link"), relative, root.join("./db/")]
}

#[test]
fn threads_and_processes_write_one_line_of_history() {
    let scratch = Scratch::new();
    let paths = spellings(&scratch);
    let first = Database::open(&paths[0]).unwrap();
    first.put("first", "0").unwrap();
    let workers: Vec<Child> =
        (0..PROCESSES).map(|number| start_worker(&paths[0], &format!("process{number}"))).collect();
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let path = paths[number % paths.len()].clone();
            thread::spawn(move || {
                let db = Database::open(path)?;
                work(&db, &format!("thread{number}"), rounds())
            })
        })
        .collect();
    let mut commits = HashSet::new();
    for thread in threads {
        commits.extend(thread.join().unwrap().unwrap());
    }
    for mut worker in workers {
        assert!(worker.wait().unwrap().success());
    }

    // Every write is a commit of its own, and all of them are on the line of first parents.
    let log: Vec<_> = first.log(&HistoryOptions::new().without_values()).unwrap().map(Result::unwrap).collect();
    assert_eq!(log.len(), 1 + (THREADS + PROCESSES) * rounds());
    assert!(log.iter().all(|commit| commit.changes.len() == 1));
    let line: HashSet<CommitId> = log.iter().map(|commit| commit.commit).collect();
    assert_eq!(commits.len(), THREADS * rounds());
    assert!(commits.is_subset(&line));
    assert!(log.windows(2).all(|pair| pair[0].time >= pair[1].time), "time runs backwards");
    assert_eq!(first.count(&Range::new()).unwrap() as usize, 1 + 10 * (THREADS + PROCESSES));
}

#[test]
fn nobody_s_increment_is_lost() {
    let (_scratch, db) = database();
    db.put("counter", "0").unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| increment(&db)));
        }
    });
    assert_eq!(db.get("counter").unwrap().unwrap(), b"40");
}

fn increment(db: &Database) {
    loop {
        let newest = db.history("counter", &HistoryOptions::new().limit(1)).unwrap().next().unwrap().unwrap();
        let count: u32 = String::from_utf8(newest.value.unwrap()).unwrap().parse().unwrap();
        match db.put_if("counter", (count + 1).to_string(), &Condition::Match(newest.commit)) {
            Ok(_) => return,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
}

#[test]
fn threads_share_a_snapshot_and_what_came_of_it() {
    let (_scratch, db) = database();
    let mut batch = db.batch().unwrap();
    for number in 0..50 {
        batch.put(&format!("word:{number:02}"), format!(r#"{{"text":"word {number}"}}"#)).unwrap();
    }
    batch.commit().unwrap();
    let old = db.snapshot().unwrap();
    db.put("word:00", r#"{"text":"another"}"#).unwrap();
    let new = db.snapshot().unwrap();
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for number in 0..4 {
            // Both ways round: two threads that each held one snapshot and waited for the other would wait for ever.
            let (from, to) = if number % 2 == 0 { (&old, &new) } else { (&new, &old) };
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                (0..20).for_each(|_| walk_through(from, to));
            });
        }
    });
}

fn walk_through(from: &Snapshot, to: &Snapshot) {
    assert_eq!(from.list(&Range::new()).unwrap().map(Result::unwrap).count(), 50);
    assert_eq!(from.diff(to, &[]).unwrap().map(Result::unwrap).count(), 1);
    let options = SearchOptions::new().limit(u64::MAX).table("word");
    assert!(from.search("word", &options).unwrap().map(Result::unwrap).count() >= 49);
}

#[test]
fn an_iterator_goes_on_in_another_thread_when_all_else_is_dropped() {
    let (_scratch, db) = database();
    for number in 0..10 {
        db.put(&format!("n:{number}"), number.to_string()).unwrap();
    }
    let mut list = db.list(&Range::new()).unwrap();
    assert_eq!(list.next().unwrap().unwrap().value, b"0");
    let path = db.path().to_path_buf();
    drop(db);
    let rest = thread::spawn(move || list.map(|entry| entry.unwrap().key).collect::<Vec<_>>()).join().unwrap();
    assert_eq!((rest.len(), rest.last().unwrap().as_str()), (9, "n:9"));
    // It was closed then; the same place opens anew.
    assert_eq!(Database::open(path).unwrap().count(&Range::new()).unwrap(), 10);
}
