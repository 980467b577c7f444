//! Fields that a message must have and does not: Date, Message-ID, From, Sender, MIME-Version.
//!
//! One that is there and empty is filled, so that there are never two. What is there and says something is left alone,
//! however odd.

use super::{
    block::{Block, Edits, Name},
    headers::Headers,
    mend::Orders,
    repairs::{Repair, Repairs},
};
use crate::base::is_mailbox;

pub(super) fn mend(block: &Block<'_>, orders: &Orders<'_>, edits: &mut Edits, repairs: &mut Repairs) {
    let mut missing = Missing { block, edits, repairs };
    missing.add(Name::From, "From", orders.author(), Repair::From);
    if !orders.repair {
        return;
    }
    if has_several_authors(block) {
        missing.add(Name::Sender, "Sender", orders.account, Repair::Sender);
    }
    if let Ok(date) = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&orders.now) {
        missing.add(Name::Date, "Date", &date, Repair::Date);
    }
    let domain = orders.account.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    missing.add(Name::MessageId, "Message-ID", &format!("<{}@{domain}>", orders.unique), Repair::MessageId);
    // A message without any of them is plain ASCII, and complete (RFC 2045 5.2).
    if [Name::ContentType, Name::ContentTransferEncoding, Name::Content].iter().any(|name| block.has(*name)) {
        missing.add(Name::MimeVersion, "MIME-Version", "1.0", Repair::MimeVersion);
    }
}

impl Orders<'_> {
    /// Who wrote a message that says nothing of it: who sends it, as every server on the way would have it.
    pub(super) fn author(&self) -> &str {
        let is_fit = !self.force && self.envelope.is_ascii() && is_mailbox(self.envelope);
        if is_fit { self.envelope } else { self.account }
    }
}

/// RFC 5322 3.6.2 wants a Sender then, and so does Exchange (550 5.1.20). Several From fields are another matter, which
/// no Sender mends.
fn has_several_authors(block: &Block<'_>) -> bool {
    let Some(from) = block.only(Name::From) else { return false };
    let read = Headers::of_plain(block.bytes.get(from.all.clone()).unwrap_or_default());
    !read.is_from_too_large && read.from.iter().filter(|address| !address.is_empty()).nth(1).is_some()
}

struct Missing<'a, 'b> {
    block: &'a Block<'b>,
    edits: &'a mut Edits,
    repairs: &'a mut Repairs,
}

impl Missing<'_, '_> {
    fn add(&mut self, name: Name, written: &str, value: &str, repair: Repair) {
        if self.edits.fill(self.block, name, written, value) {
            self.repairs.note(repair);
        }
    }
}
