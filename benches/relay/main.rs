//! `make bench`: Gatepost beside direct TLS, a plain copy relay, HAProxy, stunnel, Dovecot's login proxy and
//! email-oauth2-proxy.
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

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use args::{Args, Role};
use bench::Bench;

/// Whatever hangs, the run goes on.
const ONE_WORK: Duration = Duration::from_secs(5 * 60);

fn main() -> ExitCode {
    let args = Args::parse();
    match &args.role {
        Some(Role::Tether { program, words }) => part::tether(program, words),
        Some(Role::Stub { folder, imap, smtp, hasty, http }) => {
            runtime().block_on(stub::run(folder, *imap, *smtp, *hasty, *http));
        }
        Some(Role::PlainRelay { ca, hops }) => runtime().block_on(plain_relay::run(ca, hops)),
        None => return measure(&args),
    }
    ExitCode::SUCCESS
}

/// Children are started on this thread alone: it is the one whose end they hear of.
fn measure(args: &Args) -> ExitCode {
    let files = raise_files();
    let runtime = runtime();
    let bench = runtime.block_on(async { Bench::new(args, files) });
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (name, work) in work::wanted(&bench) {
        bench.begins(name);
        let bounded = async {
            tokio::select! {
                rows = tokio::time::timeout(ONE_WORK, work(&bench)) => Some(rows.expect("took too long")),
                () = interrupted() => None,
            }
        };
        // A work that fails says why, ends what it started, and costs no other its figures.
        match catch_unwind(AssertUnwindSafe(|| runtime.block_on(bounded))) {
            Ok(Some(more)) => rows.extend(more),
            Ok(None) => return ExitCode::FAILURE,
            Err(_) => failed.push(name),
        }
    }
    let report = document::report(&rows, &args.gatepost, args.quick);
    println!("\n{report}");
    // No failure: on a busy machine a ratio may miss its bar, and what that means a person says.
    for row in &rows {
        row.misses().for_each(|miss| eprintln!("bench: {}, {}: {}", row.work, row.unit, miss.replace("**", "")));
    }
    if !failed.is_empty() {
        eprintln!("bench: not measured, see above: {}", failed.join(", "));
        return ExitCode::FAILURE;
    }
    if let Some(file) = &args.write {
        document::write(file, &report);
        eprintln!("bench: written into {}", file.display());
    }
    ExitCode::SUCCESS
}

/// Ctrl-C, or a wish from outside that it ends.
async fn interrupted() {
    let mut ended = signal(SignalKind::terminate()).unwrap();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = ended.recv() => {}
    }
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
