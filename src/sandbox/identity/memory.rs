//! What the identity provider has given out and must recognise: codes, refresh tokens, device codes, open pages.
//!
//! Bounded: each shelf drops its oldest entry when it is full.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

const SHELF: usize = 50_000;

#[derive(Default)]
pub struct Memory {
    pub codes: Shelf<Code>,
    pub refresh: Shelf<Refresh>,
    pub devices: Shelf<Device>,
    pub pages: Shelf<Page>,
    /// Identifiers of client assertions already used.
    pub assertions: Shelf<()>,
    /// Apps to which an administrator consented for everybody.
    pub consented: HashSet<String>,
}

/// Entries by name, the oldest forgotten first.
pub struct Shelf<T> {
    entries: HashMap<String, T>,
    order: VecDeque<String>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Shelf<T> {
    /// `false` where the name was taken already.
    pub fn put(&mut self, name: String, entry: T) -> bool {
        if self.order.len() >= SHELF
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        let fresh = self.entries.insert(name.clone(), entry).is_none();
        if fresh {
            self.order.push_back(name);
        }
        fresh
    }

    pub fn entry(&mut self, name: &str) -> Option<&mut T> {
        self.entries.get_mut(name)
    }

    pub fn take(&mut self, name: &str) -> Option<T> {
        self.order.retain(|known| known != name);
        self.entries.remove(name)
    }

    pub fn all(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.values_mut()
    }
}

/// What an application asked for at the authorize endpoint.
#[derive(Clone, Debug)]
pub struct Request {
    pub client_id: String,
    pub redirect_uri: String,
    pub scopes: Vec<String>,
    pub state: Option<String>,
    /// PKCE S256.
    pub challenge: Option<String>,
    pub login_hint: Option<String>,
    pub form_post: bool,
}

#[derive(Clone, Debug)]
pub struct Code {
    pub request: Request,
    pub user: String,
    pub expires: Instant,
    pub used: bool,
}

#[derive(Clone, Debug)]
pub struct Refresh {
    pub client_id: String,
    pub user: String,
    pub scopes: Vec<String>,
    /// All refresh tokens that descend from one sign-in.
    pub family: String,
    pub used: bool,
    pub revoked: bool,
}

#[derive(Clone, Debug)]
pub struct Device {
    pub user_code: String,
    pub client_id: String,
    pub scopes: Vec<String>,
    pub verdict: Verdict,
    pub expires: Instant,
    pub last_poll: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Waiting,
    Approved(String),
    Declined,
    /// The tokens are out.
    Redeemed,
}

/// A person in front of our pages.
#[derive(Clone, Debug)]
pub struct Page {
    pub purpose: Purpose,
    /// Known after the password.
    pub user: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Purpose {
    Code(Request),
    Device { user_code: String, client_id: String, scopes: Vec<String> },
}

/// As entra-docs give them.
pub const CODE_LIFE: Duration = Duration::from_secs(600);
pub const DEVICE_LIFE: Duration = Duration::from_secs(900);
