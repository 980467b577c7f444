//! A signed-on connection to submit mail on, within the limits of its mailbox.
//!
//! It is left to the next one when nobody uses it. Whether it still lives shows before anything of a message but its
//! sender was said on it, so that nothing can be sent twice.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

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
    oauth::SignIn,
};

/// The longest wait for room; what is left of the time belongs to the sign-on.
const ROOM_WAIT: Duration = Duration::from_secs(20);

/// Dropping it closes the connection and gives its room back.
pub struct Connection {
    channel: Channel,
    /// The upstream's live EHLO list.
    pub keywords: Vec<String>,
    seat: Seat,
    /// The sign-in that it lives on, and since when.
    sign_in: String,
    signed_in_at: Option<Timestamp>,
    /// It was signed on for whoever asked: what fails on it at once would fail on another.
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
            seat.park(Idle { channel, keywords, sign_in, signed_in_at });
        }
    }

    /// Ends the transaction that is open, so that the connection serves the next one; `None` where it cannot.
    pub async fn reset(connection: Option<Self>) -> Option<Self> {
        let mut connection = connection.filter(|connection| connection.is_usable())?;
        connection.channel.reset().await.then_some(connection)
    }
}

impl Outbound {
    /// Brings a connection to submit mail on, for a `client` of the account. What the upstream throttles is tried again
    /// until there is no time for it. Cancel safe: dropping it closes what was dialled and gives the room back.
    pub async fn connect(
        &self,
        account: &Account,
        client: &str,
        deadline: Instant,
        stage: &StageCell,
    ) -> Result<Connection, Fault> {
        let ledger = self.ledger(account);
        let until = deadline.min(Instant::now() + ROOM_WAIT);
        let mut throttled = None;
        loop {
            stage.set(Stage::Connecting);
            let asked = Instant::now();
            let seat = ledger.seat(client, until).await;
            self.meter.waited_for_room(Room::Connection, seat.is_some(), asked.elapsed());
            let Some((seat, idle)) = seat else {
                return Err(throttled.unwrap_or_else(|| MAILBOX_BUSY.fault()).at(stage.now()));
            };
            if let Some((channel, keywords)) = self.still_lives(account, idle).await {
                let signed_in_at = self.keepers.signed_in_at(&account.sign_in);
                let sign_in = account.sign_in.key();
                return Ok(Connection { channel, keywords, seat, sign_in, signed_in_at, is_fresh: false });
            }
            let signed_in_at = self.keepers.signed_in_at(&account.sign_in);
            // Who may wait long for room does not wait as long for an upstream that says nothing, and holds the room.
            let signed_on_by = deadline.min(Instant::now() + self.sign_on);
            match self.sign_on(account, Protocol::Smtp, signed_on_by, stage).await {
                Ok(upstream) => {
                    // Right behind the start of the daemon nobody knew: the sign-in was read for the token.
                    let signed_in_at = signed_in_at.or_else(|| self.keepers.signed_in_at(&account.sign_in));
                    let channel = Channel::new(upstream.stream, upstream.unread, &upstream.capabilities);
                    let keywords = upstream.capabilities;
                    let sign_in = account.sign_in.key();
                    return Ok(Connection { channel, keywords, seat, sign_in, signed_in_at, is_fresh: true });
                }
                Err(fault) if [UPSTREAM_CONNECTIONS_EXCEEDED.id, UPSTREAM_THROTTLED.id].contains(&fault.id) => {
                    ledger.slow_down(None);
                    throttled = Some(fault);
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Waits until a message may be sent for the account, 20 seconds at most. Cancel safe.
    pub async fn turn(&self, account: &Account, client: &str, deadline: Instant) -> Result<Turn, Fault> {
        let asked = Instant::now();
        let turn = self.ledger(account).turn(client, deadline.min(asked + ROOM_WAIT)).await;
        self.meter.waited_for_room(Room::Message, turn.is_some(), asked.elapsed());
        turn.ok_or_else(|| MAILBOX_BUSY.fault())
    }

    /// One that was left over, if it is of the same sign-in and nothing is known against it.
    async fn still_lives(&self, account: &Account, idle: Option<Idle>) -> Option<(Channel, Vec<String>)> {
        let Idle { mut channel, keywords, sign_in, signed_in_at } = idle?;
        let SignIn { app, .. } = &*account.sign_in;
        // Who is signed out, or in anew, must not go on with what was before. An app alone is never signed in.
        let is_of_now = sign_in == account.sign_in.key() && signed_in_at == self.keepers.signed_in_at(&account.sign_in);
        if !is_of_now || (signed_in_at.is_none() && !app.grant.is_unattended()) {
            return None;
        }
        channel.take_over().await.then_some((channel, keywords))
    }

    fn ledger(&self, account: &Account) -> Arc<Ledger> {
        self.governor.mailbox(&account.sign_in.app.smtp, &account.smtp_user, account.sending.limits)
    }
}
