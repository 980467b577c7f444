//! A daemon with ten accounts: how soon it greets, and what it needs with nobody there.

use std::time::{Duration, Instant};

use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    bench::Bench,
    client::{Imap, Route, user},
    gatepost::Plan,
    peers::Kind,
    rounds::{Samples, note, sample},
    row::{Row, Target::Absolute},
};

const ACCOUNTS: usize = 10;
const STARTS: usize = 7;
const SETTLED: Duration = Duration::from_secs(1);

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    bench.says(&format!("{ACCOUNTS} accounts sign in"));
    let installed = bench.install(&Plan { accounts: ACCOUNTS, ..bench.plan() });
    let (mut starts, mut base, mut used) = (Samples::new(), Samples::new(), Samples::new());
    let mut parts = Vec::new();
    let rounds = bench.rounds(STARTS);
    for round in 1..=rounds {
        let start = Instant::now();
        let way = installed.spawn();
        greeted(&way.imap).await;
        note(&mut starts, Kind::Gatepost, start.elapsed().as_secs_f64() * 1e3);
        if round == rounds {
            bench.says("memory");
            sleep(SETTLED).await;
            let memory = way.memory();
            note(&mut base, Kind::Gatepost, memory.pss / 1024.0);
            parts.push(format!("{:.1} MiB of it private", memory.private / 1024.0));
            for n in 0..ACCOUNTS {
                sample(Kind::Gatepost, async { Imap::login(&way.imap, &user(n), 4096).await?.logout().await }).await;
            }
            sleep(SETTLED).await;
            note(&mut used, Kind::Gatepost, way.memory().pss / 1024.0);
        }
    }
    let mib = |work: &str, samples| Row::less(work, "MiB", 1, samples).bar([Absolute(20.0)]).moonshot([Absolute(8.0)]);
    vec![
        mib("memory with ten accounts", base).note(parts.join("")),
        mib("the same, after each logged in once", used),
        Row::less("start to first greeting", "ms", 0, starts).bar([Absolute(200.0)]).moonshot([Absolute(50.0)]),
    ]
}

async fn greeted(route: &Route) {
    let soon = timeout(Duration::from_secs(20), async {
        let mut tcp = loop {
            match TcpStream::connect(route.address).await {
                Ok(tcp) => break tcp,
                Err(_) => sleep(Duration::from_millis(1)).await,
            }
        };
        tcp.read(&mut [0; 64]).await
    });
    assert!(matches!(soon.await, Ok(Ok(1..))), "gatepost run does not greet");
}
