//! One large message: how much memory it takes on its way, through the queue too.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    bench::Bench,
    client::{Smtp, user},
    figures,
    gatepost::Plan,
    peers::Kind,
    rounds::{Samples, note, sample},
    row::{Row, Target::Absolute},
};

const MIB: usize = 1024 * 1024;
const PROXIES: [Kind; 4] = [Kind::Gatepost, Kind::Copy, Kind::Haproxy, Kind::Stunnel];

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for size in [30, 150] {
        let mut samples = Samples::new();
        for kind in PROXIES {
            for way in bench.ways(&[kind], bench.stub) {
                bench.says(&format!("{size} MiB through {}", kind.name()));
                // A small one first: what it takes is not the large one's.
                let mut smtp = sample(kind, Smtp::login(&way.smtp, &user(0))).await;
                sample(kind, smtp.send(1024)).await;
                let before = figures::begin_peak(way.pid());
                sample(kind, smtp.send(size * MIB)).await;
                note(&mut samples, kind, (figures::peak(way.pid()) - before) / 1024.0);
                sample(kind, smtp.quit()).await;
            }
        }
        let row = Row::less(format!("growth for one message of {size} MiB"), "MiB", 1, samples);
        rows.push(row.bar([Absolute(4.0)]).moonshot([Absolute(1.0)]));
    }
    rows.push(queued(bench, 150).await);
    rows
}

/// In, onto the disk, and out again.
async fn queued(bench: &Bench<'_>, size: usize) -> Row {
    bench.says(&format!("{size} MiB through the queue"));
    let installed = bench.install(&Plan { delivery: "queue", ..bench.plan() });
    let way = installed.run();
    let mut samples = Samples::new();
    let through = async |octets| {
        let mut smtp = Smtp::login(&way.smtp, &user(0)).await?;
        smtp.send(octets).await?;
        smtp.quit().await?;
        while installed.queued() > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    sample(way.kind, through(1024)).await;
    let before = figures::begin_peak(way.pid());
    sample(way.kind, through(size * MIB)).await;
    note(&mut samples, way.kind, (figures::peak(way.pid()) - before) / 1024.0);
    let row = Row::less(format!("growth for one message of {size} MiB through the queue"), "MiB", 1, samples);
    row.bar([Absolute(4.0)]).moonshot([Absolute(1.0)])
}
