//! What upstreams were last seen to offer. No secret, and no loss where it fails: it is learned again.

use sqlx::Row;

use super::{Store, StoreError};

impl Store {
    /// Remembers what `service` offers; the last list counts.
    pub async fn remember_seen(&self, service: &str, words: &[String]) -> Result<(), StoreError> {
        let remember = "INSERT INTO seen (service, words) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET words = ?2";
        self.write(sqlx::query(remember).bind(service).bind(words.join("\n"))).await.map(drop)
    }

    /// All that is remembered, by service.
    pub async fn seen(&self) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let rows = sqlx::query("SELECT service, words FROM seen").fetch_all(&self.pool).await;
        let rows = rows.map_err(|cause| self.failed(cause))?;
        rows.iter()
            .map(|row| {
                let words: String = row.try_get(1)?;
                Ok((row.try_get(0)?, words.lines().map(str::to_owned).collect()))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|cause| self.failed(cause))
    }
}
