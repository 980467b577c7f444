//! The works in the order in which they are done. Each starts what it needs and ends it; none leaves load behind.

mod bulk;
mod burst;
mod growth;
mod latency;
mod login;
mod refresh;
mod sessions;
mod smtp;
mod start;
mod trips;
mod warm;

use std::pin::Pin;

use crate::{bench::Bench, row::Row};

pub use refresh::Ageing;

pub type Work = for<'a> fn(&'a Bench<'_>) -> Pin<Box<dyn Future<Output = Vec<Row>> + 'a>>;

const WORKS: [(&str, Work); 11] = [
    ("bulk", |bench| Box::pin(bulk::run(bench))),
    ("login", |bench| Box::pin(login::run(bench))),
    ("trips", |bench| Box::pin(trips::run(bench))),
    ("latency", |bench| Box::pin(latency::run(bench))),
    ("sessions", |bench| Box::pin(sessions::run(bench))),
    ("burst", |bench| Box::pin(burst::run(bench))),
    ("smtp", |bench| Box::pin(smtp::run(bench))),
    ("warm", |bench| Box::pin(warm::run(bench))),
    ("growth", |bench| Box::pin(growth::run(bench))),
    ("refresh", |bench| Box::pin(refresh::run(bench))),
    ("start", |bench| Box::pin(start::run(bench))),
];

/// What is asked for, in order.
pub fn wanted(bench: &Bench<'_>) -> Vec<(&'static str, Work)> {
    let only = &bench.args.only;
    let unknown = only.iter().find(|name| !WORKS.iter().any(|(known, _)| known == name));
    if let Some(unknown) = unknown {
        eprintln!("error: --only {unknown}: there is no such work\nhint: {}", WORKS.map(|(name, _)| name).join(", "));
        std::process::exit(2);
    }
    let mut wanted = WORKS.to_vec();
    wanted.retain(|(name, _)| only.is_empty() || only.iter().any(|one| one == name));
    if wanted.iter().any(|(name, _)| *name == "refresh") {
        bench.ageing.set(Some(Ageing::new(bench)));
    }
    wanted
}
