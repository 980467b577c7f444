//! The repair of one header block: what is to be done, in which order, and what was done.

use jiff::Timestamp;

use super::{
    address_fields,
    block::{Block, Edits, Name, header_end},
    force,
    headers::unstuffed,
    long_lines, missing,
    repairs::{Repair, Repairs},
};

/// What may be done to a message, and what it takes.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'a> {
    /// `repair = true`.
    pub repair: bool,
    /// `sender = "force"`.
    pub force: bool,
    /// The account's address.
    pub account: &'a str,
    /// The address in MAIL FROM, as it goes upstream.
    pub envelope: &'a str,
    pub now: Timestamp,
    /// For a Message-ID: letters and digits that nobody else has.
    pub unique: &'a str,
}

/// What became of a header block.
#[derive(Debug, Default)]
pub struct Mended {
    /// The new one, dot-stuffed; `None` where nothing was changed.
    pub head: Option<Vec<u8>>,
    pub repairs: Repairs,
    /// Nobody said what the body is. Where the whole of it is UTF-8 outside ASCII (see [`super::Undeclared`]),
    /// [`declare_utf8`] has to be called.
    pub awaits_body: bool,
}

/// One kind of change: looks at the block, says what is to be done.
type Pass = fn(&Block<'_>, &Orders<'_>, &mut Edits, &mut Repairs);

/// Addresses first, since they are what the next two go by; lines last, since the others make them longer.
const PASSES: [Pass; 4] = [address_fields::mend, force::mend, missing::mend, long_lines::mend];

/// Repairs a header block, its empty line included where it has one. Done again, it changes nothing more.
pub fn mend(head: &[u8], orders: &Orders<'_>) -> Mended {
    let mut mended = Mended::default();
    if !orders.repair && !orders.force {
        return mended;
    }
    let mut plain = unstuffed(head);
    let mut is_changed = false;
    let is_text = Block::cut(&plain).is_text();
    if is_text && plain.starts_with(b" ") | plain.starts_with(b"\t") {
        // Else its first line were the rest of a field that is put ahead of it.
        plain.splice(..0, *b"\r\n");
    }
    for pass in PASSES {
        let mut edits = Edits::default();
        pass(&Block::cut(&plain), orders, &mut edits, &mut mended.repairs);
        if let Some(changed) = edits.done(&plain) {
            plain = changed;
            is_changed = true;
        }
    }
    if is_changed && (is_text || header_end(&plain, 0).is_none()) {
        plain = closed(plain);
    }
    mended.awaits_body = orders.repair && Block::cut(&plain).lacks(Name::ContentType);
    mended.head = is_changed.then(|| stuffed(&plain));
    mended
}

/// Where a message begins with its text, or has no empty line before it, the fields that were added would be taken for
/// text or the text for fields: the line between them (RFC 5322 2.1) is put in. The first empty line of a text with
/// paragraphs is its own.
fn closed(mut plain: Vec<u8>) -> Vec<u8> {
    let end = Block::cut(&plain).end();
    if plain.get(end..).is_some_and(|text| !text.is_empty() && !text.starts_with(b"\r\n")) {
        plain.splice(end..end, *b"\r\n");
    }
    plain
}

/// Says in the header block that the body is text in UTF-8 (RFC 2045 5, RFC 6152). One that says something itself is
/// returned as it is.
pub fn declare_utf8(head: &[u8], repairs: &mut Repairs) -> Vec<u8> {
    let plain = unstuffed(head);
    let block = Block::cut(&plain);
    if !block.lacks(Name::ContentType) {
        return head.to_vec();
    }
    repairs.note(Repair::Charset);
    let mut edits = Edits::default();
    for (name, written, value) in [
        (Name::MimeVersion, "MIME-Version", "1.0"),
        (Name::ContentType, "Content-Type", "text/plain; charset=utf-8"),
        (Name::ContentTransferEncoding, "Content-Transfer-Encoding", "8bit"),
    ] {
        edits.fill(&block, name, written, value);
    }
    // It is not (RFC 2045 6.2).
    for field in block.all(Name::ContentTransferEncoding) {
        if block.value(field).trim_ascii().eq_ignore_ascii_case(b"7bit") {
            edits.replace(field.value.clone(), &b" 8bit"[..]);
        }
    }
    edits.done(&plain).map_or_else(|| head.to_vec(), |plain| stuffed(&plain))
}

/// For the way: a dot more where a line begins with one (RFC 5321 4.5.2).
fn stuffed(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len());
    for line in plain.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out
}
