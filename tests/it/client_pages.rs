//! The console's page of clients: who fares how, what was refused and how each comes in; and the one line of a message.

use gatepost::{base::Protocol, sandbox::Answer};

use crate::{
    browser::{Browser, between},
    tls::upgraded,
    world::{ANN, HEAD, PASSWORD, Plan, World, cheap_hash, journal, plain},
};

/// A copier by its address, whose mail is queued, one that is commissioned, and a till with a login.
fn three_clients() -> Plan {
    let client = |name: &str, keys: &str| format!("[[client]]\nname = \"{name}\"\naccount = \"{ANN}\"\n{keys}\n");
    let login = |name: &str| format!("login = \"{name}\"\npassword = \"{}\"\n", cheap_hash(name));
    let more = [
        client("3F <copier>", "from = [\"127.0.0.0/8\"]\ndelivery = \"queue\""),
        client("new one", &format!("{}capture = true", login("new"))),
        client("till", &login("till")),
    ];
    Plan { more: more.concat(), tls: "starttls", ..Plan::default() }
}

fn row<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page.split_once(name).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split_once("</tr>").unwrap().0
}

#[tokio::test]
async fn each_client_shows_what_went_well_what_was_refused_and_how_it_comes_in() {
    let world = World::with(three_clients()).await;
    let mut browser = Browser::inside(&world).await;
    let page = browser.page("/clients").await;
    assert_eq!(page.matches("– not seen").count(), 3, "{page}");
    assert!(page.contains("<a href=\"/clients/3F%20%3Ccopier%3E\">3F &#60;copier&#62;</a>"), "{page}");

    let mut copier = world.greeted(Protocol::Smtp).await;
    copier.open_message().await;
    copier.send(format!("Message-ID: <7@copier>\r\n{HEAD}scan\r\n.\r\n").as_bytes()).await;
    let queue_id = copier.expect("250 2.0.0 Queued as ").await.rsplit(' ').next().unwrap().to_owned();

    let mut till = upgraded(&world, Protocol::Smtp, world.greeted(Protocol::Smtp).await).await;
    till.exchange(&format!("AUTH PLAIN {}", plain("till", "wrong")), "535 ").await;
    let mut ann = world.imap().await;
    ann.expect("* OK ").await;
    ann.exchange(&format!("a LOGIN {ANN} \"{PASSWORD}\""), "a OK ").await;

    let page = browser.page("/clients").await;
    let copier = row(&page, "3F &#60;copier&#62;");
    for words in ["✓ well", "&#60;7@copier&#62;", &queue_id, "TLS: none · by its address", "accepted 1,"] {
        assert!(copier.contains(words), "{words}: {copier}");
    }
    let till = row(&page, ">till<");
    for words in ["✗ refused last", "[gatepost bad-credentials]", "TLS 1.3 · AUTH PLAIN"] {
        assert!(till.contains(words), "{words}: {till}");
    }
    assert!(row(&page, ">new one<").contains("<span class=\"chip\">capture</span>"));
    let login = row(&page, "login of the account");
    for words in [ANN, "✓ well", "signed on", "127.", "TLS: none · LOGIN"] {
        assert!(login.contains(words), "{words}: {login}");
    }
    browser.keep_cookies(&browser.get("/clients?lang=ja").await);
    let page = browser.page("/clients").await;
    for words in ["<h1>クライアント</h1>", "✗ 直近は拒否", "✓ 正常", "アドレスのみ", "– 未接続"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }

    let metrics = world.metrics().await;
    let success = between(&metrics, "gatepost_client_last_success_timestamp_seconds{client=\"3F <copier>\"} ", "\n");
    assert!(success.parse::<u64>().unwrap() > 1_700_000_000, "{success}");
    assert!(!metrics.contains("client=\"till\"") && !metrics.contains(ANN), "{metrics}");
}

#[tokio::test]
async fn a_refused_recipient_is_the_last_refusal_and_a_success_behind_it_is_well_again() {
    let world = World::new().await;
    let browser = Browser::inside(&world).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange("MAIL FROM:<eve@elsewhere.example>", "550 5.7.1").await;
    let refused = browser.page("/clients").await;
    let login = row(&refused, "login of the account");
    assert!(
        login.contains("✗ refused last")
            && login.contains("may not send as that sender: &#60;eve@elsewhere.example&#62; in MAIL FROM"),
        "{login}"
    );
    assert!(login.contains("refused or broken off 1"), "its message came to nothing: {login}");
    assert!(smtp.message("x").await.starts_with("250 "));
    let page = browser.until("/clients", "✓ well").await;
    assert!(row(&page, "login of the account").contains("may not send as"), "the refusal stays to be seen: {page}");
}

#[tokio::test]
async fn one_id_leads_from_the_reception_of_a_message_to_its_end() {
    let world = World::with(three_clients()).await;
    let mut copier = world.greeted(Protocol::Smtp).await;
    copier.open_message().await;
    copier.send(b"Subject: no sender, no date\r\n\r\nscan\r\n.\r\n").await;
    let id = copier.expect("250 2.0.0 Queued as ").await.rsplit(' ').next().unwrap().to_owned();
    world.until("the delivery", |_| !journal().lines(&[&id, "leaves the queue"]).is_empty()).await;
    let accepted = journal().lines(&[&id, "message accepted"]);
    let [accepted] = &accepted[..] else { panic!("{accepted:?}") };
    assert!(accepted.contains("repaired=\"") && accepted.contains("date"), "{accepted}");
    let session = between(accepted, " session=", " ").to_owned();
    for line in ["queued", "delivery from the queue", "leaves the queue"] {
        let told = journal().lines(&[&format!("queue_id=\"{id}\""), &format!("session={session}"), line]);
        assert!(!told.is_empty(), "{line} of {id} in session {session}");
    }
    let page = Browser::inside(&world).await.page("/").await;
    let row = row(&page, "3F &#60;copier&#62;");
    assert!(row.contains("date") && row.contains(&format!("<a href=\"/queue/{id}\">")), "{row}");
}

#[tokio::test]
async fn a_client_of_the_queue_whose_mail_fails_is_not_well_until_something_arrives() {
    let world = World::with(three_clients()).await;
    let browser = Browser::inside(&world).await;
    let words = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; no such copier";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", words).times(1)]);
    let mut copier = world.greeted(Protocol::Smtp).await;
    assert!(copier.message("to nobody").await.starts_with("250 2.0.0 Queued as "));
    let page = browser.until("/clients", "✗ not delivered last").await;
    let failed = row(&page, "3F &#60;copier&#62;");
    assert!(failed.contains("RecipientNotFound; no such copier") && !failed.contains("✓ well"), "{failed}");
    assert!(copier.message("to bob").await.starts_with("250 2.0.0 Queued as "));
    let page = browser.until("/clients", "✓ well").await;
    assert!(row(&page, "3F &#60;copier&#62;").contains("✓ well"), "{page}");
}

#[tokio::test]
async fn a_client_of_the_queue_whose_mailbox_cannot_send_is_not_well_although_it_hears_250() {
    let faults = Plan::faulty(|faults| assert!(faults.apply("smtp-auth-disabled-tenant")));
    let world = World::with(Plan { sandbox: faults.sandbox, ..three_clients() }).await;
    let mut browser = Browser::inside(&world).await;
    let mut copier = world.greeted(Protocol::Smtp).await;
    assert!(copier.message("waits").await.starts_with("250 2.0.0 Queued as "));
    let page = browser.until("/clients", "✗ mail held up").await;
    let row = row(&page, "3F &#60;copier&#62;");
    assert!(row.contains("[gatepost smtp-auth-disabled-tenant]"), "{row}");
    browser.keep_cookies(&browser.get("/clients?lang=ja").await);
    assert!(browser.page("/clients").await.contains("✗ 送信待ち"));
}
