// SPDX-License-Identifier: MIT
//! Documents by their words and fields.
use std::ffi::CString;
use std::ops;
use std::ptr;

use chrondb_sys as sys;

use crate::care::ProgressFn;
use crate::error::{c_string, check, found, Error, Result};
use crate::ffi::{self, Buffer};
use crate::snapshot::{Snapshot, Walk};
use crate::time::CommitId;

/// What to look for. A string becomes one by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// In the query language, chrondb-query(7): `"alice AND age:[18 TO 40]"`.
    Text(String),
    /// In JSON, chrondb-query(7) too: `{"clauses":[...],"sort":[...],"limit":10}`.
    Ast(Vec<u8>),
}

impl Query {
    /// A query in JSON.
    pub fn ast(json: impl Into<Vec<u8>>) -> Query {
        Query::Ast(json.into())
    }

    /// After an `"invalid_query"`: two lines for people, the line of the query that it is about, and a caret below the
    /// place. `None`: the error tells no place.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-mark-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// let query = chrondb::Query::from("a AND )");
    /// let error = db.search(query.clone(), &Default::default()).err().unwrap();
    /// assert_eq!(query.mark(&error).unwrap(), "a AND )\n      ^");
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn mark(&self, error: &Error) -> Option<String> {
        let (line, column) = (error.line()?, error.column()?);
        let text = match self {
            Query::Text(text) => text.as_bytes(),
            Query::Ast(ast) => ast,
        };
        let mut out = Buffer::default();
        // SAFETY: the buffer is ours.
        let code = unsafe { sys::chrondb_search_mark(out.as_mut_ptr(), ffi::data(text), text.len(), line, column) };
        check(code).ok().map(|()| out.into_string().trim_end().to_string()).filter(|lines| !lines.is_empty())
    }

    /// The branch that a query in JSON names.
    pub(crate) fn branch(&self) -> Result<Option<String>> {
        let ast = match self {
            Query::Text(_) => return Ok(None),
            Query::Ast(ast) => ast,
        };
        let mut name = Buffer::default();
        // SAFETY: the buffer is ours.
        let is_named = unsafe { sys::chrondb_search_ast_branch(ffi::data(ast), ast.len(), name.as_mut_ptr()) };
        Ok(found(is_named)?.then(|| name.into_string()))
    }
}

impl From<&str> for Query {
    fn from(text: &str) -> Query {
        Query::Text(text.into())
    }
}

impl From<String> for Query {
    fn from(text: String) -> Query {
        Query::Text(text)
    }
}

impl From<&String> for Query {
    fn from(text: &String) -> Query {
        Query::Text(text.clone())
    }
}

#[cfg(feature = "serde_json")]
impl From<serde_json::Value> for Query {
    fn from(ast: serde_json::Value) -> Query {
        Query::Ast(ast.to_string().into())
    }
}

/// How to search, and what to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchOptions {
    table: Option<String>,
    limit: u64,
    offset: u64,
    after: Option<String>,
    sort: Option<String>,
    facets: Vec<String>,
    facet_limit: u64,
    is_default_and: bool,
    is_count: bool,
    with_total: bool,
    is_keys_only: bool,
    is_explained: bool,
}

impl SearchOptions {
    /// The ten best hits.
    pub fn new() -> SearchOptions {
        SearchOptions::default()
    }

    /// Documents of this table only; `""` means those without one.
    pub fn table(mut self, table: impl Into<String>) -> SearchOptions {
        self.table = Some(table.into());
        self
    }

    /// At most so many hits, 10 unless this is said; `u64::MAX` means all.
    pub fn limit(mut self, limit: u64) -> SearchOptions {
        self.limit = limit;
        self
    }

    /// Pass over so many hits first.
    pub fn offset(mut self, offset: u64) -> SearchOptions {
        self.offset = offset;
        self
    }

    /// Go on behind an earlier search, from its [`cursor`](Search::cursor): with the same query, table and sort. What
    /// was searched then is searched again, so that pages fit together also when writes come in between.
    pub fn after(mut self, cursor: impl Into<String>) -> SearchOptions {
        self.after = Some(cursor.into());
        self
    }

    /// `"FIELD[:asc|:desc],..."`, where `_score` and `_key` are fields too. Else the best score comes first.
    pub fn sort(mut self, sort: impl Into<String>) -> SearchOptions {
        self.sort = Some(sort.into());
        self
    }

    /// Words side by side must all match, not any of them.
    pub fn default_and(mut self) -> SearchOptions {
        self.is_default_and = true;
        self
    }

    /// No hits, only the total, and the facets.
    pub fn count_only(mut self) -> SearchOptions {
        self.is_count = true;
        self
    }

    /// Count all hits too.
    pub fn total(mut self) -> SearchOptions {
        self.with_total = true;
        self
    }

    /// Hits carry no value; no document is read for them.
    pub fn keys_only(mut self) -> SearchOptions {
        self.is_keys_only = true;
        self
    }

    /// Tell the plan, and how each score came about.
    pub fn explain(mut self) -> SearchOptions {
        self.is_explained = true;
        self
    }

    /// Count the values of a field over all hits. May be said for more fields.
    pub fn facet(mut self, field: impl Into<String>) -> SearchOptions {
        self.facets.push(field.into());
        self
    }

    /// At most so many values a field, the most frequent; 0 means all.
    pub fn facet_limit(mut self, limit: u64) -> SearchOptions {
        self.facet_limit = limit;
        self
    }

    fn with_raw<R>(&self, call: impl FnOnce(sys::chrondb_search_options) -> R) -> Result<R> {
        let text = |text: &Option<String>, what| -> Result<Option<CString>> {
            text.as_deref().map(|text| c_string(text, what)).transpose()
        };
        let table = text(&self.table, "the table")?;
        let after = text(&self.after, "the cursor")?;
        let sort = text(&self.sort, "the sort")?;
        let facets: Vec<CString> =
            self.facets.iter().map(|field| c_string(field.as_str(), "the field")).collect::<Result<_>>()?;
        let facets = ffi::pointers(&facets);
        Ok(call(sys::chrondb_search_options {
            table: ffi::pointer(&table),
            limit: self.limit,
            offset: self.offset,
            after: ffi::pointer(&after),
            sort: ffi::pointer(&sort),
            default_and: self.is_default_and.into(),
            count_only: self.is_count.into(),
            total: self.with_total.into(),
            keys_only: self.is_keys_only.into(),
            explain: self.is_explained.into(),
            facets: facets.as_ptr(),
            facet_count: facets.len(),
            facet_limit: self.facet_limit,
            ..Default::default()
        }))
    }
}

/// A document that matches.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// Its key.
    pub key: String,
    /// The document, byte for byte; `None` with [`SearchOptions::keys_only`].
    pub value: Option<Vec<u8>>,
    /// How well it matches; `None` where the order does not depend on it.
    pub score: Option<f64>,
    /// How the score came about, with [`SearchOptions::explain`].
    pub scores: Vec<Score>,
}

/// How a score came about: a part of the nearest one before it with a smaller depth.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Score {
    /// How deep it is in the tree.
    pub depth: u32,
    /// What it counts.
    pub value: f64,
    /// What it is.
    pub text: String,
}

/// The values of a field over all hits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facet {
    /// The field.
    pub field: String,
    /// How many different values there are, also beyond the limit.
    pub distinct: u64,
    /// The values, most frequent first.
    pub values: Vec<FacetValue>,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FacetValue {
    /// The value as JSON.
    pub json: String,
    /// How many hits have it.
    pub count: u64,
}

/// A step of a search's plan: a part of the nearest one before it with a smaller depth.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// How deep it is in the tree.
    pub depth: u32,
    /// `"term"`, `"phrase"`, `"and"`, `"range"` ...
    pub kind: String,
    /// What it looks for, or empty.
    pub text: String,
    /// `"block-max"`, `"exhaustive"`, `"leapfrog"` ..., or empty.
    pub how: String,
    /// How many documents it finds; superseded versions count too.
    pub df: u64,
    /// Of how many that have the field.
    pub documents: u64,
    /// Boost times idf, or the constant score.
    pub weight: f64,
    /// Words in the field.
    pub average_length: f64,
    /// Words that a wildcard or a fuzzy word stands for.
    pub forms: u64,
    /// Postings that were read.
    pub postings: u64,
    /// Blocks of postings that were read.
    pub blocks: u64,
    /// Blocks that were passed over.
    pub skipped: u64,
    /// Documents that had to be read.
    pub verified: u64,
}

/// What a search read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchStats {
    /// Segments of the index.
    pub segments: u64,
    /// Documents that the index did not have yet, read from git.
    pub caught_up: u64,
}

impl Snapshot {
    /// Find documents by their words and fields. Every write that the snapshot shows is found.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-search-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use chrondb::{Query, SearchOptions};
    ///
    /// let mut batch = db.batch()?;
    /// batch.put("page:1", r#"{"title":"Travelling with Alice","stars":4}"#)?;
    /// batch.put("page:2", r#"{"title":"Bob at home","stars":5}"#)?;
    /// batch.put("page:3", r#"{"title":"Alice travels again","stars":5}"#)?;
    /// batch.commit()?;
    ///
    /// let mut search = db.search("alice travels", &SearchOptions::new().total().facet("stars"))?;
    /// assert_eq!(search.total(), 2);
    /// assert_eq!((search.facets()[0].values[0].json.as_str(), search.facets()[0].distinct), ("4", 2));
    /// let hit = search.next().unwrap()?;
    /// let value = hit.value.unwrap();
    /// for range in search.highlight(&value)? {
    ///     println!("{}", String::from_utf8_lossy(&value[range]));
    /// }
    ///
    /// let ast = Query::ast(r#"{"clauses":[{"type":"range","field":"stars","lower":5}],"sort":[{"field":"_key"}]}"#);
    /// let keys: Vec<_> = db.search(ast, &SearchOptions::new())?.map(|hit| hit.map(|hit| hit.key)).collect();
    /// assert_eq!(keys.len(), 2);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn search(&self, query: impl Into<Query>, options: &SearchOptions) -> Result<Search> {
        self.run(&query.into(), options, None)
    }

    /// The same, told how far it is if the index must be built first, which takes long where it is missing altogether.
    /// The closure must not use this snapshot.
    pub fn search_with<'a>(
        &self,
        query: impl Into<Query>,
        options: &SearchOptions,
        progress: &'a mut ProgressFn<'a>,
    ) -> Result<Search> {
        self.run(&query.into(), options, Some(progress))
    }

    fn run<'a>(
        &self,
        query: &Query,
        options: &SearchOptions,
        progress: Option<&'a mut ProgressFn<'a>>,
    ) -> Result<Search> {
        let text = match query {
            Query::Text(text) => Some(c_string(text.as_str(), "the query")?),
            Query::Ast(_) => None,
        };
        let walk = options.with_raw(|mut raw_options| {
            ffi::with_progress(progress, |function, context| {
                raw_options.progress = function;
                raw_options.progress_context = context;
                // SAFETY: the snapshot is locked; strings and closure live until the call returns, nothing of them is
                // needed after it.
                Walk::open(self, sys::chrondb_search_free, |out, raw| match query {
                    Query::Text(_) => unsafe { sys::chrondb_search_open(out, raw, ffi::pointer(&text), &raw_options) },
                    Query::Ast(ast) => unsafe {
                        sys::chrondb_search_open_ast(out, raw, ffi::data(ast), ast.len(), &raw_options)
                    },
                })
            })
        })??;
        Ok(Search { walk, facets: options.facets.clone() })
    }
}

/// The hits of a search, in order: see [`Snapshot::search`].
pub struct Search {
    walk: Walk<sys::chrondb_search>,
    facets: Vec<String>,
}

impl Search {
    /// How many documents match in all: with [`SearchOptions::total`] or [`SearchOptions::count_only`], else 0.
    pub fn total(&mut self) -> u64 {
        // SAFETY: the search is open.
        self.walk.with(|search| unsafe { sys::chrondb_search_total(search) })
    }

    /// What to give to [`SearchOptions::after`] to get the hits behind this search's last one; `None` if there are no
    /// more.
    pub fn cursor(&mut self) -> Option<String> {
        // SAFETY: as above; the string is copied.
        self.walk.with(|search| unsafe { ffi::optional_string(sys::chrondb_search_cursor(search)) })
    }

    /// The commit that was searched; `None` if there is none yet.
    pub fn commit(&mut self) -> Option<CommitId> {
        // SAFETY: as above.
        self.walk.with(|search| unsafe { CommitId::from_pointer(sys::chrondb_search_commit(search)) })
    }

    /// The facets, in the order that they were asked for.
    pub fn facets(&mut self) -> Vec<Facet> {
        let fields = &self.facets;
        self.walk.with(|search| {
            let fields = fields.iter().enumerate();
            fields
                .map(|(index, field)| {
                    let (mut values, mut distinct) = (ptr::null(), 0);
                    // SAFETY: as above; the values are copied.
                    let values = unsafe {
                        let count = sys::chrondb_search_facet(search, index, &mut values, &mut distinct);
                        ffi::items(values, count).iter().map(|value| facet_value(value)).collect()
                    };
                    Facet { field: field.clone(), distinct, values }
                })
                .collect()
        })
    }

    /// The steps of the plan, with [`SearchOptions::explain`].
    pub fn plan(&mut self) -> Vec<Step> {
        self.walk.with(|search| {
            let mut steps = Vec::new();
            let mut step = sys::chrondb_step::default();
            // SAFETY: as above; what the step has is copied.
            unsafe {
                while sys::chrondb_search_step(search, steps.len(), &mut step) == sys::CHRONDB_OK {
                    steps.push(copy_step(&step));
                }
            }
            steps
        })
    }

    /// What was read, with [`SearchOptions::explain`].
    pub fn stats(&mut self) -> SearchStats {
        let mut raw = sys::chrondb_search_stats::default();
        // SAFETY: as above; the report says its size.
        self.walk.with(|search| unsafe { sys::chrondb_search_get_stats(search, &mut raw) });
        SearchStats { segments: raw.segments, caught_up: raw.caught_up }
    }

    /// Which bytes of a hit's document match the query: words inside of strings, and whole numbers and literals. `json`
    /// is the value of a hit, or that laid out anew. The ranges ascend and do not overlap.
    pub fn highlight(&mut self, json: impl AsRef<[u8]>) -> Result<Vec<ops::Range<usize>>> {
        let json = json.as_ref();
        self.walk.with(|search| {
            let (mut marks, mut count) = (ptr::null(), 0);
            // SAFETY: as above.
            unsafe {
                let data = ffi::data(json);
                check(sys::chrondb_search_highlight(search, data, json.len(), &mut marks, &mut count))?;
                Ok(ffi::items(marks, count).iter().map(|mark| mark.start..mark.end).collect())
            }
        })
    }

    /// The snapshot that was searched.
    pub fn snapshot(&self) -> Snapshot {
        self.walk.snapshot()
    }
}

/// # Safety
/// A value of a search that is open.
unsafe fn facet_value(value: &sys::chrondb_facet) -> FacetValue {
    let json = ffi::optional_bytes(value.value, value.value_size).unwrap_or_default();
    FacetValue { json: String::from_utf8_lossy(&json).into_owned(), count: value.count }
}

/// # Safety
/// As above.
unsafe fn copy_step(step: &sys::chrondb_step) -> Step {
    Step {
        depth: step.depth,
        kind: ffi::string(step.kind),
        text: ffi::string(step.text),
        how: ffi::string(step.how),
        df: step.df,
        documents: step.documents,
        weight: step.weight,
        average_length: step.average_length,
        forms: step.forms,
        postings: step.postings,
        blocks: step.blocks,
        skipped: step.skipped,
        verified: step.verified,
    }
}

/// # Safety
/// As above.
unsafe fn copy_score(score: &sys::chrondb_score) -> Score {
    Score { depth: score.depth, value: score.value, text: ffi::string(score.text) }
}

impl Iterator for Search {
    type Item = Result<Hit>;

    fn next(&mut self) -> Option<Result<Hit>> {
        // SAFETY: the walk holds the locks; what the hit has is copied before the next call.
        self.walk.next(|search| unsafe {
            let mut hit = sys::chrondb_hit::default();
            if !found(sys::chrondb_search_next(search, &mut hit))? {
                return Ok(None);
            }
            Ok(Some(Hit {
                key: ffi::string(hit.key),
                value: ffi::optional_bytes(hit.value, hit.value_size),
                score: Some(hit.score).filter(|score| !score.is_nan()),
                scores: ffi::items(hit.scores, hit.score_count).iter().map(|score| copy_score(score)).collect(),
            }))
        })
    }
}
