//! POP3 (RFC 1939, 2449, 5034, 2595): the smallest of the three, read it first.

pub mod back;
pub mod front;
pub mod reply;

pub use back::Pop3Back;
pub use front::Pop3Front;
