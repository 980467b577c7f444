//! The three dialogues of the demo, and how both legs of one are shown.

use std::{io, net::SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{client::Client, stage};
use crate::base::Protocol;

pub const SUBJECT: &str = "Scan of page 1";

/// Runs the client's side; what it said and heard, and how it ended.
pub async fn run(protocol: Protocol, to: SocketAddr) -> (Vec<String>, io::Result<()>) {
    let mut client = match Client::connect(to).await {
        Ok(client) => client,
        Err(cause) => return (Vec::new(), Err(cause)),
    };
    let ended = match protocol {
        Protocol::Smtp => smtp(&mut client).await,
        Protocol::Imap => imap(&mut client).await,
        Protocol::Pop3 => pop3(&mut client).await,
    };
    (client.log, ended)
}

async fn smtp(client: &mut Client) -> io::Result<()> {
    const WRONG: &[&str] = &["4", "5"];
    client.hear("220 ", WRONG).await?;
    client.say("EHLO copier").await?;
    client.hear("250 ", WRONG).await?;
    client.say(&format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{}\0{}", stage::USER, stage::PASSWORD)))).await?;
    client.hear("235 ", WRONG).await?;
    client.say(&format!("MAIL FROM:<{}>", stage::USER)).await?;
    client.hear("250 ", WRONG).await?;
    client.say(&format!("RCPT TO:<{}>", stage::USER)).await?;
    client.hear("250 ", WRONG).await?;
    client.say("DATA").await?;
    client.hear("354 ", WRONG).await?;
    let from = stage::USER;
    for line in [
        &format!("From: <{from}>"),
        &format!("To: <{from}>"),
        &format!("Subject: {SUBJECT}"),
        "",
        "Hello from the copier.",
        ".",
    ] {
        client.say(line).await?;
    }
    client.hear("250 ", WRONG).await?;
    client.say("QUIT").await?;
    client.hear("221 ", WRONG).await.map(drop)
}

async fn imap(client: &mut Client) -> io::Result<()> {
    client.hear("* OK", &["* BYE"]).await?;
    for (command, tag) in [
        (format!("a LOGIN {} {}", stage::USER, stage::PASSWORD), "a"),
        ("b SELECT INBOX".to_owned(), "b"),
        ("c FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])".to_owned(), "c"),
        ("d LOGOUT".to_owned(), "d"),
    ] {
        client.say(&command).await?;
        let lines = client.hear(&format!("{tag} OK"), &[&format!("{tag} NO"), &format!("{tag} BAD")]).await?;
        if tag == "c" && !lines.iter().any(|line| line.contains(SUBJECT)) {
            return Err(io::Error::other("the message that was sent is not there"));
        }
    }
    Ok(())
}

async fn pop3(client: &mut Client) -> io::Result<()> {
    const WRONG: &[&str] = &["-ERR"];
    client.hear("+OK", WRONG).await?;
    for command in [format!("USER {}", stage::USER), format!("PASS {}", stage::PASSWORD), "STAT".to_owned()] {
        client.say(&command).await?;
        client.hear("+OK", WRONG).await?;
    }
    client.say("RETR 1").await?;
    let lines = client.hear(".", WRONG).await?;
    if !lines.iter().any(|line| line.contains(SUBJECT)) {
        return Err(io::Error::other("the message that was sent is not there"));
    }
    client.say("QUIT").await?;
    client.hear("+OK", WRONG).await.map(drop)
}

/// Both legs below each other, each line cut to fit a terminal.
pub fn both_legs(client: &[String], upstream: &[String]) -> String {
    let mut out = String::from("   what the device says (password in)          C: device  S: Gatepost\n");
    push(&mut out, client);
    out.push_str("\n   what Microsoft hears (XOAUTH2 out)          C: Gatepost  S: the sandbox\n");
    push(&mut out, upstream);
    out
}

fn push(out: &mut String, lines: &[String]) {
    const WIDTH: usize = 110;
    for line in lines {
        out.push_str("     ");
        out.extend(line.chars().take(WIDTH));
        if line.chars().count() > WIDTH {
            out.push('…');
        }
        out.push('\n');
    }
}
