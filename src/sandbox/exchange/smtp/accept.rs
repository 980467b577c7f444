//! After the final dot: whether Exchange takes the message, and where it goes.

use std::{io, time::Duration};

use bytes::Bytes;
use mailparse::MailAddr;

use super::{Envelope, Login, Session};
use crate::sandbox::{
    exchange::{
        Submission, World,
        mailbox::{Flags, INBOX, SENT},
    },
    faults::{AfterDot, LimitPoint},
};

pub const CONCURRENT: &str = "432 4.3.2 Concurrent connections limit exceeded. Visit \
     https://aka.ms/concurrent_sending for more information. [Hostname={host}]";
const TOO_FAST: &str = "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname={host}]";

/// Where the header block may end; a longer one is refused.
const HEADERS: usize = 256 * 1024;

impl Session {
    /// The reply to a whole message.
    pub(super) async fn accept(&mut self, login: &Login, envelope: Envelope, bytes: Bytes) -> io::Result<String> {
        let world = self.wire.world.clone();
        let faults = world.faults.read(|faults| faults.smtp.clone());
        if faults.dot_delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(faults.dot_delay_ms)).await;
        }
        if let Some(answer) = world.faults.answer(self.wire.protocol, ".") {
            self.closing |= answer.close;
            return Ok(answer.reply);
        }
        let seated = faults.connections.is_none_or(|limit| login.seat.rank() < limit);
        if faults.connections_at == LimitPoint::EndOfData && !seated {
            return Ok(CONCURRENT.into());
        }
        if let Some(refusal) = refusal(&world, login, &bytes) {
            return Ok(refusal);
        }
        if let Some(limit) = faults.messages_per_minute {
            while let Err(wait) = world.take_minute(&login.mailbox.address, limit) {
                if !faults.slow_down {
                    return Ok(TOO_FAST.into());
                }
                tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
            }
        }
        if faults.after_dot == AfterDot::DropUndelivered {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let id = message_id(&bytes).unwrap_or_else(|| format!("<{:016X}@{}>", world.next_message(), self.host));
        deliver(&world, login, envelope, bytes);
        match faults.after_dot {
            AfterDot::DropDelivered => Err(io::ErrorKind::ConnectionAborted.into()),
            AfterDot::SilentDelivered => Err(self.wire.fall_silent().await),
            _ => Ok(format!("250 2.0.0 OK {id} [Hostname={}]", self.host)),
        }
    }
}

/// What Exchange has against the headers (texts: OfficeDocs-Support, gophish #2900).
fn refusal(world: &World, login: &Login, message: &[u8]) -> Option<String> {
    let head = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |end| end + 2);
    if head > HEADERS {
        return Some("552 5.3.4 Header size exceeds fixed maximum size {tail}".into());
    }
    let unreadable = || "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant {tail}".to_owned();
    let Ok((headers, _)) = mailparse::parse_headers(message.get(..head).unwrap_or_default()) else {
        return Some(unreadable());
    };
    let named = |name: &str| -> Vec<&mailparse::MailHeader<'_>> {
        headers.iter().filter(|header| header.get_key_ref().eq_ignore_ascii_case(name)).collect()
    };
    let (from, sender) = (named("From"), named("Sender"));
    let [from] = from.as_slice() else { return Some(unreadable()) };
    let Some(authors) = addresses(from) else { return Some(unreadable()) };
    let sender = sender.first().and_then(|header| addresses(header)).and_then(|list| list.into_iter().next());
    if authors.len() > 1 && sender.is_none() {
        return Some("550 5.1.20 Multiple From addresses are not allowed without Sender address {tail}".into());
    }
    // One text for both rights. Sender in one's own name makes it a message on behalf of those in From.
    let (tenant, holder, own) = (&world.tenant, &login.holder, &login.mailbox.address);
    let on_behalf = sender.as_ref().is_some_and(|sender| sender.eq_ignore_ascii_case(own));
    let may_write = |author: &String| match on_behalf {
        true => tenant.may_send_on_behalf(holder, own, author),
        false => tenant.may_send_as(holder, own, author),
    };
    let foreign_author = authors.iter().find(|author| !may_write(author));
    let foreign = foreign_author.or_else(|| sender.iter().find(|sender| !tenant.may_send_as(holder, own, sender)))?;
    Some(format!(
        "554 5.2.252 SendAsDenied; {} not allowed to send as {foreign}; STOREDRV.Submission.Exception:\
         SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with \
         message [BeginDiagnosticData]Cannot submit message.[EndDiagnosticData] [Hostname={{host}}]",
        login.mailbox.address
    ))
}

fn addresses(header: &mailparse::MailHeader<'_>) -> Option<Vec<String>> {
    let list = mailparse::addrparse_header(header).ok()?;
    let mut found = Vec::new();
    for address in list.iter() {
        match address {
            MailAddr::Single(single) => found.push(single.addr.trim().to_owned()),
            MailAddr::Group(group) => found.extend(group.addrs.iter().map(|single| single.addr.trim().to_owned())),
        }
    }
    (!found.is_empty() && found.iter().all(|address| address.contains('@'))).then_some(found)
}

fn message_id(message: &[u8]) -> Option<String> {
    let (headers, _) = mailparse::parse_headers(message.get(..HEADERS.min(message.len()))?).ok()?;
    let id = headers.iter().find(|header| header.get_key_ref().eq_ignore_ascii_case("Message-ID"))?.get_value();
    (id.len() < 200 && id.starts_with('<') && id.is_ascii()).then_some(id)
}

/// Into the mailboxes of the sandbox, and a copy into Sent Items; nothing leaves.
fn deliver(world: &World, login: &Login, envelope: Envelope, bytes: Bytes) {
    for recipient in &envelope.recipients {
        if let Some(mailbox) = world.mailbox(recipient) {
            // A full mailbox loses the message silently, as an NDR would come later and by mail.
            let _ = mailbox.add(INBOX, Flags::default(), bytes.clone());
        }
    }
    let _ = login.mailbox.add(SENT, Flags::SEEN, bytes.clone());
    world.record(Submission {
        mailbox: login.mailbox.address.clone(),
        from: envelope.from,
        recipients: envelope.recipients,
        bytes,
    });
}
