//! What the rules of a client have done to its messages: the sender forced, the header block repaired, and a body that
//! nobody declared held until it says what it is.

use aws_lc_rs::rand;
use jiff::Timestamp;

use crate::{
    account::{Admitted, Rules, Sender},
    message::{Mended, Orders, Repair, Repairs, Undeclared, declare_utf8, mend},
    wire::smtp::Mail,
};

/// Of a body this much is held in memory until it is clear what it is; more only where it goes to disk.
const HELD_CAP: usize = 256 * 1024;

/// Somebody who logs in as an account has no rules: mail programs know what they do.
fn rules(admitted: &Admitted) -> Option<&Rules> {
    admitted.client.as_ref().map(|client| &client.rules)
}

pub(super) fn is_forced(admitted: &Admitted) -> bool {
    rules(admitted).is_some_and(|rules| rules.sender == Sender::Force)
}

/// Puts the account's address into MAIL FROM where the client's own does not count. The null sender stays: it says that
/// nobody may be told of a failure, without which two machines answer each other for ever (RFC 5321 4.5.5).
pub(super) fn force_envelope(admitted: &Admitted, mail: &mut Mail) -> Repairs {
    let mut repairs = Repairs::default();
    let own = &admitted.account.address;
    if is_forced(admitted) && !mail.address.is_empty() && !mail.address.eq_ignore_ascii_case(own) {
        mail.address.clone_from(own);
        repairs.note(Repair::ForcedEnvelope);
    }
    repairs
}

/// Mends a header block, dot-stuffed, as the client's rules have it.
pub(super) fn mended(admitted: &Admitted, mail: &Mail, head: &[u8]) -> Mended {
    let Some(rules) = rules(admitted) else { return Mended::default() };
    let orders = Orders {
        repair: rules.repair,
        force: rules.sender == Sender::Force,
        account: &admitted.account.address,
        envelope: &mail.address,
        now: Timestamp::now(),
        unique: &unique(),
    };
    mend(head, &orders)
}

/// Nobody else's, as far as chance goes; the clock helps out where there is none.
fn unique() -> String {
    let mut octets = Timestamp::now().as_nanosecond().to_be_bytes();
    let _ = rand::fill(&mut octets);
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// A message that is held because its body decides about its header block.
#[derive(Debug)]
pub(super) struct HeldBody {
    head: usize,
    text: Undeclared,
    /// As far as `text` was fed.
    seen: usize,
}

impl HeldBody {
    /// `head`: how long the header block is, its empty line included.
    pub(super) fn new(head: usize) -> Self {
        Self { head, text: Undeclared::default(), seen: head }
    }

    /// Where it is over without an answer: how long the header block is.
    pub(super) fn undecided(&self, ended: bool) -> Option<usize> {
        (!ended && !self.text.is_hopeless()).then_some(self.head)
    }

    /// Looks at what came of `message`, which is all of it so far; true once there is no more reason to hold it. Then the
    /// header block says what the body is, if it is text in UTF-8.
    pub(super) fn is_over(&mut self, message: &mut Vec<u8>, ended: bool, repairs: &mut Repairs) -> bool {
        self.text.feed(message.get(self.seen..).unwrap_or_default());
        self.seen = message.len();
        if ended && self.text.is_utf8() {
            let declared = declare_utf8(message.get(..self.head).unwrap_or_default(), repairs);
            message.splice(..self.head.min(message.len()), declared);
        }
        ended || self.text.is_hopeless() || message.len() > self.head + HELD_CAP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a message that comes in these pieces, and whether it was held to its end.
    fn held(pieces: &[&str]) -> (String, bool) {
        let mut message = b"Subject: x\r\n\r\n".to_vec();
        let mut held = HeldBody::new(message.len());
        let mut repairs = Repairs::default();
        for (n, piece) in pieces.iter().enumerate() {
            message.extend_from_slice(piece.as_bytes());
            let ended = n + 1 == pieces.len();
            if held.is_over(&mut message, ended, &mut repairs) {
                return (String::from_utf8(message).unwrap(), ended);
            }
        }
        panic!("held for ever");
    }

    #[test]
    fn a_text_is_held_to_its_end_and_declared_there() {
        let (message, to_the_end) = held(&["Toner ", "f\u{fc}r", " B\u{fc}ro 3\r\n"]);
        assert!(
            to_the_end
                && message.contains("charset=utf-8")
                && message.ends_with("\r\n\r\nToner f\u{fc}r B\u{fc}ro 3\r\n")
        );
        assert_eq!(held(&["plain\r\n", "text\r\n"]).0, "Subject: x\r\n\r\nplain\r\ntext\r\n");
        let large = "x".repeat(HELD_CAP);
        let (message, to_the_end) = held(&[&large, "\u{fc}", "never looked at"]);
        assert!(!to_the_end && message.starts_with("Subject: x\r\n\r\nxxx"), "more than is held goes on undeclared");
    }
}
