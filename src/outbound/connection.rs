//! A signed-on connection to submit mail on, within the limits of its mailbox.
//!
//! It is left to the next one when nobody uses it. Whether it still lives shows before anything of a message but its
//! sender was said on it, so that nothing can be sent twice.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Channel, Outbound,
    governor::{Idle, Seat},
};
use crate::account::Account;

/// One that came up that lately has not died of waiting.
const FRESH: Duration = Duration::from_secs(2);

/// Dropping it closes the connection and gives its room back.
pub struct Connection {
    channel: Channel,
    /// The upstream's live EHLO list.
    pub keywords: Vec<String>,
    seat: Seat,
    /// The sign-in that it lives on, and since when.
    sign_in: String,
    signed_in_at: Option<Timestamp>,
    /// See [`Idle::life`].
    life: Option<CancellationToken>,
    /// If nobody used it since.
    came_up: Option<Instant>,
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
    /// It came up just now: what fails on it at once would fail on another. That passes while its user waits for a turn.
    pub fn is_fresh(&self) -> bool {
        is_fresh(self.came_up)
    }

    /// Another client waits for one.
    pub fn is_wanted(&self) -> bool {
        self.seat.is_wanted()
    }

    /// Leaves it to the next one, if it is of use to anybody.
    pub fn leave(self) {
        let Self { channel, keywords, seat, sign_in, signed_in_at, life, .. } = self;
        if channel.is_usable() {
            seat.park(Idle { channel, keywords, sign_in, signed_in_at, life, came_up: None });
        }
    }

    /// Ends the transaction that is open, so that the connection serves the next one; `None` where it cannot.
    pub async fn reset(connection: Option<Self>) -> Option<Self> {
        let mut connection = connection.filter(|connection| connection.is_usable())?;
        connection.channel.reset().await.then_some(connection)
    }
}

impl Outbound {
    /// One that is of the same sign-in, if nothing is known against it.
    pub(super) async fn still_lives(&self, account: &Account, seat: Seat, idle: Idle) -> Option<Connection> {
        let is_over = idle.is_over();
        let Idle { mut channel, keywords, sign_in, signed_in_at, life, came_up } = idle;
        if is_over || !self.is_of_now(account, &sign_in, signed_in_at).await {
            seat.part(channel);
            return None;
        }
        // Of what was left over by somebody whom nobody saw signing in nobody knows whether that still holds.
        let is_known = signed_in_at.is_some() || account.sign_in.app.grant.is_unattended();
        if !is_fresh(came_up) && (!is_known || !channel.take_over().await) {
            return None;
        }
        self.keepers.goes_on(&account.sign_in);
        Some(Connection { channel, keywords, seat, sign_in, signed_in_at, life, came_up })
    }

    /// Who is signed out, or in anew, must not go on with what was before. An app alone is never signed in.
    async fn is_of_now(&self, account: &Account, sign_in: &str, signed_in_at: Option<Timestamp>) -> bool {
        sign_in == account.sign_in.key() && self.keepers.may_go_on(&account.sign_in, signed_in_at).await
    }

    /// Whether a connection may carry one more message of the account: its sign-in and its app are still those that it lives on.
    pub async fn may_go_on(&self, account: &Account, connection: &Connection) -> bool {
        connection.life.as_ref().is_some_and(|life| !life.is_cancelled())
            && self.is_of_now(account, &connection.sign_in, connection.signed_in_at).await
    }
}

fn is_fresh(came_up: Option<Instant>) -> bool {
    came_up.is_some_and(|came_up| came_up.elapsed() < FRESH)
}
