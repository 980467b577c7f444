//! To how many recipients each mailbox sent within its day. No secret; a line that cannot be read counts for nothing.

use std::time::SystemTime;

use sqlx::Row;

use super::{
    Store, StoreError,
    row::{from_unix, to_unix},
};

/// So many recipients count until then, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub until: SystemTime,
    pub recipients: u32,
}

impl Store {
    /// All that counts of each of these mailboxes, in one step; of others what was remembered stays.
    pub async fn remember_sent(&self, mailboxes: &[(String, Vec<Sent>)]) -> Result<(), StoreError> {
        let mut step = self.step().await?;
        let mut remembered = Ok(());
        for (mailbox, sent) in mailboxes {
            let counts: Vec<String> = sent.iter().map(line).collect();
            let remember = match counts.is_empty() {
                true => sqlx::query("DELETE FROM sent WHERE mailbox = ?1"),
                false => sqlx::query(
                    "INSERT INTO sent (mailbox, counts) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET counts = ?2",
                ),
            };
            let remember = remember.bind(mailbox);
            let remember = if counts.is_empty() { remember } else { remember.bind(counts.join("\n")) };
            remembered = remember.execute(&mut *step).await.map(drop);
            if remembered.is_err() {
                break;
            }
        }
        self.done(step, remembered.map_err(|cause| self.failed(cause))).await
    }

    /// All that is remembered, by mailbox.
    pub async fn sent(&self) -> Result<Vec<(String, Vec<Sent>)>, StoreError> {
        let rows = sqlx::query("SELECT mailbox, counts FROM sent").fetch_all(&self.pool).await;
        let rows = rows.map_err(|cause| self.failed(cause))?;
        rows.iter()
            .map(|row| {
                let counts: String = row.try_get(1)?;
                Ok((row.try_get(0)?, counts.lines().filter_map(read).collect()))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(|cause| self.failed(cause))
    }
}

fn line(sent: &Sent) -> String {
    format!("{} {}", to_unix(sent.until), sent.recipients)
}

fn read(line: &str) -> Option<Sent> {
    let (until, recipients) = line.split_once(' ')?;
    Some(Sent { until: from_unix(until.parse().ok()?), recipients: recipients.parse().ok()? })
}
