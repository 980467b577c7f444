//! How whoever asks for a connection to submit mail on comes to one: what is left over or comes up, whoever dialled it, in
//! the order in which they asked.
//!
//! Whoever finds room dials, and stands in line as before. Whoever dials hears what comes of it; whoever waited behind
//! that in vain hears what is known of it, and that the mailbox is busy only where nothing else is.

use std::{
    future::{pending, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, MaybeDone, maybe_done},
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{
    Channel, Connection, Outbound, Party, Ticket, Turn, Wanted,
    governor::{Dialling, Idle, Obstacle, Seat},
    sign_on::silent,
};
use crate::{
    account::{Account, Route},
    base::{Fault, Line, Protocol, StageCell},
    catalog::{
        message::SENDING_DEFERRED,
        own::{MAILBOX_BUSY, MAILBOX_HELD_UP},
        sign_on::{UPSTREAM_CONNECTIONS_EXCEEDED, UPSTREAM_THROTTLED},
    },
    meter::{Meter, Room},
    net::Upstream,
};

/// The longest wait for room of a client; what is left of its time belongs to the sign-on.
const ROOM_WAIT: Duration = Duration::from_secs(20);
/// How long a dial may still take whose asker has another connection by now: one that hangs would keep its room from those
/// who wait.
const FOR_OTHERS: Duration = Duration::from_secs(3);

/// Until when a client that sits and waits may be kept waiting.
#[derive(Clone, Copy)]
pub struct Within {
    /// For room: one time for all kinds of it.
    room_by: Instant,
    /// In all.
    pub until: Instant,
}

impl Within {
    pub fn of(until: Instant) -> Self {
        Self { room_by: until.min(Instant::now() + ROOM_WAIT), until }
    }

    /// What the upstream throttled is tried again: the wait for room begins anew.
    pub fn again(self) -> Self {
        Self::of(self.until)
    }

    /// The time that a dial took was none of waiting for room.
    fn put_off(&mut self, by: Duration) {
        self.room_by = (self.room_by + by).min(self.until);
    }
}

/// How somebody waits for a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// A client sits and waits: not for long, and what the upstream throttles is tried again until there is no time for it.
    Client,
    /// A message on disk waits until its deadline, and hears at once that the upstream throttles.
    Message,
}

impl Outbound {
    /// Stands in line for a message of the account that is on disk, from now on.
    pub fn line_up(&self, account: &Account) -> Ticket {
        let mut ticket = self.ticket(account, Party::Queue);
        ticket.stands_for(match account.sending.route {
            Route::Smtp | Route::SmtpThenGraph => Wanted::Seat,
            Route::Graph => Wanted::Turn,
        });
        ticket
    }

    /// Brings a connection for a `client` of the account. Cancel safe: dropping it closes what it dialled and gives the room
    /// back.
    pub async fn connect(
        &self,
        account: &Account,
        client: &str,
        within: &mut Within,
        stage: &StageCell,
    ) -> Result<Connection, Fault> {
        let mut ticket = self.ticket(account, Party::Client(client.to_owned()));
        let connection = Asker::new(self, account, &mut ticket, Patience::Client, within, stage).connection().await?;
        ticket.served(None);
        Ok(connection)
    }

    /// Waits until a message may be sent for the account. Whoever waited for a connection before has waited for this as
    /// well. Cancel safe.
    pub async fn turn(&self, account: &Account, client: &str, within: Within) -> Result<Turn, Fault> {
        let mut ticket = self.ticket(account, Party::Client(client.to_owned()));
        self.turn_in_line(&mut ticket, within.room_by).await
    }

    /// Why whoever stands in this line for the account's mailbox since it `asked` has no room yet: others were first, or its
    /// server asked to be left alone. `None`: somebody dials there, and has no answer.
    pub fn no_room(&self, account: &Account, client: &str, line: Line, asked: Instant) -> Option<Fault> {
        let ticket = self.ticket(account, Party::Client(client.to_owned()));
        // Who waits for a turn has its connection: no dial is in its way.
        match ticket.obstacle(asked).filter(|_| line == Line::Connection) {
            Some(Obstacle::Hangs(..) | Obstacle::OthersHang(_)) => None,
            Some(Obstacle::Failed(fault)) => Some(fault),
            None => Some(no_turn(&ticket)),
        }
    }

    /// As [`Outbound::turn`], for who may wait until the deadline.
    pub(super) async fn turn_in_line(&self, ticket: &mut Ticket, deadline: Instant) -> Result<Turn, Fault> {
        let mut wait = Wait::begin(&self.meter, Room::Message);
        let turn = timeout_at(deadline, ticket.turn()).await;
        let turn = turn.map_err(|_| no_turn(ticket))?;
        wait.is_over();
        Ok(turn)
    }

    /// A connection and a turn for one message, for who may wait until the deadline. Room for a connection first: who waits
    /// for a turn without one would hold up those who have one. Of those who wait for a turn the last leaves its connection to
    /// who wants one, and asks for another: so nobody behind it has one before it. `turn`: it has had one, whose connection was
    /// of no use. Cancel safe.
    pub(super) async fn way_in_line(
        &self,
        account: &Account,
        ticket: &mut Ticket,
        mut turn: Option<Turn>,
        deadline: Instant,
        stage: &StageCell,
    ) -> Result<(Connection, Turn), Fault> {
        loop {
            let within = &mut Within { room_by: deadline, until: deadline };
            let asker = Asker::new(self, account, ticket, Patience::Message, within, stage);
            let connection = asker.connection().await?;
            ticket.served(turn.is_none().then_some(Wanted::Turn));
            if turn.is_none() {
                turn = self.turn_or_lend(ticket, deadline).await?;
            }
            let Some(got) = turn.take() else {
                connection.leave();
                continue;
            };
            // Whoever signed out meanwhile sends nothing more.
            if self.may_go_on(account, &connection).await {
                return Ok((connection, got));
            }
            turn = Some(got);
        }
    }

    /// `None`: somebody else is to have its connection.
    async fn turn_or_lend(&self, ticket: &mut Ticket, deadline: Instant) -> Result<Option<Turn>, Fault> {
        let mut wait = Wait::begin(&self.meter, Room::Message);
        let turn = timeout_at(deadline, ticket.turn_or_lend()).await;
        let turn = turn.map_err(|_| no_turn(ticket))?;
        wait.is_over();
        Ok(turn)
    }

    fn ticket(&self, account: &Account, party: Party) -> Ticket {
        self.governor.ticket(account, party, self.since)
    }
}

/// One who asks for a connection.
struct Asker<'a> {
    outbound: &'a Outbound,
    account: &'a Account,
    stage: &'a StageCell,
    ticket: &'a mut Ticket,
    asked: Instant,
    /// Until when room is waited for, while it does not dial.
    room_by: Instant,
    within: &'a mut Within,
    wait: Wait<'a>,
    dial: Option<Dial>,
    patience: Patience,
    /// What the last dial met.
    throttled: Option<Fault>,
}

/// What comes next for who asks.
enum Step {
    /// Room to dial.
    Room(Seat),
    /// A connection that is left over, or that somebody's dial brought.
    LeftOver(Seat, Idle),
    /// Of its own dial.
    CameUp(Seat, Idle),
    Failed(Fault),
    TimeIsOver,
}

impl<'a> Asker<'a> {
    fn new(
        outbound: &'a Outbound,
        account: &'a Account,
        ticket: &'a mut Ticket,
        patience: Patience,
        within: &'a mut Within,
        stage: &'a StageCell,
    ) -> Self {
        stage.stands_in(Line::Connection);
        Self {
            outbound,
            account,
            stage,
            ticket,
            asked: Instant::now(),
            room_by: within.room_by,
            within,
            wait: Wait::begin(&outbound.meter, Room::Connection),
            dial: None,
            patience,
            throttled: None,
        }
    }

    /// Its ticket stands in line until the caller says what is next.
    async fn connection(mut self) -> Result<Connection, Fault> {
        loop {
            match self.step().await {
                Step::Room(seat) => self.dials(seat),
                Step::LeftOver(seat, idle) => {
                    let lives = self.outbound.still_lives(self.account, seat, idle);
                    if let Some(connection) = beside(&mut self.dial, self.stage, lives).await {
                        self.takes();
                        return Ok(connection);
                    }
                }
                Step::CameUp(seat, idle) => {
                    self.waits_again();
                    seat.park(idle);
                }
                Step::Failed(fault) if self.patience == Patience::Client && is_throttled(fault.id) => {
                    self.waits_again();
                    self.throttled = Some(fault);
                }
                Step::Failed(fault) => return Err(fault),
                Step::TimeIsOver => return Err(self.in_vain()),
            }
        }
    }

    async fn step(&mut self) -> Step {
        let is_idle = self.dial.is_none();
        let Self { dial, ticket, stage, room_by, .. } = self;
        tokio::select! {
            biased;
            ended = ended(dial, stage) => match ended {
                Ok((seat, idle)) => Step::CameUp(seat, idle),
                Err(fault) => Step::Failed(fault),
            },
            (seat, idle) = ticket.seat() => match idle {
                Some(idle) => Step::LeftOver(seat, idle),
                None => Step::Room(seat),
            },
            // Whoever dials hears what comes of it, whenever that is.
            () = sleep_until(*room_by), if is_idle => Step::TimeIsOver,
        }
    }

    /// Who may wait long for room does not wait as long for an upstream that says nothing, and holds the room.
    fn dials(&mut self, seat: Seat) {
        self.wait.is_over();
        let by = self.within.until.min(Instant::now() + self.outbound.sign_on);
        self.room_by = self.room_by.max(by);
        self.dial = Some(Dial::begin(self.outbound, self.account, seat, by));
    }

    /// Its dial is over, and it has no connection.
    fn waits_again(&mut self) {
        self.dial = None;
        self.ticket.has_dialled();
        self.wait.goes_on();
        self.stage.stands_in(Line::Connection);
    }

    /// It has a connection; its own dial, if there is one, is for others.
    fn takes(&mut self) {
        self.wait.is_over();
        self.within.put_off(self.asked.elapsed().saturating_sub(self.wait.before));
        if let Some(dial) = self.dial.take() {
            tokio::spawn(dial.for_others());
        }
    }

    /// Its own dial was throttled, or somebody's hangs or has failed; else nothing is wrong but that others were first.
    fn in_vain(&mut self) -> Fault {
        let behind = || {
            let upstream = &self.account.sign_in.app.smtp;
            Some(match self.ticket.obstacle(self.asked)? {
                Obstacle::Failed(fault) => fault,
                Obstacle::Hangs(stage, since) => silent(upstream, stage, since),
                Obstacle::OthersHang(since) => {
                    let Upstream { host, port, .. } = upstream;
                    let since = since.as_secs();
                    MAILBOX_HELD_UP.fault().detail(format!("{host}:{port}: no answer to another sign-in for {since} s"))
                }
            })
        };
        let fault = self.throttled.take().or_else(behind);
        fault.unwrap_or_else(|| no_turn(self.ticket)).at(self.stage.now())
    }
}

/// Why there was no room in time: the server asked to be left alone, or others were first.
fn no_turn(ticket: &Ticket) -> Fault {
    if ticket.is_paused() { UPSTREAM_THROTTLED.fault() } else { MAILBOX_BUSY.fault() }
}

/// How long somebody waited for room in all. It counts once, however it ends: as found where no wait is left.
struct Wait<'a> {
    meter: &'a Meter,
    room: Room,
    before: Duration,
    since: Option<Instant>,
}

impl<'a> Wait<'a> {
    fn begin(meter: &'a Meter, room: Room) -> Self {
        Self { meter, room, before: Duration::ZERO, since: Some(Instant::now()) }
    }

    fn is_over(&mut self) {
        self.before += self.since.take().map(|since| since.elapsed()).unwrap_or_default();
    }

    fn goes_on(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let found = self.since.is_none();
        self.is_over();
        self.meter.waited_for_room(self.room, found, self.before);
    }
}

/// A connection on its way.
struct Dial {
    /// What comes of it is kept until it is taken.
    up: MaybeDone<BoxFuture<'static, Result<(Seat, Idle), Fault>>>,
    known: Arc<Dialling>,
}

impl Dial {
    /// Dials, and slows the mailbox down where the upstream asks for that.
    fn begin(outbound: &Outbound, account: &Account, seat: Seat, by: Instant) -> Self {
        let known = seat.dials(&account.sign_in.key());
        let (outbound, account, dial) = (outbound.clone(), account.clone(), known.clone());
        let up = async move {
            let ended = signed_on(&outbound, &account, by, &dial.stage).await;
            let fault = ended.as_ref().err();
            if fault.is_some_and(|fault| is_throttled(fault.id)) {
                seat.slow_down();
            }
            seat.has_dialled(&dial, fault);
            ended.map(|idle| (seat, idle))
        };
        Self { up: maybe_done(up.boxed()), known }
    }

    fn poll(&mut self, cx: &mut Context<'_>, stage: &StageCell) -> Poll<()> {
        let up = self.up.poll_unpin(cx);
        stage.set(self.known.stage.now());
        up
    }

    /// `None`: it is not over.
    fn take(&mut self) -> Option<Result<(Seat, Idle), Fault>> {
        Pin::new(&mut self.up).take_output()
    }

    /// Who dialled it has another by now.
    async fn for_others(mut self) {
        if timeout(FOR_OTHERS, &mut self.up).await.is_ok()
            && let Some(Ok((seat, idle))) = self.take()
        {
            seat.park(idle);
        }
    }
}

async fn signed_on(outbound: &Outbound, account: &Account, by: Instant, stage: &StageCell) -> Result<Idle, Fault> {
    let keepers = &outbound.keepers;
    let (signed_in_at, life) = (keepers.signed_in_at(&account.sign_in), keepers.life(&account.sign_in));
    let upstream = outbound.sign_on(account, Protocol::Smtp, by, stage).await?;
    // Right behind the start of the daemon nobody knew: the sign-in was read for the token. Of a mailbox that nobody listed
    // nobody was awake.
    let life = life.or_else(|| keepers.life(&account.sign_in));
    let signed_in_at = signed_in_at.or_else(|| keepers.signed_in_at(&account.sign_in));
    let channel =
        Channel::new(upstream.stream, upstream.unread, &upstream.capabilities, outbound.carried(Protocol::Smtp));
    let (keywords, sign_in) = (upstream.capabilities, account.sign_in.key());
    Ok(Idle { channel, keywords, sign_in, signed_in_at, life, came_up: Some(Instant::now()) })
}

/// What comes of a dial, where there is one; meanwhile its stage is shown.
async fn ended(dial: &mut Option<Dial>, stage: &StageCell) -> Result<(Seat, Idle), Fault> {
    let Some(dial) = dial else { return pending().await };
    poll_fn(|cx| dial.poll(cx, stage)).await;
    match dial.take() {
        Some(ended) => ended,
        None => pending().await,
    }
}

/// What comes of something else, while the dial goes on: one that stood still could hold what others wait for.
async fn beside<T>(dial: &mut Option<Dial>, stage: &StageCell, other: impl Future<Output = T>) -> T {
    let mut other = pin!(other);
    poll_fn(|cx| {
        if let Some(dial) = dial {
            let _ = dial.poll(cx, stage);
        }
        other.as_mut().poll(cx)
    })
    .await
}

/// The mail server asks for fewer connections, or for less at a time.
pub fn is_throttled(id: &str) -> bool {
    [UPSTREAM_CONNECTIONS_EXCEEDED.id, UPSTREAM_THROTTLED.id, SENDING_DEFERRED.id].contains(&id)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::{super::governor::Ledger, *};

    /// It may have been given the store's one connection, on which the other waits.
    #[tokio::test]
    async fn a_dial_goes_on_while_its_asker_looks_at_a_connection_that_is_left_over_and_its_end_is_kept() {
        let mut ticket = Arc::new(Ledger::default()).ticket(Party::Queue, "x");
        let (seat, _) = ticket.seat().await;
        let (goes, went) = oneshot::channel();
        let up = async move {
            goes.send(()).unwrap();
            Err(MAILBOX_BUSY.fault())
        };
        let dial = Dial { up: maybe_done(up.boxed()), known: seat.dials("x") };
        let (mut dial, stage) = (Some(dial), StageCell::default());
        let went = timeout(Duration::from_secs(10), beside(&mut dial, &stage, went)).await;
        went.expect("it stands still").unwrap();
        assert_eq!(ended(&mut dial, &stage).await.err().map(|fault| fault.id), Some(MAILBOX_BUSY.id));
    }
}
