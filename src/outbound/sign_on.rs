//! Token, dial, TLS, sign-on: what happens between a right local password and the client's success.
//!
//! At most two connections: where the upstream blames the token, it is fetched anew once and tried on a fresh
//! connection. Nothing is held open upstream while a token is fetched, and all of it ends at one deadline.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::{Outbound, Seen};
use crate::{
    account::Account,
    base::{Bearer, Fault, Kind, Protocol, Secret, Stage, StageCell, redacted},
    catalog::{
        own::{
            TOKEN_TIMEOUT, UPSTREAM_NAME_UNKNOWN, UPSTREAM_TIMEOUT, UPSTREAM_TLS_FAILED, UPSTREAM_TLS_UNTRUSTED,
            UPSTREAM_UNREACHABLE,
        },
        sign_on::MAILBOX_NOT_CONNECTED,
        token::FRESH_TOKEN_REFUSED,
        upstream::{Refusal, sign_on_refusal},
    },
    meter::Meter,
    net::{self, Broken, ClientTls, DialError, DialLayer, Proxy, Stream, Upstream, UpstreamTls, Want, drive},
    wire::{Back, SignOn, imap::ImapBack, pop3::Pop3Back, sasl::Credentials, smtp::SmtpBack},
};

/// A signed-on upstream connection.
pub struct SignedOn {
    pub stream: Stream,
    /// What the upstream sent behind its OK.
    pub unread: BytesMut,
    pub capabilities: Vec<String>,
    /// Lines of the upstream that follow our own OK.
    pub untagged: Bytes,
}

/// How one attempt ended short of success.
pub enum Failed {
    /// The way to the server, or what it says, is none.
    Fault(Fault),
    /// The server said no.
    Refused(Refusal),
}

impl Failed {
    pub fn into_fault(self) -> Fault {
        match self {
            Failed::Fault(fault) => fault,
            Failed::Refused(refusal) => refusal.fault,
        }
    }
}

impl Outbound {
    /// Signs on as `account` for `protocol`. Cancel safe: dropping it closes what was dialled.
    pub async fn sign_on(
        &self,
        account: &Account,
        protocol: Protocol,
        deadline: Instant,
        stage: &StageCell,
    ) -> Result<SignedOn, Fault> {
        let result = Attempts { outbound: self, account, protocol, deadline, stage }.run().await;
        result.map_err(|fault| self.by_whom(account, fault).at(stage.now()))
    }

    /// What the mail server says to a token of somebody else is about nothing but that.
    fn by_whom(&self, account: &Account, fault: Fault) -> Fault {
        let may_be = [FRESH_TOKEN_REFUSED.id, MAILBOX_NOT_CONNECTED.id].contains(&fault.id);
        let Some(mut other) = self.keepers.somebody_else(&account.sign_in).filter(|_| may_be) else { return fault };
        let detail = format!("{}; {}", other.detail, fault.detail);
        other.stage = fault.stage;
        other.detail(detail)
    }

    fn road(&self) -> Road<'_> {
        Road {
            tls: &self.tls,
            mail_proxy: self.mail_proxy.as_ref(),
            seen: &self.seen,
            meter: &self.meter,
            host: &self.host,
        }
    }
}

/// What it takes to get to a server with a token at hand.
#[derive(Clone, Copy)]
pub struct Road<'a> {
    pub tls: &'a ClientTls,
    pub mail_proxy: Option<&'a Proxy>,
    pub seen: &'a Seen,
    pub meter: &'a Meter,
    /// The name that we greet upstreams with.
    pub host: &'a str,
}

/// One sign-on, with a second token where the first is blamed.
struct Attempts<'a> {
    outbound: &'a Outbound,
    account: &'a Account,
    protocol: Protocol,
    deadline: Instant,
    stage: &'a StageCell,
}

impl Attempts<'_> {
    async fn run(&self) -> Result<SignedOn, Fault> {
        let Self { outbound, account, protocol, deadline, stage } = *self;
        stage.set(Stage::FetchingToken);
        let first = within(deadline, outbound.keepers.bearer(&account.sign_in)).await?;
        let signed_in_at = outbound.keepers.signed_in_at(&account.sign_in);
        stage.set(Stage::SigningOn);
        if let Some(recalled) = outbound.refusals.recall(&account.address, protocol, signed_in_at) {
            return Err(recalled.fault);
        }
        match self.with(&first, signed_in_at).await {
            // Where it asks for a pause a second attempt would only lengthen that.
            Err(Failed::Refused(refusal)) if refusal.blames_token && refusal.retry_after.is_none() => {}
            ended => return ended.map_err(Failed::into_fault),
        }
        stage.set(Stage::FetchingToken);
        let second = within(deadline, outbound.keepers.refused(&account.sign_in, first.generation)).await;
        // Of a fresh token the mail server has said it.
        let by_server = |fault: &Fault| fault.id == FRESH_TOKEN_REFUSED.id;
        let told = |fault: Fault| if by_server(&fault) { fault.at(Stage::SigningOn) } else { fault };
        let second = second.map_err(told).map_err(|fault| match fault.kind {
            Kind::IdentityRefused => self.note(signed_in_at, &fault.at(Stage::FetchingToken), None),
            _ => fault,
        })?;
        match self.with(&second, signed_in_at).await {
            Err(Failed::Refused(refusal)) if refusal.blames_token => {
                // Even a fresh token: it is not the token's fault, and asking again soon would only hammer.
                let fault = FRESH_TOKEN_REFUSED.fault().detail(&refusal.fault.detail);
                Err(self.note(signed_in_at, &fault, refusal.retry_after))
            }
            ended => ended.map_err(Failed::into_fault),
        }
    }

    /// One attempt. A pause that the upstream asks for is remembered.
    async fn with(&self, bearer: &Bearer, signed_in_at: Option<Timestamp>) -> Result<SignedOn, Failed> {
        let Self { outbound, account, protocol, deadline, stage } = *self;
        let ended = outbound.road().sign_on(account, protocol, bearer, deadline, stage).await;
        match &ended {
            Ok(_) => {
                outbound.keepers.accepted(&account.sign_in, bearer.generation);
                if account.is_of_its_signer(protocol) {
                    outbound.keepers.let_in(&account.sign_in, bearer.generation);
                }
            }
            Err(Failed::Refused(Refusal { fault, retry_after: Some(asked), .. })) => {
                self.note(signed_in_at, fault, Some(*asked));
            }
            Err(_) => {}
        }
        ended
    }

    fn note(&self, signed_in_at: Option<Timestamp>, fault: &Fault, asked: Option<Duration>) -> Fault {
        let fault = self.outbound.by_whom(self.account, fault.clone());
        self.outbound.refusals.note(&self.account.address, self.protocol, signed_in_at, &fault, asked)
    }
}

async fn within(deadline: Instant, token: impl Future<Output = Result<Bearer, Fault>>) -> Result<Bearer, Fault> {
    timeout_at(deadline, token).await.unwrap_or_else(|_| Err(TOKEN_TIMEOUT.fault()))
}

impl Road<'_> {
    /// One attempt with this token, and no second one. Cancel safe: dropping it closes what was dialled.
    pub async fn sign_on(
        &self,
        account: &Account,
        protocol: Protocol,
        bearer: &Bearer,
        deadline: Instant,
        stage: &StageCell,
    ) -> Result<SignedOn, Failed> {
        let app = &account.sign_in.app;
        let (upstream, user) = match protocol {
            Protocol::Smtp => (&app.smtp, &account.smtp_user),
            Protocol::Imap => (&app.imap, &account.imap_user),
            Protocol::Pop3 => (&app.pop3, &account.imap_user),
        };
        stage.set(Stage::Connecting);
        let dialled = Instant::now();
        let stream = net::dial(upstream, self.mail_proxy, self.tls, deadline).await;
        let stream = stream.map_err(|error| Failed::Fault(unreachable(&error)))?;
        stage.set(Stage::SigningOn);
        let token = &bearer.token;
        let credentials = Credentials {
            mechanism: app.sasl,
            user: user.clone(),
            token: token.clone(),
            host: upstream.host.clone(),
            port: upstream.port,
        };
        let starttls = upstream.tls == UpstreamTls::StartTls;
        let talk = Talk { road: *self, upstream, protocol, token, deadline, dialled };
        match protocol {
            Protocol::Smtp => talk.run(stream, SmtpBack::new(credentials, starttls, self.host)).await,
            Protocol::Imap => {
                let known = self.seen.known(account);
                talk.run(stream, ImapBack::new(credentials, starttls, known)).await
            }
            Protocol::Pop3 => talk.run(stream, Pop3Back::new(credentials, starttls)).await,
        }
    }
}

/// One conversation with a dialled upstream.
struct Talk<'a> {
    road: Road<'a>,
    upstream: &'a Upstream,
    protocol: Protocol,
    token: &'a Secret,
    deadline: Instant,
    dialled: Instant,
}

impl Talk<'_> {
    async fn run(&self, mut stream: Stream, mut back: impl Back) -> Result<SignedOn, Failed> {
        let ended = loop {
            match drive(&mut stream, &mut back, self.deadline).await {
                Ok(Want::StartTls) => {
                    let peer = stream.peer();
                    let upgrade = stream.upgrade_client(self.road.tls, &self.upstream.host, self.deadline).await;
                    stream = upgrade.map_err(|fault| {
                        let proxy = self.road.mail_proxy;
                        Failed::Fault(unreachable(&DialError::from_tls(self.upstream, proxy, peer, &fault)))
                    })?;
                }
                Ok(Want::Event(ended)) => break ended,
                Err(Broken::Closed) => match back.closed() {
                    Some(ended) => break ended,
                    None => return Err(Failed::Fault(self.broken(&Broken::Closed))),
                },
                Err(broken) => return Err(Failed::Fault(self.broken(&broken))),
            }
        };
        match ended {
            SignOn::Done { capabilities, initial_response, untagged } => {
                self.road.seen.note(self.protocol, self.upstream, &capabilities, initial_response);
                self.road.meter.signed_on(self.protocol, self.dialled.elapsed());
                Ok(SignedOn { stream, unread: back.into_unread(), capabilities, untagged })
            }
            SignOn::Refused { text, challenge, early } => {
                // Whoever did not understand our line may quote it.
                let text = redacted(&text, &[self.token]);
                Err(Failed::Refused(sign_on_refusal(self.protocol, &text, challenge.as_deref(), early)))
            }
        }
    }

    fn broken(&self, broken: &Broken) -> Fault {
        let Upstream { host, port, .. } = self.upstream;
        broken.of_upstream().fault().detail(format!("{host}:{port}: {broken}"))
    }
}

/// Of one that hangs at this stage for so long, for those who waited behind it.
pub(super) fn silent(upstream: &Upstream, stage: Stage, since: Duration) -> Fault {
    let entry = match stage {
        Stage::FetchingToken => TOKEN_TIMEOUT,
        Stage::SigningOn => UPSTREAM_TIMEOUT,
        _ => UPSTREAM_UNREACHABLE,
    };
    let Upstream { host, port, .. } = upstream;
    let detail = format!("{host}:{port}: no answer for {} s to a sign-on before this one", since.as_secs());
    entry.fault().detail(detail).at(stage)
}

fn unreachable(error: &DialError) -> Fault {
    let entry = match error.layer {
        DialLayer::Proxy(trouble) => trouble.entry(),
        DialLayer::Resolve => UPSTREAM_NAME_UNKNOWN,
        DialLayer::Certificate => UPSTREAM_TLS_UNTRUSTED,
        DialLayer::Tls => UPSTREAM_TLS_FAILED,
        DialLayer::Silent => UPSTREAM_TIMEOUT,
        DialLayer::Connect | DialLayer::Timeout => UPSTREAM_UNREACHABLE,
    };
    entry.fault().detail(error.to_string())
}
