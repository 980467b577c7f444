//! A signed-on connection to submit mail on, within the limits of its mailbox.
//!
//! It is left to the next one when nobody uses it. Whether it still lives shows before anything of a message but its
//! sender was said on it, so that nothing can be sent twice.

use std::{
    future::{pending, poll_fn},
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::{
    Channel, Outbound, Turn,
    governor::{Idle, Ledger, Seat},
};
use crate::{
    account::Account,
    base::{Fault, Protocol, Stage, StageCell},
    catalog::{
        own::MAILBOX_BUSY,
        sign_on::{UPSTREAM_CONNECTIONS_EXCEEDED, UPSTREAM_THROTTLED},
    },
    meter::Room,
};

/// The longest wait for room; what is left of the time belongs to the sign-on.
const ROOM_WAIT: Duration = Duration::from_secs(20);
/// How long a dial may still take whose asker has another connection by now: one that hangs would keep its room from those
/// who wait.
const FOR_OTHERS: Duration = Duration::from_secs(3);

/// Dropping it closes the connection and gives its room back.
pub struct Connection {
    channel: Channel,
    /// The upstream's live EHLO list.
    pub keywords: Vec<String>,
    seat: Seat,
    /// The sign-in that it lives on, and since when.
    sign_in: String,
    signed_in_at: Option<Timestamp>,
    /// It came up since somebody asked for it: what fails on it at once would fail on another.
    pub is_fresh: bool,
}

impl Deref for Connection {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.channel
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Channel {
        &mut self.channel
    }
}

impl Connection {
    /// Another client waits for one.
    pub fn is_wanted(&self) -> bool {
        self.seat.is_wanted()
    }

    /// Leaves it to the next one, if it is of use to anybody.
    pub fn leave(self) {
        let Self { channel, keywords, seat, sign_in, signed_in_at, .. } = self;
        if channel.is_usable() {
            seat.park(Idle { channel, keywords, sign_in, signed_in_at, unused_since: None });
        }
    }

    /// Ends the transaction that is open, so that the connection serves the next one; `None` where it cannot.
    pub async fn reset(connection: Option<Self>) -> Option<Self> {
        let mut connection = connection.filter(|connection| connection.is_usable())?;
        connection.channel.reset().await.then_some(connection)
    }
}

impl Outbound {
    /// Brings a connection to submit mail on, for a `client` of the account: the next that is left over or comes up, whoever
    /// dialled it, in the order in which they asked. What the upstream throttles is tried again until there is no time for
    /// it. Cancel safe: dropping it closes what it dialled and gives the room back.
    pub async fn connect(
        &self,
        account: &Account,
        client: &str,
        deadline: Instant,
        stage: &StageCell,
    ) -> Result<Connection, Fault> {
        let asked = Instant::now();
        let place = self.ledger(account).line_up(client);
        let mut until = deadline.min(asked + ROOM_WAIT);
        // `None`: there was room.
        let mut waits_since = Some(asked);
        let note_wait = |since: Option<Instant>, found| {
            since.inspect(|since| self.meter.waited_for_room(Room::Connection, found, since.elapsed()));
        };
        let (mut dial, mut throttled) = (None, None);
        stage.set(Stage::Connecting);
        loop {
            let found = tokio::select! {
                biased;
                ended = comes_up(&mut dial, stage) => Err(ended),
                // Whoever dials hears what comes of it.
                found = place.seat(until), if dial.is_none() || Instant::now() < until => Ok(found),
            };
            match found {
                Err(ended) => {
                    dial = None;
                    place.has_dialled();
                    match ended {
                        Ok((seat, idle)) => seat.park(idle),
                        Err(fault) if is_throttled(&fault) => {
                            (throttled, waits_since) = (Some(fault), Some(Instant::now()));
                        }
                        Err(fault) => return Err(fault),
                    }
                    stage.set(Stage::Connecting);
                }
                Ok(None) if dial.is_some() => {}
                Ok(None) => {
                    note_wait(waits_since, false);
                    return Err(throttled.unwrap_or_else(|| MAILBOX_BUSY.fault()).at(stage.now()));
                }
                Ok(Some((seat, None))) => {
                    note_wait(waits_since.take(), true);
                    // Who may wait long for room does not wait as long for an upstream that says nothing, and holds the room.
                    let by = deadline.min(Instant::now() + self.sign_on);
                    until = until.max(by);
                    dial = Some(self.dial(account, seat, by));
                }
                Ok(Some((seat, Some(idle)))) => {
                    let Some(connection) = self.still_lives(account, seat, idle, asked).await else { continue };
                    note_wait(waits_since, true);
                    if let Some(dial) = dial {
                        tokio::spawn(dial.for_others());
                    }
                    place.served();
                    return Ok(connection);
                }
            }
        }
    }

    /// Dials, and slows the mailbox down where the upstream asks for that.
    fn dial(&self, account: &Account, seat: Seat, by: Instant) -> Dial {
        let (outbound, account, stage) = (self.clone(), account.clone(), Arc::new(StageCell::default()));
        let shown = stage.clone();
        let up = async move {
            let keepers = &outbound.keepers;
            let signed_in_at = keepers.signed_in_at(&account.sign_in);
            let upstream = outbound.sign_on(&account, Protocol::Smtp, by, &stage).await;
            let upstream = upstream.inspect_err(|fault| {
                if is_throttled(fault) {
                    seat.slow_down();
                }
            })?;
            // Right behind the start of the daemon nobody knew: the sign-in was read for the token.
            let signed_in_at = signed_in_at.or_else(|| keepers.signed_in_at(&account.sign_in));
            let channel = Channel::new(upstream.stream, upstream.unread, &upstream.capabilities);
            let (keywords, sign_in) = (upstream.capabilities, account.sign_in.key());
            Ok::<_, Fault>((
                seat,
                Idle { channel, keywords, sign_in, signed_in_at, unused_since: Some(Instant::now()) },
            ))
        };
        Dial { up: up.boxed(), stage: shown }
    }

    /// Waits until a message may be sent for the account, 20 seconds at most. Cancel safe.
    pub async fn turn(&self, account: &Account, client: &str, deadline: Instant) -> Result<Turn, Fault> {
        let asked = Instant::now();
        let turn = self.ledger(account).turn(client, deadline.min(asked + ROOM_WAIT)).await;
        self.meter.waited_for_room(Room::Message, turn.is_some(), asked.elapsed());
        turn.ok_or_else(|| MAILBOX_BUSY.fault())
    }

    /// One that is of the same sign-in, if nothing is known against it.
    async fn still_lives(&self, account: &Account, seat: Seat, idle: Idle, asked: Instant) -> Option<Connection> {
        let Idle { mut channel, keywords, sign_in, signed_in_at, unused_since } = idle;
        let is_fresh = unused_since.is_some_and(|since| since >= asked);
        if !self.is_of_now(account, &sign_in, signed_in_at) {
            return None;
        }
        // Of what was left over by somebody whom nobody saw signing in nobody knows whether that still holds.
        let is_known = signed_in_at.is_some() || account.sign_in.app.grant.is_unattended();
        if !is_fresh && (!is_known || !channel.take_over().await) {
            return None;
        }
        Some(Connection { channel, keywords, seat, sign_in, signed_in_at, is_fresh })
    }

    /// Who is signed out, or in anew, must not go on with what was before. An app alone is never signed in.
    fn is_of_now(&self, account: &Account, sign_in: &str, signed_in_at: Option<Timestamp>) -> bool {
        sign_in == account.sign_in.key() && signed_in_at == self.keepers.signed_in_at(&account.sign_in)
    }

    /// Whether a connection may carry one more message of the account: its sign-in is still the one that it lives on.
    pub fn may_go_on(&self, account: &Account, connection: &Connection) -> bool {
        self.is_of_now(account, &connection.sign_in, connection.signed_in_at)
    }

    fn ledger(&self, account: &Account) -> Arc<Ledger> {
        self.governor.mailbox(&account.sign_in.app.smtp, &account.smtp_user, account.sending.limits)
    }
}

/// A connection on its way.
struct Dial {
    up: BoxFuture<'static, Result<(Seat, Idle), Fault>>,
    stage: Arc<StageCell>,
}

impl Dial {
    /// Who dialled it has another by now.
    async fn for_others(self) {
        if let Ok(Ok((seat, idle))) = timeout(FOR_OTHERS, self.up).await {
            seat.park(idle);
        }
    }
}

/// What comes of a dial, where there is one; meanwhile its stage is shown.
async fn comes_up(dial: &mut Option<Dial>, stage: &StageCell) -> Result<(Seat, Idle), Fault> {
    let Some(dial) = dial else { return pending().await };
    poll_fn(|cx| {
        let up = dial.up.poll_unpin(cx);
        stage.set(dial.stage.now());
        up
    })
    .await
}

fn is_throttled(fault: &Fault) -> bool {
    [UPSTREAM_CONNECTIONS_EXCEEDED.id, UPSTREAM_THROTTLED.id].contains(&fault.id)
}
