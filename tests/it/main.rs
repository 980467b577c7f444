//! One binary for everything that needs no other program: dialogues with the daemon, in front of the sandbox.

mod imap;
mod pop3;
mod smtp;
mod smtp_body;
mod smtp_loss;
mod world;
