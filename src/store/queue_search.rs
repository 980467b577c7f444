//! Messages of the queue that somebody looks for, and how many there are.
//!
//! One row that is damaged hides no other: it is named, and whoever looks may drop it.

use std::time::SystemTime;

use sqlx::Row;

use super::{QueuedMessage, Store, StoreError, columns::count, row::from_unix};

/// `<address>` of a stored command line: neither its verb nor its parameters are looked at. It ends at the first `>`
/// with a space or nothing behind it; of a quoted local part with that in it, the beginning is looked at.
macro_rules! address {
    ($line:literal) => {
        concat!(
            "substr(",
            $line,
            ", instr(",
            $line,
            ", '<'), instr(",
            $line,
            " || ' ', '> ') - instr(",
            $line,
            ", '<') + 1)"
        )
    };
}

/// Which messages are meant; what is `None` is any. Addresses and names may be parts, in any case; an address stands in
/// `<>`, so that `<>` is the null sender.
#[derive(Debug, Clone, Default)]
pub struct QueueFilter {
    pub account: Option<String>,
    pub sender: Option<String>,
    pub recipient: Option<String>,
    pub client: Option<String>,
    pub is_held: Option<bool>,
    pub is_under_way: Option<bool>,
    /// Those behind this number of acceptance.
    pub after: Option<i64>,
    /// The first so many.
    pub most: u32,
}

/// What was found, in the order of acceptance.
#[derive(Debug, Clone, Default)]
pub struct Found {
    pub messages: Vec<QueuedMessage>,
    /// Ids of those that fit as far as can be told, and whose rows cannot be read.
    pub damaged: Vec<String>,
    /// There are more than were asked for: they are behind this number of acceptance.
    pub next: Option<i64>,
}

/// How much of it there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueFigures {
    pub waiting: u64,
    pub held: u64,
    /// Of those that are not held.
    pub oldest: Option<SystemTime>,
    /// Of all bodies.
    pub octets: u64,
}

impl Store {
    /// Without a look at any row by itself: of one that is damaged the rest counts.
    pub async fn queue_figures(&self) -> Result<QueueFigures, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) - count(hold) AS waiting, count(hold) AS held,
                    min(CASE WHEN hold IS NULL THEN accepted_at END) AS oldest, coalesce(sum(octets), 0) AS octets
             FROM queued",
        );
        let row = row.fetch_one(&self.pool).await.map_err(|cause| self.failed(cause))?;
        let figures = || {
            let oldest = row.try_get::<Option<i64>, _>("oldest")?.map(from_unix);
            let (waiting, held, octets) = (count(&row, "waiting")?, count(&row, "held")?, count(&row, "octets")?);
            Ok(QueueFigures { waiting, held, oldest, octets })
        };
        figures().map_err(|cause| self.failed(cause))
    }

    /// Whether a message was ever taken into this store; of one from before there were epochs that is all that is known.
    pub async fn had_messages(&self) -> Result<bool, StoreError> {
        let taken =
            sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sqlite_sequence WHERE name = 'queued' AND seq > 0");
        Ok(taken.fetch_one(&self.pool).await.map_err(|cause| self.failed(cause))? > 0)
    }

    /// Those that were looked for.
    pub async fn search_queue(&self, filter: &QueueFilter) -> Result<Found, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT * FROM queued
             WHERE (?1 IS NULL OR instr(lower(account), lower(?1)))
               AND (?2 IS NULL OR instr(lower(",
            address!("mail"),
            "), lower(?2)))
               AND (?3 IS NULL OR EXISTS (SELECT 1 FROM queued_recipient AS r
                    WHERE r.sequence = queued.sequence AND instr(lower(",
            address!("r.line"),
            "), lower(?3))))
               AND (?4 IS NULL OR instr(lower(client), lower(?4)))
               AND (?5 IS NULL OR (hold NOTNULL) = ?5)
               AND (?6 IS NULL OR is_under_way = ?6)
               AND (?7 IS NULL OR sequence > ?7)
             ORDER BY sequence LIMIT ?8",
        ));
        let rows = rows.bind(&filter.account).bind(&filter.sender).bind(&filter.recipient).bind(&filter.client);
        let rows = rows.bind(filter.is_held).bind(filter.is_under_way).bind(filter.after);
        // One more, to know whether there are more.
        let rows = rows.bind(i64::from(filter.most) + 1);
        let rows = rows.fetch_all(&self.pool).await.map_err(|cause| self.failed(cause))?;
        let most = usize::try_from(filter.most).unwrap_or(usize::MAX);
        let mut found = Found::default();
        if rows.len() > most {
            let last = most.checked_sub(1).and_then(|last| rows.get(last));
            found.next = last.and_then(|row| row.try_get("sequence").ok());
        }
        for row in rows.iter().take(most) {
            match self.whole(row).await {
                Ok(message) => found.messages.push(message),
                Err(error) if error.is_damage() => {
                    found.damaged.push(row.try_get("id").unwrap_or_else(|_| "?".to_owned()));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The number of a message in the order of acceptance, also where nothing else of its row can be read.
    pub async fn queued_sequence(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let sequence = sqlx::query_scalar("SELECT sequence FROM queued WHERE id = ?").bind(id);
        sequence.fetch_optional(&self.pool).await.map_err(|cause| self.failed(cause))
    }
}
