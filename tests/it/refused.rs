//! Whoever is refused something, by the mail server or by Gatepost: an id for the client, a warning in the log, a number in the
//! metrics, and a line in status and doctor, so that nobody looks for it for long.

use gatepost::{base::Protocol, net::AdmissionLimits, sandbox::Answer};

use crate::{
    browser::Browser,
    doctor::clients::beside_a_daemon,
    process::run,
    world::{ANN, BOB, HEAD, PASSWORD, Plan, Talk, World, cheap_hash, journal, own_address},
};

const LIMIT: &str = "432 4.3.2 Concurrent connections limit exceeded.";
const SLOW: &str = "451 4.7.500 Server busy. Please try again later";
const ODD: &str = "550 5.4.1 words that nobody knows";

async fn refuse(world: &World, on: &str, words: &str) {
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(on, words)]);
}

/// The last answer to a message that is said as far as the mail server goes along.
pub async fn said_to_a_message(smtp: &mut Talk) -> String {
    smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
    let said = smtp.reply().await;
    if !said.starts_with("250 ") {
        return said;
    }
    smtp.say(&format!("RCPT TO:<{BOB}>")).await;
    let said = smtp.reply().await;
    if !said.starts_with("250 ") {
        smtp.exchange("RSET", "250 ").await;
        return said;
    }
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.reply().await
}

#[tokio::test]
async fn whatever_the_mail_server_refuses_is_counted_warned_of_and_named_to_the_client_in_its_own_words() {
    for (on, words, id) in [
        (".", LIMIT, "upstream-connections-exceeded"),
        (".", SLOW, "sending-deferred"),
        (".", ODD, "message-refused"),
        (".", "451 4.4.9 nobody knows this either", "message-refused-for-now"),
        (".", "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "day-limit-reached"),
        (".", "550 5.7.233 Tenant external recipient rate limit", "tenant-recipient-limit"),
        ("DATA", ODD, "message-refused"),
        ("MAIL", SLOW, "sending-deferred"),
        ("MAIL", ODD, "message-refused"),
        ("RCPT", SLOW, "sending-deferred"),
    ] {
        let world = World::new().await;
        let mut smtp = world.smtp_as_ann().await;
        refuse(&world, on, words).await;
        let text = gatepost::catalog::find(id).unwrap().text;
        let enhanced = words.split(' ').nth(1).unwrap();
        let said = said_to_a_message(&mut smtp).await;
        assert_eq!(said, format!("{words} {enhanced} {text} [gatepost {id}]"), "{on}");
        let counted = world.metrics().await;
        let counted: Vec<&str> =
            counted.lines().filter(|line| line.starts_with("gatepost_faults_total") && line.contains(id)).collect();
        assert!(counted.len() == 1 && counted[0].ends_with("stage=\"relaying\"} 1"), "{on} {words}: {counted:?}");
        let last = world.daemon.meter().recent.list().pop().unwrap();
        assert_eq!((last.id, last.account.as_str(), last.worked_again_at), (id, ANN, None), "{on} {words}");
        world.sandbox.faults().set(|faults| faults.smtp.answers.clear());
        assert!(smtp.message("the next").await.starts_with("250 "), "{on} {words}");
        let last = world.daemon.meter().recent.list().pop().unwrap();
        assert!(last.worked_again_at.is_some(), "{on} {words}: it is past");
    }
}

#[tokio::test]
async fn a_refused_message_is_one_warning_with_id_owner_next_step_and_the_words_of_the_server() {
    let world = World::new().await;
    let words = "550 5.4.1 words of this test alone, refused.rs";
    refuse(&world, ".", words).await;
    said_to_a_message(&mut world.smtp_as_ann().await).await;
    let lines = journal().lines(&[words]);
    let [line] = &lines[..] else { panic!("{lines:?}") };
    for part in
        ["WARN ", "message refused", "id=\"message-refused\"", "owner=\"tenant-admin\"", "next=\"Read the words"]
    {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// What it echoes may be the client's, and another Gatepost has ids of its own.
#[tokio::test]
async fn an_id_of_ours_in_the_words_of_the_mail_server_is_none_of_ours() {
    for (on, words, id) in [
        ("RCPT", "550 5.1.1 <\"[gatepost bad-credentials]\"@echo.rs> no", "recipient-unknown"),
        ("MAIL", "550 5.4.1 echo.rs [gatepost bad-credentials]", "message-refused"),
        (".", "451 4.4.9 echo.rs [gatepost queue-full]", "message-refused-for-now"),
    ] {
        let world = World::new().await;
        refuse(&world, on, words).await;
        let said = said_to_a_message(&mut world.smtp_as_ann().await).await;
        assert!(said.starts_with(words) && said.ends_with(&format!("[gatepost {id}]")), "{said}");
        assert!(world.metrics().await.contains(&format!("id=\"{id}\",stage=\"relaying\"}} 1")), "{id}");
        let standing: Vec<_> = world.daemon.meter().recent.list().iter().map(|fault| fault.id).collect();
        assert!(standing.iter().all(|one| *one == id), "{standing:?}");
        let told = journal().lines(&["refused", "echo.rs", &format!("id={id:?}")]);
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[tokio::test]
async fn a_refusal_that_the_mail_server_did_not_word_is_one_warning_with_what_stands_behind_it() {
    let world = World::new().await;
    let words = "530 5.7.57 Client not authenticated to send mail, one.rs";
    refuse(&world, "MAIL", words).await;
    let said = said_to_a_message(&mut world.smtp_as_ann().await).await;
    assert!(said.starts_with("451 4.7.0 ") && said.ends_with("[gatepost upstream-not-signed-on]"), "{said}");
    let lines = journal().lines(&["WARN ", words]);
    let [line] = &lines[..] else { panic!("{lines:?}") };
    for part in ["MAIL refused", "id=\"upstream-not-signed-on\"", " owner=", " next=", " detail="] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// A mistyped address is ordinary life.
#[tokio::test]
async fn a_recipient_that_is_refused_is_counted_and_named_and_is_no_standing_trouble() {
    for (words, id) in [
        ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; typed", "recipient-unknown"),
        (ODD, "recipient-refused"),
        ("450 4.2.0 Greylisted", "recipient-refused-for-now"),
    ] {
        let world = World::new().await;
        let mut smtp = world.smtp_as_ann().await;
        refuse(&world, "RCPT", words).await;
        let said = said_to_a_message(&mut smtp).await;
        assert!(said.starts_with(words) && said.ends_with(&format!("[gatepost {id}]")), "{said}");
        assert!(world.metrics().await.contains(&format!("id=\"{id}\",stage=\"relaying\"}} 1")), "{id}");
        assert!(world.daemon.meter().recent.list().is_empty(), "{id}");
        assert!(!journal().lines(&["INFO ", "RCPT refused", &format!("id={id:?}")]).is_empty());
        assert!(journal().lines(&["WARN ", "RCPT refused", &format!("id={id:?}")]).is_empty());
    }
}

/// Every recipient would hear the same.
#[tokio::test]
async fn a_policy_that_refuses_at_rcpt_is_no_matter_of_one_recipient_and_stands() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    refuse(&world, "RCPT", "550 5.7.1 Service unavailable; client host blocked using a list").await;
    let said = said_to_a_message(&mut smtp).await;
    assert!(said.ends_with("[gatepost message-refused]"), "{said}");
    assert_eq!(world.daemon.meter().recent.list().pop().unwrap().id, "message-refused");
}

/// Some programs show the last line of an answer alone, some the first.
#[tokio::test]
async fn the_words_of_the_server_stand_before_the_line_with_the_id_and_all_have_its_code() {
    let world = World::new().await;
    let mut smtp = world.smtp_in_data().await;
    refuse(&world, ".", "421-4.3.2 one\r\n421 4.3.2 two").await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("451-4.3.2 one").await;
    smtp.expect("451-4.3.2 two").await;
    smtp.expect("451 4.3.2 The mail server does not take this message now; its own words stand before these [gate")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_counts_what_a_client_was_refused_and_does_not_call_it_well_until_a_message_goes() {
    let more = format!(
        "[[client]]\nname = \"scanner\"\naccount = \"{ANN}\"\nlogin = \"scanner\"\npassword = \"{}\"\n",
        cheap_hash("scanner")
    );
    let (staged, program) = beside_a_daemon(Plan { more, ..Plan::default() }).await;
    let send = async |login: &str, password: &str| {
        let mut smtp = Talk::connect(own_address(), program.address(Protocol::Smtp)).await;
        smtp.expect("220 ").await;
        smtp.exchange("HELO x", "250 ").await;
        assert!(smtp.login(Protocol::Smtp, login, password).await.starts_with("235 "));
        said_to_a_message(&mut smtp).await
    };
    staged.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(".", LIMIT)]);
    for _ in 0..2 {
        assert!(send(ANN, PASSWORD).await.starts_with("432 "));
    }
    assert!(send("scanner", "scanner").await.starts_with("432 "));
    staged.sandbox.faults().set(|faults| faults.smtp.answers.clear());
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    for line in [
        format!(
            "refused messages             {ANN}: 2 of 2 in the last day were refused or broke off; the last reply was"
        ),
        format!("refused messages             {ANN} scanner: 1 of 1 in the last day were refused"),
        "upstream-connections-exceeded: 3 times, last just now".to_owned(),
    ] {
        assert!(told.out.contains(&line), "{line}: {}", told.out);
    }
    assert!(
        told.code == 0 && told.out.contains("was refused, above, and no success of it followed yet. Mended meanwhile?"),
        "{}",
        told.out
    );
    let told = staged.doctor(&[ANN, "--lang", "ja"]).await;
    assert!(told.out.contains("過去24時間の2通のうち2通が、拒否されたか途中で切れました"), "{}", told.out);
    let (_, status, _) = run(&["status", "--json"], &staged.file);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((&status["refused"][0]["account"], &status["refused"][0]["refused"]), (&ANN.into(), &2.into()));
    assert!(status["refused"][1]["reply"].as_str().unwrap().starts_with(LIMIT), "{status}");
    assert!(send(ANN, PASSWORD).await.starts_with("250 "));
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    assert!(told.out.contains(&format!("{ANN}: 2 of 3 in the last day were refused")), "{}", told.out);
    assert!(told.out.ends_with("\nAll is well.\n"), "{}", told.out);
}

#[tokio::test]
async fn a_queue_without_room_says_so_with_an_id_in_reply_log_status_and_metrics() {
    let plan = Plan {
        account: "delivery = \"queue\"".to_owned(),
        more: "[queue]\nmax-bytes = 1000\n".to_owned(),
        ..Plan::default()
    };
    let world = World::with(plan).await;
    let said = world.smtp_as_ann().await.message(&"0123456789\r\n".repeat(200)).await;
    assert_eq!(said, "452 4.3.1 Gatepost has no room for more messages, try again later [gatepost queue-full]");
    let last = world.daemon.meter().recent.list().pop().unwrap();
    assert_eq!((last.id, last.account.as_str(), last.times), ("queue-full", ANN, 1));
    assert!(world.metrics().await.contains("id=\"queue-full\",stage=\"relaying\"} 1"));
    let told =
        journal().lines(&["WARN ", "message refused-for-now", "id=\"queue-full\"", "owner=\"operator\"", "next="]);
    let [line] = &told[..] else { panic!("{told:?}") };
    assert!(line.contains("detail=\"messages cannot be kept in "), "{line}");
    let folder = world.dir.path().to_string_lossy();
    assert_eq!(journal().lines(&["WARN ", &folder, "max-bytes"]).len(), 1, "it is told once");
}

/// The ids of what stands.
fn standing(world: &World) -> Vec<&'static str> {
    let faults = world.daemon.meter().recent.list().into_iter();
    faults.filter(|one| one.worked_again_at.is_none()).map(|one| one.id).collect()
}

#[tokio::test]
async fn what_an_account_of_the_queue_was_refused_is_past_once_it_logs_in_and_a_message_of_it_is_taken() {
    let plan = Plan {
        account: "delivery = \"queue\"".to_owned(),
        more: "[queue]\nmax-bytes = 1000\n".to_owned(),
        ..Plan::default()
    };
    let world = World::with(plan).await;
    assert!(world.login(Protocol::Smtp, ANN, "wrong").await.starts_with("535 5.7.8 "));
    assert_eq!(standing(&world), ["bad-credentials"]);
    let mut smtp = world.smtp_as_ann().await;
    assert_eq!(standing(&world), Vec::<&str>::new(), "the password is right");
    for (refused, code) in [("0123456789\r\n".repeat(200), "452 "), ("a\0b".to_owned(), "554 ")] {
        assert!(smtp.message(&refused).await.starts_with(code));
    }
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=999999999"), "552 ").await;
    smtp.exchange("MAIL FROM:<eve@elsewhere.example>", "550 ").await;
    assert_eq!(standing(&world), ["queue-full", "nul-byte", "message-over-announced-size", "sender-not-allowed"]);
    assert!(smtp.message("taken").await.starts_with("250 2.0.0 Queued as "));
    assert!(standing(&world).iter().all(|id| *id == "sender-not-allowed"), "{:?}", standing(&world));
}

#[tokio::test]
async fn a_client_with_tls_on_a_plain_port_is_told_in_reply_log_and_status_with_its_address() {
    let world = World::new().await;
    let protocols = [(Protocol::Smtp, "554 5.5.1"), (Protocol::Imap, "* BYE"), (Protocol::Pop3, "-ERR")];
    for (n, (protocol, code)) in protocols.into_iter().enumerate() {
        let mut talk = world.greeted(protocol).await;
        talk.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
        let said = talk.rest().await;
        assert!(said.starts_with(&format!("{code} This port begins in plain text, ")), "{said}");
        assert!(said.ends_with("not in TLS [gatepost client-tls-on-plain-port]\r\n"), "{said}");
        let last = world.daemon.meter().recent.list().pop().unwrap();
        assert_eq!((last.id, &last.peers[..]), ("client-tls-on-plain-port", &[world.source][..]));
        world.login(protocol, ANN, PASSWORD).await;
        let stand = vec!["client-tls-on-plain-port"; n + 1];
        assert_eq!(standing(&world), stand, "{protocol}: another program of this machine may have logged in");
    }
    let peer = format!("peer={}:", world.source);
    let told = journal().lines(&["WARN ", "client dropped: ", "id=\"client-tls-on-plain-port\"", &peer]);
    assert!(told.len() == 3 && told[0].contains("owner=\"client\" next=\"Switch SSL/TLS off"), "{told:?}");
}

#[tokio::test]
async fn who_is_not_let_in_without_a_login_is_named_by_its_address_in_the_step() {
    let world = World::new().await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "530 5.7.0 ").await;
    let step = format!("from = [\\\"{}\\\"]", world.source);
    let told = journal().lines(&["WARN ", "[authentication-required]", &step]);
    assert_eq!(told.len(), 1, "{:?}", journal().lines(&["[authentication-required]"]));
    let status = crate::whole_domain::status(world.daemon.console_at().unwrap(), world.dir.path()).await;
    let fault = &status["faults"][0];
    assert_eq!(fault["peers"][0], world.source.to_string(), "{status}");
    let step = format!("`from = [\"{}\"]`", world.source);
    assert!(fault["next-step"].as_str().unwrap().contains(&step), "{status}");
    let page = Browser::inside(&world).await.page("/").await;
    assert!(page.contains(&format!("<small>{}</small>", world.source)), "{page}");
}

#[tokio::test]
async fn who_logs_in_without_starttls_where_it_is_demanded_hears_the_id_of_that() {
    let world = World::with(Plan { tls: "starttls-required", ..Plan::default() }).await;
    for (protocol, login) in [
        (Protocol::Smtp, format!("MAIL FROM:<{ANN}>")),
        (Protocol::Imap, format!("a LOGIN {ANN} x")),
        (Protocol::Pop3, format!("USER {ANN}")),
    ] {
        let mut talk = world.greeted(protocol).await;
        for _ in 0..3 {
            let said = talk.exchange(&login, "").await;
            assert!(said.ends_with(" [gatepost client-without-starttls]"), "{said}");
        }
        // No goodbye: the connection is closed.
        drop(talk);
        let last = world.daemon.meter().recent.list().pop().unwrap();
        assert_eq!((last.id, last.protocol), ("client-without-starttls", protocol.as_str()));
        assert_eq!((last.times, &last.peers[..]), (1, &[world.source][..]), "once for each session");
        let counted = format!("protocol=\"{protocol}\",kind=\"identity-refused\",id=\"client-without-starttls\"");
        let metrics = world.metrics().await;
        assert!(metrics.lines().any(|line| line.contains(&counted) && line.ends_with(" 1")), "{metrics}");
    }
    let peer = format!("peer={}:", world.source);
    let told = journal().lines(&["WARN ", "login refused: ", "id=\"client-without-starttls\"", &peer]);
    assert_eq!(told.len(), 3, "{told:?}");
    let status = crate::whole_domain::status(world.daemon.console_at().unwrap(), world.dir.path()).await;
    let faults: Vec<_> = status["faults"].as_array().unwrap().iter().map(|one| (&one["id"], &one["times"])).collect();
    assert_eq!(faults, [(&"client-without-starttls".into(), &1.into()); 3], "{status}");
}

#[tokio::test]
async fn connections_that_are_used_up_are_told_with_an_id_and_once_in_the_log_however_many_there_are() {
    let world = World::with(Plan { listener: "max-connections = 1".into(), ..Plan::default() }).await;
    let mut silent = world.greeted(Protocol::Smtp).await;
    for _ in 0..5 {
        let next = world.greeted(Protocol::Smtp).await;
        silent.expect("421 4.3.2 Too many connections, try again later [gatepost connections-used-up]").await;
        silent = next;
    }
    let last = world.daemon.meter().recent.list().pop().unwrap();
    assert_eq!((last.id, last.times, &last.peers[..]), ("connections-used-up", 5, &[world.source][..]));
    let peer = format!("peer={}:", world.source);
    assert_eq!(journal().lines(&["WARN ", "id=\"connections-used-up\"", &peer]).len(), 1);
    assert_eq!(journal().lines(&["DEBUG ", "[connections-used-up]", &peer]).len(), 4);
    world.smtp_as_ann().await;
    assert_eq!(standing(&world), Vec::<&str>::new(), "there is room for that address");
}

#[tokio::test]
async fn the_oldest_of_an_address_that_a_balancer_names_makes_room_with_an_id_as_of_any_other() {
    let listener = "proxy-protocol = true\nproxy-protocol-from = [\"127.0.0.0/8\"]".to_owned();
    let world = World::with(Plan { listener, ..Plan::default() }).await;
    let far = "203.0.113.77";
    let mut silent = Vec::new();
    for _ in 0..=AdmissionLimits::default().per_address {
        let mut one = world.smtp().await;
        one.send(format!("PROXY TCP4 {far} 10.0.0.1 50000 25\r\n").as_bytes()).await;
        one.greeted(Protocol::Smtp).await;
        silent.push(one);
    }
    silent[0].expect("421 4.3.2 Too many connections, try again later [gatepost connections-used-up]").await;
    let last = world.daemon.meter().recent.list().pop().unwrap();
    assert_eq!((last.id, last.times, &last.peers[..]), ("connections-used-up", 1, &[far.parse().unwrap()][..]));
    assert_eq!(journal().lines(&["WARN ", "id=\"connections-used-up\"", &format!("peer={far}:")]).len(), 1);
}

/// It closes its side in the middle of the message, once it has been refused.
#[tokio::test]
async fn what_the_mail_server_refuses_of_a_message_whose_client_leaves_in_its_middle_has_an_id_and_counts() {
    let world = World::new().await;
    refuse(&world, "DATA", "550 5.9.9 half of these words are nobody's").await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: {ANN}\r\n\r\nhalf of it\r\n").as_bytes()).await;
    smtp.half_close().await;
    world.until("it stands", |world| standing(world) == ["message-refused"]).await;
    let told = journal().lines(&["WARN", "message refused", "half of these words", "id=\"message-refused\"", "next="]);
    assert!(!told.is_empty(), "{:?}", journal().lines(&["half of these words"]));
}

/// Who sends as the account without its password proves nothing of that.
#[tokio::test]
async fn a_wrong_password_is_not_past_because_a_client_of_a_rule_sends_from_the_same_account() {
    let hash = cheap_hash("copier");
    let more =
        format!("[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nlogin = \"copier\"\npassword = \"{hash}\"\n");
    let world = World::with(Plan { more, ..Plan::default() }).await;
    assert!(world.login(Protocol::Smtp, ANN, "wrong").await.starts_with("535 5.7.8 "));
    let mut copier = world.greeted(Protocol::Smtp).await;
    assert!(copier.login(Protocol::Smtp, "copier", "copier").await.starts_with("235 "));
    assert!(copier.message("scan").await.starts_with("250 "));
    assert_eq!(standing(&world), ["bad-credentials"]);
    world.smtp_as_ann().await;
    assert_eq!(standing(&world), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_right_or_wrong_ends_no_refusal_of_a_message() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let mut smtp = program.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));
    smtp.exchange("MAIL FROM:<eve@elsewhere.example>", "550 5.7.1 ").await;
    let refused = || {
        let status: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &staged.file).1).unwrap();
        status["refused"][0]["reply"].as_str().unwrap_or_default().to_owned()
    };
    assert!(refused().contains("[gatepost sender-not-allowed]"), "{}", refused());
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    assert!(refused().contains("[gatepost sender-not-allowed]"), "{}", refused());
    let mut wrong = program.greeted(Protocol::Smtp).await;
    assert!(wrong.login(Protocol::Smtp, ANN, "wrong").await.starts_with("535 "));
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    assert!(refused().contains("[gatepost sender-not-allowed]"), "{}", refused());
    assert!(smtp.message("x").await.starts_with("250 "));
    assert_eq!(refused(), "");
}

/// A rule for its address would let in whatever else has it.
#[tokio::test]
async fn a_message_behind_a_login_that_was_refused_asks_for_no_rule() {
    let world = World::new().await;
    let mut smtp = world.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", crate::world::plain(ANN, "wrong")), "535 5.7.8 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "530 5.7.0 ").await;
    assert_eq!(standing(&world), ["bad-credentials"]);
    world.greeted(Protocol::Smtp).await.exchange(&format!("MAIL FROM:<{ANN}>"), "530 5.7.0 ").await;
    assert_eq!(standing(&world), ["bad-credentials", "authentication-required"], "it has no login at all");
}

#[tokio::test]
async fn a_recipient_that_a_policy_refuses_is_not_past_because_the_message_went_to_another() {
    let world = World::new().await;
    let policy = Answer::new("RCPT", "550 5.7.1 Message rejected by policy").times(1);
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![policy]);
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.say("RCPT TO:<shared@contoso.example>").await;
    assert!(smtp.reply().await.starts_with("550"));
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    assert_eq!(standing(&world).len(), 1, "{:?}", standing(&world));
    assert!(smtp.message("to all").await.starts_with("250 "));
    assert!(standing(&world).is_empty(), "{:?}", standing(&world));
}

fn two_clients(queue: &str) -> Plan {
    let client = |name: &str, more: &str| {
        let hash = cheap_hash(name);
        format!(
            "[[client]]\nname = \"{name}\"\naccount = \"{ANN}\"\nlogin = \"{name}\"\npassword = \"{hash}\"\n{more}\n"
        )
    };
    let more = format!("{}{}{queue}", client("alerts", "delivery = \"queue\""), client("prog", ""));
    Plan { more, ..Plan::default() }
}

async fn logged_in(world: &World, client: &str) -> Talk {
    let mut smtp = world.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, client, client).await.starts_with("235 "));
    smtp
}

#[tokio::test]
async fn what_one_client_was_refused_is_not_past_because_another_one_sends() {
    let world = World::with(two_clients("[queue]\nmax-bytes = 400\n")).await;
    let (mut alerts, mut prog) = (logged_in(&world, "alerts").await, logged_in(&world, "prog").await);
    let said = alerts.message(&"too much for the queue ".repeat(40)).await;
    assert!(said.ends_with("[gatepost queue-full]"), "{said}");
    assert!(prog.message("past the queue").await.starts_with("250 "));
    assert_eq!(standing(&world), ["queue-full"]);
    let said = prog.message("a NUL \0 in it").await;
    assert!(said.ends_with("[gatepost nul-byte]"), "{said}");
    assert!(alerts.message("small").await.starts_with("250 "));
    assert_eq!(standing(&world), ["nul-byte"], "the queue has room");
    assert!(prog.message("none in it").await.starts_with("250 "));
    assert!(standing(&world).is_empty(), "{:?}", standing(&world));
}

#[tokio::test]
async fn a_wrong_password_of_a_client_is_past_once_that_client_logs_in_and_not_before() {
    let world = World::with(two_clients("")).await;
    assert!(world.login(Protocol::Smtp, "alerts", "wrong").await.starts_with("535 "));
    logged_in(&world, "prog").await;
    world.smtp_as_ann().await;
    assert_eq!(standing(&world), ["bad-credentials"]);
    logged_in(&world, "alerts").await;
    assert!(standing(&world).is_empty(), "{:?}", standing(&world));
}

#[tokio::test]
async fn the_right_password_of_one_client_declares_no_strangers_wrong_one_past() {
    let world = World::with(two_clients("")).await;
    for user in ["nobody@contoso.example", "alerts"] {
        assert!(world.login(Protocol::Smtp, user, "wrong").await.starts_with("535 "));
    }
    assert_eq!(standing(&world), ["bad-credentials", "bad-credentials"]);
    let metrics = world.daemon.meter().text();
    let counted = metrics.lines().find(|line| line.contains("id=\"bad-credentials\""));
    assert!(counted.is_some_and(|line| line.ends_with(" 2")), "{counted:?}");
    logged_in(&world, "alerts").await;
    assert_eq!(standing(&world), ["bad-credentials"]);
    let all = world.daemon.meter().recent.list();
    let stands: Vec<_> = all.iter().filter(|one| one.worked_again_at.is_none()).map(|one| &one.client).collect();
    assert_eq!(stands, [&None]);
}
