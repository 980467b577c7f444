//! Real programs against the sandbox. Each is skipped, with a word, where it is not installed.

use std::process::Stdio;

use tokio::process::Command;

use super::*;
use crate::sandbox::{Flags, INBOX};

/// Runs a program to its end; `None` where there is none of that name.
async fn run(command: &mut Command) -> Option<(bool, String)> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let Ok(child) = command.spawn() else {
        eprintln!("skipped: {:?} is not installed", command.as_std().get_program());
        return None;
    };
    let output = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await;
    let output = output.expect("the program ends").expect("its output");
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}

#[tokio::test]
async fn pythons_libraries_send_read_and_delete() {
    let sandbox = sandbox().await;
    let token = sandbox.issue_token(ANN, HOUR);
    let mut python = Command::new("python3");
    python.args(["-c", include_str!("clients.py"), sandbox.ca_pem()]);
    for address in [sandbox.smtp(), sandbox.imap(), sandbox.pop3()] {
        python.arg(address.port().to_string());
    }
    python.args([ANN, token.expose()]);
    if let Some((well, said)) = run(&mut python).await {
        assert!(
            well,
            "{said}\n{}",
            sandbox.transcript().lines().iter().map(|line| format!("{line}\n")).collect::<String>()
        );
        assert!(sandbox.mailbox(ANN).expect("a mailbox").messages(INBOX).is_empty());
    }
}

#[tokio::test]
async fn curl_reads_and_appends() {
    let sandbox = sandbox().await;
    let text = "Subject: for curl\r\n\r\nbody\r\n";
    let ann = sandbox.mailbox(ANN).expect("a mailbox");
    ann.add(INBOX, Flags::default(), bytes::Bytes::from(text)).expect("added");
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, sandbox.ca_pem()).expect("written");
    let curl = |url: String| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--cacert"]).arg(&ca).args(["--user", ANN, "--oauth2-bearer"]);
        curl.arg(sandbox.issue_token(ANN, HOUR).expose()).arg(url);
        curl
    };
    let imap = format!("imaps://localhost:{}", sandbox.imap().port());
    let Some((well, said)) = run(&mut curl(format!("{imap}/INBOX;UID=1"))).await else { return };
    assert!(well && said == text, "{said}");
    let upload = directory.path().join("message");
    std::fs::write(&upload, text).expect("written");
    let append = curl(format!("{imap}/Drafts")).arg("-T").arg(&upload).kill_on_drop(true).output().await.expect("curl");
    assert!(append.status.success(), "{}", String::from_utf8_lossy(&append.stderr));
    assert_eq!(ann.messages("Drafts").len(), 1);
}

#[tokio::test]
async fn thirty_megabytes_come_back_unchanged() {
    let sandbox = sandbox().await;
    let line = [b"a".repeat(76).as_slice(), b"\r\n"].concat();
    let body = line.repeat(30 * 1024 * 1024 / line.len());
    let message = [b"From: ann@contoso.example\r\n\r\n".as_slice(), &body].concat();
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    talk.run(
        "C: MAIL FROM:<ann@contoso.example>\nS: 250 *\nC: RCPT TO:<ann@contoso.example>\nS: 250 *\nC: DATA\nS: 354 *\n",
    )
    .await;
    talk.say(&message).await;
    talk.run("C: .\nS: 250 2.0.0 OK *\n").await;
    assert_eq!(sandbox.mailbox(ANN).expect("a mailbox").messages(INBOX)[0].bytes, message);
}
