//! One binary for everything that needs no other program: dialogues with the daemon in front of the sandbox,
//! configuration, commands, and the shape of the house.
//!
//! It is compiled for tests alone, so what is forbidden to the daemon is allowed here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod accounts;
mod allocations;
mod app_only;
mod before_data;
mod beside;
mod browser;
mod burst;
mod cli;
mod client_pages;
mod clients;
mod config;
mod console;
mod detour;
mod devices;
mod disk;
mod doctor;
mod echo;
mod explain;
mod explain_configured;
mod explained;
mod first_message;
mod foreign;
mod governor;
mod graph;
mod guides;
mod hostile;
mod imap;
mod import;
mod keys;
mod login;
mod mail_queue;
mod message_unasked;
mod monitoring;
mod notify;
mod packaging;
mod pages;
mod pages_in_japanese;
mod pop3;
mod presets;
mod process;
mod queue;
mod queue_pages;
mod quirks;
mod refused;
mod reload;
mod repair;
mod setup;
mod shared_mailboxes;
mod short_texts;
mod sign_on;
mod sign_on_faults;
mod smtp;
mod smtp_body;
mod smtp_loss;
mod splice;
mod supervision;
mod tidy;
mod tls;
mod tokens;
mod told_by_id;
mod tongues;
mod tried;
mod unattended;
mod unconfigured;
mod whole_domain;
mod world;
