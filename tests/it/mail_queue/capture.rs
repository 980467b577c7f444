//! Commissioning: with `capture` nothing leaves until somebody has looked at it, with the command, and let it go.

use std::time::Duration;

use gatepost::base::Protocol;

use super::{arrived, bodies, queued, rows, send, until_empty};
use crate::{
    process::{Program, run},
    world::{ANN, BOB, Plan, cheap_hash, own_place, stage, until_so},
};

fn captured() -> Plan {
    let hash = cheap_hash("copier");
    let client = format!(
        "[[client]]\nname = \"3F copier\"\naccount = \"{ANN}\"\nlogin = \"copier\"\npassword = \"{hash}\"\n\
         capture = true\n"
    );
    Plan { more: client, ..queued("") }
}

#[tokio::test]
async fn a_captured_message_is_listed_shown_and_released_or_dropped_with_the_command() {
    let (sandbox, dir, file) = stage(&captured()).await;
    // The command has to find the daemon's console.
    let console = own_place();
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"{console}\""), 1);
    std::fs::write(&file, text).unwrap();
    let program = Program::start(&file).await;

    let mut smtp = program.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, "copier", "copier").await.starts_with("235 "));
    let mut ids = Vec::new();
    for subject in ["first scan", "second scan"] {
        let said = send(&mut smtp, subject).await;
        let id =
            said.strip_prefix("250 2.0.0 Kept on hold as ").and_then(|rest| rest.strip_suffix(", nothing is sent"));
        ids.push(id.unwrap_or_else(|| panic!("{said}")).to_owned());
    }
    let [first, second] = &ids[..] else { panic!("two messages") };

    let asked = async |arguments: &[&str]| {
        let (code, said, errors) = run(arguments, &file);
        assert_eq!(code, 0, "{arguments:?}: {errors}");
        said
    };
    let list = asked(&["queue", "list"]).await;
    assert!(list.contains(&format!("{first}  held")) && list.contains("held: capture"), "{list}");
    assert!(list.contains(&format!("{ANN} -> {BOB}")) && list.contains("3F copier"), "{list}");
    let shown = asked(&["queue", "show", second]).await;
    assert!(shown.contains("Subject: second scan\n") && !shown.contains("text of"), "{shown}");
    let (code, _, errors) = run(&["queue", "retry", first], &file);
    assert!(code == 1 && errors.contains("is held"), "{errors}");
    assert_eq!((sandbox.submissions().len(), sandbox.counts().connections(Protocol::Smtp).total), (0, 0));

    asked(&["queue", "drop", second]).await;
    let left: Vec<_> = rows(dir.path()).await.into_iter().map(|row| row.id).collect();
    assert_eq!((left, bodies(dir.path())), (vec![first.clone()], vec![format!("{first}.msg")]));
    asked(&["queue", "release", first]).await;
    until_empty(dir.path(), 20).await;
    assert_eq!(arrived(&sandbox), ["first scan"]);
    assert_eq!(asked(&["queue", "list"]).await, "the queue is empty\n");
}

#[tokio::test]
async fn what_is_captured_stays_on_hold_over_a_kill() {
    let (sandbox, dir, file) = stage(&captured()).await;
    let program = Program::start(&file).await;
    let mut smtp = program.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, "copier", "copier").await.starts_with("235 "));
    assert!(send(&mut smtp, "scan").await.starts_with("250 2.0.0 Kept on hold as "));
    program.killed().await;
    let program = Program::start(&file).await;
    // Somebody else's message passes by.
    super::queue(&mut super::as_ann(&program).await, "sent").await;
    // Its row goes first, then its body.
    let is_past = async || {
        arrived(&sandbox).contains(&"sent".to_owned())
            && (rows(dir.path()).await.len(), bodies(dir.path()).len()) == (1, 1)
    };
    until_so("the other one is past", Duration::from_secs(20), is_past).await;
    let [row] = &rows(dir.path()).await[..] else { panic!("one is left") };
    assert_eq!((row.hold.as_deref(), row.attempts, bodies(dir.path()).len()), (Some("capture"), 0, 1));
    assert_eq!(arrived(&sandbox), ["sent"]);
}
