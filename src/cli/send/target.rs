//! Where a message goes: to the listener of the configuration, or to a server that was named.
//!
//! A password of this configuration is for its Gatepost. Where another program has the listener's port it gets neither that
//! nor the message: nothing is said before a daemon of this configuration runs and its greeting came.

use std::path::Path;

use super::{Way, place_of};
use crate::{
    account::account_of,
    base::{Protocol, printable},
    catalog::{Known, Place, doctor::PORT_TAKEN, is_harmless},
    cli::{
        args::{SendArgs, SendTls},
        config, elsewhere, language,
        outcome::Failure,
    },
    config::Config,
    store,
};

/// Of a greeting that is shown again.
const SHOWN: usize = 80;

#[derive(Debug)]
pub(super) struct Target {
    pub way: Way,
    /// Of the configuration, for which the login stands.
    pub account: Option<String>,
    /// The listener of the configuration; `None`: a server that somebody named.
    place: Option<Place>,
    /// No daemon of this configuration runs.
    is_vacant: bool,
}

impl Target {
    /// What was asked for, or the first SMTP listener of the configuration.
    pub fn of(named: Option<&Path>, args: &SendArgs) -> Result<Self, Failure> {
        if let Some(server) = &args.server {
            let way = Way { server: server.clone(), tls: args.tls.unwrap_or(SendTls::Off) };
            // It may be one of ours all the same, and its account is known then.
            let account = config::load_to_ask(named).ok().and_then(|(config, _)| account(&config, args));
            return Ok(Self { way, account, place: None, is_vacant: false });
        }
        let file = config::found(named)?;
        // While its file is refused the daemon runs on, and listens.
        let (config, _) = config::load_to_ask(Some(&file))?;
        let mut listeners = config.listeners.iter().filter(|listener| listener.protocol == Protocol::Smtp);
        let (address, tls) = listeners.find_map(place_of).ok_or_else(|| {
            Failure::new(
                "the configuration has no smtp listener with an address of its own",
                "name one with --server HOST:PORT",
            )
        })?;
        let way = Way { server: address.to_string(), tls: args.tls.unwrap_or(tls) };
        // A service has a store that this user does not see.
        let is_elsewhere = elsewhere::find(&config, &file).is_some();
        let is_vacant =
            !is_elsewhere && store::is_vacant(&config.store) && store::holder_before(&config.store, &file).is_none();
        Ok(Self { way, account: account(&config, args), place: Some(Place::of_listener(address)), is_vacant })
    }

    /// A listener of Gatepost that a daemon named, or that this process opened.
    pub fn ours(way: &Way) -> Self {
        let place = way.server.parse().ok().map(Place::of_listener);
        Self { way: way.clone(), account: None, place, is_vacant: false }
    }

    /// Something takes connections there: whether that can be no Gatepost of this configuration.
    pub fn refuse_others(&self) -> Result<(), Failure> {
        let displaced = || {
            self.taken(&format!("no daemon of this configuration runs, and something answers at {}", self.way.server))
        };
        if self.is_vacant { displaced().map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// What `greeted` in the place of Gatepost, unless anybody may.
    pub fn displaced(&self, greeted: &str) -> Option<Failure> {
        let greeted = printable(greeted, SHOWN);
        self.taken(&format!("something else than Gatepost answers at {}: \"{greeted}\"", self.way.server))
    }

    fn taken(&self, cause: &str) -> Option<Failure> {
        let lang = language::current();
        let words = PORT_TAKEN.told(lang, &Known { place: Some(self.place?), ..Known::default() });
        Some(Failure::told(PORT_TAKEN.said(cause), &words, lang))
    }
}

/// Whose mailbox this login, or this sender, is.
fn account(config: &Config, args: &SendArgs) -> Option<String> {
    let login = args.user.as_ref().unwrap_or(&args.from);
    let of_client = config
        .clients
        .iter()
        .find(|client| client.login.as_deref().is_some_and(|name| !args.no_auth && name.eq_ignore_ascii_case(login)));
    let account = of_client.map(|client| client.account.clone());
    let account = account.or_else(|| account_of(login, &config.accounts, &config.domains));
    // It stands in a command.
    account.map(|account| account.address.clone()).filter(|address| is_harmless(address))
}
