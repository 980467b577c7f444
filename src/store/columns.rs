//! Numbers as SQLite has them: all are signed there.

use sqlx::{Row, sqlite::SqliteRow};

pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u64, sqlx::Error> {
    Ok(row.try_get::<i64, _>(column)?.unsigned_abs())
}

pub(super) fn small(row: &SqliteRow, column: &str) -> Result<u32, sqlx::Error> {
    Ok(u32::try_from(count(row, column)?).unwrap_or(u32::MAX))
}

pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
