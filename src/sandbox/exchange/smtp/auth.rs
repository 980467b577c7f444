//! AUTH at Exchange: XOAUTH2 in one step or two, LOGIN only to be told that passwords are over.

use std::{io, sync::Arc};

use super::{LINE, Login, SIGNED_ON, Session, accept::CONCURRENT};
use crate::{
    base::Protocol,
    sandbox::{
        exchange::sign_on::{self, Verdict},
        faults::LimitPoint,
        presets::BASIC_DISABLED,
    },
};

const REFUSED: &str = "535 5.7.3 Authentication unsuccessful {tail}";
/// Postfix cuts a command line here (its line_length_limit).
const CUT: usize = 2048;

impl Session {
    pub(super) async fn auth(&mut self, line: &str, rest: &str) -> io::Result<()> {
        let (mechanism, initial) = match rest.split_once(' ') {
            Some((mechanism, initial)) => (mechanism, Some(initial.trim())),
            None => (rest, None),
        };
        if !self.greeted {
            self.reply("503 5.5.2 Send hello first {tail}");
            return Ok(());
        }
        if !self.wire.secured {
            self.wire.world.tally.count(|counts| counts.unprotected_credentials += u64::from(initial.is_some()));
            self.reply("504 5.7.4 Unrecognized authentication type {tail}");
            return Ok(());
        }
        if self.login.is_some() {
            self.reply("503 5.5.2 Bad sequence of commands: already authenticated {tail}");
            return Ok(());
        }
        match mechanism.to_ascii_uppercase().as_str() {
            "XOAUTH2" => {
                let cut = self.wire.world.faults.read(|faults| faults.smtp.cut_auth_line);
                if cut && line.len() > CUT {
                    self.reply("535 5.7.8 Error: authentication failed: Invalid base64 data in initial response");
                    return Ok(());
                }
                let response = match initial {
                    Some(initial) => initial.as_bytes().to_vec(),
                    None => {
                        self.reply("334 ");
                        self.wire.line(LINE).await?.to_vec()
                    }
                };
                self.xoauth2(&response).await
            }
            "LOGIN" => {
                if initial.is_none() {
                    self.reply("334 VXNlcm5hbWU6");
                    self.wire.line(LINE).await?;
                }
                self.reply("334 UGFzc3dvcmQ6");
                self.wire.line(LINE).await?;
                self.reply(BASIC_DISABLED);
                Ok(())
            }
            _ => {
                self.reply("504 5.7.4 Unrecognized authentication type {tail}");
                Ok(())
            }
        }
    }

    async fn xoauth2(&mut self, response: &[u8]) -> io::Result<()> {
        if self.scripted("AUTH") {
            return Ok(());
        }
        let world = self.wire.world.clone();
        // RFC 4954 wants 501 for a cancel; Exchange says 535 (seen by email-oauth2-proxy).
        let verdict = match response {
            b"*" => Verdict::Refused,
            response => sign_on::judge(&world, Protocol::Smtp, response),
        };
        let Verdict::In(mailbox, access) = verdict else {
            if world.faults.challenges(Protocol::Smtp) && response != b"*" {
                self.reply(&format!("334 {}", sign_on::CHALLENGE));
                self.wire.line(LINE).await?;
                self.reply("535 5.7.8 Username and Password not accepted. {tail}");
            } else {
                self.reply(REFUSED);
            }
            return Ok(());
        };
        let seat = world.seats.take(&mailbox.address, self.wire.connection);
        let over = world.faults.read(|faults| {
            faults.smtp.connections_at == LimitPoint::Auth
                && faults.smtp.connections.is_some_and(|limit| seat.rank() >= limit)
        });
        if over {
            self.reply(CONCURRENT);
            return Ok(());
        }
        let open = world.tally.signed_on(Protocol::Smtp, &mailbox.address);
        self.login = Some(Arc::new(Login { mailbox, holder: access.holder, seat, _open: open }));
        self.wire.patience = SIGNED_ON;
        self.reply("235 2.7.0 Authentication successful");
        Ok(())
    }
}
