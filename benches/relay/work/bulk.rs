//! Large messages out and in: rate, and what the proxy pays for it.

use std::time::Instant;

use crate::{
    bench::Bench,
    client::{Imap, user},
    peers::{Kind, Way},
    rounds::{Samples, note, sample},
    row::{
        Row,
        Target::{self, Times},
    },
};

const MIB: usize = 1024 * 1024;
/// Enough that a tick of the CPU clock (10 ms) is some percent.
const MESSAGES: usize = 384;
/// Dovecot takes ten times as long for APPEND, email-oauth2-proxy for both; their figures are exact enough with less.
const SLOW: usize = 6;

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let ways = bench.ways(&Kind::ALL, bench.stub);
    let messages = bench.some(MESSAGES);
    let mut got = [Samples::new(), Samples::new()];
    let mut paid = [Samples::new(), Samples::new()];
    let rounds = bench.rounds(5);
    for round in 1..=rounds {
        bench.says(&format!("round {round} of {rounds}"));
        for (direction, (got, paid)) in got.iter_mut().zip(&mut paid).enumerate() {
            for way in &ways {
                let slow = way.kind == Kind::EmailProxy || way.kind == Kind::Dovecot && direction == 1;
                let messages = if slow { messages / SLOW } else { messages };
                let (rate, cpu) = sample(way.kind, transfer(way, messages, direction == 0)).await;
                note(got, way.kind, rate);
                if let Some(cpu) = cpu {
                    note(paid, way.kind, cpu);
                }
            }
        }
    }
    let [fetch, append] = got;
    let [fetch_cpu, append_cpu] = paid;
    vec![
        rate("IMAP FETCH, 1 MiB literals", fetch),
        cpu("the same, CPU of the proxy", fetch_cpu),
        rate("IMAP APPEND, 1 MiB literals", append),
        cpu("the same, CPU of the proxy", append_cpu),
    ]
}

fn rate(work: &str, samples: Samples) -> Row {
    let bar: [Target; 2] = [Times(1.0, Kind::Haproxy), Times(1.0, Kind::Stunnel)];
    let moonshot: [Target; 2] = [Times(1.4, Kind::Haproxy), Times(0.75, Kind::Direct)];
    Row::more(work, "MB/s", 0, samples).bar(bar).moonshot(moonshot)
}

fn cpu(work: &str, samples: Samples) -> Row {
    let bar: [Target; 3] = [Times(0.70, Kind::Copy), Times(0.50, Kind::Dovecot), Times(1.0 / 12.0, Kind::EmailProxy)];
    Row::less(work, "s/GB", 2, samples).bar(bar).moonshot([Times(0.60, Kind::Copy)])
}

/// MB/s, and CPU seconds per GB where somebody is in between.
async fn transfer(way: &Way, messages: usize, out: bool) -> std::io::Result<(f64, Option<f64>)> {
    let mut imap = Imap::login(&way.imap, &user(0), 256 * 1024).await?;
    if out {
        imap.fetch(MIB).await?
    } else {
        imap.append(MIB).await?
    }
    let (cpu, start) = (way.cpu(), Instant::now());
    for _ in 0..messages {
        if out { imap.fetch(MIB).await? } else { imap.append(MIB).await? }
    }
    let seconds = start.elapsed().as_secs_f64();
    let paid = way.cpu().zip(cpu).map(|(after, before)| after - before);
    imap.logout().await?;
    let bytes = (messages * MIB) as f64;
    Ok((bytes / 1e6 / seconds, paid.map(|paid| paid / (bytes / 1e9))))
}
