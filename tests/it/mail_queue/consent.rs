//! A consent that was missing is given: mail that waited for it goes at once, by either of the commands that are printed.

use std::path::PathBuf;

use gatepost::sandbox::Sandbox;

use super::{arrived, as_ann, outages::waits_for, queue, queued, until_empty};
use crate::{
    process::{Program, run},
    world::{Plan, consent_for_all, consent_page, own_place, sign_in_for, stage},
};

const MAIL: [&str; 2] = ["https://outlook.office.com/SMTP.Send", "offline_access"];

struct Waiting {
    sandbox: Sandbox,
    dir: tempfile::TempDir,
    file: PathBuf,
    program: Program,
    id: String,
}

impl Waiting {
    /// A message of ann, who consented to mail alone, that waits because of this fault.
    async fn new(outbound: &str, rehearsal: Option<&str>, fault: &str) -> Self {
        let app = "tenant = \"contoso.example\"\ngraph-url = \"{graph}\"".into();
        let plan = Plan { app, signed_in: Vec::new(), ..queued(&format!("outbound = \"{outbound}\"")) };
        let (sandbox, dir, file) = stage(&plan).await;
        // The command has to find the daemon's console.
        let console = own_place();
        let text = std::fs::read_to_string(&file).unwrap();
        let text =
            text.replacen("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"{console}\""), 1);
        std::fs::write(&file, text).unwrap();
        sign_in_for(dir.path(), &sandbox, &MAIL).await;
        if let Some(rehearsal) = rehearsal {
            assert!(sandbox.faults().set(|faults| faults.apply(rehearsal)), "{rehearsal}");
        }
        let program = Program::start(&file).await;
        let id = queue(&mut as_ann(&program).await, "alert").await;
        waits_for(dir.path(), &format!("[{fault}]")).await;
        Self { sandbox, dir, file, program, id }
    }

    fn retried(&self) {
        let (code, _, errors) = run(&["queue", "retry", &self.id], &self.file);
        assert_eq!(code, 0, "{errors}");
    }

    async fn arrives(&self) {
        until_empty(self.dir.path(), 20).await;
        assert_eq!(arrived(&self.sandbox), ["alert"]);
    }
}

#[tokio::test]
async fn mail_that_waits_for_a_consent_goes_as_soon_as_it_is_given_and_somebody_tries_it_again() {
    for (outbound, rehearsal, fault) in [
        ("graph", None, "graph-consent-missing"),
        ("smtp-then-graph", Some("smtp-auth-disabled-tenant"), "graph-consent-missing"),
        ("smtp", Some("no-consent"), "consent-missing"),
        ("smtp", Some("sign-in-blocked"), "conditional-access"),
    ] {
        let waiting = Waiting::new(outbound, rehearsal, fault).await;
        match fault {
            "conditional-access" => waiting.sandbox.faults().clear(),
            _ => consent_for_all(&waiting.sandbox).await,
        }
        waiting.retried();
        waiting.arrives().await;
    }
}

#[tokio::test]
async fn mail_that_waits_for_a_consent_goes_as_soon_as_it_is_given_and_the_configuration_is_read_again() {
    for (outbound, rehearsal, fault) in
        [("graph", None, "graph-consent-missing"), ("smtp", Some("no-consent"), "consent-missing")]
    {
        let waiting = Waiting::new(outbound, rehearsal, fault).await;
        if outbound == "graph" {
            // No client has met it.
            for lang in ["en", "ja"] {
                let (_, status, _) = run(&["status", "--lang", lang], &waiting.file);
                for part in [consent_page(&waiting.sandbox), format!(" kill -HUP {}\n", waiting.program.id())] {
                    assert!(status.contains(&part), "{part} is not in {status}");
                }
            }
        }
        consent_for_all(&waiting.sandbox).await;
        waiting.program.reload().await;
        waiting.arrives().await;
    }
}

#[tokio::test]
async fn who_tries_again_before_the_consent_is_there_is_told_so_and_a_loop_of_that_asks_the_provider_no_more() {
    let waiting = Waiting::new("graph", None, "graph-consent-missing").await;
    let asked = waiting.sandbox.counts().token_requests_total();
    for _ in 0..5 {
        waiting.retried();
        waits_for(waiting.dir.path(), "[graph-consent-missing]").await;
    }
    assert!(waiting.sandbox.counts().token_requests_total() <= asked + 2, "once in five seconds");
    consent_for_all(&waiting.sandbox).await;
    waiting.program.reload().await;
    waiting.arrives().await;
}
