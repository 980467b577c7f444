//! An upstream that quotes what it did not take: our token is in no log, no report, no bundle.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use gatepost::{
    sandbox::{Answer, Faults},
    store::Store,
};

use crate::{
    process::command,
    world::{ANN, FOR_GOOD, PROTOCOLS, Plan, World, in_each_protocol, journal, settings, stage},
};

const DECODED: &str = "user=ann@contoso.example\\u{1}auth=Bearer ";

fn echoes(faults: &mut Faults) {
    faults.smtp.answers.push(Answer::new("AUTH", "535 5.7.8 no '{line}'"));
    faults.imap.answers.push(Answer::new("AUTHENTICATE", "{tag} NO no '{line}'"));
    faults.pop3.answers.push(Answer::new("AUTH", "-ERR no '{line}'"));
}

/// Nothing of `told` is a part of a token, decoded or in base64: those of the sandbox are signed claims in three parts.
fn holds_no_token(told: &str, tokens: &[String]) {
    for token in tokens {
        for shift in 0..3 {
            let base64 = STANDARD_NO_PAD.encode(format!("{}{token}", "x".repeat(shift)));
            let parts = [token.as_str(), &base64[4..base64.len() - 4]];
            for part in parts.iter().flat_map(|spelled| spelled.as_bytes().chunks_exact(16)) {
                let part = std::str::from_utf8(part).unwrap();
                assert!(!told.contains(part), "{part} in {told}");
            }
        }
    }
    for begin in ["dXNlcj", "Bearer e", "eyJ", DECODED] {
        assert!(!told.contains(begin), "{begin} in {told}");
    }
}

async fn tokens(dir: &std::path::Path) -> Vec<String> {
    let store = Store::open(&settings(dir)).await.unwrap();
    let row = store.token(&format!("contoso/{ANN}")).await.unwrap().row.unwrap();
    row.access.values().map(|access| access.token.expose().to_owned()).collect()
}

#[tokio::test]
async fn an_upstream_that_quotes_the_token_brings_it_into_no_log() {
    let world = World::with(Plan::faulty(echoes)).await;
    in_each_protocol(async |protocol| {
        holds_no_token(&world.ann_hears(protocol, FOR_GOOD).await, &[]);
    })
    .await;
    let told = journal().lines(&["refused: ", &format!("peer={}:", world.source)]);
    assert!(told.len() == PROTOCOLS.len(), "{told:?}");
    for line in &told {
        assert!(line.contains("[secret]") && line.contains("upstream said"), "{line}");
        holds_no_token(line, &[]);
    }
}

#[tokio::test]
async fn nor_into_what_the_doctor_says_nor_into_the_bundle() {
    let (sandbox, dir, file) = stage(&Plan::faulty(echoes)).await;
    let bundle = dir.path().join("support.tar.gz");
    let arguments = ["doctor", ANN, "--json", "--bundle", bundle.to_str().unwrap()];
    let mut json = command(&arguments, &file);
    let mut text = command(&["doctor", ANN], &file);
    let outputs = tokio::task::spawn_blocking(move || [json.output().unwrap(), text.output().unwrap()]).await.unwrap();
    let tokens = tokens(dir.path()).await;
    assert!(!tokens.is_empty() && tokens.iter().all(|token| token.len() > 40), "{tokens:?}");
    for output in &outputs {
        let told = [output.stdout.as_slice(), &output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains("[secret]"), "{told}");
        holds_no_token(&told, &tokens);
    }
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&bundle).unwrap()));
    let mut seen = 0;
    for entry in archive.entries().unwrap() {
        let mut content = String::new();
        entry.unwrap().read_to_string(&mut content).unwrap();
        seen += usize::from(content.contains("[secret]"));
        holds_no_token(&content, &tokens);
    }
    assert!(seen >= 2, "doctor.txt and doctor.json quote the server");
    drop(sandbox);
}
