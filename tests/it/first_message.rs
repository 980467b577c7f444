//! From a configuration and an empty store to the first message, by the commands that a person types: with a browser on a
//! desktop, with a code on another device, and with nobody at all. Each says how long the machine took for it.

use std::{path::Path, process::Stdio, time::Instant};

use gatepost::{base::Protocol, sandbox::Sandbox};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::{
    app_only::{self, BOB},
    process::{Program, command},
    world::{ANN, PASSWORD, Plan, stage},
};

fn nobody_signed_in() -> Plan {
    let mut plan = Plan { signed_in: vec![], ..Plan::default() };
    (plan.sandbox.auto_approve, plan.sandbox.device_interval) = (true, 1);
    plan
}

/// Signs ann in with `gatepost login`; `person` does what a person does with what it shows.
async fn signed_in(file: &Path, flow: &str, person: impl AsyncFnOnce(&Value)) {
    let mut login = command(&["login", ANN, "--flow", flow, "--json"], file);
    login.stdout(Stdio::piped());
    let mut login = tokio::process::Command::from(login).spawn().unwrap();
    let mut said = BufReader::new(login.stdout.take().unwrap()).lines();
    let open = said.next_line().await.unwrap().expect("it says what to open");
    person(&serde_json::from_str(&open).unwrap()).await;
    while said.next_line().await.unwrap().is_some() {}
    assert!(login.wait().await.unwrap().success());
}

/// One message by `gatepost send`, as a device would.
async fn sent(program: &Program, sandbox: &Sandbox, file: &Path, from: &str) {
    let server = program.address(Protocol::Smtp).to_string();
    let words = ["send", "--from", from, "--to", BOB, "--server", &server, "--password-stdin"];
    let mut send = command(&words, file);
    send.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut send = tokio::process::Command::from(send).spawn().unwrap();
    send.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).await.unwrap();
    let output = send.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(sandbox.submissions().len(), 1);
}

fn took(what: &str, start: Instant) {
    let told = format!("from a configuration to the first message, {what}: {} ms\n", start.elapsed().as_millis());
    std::io::Write::write_all(&mut std::io::stderr(), told.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_browser_on_a_desktop() {
    let (sandbox, _dir, file) = stage(&nobody_signed_in()).await;
    let start = Instant::now();
    let program = Program::start(&file).await;
    signed_in(&file, "browser", async |open| {
        let page = reqwest::get(open["url"].as_str().unwrap()).await.unwrap();
        assert!(page.status().is_success());
    })
    .await;
    sent(&program, &sandbox, &file, ANN).await;
    took("a browser on a desktop", start);
}

#[tokio::test]
async fn a_code_over_ssh() {
    let (sandbox, _dir, file) = stage(&nobody_signed_in()).await;
    let start = Instant::now();
    let program = Program::start(&file).await;
    signed_in(&file, "device", async |open| {
        sandbox.approve_device(open["code"].as_str().unwrap(), ANN);
    })
    .await;
    sent(&program, &sandbox, &file, ANN).await;
    took("a device code over ssh (asked for every second, Entra wants five)", start);
}

#[tokio::test]
async fn a_certificate_and_nobody() {
    let (sandbox, dir, file) = stage(&nobody_signed_in()).await;
    let text = app_only::with_certificate(&sandbox, dir.path());
    std::fs::write(&file, format!("{text}\n[[listener]]\nprotocol = \"pop3\"\nlisten = [\"127.0.0.1:0\"]\n")).unwrap();
    let start = Instant::now();
    let program = Program::start(&file).await;
    sent(&program, &sandbox, &file, BOB).await;
    took("app-only with a certificate", start);
}
