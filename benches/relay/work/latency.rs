//! Small things, one after the other: how long a person waits.

use std::time::{Duration, Instant};

use crate::{
    bench::Bench,
    client::{Imap, user},
    peers::{Kind, Way},
    rounds::{Samples, note, quantile, sample},
    row::{
        Row,
        Target::{Absolute, Times},
    },
};

const NOOPS: usize = 3000;
const FETCHES: usize = 1500;
const SMALL: usize = 16 * 1024;
/// What Nagle with delayed acknowledgements costs.
const STEP: Duration = Duration::from_millis(40);

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let ways = bench.ways(&Kind::ALL, bench.stub);
    let (mut noops, mut fetches, mut late) = (Samples::new(), Samples::new(), Samples::new());
    let rounds = bench.rounds(7);
    for round in 1..=rounds {
        bench.says(&format!("round {round} of {rounds}"));
        for way in &ways {
            let times = sample(way.kind, timed(way, share(way.kind, bench.some(NOOPS)), false)).await;
            note(&mut noops, way.kind, quantile(&times, 0.5));
        }
        for way in &ways {
            let times = sample(way.kind, timed(way, share(way.kind, bench.some(FETCHES)), true)).await;
            note(&mut fetches, way.kind, quantile(&times, 0.5));
            note(&mut late, way.kind, times.iter().filter(|time| **time >= STEP).count() as f64);
        }
    }
    vec![
        Row::less("NOOP, p50", "µs", 0, noops)
            .bar([Times(1.3, Kind::Copy)])
            .moonshot([Times(1.1, Kind::Copy)])
            .note("client to stub and back, both hops"),
        Row::less("FETCH of 16 KiB, p50", "µs", 0, fetches)
            .bar([Times(2.0, Kind::Direct)])
            .moonshot([Times(1.4, Kind::Direct)]),
        Row::less(format!("FETCH of 16 KiB, {} times: over 40 ms", bench.some(FETCHES)), "times", 0, late)
            .bar([Absolute(0.0)])
            .note(
                "so long a step is Nagle's, with delayed acknowledgements; of email-oauth2-proxy a twentieth is asked",
            ),
    ]
}

/// email-oauth2-proxy takes Nagle's step for most answers: a twentieth of them shows that, and all of them take a minute.
fn share(kind: Kind, times: usize) -> usize {
    if kind == Kind::EmailProxy { times / 20 } else { times }
}

/// Sorted.
async fn timed(way: &Way, times: usize, fetch: bool) -> std::io::Result<Vec<Duration>> {
    let mut imap = Imap::login(&way.imap, &user(0), 64 * 1024).await?;
    let mut all = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        if fetch {
            imap.fetch(SMALL).await?
        } else {
            imap.noop().await?
        }
        all.push(start.elapsed());
    }
    imap.logout().await?;
    all.sort();
    Ok(all)
}
