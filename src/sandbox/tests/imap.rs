use bytes::Bytes;

use super::*;
use crate::{
    base::Protocol,
    net::clock::Still,
    sandbox::{Flags, INBOX},
};

fn put(sandbox: &Sandbox, user: &str, text: &str) {
    let mailbox = sandbox.mailbox(user).expect("a mailbox");
    mailbox.add(INBOX, Flags::default(), Bytes::copy_from_slice(text.as_bytes())).expect("added");
}

#[tokio::test]
async fn capabilities_change_with_the_sign_on_and_the_front_end() {
    let sandbox = sandbox().await;
    let mut talk = Talk::imap(&sandbox).await;
    talk.run(&format!(
        "S: * OK The Microsoft Exchange IMAP4 service is ready. *
         C: 1 CAPABILITY
         S: * CAPABILITY IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+
         S: 1 OK CAPABILITY completed.
         C: 2 ID (\"name\" \"x\" \"version\" NIL)
         S: * ID (\"name\" \"Microsoft.Exchange.Imap4.Imap4Server\" \"version\" \"15.20\")
         S: 2 OK ID completed.
         C: 3 LOGIN ann demo
         S: 3 NO LOGIN failed.
         C: 4 SELECT INBOX
         S: 4 BAD Command received in Invalid state.
         C: 5 AUTHENTICATE PLAIN
         S: +\u{20}
         C: AGFubgBkZW1v
         S: 5 NO AUTHENTICATE failed.
         C: 6 AUTHENTICATE XOAUTH2
         S: +\u{20}
         C: {}
         S: 6 NO AUTHENTICATE failed.
         C: 7 authenticate xoauth2 {}
         S: 7 OK AUTHENTICATE completed.
         C: 8 CAPABILITY
         S: * CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE * NAMESPACE LITERAL+
         S: 8 OK CAPABILITY completed.
         C: 9 NAMESPACE
         S: * NAMESPACE ((\"\" \"/\")) NIL NIL
         S: 9 OK NAMESPACE completed.
         C: 10 LOGOUT
         S: * BYE Microsoft Exchange Server IMAP4 server signing off.
         S: 10 OK LOGOUT completed.",
        xoauth2(ANN, "made-up"),
        blob(&sandbox, ANN, ANN)
    ))
    .await;
    talk.closed().await;
    sandbox.faults().set(|faults| faults.imap.front_end_2026 = true);
    let mut talk = Talk::imap_as(&sandbox, ANN).await;
    talk.run(
        "C: 1 ENABLE IMAP4rev2\nS: * ENABLED IMAP4rev2\nS: 1 OK ENABLE completed.\nC: 2 LSUB \"\" *\nS: 2 BAD *\n",
    )
    .await;
}

#[tokio::test]
async fn a_mailbox_is_opened_read_and_tidied() {
    let sandbox = sandbox().await;
    put(&sandbox, ANN, "Subject: one\r\n\r\nfirst\r\n");
    put(&sandbox, ANN, "Subject: two\r\n\r\nsecond\r\n");
    let mut talk = Talk::imap_as(&sandbox, ANN).await;
    talk.run(
        "C: 1 SELECT inbox
         S: * 2 EXISTS
         S: * 2 RECENT
         S: * FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent $Forwarded)
         S: * OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent $Forwarded)] Permanent flags
         S: * OK [UNSEEN 1] Is the first unseen message
         S: * OK [UIDVALIDITY 14] UIDVALIDITY value
         S: * OK [UIDNEXT 3] The next unique identifier value
         S: 1 OK [READ-WRITE] SELECT completed.
         C: 2 FETCH 1:* (UID FLAGS)
         S: * 1 FETCH (UID 1 FLAGS (\\Recent))
         S: * 2 FETCH (UID 2 FLAGS (\\Recent))
         S: 2 OK FETCH completed.
         C: 3 UID FETCH 2 BODY[TEXT]
         S: * 2 FETCH (BODY[TEXT] {8}
         S: second
         S:  UID 2 FLAGS (\\Seen \\Recent))
         S: 3 OK FETCH completed.
         C: 4 SEARCH UNSEEN
         S: * SEARCH 1
         S: 4 OK SEARCH completed.
         C: 5 UID STORE 1 +FLAGS (\\Deleted custom)
         S: * 1 FETCH (FLAGS (\\Deleted \\Recent) UID 1)
         S: 5 OK STORE completed.
         C: 6 UID COPY 2 Archive
         S: 6 OK [COPYUID 15 2 1] COPY completed.
         C: 7 EXPUNGE
         S: * 1 EXPUNGE
         S: 7 OK EXPUNGE completed.
         C: 8 UID MOVE 2 \"Deleted Items\"
         S: * OK [COPYUID 16 2 1]
         S: * 1 EXPUNGE
         S: 8 OK MOVE completed.
         C: 9 STATUS \"Deleted Items\" (MESSAGES UIDNEXT UNSEEN)
         S: * STATUS \"Deleted Items\" (MESSAGES 1 UIDNEXT 2 UNSEEN 0)
         S: 9 OK STATUS completed.
         C: 10 FETCH 5 FLAGS
         S: 10 OK FETCH completed.
         C: 11 CLOSE
         S: 11 OK CLOSE completed.
         C: 12 FETCH 1 FLAGS
         S: 12 BAD Command received in Invalid state.",
    )
    .await;
}

#[tokio::test]
async fn folders_are_listed_made_renamed_and_removed() {
    let sandbox = sandbox().await;
    let mut talk = Talk::imap_as(&sandbox, ANN).await;
    talk.run(
        "C: 1 LIST \"\" %
         S: * LIST (\\HasNoChildren) \"/\" INBOX
         S: * LIST (\\HasNoChildren \\Archive) \"/\" Archive
         S: * LIST (\\HasNoChildren \\Trash) \"/\" \"Deleted Items\"
         S: * LIST (\\HasNoChildren \\Drafts) \"/\" Drafts
         S: * LIST (\\HasNoChildren \\Junk) \"/\" \"Junk Email\"
         S: * LIST (\\HasNoChildren \\Sent) \"/\" \"Sent Items\"
         S: 1 OK LIST completed.
         C: 2 CREATE Projects/2026
         S: 2 OK CREATE completed.
         C: 3 LIST \"\" Projects*
         S: * LIST (\\HasChildren) \"/\" Projects
         S: * LIST (\\HasNoChildren) \"/\" Projects/2026
         S: 3 OK LIST completed.
         C: 4 RENAME Projects Work
         S: 4 OK RENAME completed.
         C: 5 DELETE Work
         S: 5 OK DELETE completed.
         C: 6 SELECT Work/2026
         S: 6 NO The specified folder was not found.
         C: 7 DELETE INBOX
         S: 7 NO Folder name is reserved
         C: 8 LIST (SPECIAL-USE) \"\" *
         S: 8 BAD Command Argument Error. 12
         C: 9 LIST \"\" \"\"
         S: * LIST (\\Noselect \\HasChildren) \"/\" \"\"
         S: 9 OK LIST completed.
         C: 10 UNSUBSCRIBE Archive
         S: 10 OK UNSUBSCRIBE completed.
         C: 11 LSUB \"\" A*
         S: 11 OK LSUB completed.",
    )
    .await;
}

#[tokio::test]
async fn messages_are_appended_with_either_kind_of_literal() {
    let sandbox = sandbox().await;
    let mut talk = Talk::imap_as(&sandbox, ANN).await;
    talk.run(
        "C: 1 APPEND Drafts (\\Seen) \"17-Jul-2026 02:44:25 +0200\" {14}
         S: + Ready for additional command text.
         C: Subject: x
         C: yz
         S: 1 OK [APPENDUID 17 1] APPEND completed.",
    )
    .await;
    talk.say(b"2 APPEND {6+}\r\nDrafts {3+}\r\nabc\r\n").await;
    talk.run(
        "S: 2 OK [APPENDUID 17 2] APPEND completed.
         C: 3 APPEND Nowhere {1+}
         C: x
         S: 3 NO [TRYCREATE] The specified folder was not found.
         C: 4 APPEND Drafts {47185921}
         S: 4 BAD Command Argument Error. 11
         C: 5 APPEND Drafts {18446744073709551615}
         S: 5 BAD Command Argument Error. 11
         C: 6 EXAMINE Drafts",
    )
    .await;
    talk.until("6 OK [READ-ONLY]").await;
    talk.run(
        "C: 7 FETCH 1 (INTERNALDATE RFC822.SIZE FLAGS)
         S: * 1 FETCH (INTERNALDATE \"17-Jul-2026 00:44:25 +0000\" RFC822.SIZE 14 FLAGS (\\Seen \\Recent))
         S: 7 OK FETCH completed.",
    )
    .await;
}

#[tokio::test]
async fn idle_wakes_at_once_when_mail_comes() {
    let sandbox = sandbox().await;
    let mut talk = Talk::imap_as(&sandbox, BOB).await;
    talk.run("C: 1 SELECT INBOX\n").await;
    talk.until("1 OK").await;
    talk.run("C: 2 IDLE\nS: + IDLE accepted, awaiting DONE command.\n").await;
    put(&sandbox, BOB, "Subject: new\r\n\r\n");
    talk.run("S: * 1 EXISTS\nS: * 1 RECENT\nC: done\nS: 2 OK IDLE completed.\nC: 3 NOOP\nS: 3 OK NOOP completed.\n")
        .await;
}

#[tokio::test]
async fn two_sessions_see_each_others_changes() {
    let sandbox = sandbox().await;
    put(&sandbox, ANN, "Subject: one\r\n\r\n");
    let mut one = Talk::imap_as(&sandbox, ANN).await;
    let mut two = Talk::imap_as(&sandbox, ANN).await;
    for talk in [&mut one, &mut two] {
        talk.run("C: 1 SELECT INBOX\n").await;
        talk.until("1 OK").await;
    }
    one.run("C: 2 STORE 1 +FLAGS.SILENT (\\Deleted)\nS: 2 OK STORE completed.\n").await;
    two.run("C: 2 NOOP\nS: * 1 FETCH (FLAGS (\\Deleted) UID 1)\nS: 2 OK NOOP completed.\n").await;
    one.run("C: 3 EXPUNGE\nS: * 1 EXPUNGE\nS: 3 OK EXPUNGE completed.\n").await;
    two.run("C: 3 FETCH 1 FLAGS\nS: 3 OK FETCH completed.\nC: 4 NOOP\nS: * 1 EXPUNGE\nS: 4 OK NOOP completed.\n").await;
}

#[tokio::test]
async fn ok_is_not_proof_of_a_mailbox() {
    let sandbox = sandbox().await;
    let mut talk = Talk::imap(&sandbox).await;
    let blob = blob(&sandbox, BOB, ANN);
    talk.run(&format!(
        "S: * OK *
         C: 1 AUTHENTICATE XOAUTH2 {blob}
         S: 1 OK AUTHENTICATE completed.
         C: 2 CAPABILITY
         S: * CAPABILITY *
         S: 2 OK CAPABILITY completed.
         C: 3 NAMESPACE
         S: 3 BAD User is authenticated but not connected.
         S: * BYE Connection closed. 14"
    ))
    .await;
    talk.closed().await;
    let mut shared = Talk::imap(&sandbox).await;
    let blob = super::blob(&sandbox, SHARED, ANN);
    shared
        .run(&format!(
            "S: * OK *\nC: 1 AUTHENTICATE XOAUTH2 {blob}\nS: 1 OK *\nC: 2 NAMESPACE\nS: * NAMESPACE *\nS: 2 OK *\n"
        ))
        .await;
    assert_eq!(sandbox.counts().mailbox(Protocol::Imap, SHARED).open, 1);
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_token_also_in_idle() {
    let (sandbox, _still) = (sandbox().await, Still::begin(Duration::from_secs(60)));
    for idle in [false, true] {
        let mut talk = Talk::imap(&sandbox).await;
        let token = sandbox.issue_token(ANN, Duration::from_secs(600));
        let blob = xoauth2(ANN, token.expose());
        talk.run(&format!("S: * OK *\nC: 1 AUTHENTICATE XOAUTH2 {blob}\nS: 1 OK *\n")).await;
        if idle {
            talk.run("C: 2 IDLE\nS: + IDLE *\n").await;
        }
        tokio::time::advance(Duration::from_secs(601)).await;
        if !idle {
            talk.run("C: 2 NOOP\n").await;
        }
        talk.run("S: * BYE Session invalidated - AccessTokenExpired\n").await;
        talk.closed().await;
    }
    assert_eq!(sandbox.counts().expired_sessions, 2);
}

#[tokio::test]
async fn after_ten_errors_the_server_hangs_up() {
    let sandbox = sandbox().await;
    let mut talk = Talk::imap_as(&sandbox, ANN).await;
    for _ in 0..10 {
        talk.run("C: 1 WHAT\nS: 1 BAD Command Error. 12\n").await;
    }
    talk.run("S: * BYE Connection is closed. 13\n").await;
    talk.closed().await;
}

#[tokio::test]
async fn rehearsals_show_after_the_sign_on() {
    let sandbox = sandbox_with(|faults| assert!(faults.apply("imap-not-connected"))).await;
    let mut talk = Talk::imap_as(&sandbox, ANN).await;
    talk.run("C: 1 NAMESPACE\nS: 1 BAD User is authenticated but not connected.\nS: * BYE Connection closed. 14\n")
        .await;
    talk.closed().await;
    sandbox.faults().clear();
    sandbox.faults().set(|faults| (faults.imap.refuse_tokens, faults.imap.challenge) = (1, true));
    let mut talk = Talk::imap(&sandbox).await;
    let blob = blob(&sandbox, ANN, ANN);
    talk.run(&format!("S: * OK *\nC: 1 AUTHENTICATE XOAUTH2 {blob}\nS: + eyJ*\n")).await;
    talk.say(b"\r\n").await;
    talk.run("S: 1 NO [AUTHENTICATIONFAILED] *\n").await;
    sandbox.faults().set(|faults| faults.imap.preauth = true);
    Talk::imap(&sandbox).await.run("S: * PREAUTH *\n").await;
}

#[tokio::test]
async fn commands_may_come_torn_or_together() {
    let sandbox = sandbox().await;
    let mut talk = Talk::imap(&sandbox).await;
    talk.run("S: * OK *\n").await;
    let blob = blob(&sandbox, ANN, ANN);
    talk.say(format!("x.1 AUTHENTICATE XOAUTH2 {blob}\r\n00 NOOP\r\nA-2 SEL").as_bytes()).await;
    talk.run("S: x.1 OK AUTHENTICATE completed.\nS: 00 OK NOOP completed.\n").await;
    talk.say(b"ECT {5}\r\n").await;
    talk.run("S: + Ready for additional command text.\nC: INBOX\n").await;
    talk.until("A-2 OK [READ-WRITE]").await;
}
