//! The queue's own disk in the way: no mail server is bothered meanwhile, everybody who should know hears of it, and it
//! passes with the trouble.

use std::time::Duration;

use gatepost::{base::Protocol, catalog, sandbox::Answer};
use sqlx::{AssertSqlSafe, SqlitePool};

use super::{ahead, arrived, by_steps, jump, plan, queue, until_empty};
use crate::{
    browser::Browser,
    queue::queued,
    world::{ANN, Plan, World, asked, journal, stage},
};

/// As another process that works on the store.
async fn execute(world_dir: &std::path::Path, statement: &str) {
    let url = format!("sqlite://{}", world_dir.join("gatepost.db").display());
    let other = SqlitePool::connect(&url).await.unwrap();
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&other).await.unwrap();
    other.close().await;
}

pub(super) async fn status(world: &World) -> serde_json::Value {
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let url = format!("http://{}/api/status", world.daemon.console_at().unwrap());
    reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn while_rows_cannot_be_written_nothing_is_said_upstream_and_then_all_goes_in_order() {
    let mut plan = Plan { account: "delivery = \"queue\"\nlimits = { connections = 1 }".into(), ..plan() };
    plan.sandbox.faults.smtp.answers = vec![Answer::new("CONNECT", "421 4.3.2 Service not available").close()];
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    let subjects: Vec<_> = (10..22).map(|n| format!("alert {n}")).collect();
    for subject in &subjects {
        queue(&mut smtp, subject).await;
    }
    execute(
        world.dir.path(),
        "CREATE TRIGGER full BEFORE UPDATE ON queued BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
    )
    .await;
    world.sandbox.faults().set(|faults| faults.smtp.answers.clear());
    for _ in 0..10 {
        ahead(Duration::from_secs(30)).await;
    }
    let said = world.said_upstream("smtp");
    assert!(said.matches("MAIL FROM:").count() <= 1, "one found out at most, in five minutes: {said}");
    assert!(arrived(&world.sandbox).is_empty());
    world.metrics_with("gatepost_queue_standstill 1\n").await;
    let store = status(&world).await["store"].to_string();
    assert!(store.contains("disk is full"), "{store}");
    let ready = asked(world.daemon.console_at().unwrap(), "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503 ") && !ready.contains("gatepost.db"), "{ready}");
    let page = Browser::inside(&world).await.page("/").await;
    assert!(page.contains("Nothing is sent from the queue."), "{page}");
    let short = catalog::token::STORE_FAILING.short();
    assert!(page.contains(&format!("What a client hears: &#34;{short}&#34; [store-failing]")), "{page}");

    execute(world.dir.path(), "DROP TRIGGER full").await;
    // What was under way when the disk became full is kept, too.
    let all = || arrived(&world.sandbox).len() == subjects.len();
    by_steps(Duration::from_secs(60), 4, "all of them go", all).await;
    until_empty(world.dir.path(), 20).await;
    let mut all = arrived(&world.sandbox);
    // Who looked whether the way is open waits for a try of its own.
    let first = all.iter().position(|subject| *subject == subjects[0]).unwrap();
    let scout = all.remove(first);
    all.insert(0, scout);
    assert_eq!(all, subjects);
    world.metrics_with("gatepost_queue_standstill 0\n").await;
    assert!(status(&world).await["store"].is_null());
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 1);
}

#[tokio::test]
async fn old_mail_that_cannot_be_read_is_said_on_every_page_and_goes_once_it_can() {
    let (sandbox, dir, file) = stage(&plan()).await;
    queued(dir.path(), "left behind", None).await;
    execute(dir.path(), "ALTER TABLE queued RENAME COLUMN pause TO pauses").await;
    let world = World::on(sandbox, dir, &file).await;
    let mut browser = Browser::inside(&world).await;
    for path in ["/", "/queue"] {
        let page = browser.until(path, "Nothing is sent from the queue.").await;
        assert!(page.contains("no such column: pause") && page.contains("[store-failing]"), "{page}");
    }
    browser.keep_cookies(&browser.get("/?lang=ja").await);
    assert!(browser.page("/").await.contains("キューからの送信は停止しています。"));
    let ready = asked(world.daemon.console_at().unwrap(), "/readyz").await;
    assert!(ready.starts_with("HTTP/1.1 503 ") && ready.contains("[gatepost store-failing]"), "{ready}");
    assert!(!ready.contains("gatepost.db"), "a stranger learns no path: {ready}");
    let store = status(&world).await["store"].to_string();
    assert!(store.contains("nothing is sent from the queue") && store.contains("no such column"), "{store}");

    execute(world.dir.path(), "ALTER TABLE queued RENAME COLUMN pauses TO pause").await;
    jump(Duration::from_secs(61)).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), ["left behind"]);
    let page = browser.page("/").await;
    assert!(!page.contains("store-failing") && page.contains(ANN), "{page}");
}

/// A link to itself: it is there, and cannot be opened.
#[tokio::test]
async fn one_body_that_cannot_be_read_is_told_as_that_and_is_no_standstill() {
    let journal = journal();
    let mut plan = plan();
    plan.sandbox.faults.smtp.answers = vec![Answer::new("CONNECT", "421 4.3.2 Service not available").close()];
    let world = World::with(plan).await;
    let id = queue(&mut world.smtp_as_ann().await, "unreadable").await;
    let body = world.dir.path().join("gatepost.queue").join(format!("{id}.msg"));
    std::fs::remove_file(&body).unwrap();
    std::os::unix::fs::symlink(&body, &body).unwrap();
    // Whoever had opened it before could not send it.
    world.sandbox.faults().set(|faults| faults.smtp.answers = Vec::new());
    let told = || journal.lines(&["its body cannot be read; this message waits", &id]);
    // A try that was under way begins its pause behind the jump.
    by_steps(Duration::from_secs(60), 20, "it is told", || !told().is_empty()).await;
    world.metrics_with("gatepost_queue_standstill 0\n").await;
    assert!(journal.lines(&["the queue waits for its disk", &id]).is_empty());
}
