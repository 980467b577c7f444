//! Small messages: one on each connection as devices send them, and fifty on each as programs do.

use std::{io, time::Instant};

use tokio::task::JoinSet;

use crate::{
    bench::Bench,
    client::{Smtp, user},
    peers::{Kind, Way},
    rounds::{Samples, median, note, sample},
    row::{
        Row,
        Target::{Absolute, Times},
    },
};

const OCTETS: usize = 10 * 1024;
/// Senders at the same time.
pub const SENDERS: usize = 4;
const WAYS: [Kind; 5] = [Kind::Gatepost, Kind::Direct, Kind::Copy, Kind::Haproxy, Kind::Stunnel];

/// How many connections each sender makes, and how many messages it sends on each.
#[derive(Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub messages: usize,
}

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let ways = bench.ways(&WAYS, bench.stub);
    let single = Load { connections: bench.some(120), messages: 1 };
    let fifty = Load { connections: bench.some(10), messages: 50 };
    let (mut rates, mut paid) = ([Samples::new(), Samples::new()], [Samples::new(), Samples::new()]);
    for way in &ways {
        sample(way.kind, all_send(way, Load { connections: 1, messages: 1 })).await;
    }
    let rounds = bench.rounds(5);
    for round in 1..=rounds {
        bench.says(&format!("round {round} of {rounds}"));
        for (load, (rates, paid)) in [single, fifty].into_iter().zip(rates.iter_mut().zip(&mut paid)) {
            for way in &ways {
                let (cpu, start) = (way.cpu(), Instant::now());
                sample(way.kind, all_send(way, load)).await;
                let sent = (SENDERS * load.connections * load.messages) as f64;
                note(rates, way.kind, sent / start.elapsed().as_secs_f64());
                if let Some(paid_before) = cpu {
                    note(paid, way.kind, (way.cpu().unwrap() - paid_before) * 1e3 / sent);
                }
            }
        }
    }
    let warm = rates[1].get(&Kind::Direct).cloned().unwrap_or_default();
    let ([single_rate, fifty_rate], [single_cpu, fifty_cpu]) = (rates, paid);
    let cpu = |work, samples| {
        Row::less(work, "ms", 3, samples).bar([Times(2.0, Kind::Copy)]).moonshot([Times(1.3, Kind::Copy)])
    };
    vec![
        cpu("SMTP 10 KiB, one message a connection, CPU", single_cpu),
        cpu("SMTP 10 KiB, 50 messages a connection, CPU", fifty_cpu),
        Row::more("SMTP 10 KiB, one message a connection", "msg/s", 0, single_rate)
            .bar([Times(3.0, Kind::Stunnel)])
            .moonshot([Absolute(median(&warm).round())])
            .note(
                "on upstream connections that the one before left; the moonshot is direct's rate over one connection",
            ),
        Row::more("SMTP 10 KiB, 50 messages a connection", "msg/s", 0, fifty_rate),
    ]
}

pub async fn all_send(way: &Way, load: Load) -> io::Result<()> {
    let mut senders: JoinSet<io::Result<()>> = JoinSet::new();
    for _ in 0..SENDERS {
        let route = way.smtp.clone();
        senders.spawn(async move {
            for _ in 0..load.connections {
                let mut smtp = Smtp::login(&route, &user(0)).await?;
                for _ in 0..load.messages {
                    smtp.send(OCTETS).await?;
                }
                smtp.quit().await?;
            }
            Ok(())
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.unwrap()?;
    }
    Ok(())
}
