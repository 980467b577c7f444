//! Messages that end before their DATA: each refusal has its line, each message counts once; and the size that holds
//! whether a client announces it or not.

use std::time::Duration;

use gatepost::{base::Protocol, sandbox::Answer};

use crate::{
    mail_queue::jump,
    world::{ANN, BOB, PASSWORD, Plan, World, cheap_hash, journal, plain},
};

const EVE: &str = "eve-before-data@elsewhere.example";

async fn counted(world: &World, outcome: &str) -> u64 {
    let metrics = world.metrics().await;
    let before = format!("gatepost_messages_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&before)?.parse().ok()).unwrap_or(0)
}

/// The one line with these words.
fn line(words: &[&str]) -> String {
    let lines = journal().lines(words);
    let [line] = &lines[..] else { panic!("{words:?}: {lines:?}") };
    line.clone()
}

/// Each cost two of the mistakes that a client may make: the recipient that is none, and the DATA behind it.
#[tokio::test]
async fn a_message_whose_recipients_are_none_costs_a_batch_one_mistake_for_each_and_its_data_none() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let nobody = "554 5.5.1 Mistake in the protocol: no valid recipients [gatepost protocol-mistake]";
    for _ in 0..20 {
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        smtp.exchange("RCPT TO:<>", "501 5.1.3 ").await;
        smtp.exchange("DATA", nobody).await;
        smtp.exchange("RSET", "250 ").await;
    }
    smtp.exchange("RCPT", "421 4.7.0 Gatepost closes this connection: too many mistakes ").await;
    smtp.expect_end().await;
}

#[tokio::test]
async fn a_refused_mail_and_a_refused_rcpt_have_a_line_each_and_the_message_counts_once() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{EVE}>"), "550 5.7.1").await;
    let told = line(&["MAIL refused", &format!("sender={EVE:?}")]);
    for words in ["session=", "client=\"login\"", "account=\"ann@", "reply=\"550 5.7.1 ", "sender-not-allowed"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for advice in ["id=\"sender-not-allowed\"", "owner=\"", "next=\"", "send-as"] {
        assert!(told.contains(advice), "{advice}: {told}");
    }
    assert_eq!(counted(&world, "refused").await, 1);

    let words = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; before data";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", words).times(2)]);
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for nobody in ["nobody-1@before-data.example", "nobody-2@before-data.example"] {
        smtp.exchange(&format!("RCPT TO:<{nobody}>"), "550 5.1.10").await;
        let told = line(&["RCPT refused", &format!("recipient={nobody:?}"), &format!("sender={ANN:?}")]);
        assert!(told.contains("RecipientNotFound; before data"), "{told}");
        assert!(told.contains("id=\"recipient-unknown\" owner=\"client\" next=\""), "{told}");
    }
    smtp.exchange("DATA", "554 5.5.1").await;
    assert_eq!(counted(&world, "refused").await, 1, "it may still get a recipient");
    smtp.exchange("RSET", "250 ").await;
    assert_eq!(counted(&world, "refused").await, 2);
}

/// A device that heeds the answer to DATA alone would give up what another try brings.
#[tokio::test]
async fn a_data_whose_recipients_were_refused_for_now_is_refused_for_now_in_the_same_words_and_else_for_good() {
    let (later, never) = ("452 4.5.3 Too many recipients now", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; nobody");
    for (replies, said) in [
        (&[later][..], "451 4.5.3 Too many recipients now"),
        (&[later, never], "451 4.5.3 Too many recipients now"),
        (&["450 4.2.0 Busy", later, never], "451 4.5.3 Too many recipients now"),
        (&[never, never], "554 5.5.1 There is no such recipient [gatepost recipient-unknown]"),
        (&[], "554 5.5.1 Mistake in the protocol: no valid recipients [gatepost protocol-mistake]"),
    ] {
        let world = World::new().await;
        let answers = replies.iter().map(|reply| Answer::new("RCPT", *reply).times(1)).collect();
        world.sandbox.faults().set(|faults| faults.smtp.answers = answers);
        let mut smtp = world.smtp_as_ann().await;
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
        for reply in replies {
            smtp.exchange(&format!("RCPT TO:<{BOB}>"), reply).await;
        }
        smtp.exchange("DATA", said).await;
        smtp.exchange("RSET", "250 ").await;
        assert!(smtp.message("the next").await.starts_with("250 "), "{replies:?}");
        assert_eq!(world.only_message().recipients, [BOB]);
    }
}

/// Nothing is asked upstream at RCPT then: what is refused there, is so for the day, or for good by the client's rule.
#[tokio::test]
async fn a_data_of_the_queue_whose_recipients_were_refused_by_the_rule_is_refused_for_good() {
    let hash = cheap_hash("scanner");
    let more = format!(
        "[[client]]\nname = \"scanner\"\naccount = \"{ANN}\"\nlogin = \"scanner\"\npassword = \"{hash}\"\n\
         delivery = \"queue\"\nrecipients = [\"{ANN}\"]\n"
    );
    let world = World::with(Plan { more, ..Plan::default() }).await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, "scanner", "scanner").await.starts_with("235 "));
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "550 5.7.1 ").await;
    smtp.exchange("DATA", "554 5.5.1 ").await;
}

/// The connection that MAIL was said on is lost at RCPT.
#[tokio::test]
async fn a_data_behind_a_recipient_whose_answer_was_lost_is_refused_for_now() {
    let world = World::new().await;
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("RCPT", "").times(1).close()]);
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let lost = smtp.exchange(&format!("RCPT TO:<{BOB}>"), "451 4.4.2 ").await;
    assert_eq!(smtp.exchange("DATA", "").await, lost);
}

#[tokio::test]
async fn what_its_client_gives_up_is_not_counted_and_what_it_leaves_open_is_lost() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("RSET", "250 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange("QUIT", "221 ").await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    drop(smtp);
    world.metrics_with("gatepost_messages_total{outcome=\"lost\"} 1\n").await;
    assert_eq!((counted(&world, "refused").await, counted(&world, "accepted").await), (0, 0));
}

#[tokio::test]
async fn a_message_of_the_queue_that_is_larger_than_the_upstream_takes_is_refused_although_nobody_announced_it() {
    let app = "smtp-capabilities = [\"SIZE 5000\"]".to_owned();
    let world = World::with(Plan { app, account: "delivery = \"queue\"".into(), ..Plan::default() }).await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.say("EHLO client").await;
    assert!(smtp.expect_last("250 ").await.iter().any(|line| line.ends_with("SIZE 5000")), "it is shown");
    let theirs = "552 5.3.4 The message is larger than what is taken here: the mail server announces 5000 octets at most \
                  [gatepost message-over-announced-size]";
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=5001"), theirs).await;
    let line = format!("{}\r\n", "x".repeat(72));
    let said = smtp.message(&line.repeat(200)).await;
    assert_eq!(said, theirs);
    let said = smtp.message(&line.repeat(50)).await;
    assert!(said.starts_with("250 2.0.0 Queued as "), "{said}");
    world.until("the delivery", |world| world.sandbox.submissions().len() == 1).await;

    // Nor is ours taken for theirs.
    let world = World::with(Plan { account: "delivery = \"queue\"".into(), ..Plan::default() }).await;
    let ours = "552 5.3.4 The message is larger than what is taken here: Gatepost takes 157286400 octets at most \
                [gatepost message-over-announced-size]";
    world.smtp_as_ann().await.exchange(&format!("MAIL FROM:<{ANN}> SIZE=157286401"), ours).await;
}

/// Three such clients would hold all the connections that a mailbox has.
#[tokio::test]
async fn a_client_that_falls_silent_in_mid_transaction_makes_room_once_somebody_else_waits() {
    let world = World::with(Plan { account: "limits = { connections = 1 }".into(), ..Plan::default() }).await;
    let mut silent = world.smtp_as_ann().await;
    silent.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    jump(Duration::from_secs(61)).await;
    let mut other = world.greeted(Protocol::Smtp).await;
    assert_eq!(world.daemon.meter().board.list().len(), 2, "alone it may take five minutes");
    other.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    silent.expect("421 4.4.2 Gatepost closes this connection: idle in mid-message").await;
    other.expect("235 ").await;
    assert!(other.message("at last").await.starts_with("250 "));
}

#[tokio::test]
async fn a_client_that_says_nothing_but_noop_in_mid_transaction_holds_the_room_no_longer_than_a_silent_one() {
    let world = World::with(Plan { account: "limits = { connections = 1 }".into(), ..Plan::default() }).await;
    let mut idle = world.smtp_as_ann().await;
    idle.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    jump(Duration::from_secs(61)).await;
    idle.exchange("NOOP", "250 ").await;
    let mut other = world.greeted(Protocol::Smtp).await;
    other.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
    idle.expect("421 4.4.2 Gatepost closes this connection: idle in mid-message").await;
    other.expect("235 ").await;
}
