//! `make bench`: Gatepost beside direct TLS, a plain copy relay, HAProxy, stunnel and Dovecot's login proxy.
//!
//! Everything is measured in one run, in turns, because only ratios within one run mean anything on a shared machine.
//! Clients (this process) speak plain to every proxy; every proxy speaks TLS 1.3 to one stub, a process of its own.
//! It refuses to compare what was not measured now: no figure of an earlier run or another machine enters the table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a bench may stop
#![allow(clippy::print_stdout, clippy::print_stderr)] // and says how far it is
#![allow(clippy::disallowed_methods)] // and waits for processes

mod args;
mod bench;
mod client;
mod delay_line;
mod document;
mod figures;
mod gatepost;
mod part;
mod peers;
mod place;
mod plain_relay;
mod rounds;
mod row;
mod stub;
mod table;
mod work;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use args::{Args, Role};
use bench::Bench;

/// Whatever hangs, the run ends.
const WHOLE_RUN: Duration = Duration::from_secs(30 * 60);

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.role {
        Some(Role::Tether { program, words }) => part::tether(program, words),
        Some(Role::Stub { folder, imap, smtp, http }) => runtime().block_on(stub::run(folder, *imap, *smtp, *http)),
        Some(Role::PlainRelay { ca, hops }) => runtime().block_on(plain_relay::run(ca, hops)),
        None => return measure(&args),
    }
    ExitCode::SUCCESS
}

/// Children are started on this thread alone: it is the one whose end they hear of.
fn measure(args: &Args) -> ExitCode {
    let files = raise_files();
    let measured = runtime().block_on(async {
        let bench = Bench::new(args, files);
        tokio::select! {
            rows = tokio::time::timeout(WHOLE_RUN, work::run(&bench)) => match rows {
                Ok(rows) => Some(rows),
                Err(_) => { eprintln!("bench: the run took longer than {WHOLE_RUN:?} and was ended"); None }
            },
            _ = tokio::signal::ctrl_c() => { eprintln!("bench: interrupted"); None }
        }
        // Every part ends with `bench` and with the work that started it.
    });
    let Some(rows) = measured else { return ExitCode::FAILURE };
    let report = document::report(&rows, &args.gatepost, args.quick);
    println!("\n{report}");
    if let Some(file) = &args.write {
        document::write(file, &report);
        eprintln!("bench: written into {}", file.display());
    }
    ExitCode::SUCCESS
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// 5,000 sessions are 10,000 descriptors in a proxy, which inherits this. The limit that holds.
fn raise_files() -> u64 {
    let had = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: had.maximum, maximum: had.maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
