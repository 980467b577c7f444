//! Gatepost: a password in, XOAUTH2 out, for SMTP, IMAP and POP3.
//!
//! The rooms, in the order in which a message walks through them, are described in ARCHITECTURE.md.
//! A module imports itself and lower rows only; `tests/it/tidy.rs` holds that.

pub mod base;

pub mod wire;

pub mod catalog;
pub mod meter;

pub mod message;
pub mod spool;
pub mod store;

pub mod net;

pub mod account;
pub mod oauth;

pub mod expiry;
pub mod outbound;

pub mod queue;

pub mod session;

pub mod console;

pub mod config;

pub mod daemon;

pub mod doctor;

pub mod cli;
pub mod sandbox;
