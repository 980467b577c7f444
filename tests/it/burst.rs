//! Many at once who wait themselves: each hears in its time whether its message went, and that is true.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gatepost::base::Protocol;
use tokio::time::Instant;

use crate::{
    mail_queue::{ahead, subject},
    world::{ANN, BOB, PASSWORD, Plan, World, account, together},
};

/// For room.
const BOUND: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_secs(3);

/// Since when each of those waits that are owed an answer.
#[derive(Default)]
struct Waiting(RefCell<BTreeMap<String, Instant>>);

impl Waiting {
    async fn heard<T>(&self, who: &str, answer: impl Future<Output = T>) -> T {
        self.0.borrow_mut().insert(who.to_owned(), Instant::now());
        let said = answer.await;
        self.0.borrow_mut().remove(who);
        said
    }

    fn is_in_time(&self) -> bool {
        self.0.borrow().values().all(|asked| asked.elapsed() < BOUND)
    }
}

/// One message on a connection of its own; the last word.
async fn alert(world: &World, user: &str, subject: &str, waiting: &Waiting) -> String {
    let mut smtp = world.greeted(Protocol::Smtp).await;
    let mut said = waiting.heard(subject, smtp.login(Protocol::Smtp, user, PASSWORD)).await;
    if !said.starts_with("235 ") {
        return said;
    }
    let text = format!("From: <{ANN}>\r\nSubject: {subject}\r\n\r\nsince just now\r\n.");
    for (line, good) in
        [(format!("MAIL FROM:<{ANN}>"), '2'), (format!("RCPT TO:<{BOB}>"), '2'), ("DATA".into(), '3'), (text, '2')]
    {
        smtp.say(&line).await;
        said = waiting.heard(subject, smtp.line()).await;
        if !said.starts_with(good) {
            break;
        }
    }
    smtp.say("QUIT").await;
    said
}

/// Microsoft's limits on both sides: three connections, thirty messages a minute.
#[tokio::test]
async fn of_two_hundred_alerts_at_once_each_hears_in_its_time_and_those_with_a_250_arrive_and_no_other() {
    let world = &World::new().await;
    let (taken, refused) = (RefCell::new(BTreeSet::new()), RefCell::new(Vec::new()));
    let (done, waiting) = (Cell::new(false), Waiting::default());
    let all = async {
        together((0..200).map(|n| {
            let (taken, refused, waiting) = (&taken, &refused, &waiting);
            async move {
                let subject = format!("alert {n}");
                let said = alert(world, ANN, &subject, waiting).await;
                match said.starts_with("250 ") {
                    true => drop(taken.borrow_mut().insert(subject)),
                    false => refused.borrow_mut().push(said),
                }
            }
        }))
        .await;
        done.set(true);
    };
    let time = async {
        world.until("the minute is used up", |world| world.sandbox.submissions().len() == 30).await;
        while !done.get() {
            // It goes on once whoever's time is over has heard: that takes some of the machine's time, and none of this clock.
            world.until("each hears in its time", |_| waiting.is_in_time()).await;
            ahead(STEP).await;
        }
    };
    tokio::join!(all, time);
    let (taken, refused) = (taken.into_inner(), refused.into_inner());
    assert_eq!(taken.len() + refused.len(), 200);
    assert!(taken.len() >= 30, "{refused:?}");
    let busy = |said: &&String| said.starts_with("454 4.7.0 ") || said.starts_with("451 4.3.2 ");
    assert_eq!(refused.iter().find(|said| !busy(said)), None, "each may try again");
    let arrived: Vec<_> = world.sandbox.submissions().iter().map(subject).collect();
    assert_eq!(arrived.len(), taken.len(), "each once");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), taken);
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 3);
    let lines = world.sandbox.transcript().lines();
    assert!(!lines.iter().any(|line| line.exposed().starts_with("432 ")), "the mail server had to say nothing of it");
}

/// As where each device has a password of its own.
#[tokio::test]
async fn accounts_that_send_through_one_mailbox_share_what_that_is_allowed() {
    const ALIAS: &str = "scanner@contoso.example";
    let keys = format!("sign-in-as = \"{ANN}\"\nsend-as = [\"{ANN}\"]");
    let world = &World::with(Plan { more: account(ALIAS, &keys), ..Plan::default() }).await;
    let waiting = &Waiting::default();
    together((0..12).map(|n| async move {
        let said = alert(world, if n % 2 == 0 { ANN } else { ALIAS }, &format!("alert {n}"), waiting).await;
        assert!(said.starts_with("250 "), "{said}");
    }))
    .await;
    assert_eq!(world.sandbox.submissions().len(), 12);
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 3);
    assert_eq!(world.sandbox.counts().injected, 0);
}
