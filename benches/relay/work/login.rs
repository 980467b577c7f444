//! Logging in and out, over and over, as pollers do: the password is remembered and the token is held.

use crate::{
    bench::Bench,
    client::{Imap, user},
    peers::{Kind, Way},
    rounds::{Samples, note, sample},
    row::{Row, Target::Absolute},
};

const LOGINS: usize = 600;
/// For who takes a fifth of a second for each.
const SLOW: usize = 20;
const PROXIES: [Kind; 6] = [Kind::Gatepost, Kind::Copy, Kind::Haproxy, Kind::Stunnel, Kind::Dovecot, Kind::EmailProxy];

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let ways = bench.ways(&PROXIES, bench.stub);
    let logins = bench.some(LOGINS);
    let mut samples = Samples::new();
    for way in &ways {
        sample(way.kind, logged_in(way, 5)).await;
    }
    let rounds = bench.rounds(3);
    for round in 1..=rounds {
        bench.says(&format!("round {round} of {rounds}"));
        for way in &ways {
            let logins = if way.kind == Kind::EmailProxy { logins / SLOW } else { logins };
            let paid = sample(way.kind, logged_in(way, logins)).await;
            note(&mut samples, way.kind, paid * 1e3 / logins as f64);
        }
    }
    let row = Row::less("login and logout, CPU of the proxy", "ms", 2, samples);
    vec![row.bar([Absolute(0.5)]).moonshot([Absolute(0.3)])]
}

async fn logged_in(way: &Way, times: usize) -> std::io::Result<f64> {
    let before = way.cpu().unwrap();
    for _ in 0..times {
        Imap::login(&way.imap, &user(0), 4096).await?.logout().await?;
    }
    Ok(way.cpu().unwrap() - before)
}
