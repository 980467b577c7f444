//! From the greeting to the client's success, the same for all three protocols.

use std::{mem, pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use super::{
    Doorway, Gate,
    attend::left,
    destination::Destination,
    impatience::gave_up,
    parting, proxy,
    record::who,
    relay::Relay,
    stranger::{trouble_of, trouble_of_tls},
};
use crate::{
    account::{Admitted, Route},
    base::{Claim, Fault, Protocol, Stage},
    catalog::{
        doctor::CLIENT_WITHOUT_STARTTLS,
        own::{AUTHENTICATION_REQUIRED, CONNECTION_CLOSED, CONNECTIONS_USED_UP},
    },
    meter::{Answer, Entry, Outcome, Proof},
    net::{Broken, Peer, Seat, Stream, Want, drive, flush, write},
    outbound::{Connection, SignedOn, Within},
    wire::{Front, Knock, Protection, Welcome, imap::ImapFront, pop3::Pop3Front, smtp::SmtpFront},
};

/// Waiting for the client before it is signed on, TLS and all; our own work in between does not count.
const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// Failed logins before a connection is closed.
const GUESSES_PER_CONNECTION: u32 = 10;
/// For reading what a client still sends after our last words, so that they are not lost to a reset.
const LINGER: Duration = Duration::from_secs(2);

/// What becomes of a connection, in the log: we end it, or cannot go on with it.
pub(super) const CLOSED: &str = "connection closed";
const DROPPED: &str = "client dropped";
/// Why everybody is shown out at the end.
pub(super) const SHUTTING_DOWN: &str = "it shuts down, try again";

/// A client that may go on.
pub(super) struct Through {
    pub client: Stream,
    /// What the client sent behind its login.
    pub unread: BytesMut,
    pub admitted: Admitted,
    pub beyond: Beyond,
}

/// What a client was let through to.
pub(super) enum Beyond {
    /// IMAP and POP3.
    Spliced(SignedOn),
    /// SMTP, each command on its way upstream.
    Relayed(Connection),
    /// SMTP, each message here first.
    Spooled(Destination, Vec<String>),
}

impl Beyond {
    fn welcome(&self) -> Welcome {
        match self {
            Self::Spliced(upstream) => {
                Welcome { capabilities: upstream.capabilities.clone(), untagged: upstream.untagged.clone() }
            }
            Self::Spooled(_, keywords) => Welcome { capabilities: keywords.clone(), untagged: Bytes::new() },
            Self::Relayed(connection) => Welcome { capabilities: connection.keywords.clone(), untagged: Bytes::new() },
        }
    }
}

/// Serves one connection until it ends. Never panics on what the client does; ends by itself.
///
/// Not an `async fn`, nor is [`Door::knock`]: that would keep the room of its arguments twice.
#[allow(clippy::manual_async_fn)]
pub fn serve(gate: Arc<Gate>, doorway: Arc<Doorway>, client: Stream, seat: Seat) -> impl Future<Output = ()> + Send {
    async move {
        let (protocol, peer) = (doorway.protocol, client.peer());
        let entry = gate.meter.board.enter(protocol, peer.ip());
        gate.meter.session(protocol);
        debug!(session = entry.id(), %protocol, %peer, tls = client.is_tls(), "connected");
        // Each part is a boxed future of its own: a silent client pays for no sign-on and no relay, a relay for no login.
        let knocking = knocking(&gate, &doorway, client, &seat, &entry);
        let through = tokio::select! {
            // First, so that it can say its last words itself.
            biased;
            through = knocking => through,
            () = seat.evicted().cancelled() => None,
        };
        if let Some(through) = through {
            carried(&gate, protocol, *through, &entry).await;
        }
        debug!(session = entry.id(), %protocol, %peer, "closed");
    }
}

/// The session behind the login, until it ends. Put into its box here: a silent client pays for none of it.
fn carried<'a>(
    gate: &'a Gate,
    protocol: Protocol,
    through: Through,
    entry: &'a Entry,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    let Through { client, unread, admitted, beyond } = through;
    match beyond {
        Beyond::Relayed(connection) => {
            let keywords = connection.keywords.clone();
            let relay = Relay::new(gate, client, unread, admitted, Destination::Upstream, keywords, entry);
            Box::pin(Box::new(relay.with(connection)).run())
        }
        Beyond::Spooled(destination, keywords) => {
            Box::pin(Box::new(Relay::new(gate, client, unread, admitted, destination, keywords, entry)).run())
        }
        Beyond::Spliced(upstream) => Box::pin(proxy::run(gate, protocol, client, unread, admitted, upstream, entry)),
    }
}

type Knocking<'a> = Pin<Box<dyn Future<Output = Option<Box<Through>>> + Send + 'a>>;

fn knocking<'a>(
    gate: &'a Gate,
    doorway: &'a Doorway,
    client: Stream,
    seat: &'a Seat,
    entry: &'a Entry,
) -> Knocking<'a> {
    let apps = gate.register.apps();
    let protection = doorway.protection(&client);
    let door = Door { gate, doorway, seat, entry, peer: client.client() };
    match doorway.protocol {
        Protocol::Smtp => {
            let mut shown = gate.outbound.seen.ehlo(&gate.host, apps);
            shown.carried.retain(|word| word != "DSN" || !gate.register.sends_by_graph());
            Box::pin(door.knock(client, SmtpFront::new(shown, protection, parting::told())))
        }
        Protocol::Imap => {
            let carried = gate.outbound.seen.carried(Protocol::Imap, apps);
            Box::pin(door.knock(client, ImapFront::new(&carried, protection, parting::told())))
        }
        Protocol::Pop3 => Box::pin(door.knock(client, Pop3Front::new(protection, parting::told()))),
    }
}

/// Who is in, and what to; or whose login it was, as far as that is known, and what was in its way.
type Admission = Result<(Admitted, Beyond), (Option<Admitted>, Fault)>;

/// What was met in a session: the log is told of it once.
#[derive(Default)]
pub(super) struct Met {
    lack_of_tls: bool,
    /// How many.
    pub mistakes: u32,
}

/// Why a session has to end.
#[derive(Clone, Copy)]
enum Ending {
    /// Its seat went to a newer connection.
    Evicted,
    /// The daemon drains.
    Draining,
}

pub(super) struct Door<'a> {
    pub gate: &'a Gate,
    pub doorway: &'a Doorway,
    seat: &'a Seat,
    pub entry: &'a Entry,
    pub peer: Peer,
}

impl<'a> Door<'a> {
    /// From the greeting to the client's success, or to its last guess.
    #[allow(clippy::manual_async_fn)]
    fn knock<F: Front + 'a>(self, mut client: Stream, mut front: F) -> impl Future<Output = Option<Box<Through>>> + 'a {
        async move {
            let mut deadline = client.opened() + CLIENT_WAIT;
            let mut failures = 0;
            let mut was_refused = false;
            let mut met = Met::default();
            while failures < GUESSES_PER_CONNECTION {
                let claim = match self.hear(&mut client, &mut front, deadline, &met).await? {
                    Want::StartTls => {
                        client = Box::pin(self.upgrade(client, deadline)).await?;
                        front.secured();
                        continue;
                    }
                    Want::Event(Knock::Unprotected) => {
                        self.wants_tls(&mut met, "login refused", "it came without TLS");
                        continue;
                    }
                    Want::Event(Knock::Mistaken(words)) => {
                        self.mistaken(&mut met, &words);
                        continue;
                    }
                    Want::Event(Knock::ShownOut(why)) => {
                        self.trouble(Some(CONNECTION_CLOSED), CLOSED, why);
                        linger(&mut client).await;
                        return None;
                    }
                    Want::Event(Knock::Bye) => {
                        self.said_goodbye(&mut client, met).await;
                        return None;
                    }
                    Want::Event(Knock::Unnamed) => None,
                    Want::Event(Knock::Login(claim)) => Some(claim),
                };
                let knocked = Instant::now();
                self.entry.set_stage(Stage::Authenticating);
                let asked = claim.as_ref().map(|claim| (claim.login.clone(), claim.mechanism));
                match Box::pin(self.attempt(&mut client, &mut front, claim, knocked)).await? {
                    Ok((admitted, beyond)) => {
                        self.let_in(&client, &admitted, asked);
                        return Box::pin(self.welcome(client, front, admitted, beyond, knocked)).await;
                    }
                    Err((whose, fault)) => {
                        was_refused |= asked.is_some();
                        // Who has a login that is wrong needs a right one, and no rule that admits its address.
                        match was_refused && fault.id == AUTHENTICATION_REQUIRED.id {
                            true => self.note(&asked, Answer::Id(fault.id)),
                            false => self.turn_away(&client, whose, asked, &fault, knocked),
                        }
                        front.refuse(&fault);
                    }
                }
                failures += 1;
                // Our own work was nothing that the client took its time for.
                deadline += knocked.elapsed();
            }
            let _ = flush(&mut client, &mut front).await;
            self.farewell(&mut client, "too many failed logins").await;
            None
        }
    }

    async fn said_goodbye(&self, client: &mut Stream, mut met: Met) {
        // Where a login is offered behind STARTTLS alone, this one saw none.
        if self.doorway.protection(client) == Protection::Required {
            self.wants_tls(&mut met, "client left", "it said goodbye before a login");
        }
        self.left(&met);
        linger(client).await;
    }

    /// What the client wants next; `None`: the session is over.
    async fn hear<F: Front>(
        &self,
        client: &mut Stream,
        front: &mut F,
        deadline: Instant,
        met: &Met,
    ) -> Option<Want<Knock>> {
        tokio::select! {
            want = drive(client, front, deadline) => match want {
                Ok(want) => Some(want),
                Err(broken) => {
                    self.lost(client, &broken, met).await;
                    None
                }
            },
            ending = self.must_end() => {
                self.show_out(client, ending).await;
                None
            }
        }
    }

    /// One login, up to the upstream's answer; `None`: the session is over.
    async fn attempt<F: Front>(
        &self,
        client: &mut Stream,
        front: &mut F,
        claim: Option<Claim>,
        knocked: Instant,
    ) -> Option<Admission> {
        let checked = match claim {
            None => {
                let admitted = self.gate.register.by_address(self.peer.address.ip());
                admitted.ok_or_else(|| AUTHENTICATION_REQUIRED.fault())
            }
            Some(claim) => tokio::select! {
                checked = self.check(&claim, knocked + self.gate.sign_on) => checked,
                () = left(client, ahead(front)) => return None,
                ending = self.must_end() => {
                    self.show_out(client, ending).await;
                    return None;
                }
            },
        };
        match checked {
            Ok(admitted) => self.sign_on(client, front, admitted, knocked).await,
            Err(fault) => Some(Err((None, fault))),
        }
    }

    /// Resolves when the session has to end although the client did nothing wrong.
    async fn must_end(&self) -> Ending {
        tokio::select! {
            biased;
            () = self.seat.evicted().cancelled() => Ending::Evicted,
            () = self.gate.closing.cancelled() => Ending::Draining,
        }
    }

    async fn show_out(&self, client: &mut Stream, ending: Ending) {
        match ending {
            Ending::Draining => self.farewell(client, SHUTTING_DOWN).await,
            Ending::Evicted => {
                self.trouble(Some(CONNECTIONS_USED_UP), CLOSED, "it made room for another one");
                // Its seat is taken already: what cannot be said without waiting is left out.
                let words = parting::too_busy(self.doorway.protocol);
                let _ = timeout(Duration::ZERO, write(client, words.as_bytes())).await;
            }
        }
    }

    async fn check(&self, claim: &Claim, deadline: Instant) -> Result<Admitted, Fault> {
        let Gate { register, passwords, guesses, store, .. } = self.gate;
        register.admit(claim, self.peer, deadline, passwords, guesses, store).await
    }

    /// Signs on upstream while the client waits; `None` when the client leaves meanwhile.
    async fn sign_on<F: Front>(
        &self,
        client: &mut Stream,
        front: &mut F,
        admitted: Admitted,
        knocked: Instant,
    ) -> Option<Admission> {
        // The password was right: whatever the upstream takes its time for, this session is nobody's to evict.
        self.seat.authenticated();
        self.proved(&admitted);
        self.entry.set_account(&admitted.account.address);
        if admitted.account.domain.is_some() {
            self.gate.meter.used_mailboxes.note(&admitted.account.address);
        }
        let beyond = tokio::select! {
            beyond = self.beyond(&admitted, knocked + self.gate.sign_on) => beyond,
            () = left(client, ahead(front)) => {
                self.gate.meter.login(self.doorway.protocol, Outcome::Lost, knocked.elapsed());
                gave_up(self.gate, self.entry, self.doorway.protocol, &admitted, knocked);
                return None;
            }
            ending = self.must_end() => {
                self.show_out(client, ending).await;
                return None;
            }
        };
        Some(match beyond {
            Ok(beyond) => Ok((admitted, beyond)),
            Err(fault) => Err((Some(admitted), fault)),
        })
    }

    async fn beyond(&self, admitted: &Admitted, deadline: Instant) -> Result<Beyond, Fault> {
        let Gate { outbound, .. } = self.gate;
        let (account, stage) = (&admitted.account, self.entry.stage_cell());
        if self.doorway.protocol != Protocol::Smtp {
            return outbound.sign_on(account, self.doorway.protocol, deadline, stage).await.map(Beyond::Spliced);
        }
        let spooled = |destination| {
            let by_graph = destination == Destination::Graph || account.sending.route == Route::Graph;
            Beyond::Spooled(destination, outbound.known_keywords(account, by_graph))
        };
        match Destination::of(admitted) {
            Destination::Upstream => {
                let within = &mut Within::of(deadline);
                match outbound.connect(account, admitted.client_name(), within, stage).await {
                    Err(fault) if outbound.goes_by_graph(account, &fault) => {
                        outbound.reach_graph(account, deadline, stage).await?;
                        Ok(spooled(Destination::Graph))
                    }
                    connected => connected.map(Beyond::Relayed),
                }
            }
            Destination::Graph => {
                outbound.reach_graph(account, deadline, stage).await?;
                Ok(spooled(Destination::Graph))
            }
            // Whether it can be sent on is the queue's to find out.
            destination @ (Destination::Queue | Destination::Hold) => Ok(spooled(destination)),
        }
    }

    async fn welcome<F: Front>(
        &self,
        mut client: Stream,
        mut front: F,
        admitted: Admitted,
        beyond: Beyond,
        knocked: Instant,
    ) -> Option<Box<Through>> {
        front.accept(&beyond.welcome());
        if let Err(broken) = flush(&mut client, &mut front).await {
            match broken {
                Broken::TimedOut => self.farewell(&mut client, "it does not take its answer").await,
                broken => self.lost(&mut client, &broken, &Met::default()).await,
            }
            return None;
        }
        let protocol = self.doorway.protocol;
        self.gate.meter.login(protocol, Outcome::Accepted, knocked.elapsed());
        info!(
            session = self.entry.id(), %protocol, peer = %self.peer.address, account = admitted.account.address,
            client = admitted.client_name(), "signed on"
        );
        // What the queue takes says nothing of the way out.
        if !matches!(beyond, Beyond::Spooled(Destination::Queue | Destination::Hold, _)) {
            self.gate.meter.recent.worked(
                protocol,
                &admitted.account.address,
                std::time::Instant::now(),
                Proof::SignOn,
            );
        }
        // What SMTP is for is a message.
        if protocol != Protocol::Smtp {
            self.gate.meter.clients.went_well(&who(&admitted), String::new(), None);
        }
        Some(Box::new(Through { client, unread: front.into_unread(), admitted, beyond }))
    }

    async fn upgrade(&self, client: Stream, deadline: Instant) -> Option<Stream> {
        let Some(tls) = &self.doorway.tls else { return None };
        match client.upgrade_server(tls, deadline).await {
            Ok(client) => Some(client),
            Err(error) => {
                self.trouble(trouble_of_tls(&error), "TLS handshake failed", &error.to_string());
                None
            }
        }
    }

    fn wants_tls(&self, met: &mut Met, what: &str, why: &str) {
        if !mem::replace(&mut met.lack_of_tls, true) {
            self.trouble(Some(CLIENT_WITHOUT_STARTTLS), what, why);
        }
    }

    /// The client is gone, silent or makes no sense.
    async fn lost(&self, client: &mut Stream, broken: &Broken, met: &Met) {
        match broken {
            Broken::Closed => self.left(met),
            Broken::TimedOut => self.farewell(client, "no login within a minute").await,
            Broken::Violation(violation) => {
                let of = trouble_of(violation);
                self.trouble(Some(of), DROPPED, &violation.what);
                if let Some(farewell) = &violation.farewell {
                    let _ = write(client, parting::last_words(farewell, of).as_bytes()).await;
                    linger(client).await;
                }
            }
            Broken::Io(_) => self.trouble(None, DROPPED, &broken.to_string()),
        }
    }

    /// Last words to a client that is not signed on.
    async fn farewell(&self, client: &mut Stream, why: &str) {
        self.trouble(Some(CONNECTION_CLOSED), CLOSED, why);
        let _ = write(client, parting::closing(self.doorway.protocol, why).as_bytes()).await;
        linger(client).await;
    }
}

/// Keeps what a client sends ahead of the answer to its login.
fn ahead<F: Front>(front: &mut F) -> impl FnMut(&[u8]) -> usize {
    let mut sent = 0;
    move |bytes| {
        front.feed(bytes);
        sent += bytes.len();
        if front.has_unread() { sent.max(1) } else { 0 }
    }
}

/// Closes the connection so that our last words arrive.
pub(super) async fn linger(client: &mut Stream) {
    client.close(Instant::now() + LINGER).await;
}
