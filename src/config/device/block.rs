//! A preset as TOML, ready to paste: a `[[listener]]` where one is needed, and the `[[client]]`.

use super::{Device, Place, Retries, Sender};
use crate::config::{Problem, Severity, Surroundings, check_text};

/// What a person wants of a preset.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// What logs and pages will call the device.
    pub name: &'a str,
    /// Address of the account.
    pub account: &'a str,
    /// Addresses and blocks that it connects from.
    pub from: &'a [String],
    /// User name and argon2id hash.
    pub login: Option<(&'a str, &'a str)>,
}

/// Where a remark begins, as in the other files.
const REMARK_AT: usize = 49;

/// The block, with a remark at each key that a person may want to change.
pub fn block(device: &Device, wish: &Wish) -> String {
    let mut out = format!("\n# {}. What to type into it: docs/devices/{}.md\n", device.title.en, device.guide);
    listener(&mut out, device, wish);
    out.push_str("\n[[client]]\n");
    line(&mut out, &format!("name = {}", quoted(wish.name)), "what logs and pages call it");
    line(&mut out, &format!("account = {}", quoted(wish.account)), "the mailbox that sends, an [[account]]");
    credentials(&mut out, wish);
    treatment(&mut out, device, wish);
    out
}

fn listener(out: &mut String, device: &Device, wish: &Wish) {
    let door = device.door(wish.login.is_some());
    if door.is_default {
        let port = door.port;
        out.push_str(&format!(
            "# It connects to 127.0.0.1:{port}: the listener that is there without any [[listener]].\n"
        ));
        return;
    }
    out.push_str(
        "# Leave the listener out where one like it is there. Without any [[listener]] there are three of loopback;\n",
    );
    out.push_str("# with one, only what is written.\n\n[[listener]]\nprotocol = \"smtp\"\n");
    let address = match device.place {
        Place::OldTls => "better: this machine's address in the network of the devices",
        _ => "every address of this machine",
    };
    line(out, &format!("listen = [\"0.0.0.0:{}\"]", door.port), address);
    let tls = match door.tls {
        "off" => "many models know no newer TLS than 1.1: an address admits them",
        "auto" => "TLS from the first byte, STARTTLS or none, as the device likes",
        _ => "offered; \"starttls-required\" lets nobody log in without it",
    };
    line(out, &format!("tls = \"{}\"", door.tls), tls);
}

fn credentials(out: &mut String, wish: &Wish) {
    if !wish.from.is_empty() {
        let from: Vec<String> = wish.from.iter().map(|one| quoted(one)).collect();
        let alone = if wish.login.is_none() { "its own address: that alone admits it" } else { "only from there," };
        line(out, &format!("from = [{}]", from.join(", ")), alone);
    }
    if let Some((login, hash)) = wish.login {
        let only = if wish.from.is_empty() { "" } else { "and only with this login" };
        line(out, &format!("login = {}", quoted(login)), only);
        line(out, &format!("password = {}", quoted(hash)), "");
    }
}

fn treatment(out: &mut String, device: &Device, wish: &Wish) {
    match device.sender {
        Sender::Keep => line(out, "sender = \"keep\"", "it sends as the account, or as what send-as allows"),
        Sender::Force => line(out, "sender = \"force\"", "From becomes the account's, the old From goes to Reply-To"),
    }
    match device.retries {
        Retries::Never => {
            line(out, "repair = true", "a missing Date, Message-ID or From is added, and the like");
            line(out, "delivery = \"queue\"", "it never sends again by itself: Gatepost does");
        }
        Retries::Itself => {
            line(out, "repair = false", "a mail server writes whole messages");
            line(out, "delivery = \"direct\"", "it has a queue of its own and hears how each message fared");
        }
    }
    let domain = wish.account.rsplit_once('@').map_or("contoso.com", |(_, domain)| domain);
    line(
        out,
        &format!("# recipients = [{}]", quoted(&format!("*@{domain}"))),
        "whom it may write to; without it, anybody",
    );
    line(out, "# capture = true", "commissioning: messages stay on hold in the queue, nothing is sent");
}

fn line(out: &mut String, key: &str, remark: &str) {
    match remark {
        "" => out.push_str(&format!("{key}\n")),
        _ => out.push_str(&format!("{key:<REMARK_AT$}# {remark}\n")),
    }
}

/// As TOML writes a string, on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What a check finds wrong with the wishes themselves: name, account, addresses, login. Empty: nothing.
pub fn mistakes(block: &str, wish: &Wish) -> Vec<Problem> {
    const OF_WISHES: &[&str] =
        &["client[0].name", "client[0].account", "client[0].from", "client[0].login", "account[0].address"];
    let text = format!(
        "[store]\nurl = \"sqlite:///gatepost.db\"\n[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\n\
         client-id = \"id\"\n[[account]]\naddress = {}\n{block}",
        quoted(wish.account)
    );
    let found = match check_text(&text, "", &Surroundings::default()) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems,
    };
    let of_wishes = |problem: &Problem| {
        let key = problem.key.to_string();
        problem.severity == Severity::Error && OF_WISHES.iter().any(|of| key.starts_with(of))
    };
    found.problems.into_iter().filter(of_wishes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_comes_back_from_the_toml() {
        for text in ["3F copier", "3階の \"複合機\"", "a\\b", "a\nb\u{7f}", ""] {
            let table: toml::Table = format!("x = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
