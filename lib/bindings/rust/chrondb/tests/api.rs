// SPDX-License-Identifier: MIT
//! What the documentation's examples do not show.
mod support;

use std::fs;
use std::io::{Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use chrondb::{
    restore_backup, restore_backup_from, restore_backup_with, BackupOptions, Batch, CommitId, Condition, Database,
    Diff, Entry, Error, ErrorKind, History, HistoryOptions, Import, ImportMode, ImportOptions, Keys, Level, List, Log,
    MergeOptions, MergeStatus, Op, OpenOptions, Query, Range, Search, SearchOptions, Snapshot, Status, Strategy, Time,
    WatchOptions, When, WriteOptions,
};
use support::{database, Scratch};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[test]
fn threads_may_have_them() {
    fn sent<T: Send + 'static>() {}
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Database>();
    shared::<Snapshot>();
    shared::<Error>();
    shared::<WriteOptions>();
    shared::<SearchOptions>();
    shared::<Entry>();
    sent::<Batch>();
    sent::<Import>();
    sent::<List>();
    sent::<Keys>();
    sent::<History>();
    sent::<Log>();
    sent::<Diff>();
    sent::<Search>();
}

// ---- opening ----

#[test]
fn opening_says_why_it_failed() -> Outcome {
    let scratch = Scratch::new();
    let absent = scratch.path().join("absent");
    let error = OpenOptions::new().create(false).open(&absent).unwrap_err();
    assert_eq!((error.kind(), error.name()), (ErrorKind::NoDatabase, "no_database"));
    assert!(!absent.exists());

    let file = scratch.path().join("file");
    fs::write(&file, "not a database")?;
    let error = Database::open(&file).unwrap_err();
    assert_eq!((error.kind(), error.name()), (ErrorKind::NoDatabase, "not_a_database"));
    assert!(error.to_string().contains("file"), "{error}");

    let error = Database::open("").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let nul = Path::new(std::ffi::OsStr::from_bytes(b"a\0b"));
    assert_eq!(Database::open(nul).unwrap_err().kind(), ErrorKind::Usage);
    Ok(())
}

#[test]
fn a_database_knows_where_it_is() -> Outcome {
    let scratch = Scratch::new();
    let path = scratch.path().join("of \u{e9} and spaces");
    let index = scratch.path().join("index");
    let db = OpenOptions::new().index(&index).open(&path)?;
    assert!(db.was_created());
    assert_eq!(db.path().canonicalize()?, path.canonicalize()?);
    db.put("user:1", "1")?;
    db.reindex()?;
    assert!(index.exists() && !path.join("chrondb/index").exists());
    drop(db);
    assert!(!Database::open(&path)?.was_created());
    Ok(())
}

#[test]
fn notices_are_told_and_their_panics_are_nobody_s() -> Outcome {
    static TOLD: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());
    fn notice(level: Level, text: &str) {
        TOLD.lock().unwrap().push((level, text.to_string()));
        if !text.is_empty() {
            panic::resume_unwind(Box::new("a notice that panics"));
        }
    }
    let scratch = Scratch::new();
    let path = scratch.path().join("db");
    let db = OpenOptions::new().notice(notice).open(&path)?;
    db.put("a", "1")?;
    // git's lock of nobody, long ago.
    fs::write(path.join("refs/heads/broken"), "nothing that is an id\n")?;
    db.branches()?;
    let told = TOLD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    assert!(told.iter().any(|(level, text)| *level == Level::Warning && text.contains("broken")), "{told:?}");
    Ok(())
}

// ---- arguments ----

#[test]
fn nothing_that_comes_in_panics() -> Outcome {
    let (_scratch, db) = database();
    db.put("a", "1")?;
    for key in ["", ":", "a:", ":b", "a\0b", "\u{0}"] {
        for error in [db.get(key).unwrap_err(), db.put(key, "1").unwrap_err(), db.delete(key).unwrap_err()] {
            assert_eq!((error.kind(), error.name()), (ErrorKind::Usage, "invalid_key"), "{key:?}: {error}");
        }
    }
    let long = "k".repeat(100_000);
    assert_eq!(db.put(&long, "1").unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(db.history("a\0", &HistoryOptions::new()).err().unwrap().kind(), ErrorKind::Usage);
    for text in ["a\0b", "no such branch", "a..b"] {
        assert_eq!(db.branch(text).and_then(|db| db.get("a")).unwrap_err().kind(), ErrorKind::Usage, "{text:?}");
    }
    for text in ["a\0b", "no moment at all", ""] {
        assert_eq!(db.at(text).unwrap_err().kind(), ErrorKind::Usage, "{text:?}");
    }
    for range in [Range::new().prefix("\0"), Range::new().table("\0"), Range::new().after("\0")] {
        assert_eq!(db.count(&range).unwrap_err().kind(), ErrorKind::Usage);
    }
    for options in [SearchOptions::new().sort("\0"), SearchOptions::new().facet("\0"), SearchOptions::new().after("x")]
    {
        assert_eq!(db.search("a", &options).err().unwrap().kind(), ErrorKind::Usage);
    }
    for options in
        [WriteOptions::new().message("\0"), WriteOptions::new().author("nobody"), WriteOptions::new().meta("=", "\0")]
    {
        assert_eq!(db.recording(options).put("b", "1").unwrap_err().kind(), ErrorKind::Usage);
    }
    for document in [&b""[..], b"{", b"\xff", b"{\"a\":1}x", b"\0"] {
        assert_eq!(db.put("b", document).unwrap_err().kind(), ErrorKind::Invalid, "{document:?}");
    }
    let deep = "[".repeat(2000) + &"]".repeat(2000);
    assert_eq!(db.put("b", deep).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.search(Query::ast("{"), &SearchOptions::new()).err().unwrap().name(), "invalid_query");
    let error = db.search("a AND (b", &SearchOptions::new()).err().unwrap();
    assert_eq!((error.name(), error.line(), error.column().is_some()), ("invalid_query", Some(1), true));
    assert_eq!(db.create_branch("a..b", None).unwrap_err().name(), "invalid_name");
    assert_eq!(db.setting("no.such").unwrap_err().name(), "unknown_setting");
    assert_eq!(db.log(&HistoryOptions::new())?.count(), 1);
    Ok(())
}

#[test]
fn empty_and_large_documents_are_bytes() -> Outcome {
    let (_scratch, db) = database();
    let large = format!("\"{}\"", "x".repeat(3_000_000));
    for document in ["\"\"", "null", " { \"a\" : 1.0e2 } ", "\"\\u0000\"", large.as_str()] {
        db.put("a", document)?;
        assert_eq!(db.get("a")?.unwrap(), document.as_bytes());
    }
    Ok(())
}

// ---- writing ----

#[test]
fn what_is_written_is_told() -> Outcome {
    let (_scratch, db) = database();
    let ada = db.recording(
        WriteOptions::new()
            .author("Ada <ada@example.org>")
            .message("why")
            .meta("ticket", "7")
            .time("2026-01-02T03:04:05Z"),
    );
    let written = ada.put("user:1", r#"{"a":1}"#)?;
    assert_eq!((written.key.as_str(), written.status), ("user:1", Status::Created));
    assert_eq!(written.time.to_string(), "2026-01-02T03:04:05.000000000Z");
    assert_eq!(db.put("user:1", r#"{"a":1}"#)?.status, Status::Unchanged);
    let version = db.history("user:1", &HistoryOptions::new())?.next().unwrap()?;
    assert_eq!((version.message.as_str(), version.meta), ("why", vec!["ticket=7".to_string()]));
    assert_eq!((version.author.as_str(), version.op), ("Ada <ada@example.org>", Op::Create));
    assert_eq!(ada.put("user:2", "1").err().map(|error| error.name().to_string()), None);
    assert_eq!(
        db.recording(WriteOptions::new().time("2025-01-01")).put("user:2", "2").unwrap_err().name(),
        "invalid_time"
    );
    db.recording(WriteOptions::new().time("2025-01-01").force_time()).put("user:2", "2")?;

    assert_eq!(db.patch("absent", "{}").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(db.delete("absent")?, None);
    assert_eq!(
        db.delete_if("absent", &Condition::Match(written.commit.unwrap())).unwrap_err().kind(),
        ErrorKind::Conflict
    );
    assert_eq!(db.delete("user:1")?.unwrap().status, Status::Deleted);
    let error = db.put_if("user:1", "1", &Condition::Exists).unwrap_err();
    assert_eq!((error.kind(), error.key(), error.current()), (ErrorKind::Conflict, Some("user:1"), None));
    assert_eq!(db.restore("user:1", &db.at(written.commit.unwrap())?)?.status, Status::Created);
    assert_eq!(db.get("user:1")?.unwrap(), br#"{"a":1}"#);
    Ok(())
}

#[test]
fn a_batch_is_all_or_nothing() -> Outcome {
    let (_scratch, db) = database();
    let mut batch = db.batch()?;
    batch.put("a", "1")?;
    batch.add_json(r#"{"op":"put","key":"b","value":{"x":1}}"#)?;
    assert!(batch.add_json("nonsense").is_err() && batch.put("c", "{").is_err());
    batch.patch("b", r#"{"y":2}"#)?;
    let before = db.snapshot()?;
    let done = batch.commit()?;
    assert_eq!(
        done.results.iter().map(|written| written.status).collect::<Vec<_>>(),
        [Status::Created, Status::Created, Status::Updated]
    );
    assert_eq!((done.commit, before.commit()), (db.snapshot()?.commit(), None));

    let mut batch = db.batch()?;
    batch.put("a", "1")?;
    batch.delete_if("absent", &Condition::Exists)?;
    batch.check("a", &Condition::Exists)?;
    assert_eq!(batch.commit_statuses()?, [Status::Unchanged, Status::Unchanged, Status::Checked]);

    let mut batch = db.batch()?;
    batch.delete("a")?;
    batch.delete("absent")?;
    assert_eq!(batch.commit().unwrap_err().kind(), ErrorKind::NotFound);
    assert!(db.exists("a")?);
    let mut batch = db.batch()?;
    batch.put("never", "1")?;
    drop(batch);
    assert!(!db.exists("never")?);
    let mut batch = db.batch()?;
    batch.restore_all(&before)?;
    batch.commit()?;
    assert_eq!(db.count(&Range::new())?, 0);

    // Snapshots of another database are not taken.
    let (_other, other) = database();
    other.put("a", "1")?;
    let foreign = other.snapshot()?;
    assert_eq!(db.restore("a", &foreign).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(db.snapshot()?.diff(&foreign, &[]).err().unwrap().kind(), ErrorKind::Usage);
    Ok(())
}

#[test]
fn writers_need_not_wait() -> Outcome {
    let (_scratch, db) = database();
    db.put("a", "1")?;
    let impatient = db.recording(WriteOptions::new().lock_timeout(Duration::ZERO));
    let lock = fs::File::create(db.path().join("refs/heads/main.lock"))?;
    // Another program's lock of the branch is waited for, or not.
    let started = SystemTime::now();
    let result = impatient.put("a", "2");
    assert!(started.elapsed()? < Duration::from_secs(20));
    if let Err(error) = result {
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    }
    drop(lock);
    Ok(())
}

// ---- reading ----

#[test]
fn ranges_and_tables() -> Outcome {
    let (_scratch, db) = database();
    let mut batch = db.batch()?;
    for key in ["b", "a:1", "a:2", "a:10", "c:1", "\u{e9}:\u{1f600}"] {
        batch.put(key, format!("\"{key}\""))?;
    }
    batch.commit()?;
    let keys = |range: &Range| -> chrondb::Result<Vec<String>> { db.keys(range)?.collect() };
    assert_eq!(keys(&Range::new())?, ["a:1", "a:10", "a:2", "b", "c:1", "\u{e9}:\u{1f600}"]);
    assert_eq!(keys(&Range::new().table("a").reverse())?, ["a:2", "a:10", "a:1"]);
    assert_eq!(keys(&Range::new().table(""))?, ["b"]);
    assert_eq!(keys(&Range::new().prefix("a:1").after("a:1").limit(5))?, ["a:10"]);
    assert_eq!(db.count(&Range::new().limit(4))?, 4);
    let mut list = db.list(&Range::new().limit(1))?;
    let entry = list.next().unwrap()?;
    assert_eq!((entry.key.as_str(), entry.value), ("a:1", b"\"a:1\"".to_vec()));
    assert!(list.next().is_none() && list.next().is_none());
    let tables = db.tables()?;
    assert_eq!(
        tables.iter().map(|table| (table.name.as_str(), table.count)).collect::<Vec<_>>(),
        [("", 1), ("a", 3), ("c", 1), ("\u{e9}", 1)]
    );
    Ok(())
}

#[test]
fn the_past_is_read_in_many_ways() -> Outcome {
    let (_scratch, db) = database();
    for (day, price) in [("2026-01-01", 10), ("2026-02-01", 11), ("2026-03-01", 12)] {
        db.recording(WriteOptions::new().time(day)).put("lamp", format!(r#"{{"price":{price}}}"#))?;
    }
    db.delete("lamp")?;
    let day = Time::new(1_770_000_000, 0).unwrap(); // 2026-02-02
    assert_eq!(db.at(day)?.get("lamp")?.unwrap(), br#"{"price":11}"#);
    assert_eq!(db.at(SystemTime::try_from(day)?)?.time()?.unwrap().to_string(), "2026-02-01T00:00:00.000000000Z");
    assert_eq!(db.at("2025-01-01")?.commit(), None);
    assert_eq!(db.at("2025-01-01")?.time()?, None);
    let options = HistoryOptions::new().since("2026-01-15").until("2026-02-15").with_patches();
    let versions: Vec<_> = db.history("lamp", &options)?.collect::<Result<_, _>>()?;
    assert_eq!((versions.len(), versions[0].patch.as_deref()), (1, Some(&br#"{"price":11}"#[..])));
    let oldest = db.history("lamp", &HistoryOptions::new().reverse().without_values())?.next().unwrap()?;
    assert_eq!((oldest.op, oldest.value), (Op::Create, None));
    assert!(db.history("never", &HistoryOptions::new())?.next().is_none());
    let log: Vec<_> = db.log(&HistoryOptions::new().limit(2))?.collect::<Result<_, _>>()?;
    assert_eq!((log[0].changes[0].op, log[0].changes[0].value.as_deref()), (Op::Delete, None));
    assert_eq!(log[1].changes[0].value.as_deref(), Some(&br#"{"price":12}"#[..]));
    let difference = db.diff("2026-01-15", "2026-02-15")?.next().unwrap()?;
    assert_eq!((difference.old.as_deref(), difference.op), (Some(&br#"{"price":10}"#[..]), Op::Update));
    let same = db.snapshot()?;
    assert!(same.diff(&same, &["lamp"])?.next().is_none());
    Ok(())
}

#[test]
fn changes_are_watched_and_fields_are_blamed() -> Outcome {
    let (_scratch, db) = database();
    let first = db.put("user:1", r#"{"a":1}"#)?;
    let options = WatchOptions::new().prefix("user:").since(first.commit.unwrap());
    let mut watch = db.watch(&options)?;
    assert_eq!(watch.try_next()?, None);
    db.put("page:1", "1")?;
    let second = db.patch("user:1", r#"{"b":2}"#)?;
    let other = Database::open(db.path())?;
    other.delete("user:1")?;
    let event = watch.next_timeout(Duration::from_secs(60))?.unwrap();
    assert_eq!((event.op, Some(event.commit), event.branch.as_str()), (Op::Update, second.commit, "main"));
    let event = watch.next().unwrap()?;
    assert_eq!((event.op, event.value), (Op::Delete, None));
    assert_eq!(watch.next_timeout(Duration::from_millis(20))?, None);
    assert!(db.watch(&WatchOptions::new().since("no moment at all")).is_err());

    let then = db.at(second.commit.unwrap())?;
    let fields: Vec<_> = then.blame("user:1")?.collect::<Result<_, _>>()?;
    assert_eq!((fields[1].path.as_str(), fields[1].value.as_slice()), ("/b", &b"2"[..]));
    assert!(db.blame("user:1")?.next().is_none());
    let mut batch = db.batch()?;
    batch.restore_table("user", &then)?;
    batch.commit()?;
    assert!(db.exists("user:1")?);
    Ok(())
}

#[test]
fn searches_page_and_explain() -> Outcome {
    let (_scratch, db) = database();
    let mut batch = db.batch()?;
    for number in 0..25 {
        batch.put(&format!("page:{number:02}"), format!(r#"{{"text":"common word{number}","n":{}}}"#, number % 3))?;
    }
    batch.commit()?;
    let options = SearchOptions::new().table("page").sort("_key").total().facet("n").facet_limit(2).keys_only();
    let mut search = db.search("text:common", &options)?;
    assert_eq!((search.total(), search.commit()), (25, db.snapshot()?.commit()));
    let mut found: Vec<String> = Vec::new();
    for hit in search.by_ref() {
        let hit = hit?;
        assert_eq!((hit.value, hit.score), (None, None));
        found.push(hit.key);
    }
    assert!(search.next().is_none());
    let facets = search.facets();
    assert_eq!((facets[0].field.as_str(), facets[0].distinct, facets[0].values.len()), ("n", 3, 2));
    assert_eq!((facets[0].values[0].json.as_str(), facets[0].values[0].count), ("0", 9));
    db.put("page:99", r#"{"text":"common later"}"#)?; // not on the later pages: they are of the first one's commit
    let mut cursor = search.cursor();
    while let Some(after) = cursor {
        let mut search = db.search("text:common", &options.clone().after(after))?;
        for hit in search.by_ref() {
            found.push(hit?.key);
        }
        cursor = search.cursor();
    }
    assert_eq!((found.len(), found[24].as_str()), (25, "page:24"));

    let mut search = db.search("word7^2 OR text:later", &SearchOptions::new().explain().default_and())?;
    let hit = search.next().unwrap()?;
    assert!(hit.score.unwrap() > 0.0 && !hit.scores.is_empty());
    assert!(search.plan().iter().any(|step| step.kind == "or"), "{:?}", search.plan());
    assert!(search.stats().segments + search.stats().caught_up > 0);
    assert_eq!(search.highlight(hit.value.as_ref().unwrap())?.len(), 1);
    assert!(search.highlight("{").is_err());
    assert_eq!(search.snapshot().commit(), db.snapshot()?.commit());
    let mut counted = db.search("text:common", &SearchOptions::new().count_only())?;
    assert_eq!((counted.total(), counted.next().is_none()), (26, true));

    // A query in JSON says its branch.
    db.create_branch("draft", None)?;
    db.branch("draft")?.put("page:draft", r#"{"text":"common draft"}"#)?;
    let ast = r#"{"clauses":[{"type":"fts","field":"text","value":"draft"}],"branch":"draft"}"#;
    assert_eq!(db.search(Query::ast(ast), &SearchOptions::new())?.count(), 1);
    let mut told = 0;
    let mut tell = |_: chrondb::Progress<'_>| {
        told += 1;
        ControlFlow::Continue(())
    };
    db.snapshot()?.search_with("common", &SearchOptions::new(), &mut tell)?;
    Ok(())
}

// ---- branches, merging, care ----

#[test]
fn branches_and_tags() -> Outcome {
    let (_scratch, db) = database();
    db.put("a", "1")?;
    let head = db.snapshot()?.commit();
    let (status, made) = db.create_branch("draft", None)?;
    assert_eq!((status, made.name.as_str(), made.commit), (Status::Created, "draft", head));
    assert_eq!(db.create_branch("draft", Some("now".into()))?.0, Status::Unchanged);
    db.put("a", "2")?;
    assert_eq!(db.create_branch("draft", None).unwrap_err().name(), "exists");
    assert_eq!(db.rename_branch("draft", "other")?.1.name, "other");
    assert_eq!(
        db.branches()?.iter().map(|branch| (branch.name.as_str(), branch.is_default)).collect::<Vec<_>>(),
        [("main", true), ("other", false)]
    );
    assert_eq!(db.delete_branch("other")?.commit, head);
    assert_eq!(db.delete_branch("other").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(db.delete_branch("main").unwrap_err().name(), "default_branch");

    assert_eq!(db.create_tag("v1", Some(When::from(head.unwrap())))?.0, Status::Created);
    assert_eq!(db.create_tag("v1", None).unwrap_err().current(), head);
    let (status, moved) = db.move_tag("v1", None)?;
    assert_eq!((status, moved.previous), (Status::Updated, head));
    assert_eq!(db.tags()?.len(), 1);
    db.delete_tag("v1")?;
    assert!(db.tags()?.is_empty());
    Ok(())
}

#[test]
fn merges_tell_their_conflicts() -> Outcome {
    let (_scratch, db) = database();
    db.put("lamp", r#"{"price":10}"#)?;
    db.create_branch("sale", None)?;
    let sale = db.branch("sale")?;
    sale.put("lamp", r#"{"price":8}"#)?;
    assert_eq!(db.merge("sale", &MergeOptions::new().dry_run())?.status, MergeStatus::FastForward);
    db.delete("lamp")?;
    let error = db.merge("sale", &MergeOptions::new()).unwrap_err();
    assert_eq!((error.kind(), error.name(), error.conflicts().len()), (ErrorKind::Conflict, "merge_conflict", 1));
    let conflict = &error.conflicts()[0];
    assert_eq!((conflict.key.as_deref(), conflict.path.as_str(), conflict.ours.as_ref()), (Some("lamp"), "", None));
    let decided = MergeOptions::new().decide_json(r#"{"key":"lamp","delete":true}"#).dry_run();
    assert_eq!(db.merge("sale", &decided)?.conflicts, 1);
    assert_eq!(db.merge("sale", &MergeOptions::new().decide_json("{}")).unwrap_err().name(), "invalid_decision");
    let report = db.merge("sale", &MergeOptions::new().strategy(Strategy::Theirs).no_fast_forward())?;
    assert_eq!((report.status, report.puts, report.conflicts), (MergeStatus::Merged, 1, 1));
    assert_eq!(db.get("lamp")?.unwrap(), br#"{"price":8}"#);
    assert_eq!(db.merge("sale", &MergeOptions::new())?.status, MergeStatus::Unchanged);
    assert_eq!(db.merge("nothing", &MergeOptions::new()).unwrap_err().kind(), ErrorKind::Usage);
    assert!(db.merge("sale", &MergeOptions::new().decide("lamp", Some(b"{".to_vec()))).is_err());
    Ok(())
}

#[test]
fn settings_and_care() -> Outcome {
    let (_scratch, db) = database();
    db.put("user:1", r#"{"text":"hello"}"#)?;
    assert_eq!(db.set_setting("search.language", "german")?, Status::Created);
    assert!(db.settings()?.iter().any(|setting| setting.name == "search.language" && setting.is_set));
    assert_eq!(db.set_setting("search.language", "klingon").unwrap_err().name(), "invalid_value");
    assert_eq!(db.unset_setting("search.language")?, Status::Deleted);
    let info = db.info()?;
    assert_eq!(
        (info.branch.as_str(), info.documents, info.commits, info.head),
        ("main", 1, 1, db.snapshot()?.commit())
    );
    assert!(!db.maintenance_due());
    db.maintain()?;
    let mut phases = Vec::new();
    let report = db.gc_with(&mut |progress| {
        phases.push(progress.phase.to_string());
        ControlFlow::Continue(())
    })?;
    assert_eq!(report.packs.1, 1);
    assert!(!phases.is_empty());
    assert_eq!(db.reindex()?.commits, 1);
    let report = db.verify(false)?;
    assert_eq!((report.errors, report.commits > 0), (0, true), "{:?}", report.findings);
    fs::write(db.path().join("refs/heads/broken"), "nothing that is an id\n")?;
    let report = db.verify(false)?;
    assert!(report.errors > 0 && report.findings.iter().any(|finding| finding.is_error), "{report:?}");
    Ok(())
}

#[test]
fn backups_and_copies() -> Outcome {
    let (scratch, db) = database();
    let (file, again, copy) = (scratch.path().join("full"), scratch.path().join("again"), scratch.path().join("copy"));
    let first = db.put("a", "1")?;
    let report = db.backup(&file, &BackupOptions::new())?;
    assert_eq!((report.bytes, report.commits, report.incremental), (fs::metadata(&file)?.len(), 1, false));
    db.put("b", "2")?;
    let mut rest = fs::OpenOptions::new().read(true).write(true).create(true).open(scratch.path().join("rest"))?;
    assert!(db.backup_to(&rest, &BackupOptions::new().since(first.commit.unwrap()))?.incremental);
    rest.seek(SeekFrom::Start(0))?;
    assert_eq!(restore_backup_from(&again, &rest).unwrap_err().name(), "missing_commits");
    let stop = &mut |_: chrondb::Progress<'_>| ControlFlow::Break(());
    assert_eq!(db.backup_with(&file, &BackupOptions::new(), stop).unwrap_err().name(), "cancelled");
    let stop = &mut |_: chrondb::Progress<'_>| ControlFlow::Break(());
    assert_eq!(restore_backup_with(&again, &file, stop).unwrap_err().name(), "cancelled");
    assert_eq!(restore_backup(&again, &file)?.status, Status::Created);
    rest.seek(SeekFrom::Start(0))?;
    assert_eq!(restore_backup_from(&again, &rest)?.status, Status::Updated);
    let again = Database::open(&again)?;
    assert_eq!(again.compare("now", db.snapshot()?.commit().unwrap())?.ours, db.snapshot()?.commit());

    let clone = |path: &Path| -> Result<(), Box<dyn std::error::Error>> {
        let status = Command::new("git").args(["clone", "-q", "--bare"]).arg(db.path()).arg(path).status()?;
        if status.success() {
            Ok(())
        } else {
            Err("git failed".into())
        }
    };
    let options = OpenOptions::new().maintain(true);
    let made = options.create_from(&copy, clone)?;
    assert!(made.was_created() && made.get("b")?.is_some() && made.remote_branches()?.is_empty());
    made.ready_for_git()?;
    let error = options.create_from(&copy, clone).unwrap_err();
    assert_eq!(error.downcast_ref::<Error>().map(|error| error.name()), Some("exists"));
    let failed: Result<Database, Box<dyn std::error::Error>> =
        options.create_from(scratch.path().join("no"), |_| Err("mine".into()));
    assert_eq!(failed.unwrap_err().to_string(), "mine");

    let draft = db.branch("draft")?;
    assert_eq!(draft.put("k", "1").unwrap_err().name(), "no_branch");
    draft.recording(WriteOptions::new().create_branch()).put("k", "1")?;
    assert_eq!((draft.get("k")?, draft.get("a")?), (Some(b"1".to_vec()), None));
    Ok(())
}

#[test]
fn progress_may_cancel_and_panic() -> Outcome {
    let (_scratch, db) = database();
    db.put("user:1", r#"{"text":"hello"}"#)?;
    let error = db.gc_with(&mut |_| ControlFlow::Break(())).unwrap_err();
    assert_eq!((error.kind(), error.name()), (ErrorKind::Busy, "cancelled"));
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        db.gc_with(&mut |_| panic::resume_unwind(Box::new("of the closure"))).map(|_| ())
    }));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"of the closure"));
    assert_eq!(db.reindex()?.commits, 1);
    assert_eq!(db.get("user:1")?.unwrap(), br#"{"text":"hello"}"#);
    Ok(())
}

#[test]
fn imports() -> Outcome {
    let (_scratch, db) = database();
    let options = ImportOptions::new().mode(ImportMode::Every(2)).without_index().restart();
    let recording = WriteOptions::new().message("bulk").meta("source", "test");
    let mut import = db.recording(recording).import(&options)?;
    for number in 0..5 {
        import.line(format!("{{\"key\":\"n:{number}\",\"value\":{number}}}\n"))?;
    }
    assert_eq!(import.line("nonsense").unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(import.line(r#"{"key":":","value":1}"#).unwrap_err().kind(), ErrorKind::Usage);
    let report = import.finish()?;
    assert_eq!((report.lines, report.commits, report.puts, report.head), (5, 3, 5, db.snapshot()?.commit()));
    assert!(import.line("{}").is_err() && import.finish().is_err() && import.stop().is_err());
    assert_eq!(import.report(), report);
    drop(import);
    let commit = db.log(&HistoryOptions::new())?.next().unwrap()?;
    assert_eq!((commit.message.as_str(), commit.meta), ("bulk", vec!["source=test".to_string()]));

    let mut import = db.import(&ImportOptions::new().mode(ImportMode::One))?;
    import.line(r#"{"key":"n:9","value":9}"#)?;
    assert_eq!(import.stop()?.commits, 0);
    assert!(db.import(&ImportOptions::new().mode(ImportMode::Every(0))).is_err());

    // So many that the index of words is brought up to date at once.
    let mut import = db.import_with(&ImportOptions::new(), |_| panic::resume_unwind(Box::new("of the closure")))?;
    for number in 0..10_000 {
        import.line(format!(r#"{{"key":"many:{number}","value":{number}}}"#))?;
    }
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| import.finish().map(|_| ())));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"of the closure"));
    assert_eq!((import.finish().is_err(), import.report().puts), (true, 10_000));
    Ok(())
}

// ---- small things ----

#[test]
fn times() -> Outcome {
    for (seconds, nanoseconds) in [(0, 0), (1, 1), (-1, 999_999_999), (-1, 0), (i64::from(u32::MAX), 5)] {
        let time = Time::new(seconds, nanoseconds).unwrap();
        assert_eq!(Time::from(SystemTime::try_from(time)?), time);
        assert_eq!(time.as_nanos(), i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds));
    }
    assert_eq!(Time::new(0, 1_000_000_000), None);
    assert!(SystemTime::try_from(Time::new(i64::MIN, 0).unwrap()).is_err() || cfg!(target_pointer_width = "64"));
    for seconds in [i64::MIN, i64::MAX] {
        assert!(!Time::new(seconds, 0).unwrap().to_string().is_empty());
    }
    let id: CommitId = "0123456789ABCDEF0123456789abcdef01234567".parse()?;
    assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef01234567");
    assert!("0123".parse::<CommitId>().is_err() && "\u{e9}".repeat(20).parse::<CommitId>().is_err());
    Ok(())
}

#[test]
fn json_as_text() -> Outcome {
    assert!(chrondb::json::check_document("{}").is_ok());
    assert_eq!(chrondb::json::check_document("{\n!}").unwrap_err().line(), Some(2));
    assert_eq!(chrondb::json::compact("{ \"a\" : 1.0 }")?, b"{\"a\":1.0}");
    assert_eq!(chrondb::json::merge_patch(r#"{"a":1,"b":2}"#, r#"{"a":null}"#)?, br#"{"b":2}"#);
    assert_eq!(chrondb::key_path("a/b:c")?, "a%2Fb/c.json");
    assert_eq!(chrondb::version(), env!("CARGO_PKG_VERSION"));
    Ok(())
}

#[cfg(feature = "serde_json")]
#[test]
fn documents_are_values() -> Outcome {
    use serde_json::{json, Value};
    use std::collections::BTreeMap;

    let (_scratch, db) = database();
    db.put_json("user:1", &json!({"name": "Alice", "tags": ["a"]}))?;
    db.patch_json("user:1", &BTreeMap::from([("age", 30)]))?;
    let user: BTreeMap<String, Value> = db.get_json("user:1")?.unwrap();
    assert_eq!(user["age"], 30);
    assert_eq!(db.get_json::<Value>("absent")?, None);
    let error = db.get_json::<u32>("user:1").unwrap_err();
    assert_eq!((error.kind(), error.name(), error.line()), (ErrorKind::Invalid, "invalid_json", Some(1)));
    assert!(db.put_json("user:2", &BTreeMap::from([((1, 2), 3)])).is_err());
    let entry = db.list(&Range::new())?.next().unwrap()?;
    assert_eq!(entry.json::<Value>()?["name"], "Alice");
    let versions: Vec<_> = db.history("user:1", &HistoryOptions::new())?.collect::<Result<_, _>>()?;
    assert_eq!(versions[1].json::<Value>()?.unwrap()["tags"], json!(["a"]));
    let ast = json!({"clauses": [{"type": "fts", "field": "name", "value": "alice"}]});
    let hit = db.search(ast, &SearchOptions::new())?.next().unwrap()?;
    assert_eq!(hit.json::<Value>()?.unwrap()["age"], 30);
    Ok(())
}
