//! A Microsoft 365 on this machine: an identity provider that behaves like Entra ID, an Exchange Online that
//! speaks its real banners, capabilities and replies over SMTP, IMAP and POP3, and a Graph that sends mail.
//!
//! `gatepost demo` shows Gatepost against it, administrators rehearse failures with it ([`Faults`], [`PRESETS`]),
//! and it is the upstream of the tests. It imports `base` and nothing else of the house, so that the relay is tested
//! against an independent reading of the protocols. It refuses to send anything anywhere, and keeps nothing.
//!
//! ```no_run
//! # async fn demo() -> std::io::Result<()> {
//! use gatepost::sandbox::{Options, Sandbox};
//! let sandbox = Sandbox::start(Options::default()).await?;
//! sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
//! println!("SMTP at {}, identity provider at {}", sandbox.smtp(), sandbox.issuer());
//! sandbox.shutdown().await;
//! # Ok(()) }
//! ```

mod exchange;
mod faults;
mod graph;
mod identity;
mod options;
mod pki;
mod presets;
mod tally;
mod tenant;
#[cfg(test)]
mod tests;
mod transcript;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::base::{Protocol, Secret};

pub use exchange::{
    Submission,
    faults::{ExchangeFaults, Granted, Right},
    mailbox::{Flags, INBOX, Mailbox, Message, Refusal, SENT},
};
pub use faults::{
    AfterDot, Answer, CertificateKind, ExpiresIn, Faults, IdentityFaults, ImapFaults, LimitPoint, LineFaults, Mishap,
    MishapKind, Pop3Faults, Rotation, SmtpFaults, StartTls, Switchboard,
};
pub use graph::faults::{GraphFaults, GraphMishap};
pub use options::{
    CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, DOMAIN, Federation, MadeSecret, Options, PASSWORD, PUBLIC_CLIENT, Person,
    Ports, Registration,
};
pub use presets::{BASIC_DISABLED, CRITERIA, DISABLED_MAILBOX, DISABLED_TENANT, PRESETS, Preset, SECURITY_DEFAULTS};
pub use tally::{Counts, Load};
pub use tenant::{TENANT_ID, object_id};
pub use transcript::{Line, Speaker, Transcript};

/// A running sandbox. Dropping it ends it.
pub struct Sandbox {
    addresses: Addresses,
    world: Arc<exchange::World>,
    identity: Arc<identity::Identity>,
    graph: Arc<graph::Graph>,
    /// Ends everything, also when the sandbox is only dropped.
    _end: tokio_util::sync::DropGuard,
}

#[derive(Clone, Copy, Debug)]
struct Addresses {
    smtp: SocketAddr,
    imap: SocketAddr,
    pop3: SocketAddr,
    http: SocketAddr,
}

impl Sandbox {
    /// Binds all four ports and serves them.
    pub async fn start(options: Options) -> io::Result<Sandbox> {
        let ports = options.ports;
        let smtp = bind(options.bind, ports.map(|ports| ports.smtp)).await?;
        let imap = bind(options.bind, ports.map(|ports| ports.imap)).await?;
        let pop3 = bind(options.bind, ports.map(|ports| ports.pop3)).await?;
        let http = bind(options.bind, ports.map(|ports| ports.http)).await?;
        let addresses = Addresses {
            smtp: smtp.local_addr()?,
            imap: imap.local_addr()?,
            pop3: pop3.local_addr()?,
            http: http.local_addr()?,
        };
        let stop = CancellationToken::new();
        let faults = Switchboard::new(options.faults.clone());
        let tenant = Arc::new(tenant::Tenant::new(&options, faults.clone()));
        let pki = pki::Pki::new(options.bind)?;
        let transcript = Arc::default();
        let tally = Arc::default();
        let world = exchange::World::new(tenant, faults, transcript, tally, pki, stop.clone());
        let world = Arc::new(world);
        for (protocol, listener) in [(Protocol::Smtp, smtp), (Protocol::Imap, imap), (Protocol::Pop3, pop3)] {
            world.tasks.spawn(exchange::serve(world.clone(), protocol, listener));
        }
        let identity = Arc::new(identity::Identity::new(&options, addresses.http, world.clone()));
        let graph = Arc::new(graph::Graph::new(world.clone(), format!("http://{}", addresses.http)));
        world.tasks.spawn(identity::serve(identity.clone(), graph::routes(graph.clone()), http));
        Ok(Sandbox { addresses, world, identity, graph, _end: stop.drop_guard() })
    }

    /// SMTP submission, STARTTLS.
    pub fn smtp(&self) -> SocketAddr {
        self.addresses.smtp
    }

    /// IMAP, TLS from the first byte.
    pub fn imap(&self) -> SocketAddr {
        self.addresses.imap
    }

    /// POP3, TLS from the first byte.
    pub fn pop3(&self) -> SocketAddr {
        self.addresses.pop3
    }

    /// The identity provider's port.
    pub fn http(&self) -> SocketAddr {
        self.addresses.http
    }

    /// Where the identity provider's URLs begin, for example `http://127.0.0.1:40001`.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.addresses.http)
    }

    pub fn authorize_url(&self) -> String {
        format!("{}/{DOMAIN}/oauth2/v2.0/authorize", self.issuer())
    }

    pub fn token_url(&self) -> String {
        format!("{}/{DOMAIN}/oauth2/v2.0/token", self.issuer())
    }

    pub fn device_url(&self) -> String {
        format!("{}/{DOMAIN}/oauth2/v2.0/devicecode", self.issuer())
    }

    /// Microsoft Graph, at the port of the identity provider.
    pub fn graph_url(&self) -> String {
        format!("{}/v1.0", self.issuer())
    }

    /// Drafts at Graph that were neither sent nor thrown away.
    pub fn drafts_left(&self) -> usize {
        self.graph.drafts_left()
    }

    /// The authority that signed the mail servers' certificate; what a client has to trust.
    pub fn ca_pem(&self) -> &str {
        self.world.pki.ca_pem()
    }

    pub fn faults(&self) -> &Switchboard {
        &self.world.faults
    }

    pub fn transcript(&self) -> &Transcript {
        &self.world.transcript
    }

    pub fn counts(&self) -> Counts {
        self.world.tally.counts()
    }

    /// A mailbox to look into, or to put mail into as if it had come from outside.
    pub fn mailbox(&self, address: &str) -> Option<Arc<Mailbox>> {
        self.world.mailbox(address)
    }

    /// Every message that SMTP or Graph accepted, in order.
    pub fn submissions(&self) -> Vec<Submission> {
        self.world.submissions()
    }

    /// An access token for all mail protocols, as a sign-in of this user would bring.
    pub fn issue_token(&self, user: &str, life: Duration) -> Secret {
        self.identity.issue(user, life)
    }

    /// A refresh token of the public client, as a sign-in of this user would bring.
    pub fn issue_refresh_token(&self, user: &str) -> Secret {
        self.identity.issue_refresh(user)
    }

    /// Makes access tokens of this user (or client id) bad; `refresh_too` also ends the sign-in (AADSTS50173).
    pub fn revoke(&self, user: &str, refresh_too: bool) {
        self.world.tenant.revoke(user);
        if refresh_too {
            self.identity.revoke(user);
        }
    }

    /// From now on the pages ask who signs in, whatever it began with (`Options::auto_approve`).
    pub fn ask_people(&self) {
        self.identity.ask_people();
    }

    /// Approves a device code as this user would on the verification page; `false` where no such code waits.
    pub fn approve_device(&self, user_code: &str, user: &str) -> bool {
        self.identity.approve_device(user_code, user)
    }

    /// Declines a device code.
    pub fn decline_device(&self, user_code: &str) -> bool {
        self.identity.decline_device(user_code)
    }

    /// The same, consented to these scopes of whatever resources.
    pub fn issue_refresh_token_for(&self, user: &str, scopes: &[&str]) -> Secret {
        self.identity.issue_refresh_for(user, scopes)
    }

    /// An access token for these scopes, which are of one resource.
    pub fn issue_token_for(&self, user: &str, scopes: &[&str], life: Duration) -> Secret {
        self.identity.issue_for(user, scopes, life)
    }

    /// Adds or replaces an app registration.
    pub fn register(&self, app: Registration) {
        self.world.tenant.register(app);
    }

    /// Ends every connection and waits until all is gone.
    pub async fn shutdown(self) {
        self.world.stop.cancel();
        self.world.tasks.close();
        self.world.tasks.wait().await;
    }
}

async fn bind(address: IpAddr, port: Option<u16>) -> io::Result<TcpListener> {
    let address = SocketAddr::new(address, port.unwrap_or(0));
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("the sandbox could not listen on {address}: {error}")))
}
