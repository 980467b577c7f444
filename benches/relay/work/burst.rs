//! Many clients in the same instant, as behind a power cut: who is lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::Barrier, task::JoinSet, time::timeout};

use crate::{
    bench::Bench,
    client::{Imap, user},
    peers::{Kind, Way},
    rounds::{Samples, note},
    row::{Row, Target::Absolute},
};

const PATIENCE: Duration = Duration::from_secs(30);
const PROXIES: [Kind; 5] = [Kind::Gatepost, Kind::Copy, Kind::Haproxy, Kind::Stunnel, Kind::Dovecot];

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let (mut few, mut many, mut took) = (Samples::new(), Samples::new(), Vec::new());
    for way in bench.ways(&PROXIES, bench.stub) {
        bench.says(&format!("256 and 2,000 at once through {}", way.kind.name()));
        for (clients, samples) in [(256, &mut few), (2000, &mut many)] {
            let start = Instant::now();
            let lost = lost(&way, clients).await;
            note(samples, way.kind, lost as f64);
            if clients == 2000 {
                took.push(format!("{} {:.1} s", way.kind.name(), start.elapsed().as_secs_f64()));
            }
        }
    }
    vec![
        Row::less("256 connections at once", "lost", 0, few).bar([Absolute(0.0)]),
        Row::less("2,000 connections at once", "lost", 0, many).moonshot([Absolute(0.0)]).note(format!(
            "each logs in, says NOOP and logs out within {PATIENCE:?}; all were done in {}",
            took.join(", ")
        )),
    ]
}

async fn lost(way: &Way, clients: usize) -> usize {
    let gun = Arc::new(Barrier::new(clients));
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let (gun, route) = (gun.clone(), way.imap.clone());
        all.spawn(async move {
            gun.wait().await;
            let session = async {
                let mut imap = Imap::login(&route, &user(0), 4096).await?;
                imap.noop().await?;
                imap.logout().await
            };
            matches!(timeout(PATIENCE, session).await, Ok(Ok(())))
        });
    }
    let served = all.join_all().await;
    served.iter().filter(|served| !**served).count()
}
