//! Thousands of sessions that wait for mail: what each costs, before and after it was used, and what all cost idle.

use std::{io, time::Duration};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    bench::Bench,
    client::{Imap, user},
    figures::Ran,
    peers::{Kind, Way},
    rounds::{Samples, note, sample},
    row::{Row, Target::Absolute},
};

const SOME: usize = 1000;
const MANY: usize = 5000;
const PROXIES: [Kind; 5] = [Kind::Gatepost, Kind::Copy, Kind::Haproxy, Kind::Stunnel, Kind::Dovecot];
/// Logged in, or used, at the same time.
const TOGETHER: usize = 16;
const SETTLED: Duration = Duration::from_millis(700);
const IDLE: Duration = Duration::from_secs(5);
/// A proxy has two for each session, and some for itself.
const SPARE: u64 = 500;

/// What is measured with one number of sessions.
#[derive(Default)]
struct Measured {
    idle: Samples,
    used: Samples,
}

pub async fn run(bench: &Bench<'_>) -> Vec<Row> {
    let (mut some, mut many, mut idle_cpu) = (Measured::default(), Measured::default(), Samples::new());
    let mut notes = Vec::new();
    for kind in PROXIES {
        // Each begins fresh: memory that was used once is not given back by all of them.
        for way in bench.ways(&[kind], bench.stub) {
            bench.says(&format!("{SOME} sessions through {}", kind.name()));
            let mut crowd = Crowd::new(&way).await;
            crowd.measure(SOME, &mut some).await;
            if kind == Kind::Gatepost || kind == Kind::Copy {
                let room = usize::try_from((bench.files.saturating_sub(SPARE)) / 2).unwrap();
                let wanted = MANY.min(room);
                if wanted < MANY {
                    notes.push(format!("only {wanted} sessions: the limit of open files is {}", bench.files));
                }
                bench.says(&format!("{wanted} sessions through {}", kind.name()));
                crowd.grow(wanted).await;
                note(&mut idle_cpu, kind, crowd.idle_cpu().await);
                crowd.measure(wanted, &mut many).await;
            }
        }
    }
    let kib =
        |work: String, samples| Row::less(work, "KiB", 1, samples).bar([Absolute(12.0)]).moonshot([Absolute(8.0)]);
    let what = "growth of Pss over the number of sessions; used: NOOP, FETCH and APPEND of 16 KiB on each";
    vec![
        kib(format!("memory per idle IMAP session, {SOME}"), some.idle).note(what),
        kib("the same, after each was used".to_owned(), some.used),
        kib(format!("memory per idle IMAP session, {MANY}"), many.idle).note(notes.join("; ")),
        kib("the same, after each was used".to_owned(), many.used),
        Row::less(format!("CPU while {MANY} sessions idle"), "ms/s", 2, idle_cpu)
            .bar([Absolute(1.0)])
            .moonshot([Absolute(0.0)]),
    ]
}

struct Crowd<'a> {
    way: &'a Way,
    before: f64,
    all: Vec<Imap>,
}

impl<'a> Crowd<'a> {
    /// What a first login leaves behind is no session's.
    async fn new(way: &'a Way) -> Self {
        sample(way.kind, async { Imap::login(&way.imap, &user(0), 4096).await?.logout().await }).await;
        sleep(SETTLED).await;
        Self { way, before: way.memory().pss, all: Vec::new() }
    }

    async fn grow(&mut self, to: usize) {
        let mut logins = JoinSet::new();
        let share = (to - self.all.len()).div_ceil(TOGETHER);
        for first in (self.all.len()..to).step_by(share.max(1)) {
            let (route, count) = (self.way.imap.clone(), share.min(to - first));
            logins.spawn(async move {
                let mut all = Vec::with_capacity(count);
                for _ in 0..count {
                    all.push(Imap::login(&route, &user(0), 4096).await?);
                }
                Ok(all)
            });
        }
        self.all.extend(together(self.way.kind, logins).await);
        sleep(SETTLED).await;
    }

    async fn use_all(&mut self) {
        let mut uses = JoinSet::new();
        let share = self.all.len().div_ceil(TOGETHER).max(1);
        while !self.all.is_empty() {
            let mut part = self.all.split_off(self.all.len().saturating_sub(share));
            uses.spawn(async move {
                for imap in &mut part {
                    imap.noop().await?;
                    imap.fetch(16 * 1024).await?;
                    imap.append(16 * 1024).await?;
                }
                Ok(part)
            });
        }
        self.all = together(self.way.kind, uses).await;
        sleep(SETTLED).await;
    }

    async fn measure(&mut self, sessions: usize, into: &mut Measured) {
        self.grow(sessions).await;
        note(&mut into.idle, self.way.kind, self.each());
        self.use_all().await;
        note(&mut into.used, self.way.kind, self.each());
    }

    fn each(&self) -> f64 {
        (self.way.memory().pss - self.before) / self.all.len() as f64
    }

    async fn idle_cpu(&self) -> f64 {
        let before = Ran::so_far(self.way.pid());
        sleep(IDLE).await;
        Ran::so_far(self.way.pid()).since(&before).as_secs_f64() * 1e3 / IDLE.as_secs_f64()
    }
}

async fn together(kind: Kind, mut works: JoinSet<io::Result<Vec<Imap>>>) -> Vec<Imap> {
    sample(kind, async {
        let mut all = Vec::new();
        while let Some(part) = works.join_next().await {
            all.extend(part.unwrap()?);
        }
        Ok(all)
    })
    .await
}
