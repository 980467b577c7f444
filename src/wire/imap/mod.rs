//! IMAP (RFC 3501, 9051) until sign-on. After it Gatepost knows nothing: bytes pass.

pub mod back;
pub mod capability;
pub mod command;
pub mod front;
pub mod reply;

pub use back::ImapBack;
pub use front::ImapFront;
