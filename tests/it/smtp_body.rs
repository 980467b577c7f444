//! SMTP message bodies: what is between 354 and the final dot arrives as it is, once, or not at all.

use std::time::{Duration, Instant};

use crate::world::{ANN, BOB, HEAD, Plan, Talk, World};

/// Nobody counts messages.
async fn unhurried() -> World {
    let mut plan = Plan::faulty(|faults| faults.smtp.messages_per_minute = None);
    plan.account = "limits = { messages-per-minute = 1000000 }".into();
    World::with(plan).await
}

/// Sends `body` as it is behind the header block, then the end of data; the final reply.
async fn body(smtp: &mut Talk, body: &[u8]) -> String {
    smtp.open_message().await;
    smtp.send(&[HEAD.as_bytes(), body, b"\r\n.\r\n"].concat()).await;
    smtp.line().await
}

fn last_body(world: &World) -> Vec<u8> {
    let all = world.sandbox.submissions();
    all.last().unwrap().bytes.strip_prefix(HEAD.as_bytes()).unwrap().to_vec()
}

#[tokio::test]
async fn whatever_surrounds_a_dot_never_two_messages_arrive() {
    let world = unhurried().await;
    let mut smtp = world.smtp_as_ann().await;
    let around = ["\r\n", "\n", "\r", "\0", " ", "\n\r", "\r\r\n", "\r\n\0", "\0\r\n", "\r\n ", "\n\n", "\r\r"];
    let smuggled = format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<bob@contoso.example>\r\nDATA\r\nsmuggled\r\n");
    let mut taken = 0;
    for before in around {
        for after in around.iter().filter(|after| (before, **after) != ("\r\n", "\r\n")) {
            let text = format!("text{before}.{after}{smuggled}");
            if format!("{before}.{after}").contains("\r\n.\r\n") {
                // That is the end, whatever stood before it: see the next test.
                continue;
            }
            let reply = body(&mut smtp, text.as_bytes()).await;
            let odd = text.contains('\0') || text.replace("\r\n", "").contains('\r');
            assert!(reply.starts_with(if odd { "554 5.6.11" } else { "250 2.0.0" }), "{before:?}.{after:?}: {reply}");
            taken += usize::from(!odd);
            assert_eq!(world.sandbox.submissions().len(), taken, "{before:?}.{after:?}");
            smtp.exchange("NOOP", "250 2.0.0 OK").await;
        }
    }
    assert!(world.sandbox.submissions().iter().all(|message| message.recipients.len() == 1));
}

/// RFC 5321 4.1.1.4: CRLF.CRLF ends the data and nothing else does. A refusal moves that end no more than a success,
/// and what stands behind it are commands of the same client under the same rules (RFC 2920 3.1).
#[tokio::test]
async fn the_end_of_a_refused_message_is_where_the_end_of_a_good_one_would_be() {
    let world = unhurried().await;
    let mut smtp = world.smtp_as_ann().await;
    for text in ["a\r\r\n.\r\n", "a\0\r\n.\r\n", "\0\n.\r\nb\r\n.\r\n", "a\r\n.\r\r\nb\r\n.\r\n"] {
        smtp.open_message().await;
        smtp.send(format!("{HEAD}{text}MAIL FROM:<eve@elsewhere.example>\r\nVRFY x\r\n").as_bytes()).await;
        smtp.expect("554 5.6.11").await;
        smtp.expect("550 5.7.1").await;
        smtp.expect("252 ").await;
    }
    assert!(world.sandbox.submissions().is_empty());
}

#[tokio::test]
async fn a_bare_line_feed_becomes_crlf_and_a_dot_behind_it_stays_a_dot() {
    let world = unhurried().await;
    let mut smtp = world.smtp_as_ann().await;
    for (sent, arrives) in [
        ("a\nb", "a\r\nb\r\n"),
        ("a\n.\nb", "a\r\n.\r\nb\r\n"),
        ("a\r\n.\nb", "a\r\n.\r\nb\r\n"),
        ("a\n.\r\nb", "a\r\n.\r\nb\r\n"),
        ("a\n..b", "a\r\n..b\r\n"),
    ] {
        assert!(body(&mut smtp, sent.as_bytes()).await.starts_with("250 "), "{sent:?}");
        assert_eq!(String::from_utf8_lossy(&last_body(&world)), arrives, "{sent:?}");
    }
}

#[tokio::test]
async fn dots_at_the_start_of_lines_survive() {
    let world = unhurried().await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(body(&mut smtp, b"..\r\n...\r\n..a\r\n.b\r\n..\r\n").await.starts_with("250 "));
    assert_eq!(String::from_utf8_lossy(&last_body(&world)), ".\r\n..\r\n.a\r\nb\r\n.\r\n\r\n");
}

#[tokio::test]
async fn an_empty_message_and_one_without_a_header_block_end_where_they_end() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for message in [".\r\n", "\r\n.\r\n", "\r\n\r\n.\r\n", "Subject: x\r\n.\r\n"] {
        smtp.open_message().await;
        smtp.send(message.as_bytes()).await;
        // No From: Exchange refuses, in its own words.
        assert!(smtp.reply().await.starts_with("550 5.7.512"));
    }
    smtp.open_message().await;
    smtp.send(b"From: ann@contoso.example\r\n.\r\n").await;
    smtp.expect("250 ").await;
    assert_eq!(world.only_message().bytes, "From: ann@contoso.example\r\n");
}

#[tokio::test]
async fn a_refused_body_costs_the_upstream_connection_and_nothing_else() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.open_message().await;
    smtp.send(format!("{HEAD}{}\rbare\r\n.\r\n", "line\r\n".repeat(20_000)).as_bytes()).await;
    smtp.expect("554 5.6.11").await;
    assert!(smtp.message("next").await.starts_with("250 "));
    world.only_message();
    assert_eq!(world.sandbox.counts().sign_ons, 2, "the next MAIL dials anew");
}

#[tokio::test]
async fn thirty_megabytes_arrive_byte_for_byte_in_bounded_time() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let line = format!("{}\r\n", "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCA");
    let big = line.repeat(30 * 1024 * 1024 / line.len());
    let start = Instant::now();
    smtp.open_message().await;
    smtp.send(format!("{HEAD}{big}.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(last_body(&world) == big.as_bytes());
}

#[tokio::test]
async fn a_header_block_over_256_kib_is_refused_and_the_session_goes_on() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let headers: String = (0..20_000).map(|n| format!("X-Header-{n}: value\r\n")).collect();
    smtp.open_message().await;
    smtp.send(format!("From: ann@contoso.example\r\n{headers}\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.expect("552 5.3.4").await;
    assert!(smtp.message("next").await.starts_with("250 "));
    world.only_message();
}

#[tokio::test]
async fn long_lines_and_8_bit_bytes_of_any_charset_pass_unchanged() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let mut odd: Vec<u8> = (1..=255u8).filter(|byte| !b"\r\n.".contains(byte)).collect();
    odd.extend(b"\r\n");
    odd.extend("x".repeat(400_000).bytes());
    odd.extend(b"\r\n\x1b$B%F%9%H\x1b(B\r\n\x83e\x83X\x83g");
    assert!(body(&mut smtp, &odd).await.starts_with("250 "));
    assert!(last_body(&world).strip_suffix(b"\r\n").unwrap() == odd);
}

#[tokio::test]
async fn a_client_that_sends_byte_by_byte_is_understood() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let dialogue = format!("MAIL FROM:<{ANN}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n{HEAD}..a\r\n.\r\nQUIT\r\n");
    for byte in dialogue.bytes() {
        smtp.send(&[byte]).await;
    }
    for code in ["250 ", "250 ", "354 ", "250 2.0.0", "221 "] {
        smtp.expect(code).await;
    }
    assert_eq!(last_body(&world), b".a\r\n");
}

#[tokio::test]
async fn the_final_dot_may_be_torn_anywhere_and_the_next_command_may_ride_along() {
    let world = unhurried().await;
    let mut smtp = world.smtp_as_ann().await;
    let end = format!("end\r\n.\r\nMAIL FROM:<{ANN}>\r\nRSET\r\n");
    for cut in 1..end.len() {
        smtp.open_message().await;
        smtp.send(HEAD.as_bytes()).await;
        smtp.send(&end.as_bytes()[..cut]).await;
        tokio::task::yield_now().await;
        smtp.send(&end.as_bytes()[cut..]).await;
        for code in ["250 2.0.0", "250 2.1.0", "250 "] {
            smtp.expect(code).await;
        }
        assert_eq!(last_body(&world), b"end\r\n", "cut at {cut}");
    }
}
