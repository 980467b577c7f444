//! `gatepost send`: a test message the way a device sends one, through the running listener, every step shown.

mod dialogue;
mod message;
mod stream;
mod target;

use std::{net::SocketAddr, path::Path};

use serde_json::json;

pub(super) use self::stream::Stream;
use self::{
    dialogue::{Dialogue, Login},
    target::Target,
};
use super::{
    args::{SendArgs, SendTls},
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{
    base::Secret,
    net::{Bind, Listener, ListenerTls},
};

/// A listener, and how TLS begins there.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// host:port
    pub server: String,
    pub tls: SendTls,
}

pub fn run(named: Option<&Path>, args: &SendArgs) -> Outcome {
    check_addresses(std::iter::once(&args.from).chain(&args.to))?;
    let target = Target::of(named, args)?;
    let message = message::build(args)?;
    let login = login(args)?;
    let mut steps = Vec::new();
    let sent = send(&target, login.as_ref(), args, &message, &mut steps);
    if args.json {
        let failure = sent.as_ref().err();
        let text = json!({
            "ok": sent.is_ok(),
            "server": target.way.server,
            "bytes": message.len(),
            "steps": steps,
            "error": failure.map(Failure::text),
            "hint": failure.and_then(Failure::hint),
        });
        terminal::print(&format!("{text}\n")).map_err(|e| Failure::new(format!("stdout: {e}"), "write elsewhere"))?;
        return sent.map_err(|_| Failure::silent(1));
    }
    sent
}

/// As wrong usage, before anything is done.
pub(super) fn check_addresses<'a>(mut addresses: impl Iterator<Item = &'a String>) -> Outcome {
    let Some(wrong) = addresses.find(|address| !message::is_address(address)) else { return Ok(()) };
    let shown = crate::base::printable(wrong, 80);
    Err(Failure::usage(format!("\"{shown}\" is not a mail address"), "for example ann@contoso.com"))
}

fn send(target: &Target, login: Option<&Login>, args: &SendArgs, message: &[u8], steps: &mut Vec<String>) -> Outcome {
    let tls = target.way.tls;
    let stream = Stream::connect(&target.way.server)?;
    target.refuse_others()?;
    let stream = if tls == SendTls::Implicit { stream.secure()? } else { stream };
    let quiet = args.json;
    let mut show = |step: String| {
        if !quiet {
            // A reader that went away must not stop a message that is on its way.
            let _ = match step.starts_with("< ") {
                true => terminal::print(&format!("{step}\n")),
                false => terminal::say(&format!("{step}\n")),
            };
        }
        steps.push(step);
    };
    let mut dialogue = Dialogue::new(stream, target, &mut show);
    dialogue.greet()?;
    if tls == SendTls::Starttls {
        dialogue.start_tls()?;
    }
    if let Some(login) = login {
        dialogue.sign_in(login)?;
    }
    dialogue.deliver(&args.from, &args.to, message)?;
    dialogue.quit();
    Ok(())
}

/// Sends one message and shows nothing; the server's reply to it.
pub(super) fn one(way: &Way, args: &SendArgs, password: &Secret) -> Result<String, Failure> {
    let message = message::build(args)?;
    let login = Login { user: args.user.clone().unwrap_or_else(|| args.from.clone()), password: password.clone() };
    let mut steps = Vec::new();
    send(&Target::ours(way), Some(&login), args, &message, &mut steps)?;
    // The last thing that was heard before the goodbye.
    let before = steps.iter().rev().skip_while(|step| *step != "> QUIT");
    let reply = before.filter_map(|step| step.strip_prefix("< ")).next();
    Ok(reply.unwrap_or_default().to_owned())
}

fn login(args: &SendArgs) -> Result<Option<Login>, Failure> {
    if args.no_auth {
        return Ok(None);
    }
    let user = args.user.clone().unwrap_or_else(|| args.from.clone());
    const HINT: &str = "use --password-stdin, or set GATEPOST_PASSWORD, or --no-auth for a device without login";
    let unread = |e: std::io::Error| Failure::new(format!("the password could not be read: {e}"), HINT);
    let password = if args.password_stdin {
        terminal::stdin_line().map_err(unread)?
    } else if let Ok(password) = std::env::var("GATEPOST_PASSWORD") {
        Secret::new(password)
    } else {
        let asked = terminal::ask_unseen(&format!("Password of {user}: ")).map_err(unread)?;
        asked.ok_or_else(|| Failure::usage("there is no terminal to ask for the password", HINT))?
    };
    Ok(Some(Login { user, password }))
}

/// Where it can be reached, if it has an address of its own.
pub(super) fn place_of(listener: &Listener) -> Option<(SocketAddr, SendTls)> {
    let tls = match listener.tls {
        ListenerTls::Off => SendTls::Off,
        ListenerTls::StartTls | ListenerTls::StartTlsRequired | ListenerTls::Auto => SendTls::Starttls,
        ListenerTls::Implicit => SendTls::Implicit,
    };
    let address = listener.listen.iter().find_map(|bind| match bind {
        Bind::Address(address) if address.port() != 0 => Some(*address),
        _ => None,
    })?;
    Some((reachable(address), tls))
}

/// An address that one can connect to: 0.0.0.0 and :: stand for this machine.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true if address.is_ipv4() => (std::net::Ipv4Addr::LOCALHOST, address.port()).into(),
        true => (std::net::Ipv6Addr::LOCALHOST, address.port()).into(),
        false => address,
    }
}
