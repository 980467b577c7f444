//! The command line, and the roles in which the harness starts itself again.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand};

#[derive(Parser, Debug)]
#[command(about = "Measures Gatepost beside other relays, and prints a table with the targets")]
pub struct Args {
    /// Only the work of this name; may be given several times: bulk, login, trips, latency, sessions, burst, smtp,
    /// warm, growth, refresh, start
    #[arg(long, value_name = "WORK")]
    pub only: Vec<String>,
    /// Fewer rounds and sessions: shows that it works, not how fast
    #[arg(long)]
    pub quick: bool,
    /// Puts the table into this file, between its two marks
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// The binary to measure
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_gatepost"))]
    pub gatepost: PathBuf,
    /// Leaves the folder with the configurations and logs
    #[arg(long)]
    pub keep: bool,
    /// Cargo says this to every bench
    #[arg(long, hide = true)]
    pub bench: bool,
    #[command(subcommand)]
    pub role: Option<Role>,
}

#[derive(Subcommand, Debug)]
pub enum Role {
    /// Becomes another program that ends with us
    #[command(hide = true)]
    Tether {
        program: PathBuf,
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        words: Vec<String>,
    },
    /// The upstream
    #[command(hide = true)]
    Stub { folder: PathBuf, imap: SocketAddr, smtp: SocketAddr, hasty: SocketAddr, http: SocketAddr },
    /// The plain relay to compare with; hops are pairs of addresses, from and to
    #[command(hide = true)]
    PlainRelay { ca: PathBuf, hops: Vec<SocketAddr> },
}
