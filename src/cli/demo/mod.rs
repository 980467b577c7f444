//! `gatepost demo`: everything on this machine alone, with nothing pretended between the two ends.
//!
//! The sandbox stands in for a tenant; the daemon in front of it is the real one, configured by a file like any
//! other, signed in by the real browser flow (the demo plays the browser). One message goes out over SMTP with a plain
//! password and comes back over IMAP and POP3; both legs of each dialogue are shown, so that one sees a password go in
//! and XOAUTH2 come out.

mod client;
mod dialogue;
mod stage;

use std::io;

use super::{
    args::DemoArgs,
    outcome::{Failure, Outcome},
    runtime, terminal,
};
use crate::{
    base::Protocol,
    daemon::{Asked, Signals},
};

pub fn run(args: &DemoArgs) -> Outcome {
    runtime()?.block_on(async {
        // From the first moment on: whatever ends the demo, nothing is left behind.
        let mut signals = Signals::new().map_err(|cause| Failure::new(format!("signals: {cause}"), "try again"))?;
        let stage = tokio::select! {
            stage = stage::Stage::build(args) => stage?,
            _ = signals.next() => return Err(interrupted()),
        };
        let played = tokio::select! {
            played = play(&stage) => played,
            _ = signals.next() => Err(interrupted()),
        };
        let outcome = match played {
            Ok(()) if args.once => print("\nMail flowed. The demo is over.\n"),
            Ok(()) => stay(&stage, &mut signals).await,
            Err(failure) => Err(failure),
        };
        stage.tear_down().await;
        outcome
    })
}

fn interrupted() -> Failure {
    Failure::new("the demo was ended by a signal before mail had flowed", "nothing is left behind; start it again")
}

async fn play(stage: &stage::Stage) -> Outcome {
    print(&stage.introduction())?;
    for (title, protocol) in [
        ("1. A device sends a message over SMTP", Protocol::Smtp),
        ("2. An old mail program reads it over IMAP", Protocol::Imap),
        ("3. Another one reads it over POP3", Protocol::Pop3),
    ] {
        print(&format!("\n{title}\n\n"))?;
        stage.sandbox.transcript().clear();
        let (client, ended) = dialogue::run(protocol, stage.address(protocol)).await;
        let upstream = stage.sandbox.transcript().dialogue(protocol.as_str());
        print(&dialogue::both_legs(&client, &upstream))?;
        ended.map_err(failed(title))?;
    }
    Ok(())
}

fn failed(title: &str) -> impl FnOnce(io::Error) -> Failure {
    move |cause| {
        Failure::new(
            format!("{title}: {cause}"),
            "this is a fault of Gatepost, please report it with the dialogue above",
        )
    }
}

/// SIGHUP reloads, as with the daemon; a terminal that closes sends the same, and ends the demo.
async fn stay(stage: &stage::Stage, signals: &mut Signals) -> Outcome {
    print(&stage.instructions())?;
    let began_at_terminal = terminal::is_attached();
    let mut running = stage.config.clone();
    while signals.next().await == Asked::Reload && began_at_terminal == terminal::is_attached() {
        running = stage.reload(running).await;
        print("\nThe configuration was read again; the log says what came of it.\n")?;
    }
    print("\nThe demo is over, nothing is left behind.\n")
}

fn print(text: &str) -> Outcome {
    terminal::say(text).map_err(|e: io::Error| Failure::new(format!("stdout: {e}"), "write to another place"))
}
