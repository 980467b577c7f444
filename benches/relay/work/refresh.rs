//! A thousand logins on a token that has ended: how many requests that makes.

use std::time::{Duration, Instant};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    bench::Bench,
    client::{Imap, user},
    gatepost::{Hash, Installed, Plan},
    peers::Kind,
    rounds::{Samples, note, sample},
    row::{Row, Target::Exactly},
    stub::EXPIRED,
};

const LOGINS: usize = 1000;
/// No token is believed to end sooner than this after it came.
const LIFE: Duration = Duration::from_secs(61);

/// Signed in with a token that ends while the other works are done.
pub struct Ageing {
    installed: Installed,
    since: Instant,
}

impl Ageing {
    pub fn new(bench: &Bench<'_>) -> Self {
        let plan = Plan { token_url: bench.url(EXPIRED), hash: Hash::Cheap, ..bench.plan() };
        Self { installed: bench.install(&plan), since: Instant::now() }
    }
}

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let Ageing { installed, since } = bench.ageing.take().unwrap();
    bench.says("waiting for the token to end");
    sleep(LIFE.saturating_sub(since.elapsed())).await;
    let before = bench.refreshes().await;
    let way = installed.run();
    bench.says(&format!("{LOGINS} logins"));
    let start = Instant::now();
    let mut logins = JoinSet::new();
    for _ in 0..LOGINS {
        let route = way.imap.clone();
        logins.spawn(async move { Imap::login(&route, &user(0), 4096).await });
    }
    let sessions = sample(Kind::Gatepost, async {
        let mut sessions = Vec::new();
        while let Some(session) = logins.join_next().await {
            sessions.push(session.unwrap()?);
        }
        Ok(sessions)
    })
    .await;
    let took = start.elapsed().as_secs_f64();
    let mut samples = Samples::new();
    note(&mut samples, Kind::Gatepost, f64::from(bench.refreshes().await - before));
    let row = Row::less(format!("{LOGINS} simultaneous logins on an expired token"), "refreshes", 0, samples);
    let note = format!("{} were let in within {took:.1} s; the endpoint took 3.0 s to answer", sessions.len());
    vec![row.bar([Exactly(1.0)]).moonshot([Exactly(1.0)]).note(note)]
}
