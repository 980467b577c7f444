//! Small things, one after the other: how long a person waits.

use std::time::{Duration, Instant};

use crate::{
    bench::Bench,
    client::{Imap, user},
    peers::{Kind, Way},
    rounds::{Samples, median, note, quantile, sample},
    row::{Row, Target::Times},
};

const NOOPS: usize = 3000;
const FETCHES: usize = 1500;
const SMALL: usize = 16 * 1024;
/// What Nagle with delayed acknowledgements costs.
const STEP: f64 = 40_000.0;

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let ways = bench.ways(&Kind::ALL, bench.stub);
    let (mut noops, mut fetches, mut slowest) = (Samples::new(), Samples::new(), Samples::new());
    let rounds = bench.rounds(7);
    for round in 1..=rounds {
        bench.says(&format!("round {round} of {rounds}"));
        for way in &ways {
            let times = sample(way.kind, timed(way, bench.some(NOOPS), false)).await;
            note(&mut noops, way.kind, quantile(&times, 0.5));
        }
        for way in &ways {
            let times = sample(way.kind, timed(way, bench.some(FETCHES), true)).await;
            note(&mut fetches, way.kind, quantile(&times, 0.5));
            note(&mut slowest, way.kind, quantile(&times, 0.99));
        }
    }
    let p99 = median(&slowest[&Kind::Gatepost]);
    let step = if p99 < STEP { "no 40 ms step" } else { "**there is a 40 ms step**" };
    vec![
        Row::less("NOOP, p50", "µs", 0, noops)
            .bar([Times(1.3, Kind::Copy)])
            .moonshot([Times(1.1, Kind::Copy)])
            .note("client to stub and back, both hops"),
        Row::less("FETCH of 16 KiB, p50", "µs", 0, fetches)
            .bar([Times(2.0, Kind::Direct)])
            .moonshot([Times(1.4, Kind::Direct)])
            .note(format!("p99 of Gatepost {p99:.0} µs: {step}")),
    ]
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
