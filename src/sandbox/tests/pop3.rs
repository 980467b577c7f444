use bytes::Bytes;

use super::*;
use crate::sandbox::{Flags, INBOX};

async fn filled() -> Sandbox {
    let sandbox = sandbox().await;
    let ann = sandbox.mailbox(ANN).expect("a mailbox");
    for body in ["one\r\n.two\r\nthree\r\n", "other"] {
        ann.add(INBOX, Flags::default(), Bytes::from(format!("Subject: x\r\n\r\n{body}"))).expect("added");
    }
    sandbox
}

async fn signed_on(sandbox: &Sandbox) -> Talk {
    let mut talk = Talk::pop3(sandbox).await;
    let blob = blob(sandbox, ANN, ANN);
    talk.run(&format!(
        "S: +OK The Microsoft Exchange POP3 service is ready. *
         C: AUTH XOAUTH2
         S: +\u{20}
         C: {blob}
         S: +OK User successfully authenticated."
    ))
    .await;
    talk
}

#[tokio::test]
async fn messages_are_listed_read_and_gone_after_quit() {
    let sandbox = filled().await;
    let mut talk = signed_on(&sandbox).await;
    talk.run(
        "C: STAT
         S: +OK 2 51
         C: LIST
         S: +OK 2 51
         S: 1 32
         S: 2 19
         S: .
         C: UIDL 2
         S: +OK 2 0000000e00000002
         C: RETR 1
         S: +OK
         S: Subject: x
         S:
         S: one
         S: ..two
         S: three
         S: .
         C: TOP 1 1
         S: +OK
         S: Subject: x
         S:
         S: one
         S: .
         C: RETR 2
         S: +OK
         S: Subject: x
         S:
         S: other
         S: .
         C: DELE 1
         S: +OK
         C: RETR 1
         S: -ERR *
         C: RSET
         S: +OK
         C: DELE 2
         S: +OK
         C: QUIT
         S: +OK Microsoft Exchange Server POP3 server signing off.",
    )
    .await;
    talk.closed().await;
    let left: Vec<u32> = sandbox.mailbox(ANN).expect("a mailbox").messages(INBOX).iter().map(|one| one.uid).collect();
    assert_eq!(left, [1]);
}

#[tokio::test]
async fn nothing_is_deleted_without_quit() {
    let sandbox = filled().await;
    let mut talk = signed_on(&sandbox).await;
    talk.run("C: DELE 1\nS: +OK\n").await;
    drop(talk);
    let mut again = signed_on(&sandbox).await;
    again.run("C: STAT\nS: +OK 2 51\n").await;
}

#[tokio::test]
async fn passwords_one_line_auth_and_bad_tokens_are_refused() {
    let sandbox = sandbox().await;
    let mut talk = Talk::pop3(&sandbox).await;
    talk.run(&format!(
        "S: +OK *
         C: CAPA
         S: +OK
         S: TOP
         S: UIDL
         S: SASL PLAIN XOAUTH2
         S: USER
         S: .
         C: STAT
         S: -ERR Command is not valid in this state.
         C: USER ann
         S: +OK
         C: PASS demo
         S: -ERR Logon failure: *
         C: AUTH XOAUTH2
         S: +\u{20}
         C: {}
         S: -ERR Authentication failure: unknown user name or bad password.
         C: AUTH XOAUTH2 {}
         S: -ERR Protocol error. Connection is closed. 10",
        blob(&sandbox, BOB, ANN),
        "short"
    ))
    .await;
    talk.closed().await;
}

#[tokio::test]
async fn a_shared_mailbox_is_read_with_the_delegates_token() {
    let sandbox = sandbox().await;
    let mut talk = Talk::pop3(&sandbox).await;
    let blob = blob(&sandbox, SHARED, ANN);
    talk.run(&format!("S: +OK *\nC: AUTH XOAUTH2\nS: + \nC: {blob}\nS: +OK *\n")).await;
}
