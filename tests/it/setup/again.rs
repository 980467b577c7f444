//! Run again, beside a daemon, on a configuration that is there, after an interruption: nothing is damaged and nothing
//! is done twice.

use gatepost::base::Protocol;

use super::{Running, SHARED, Stage, password_in};
use crate::{
    process::{Program, command},
    world::{ANN, BOB, PASSWORD, own_place},
};

#[tokio::test]
async fn run_again_it_changes_nothing_and_asks_for_nothing() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&[]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let text = stage.text();

    // The address alone: the rest is there.
    let again = stage.run(&stage.flags(&["--address", ANN]), "").await;
    assert_eq!(again.code, 0, "{}\n{}", again.out, again.err);
    assert_eq!(stage.text(), text);
    assert!(again.err.contains("stays as it is") && again.err.contains("is signed in already"), "{}", again.err);
    let told = format!("{ANN}: sent with the checks above, straight to the provider");
    assert!(
        again.err.contains(&told) && again.out.contains("sent; the server said 250 "),
        "{}{}",
        again.out,
        again.err
    );
    assert!(!again.out.contains("Mail flows"), "the listener was not gone through: {}", again.out);
    assert_eq!(stage.sandbox.submissions().len(), 2);
    assert!(!again.out.contains("type the code"), "{}", again.out);

    let mut idle = stage.flags(&["--address", ANN, "--no-send"]);
    idle.push("--password-stdin".into());
    let refused = stage.run(&idle, "anything\n").await;
    assert!(refused.code == 2 && refused.err.contains("--password-stdin has no use here"), "{}", refused.err);

    // With the password it sends again.
    let mut flags = stage.flags(&["--address", ANN]);
    flags.push("--password-stdin".into());
    let sends = stage.run(&flags, &format!("{}\n", password_in(&first.out))).await;
    assert_eq!(sends.code, 0, "{}\n{}", sends.out, sends.err);
    assert_eq!((stage.text(), stage.sandbox.submissions().len()), (text, 3));
    assert!(sends.out.contains("Mail flows."), "{}", sends.out);
}

#[tokio::test]
async fn run_again_over_one_that_cannot_send_it_fails_and_says_why_in_both_languages() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&[]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    stage.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-mailbox"));
    for (lang, advice, turn, well, wrong) in [
        ("en", "What to do", "admin: an administrator", "All is well", "upstream said"),
        ("ja", "次の手順", "管理者:", "すべて正常", "サーバーの応答: \"535 5.7.139"),
    ] {
        let ended = stage.run(&stage.flags(&["--address", ANN, "--lang", lang]), "").await;
        assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
        let command = format!("Set-CASMailbox -Identity {ANN} -SmtpClientAuthenticationDisabled $false");
        for part in ["[smtp-auth-disabled-mailbox]", advice, turn, wrong, &command] {
            assert!(ended.out.contains(part), "{part}: {}", ended.out);
        }
        let all = format!("{}{}", ended.out, ended.err);
        assert!(!all.contains(well) && !all.contains("ImapEnabled"), "{all}");
        assert_eq!(lang == "ja", !all.contains("upstream said"), "{all}");
    }
    // What the tenant has for the mailbox is another address: no right on oneself helps.
    stage.sandbox.faults().clear();
    stage.sandbox.faults().set(|faults| faults.apply("own-address-denied"));
    let password = format!("{}\n", password_in(&first.out));
    for (flags, stdin) in [(&["--address", ANN][..], ""), (&["--address", ANN, "--password-stdin"], &password)] {
        let ended = stage.run(&stage.flags(flags), stdin).await;
        let all = format!("{}{}", ended.out, ended.err);
        assert_eq!(ended.code, 1, "{all}");
        assert!(all.contains("[own-address-denied]") && all.contains(&format!("Get-Mailbox -Identity {ANN}")), "{all}");
        assert!(!all.contains("Add-RecipientPermission"), "{all}");
    }
}

#[tokio::test]
async fn a_flag_that_asks_for_something_else_than_is_there_is_told_with_the_line_and_nothing_is_done() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send", "--shared", SHARED]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let text = stage.text();
    let other = "10000000-0000-4000-8000-00000000ffff";
    let ann = format!("\n  [[account]]\n  address = \"{ANN}\"\n  ");
    let shared = format!("\n  [[account]]\n  address = \"{SHARED}\"\n  ");
    for (flags, told) in [
        (&["--outbound", "smtp-then-graph"][..], vec![format!("{ann}outbound = \"smtp-then-graph\"")]),
        (
            &["--outbound", "graph", "--shared", SHARED],
            vec![format!("{ann}outbound = \"graph\""), format!("{shared}outbound = \"graph\"")],
        ),
        (&["--set", "account.delivery=queue"], vec![format!("{ann}delivery = \"queue\"")]),
        // One that would be new does not hide it.
        (&["--set", "account.delivery=queue", "--shared", BOB], vec![format!("{ann}delivery = \"queue\"")]),
        (&["--set", "app.pkce=false"], vec!["\n  [app.contoso]\n  pkce = false".to_owned()]),
        (&["--client-id", other], vec![format!("\n  [app.contoso]\n  client-id = \"{other}\"")]),
        (&["--provider", "google"], vec!["\n  [app.contoso]\n  provider = \"google\"".to_owned()]),
        (&["--grant", "authorization-code"], vec!["\n  [app.contoso]\n  grant = \"authorization-code\"".to_owned()]),
        (&["--make-certificate"], vec!["\n  [app.contoso]\n  certificate = ".to_owned()]),
        (&["--first-use"], vec![format!("{ann}password = \"first-use\"")]),
    ] {
        let flags = [&["--address", ANN, "--yes", "--no-sign-in"][..], flags].concat();
        let ended = stage.run(&stage.flags(&flags), "").await;
        assert_eq!(ended.code, 1, "{flags:?}: {}\n{}", ended.out, ended.err);
        for line in told {
            assert!(ended.err.contains(&line), "{line}: {}", ended.err);
        }
        assert_eq!(stage.text(), text, "{flags:?}");
    }
    // What is so already is none, by whatever name.
    let same = ["--address", ANN, "--tenant", "contoso.example", "--outbound", "smtp", "--no-sign-in"];
    let ended = stage.run(&stage.flags(&same), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    // A shared mailbox that has a sign-in of its own.
    let ended = stage.run(&stage.flags(&["--address", SHARED, "--shared", ANN, "--no-sign-in"]), "").await;
    assert_eq!(ended.code, 0, "they live on the same one: {}\n{}", ended.out, ended.err);
}

#[tokio::test]
async fn a_shared_mailbox_that_comes_later_needs_no_other_sign_in() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&[]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let before = stage.text();
    let later = stage.run(&stage.flags(&["--address", ANN, "--shared", SHARED, "--yes"]), "").await;
    assert_eq!(later.code, 0, "{}\n{}", later.out, later.err);
    assert!(stage.text().starts_with(before.trim_end()), "{}", stage.text());
    assert!(later.out.contains(&format!("Password for mail programs ({SHARED})")), "{}", later.out);
    assert!(later.out.contains(&format!("Sent from {SHARED} to {SHARED}.")), "{}", later.out);
    assert!(later.out.contains(&format!("{ANN}: as it was before")), "{}", later.out);

    // Each has a password of its own, and one that is told is tried where it is right.
    let both = stage.flags(&["--address", ANN, "--shared", SHARED, "--password-stdin"]);
    let told = stage.run(&both, &format!("{}\n", password_in(&later.out))).await;
    assert_eq!(told.code, 0, "{}\n{}", told.out, told.err);
    assert!(told.out.contains(&format!("Sent from {SHARED} to {SHARED}.")), "{}", told.out);
    assert!(told.err.contains(&format!("{ANN}: sent with the checks above")), "{}", told.err);
}

#[tokio::test]
async fn a_configuration_that_is_there_is_extended_and_keeps_every_byte_and_its_rights() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::new().await;
    let existing = format!(
        "# Ours. Do not touch.\n\n[console]   # nobody needs it\nlisten = 'off'\n\n[store]\nurl = \"sqlite://{dir}/state/gatepost.db\"\n\n\
         [network]\nca-file = \"{dir}/ca.pem\"\n\n[app.google]\nprovider = \"google\"\nclient-id = \"x\"\n\n\
         [[account]]\naddress = \"eve@fabrikam.example\"\napp = \"google\"\npassword = \"{hash}\"\n# the end",
        dir = stage.dir.path().display(),
        hash = crate::world::cheap_hash(PASSWORD),
    );
    std::fs::write(stage.file(), &existing).unwrap();
    std::fs::set_permissions(stage.file(), PermissionsExt::from_mode(0o640)).unwrap();
    let ended = stage.run_and_approve(&stage.ann(&[]), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(stage.text().starts_with(&existing), "{}", stage.text());
    assert!(stage.text().contains("[app.contoso]"));
    assert_eq!(std::fs::metadata(stage.file()).unwrap().permissions().mode() & 0o777, 0o640);
    stage.check();
    let left: Vec<_> = std::fs::read_dir(stage.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "no draft is left: {left:?}");
}

#[tokio::test]
async fn a_broken_configuration_is_refused_untouched() {
    let stage = Stage::new().await;
    let broken = "[app.x]\nprovider = \"microsfot365\"\n";
    std::fs::write(stage.file(), broken).unwrap();
    let ended = stage.run(&stage.ann(&[]), "").await;
    assert_eq!(ended.code, 78, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("gatepost.toml:2:"), "{}", ended.err);
    assert_eq!(stage.text(), broken);
}

#[tokio::test]
async fn killed_while_it_waits_for_the_person_it_goes_on_where_it_was() {
    let stage = Stage::new().await;
    let flags = stage.ann(&["--password-stdin"]);
    let line = format!("{PASSWORD}\n");
    let mut first = Running::start(&flags, &stage.file(), &line).await;
    first.device_code().await;
    first.child.kill().await.unwrap();
    let text = stage.text();
    stage.check();

    let second = stage.run_and_approve(&flags, &line).await;
    assert_eq!(second.code, 0, "{}\n{}", second.out, second.err);
    assert_eq!(stage.text(), text);
    assert_eq!(stage.sandbox.submissions().len(), 1);
}

#[tokio::test]
async fn a_running_daemon_is_told_of_the_new_account_and_the_message_goes_through_it() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send", "--listen", "pop3=127.0.0.1:0"]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    // Where it really listens, its console says.
    let with_console = stage.text().replace("listen = \"off\"", &format!("listen = \"{}\"", own_place()));
    std::fs::write(stage.file(), with_console).unwrap();
    let program = Program::from(command(&["run", "--log-format", "json"], &stage.file())).await;

    let mut flags = stage.ann(&["--shared", SHARED]);
    // The console is on now, and that is no contradiction any more.
    let off = flags.iter().position(|flag| flag == "console.listen=off").unwrap();
    flags.drain(off - 1..=off);
    let ended = stage.run(&flags, "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains(&format!("Through the daemon that runs (process {})", program.id())), "{}", ended.err);
    assert!(ended.out.contains(&format!("Sent from {SHARED} to {SHARED}.")), "{}", ended.out);
    assert_eq!(stage.sandbox.submissions().len(), 2, "ann's went with the checks");
    let runs = format!("Gatepost runs already (process {})", program.id());
    assert!(ended.out.contains(&runs) && !ended.out.contains("keep it running"), "{}", ended.out);
    let said = program.greeted(Protocol::Imap).await.login(Protocol::Imap, SHARED, "wrong").await;
    assert!(said.contains("AUTHENTICATIONFAILED"), "it goes on: {said}");
}

#[tokio::test]
async fn a_second_person_of_the_same_tenant_uses_the_registration_that_is_there() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send"]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    // No client id is asked for.
    let flags = stage.flags(&["--address", BOB, "--grant", "device-code", "--yes"]);
    let mut running = Running::start(&flags, &stage.file(), "").await;
    let code = running.device_code().await;
    assert!(stage.sandbox.approve_device(&code, BOB));
    let ended = running.ended().await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert_eq!(stage.text().matches("[app.").count(), 1, "{}", stage.text());
    assert_eq!(stage.sandbox.submissions().len(), 1);
}
