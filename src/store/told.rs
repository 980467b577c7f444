//! What somebody was told already. No secret, and where it fails something is told twice rather than never.

use std::time::SystemTime;

use sqlx::Row;

use super::{
    Store, StoreError,
    row::{from_unix, to_unix},
};

/// The last that was said of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telling {
    pub words: String,
    /// In whole seconds.
    pub at: SystemTime,
}

impl Store {
    /// The last telling of each topic counts.
    pub async fn remember_told(&self, topic: &str, telling: &Telling) -> Result<(), StoreError> {
        let remember = "INSERT INTO told (topic, words, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (topic) DO UPDATE SET words = ?2, at = ?3";
        let remember = sqlx::query(remember).bind(topic).bind(&telling.words).bind(to_unix(telling.at));
        self.write(remember).await.map(drop)
    }

    /// The topic is over; when it comes up again, that is news.
    pub async fn forget_told(&self, topic: &str) -> Result<(), StoreError> {
        self.write(sqlx::query("DELETE FROM told WHERE topic = ?").bind(topic)).await.map(drop)
    }

    /// All that was told, by topic.
    pub async fn told(&self) -> Result<Vec<(String, Telling)>, StoreError> {
        let rows = sqlx::query("SELECT topic, words, at FROM told").fetch_all(&self.pool).await;
        let rows = rows.map_err(|cause| self.failed(cause))?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, Telling { words: row.try_get(1)?, at: from_unix(row.try_get(2)?) })))
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|cause| self.failed(cause))
    }
}
