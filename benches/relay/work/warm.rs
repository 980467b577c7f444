//! One alert after the other, as monitoring sends them: on a connection that an earlier one left, and on a new one.
//!
//! The new one is forced from outside: its upstream hangs up behind each message. So both are the same program with the
//! same configuration, and take turns.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    bench::Bench,
    client::{Smtp, user},
    delay_line::DelayLine,
    gatepost::Plan,
    peers::{Kind, Upstream, Way},
    rounds::{Samples, note, quantile, sample},
    row::{Row, Target::Absolute},
    work::smtp::{Load, SENDERS, all_send},
};

const OCTETS: usize = 1024;
const ALERTS: usize = 12;
/// Between two alerts, so that the first one's connection is left over.
const LULL: Duration = Duration::from_millis(50);

/// Where the upstream keeps its connections, and where it hangs up.
struct Pair {
    warm: Way,
    cold: Way,
}

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let near = Pair::new(bench, bench.stub.smtp, bench.hasty);
    let lines = [
        DelayLine::new(bench.place.port(), bench.stub.smtp).await,
        DelayLine::new(bench.place.port(), bench.hasty).await,
    ];
    let far = Pair::new(bench, lines[0].address, lines[1].address);
    let load = Load { connections: bench.some(120), messages: 1 };
    for way in [&near.warm, &near.cold, &far.warm, &far.cold] {
        sample(way.kind, all_send(way, Load { connections: 1, messages: 1 })).await;
    }
    let (mut rates, mut times) = (Outcome::default(), Outcome::default());
    let rounds = bench.rounds(5);
    for round in 1..=rounds {
        bench.says(&format!("round {round} of {rounds}"));
        rates.note(
            sample(Kind::Gatepost, rate(&near.warm, load)).await,
            sample(Kind::Gatepost, rate(&near.cold, load)).await,
        );
        let alerts = bench.some(ALERTS);
        times.note(
            sample(Kind::Gatepost, median_alert(&far.warm, alerts)).await,
            sample(Kind::Gatepost, median_alert(&far.cold, alerts)).await,
        );
    }
    vec![
        Row::more("alerts of 1 KiB, one a connection, warm", "msg/s", 0, rates.warm),
        Row::more("the same, cold", "msg/s", 0, rates.cold),
        Row::more("the same, warm over cold", "times", 2, rates.ratio).bar([Absolute(1.2)]).moonshot([Absolute(2.0)]),
        Row::less("one alert over a line of 40 ms, warm", "ms", 0, times.warm)
            .note("from connecting to the 250 behind the end of data"),
        Row::less("the same, cold", "ms", 0, times.cold),
        Row::less("the same, warm over cold", "times", 2, times.ratio).bar([Absolute(0.7)]).moonshot([Absolute(0.5)]),
    ]
}

impl Pair {
    fn new(bench: &Bench<'_>, keeps: std::net::SocketAddr, hangs_up: std::net::SocketAddr) -> Self {
        let way = |smtp| bench.install(&Plan { to: Upstream { smtp, ..bench.stub }, ..bench.plan() }).run();
        Self { warm: way(keeps), cold: way(hangs_up) }
    }
}

/// What both reached, and their ratio in each round.
#[derive(Default)]
struct Outcome {
    warm: Samples,
    cold: Samples,
    ratio: Samples,
}

impl Outcome {
    fn note(&mut self, warm: f64, cold: f64) {
        note(&mut self.warm, Kind::Gatepost, warm);
        note(&mut self.cold, Kind::Gatepost, cold);
        note(&mut self.ratio, Kind::Gatepost, warm / cold);
    }
}

/// Messages a second.
async fn rate(way: &Way, load: Load) -> io::Result<f64> {
    let start = Instant::now();
    all_send(way, load).await?;
    Ok((SENDERS * load.connections) as f64 / start.elapsed().as_secs_f64())
}

/// Milliseconds.
async fn median_alert(way: &Way, alerts: usize) -> io::Result<f64> {
    let mut times = Vec::with_capacity(alerts);
    for _ in 0..alerts {
        let start = Instant::now();
        let mut smtp = Smtp::login(&way.smtp, &user(0)).await?;
        smtp.send(OCTETS).await?;
        times.push(start.elapsed());
        smtp.quit().await?;
        sleep(LULL).await;
    }
    times.sort();
    Ok(quantile(&times, 0.5) / 1e3)
}
