//! Rows of the queue: what was taken over, for whom, and how its delivery stands. Bodies are files, and none of this
//! module's business.
//!
//! Each step is one transaction, on disk before it counts. So whatever moment a process ends at, the next one finds a
//! message before a step or behind it. Nothing here is sealed: a message lies beside it, and is no secret of ours.

use std::time::{Duration, SystemTime};

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};
use tracing::error;

use super::{
    Store, StoreError,
    columns::{count, number, small},
    recipient_state::RecipientState,
    row::{from_unix, to_unix},
};
use crate::catalog::own::STORE_UNAVAILABLE;

/// Messages in one step of [`Store::age_queue`].
const AGES_AT_ONCE: usize = 500;
/// Attempts without an answer before a message is held; who releases it has one more.
pub const DOUBTS: u32 = 3;
/// Why it is held then.
pub const DOUBTFUL: &str = "doubtful";

/// A message to be taken over.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The name of its body too.
    pub id: String,
    pub account: String,
    pub client: String,
    pub session: u64,
    pub accepted_at: SystemTime,
    pub octets: u64,
    /// `MAIL FROM:<...>` with parameters, and a `RCPT TO:<...>` for each recipient; without CRLF.
    pub mail: String,
    pub recipients: Vec<String>,
    pub hold: Option<String>,
    /// 0: of a client.
    pub bounce: u8,
}

/// All that is stored of a message.
#[derive(Debug, Clone)]
pub struct QueuedMessage {
    pub sequence: i64,
    pub id: String,
    pub account: String,
    pub client: String,
    pub session: u64,
    pub accepted_at: SystemTime,
    pub octets: u64,
    pub mail: String,
    pub hold: Option<String>,
    pub bounce: u8,
    pub attempts: u32,
    pub is_under_way: bool,
    pub waited: Duration,
    pub next_at: SystemTime,
    pub recipients: Vec<QueuedRecipient>,
}

#[derive(Debug, Clone)]
pub struct QueuedRecipient {
    pub line: String,
    pub state: RecipientState,
    pub attempts: u32,
    pub reply: Option<String>,
    /// The id of what stands behind the reply.
    pub fault: Option<String>,
    /// Attempts after which nobody knew whether it was delivered; the column had a flag at first.
    pub doubts: u32,
    pub is_reported: bool,
}

impl QueuedRecipient {
    pub const fn is_doubtful(&self) -> bool {
        self.doubts > 0
    }
}

/// What a start needs to know of each message.
#[derive(Debug, Clone)]
pub struct Outline {
    pub sequence: i64,
    pub id: String,
    pub account: String,
    pub accepted_at: SystemTime,
    pub hold: Option<String>,
    pub waited: Duration,
    /// The beginning of time where no attempt has ended yet.
    pub next_at: SystemTime,
    pub pause: Duration,
}

/// What the last process left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Ids of messages whose delivery was under way, and that go on.
    pub cut_off: Vec<String>,
    /// Ids of those that nobody answered too often for that.
    pub held: Vec<String>,
    /// All that wait, and the octets of their bodies.
    pub messages: usize,
    pub octets: u64,
}

/// How an attempt ended.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// This one included.
    pub attempts: u32,
    pub recipients: Vec<EndedRecipient>,
    /// In all so far.
    pub waited: Duration,
    /// When it is tried again, where somebody still waits: by the wall clock, and as a time from now.
    pub next_at: Option<SystemTime>,
    pub pause: Duration,
    /// Held from now on, unless it is already.
    pub hold: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub struct EndedRecipient {
    pub position: usize,
    pub state: RecipientState,
    pub reply: String,
    pub fault: Option<String>,
    /// Nobody knows whether this attempt delivered it.
    pub is_doubtful: bool,
}

/// A message that keeps its place, since nothing could be sent from its mailbox.
#[derive(Debug, Clone)]
pub struct TurnedBack {
    /// As many as before.
    pub attempts: u32,
    /// Of the recipients that wait, and what they hear.
    pub positions: Vec<usize>,
    pub reply: String,
    pub fault: &'static str,
    /// In all so far.
    pub waited: Duration,
}

impl Store {
    /// Takes a message over, its recipients with it; its number in the order of acceptance. Once this returned, it is
    /// on disk.
    pub async fn enqueue(&self, message: &NewMessage) -> Result<i64, StoreError> {
        let mut step = self.step().await?;
        let sequence = insert(&mut step, message).await.map_err(|cause| self.failed(cause));
        self.done(step, sequence).await
    }

    /// Every message, in the order of acceptance; and the ids of those whose rows are damaged.
    pub async fn queue_outlines(&self) -> Result<(Vec<Outline>, Vec<String>), StoreError> {
        let rows = sqlx::query(
            "SELECT sequence, id, account, accepted_at, hold, waited, next_at, pause
             FROM queued ORDER BY sequence",
        );
        let rows = rows.fetch_all(&self.pool).await.map_err(|cause| self.failed(cause))?;
        let (mut read, mut unread) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            match outline(row) {
                Ok(outline) => read.push(outline),
                // One row that is damaged must not keep all others from their delivery; its body stays by its id.
                Err(cause) => {
                    let id: String = row.try_get("id").map_err(|cause| self.failed(cause))?;
                    error!(queue_id = id, fault = %STORE_UNAVAILABLE.fault(), %cause, "a row of the queue cannot be read; its message is not delivered");
                    unread.push(id);
                }
            }
        }
        Ok((read, unread))
    }

    /// Deliveries that were under way when a process ended: whether those messages were taken nobody knows. They wait
    /// again, and say so.
    pub async fn recover_queue(&self) -> Result<Recovered, StoreError> {
        let mut step = self.step().await?;
        let cut_off = recover(&mut step).await.map_err(|cause| self.failed(cause));
        self.done(step, cut_off).await
    }

    /// The same for one message, within a process that goes on. `hold`: for this it is held from now on, unless it is already.
    pub async fn doubt_queued(&self, sequence: i64, hold: Option<&str>) -> Result<(), StoreError> {
        let mut step = self.step().await?;
        let doubted = doubt(&mut step, sequence, hold).await.map_err(|cause| self.failed(cause));
        self.done(step, doubted).await
    }

    /// Whether the queue's rows can be written: it is tried with one of them, and nothing changes.
    pub async fn prove_queue(&self) -> Result<(), StoreError> {
        let mut step = self.step().await?;
        let wrote = touch(&mut step).await.map_err(|cause| self.failed(cause));
        self.done(step, wrote).await
    }

    /// For how long each of these was tried so far; kept for the case that this process ends. Cancel safe: some may keep
    /// the age they had.
    pub async fn age_queue(&self, ages: &[(i64, Duration)]) -> Result<(), StoreError> {
        // In pieces, so that nobody waits long for its own step.
        for piece in ages.chunks(AGES_AT_ONCE) {
            let mut step = self.step().await?;
            let wrote = age(&mut step, piece).await.map_err(|cause| self.failed(cause));
            self.done(step, wrote).await?;
        }
        Ok(())
    }

    /// `None`: it was delivered or dropped meanwhile.
    pub async fn queued(&self, sequence: i64) -> Result<Option<QueuedMessage>, StoreError> {
        let row = sqlx::query("SELECT * FROM queued WHERE sequence = ?").bind(sequence).fetch_optional(&self.pool);
        let row = row.await.map_err(|cause| self.failed(cause))?;
        match row {
            Some(row) => self.whole(&row).await.map(Some),
            None => Ok(None),
        }
    }

    pub async fn queued_by_id(&self, id: &str) -> Result<Option<QueuedMessage>, StoreError> {
        match self.queued_sequence(id).await? {
            Some(sequence) => self.queued(sequence).await,
            None => Ok(None),
        }
    }

    /// A delivery begins, and from here on nobody knows whether the message was sent before its end. It proves too that the
    /// store takes what will come of it; `false`: the message is gone.
    pub async fn begin_attempt(&self, sequence: i64) -> Result<bool, StoreError> {
        let begin = sqlx::query("UPDATE queued SET attempts = attempts + 1, is_under_way = 1 WHERE sequence = ?");
        Ok(self.write(begin.bind(sequence)).await? == 1)
    }

    /// What came of it. Once this returned, nobody who was delivered to is ever tried again.
    pub async fn end_attempt(&self, sequence: i64, ended: &Ended) -> Result<(), StoreError> {
        let mut step = self.step().await?;
        let wrote = end(&mut step, sequence, ended).await.map_err(|cause| self.failed(cause));
        self.done(step, wrote).await
    }

    /// It was not tried: the way was shut. When it is due stays as it was.
    pub async fn turn_back_queued(&self, sequence: i64, back: &TurnedBack) -> Result<(), StoreError> {
        let mut step = self.step().await?;
        let wrote = turn_back(&mut step, sequence, back).await.map_err(|cause| self.failed(cause));
        self.done(step, wrote).await
    }

    /// `None` lets it go on.
    pub async fn hold_queued(&self, sequence: i64, reason: Option<&str>) -> Result<bool, StoreError> {
        let hold = sqlx::query("UPDATE queued SET hold = ?2 WHERE sequence = ?1").bind(sequence).bind(reason);
        Ok(self.write(hold).await? == 1)
    }

    /// It is held for what is found here: who waits is told that in the place of what a server said.
    pub async fn keep_queued(&self, sequence: i64, hold: &str, reply: &str, fault: &str) -> Result<bool, StoreError> {
        let mut step = self.step().await?;
        let kept = keep(&mut step, sequence, hold, reply, fault).await.map_err(|cause| self.failed(cause));
        self.done(step, kept).await
    }

    /// It is tried at the next occasion.
    pub async fn hasten_queued(&self, sequence: i64) -> Result<bool, StoreError> {
        let hasten = sqlx::query("UPDATE queued SET next_at = 0, pause = 0 WHERE sequence = ?").bind(sequence);
        Ok(self.write(hasten).await? == 1)
    }

    /// The sender was told of all failures so far, by `notice` if there is one: both or neither is on disk. The number
    /// of the notice.
    pub async fn report_failures(&self, sequence: i64, notice: Option<&NewMessage>) -> Result<Option<i64>, StoreError> {
        let mut step = self.step().await?;
        let told = report(&mut step, sequence, notice).await.map_err(|cause| self.failed(cause));
        self.done(step, told).await
    }

    /// A notice of ours goes another way: other sender, other recipient, from the beginning.
    pub async fn redirect_bounce(&self, sequence: i64, way: u8, mail: &str, line: &str) -> Result<(), StoreError> {
        let mut step = self.step().await?;
        let turned = redirect(&mut step, sequence, way, mail, line).await.map_err(|cause| self.failed(cause));
        self.done(step, turned).await
    }

    /// Forgets a message. Its body is an orphan now.
    pub async fn dequeue(&self, sequence: i64) -> Result<bool, StoreError> {
        let mut step = self.step().await?;
        let gone = delete(&mut step, sequence).await.map_err(|cause| self.failed(cause));
        self.done(step, gone).await
    }

    pub async fn dequeue_by_id(&self, id: &str) -> Result<bool, StoreError> {
        match self.queued_sequence(id).await? {
            Some(sequence) => self.dequeue(sequence).await,
            None => Ok(false),
        }
    }

    pub(super) async fn whole(&self, row: &SqliteRow) -> Result<QueuedMessage, StoreError> {
        let mut message = message(row).map_err(|cause| self.failed(cause))?;
        let rows = sqlx::query("SELECT * FROM queued_recipient WHERE sequence = ? ORDER BY position");
        let rows = rows.bind(message.sequence).fetch_all(&self.pool).await.map_err(|cause| self.failed(cause))?;
        let recipients = rows.iter().map(recipient).collect::<Result<_, _>>();
        message.recipients = recipients.map_err(|cause| self.failed(cause))?;
        Ok(message)
    }

    pub(super) async fn step(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let step = self.pool.begin_with("BEGIN IMMEDIATE").await;
        self.readiness.wrote(step).map_err(|cause| self.failed(cause))
    }

    pub(super) async fn done<T>(
        &self,
        step: Transaction<'static, Sqlite>,
        value: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = match value {
            Ok(value) => step.commit().await.map(|()| value).map_err(|cause| self.failed(cause)),
            // The transaction goes back by itself.
            Err(error) => Err(error),
        };
        self.readiness.wrote(done)
    }
}

type Step = Transaction<'static, Sqlite>;

async fn insert(step: &mut Step, message: &NewMessage) -> Result<i64, sqlx::Error> {
    let put = sqlx::query(
        "INSERT INTO queued (id, account, client, session, accepted_at, octets, mail, hold, bounce)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let put = put.bind(&message.id).bind(&message.account).bind(&message.client);
    let put = put.bind(number(message.session)).bind(to_unix(message.accepted_at)).bind(number(message.octets));
    let put = put.bind(&message.mail).bind(&message.hold).bind(i64::from(message.bounce));
    let sequence = put.execute(&mut **step).await?.last_insert_rowid();
    for (position, line) in message.recipients.iter().enumerate() {
        add_recipient(step, sequence, position, line).await?;
    }
    Ok(sequence)
}

async fn add_recipient(step: &mut Step, sequence: i64, position: usize, line: &str) -> Result<(), sqlx::Error> {
    let put = sqlx::query("INSERT INTO queued_recipient (sequence, position, line) VALUES (?, ?, ?)");
    put.bind(sequence).bind(number(position as u64)).bind(line).execute(&mut **step).await.map(drop)
}

async fn recover(step: &mut Step) -> Result<Recovered, sqlx::Error> {
    let all = "SELECT count(*), coalesce(sum(octets), 0) FROM queued";
    let (messages, octets): (i64, i64) = sqlx::query_as(all).fetch_one(&mut **step).await?;
    let doubt = "UPDATE queued_recipient SET is_doubtful = is_doubtful + 1
                 WHERE state = 'waiting' AND sequence IN (SELECT sequence FROM queued WHERE is_under_way)";
    sqlx::query(doubt).execute(&mut **step).await?;
    let held = sqlx::query_scalar(
        "UPDATE queued SET hold = ?2 WHERE hold ISNULL AND is_under_way AND sequence IN
         (SELECT sequence FROM queued_recipient WHERE state = 'waiting' AND is_doubtful >= ?1) RETURNING id",
    );
    let held = held.bind(DOUBTS).bind(DOUBTFUL).fetch_all(&mut **step).await?;
    let ids = sqlx::query_scalar("SELECT id FROM queued WHERE is_under_way AND hold ISNULL ORDER BY sequence");
    let ids = ids.fetch_all(&mut **step).await?;
    sqlx::query("UPDATE queued SET is_under_way = 0 WHERE is_under_way").execute(&mut **step).await?;
    let messages = usize::try_from(messages).unwrap_or_default();
    Ok(Recovered { cut_off: ids, held, messages, octets: octets.unsigned_abs() })
}

/// There and back: a row that gets what it holds is not written at all.
async fn touch(step: &mut Step) -> Result<(), sqlx::Error> {
    for by in [1, -1] {
        let add = "UPDATE queued SET attempts = attempts + ? WHERE sequence = (SELECT max(sequence) FROM queued)";
        sqlx::query(add).bind(by).execute(&mut **step).await?;
    }
    Ok(())
}

async fn doubt(step: &mut Step, sequence: i64, hold: Option<&str>) -> Result<(), sqlx::Error> {
    let doubt = "UPDATE queued_recipient SET is_doubtful = is_doubtful + 1 WHERE state = 'waiting' AND sequence = ?";
    sqlx::query(doubt).bind(sequence).execute(&mut **step).await?;
    let ended = "UPDATE queued SET is_under_way = 0, hold = coalesce(hold, ?2) WHERE sequence = ?1";
    sqlx::query(ended).bind(sequence).bind(hold).execute(&mut **step).await.map(drop)
}

async fn end(step: &mut Step, sequence: i64, ended: &Ended) -> Result<(), sqlx::Error> {
    for one in &ended.recipients {
        let put = sqlx::query(
            "UPDATE queued_recipient SET state = ?3, reply = ?4, is_doubtful = is_doubtful + ?5, fault = ?6,
             attempts = attempts + 1 WHERE sequence = ?1 AND position = ?2",
        );
        let put = put.bind(sequence).bind(number(one.position as u64)).bind(one.state.as_str());
        put.bind(&one.reply).bind(one.is_doubtful).bind(&one.fault).execute(&mut **step).await?;
    }
    let put = sqlx::query(
        "UPDATE queued SET is_under_way = 0, waited = ?2, next_at = ?3, pause = ?4, attempts = max(attempts, ?5),
         hold = coalesce(hold, ?6) WHERE sequence = ?1",
    );
    let put = put.bind(sequence).bind(number(ended.waited.as_secs())).bind(ended.next_at.map_or(0, to_unix));
    let put = put.bind(number(ended.pause.as_secs())).bind(ended.attempts).bind(ended.hold);
    put.execute(&mut **step).await.map(drop)
}

async fn turn_back(step: &mut Step, sequence: i64, back: &TurnedBack) -> Result<(), sqlx::Error> {
    for position in &back.positions {
        let put =
            sqlx::query("UPDATE queued_recipient SET reply = ?3, fault = ?4 WHERE sequence = ?1 AND position = ?2");
        let put = put.bind(sequence).bind(number(*position as u64)).bind(&back.reply).bind(back.fault);
        put.execute(&mut **step).await?;
    }
    let put = "UPDATE queued SET is_under_way = 0, attempts = ?2, waited = ?3 WHERE sequence = ?1";
    let put = sqlx::query(put).bind(sequence).bind(back.attempts).bind(number(back.waited.as_secs()));
    put.execute(&mut **step).await.map(drop)
}

async fn keep(step: &mut Step, sequence: i64, hold: &str, reply: &str, fault: &str) -> Result<bool, sqlx::Error> {
    let tell = "UPDATE queued_recipient SET reply = ?2, fault = ?3 WHERE sequence = ?1 AND state = 'waiting'";
    sqlx::query(tell).bind(sequence).bind(reply).bind(fault).execute(&mut **step).await?;
    let put = sqlx::query("UPDATE queued SET hold = ?2 WHERE sequence = ?1").bind(sequence).bind(hold);
    Ok(put.execute(&mut **step).await?.rows_affected() == 1)
}

async fn age(step: &mut Step, ages: &[(i64, Duration)]) -> Result<(), sqlx::Error> {
    for (sequence, age) in ages {
        let put = sqlx::query("UPDATE queued SET waited = ?2 WHERE sequence = ?1");
        put.bind(sequence).bind(number(age.as_secs())).execute(&mut **step).await?;
    }
    Ok(())
}

async fn report(step: &mut Step, sequence: i64, notice: Option<&NewMessage>) -> Result<Option<i64>, sqlx::Error> {
    let told = "UPDATE queued_recipient SET is_reported = 1 WHERE sequence = ? AND state = 'failed'";
    sqlx::query(told).bind(sequence).execute(&mut **step).await?;
    match notice {
        Some(notice) => insert(step, notice).await.map(Some),
        None => Ok(None),
    }
}

async fn redirect(step: &mut Step, sequence: i64, way: u8, mail: &str, line: &str) -> Result<(), sqlx::Error> {
    let turn = "UPDATE queued SET bounce = ?2, mail = ?3, attempts = 0, waited = 0, next_at = 0, pause = 0,
                is_under_way = 0 WHERE sequence = ?1";
    sqlx::query(turn).bind(sequence).bind(i64::from(way)).bind(mail).execute(&mut **step).await?;
    sqlx::query("DELETE FROM queued_recipient WHERE sequence = ?").bind(sequence).execute(&mut **step).await?;
    add_recipient(step, sequence, 0, line).await
}

async fn delete(step: &mut Step, sequence: i64) -> Result<bool, sqlx::Error> {
    sqlx::query("DELETE FROM queued_recipient WHERE sequence = ?").bind(sequence).execute(&mut **step).await?;
    let gone = sqlx::query("DELETE FROM queued WHERE sequence = ?").bind(sequence).execute(&mut **step).await?;
    Ok(gone.rows_affected() == 1)
}

fn outline(row: &SqliteRow) -> Result<Outline, sqlx::Error> {
    Ok(Outline {
        sequence: row.try_get("sequence")?,
        id: row.try_get("id")?,
        account: row.try_get("account")?,
        accepted_at: from_unix(row.try_get("accepted_at")?),
        hold: row.try_get("hold")?,
        waited: Duration::from_secs(count(row, "waited")?),
        next_at: from_unix(row.try_get("next_at")?),
        pause: Duration::from_secs(count(row, "pause")?),
    })
}

fn message(row: &SqliteRow) -> Result<QueuedMessage, sqlx::Error> {
    Ok(QueuedMessage {
        sequence: row.try_get("sequence")?,
        id: row.try_get("id")?,
        account: row.try_get("account")?,
        client: row.try_get("client")?,
        session: count(row, "session")?,
        accepted_at: from_unix(row.try_get("accepted_at")?),
        octets: count(row, "octets")?,
        mail: row.try_get("mail")?,
        hold: row.try_get("hold")?,
        bounce: u8::try_from(count(row, "bounce")?).unwrap_or(u8::MAX),
        attempts: small(row, "attempts")?,
        is_under_way: row.try_get("is_under_way")?,
        waited: Duration::from_secs(count(row, "waited")?),
        next_at: from_unix(row.try_get("next_at")?),
        recipients: Vec::new(),
    })
}

fn recipient(row: &SqliteRow) -> Result<QueuedRecipient, sqlx::Error> {
    Ok(QueuedRecipient {
        line: row.try_get("line")?,
        state: RecipientState::read(row.try_get("state")?),
        attempts: small(row, "attempts")?,
        reply: row.try_get("reply")?,
        fault: row.try_get("fault")?,
        doubts: small(row, "is_doubtful")?,
        is_reported: row.try_get("is_reported")?,
    })
}
