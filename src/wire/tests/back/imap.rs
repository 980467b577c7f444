//! What is IMAP's own: literals, the probe, and what comes beside the OK.

use super::*;

/// An IMAP sign-on whose upstream says this, one byte at a time.
fn byte_by_byte(text: &str) -> Run<ImapBack> {
    let mut run = Run::new(ImapBack::new(credentials(), false, Some(vec![])));
    for byte in text.bytes() {
        run.machine.feed(&[byte]);
        run.drain(&mut listener);
    }
    run
}

#[test]
fn imap_back_upgrades_strictly_and_forgets_what_it_heard_in_the_clear() {
    back_dialogue(|| ImapBack::new(credentials(), true, None), &[
        ('S', "* OK [CAPABILITY IMAP4rev1 STARTTLS SASL-IR] hi"), ('C', "gps STARTTLS~"), ('S', "gps OK go"), ('=', "tls"),
        ('C', "gpc CAPABILITY~"), ('S', "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2"), ('S', "gpc OK"),
        ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+"), ('C', "BLOB~"), ('S', "gpa OK in"),
        ('C', "gpd CAPABILITY~"), ('S', "* CAPABILITY IMAP4rev1"), ('S', "gpd OK"), ('=', "done IMAP4rev1 "),
    ]);
}

#[test]
fn imap_back_answers_the_error_challenge_itself() {
    back_dialogue(|| ImapBack::new(credentials(), false, Some(vec!["SASL-IR".into()])), &[
        ('S', "* OK hi"), ('C', "gpa AUTHENTICATE XOAUTH2 BLOB~"), ('S', "+ eyJzdGF0dXMiOiI0MDAifQ=="), ('C', "~"),
        ('S', "gpa NO AUTHENTICATE failed."), ('=', "refused AUTHENTICATE failed. {\"status\":\"400\"}"),
    ]);
    // The usual form is not tried twice.
    back_dialogue(|| ImapBack::new(credentials(), false, Some(vec![])), &[
        ('S', "* OK hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "gpa BAD what"), ('=', "refused what "),
    ]);
    back_dialogue(|| ImapBack::new(credentials(), false, Some(vec![])), &[
        ('S', "* OK hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+ "), ('C', "BLOB~"), ('S', "gpa BAD what"), ('=', "refused what "),
    ]);
}

#[test]
fn imap_back_uses_sasl_ir_where_offered_and_probes() {
    back_dialogue(|| ImapBack::new(credentials(), false, None), &[
        ('S', EXCHANGE), ('C', "gpc CAPABILITY~"),
        ('S', "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR NAMESPACE"), ('S', "gpc OK CAPABILITY completed."),
        ('C', "gpa AUTHENTICATE XOAUTH2 BLOB~"), ('S', "gpa OK AUTHENTICATE completed."),
        ('C', "gpd CAPABILITY~gpn NAMESPACE~"),
        ('S', "* CAPABILITY IMAP4rev1 MOVE NAMESPACE"), ('S', "* 3 EXISTS"), ('S', "gpd OK done"),
        ('S', "* NAMESPACE ((\"\" \"/\")) NIL NIL"), ('S', "gpn OK done"),
        ('=', "done at once IMAP4rev1,MOVE,NAMESPACE * 3 EXISTS"),
    ]);
}

#[test]
fn imap_back_without_sasl_ir_waits_for_plus() {
    back_dialogue(|| ImapBack::new(credentials(), false, None), &[
        ('S', "* OK [CAPABILITY IMAP4rev1] hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+ "), ('C', "BLOB~"),
        ('S', "gpa OK [CAPABILITY IMAP4rev1 IDLE] in"), ('C', "gpd CAPABILITY~"), ('S', "gpd OK"), ('=', "done IMAP4rev1,IDLE "),
    ]);
}

#[test]
fn an_upstream_that_no_longer_takes_an_initial_response_is_asked_in_the_usual_form() {
    let known = || Some(vec!["SASL-IR".into()]);
    back_dialogue(|| ImapBack::new(credentials(), false, known()), &[
        ('S', EXCHANGE), ('C', "gpa AUTHENTICATE XOAUTH2 BLOB~"), ('S', "gpa BAD Command Argument Error. 12"),
        ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+"), ('C', "BLOB~"), ('S', "gpa OK in"), ('C', "gpd CAPABILITY~"),
        ('S', "* CAPABILITY IMAP4rev1"), ('S', "gpd OK"), ('=', "done IMAP4rev1 "),
    ]);
}

#[test]
fn what_the_upstream_says_beside_its_ok_reaches_the_client_behind_ours() {
    back_dialogue(|| ImapBack::new(credentials(), false, Some(vec![])), &[
        ('S', "* OK hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+"), ('C', "BLOB~"),
        ('S', "* OK [ALERT] almost full"), ('S', "* OK [CAPABILITY IMAP4rev1 ID] here"), ('S', "* 7 EXISTS"),
        ('S', "gpa OK in"), ('C', "gpd CAPABILITY~"),
        // Not ours: nobody asked for it.
        ('S', "* NAMESPACE NIL NIL NIL"), ('S', "* CAPABILITY IMAP4rev1"), ('S', "gpd OK"),
        ('=', "done IMAP4rev1 * OK [ALERT] almost full\r\n* 7 EXISTS\r\n* NAMESPACE NIL NIL NIL"),
    ]);
}

#[test]
fn an_untagged_line_with_a_literal_beside_the_ok_is_kept_whole_and_its_rest_is_no_reply() {
    let text = "* OK hi\r\n+ \r\n* LIST () \"/\" {5}\r\nINBOX\r\n* LIST () \"/\" {0}\r\ngpa NO x\r\ngpa OK in\r\n* CAPABILITY A\r\ngpd OK\r\n";
    let run = byte_by_byte(text);
    assert_eq!(run.heard, ["done A * LIST () \"/\" {5}\r\nINBOX\r\n* LIST () \"/\" {0}\r\ngpa NO x"]);
}

#[test]
fn a_literal_beside_the_ok_may_hold_what_looks_like_a_reply() {
    let text = "* OK hi\r\n+ \r\n* LIST () \"/\" {14}\r\nIN\r\ngpa NO BOX {3}\r\n\r\n* gone\r\ngpa OK in\r\n* CAPABILITY A\r\ngpd OK\r\n";
    let run = byte_by_byte(text);
    assert_eq!(run.heard, ["done A * LIST () \"/\" {14}\r\nIN\r\ngpa NO BOX {3}\r\n\r\n* gone"]);
}

#[test]
fn what_comes_with_a_literal_and_behind_it_is_read_at_once() {
    let mut run = Run::new(ImapBack::new(credentials(), false, Some(vec![])));
    in_turn(&mut run, "* OK hi\r\n+ \r\ngpa OK in\r\n");
    run.machine.feed(b"* LIST () {5}\r\nINBOX\r\n* CAPABILITY A\r\ngpd OK\r\n");
    run.drain(&mut listener);
    assert_eq!(run.heard, ["done A * LIST () {5}\r\nINBOX"]);
}

#[test]
fn a_list_of_capabilities_that_comes_unasked_beside_the_ok_counts() {
    back_dialogue(|| ImapBack::new(credentials(), false, Some(vec![])), &[
        ('S', "* OK hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+"), ('C', "BLOB~"), ('S', "gpa OK in"),
        ('C', "gpd CAPABILITY~"), ('S', "* OK [CAPABILITY IMAP4rev1 ID] here"), ('S', "gpd OK"), ('=', "done IMAP4rev1,ID "),
    ]);
}

#[test]
fn a_line_behind_the_ok_that_is_no_reply_is_left_to_the_client() {
    back_dialogue(|| ImapBack::new(credentials(), false, Some(vec![])), &[
        ('S', "* OK hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+"), ('C', "BLOB~"), ('S', "gpa OK in"),
        ('C', "gpd CAPABILITY~"), ('S', "Server Unavailable."), ('S', "gpd OK"), ('=', "done  Server Unavailable."),
    ]);
}

#[test]
fn a_line_with_a_control_byte_behind_a_literal_is_not_kept_by_halves() {
    let text = "* OK hi\r\n+ \r\n* 1 EXISTS\r\n* LIST () \"/\" {5}\r\nINBOX \u{1b}[2J {3}\r\nxyz y\r\n* 2 RECENT\r\ngpa OK in\r\n* CAPABILITY A\r\ngpd OK\r\n";
    let run = byte_by_byte(text);
    assert_eq!(run.heard, ["done A * 1 EXISTS\r\n* 2 RECENT"]);
}

#[test]
fn authenticated_but_not_connected_is_a_refusal() {
    let known = || Some(vec!["SASL-IR".into(), "NAMESPACE".into()]);
    let start = [
        ('S', EXCHANGE), ('C', "gpa AUTHENTICATE XOAUTH2 BLOB~"), ('S', "gpa OK AUTHENTICATE completed."),
        ('C', "gpd CAPABILITY~gpn NAMESPACE~"), ('S', "* CAPABILITY IMAP4rev1"), ('S', "gpd OK done"),
    ];
    let make = || ImapBack::new(credentials(), false, known());
    back_dialogue(make, &[&start[..], &[
        ('S', "gpn BAD User is authenticated but not connected."),
        ('=', "refused User is authenticated but not connected. "),
    ]].concat());
    back_dialogue(make, &[&start[..], &[('S', "* BYE Connection closed. 14"), ('=', "refused Connection closed. 14 (right behind its OK, as where a user is authenticated but not connected) ")]].concat());
    let mut run = back_dialogue(make, &start);
    assert!(matches!(run.machine.closed(), Some(SignOn::Refused { .. })));
    back_dialogue(make, &[&start[..], &[('S', "gpn BAD Command Error. 10"), ('=', "done at once IMAP4rev1 ")]].concat());
}

#[test]
fn imap_lines_with_literals_between_ok_and_probe_reach_the_client_whole() {
    let run = byte_by_byte(
        "* OK hi\r\n+ \r\ngpa OK\r\n* X {6}\r\ngpd OK tail\r\n* CAPABILITY A\r\ngpd OK\r\n* 1 RECENT\r\n",
    );
    assert_eq!(run.heard, ["done A * X {6}\r\ngpd OK tail"]);
    assert_eq!(unread(run), "* 1 RECENT\r\n");
}

#[test]
fn a_literal_over_the_cap_ends_the_sign_on_and_is_never_dropped_from_its_line() {
    for n in ["65536", "4294967296", "18446744073709551615", "99999999999999999999999"] {
        let mut run = Run::new(ImapBack::new(credentials(), false, Some(vec![])));
        in_turn(&mut run, &format!("* OK hi\r\n+ \r\ngpa OK\r\n* X {{{n}}}\r\n"));
        assert!(run.broken.is_some() && run.heard.is_empty(), "{n}: {:?}", run.heard);
    }
    // Two that fit alone and not together.
    let mut run = Run::new(ImapBack::new(credentials(), false, Some(vec![])));
    in_turn(&mut run, &format!("* OK hi\r\n+ \r\ngpa OK\r\n* X {{40000}}\r\n{0}\r\n* X {{40000}}\r\n{0}\r\n* CAPABILITY A\r\ngpd OK\r\n", "x".repeat(40_000)));
    assert!(run.broken.is_some() && run.heard.is_empty(), "{:?}", run.heard);
}

#[test]
fn whether_an_initial_response_was_taken_is_told_beside_the_list_behind_the_sign_on() {
    let probe = |done: &'static str| [
        ('C', "gpd CAPABILITY~"), ('S', "* CAPABILITY IMAP4rev1 SASL-IR IDLE"), ('S', "gpd OK done"), ('=', done),
    ];
    back_dialogue(|| ImapBack::new(credentials(), false, None), &[&[
        ('S', "* OK [CAPABILITY IMAP4rev1] hi"), ('C', "gpa AUTHENTICATE XOAUTH2~"), ('S', "+ "), ('C', "BLOB~"),
        ('S', "gpa OK in")][..], &probe("done IMAP4rev1,SASL-IR,IDLE ")].concat());
    back_dialogue(|| ImapBack::new(credentials(), false, None), &[&[
        ('S', "* OK [CAPABILITY IMAP4rev1 SASL-IR] hi"), ('C', "gpa AUTHENTICATE XOAUTH2 BLOB~"),
        ('S', "gpa OK in")][..], &probe("done at once IMAP4rev1,SASL-IR,IDLE ")].concat());
    back_dialogue(|| ImapBack::new(credentials(), false, Some(vec!["SASL-IR".into()])), &[
        ('S', EXCHANGE), ('C', "gpa AUTHENTICATE XOAUTH2 BLOB~"), ('S', "gpa OK [CAPABILITY IMAP4rev1] in"),
        ('C', "gpd CAPABILITY~"), ('S', "gpd OK"), ('=', "done at once IMAP4rev1 "),
    ]);
}
