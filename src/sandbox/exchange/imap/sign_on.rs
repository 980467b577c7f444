//! CAPABILITY, ID and AUTHENTICATE as Exchange has them (MailKit #1494, #1496 and #2016, imapflow #392).

use std::io;

use super::{Cursor, Denial, LINE, Login, Outcome, SIGNED_ON, Session};
use crate::{
    base::Protocol,
    sandbox::exchange::sign_on::{self, Verdict},
};

const BEFORE: &str = "IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE \
     LITERAL+";
const AFTER: &str = "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES \
     CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+";
const BEFORE_2026: &str = "IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE \
     NAMESPACE LITERAL+";
const AFTER_2026: &str = "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES \
     CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE BACKENDAUTHENTICATE-IR CHILDREN IDLE NAMESPACE LITERAL+ ENABLE \
     IMAP4rev2";

const FAILED: Outcome = Err(Denial::No("AUTHENTICATE failed."));

impl Session {
    pub(super) fn capability(&mut self, words: &Cursor) -> Outcome {
        words.end()?;
        let (hidden, besides, new) = self
            .wire
            .world
            .faults
            .read(|faults| (faults.imap.hidden.clone(), faults.imap.shown.clone(), faults.imap.front_end_2026));
        let all = match (self.login.is_some(), new) {
            (false, false) => BEFORE,
            (true, false) => AFTER,
            (false, true) => BEFORE_2026,
            (true, true) => AFTER_2026,
        };
        let shown = all.split(' ').filter(|word| !hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(word)));
        let shown = shown.chain(besides.iter().map(String::as_str));
        self.wire.say(format!("* CAPABILITY {}", shown.collect::<Vec<_>>().join(" ")));
        Ok("CAPABILITY completed.".into())
    }

    pub(super) fn identify(&mut self, mut words: Cursor) -> Outcome {
        words.space()?;
        if words.peek() == Some(b'(') {
            words.list(|words| {
                if words.peek() == Some(b'N') { words.atom().map(|_| ()) } else { words.string().map(|_| ()) }
            })?;
        } else if !words.atom()?.eq_ignore_ascii_case("NIL") {
            return Err(super::ARGUMENT);
        }
        words.end()?;
        self.wire.say("* ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")");
        Ok("ID completed.".into())
    }

    pub(super) async fn authenticate(&mut self, tag: &str, mut words: Cursor) -> io::Result<Outcome> {
        let mechanism = words.space().and_then(|()| words.atom());
        let Ok(mechanism) = mechanism else { return Ok(Err(super::ARGUMENT)) };
        let initial = words.eat(b' ').then(|| words.rest().to_vec());
        let response = match initial {
            Some(initial) => initial,
            None => {
                self.wire.say("+ ");
                self.wire.line(LINE).await?.to_vec()
            }
        };
        match mechanism.to_ascii_uppercase().as_str() {
            "XOAUTH2" => self.xoauth2(tag, &response).await,
            // LOGIN asks twice.
            "LOGIN" => {
                self.wire.say("+ UGFzc3dvcmQ6");
                self.wire.line(LINE).await?;
                Ok(FAILED)
            }
            _ => Ok(FAILED),
        }
    }

    async fn xoauth2(&mut self, tag: &str, response: &[u8]) -> io::Result<Outcome> {
        let world = self.wire.world.clone();
        if self.scripted(tag, "AUTHENTICATE") {
            return Ok(Err(Denial::Said));
        }
        let verdict = match response {
            b"*" => Verdict::Refused,
            response => sign_on::judge(&world, Protocol::Imap, response),
        };
        let login = match verdict {
            Verdict::In(mailbox, access) => {
                let open = world.tally.signed_on(Protocol::Imap, &mailbox.address);
                let outlives = world.faults.read(|faults| faults.imap.outlive_token);
                let expires = (!outlives).then_some(access.expires);
                Login { mailbox: Some(mailbox), expires, _open: Some(open) }
            }
            Verdict::Unconnected => Login { mailbox: None, expires: None, _open: None },
            Verdict::Refused => {
                if world.faults.challenges(Protocol::Imap) && response != b"*" {
                    self.wire.say(format!("+ {}", sign_on::CHALLENGE));
                    self.wire.line(LINE).await?;
                    return Ok(Err(Denial::No("[AUTHENTICATIONFAILED] Invalid credentials (Failure)")));
                }
                return Ok(FAILED);
            }
        };
        self.login = Some(login);
        self.wire.patience = SIGNED_ON;
        Ok(Ok("AUTHENTICATE completed.".into()))
    }
}
