//! A whole sign-on with both peers' bytes interleaved: who is let in, and what reaches the upstream.
#![no_main]

use bytes::BytesMut;
use gatepost::{
    session::parting::told,
    wire::{
        Back, Front, Knock, Machine, Protection, SignOn, Step, Welcome,
        imap::{ImapBack, ImapFront},
        lines::{COMMAND_CAP, Lines},
        pop3::{Pop3Back, Pop3Front},
        smtp::{Command, Replies, SmtpBack, SmtpFront, command::Carries, front::Keywords},
    },
};
use gatepost_fuzz::{TOKEN, credentials, doorman, replies_are_lines};
use libfuzzer_sys::fuzz_target;

/// Where a session stands.
enum Stage<F, B> {
    Knocking(F),
    SigningOn(F, B),
    Through { client: Vec<u8>, upstream: Vec<u8>, capabilities: Vec<String> },
    Over,
}

/// Steps a machine to its next event, `Err` when it is done for.
fn drive<M: Machine>(machine: &mut M, said: &mut Vec<u8>) -> Result<Option<M::Event>, ()> {
    for _ in 0..100_000 {
        match machine.step() {
            Ok(Step::Read) => return Ok(None),
            Ok(Step::Write(bytes)) => said.extend_from_slice(&bytes),
            Ok(Step::StartTls) | Err(_) => return Err(()),
            Ok(Step::Event(event)) => return Ok(Some(event)),
        }
    }
    panic!("the machine makes steps for ever");
}

impl<F: Front, B: Back> Stage<F, B> {
    fn client(self, bytes: &[u8], make: impl FnOnce() -> B, said: &mut Said) -> Self {
        match self {
            Stage::Knocking(mut front) => {
                front.feed(bytes);
                loop {
                    match drive(&mut front, &mut said.to_client) {
                        Ok(None) => return Stage::Knocking(front),
                        Ok(Some(Knock::Login(claim))) if claim.login.starts_with('a') => break,
                        Ok(Some(Knock::Bye | Knock::ShownOut(_))) | Err(()) => return Stage::Over,
                        Ok(Some(knock)) => drop(doorman(&mut front, knock)),
                    }
                }
                Stage::SigningOn(front, make()).upstream(b"", said)
            }
            Stage::SigningOn(mut front, back) => {
                front.feed(bytes);
                Stage::SigningOn(front, back)
            }
            Stage::Through { mut client, upstream, capabilities } => {
                client.extend_from_slice(bytes);
                Stage::Through { client, upstream, capabilities }
            }
            Stage::Over => Stage::Over,
        }
    }

    fn upstream(self, bytes: &[u8], said: &mut Said) -> Self {
        match self {
            Stage::SigningOn(mut front, mut back) => {
                back.feed(bytes);
                match drive(&mut back, &mut said.to_upstream) {
                    Ok(None) => Stage::SigningOn(front, back),
                    Ok(Some(SignOn::Done { capabilities, untagged, .. })) => {
                        front.accept(&Welcome { capabilities: capabilities.clone(), untagged });
                        let _ = drive(&mut front, &mut said.to_client);
                        let (client, upstream) = (front.into_unread().to_vec(), back.into_unread().to_vec());
                        Stage::Through { client, upstream, capabilities }
                    }
                    Ok(Some(SignOn::Refused { .. })) | Err(()) => Stage::Over,
                }
            }
            Stage::Through { client, mut upstream, capabilities } => {
                upstream.extend_from_slice(bytes);
                Stage::Through { client, upstream, capabilities }
            }
            // Nothing is dialled yet.
            other => other,
        }
    }
}

#[derive(Default)]
struct Said {
    to_client: Vec<u8>,
    to_upstream: Vec<u8>,
}

/// Pieces: one byte for the side, one for the length.
fn play<F: Front, B: Back>(front: F, make: impl Fn() -> B, mut script: &[u8]) -> (Stage<F, B>, Said) {
    let mut said = Said::default();
    let mut stage = Stage::Knocking(front).client(b"", &make, &mut said);
    while let [side, len, rest @ ..] = script {
        let (piece, more) = rest.split_at(usize::from(*len).min(rest.len()));
        stage = match side % 2 {
            0 => stage.client(piece, &make, &mut said),
            _ => stage.upstream(piece, &mut said),
        };
        if !matches!(stage, Stage::Through { .. }) {
            let yes = [&b"235 2.7.0"[..], b"LOGIN completed", b"AUTHENTICATE completed", b"+OK Logged in"];
            assert!(
                !yes.iter().any(|yes| said.to_client.windows(yes.len()).any(|at| at == *yes)),
                "an unearned success"
            );
        }
        script = more;
    }
    replies_are_lines(&said.to_client);
    replies_are_lines(&said.to_upstream);
    assert!(!String::from_utf8_lossy(&said.to_client).contains(TOKEN), "the token reached the client");
    (stage, said)
}

/// SMTP goes on command by command.
fn relay(client: &[u8], upstream: &[u8], capabilities: &[String]) {
    let carries = Carries::from_keywords(capabilities);
    let mut lines = Lines::with_input(COMMAND_CAP, client.into());
    let mut replies = Replies::new(BytesMut::new());
    replies.feed(upstream);
    while let Ok(Some(line)) = lines.cut() {
        match Command::parse(&line) {
            Ok(Command::Mail(mail)) => replies_are_lines(mail.to_wire(carries).as_bytes()),
            Ok(Command::Rcpt(rcpt)) => replies_are_lines(rcpt.to_wire(carries).as_bytes()),
            Ok(_) => continue,
            Err(mistake) => replies_are_lines(&mistake.reply(&told().mistake).to_wire()),
        }
        match replies.cut() {
            Ok(Some(reply)) => replies_are_lines(&reply.to_wire()),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((protocol, script)) = data.split_first() else { return };
    match protocol % 3 {
        0 => {
            let front = SmtpFront::new(Keywords::new("gatepost.example", Vec::new()), Protection::Plain, told());
            let (stage, _) = play(front, || SmtpBack::new(credentials(), false, "gatepost.example"), script);
            if let Stage::Through { client, upstream, capabilities } = stage {
                relay(&client, &upstream, &capabilities);
            }
        }
        1 => drop(play(
            ImapFront::new(&["IMAP4REV1".into()], Protection::Plain, told()),
            || ImapBack::new(credentials(), false, None),
            script,
        )),
        _ => drop(play(Pop3Front::new(Protection::Plain, told()), || Pop3Back::new(credentials(), false), script)),
    }
});
