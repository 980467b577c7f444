//! What the mail server refuses of the queue's mail leaves its trace where people look, until such a message goes.

use std::time::Duration;

use gatepost::{
    base::Protocol,
    catalog,
    sandbox::{AfterDot, Answer},
};

use super::{ahead_until, arrived, by_steps, plan, queue, standstill::status, until_empty};
use crate::{
    browser::Browser,
    short_texts::shown,
    unconfigured::unconfigured,
    world::{ANN, BOB, World, journal},
};

/// Ids of the faults that stand.
fn standing(world: &World) -> Vec<&'static str> {
    let all = world.daemon.meter().recent.list();
    all.iter().filter(|one| one.account == ANN && one.worked_again_at.is_none()).map(|one| one.id).collect()
}

#[tokio::test]
async fn a_message_refused_from_the_queue_is_a_warning_with_its_step_counts_and_stands_until_such_a_message_goes() {
    let world = World::with(plan()).await;
    let words = "554 5.9.9 these words are nobody's";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(".", words).times(1)]);
    let mut smtp = world.smtp_as_ann().await;
    let id = queue(&mut smtp, "lost").await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox).len(), 1, "its notice went");
    let told = journal().lines(&[&format!("queue_id=\"{id}\""), "delivery from the queue"]);
    let [line] = &told[..] else { panic!("{told:?}") };
    for part in ["WARN", "id=\"message-refused\"", "owner=\"", "next=\"", "failed=1"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(standing(&world), ["message-refused"], "a notice proves nothing of messages");
    let metrics = world.daemon.meter().text();
    assert!(metrics.contains("id=\"message-refused\""), "{metrics}");
    let told = status(&world).await;
    assert_eq!((&told["queue"]["waiting"], &told["queue"]["held"]), (&0.into(), &0.into()), "{}", told["queue"]);
    assert_eq!(told["faults"][0]["id"], "message-refused", "{told:#}");

    // What a client hears before its 250 is proved by nothing behind it.
    let mut wrong = world.greeted(Protocol::Smtp).await;
    assert!(wrong.login(Protocol::Smtp, ANN, "wrong").await.starts_with("535 "));
    queue(&mut smtp, "goes").await;
    until_empty(world.dir.path(), 20).await;
    world.until("it stands no more", |world| standing(world) == ["bad-credentials"]).await;
}

/// Its client had its 250, and nobody told it anything since.
#[tokio::test]
async fn what_befell_queued_mail_is_shown_as_nothing_that_a_client_heard_and_counts_among_what_was_lost_that_day() {
    let world = World::with(plan()).await;
    let words = "554 5.9.9 these words are nobody's";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(".", words).times(1)]);
    queue(&mut world.smtp_as_ann().await, "lost").await;
    until_empty(world.dir.path(), 20).await;
    let mut browser = Browser::inside(&world).await;
    for (lang, label, heard, figures, of_server) in [
        (
            "en",
            "What the log says: ",
            "What a client hears",
            "Recipients of queued messages: delivered 0, failed 1",
            "",
        ),
        (
            "ja",
            "ログの文言：",
            "クライアントへの応答：",
            "キューのメッセージの宛先: 配信済み 0, 失敗 1",
            "メールサーバーの応答：",
        ),
    ] {
        let chosen = browser.get(&format!("/?lang={lang}")).await;
        browser.keep_cookies(&chosen);
        let page = shown(&browser, "/").await;
        let said = format!("<small>{label}\"{}\"</small>", catalog::find("message-refused").unwrap().short());
        assert!(page.contains(&said) && !page.contains(heard), "{page}");
        assert!(page.contains(figures), "{page}");
        for path in ["/queue", "/clients"] {
            let page = shown(&browser, path).await;
            assert!(
                page.contains(&format!("{of_server}{}{words}", if lang == "ja" { "\"" } else { "" })),
                "{path}: {page}"
            );
        }
    }
}

/// What it echoes may be the client's, and another Gatepost has ids of its own.
#[tokio::test]
async fn an_id_of_ours_in_the_words_of_the_mail_server_is_none_of_ours_behind_the_queue_either() {
    let world = World::with(plan()).await;
    let words = "554 5.9.9 parrot.rs [gatepost bad-credentials]";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(".", words).times(1)]);
    let id = queue(&mut world.smtp_as_ann().await, "echoed").await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(standing(&world), ["message-refused"]);
    let told = journal().lines(&[&format!("queue_id=\"{id}\""), "delivery from the queue", "id=\"message-refused\""]);
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn a_recipient_refused_from_the_queue_is_counted_and_stands_nowhere() {
    let world = World::with(plan()).await;
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", "550 5.1.1 nobody").times(1)]);
    queue(&mut world.smtp_as_ann().await, "mistyped").await;
    until_empty(world.dir.path(), 20).await;
    assert!(standing(&world).is_empty(), "{:?}", standing(&world));
    let metrics = world.daemon.meter().text();
    assert!(metrics.contains("id=\"recipient-unknown\""), "{metrics}");
}

#[tokio::test]
async fn a_mailbox_whose_queue_stands_still_is_told_with_its_step_in_log_and_status_until_it_moves() {
    const ID: &str = "smtp-auth-disabled-tenant";
    let world = World::with(plan()).await;
    assert!(world.sandbox.faults().set(|faults| faults.apply(ID)));
    let mut smtp = world.smtp_as_ann().await;
    queue(&mut smtp, "waits").await;
    world.until("it stands", |world| standing(world).contains(&ID)).await;
    let told = journal().lines(&["nothing can be sent from the queue", &format!("account=\"{ANN}\""), ID]);
    let line = told.first().unwrap_or_else(|| panic!("{told:?}"));
    for part in ["WARN", &format!("id=\"{ID}\""), "owner=\"tenant-admin\"", "next=\""] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let still = status(&world).await["queue"]["standstills"][0].clone();
    assert_eq!((&still["account"], &still["id"], &still["waiting"]), (&ANN.into(), &ID.into(), &1.into()), "{still}");
    assert!(still["next-step"].as_str().unwrap().contains("SmtpClientAuthenticationDisabled"), "{still}");

    world.sandbox.faults().clear();
    ahead_until(Duration::from_secs(2 * 3600), "it moves", || arrived(&world.sandbox).len() == 1).await;
    world.until("it stands no more", |world| standing(world).is_empty()).await;
    assert!(status(&world).await["queue"]["standstills"].is_null());
}

/// It may quote whom the message is for, and that may be anything; what it says of a recipient is no word about the message.
#[tokio::test]
async fn a_failure_that_nobody_is_told_of_by_mail_has_one_id_in_all_lines_whatever_the_server_quotes() {
    for (words, id) in [
        ("550 5.1.1 <queue-full@noted.example>: [gatepost queue-full]", "recipient-unknown"),
        ("550 5.1.0 Strange words", "recipient-refused"),
        ("550 5.7.1 Strange words of a policy", "message-refused"),
    ] {
        let world = World::with(plan()).await;
        world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", words)]);
        let mut smtp = world.smtp_as_ann().await;
        smtp.exchange("MAIL FROM:<>", "250 ").await;
        smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
        smtp.exchange("DATA", "354 ").await;
        smtp.send(format!("From: {ANN}\r\nSubject: x\r\n\r\nx\r\n.\r\n").as_bytes()).await;
        let queue_id = smtp.expect("250 2.0.0 Queued as ").await.rsplit(' ').next().unwrap().to_owned();
        until_empty(world.dir.path(), 20).await;
        for line in ["delivery from the queue", "nobody is told by mail"] {
            let told = journal().lines(&[&format!("queue_id=\"{queue_id}\""), line]);
            assert!(told.len() == 1 && told[0].contains(&format!("id={id:?}")), "{words}: {told:?}");
        }
    }
}

/// Whoever looked the line up was told of a right that is not missing.
#[tokio::test]
async fn a_notice_that_is_refused_is_logged_and_shown_with_what_that_means() {
    let mut plan = plan();
    plan.more.push_str("[queue]\npostmaster = \"admin@contoso.example\"\n");
    let world = World::with(plan).await;
    world.sandbox.faults().set(|faults| faults.apply("own-address-denied"));
    queue(&mut world.smtp_as_ann().await, "lost").await;
    until_empty(world.dir.path(), 20).await;
    for end in ["it goes as the mailbox", "the postmaster is told"] {
        let told = journal().lines(&[&format!("a notice about a failed message was refused; {end}"), "5.2.252"]);
        let means = |line: &&String| line.contains("id=\"own-address-denied\"") && line.contains("next=\"");
        assert!(told.iter().any(|line| means(&line)), "{end}: {told:?}");
    }
    let mut browser = Browser::inside(&world).await;
    for lang in ["en", "ja"] {
        browser.keep_cookies(&browser.get(&format!("/queue?lang={lang}")).await);
        let page = shown(&browser, "/queue").await;
        assert!(page.contains("5.2.252 SendAsDenied") && page.contains("[own-address-denied]</small>"), "{page}");
    }
}

/// It said that it is held, and whoever dropped it lost it.
#[tokio::test]
async fn a_message_that_is_sent_again_behind_a_lost_answer_is_not_called_held() {
    let mut plan = plan();
    plan.sandbox.faults.smtp.after_dot = AfterDot::DropUndelivered;
    let world = World::with(plan).await;
    let id = queue(&mut world.smtp_as_ann().await, "again").await;
    let lines = || journal().lines(&[&format!("queue_id=\"{id}\""), "it is sent again and may arrive twice"]);
    world.until("it is told", |_| !lines().is_empty()).await;
    let line = lines().remove(0);
    assert!(line.contains("did not answer") && line.contains("goes by itself"), "{line}");
    assert!(!line.contains("delivery-doubtful") && !line.contains("silent"), "{line}");
    let told = unconfigured(&["explain", &line]).output().unwrap();
    let said = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success() && !said.contains("queue drop") && !said.contains("queue release"), "{said}");
}

/// It was a failure whose sender was not told.
#[tokio::test]
async fn what_is_held_is_not_among_what_failed_lately() {
    let mut plan = plan();
    plan.sandbox.faults.smtp.after_dot = AfterDot::DropUndelivered;
    let world = World::with(plan).await;
    queue(&mut world.smtp_as_ann().await, "doubtful").await;
    let is_held = || standing(&world).contains(&"delivery-doubtful");
    by_steps(Duration::from_secs(400), 8, "it is held", is_held).await;
    let browser = Browser::inside(&world).await;
    let page = shown(&browser, "/queue").await;
    assert!(page.contains("‖ on hold") && page.contains("[delivery-doubtful]"), "{page}");
    assert!(!page.contains("Failed lately"), "{page}");
}
