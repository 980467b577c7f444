//! Last words to a client that is not signed on, in its own protocol.
//!
//! Each of them begins with the text of its fault and ends with the id. What a machine says by itself it says of the faults
//! that stand here.

use std::sync::LazyLock;

use crate::{
    base::Protocol,
    catalog::{
        Entry,
        doctor::{CLIENT_PLAIN_ON_TLS_PORT, CLIENT_WITHOUT_STARTTLS},
        own::{CONNECTION_CLOSED, CONNECTIONS_USED_UP, PROTOCOL_MISTAKE},
        replies::{self, not_now},
    },
    wire::{Farewell, Told},
};

/// Gatepost ends the connection by itself, and `why`.
pub(super) fn closing(protocol: Protocol, why: &str) -> String {
    format!("{} {}\r\n", not_now(protocol), CONNECTION_CLOSED.fault().saying(why).reply_text())
}

/// There is no seat, or no longer: others came since, and who was not signed on had to make room.
pub fn too_busy(protocol: Protocol) -> String {
    format!("{} {}\r\n", not_now(protocol), CONNECTIONS_USED_UP.fault().reply_text())
}

/// To a plain client, where TLS comes first.
pub fn tls_expected(protocol: Protocol) -> String {
    format!("{} {}\r\n", replies::tls_expected(protocol), CLIENT_PLAIN_ON_TLS_PORT.fault().reply_text())
}

/// To whoever broke the protocol: the text of what that is, and what is particular about it.
pub(super) fn last_words(farewell: &Farewell, of: &Entry) -> String {
    format!("{} {}\r\n", farewell.code, of.fault().saying(&farewell.words).reply_text())
}

/// What the machines tell of, one copy for all sessions.
pub fn told() -> &'static Told {
    static TOLD: LazyLock<Told> = LazyLock::new(|| Told {
        tls_first: CLIENT_WITHOUT_STARTTLS.fault(),
        mistake: PROTOCOL_MISTAKE.fault(),
        closing: CONNECTION_CLOSED.fault(),
    });
    &TOLD
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, prop_assert_eq, proptest};

    use super::*;
    use crate::{catalog::explain, wire::smtp::Command};

    proptest! {
        /// A parameter that is not offered stands in the reply, whatever it is called.
        #[test]
        fn whatever_is_no_command_is_answered_in_one_line_of_512_octets_that_explain_knows(
            verb in "MAIL FROM:|RCPT TO:|AUTH|DATA|BDAT|MAIL|[A-Z]{0,9}",
            rest in "(<a@b.example>)?( ?[ -~]{0,60}| ?\\PC{0,600}|)",
        ) {
            if let Err(mistake) = Command::parse(format!("{verb}{rest}").as_bytes()) {
                let wire = String::from_utf8(mistake.reply(&told().mistake).to_wire().to_vec()).unwrap();
                let end = format!(" [gatepost {}]\r\n", PROTOCOL_MISTAKE.id);
                prop_assert!(wire.len() <= 512 && wire.matches("\r\n").count() == 1 && wire.ends_with(&end), "{wire}");
                let means: Vec<_> = explain::read(&wire).iter().map(|found| found.entry.id).collect();
                prop_assert_eq!(means, [PROTOCOL_MISTAKE.id]);
            }
        }
    }
}
