// SPDX-License-Identifier: MIT
//! Documents as values of Rust, with serde.
use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::history::Version;
use crate::search::Hit;
use crate::snapshot::{Entry, Snapshot};
use crate::write::{Batch, Condition, Written};

fn parse<T: DeserializeOwned>(key: &str, json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| Error::json(&format!("'{key}' is not what was expected"), &error))
}

fn print<T: Serialize + ?Sized>(key: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::json(&format!("cannot make a document of '{key}'"), &error))
}

impl Snapshot {
    /// A document as a value: any type that serde reads.
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.get(key)?.map(|json| parse(key, &json)).transpose()
    }
}

impl Database {
    /// A document as a value: any type that serde reads.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-json-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use serde_json::{json, Value};
    ///
    /// db.put_json("user:1", &json!({"name": "Alice", "langs": ["en", "pt"]}))?;
    /// db.patch_json("user:1", &json!({"age": 30}))?;
    /// let user: Value = db.get_json("user:1")?.unwrap();
    /// assert_eq!(user["age"], 30);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn get_json<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.snapshot()?.get_json(key)
    }

    /// Store a value: any type that serde writes.
    pub fn put_json<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Written> {
        self.put_json_if(key, value, &Condition::Any)
    }

    /// The same if a condition holds.
    pub fn put_json_if<T: Serialize + ?Sized>(&self, key: &str, value: &T, condition: &Condition) -> Result<Written> {
        self.put_if(key, print(key, value)?, condition)
    }

    /// Change parts of a document: a value that is an RFC 7396 merge patch.
    pub fn patch_json<T: Serialize + ?Sized>(&self, key: &str, patch: &T) -> Result<Written> {
        self.patch(key, print(key, patch)?)
    }
}

impl Batch {
    /// Store a value: any type that serde writes.
    pub fn put_json<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<()> {
        self.put(key, print(key, value)?)
    }

    /// The same if a condition holds.
    pub fn put_json_if<T: Serialize + ?Sized>(&mut self, key: &str, value: &T, condition: &Condition) -> Result<()> {
        self.put_if(key, print(key, value)?, condition)
    }

    /// A value that is an RFC 7396 merge patch.
    pub fn patch_json<T: Serialize + ?Sized>(&mut self, key: &str, patch: &T) -> Result<()> {
        self.patch(key, print(key, patch)?)
    }
}

impl Entry {
    /// The document as a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        parse(&self.key, &self.value)
    }
}

impl Version {
    /// The document as a value; `None` after a delete.
    pub fn json<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.value.as_deref().map(|json| parse(&self.key, json)).transpose()
    }
}

impl Hit {
    /// The document as a value; `None` with keys only.
    pub fn json<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.value.as_deref().map(|json| parse(&self.key, json)).transpose()
    }
}
