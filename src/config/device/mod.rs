//! Presets for devices and programs that send mail: which `[[client]]` fits a family, and what to type into it.
//!
//! The families are data in `table`; a block for the configuration is made in `block`, a sheet to carry to the device
//! in `sheet`. The names of menus and fields are those of the vendors; where a manual was looked at, `seen` says of
//! which model. Nothing here talks to a device.

mod block;
mod sheet;
mod table;

pub use block::{Beside, Wish, block, mistakes};
pub use sheet::{list, sheet};
pub use table::DEVICES;

use super::shape;
use crate::base::Lang;

/// A family of devices, or a program.
#[derive(Debug)]
pub struct Device {
    /// What `--preset` takes.
    pub name: &'static str,
    /// Other words for it.
    pub also: &'static [&'static str],
    pub title: Words,
    /// The page in docs/devices, without `.md`.
    pub guide: &'static str,
    /// The way to the fields.
    pub menu: &'static str,
    pub fields: &'static [(&'static str, Entry)],
    /// Models or versions in whose manual names of menu and fields were found. `None`: they are the usual ones.
    pub seen: Option<&'static str>,
    pub place: Place,
    /// Whether it logs in where nothing else is said.
    pub logs_in: bool,
    pub sender: Sender,
    /// Who sends again what was deferred.
    pub retries: Retries,
    pub notes: &'static [Words],
}

/// What belongs into a field.
#[derive(Debug, Clone, Copy)]
pub enum Entry {
    Server,
    Port,
    /// The choices with TLS and without.
    Encryption(&'static str, &'static str),
    /// The choices with a login and without.
    Authentication(&'static str, &'static str),
    User,
    Password,
    Sender,
    /// Always this.
    Fixed(&'static str),
}

/// Where it stands and which TLS it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the LAN. Many models know TLS 1.0 or 1.1 at most, or none, which rustls does not serve.
    OldTls,
    /// In the LAN, with TLS 1.2 or later by STARTTLS.
    NewTls,
    /// In the LAN, with TLS 1.2 or later: by STARTTLS or from the first byte, which its settings do not tell apart.
    EitherTls,
    /// On the machine of Gatepost itself, without TLS.
    ThisMachine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Keep,
    /// People or programs put senders of their own in, which Exchange would refuse.
    Force,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retries {
    /// It has a queue of its own.
    Itself,
    /// It gives up at the first reply that is no 2xx.
    Never,
}

/// A text in each language.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    pub en: &'static str,
    pub ja: &'static str,
}

impl Words {
    pub const fn get(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Ja => self.ja,
        }
    }
}

/// Where a device connects, by whether it logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    pub port: u16,
    /// As the configuration spells it.
    pub tls: &'static str,
    /// Whether there is such a listener without a `[[listener]]`.
    pub is_default: bool,
}

impl Device {
    /// An old device gets no TLS at all where it needs no password: one that sees STARTTLS tries it, and fails. Each
    /// kind of listener has a port of its own, so that blocks can stand side by side.
    pub const fn door(&self, logs_in: bool) -> Door {
        match (self.place, logs_in) {
            (Place::OldTls, false) => Door { port: 2526, tls: "off", is_default: false },
            (Place::OldTls, true) | (Place::EitherTls, _) => Door { port: 2525, tls: "auto", is_default: false },
            (Place::NewTls, _) => Door { port: 1587, tls: "starttls", is_default: false },
            (Place::ThisMachine, _) => Door { port: 1587, tls: "off", is_default: true },
        }
    }
}

/// The preset of this name, in any case; else what was perhaps meant.
pub fn find(name: &str) -> Result<&'static Device, Option<&'static str>> {
    let wanted = name.to_lowercase().replace([' ', '_'], "-");
    let found = DEVICES.iter().find(|device| device.name == wanted || device.also.contains(&wanted.as_str()));
    found.ok_or_else(|| {
        let words = DEVICES.iter().flat_map(|device| std::iter::once(device.name).chain(device.also.iter().copied()));
        shape::nearest(&wanted, words)
    })
}
