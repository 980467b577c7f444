//! Rust: lettre for sending, the imap crate for reading.

use std::{env, fs, io, time::Duration};

use imap::extensions::idle::WaitOutcome;
use lettre::{
    SmtpTransport, Transport,
    address::Envelope,
    transport::smtp::authentication::{Credentials, Mechanism},
};

type Any = Box<dyn std::error::Error>;

fn given(name: &str) -> String {
    env::var(name).expect("given")
}

fn did(words: &str) {
    println!("did {words}");
    io::stdin().read_line(&mut String::new()).expect("a reply");
}

fn main() -> Result<(), Any> {
    match env::args().nth(1).as_deref() {
        Some("smtp") => send(),
        _ => read(),
    }
}

fn send() -> Result<(), Any> {
    let mechanism = if given("LOGIN") == "plain" { Mechanism::Plain } else { Mechanism::Login };
    let transport = SmtpTransport::builder_dangerous(given("HOST"))
        .port(given("PORT").parse()?)
        .authentication(vec![mechanism])
        .credentials(Credentials::new(given("MAIL_USER"), given("MAIL_PASSWORD")))
        .build();
    let message = fs::read("message")?; // it ends the last line itself
    let user: lettre::Address = given("MAIL_USER").parse()?;
    transport
        .send_raw(&Envelope::new(Some(user.clone()), vec![user])?, message.strip_suffix(b"\r\n").unwrap_or(&message))?;
    did("send");
    Ok(())
}

fn read() -> Result<(), Any> {
    let connection = std::net::TcpStream::connect((given("HOST"), given("PORT").parse()?))?;
    let mut client = imap::Client::new(connection);
    client.read_greeting()?;
    let mut session = client.login(given("MAIL_USER"), given("MAIL_PASSWORD")).map_err(|(error, _)| error)?;
    let trash = given("TRASH");
    let names: Vec<_> = session.list(Some(""), Some("*"))?.iter().map(|name| name.name().to_owned()).collect();
    fs::write("list", names.join("\n"))?;
    did("list");
    session.select("INBOX")?;
    let hits = session.search(format!("SUBJECT \"{}-waiting\"", given("MARKER")))?.len();
    let misses = session.search("SUBJECT \"something else\"")?.len();
    did(&format!("search {hits} {misses}"));
    fs::write(
        "fetched",
        session.fetch("1", "BODY.PEEK[]")?.iter().next().and_then(|message| message.body()).expect("a body"),
    )?;
    did("fetch");
    session.create("Work")?;
    did("create");
    session.append("Work", &fs::read("message")?).finish()?;
    did("append");
    session.store("1", r"+FLAGS (\Flagged)")?;
    did("flag");
    session.mv("1", &trash)?;
    did("move");
    session.select(&trash)?;
    session.store("1", r"+FLAGS (\Deleted)")?;
    session.expunge()?;
    did("delete");
    session.select("INBOX")?;
    did("idle"); // what comes before it idles comes with the answer to IDLE
    let outcome = session.idle().timeout(Duration::from_secs(60)).keepalive(false).wait_while(|_| false)?;
    assert_eq!(outcome, WaitOutcome::MailboxChanged);
    did("wake");
    session.logout()?;
    Ok(())
}
