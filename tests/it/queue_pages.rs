//! The console's pages of the queue: what waits and why, the search, what a person does to a message, and what a hostile
//! message cannot do to the person.

use std::path::Path;

use gatepost::{
    sandbox::Answer,
    spool::Spool,
    store::{NewMessage, Store},
};
use reqwest::{StatusCode, header};

use crate::{
    browser::{Browser, between},
    queue::{new_message, queued},
    world::{ANN, BOB, Plan, World, settings, stage},
};

/// Ann is not signed in: what waits stays.
async fn standing_still(prepare: impl AsyncFn(&Path)) -> World {
    let (sandbox, dir, file) = stage(&Plan { signed_in: vec![], ..Plan::default() }).await;
    prepare(dir.path()).await;
    World::on(sandbox, dir, &file).await
}

fn location(answer: &reqwest::Response) -> &str {
    answer.headers()[header::LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn the_queue_shows_what_waits_what_is_held_and_why_nothing_goes() {
    let world = standing_still(async |dir| {
        queued(dir, "patient", None).await;
        queued(dir, "commissioning", Some("capture")).await;
    })
    .await;
    let mut browser = Browser::inside(&world).await;
    browser.until("/queue", "<code>sign-in-missing</code>").await;
    let page = browser.until("/queue", "… waiting").await;
    for words in [
        "sign-in-missing",
        "‖ on hold",
        "captured (capture = true)",
        "Mailboxes that cannot send now",
        BOB,
        "<p><small>What the log says: &#34;This account is not signed in&#34;</small></p>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains("Queued messages: taken over 0"), "the plot says its numbers: {page}");
    browser.keep_cookies(&browser.get("/queue?lang=ja").await);
    let page = browser.page("/queue").await;
    let why = "<td class=\"reply\">このアカウントはまだ一度もサインインしていないか、ログアウトされています（";
    for words in ["<h1>キュー</h1>", "… 待機中", "‖ 保留中", "取り込み", "今すぐ再試行", why] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[tokio::test]
async fn a_search_finds_by_part_of_any_name_and_by_state() {
    let world = standing_still(async |dir| {
        queued(dir, "patient", None).await;
        queued(dir, "commissioning", Some("capture")).await;
    })
    .await;
    let browser = Browser::inside(&world).await;
    let rows = async |query: &str| browser.page(&format!("/queue?{query}")).await.matches("/drop\"").count();
    for (query, found) in [
        ("", 2),
        ("account=&sender=&recipient=&client=&state=", 2),
        ("recipient=BOB", 2),
        ("client=3F+copier&sender=ann", 2),
        ("state=held", 1),
        ("state=waiting", 1),
        ("state=under-way", 0),
        ("state=no-such-state", 2),
        ("recipient=nobody", 0),
    ] {
        assert_eq!(rows(query).await, found, "{query}");
    }
    let page = browser.page("/queue?recipient=%3Cscript%3Enobody&state=held").await;
    assert!(page.contains("Nothing in the queue fits this search."), "{page}");
    assert!(
        page.contains("value=\"&#60;script&#62;nobody\"") && page.contains("<option value=\"held\" selected>"),
        "{page}"
    );
}

#[tokio::test]
async fn buttons_hold_release_and_retry_and_lead_back_to_the_same_search() {
    let (sandbox, dir, file) = stage(&Plan::default()).await;
    let id = queued(dir.path(), "captured", Some("capture")).await;
    let world = World::on(sandbox, dir, &file).await;
    let browser = Browser::inside(&world).await;
    let list = "/queue?client=copier";
    // Until it was read, it takes no orders.
    world.metrics_with("gatepost_queue_messages{state=\"held\"} 1\n").await;
    assert!(browser.page(list).await.contains(&format!("formaction=\"/queue/{id}/release\"")));
    let one = format!("/queue/{id}");
    // What the page does not offer is refused in words all the same.
    let answer = browser.submit(list, &format!("{one}/retry"), &[("back", "client=copier")]).await;
    assert_eq!(location(&answer), format!("/queue?client=copier&said=held&of={id}"));
    let page = browser.page(location(&answer)).await;
    assert!(page.contains(&format!("<code>{id}</code>: it is on hold: release it first")), "{page}");
    let answer = browser.submit(&one, &format!("{one}/hold"), &[]).await;
    assert_eq!(location(&answer), format!("{one}?said=hold"));
    assert!(world.sandbox.submissions().is_empty());
    let answer = browser.submit(list, &format!("{one}/release"), &[("back", "client=copier")]).await;
    assert_eq!(location(&answer), format!("/queue?client=copier&said=release&of={id}"));
    world.until("the delivery", |world| world.sandbox.submissions().len() == 1).await;
    browser.until("/queue", "Nothing waits.").await;
    let page = browser.until("/queue", "Recipients of queued messages: delivered 1, failed 0").await;
    assert!(!page.contains(&id), "{page}");
}

#[tokio::test]
async fn a_drop_asks_first_and_a_form_that_is_not_ours_does_nothing() {
    let world = standing_still(async |dir| {
        queued(dir, "unwanted", Some("by-hand")).await;
    })
    .await;
    let browser = Browser::inside(&world).await;
    let page = browser.page("/queue").await;
    let one = between(&page, "<th scope=\"row\"><a href=\"", "\"").to_owned();
    let (question, id) = (format!("{one}/drop"), one.strip_prefix("/queue/").unwrap());
    for order in ["hold", "release", "retry", "drop"] {
        let forged = browser.post(&format!("{one}/{order}"), &[("form", "of another visit")]).await;
        assert_eq!(forged.status(), StatusCode::FORBIDDEN, "{order}");
        let stranger = Browser::new(&world).post(&format!("{one}/{order}"), &[("form", "")]).await;
        assert_eq!(stranger.status(), StatusCode::FORBIDDEN, "{order}");
    }
    let asked = browser.page(&question).await;
    assert!(asked.contains("Drop this message?") && asked.contains("nobody is told"), "{asked}");
    assert!(browser.page("/queue").await.contains(id), "asking drops nothing");
    let answer = browser.submit(&question, &question, &[]).await;
    assert_eq!(location(&answer), format!("/queue?said=drop&of={id}"));
    let page = browser.page(location(&answer)).await;
    assert!(page.contains(": dropped") && page.contains("Nothing waits."), "{page}");
    let gone = browser.get(&one).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    assert!(gone.text().await.unwrap().contains("It is not in the queue"));
    assert_eq!(browser.get(&question).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/queue/x/hold").await.status(), StatusCode::NOT_FOUND, "no order by a link");
}

#[tokio::test]
async fn a_hostile_header_and_hostile_addresses_are_text() {
    let world = standing_still(async |dir| {
        let store = Store::open(&settings(dir)).await.unwrap();
        let spool = Spool::open_beside(store.path()).unwrap();
        let mut draft = spool.draft().await.unwrap();
        let head =
            "Subject: </pre><script>alert(1)</script>\r\nX: \u{1b}[2J\u{202e}cod.exe\r\n <img src=x>\r\n\r\nb\r\n";
        draft.write(head.as_bytes()).await.unwrap();
        let mut body = draft.finish().await.unwrap();
        let message = NewMessage {
            client: "<b onclick=x>copier".into(),
            mail: "MAIL FROM:<\"<script>alert(2)</script>\"@x.example>".into(),
            recipients: vec!["RCPT TO:<\"<script>alert(3)</script>\"@x.example>".into()],
            hold: Some("capture".into()),
            ..new_message(&body)
        };
        store.enqueue(&message).await.unwrap();
        body.keep();
    })
    .await;
    let browser = Browser::inside(&world).await;
    let list = browser.page("/queue").await;
    let one = between(&list, "<th scope=\"row\"><a href=\"", "\"").to_owned();
    let (message, question) = (browser.page(&one).await, browser.page(&format!("{one}/drop")).await);
    assert!(message.contains("Subject: &#60;/pre&#62;&#60;script&#62;alert(1)"), "{message}");
    assert!(message.contains("X: \u{fffd}[2J\u{fffd}cod.exe\n &#60;img src=x&#62;"), "{message}");
    for page in [list, message, question] {
        assert!(page.contains("alert(2)") && page.contains("alert(3)"), "{page}");
        for raw in ["<script>alert", "<img", "<b onclick", "\u{1b}", "\u{202e}"] {
            assert!(!page.contains(raw), "{raw:?}: {page}");
        }
    }
}

#[tokio::test]
async fn more_than_a_page_full_is_shown_page_by_page() {
    let world = standing_still(async |dir| {
        let store = Store::open(&settings(dir)).await.unwrap();
        let spool = Spool::open_beside(store.path()).unwrap();
        for n in 0..51 {
            let mut draft = spool.draft().await.unwrap();
            draft.write(b"Subject: x\r\n\r\n").await.unwrap();
            let mut body = draft.finish().await.unwrap();
            let to = format!("RCPT TO:<r{n:02}@fabrikam.example>");
            let message = NewMessage { recipients: vec![to], hold: Some("by-hand".into()), ..new_message(&body) };
            store.enqueue(&message).await.unwrap();
            body.keep();
        }
    })
    .await;
    let browser = Browser::inside(&world).await;
    let first = browser.page("/queue?recipient=fabrikam").await;
    assert!(first.contains("r00@") && first.contains("r49@") && !first.contains("r50@"), "{first}");
    let next = between(&first, "<p><a href=\"", "\" rel=\"next\"").replace("&#38;", "&");
    let second = browser.until(&next, "on hold: 51").await;
    assert!(second.contains("r50@") && !second.contains("r49@") && !second.contains("rel=\"next\""), "{second}");
}

#[tokio::test]
async fn what_failed_lately_is_told_with_the_reply() {
    let refusal = Answer::new("RCPT", "550 5.1.10 <script>no such mailbox");
    let (sandbox, dir, file) = stage(&Plan::faulty(|faults| faults.smtp.answers.push(refusal.times(1)))).await;
    let id = queued(dir.path(), "to nobody", None).await;
    let world = World::on(sandbox, dir, &file).await;
    let browser = Browser::inside(&world).await;
    let page = browser.until("/queue", "Failed lately").await;
    let row = between(&page, &format!("<code>{id}</code></td>"), "</tr>");
    assert!(row.contains("550 5.1.10 &#60;script&#62;no such mailbox") && row.contains("<td>yes</td>"), "{row}");
    assert!(row.contains(ANN) && row.contains(BOB), "{row}");
}
