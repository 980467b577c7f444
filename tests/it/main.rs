//! One binary for everything that is tested from outside: dialogues, configuration, commands, and the shape of the house.

mod cli;
mod config;
mod tidy;
