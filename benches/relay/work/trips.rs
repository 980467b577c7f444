//! How often a login crosses the wire to the upstream: counted on a wire that is twenty milliseconds long.

use std::time::{Duration, Instant};

use crate::{
    bench::Bench,
    client::{Imap, user},
    delay_line::{DelayLine, ROUND_TRIP},
    peers::{Kind, Upstream},
    rounds::{Samples, median, note, sample},
    row::{Row, Target::Absolute},
};

/// The fastest of these counts.
const LOGINS: usize = 6;

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let line = DelayLine::new(bench.place.port(), bench.stub.imap).await;
    let ways = bench.ways(&[Kind::Gatepost, Kind::Copy, Kind::Dovecot], Upstream { imap: line.address, ..bench.stub });
    let mut samples = Samples::new();
    let mut times = Samples::new();
    for way in &ways {
        // The first one learns what the upstream can do, and has no ticket.
        sample(way.kind, async { Imap::login(&way.imap, &user(0), 4096).await?.logout().await }).await;
    }
    let rounds = bench.rounds(3);
    for round in 1..=rounds {
        bench.says(&format!("round {round} of {rounds}"));
        for way in &ways {
            let mut fastest = Duration::MAX;
            for _ in 0..LOGINS {
                let start = Instant::now();
                let imap = sample(way.kind, Imap::login(&way.imap, &user(0), 4096)).await;
                fastest = fastest.min(start.elapsed());
                sample(way.kind, imap.logout()).await;
            }
            // A busy machine only adds to it.
            note(&mut samples, way.kind, (fastest.as_secs_f64() / ROUND_TRIP.as_secs_f64()).floor());
            note(&mut times, way.kind, fastest.as_secs_f64() * 1e3);
        }
    }
    let took = times.iter().map(|(kind, times)| format!("{} {:.0} ms", kind.name(), median(times)));
    let note = format!(
        "login time over 40 ms, in whole trips: TCP, TLS, greeting, sign-on; one more for the probe behind it. {}",
        took.collect::<Vec<_>>().join(", ")
    );
    let row = Row::less("round trips of an IMAP login, the probe included", "trips", 0, samples);
    vec![row.bar([Absolute(5.0)]).moonshot([Absolute(2.0)]).note(note)]
}
