//! The header block of a message: read, and where a client may not know better, repaired by splicing bytes.
//!
//! Pure: bytes in, bytes out; the clock and chance come as arguments. Header blocks are taken and given dot-stuffed, as
//! they go upstream. It refuses nothing; what it cannot mend for sure stays as it is, and the checks behind it decide. A
//! message that needs no repair is not touched, so whatever signed it goes on verifying it.

mod address_fields;
mod block;
mod force;
mod headers;
mod long_lines;
mod mailboxes;
mod mend;
mod missing;
mod raw_japanese;
mod repairs;
mod undeclared;

pub use block::{fields, header_end};
pub use headers::{FROM_CAP, Headers};
pub use mailboxes::each_has_an_address;
pub use mend::{Mended, Orders, declare_utf8, mend};
pub use raw_japanese::{possible_addresses, with_encoded_words};
pub use repairs::{Repair, Repairs};
pub use undeclared::Undeclared;

/// A longer header block is not taken in; in octets.
pub const HEAD_CAP: usize = 256 * 1024;
/// More header fields are not taken in: each is looked at several times.
pub const FIELDS_CAP: usize = 4000;

/// Of a header block.
pub fn has_too_many_fields(head: &[u8]) -> bool {
    let goes_on = |end: &usize| matches!(head.get(end + 1), Some(b' ' | b'\t'));
    memchr::memchr_iter(b'\n', head).filter(|end| !goes_on(end)).nth(FIELDS_CAP).is_some()
}

#[cfg(test)]
mod tests;
