//! From the greeting to the client's success, the same for all three protocols.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use super::{
    Doorway, Gate,
    attend::left,
    destination::Destination,
    parting, proxy,
    record::who,
    relay::Relay,
    stranger::{trouble_of, trouble_of_tls},
};
use crate::{
    account::{Admitted, Occasion, Route, told},
    base::{Claim, Fault, Kind, Lang, Protocol, Stage, printable},
    catalog::{
        self,
        doctor::CLIENT_WITHOUT_STARTTLS,
        own::{AUTHENTICATION_REQUIRED, CLIENT_LEFT_WAITING},
    },
    meter::{Answer, Contact, Entry, Outcome, Proof},
    net::{Broken, Peer, Seat, Stream, Want, drive, flush, write},
    outbound::{Connection, SignedOn},
    wire::{Front, Knock, Protection, Violation, Welcome, imap::ImapFront, pop3::Pop3Front, smtp::SmtpFront},
};

/// Waiting for the client before it is signed on, TLS and all; our own work in between does not count.
const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// Failed logins before a connection is closed.
const GUESSES_PER_CONNECTION: u32 = 10;
/// Of a refusal in the figures of a client.
const REFUSAL_CAP: usize = 300;
/// For reading what a client still sends after our last words, so that they are not lost to a reset.
const LINGER: Duration = Duration::from_secs(2);

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
            Box::pin(door.knock(client, SmtpFront::new(shown, protection)))
        }
        Protocol::Imap => {
            Box::pin(door.knock(client, ImapFront::new(&gate.outbound.seen.carried(Protocol::Imap, apps), protection)))
        }
        Protocol::Pop3 => Box::pin(door.knock(client, Pop3Front::new(protection))),
    }
}

/// Why a session has to end.
#[derive(Clone, Copy)]
enum Ending {
    /// Its seat went to a newer connection.
    Evicted,
    /// The daemon drains.
    Draining,
}

struct Door<'a> {
    gate: &'a Gate,
    doorway: &'a Doorway,
    seat: &'a Seat,
    entry: &'a Entry,
    peer: Peer,
}

impl<'a> Door<'a> {
    #[allow(clippy::manual_async_fn)]
    fn knock<F: Front + 'a>(self, mut client: Stream, mut front: F) -> impl Future<Output = Option<Box<Through>>> + 'a {
        async move {
            let mut deadline = client.opened() + CLIENT_WAIT;
            let mut failures = 0;
            loop {
                let want = tokio::select! {
                    want = drive(&mut client, &mut front, deadline) => want,
                    ending = self.must_end() => {
                        self.show_out(&mut client, ending).await;
                        return None;
                    }
                };
                let knocked = Instant::now();
                let signed_on_by = knocked + self.gate.sign_on;
                if let Ok(Want::Event(Knock::Login(_) | Knock::Unnamed)) = &want {
                    self.entry.set_stage(Stage::Authenticating);
                }
                let asked = match &want {
                    Ok(Want::Event(Knock::Login(claim))) => Some((claim.login.clone(), claim.mechanism)),
                    _ => None,
                };
                let admission = match want {
                    Err(broken) => {
                        self.lost(&mut client, &broken).await;
                        return None;
                    }
                    Ok(Want::StartTls) => {
                        client = Box::pin(self.upgrade(client, deadline)).await?;
                        front.secured();
                        continue;
                    }
                    Ok(Want::Event(Knock::Bye)) => {
                        // Where a login is offered behind STARTTLS alone, this one saw none.
                        if self.doorway.protection(&client) == Protection::Required {
                            self.trouble(CLIENT_WITHOUT_STARTTLS);
                        }
                        linger(&mut client).await;
                        return None;
                    }
                    Ok(Want::Event(Knock::Unnamed)) => self
                        .gate
                        .register
                        .by_address(self.peer.address.ip())
                        .ok_or_else(|| AUTHENTICATION_REQUIRED.fault()),
                    Ok(Want::Event(Knock::Login(claim))) => tokio::select! {
                        admission = Box::pin(self.check(&claim, signed_on_by)) => admission,
                        () = left(&mut client, ahead(&mut front)) => return None,
                        ending = self.must_end() => {
                            self.show_out(&mut client, ending).await;
                            return None;
                        }
                    },
                };
                let signed_on = match admission {
                    Ok(admitted) => Box::pin(self.sign_on(&mut client, &mut front, admitted, knocked)).await?,
                    Err(fault) => Err((None, fault)),
                };
                match signed_on {
                    Ok((admitted, beyond)) => {
                        self.note(asked.as_ref(), Answer::Id("accepted"));
                        let contact = self.contact(&client, asked.map(|(_, mechanism)| mechanism));
                        self.gate.meter.clients.came(&who(&admitted), contact);
                        return Box::pin(self.welcome(client, front, admitted, beyond, knocked)).await;
                    }
                    Err((admitted, fault)) => {
                        self.note(asked.as_ref(), Answer::Id(fault.id));
                        let whose = || self.gate.register.whose(&asked.as_ref()?.0);
                        let whose = admitted.or_else(whose);
                        self.refused(whose.as_ref(), &fault, knocked);
                        self.turned_away(&client, whose, asked, &fault);
                        front.refuse(&fault);
                        failures += 1;
                        // Our own work was nothing that the client took its time for.
                        deadline += knocked.elapsed();
                    }
                }
                if failures >= GUESSES_PER_CONNECTION {
                    let _ = flush(&mut client, &mut front).await;
                    self.farewell(&mut client).await;
                    return None;
                }
            }
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
            Ending::Draining => self.farewell(client).await,
            Ending::Evicted => {
                debug!(session = self.entry.id(), peer = %self.peer.address, "made room for another connection");
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
    ) -> Option<Result<(Admitted, Beyond), (Option<Admitted>, Fault)>> {
        // The password was right: whatever the upstream takes its time for, this session is nobody's to evict.
        self.seat.authenticated();
        self.entry.set_account(&admitted.account.address);
        if admitted.account.domain.is_some() {
            self.gate.meter.used_mailboxes.note(&admitted.account.address);
        }
        let beyond = tokio::select! {
            beyond = self.beyond(&admitted, knocked + self.gate.sign_on) => beyond,
            () = left(client, ahead(front)) => {
                self.gate.meter.login(self.doorway.protocol, Outcome::Lost, knocked.elapsed());
                self.gave_up(&admitted);
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

    /// The client waited for us. Where that was for a connection, the status says so as well: no deadline of ours may ever
    /// come for a client that has less patience.
    fn gave_up(&self, admitted: &Admitted) {
        let (protocol, stage, account) = (self.doorway.protocol, self.entry.stage(), &admitted.account);
        let occasion = Occasion { protocol: Some(protocol), stage: Some(stage), ..Occasion::default() };
        let known = account.known(&occasion);
        let proxy = known.proxy.map(|via| via.url).unwrap_or_default();
        let server = format!("{}:{}", known.host.unwrap_or_default(), known.port.unwrap_or_default());
        info!(
            session = self.entry.id(), %protocol, account = account.address, %stage, server, proxy,
            "client left before it was signed on"
        );
        if stage == Stage::Connecting {
            self.gate.meter.fault(protocol, &account.address, &CLIENT_LEFT_WAITING.fault().at(stage));
        }
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
            Destination::Upstream => match outbound.connect(account, admitted.client_name(), deadline, stage).await {
                Err(fault) if outbound.goes_by_graph(account, &fault) => {
                    outbound.reach_graph(account, deadline, stage).await?;
                    Ok(spooled(Destination::Graph))
                }
                connected => connected.map(Beyond::Relayed),
            },
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
            self.lost(&mut client, &broken).await;
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
            self.gate.meter.recent.worked(protocol, &admitted.account.address, Proof::SignOn);
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
                info!(session = self.entry.id(), peer = %self.peer.address, %error, "TLS handshake failed");
                trouble_of_tls(&error).into_iter().for_each(|entry| self.trouble(entry));
                None
            }
        }
    }

    /// How it logged in, without who and with what.
    fn note(&self, asked: Option<&(String, &'static str)>, answer: Answer) {
        let verb = asked.map_or("none", |(_, mechanism)| mechanism);
        self.gate.meter.verbs.note(self.entry.id(), self.doorway.protocol, self.entry.stage(), verb, answer);
    }

    /// Of a client that did not get as far as a login.
    fn trouble(&self, entry: &catalog::Entry) {
        self.gate.meter.fault(self.doorway.protocol, "", &entry.fault().at(self.entry.stage()));
    }

    /// `whose` login it was, right or wrong.
    fn refused(&self, whose: Option<&Admitted>, fault: &Fault, knocked: Instant) {
        let protocol = self.doorway.protocol;
        // A wrong password of a client rule is none of the account.
        let is_of_account = |one: &&Admitted| one.client.is_none() || fault.kind != Kind::BadCredentials;
        let account = whose.filter(is_of_account).map(|one| &*one.account);
        let fault = fault.clone().at(self.entry.stage());
        let sign_in = account.and_then(|account| self.gate.outbound.keepers.state(&account.sign_in));
        let occasion =
            Occasion { protocol: Some(protocol), stage: fault.stage, sign_in: sign_in.as_ref(), ..Occasion::default() };
        let next = told(fault.id, Lang::En, account, &occasion).map(|words| words.next).unwrap_or_default();
        let account = account.map_or("", |account| account.address.as_str());
        let outcome = if fault.kind.passes_by_itself() { Outcome::RefusedForNow } else { Outcome::Refused };
        self.gate.meter.login(protocol, outcome, knocked.elapsed());
        self.gate.meter.fault(protocol, account, &fault);
        let (session, owner) = (self.entry.id(), fault.owner.as_str());
        warn!(session, %protocol, peer = %self.peer.address, account, owner, next, "refused: {fault}");
    }

    /// Notes a refusal at the client whose login it was, so that it is seen who cannot get in.
    fn turned_away(
        &self,
        client: &Stream,
        whose: Option<Admitted>,
        asked: Option<(String, &'static str)>,
        fault: &Fault,
    ) {
        let Some(whose) = whose else { return };
        let mechanism = asked.as_ref().map(|(_, mechanism)| *mechanism);
        let reply = printable(&fault.reply_text(), REFUSAL_CAP);
        self.gate.meter.clients.was_turned_away(&who(&whose), reply, self.contact(client, mechanism));
    }

    fn contact(&self, client: &Stream, mechanism: Option<&'static str>) -> Contact {
        let peer = self.peer.address.ip().to_canonical();
        Contact { protocol: self.doorway.protocol.as_str(), peer, tls: client.tls_version(), mechanism }
    }

    /// The client is gone, silent or makes no sense.
    async fn lost(&self, client: &mut Stream, broken: &Broken) {
        let (session, stage) = (self.entry.id(), self.entry.stage());
        match broken {
            Broken::Closed => debug!(session, peer = %self.peer.address, %stage, "client left"),
            broken => {
                info!(session, peer = %self.peer.address, protocol = %self.doorway.protocol, %stage, "client dropped: {broken}");
                if let Broken::Violation(violation) = broken {
                    trouble_of(violation).into_iter().for_each(|entry| self.trouble(entry));
                }
            }
        }
        match broken {
            Broken::Violation(Violation { farewell: Some(words), .. }) => {
                let _ = write(client, words).await;
                linger(client).await;
            }
            Broken::TimedOut => self.farewell(client).await,
            _ => {}
        }
    }

    /// Last words to a client that is not signed on.
    async fn farewell(&self, client: &mut Stream) {
        let _ = write(client, parting::closing(self.doorway.protocol).as_bytes()).await;
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
