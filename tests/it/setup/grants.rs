//! From nothing to a sent message, by each way in.

use std::{os::unix::fs::PermissionsExt, path::Path};

use gatepost::sandbox::{
    Answer, CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, MadeSecret, Mishap, MishapKind, Options, PUBLIC_CLIENT, Person,
    Registration,
};

use super::{Running, SHARED, Stage, password_in};
use crate::world::{ANN, BOB};

#[tokio::test]
async fn a_person_with_a_code_on_another_device_is_set_up_in_one_run() {
    let stage = Stage::new().await;
    let ended = stage.run_and_approve(&stage.ann(&[]), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);

    let text = stage.text();
    assert!(text.contains("tenant = \"c0ffee00-0000-4000-8000-00000000cafe\""), "found by the address: {text}");
    let password = password_in(&ended.out);
    assert!(!text.contains(&password) && text.contains("password = \"$argon2id$"), "{text}");
    assert_eq!(std::fs::metadata(stage.file()).unwrap().permissions().mode() & 0o777, 0o600);
    stage.check();

    let sent = stage.sandbox.submissions();
    assert_eq!(sent.len(), 1);
    assert!(ended.out.contains(&format!("Sent from {ANN} to {ANN}. The provider said: 250 ")), "{}", ended.out);
    assert!(ended.err.contains(&format!("{ANN}: the mailbox opens")), "{}", ended.err);
    assert!(ended.out.contains("server 127.0.0.1") || ended.out.contains("gatepost --config"), "{}", ended.out);
    let last = ended.out.split_once("Mail flows.").unwrap().1;
    assert!(last.contains("gatepost --config") && !last.contains("systemctl"), "no unit reads this file: {last}");
    for step in ["[1/6]", "[2/6]", "[3/6]", "[4/6]", "[5/6]", "[6/6]"] {
        assert!(ended.err.contains(step), "{step}: {}", ended.err);
    }
}

#[tokio::test]
async fn who_wants_the_first_password_typed_to_count_has_no_test_message_use_it_up() {
    let stage = Stage::new().await;
    let ended = stage.run_and_approve(&stage.ann(&["--first-use"]), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(stage.text().contains("password = \"first-use\""), "{}", stage.text());
    assert!(ended.out.contains("Within 10 minutes, log in to ann@contoso.example"), "{}", ended.out);
    assert!(ended.err.contains("sent with the checks above"), "{}", ended.err);
    assert_eq!(stage.sandbox.submissions().len(), 1, "past the listener");
}

#[tokio::test]
async fn a_consent_of_the_whole_tenant_is_a_link_and_a_browser_elsewhere_pastes_its_address() {
    let stage = Stage::new().await;
    let mut flags = stage.ann(&["--no-sign-in"]);
    let grant = flags.iter().position(|flag| flag == "device-code").unwrap();
    flags[grant] = "authorization-code".into();
    let ended = stage.run(&flags, "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    let link = format!(
        "{}/c0ffee00-0000-4000-8000-00000000cafe/adminconsent?client_id=10000000-0000-4000-8000-000000000001\n",
        stage.sandbox.issuer()
    );
    assert!(ended.out.contains(&link), "{}", ended.out);
    assert!(
        ended.out.contains("Next:  gatepost --config ") && ended.out.contains(&format!(" login {ANN}\n")),
        "{}",
        ended.out
    );
    assert!(stage.sandbox.submissions().is_empty());
    assert!(!stage.text().contains("grant ="), "the usual one is not written");
}

#[tokio::test]
async fn in_the_folder_of_the_service_it_writes_and_leaves_the_sign_in_to_the_user_of_the_service() {
    let stage = Stage::new().await;
    let folder = stage.dir.path().canonicalize().unwrap();
    let ended = stage.run(&stage.ann(&["--service-folder", folder.to_str().unwrap()]), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    let said = format!("gatepost login {ANN}");
    assert!(ended.err.contains("sudo systemd-run") && ended.err.contains(&said), "{}", ended.err);
    assert!(!ended.err.contains("[4/6]") && !ended.out.contains("type the code"), "{}\n{}", ended.out, ended.err);
    assert!(!ended.out.contains("gatepost run"), "the service runs it: {}", ended.out);
    assert!(!password_in(&ended.out).is_empty());
    let mode = std::fs::metadata(stage.file()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o044, 0o044, "the user of the service reads it: {mode:o}");
    stage.check();
    assert!(!stage.dir.path().join("state").exists(), "no store of somebody else is made");
    assert!(stage.sandbox.submissions().is_empty());
}

/// A folder that was 0700 already stayed so, without a word; and a hash of what somebody chose may be read by everybody.
#[tokio::test]
async fn who_may_read_the_configuration_of_the_service_is_said_where_that_are_too_few_or_too_many() {
    let closed = |lang: &str| match lang {
        "en" => "The user of the service cannot read its configuration",
        _ => "サービスのユーザーは、この設定を読み取れません",
    };
    let (chosen, is_open) = ("correct horse\n", "openssl rand -base64 18");
    for (lang, mode, password, told) in [
        ("en", 0o700, "", [true, false]),
        ("ja", 0o700, chosen, [true, false]),
        ("en", 0o711, chosen, [false, true]),
        ("ja", 0o755, chosen, [false, true]),
        ("en", 0o755, "", [false, false]),
    ] {
        let stage = Stage::new().await;
        let folder = stage.dir.path().canonicalize().unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut flags = vec!["--service-folder", folder.to_str().unwrap(), "--lang", lang];
        flags.extend(Some("--password-stdin").filter(|_| !password.is_empty()));
        let ended = stage.run(&stage.ann(&flags), password).await;
        assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
        let said = [ended.err.contains(closed(lang)), ended.err.contains(is_open)];
        assert_eq!(said, told, "{mode:o} {password:?}: {}", ended.err);
        let command = format!("\n  sudo chmod 755 {}\n", folder.display());
        assert!(ended.err.contains(&command) == told[0] && !ended.err.contains("chmod 644"), "{}", ended.err);
        let now = std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        assert_eq!(now, mode, "whom it is kept from is not changed here");
    }
}

#[tokio::test]
async fn the_user_of_the_service_gets_at_its_configuration_in_the_folder_that_setup_makes_and_at_no_secret() {
    for (n, proof) in ["--client-secret-file", "--make-certificate"].into_iter().enumerate() {
        let stage = Stage::new().await;
        let folder = stage.dir.path().canonicalize().unwrap().join("etc/gatepost");
        let secret = stage.dir.path().join("secret");
        std::fs::write(&secret, CONFIDENTIAL_SECRET).unwrap();
        let of_service = ["--service-folder", folder.to_str().unwrap()];
        let mut flags = vec!["--address", BOB, "--grant", "client-credentials", "--yes", proof];
        flags.extend([secret.to_str().unwrap()].into_iter().filter(|_| n == 0));
        flags.extend(["--client-id", CONFIDENTIAL_CLIENT].into_iter().chain(of_service));
        let ended = Running::start(&stage.flags(&flags), &folder.join("gatepost.toml"), "").await.ended().await;
        assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("gatepost.toml"))), (0o755, 0o644), "{proof}");
        for kept in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let is_open = kept.ends_with("gatepost.toml");
            assert!(is_open || mode(&kept) == 0o600, "{}", kept.display());
        }
    }
}

#[tokio::test]
async fn an_app_proves_itself_with_a_certificate_that_was_made_for_the_script() {
    let stage = Stage::new().await;
    let client = "33333333-0000-4000-8000-000000000003";
    let flags = ["--address", BOB, "--grant", "client-credentials", "--make-certificate"];
    let mut script = stage.flags(&flags);
    script.extend(["--print-script".into(), "-".into()]);
    let ended = stage.run(&script, "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    let certificate = stage.dir.path().join("contoso-app.pem");
    assert!(ended.out.contains("New-ServicePrincipal -AppId $app.AppId -ObjectId $enterprise.Id"), "{}", ended.out);
    assert!(!stage.file().exists(), "a script is a script alone");

    // What the administrator does with it.
    let pem = std::fs::read_to_string(&certificate).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("---")).collect();
    assert!(ended.out.contains(&format!("FromBase64String('{der}')")), "it may run elsewhere: {}", ended.out);
    stage.sandbox.register(Registration::with_certificate(client, &pem));
    let mut all = stage.flags(&flags);
    all.extend(["--client-id".into(), client.into(), "--yes".into()]);
    let ended = stage.run(&all, "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert_eq!(std::fs::read_to_string(&certificate).unwrap(), pem, "the pair that was uploaded stays");
    let key = std::fs::metadata(stage.dir.path().join("contoso-app.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    assert_eq!(stage.sandbox.submissions().len(), 1);
    stage.check();
}

#[tokio::test]
async fn whoever_has_nothing_yet_that_proves_the_app_reads_the_whole_registration_and_the_whole_command_to_run_then() {
    let stage = Stage::new().await;
    let ended = stage.run(&stage.flags(&["--address", BOB, "--grant", "client-credentials"]), "").await;
    assert_eq!(ended.code, 2, "{}\n{}", ended.out, ended.err);
    for step in ["1. App registrations", "5. In Exchange Online PowerShell", "Add-MailboxPermission", "client secret"] {
        assert!(ended.out.contains(step), "{step}: {}", ended.out);
    }
    let begins = |line: &&str| line.trim_start().starts_with("gatepost --config ") && line.contains(" setup ");
    let whole = |line: &str| line.contains(&format!(" --address {BOB} --grant client-credentials"));
    let script: Vec<&str> = ended.out.lines().filter(begins).collect();
    assert!(matches!(script[..], [one] if whole(one) && one.ends_with(" --print-script gatepost.ps1")), "{script:?}");
    let again: Vec<&str> = ended.err.lines().filter(begins).collect();
    let ends = [
        " --client-id <client-id> --make-certificate",
        " --client-id <client-id> --certificate <file> --certificate-key <file>",
        " --client-id <client-id> --client-secret-file <file>",
    ];
    assert_eq!(again.len(), ends.len(), "{}", ended.err);
    assert!(again.iter().zip(ends).all(|(line, end)| whole(line) && line.ends_with(end)), "{again:?}");
    // As it is printed, it works.
    let words: Vec<String> = script[0].split_whitespace().skip(3).map(str::to_owned).collect();
    let words: Vec<String> =
        words.iter().map(|word| if word == "gatepost.ps1" { "-" } else { word }.to_owned()).collect();
    let ended = stage.run(&words, "").await;
    assert!(ended.code == 0 && ended.out.contains("New-ServicePrincipal"), "{}\n{}", ended.out, ended.err);
}

/// Whom a policy of people refuses is sent this way. What Entra does is the sandbox's.
#[tokio::test]
async fn an_account_goes_over_to_its_own_app_by_itself_with_nothing_typed_but_what_is_printed() {
    let stage = Stage::new().await;
    let ended = stage.run_and_approve(&stage.ann(&["--shared", SHARED, "--no-send"]), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    let refuses_people = Mishap::new(MishapKind::Aadsts(53003)).sparing("client_credentials");
    stage.sandbox.faults().set(|faults| faults.identity.mishap = Some(refuses_people));

    let over: Vec<String> =
        ["setup", "--address", ANN, "--grant", "client-credentials"].iter().map(|word| (*word).to_owned()).collect();
    let script = [over.clone(), vec!["--print-script".to_owned(), "-".to_owned()]].concat();
    let found = format!("$id = '{PUBLIC_CLIENT}'\n$app = Get-MgApplication -Filter \"appId eq '$id'\"\n");
    let printed = stage.run(&script, "").await;
    assert!(printed.code == 0 && printed.out.contains(&found), "{}\n{}", printed.out, printed.err);
    assert!(printed.out.contains(&format!("$others = @('{SHARED}')")), "it lives on the same app: {}", printed.out);
    assert!(printed.err.contains(&format!("[app.contoso] is that of {SHARED} as well")), "{}", printed.err);

    let ended = stage.run(&over, "").await;
    assert!(ended.code != 0 && !ended.err.contains("sign-in-as"), "{}", ended.err);
    let is_line = |line: &&str| line.starts_with("  grant = ") || line.starts_with("  client-secret-file = ");
    let lines: Vec<&str> = ended.err.lines().filter(is_line).map(str::trim).collect();
    assert_eq!(lines.len(), 2, "{}", ended.err);
    let text = stage.text().replace("grant = \"device-code\"\n", &format!("{}\n", lines.join("\n")));
    std::fs::write(stage.file(), text).unwrap();
    let again = stage.run(&script, "").await;
    assert!(again.code == 0 && again.out == printed.out, "it needs no secret: {}\n{}", again.out, again.err);

    let secret = stage.dir.path().join("new.secret");
    std::fs::write(&secret, "of-entra\n").unwrap();
    let told = ended.err.lines().find(|line| line.ends_with(" --client-secret-file new.secret --yes")).unwrap();
    let words = told.split_whitespace().skip(3).map(|word| word.replace("new.secret", &secret.display().to_string()));
    let words: Vec<String> = words.collect();
    let refused = stage.run(&words, "").await;
    assert!(refused.code == 1 && refused.err.contains("[client-secret-not-allowed]"), "{}", refused.err);
    let again = format!("setup --address {ANN}");
    assert_eq!(refused.err.matches(&again).count(), 3, "each way ends with it once: {}", refused.err);
    let made = MadeSecret { client_id: PUBLIC_CLIENT.into(), secret: "of-entra".into() };
    stage.sandbox.faults().set(|faults| faults.identity.made_secrets.push(made));
    let ended = stage.run(&words, "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert_eq!(stage.sandbox.submissions().len(), 1, "past every policy of people");
}

#[tokio::test]
async fn a_client_secret_goes_into_a_file_of_its_own_and_nowhere_else() {
    let stage = Stage::new().await;
    let given = stage.dir.path().join("given");
    std::fs::write(&given, format!("{CONFIDENTIAL_SECRET}\n")).unwrap();
    let given = given.to_str().unwrap();
    let flags = ["--address", BOB, "--grant", "client-credentials", "--client-id", CONFIDENTIAL_CLIENT, "--yes"];
    let mut flags = flags.to_vec();
    flags.extend(["--client-secret-file", given]);
    let ended = stage.run(&stage.flags(&flags), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    let kept = stage.dir.path().join("contoso.secret");
    assert_eq!(std::fs::read_to_string(&kept).unwrap().trim(), CONFIDENTIAL_SECRET);
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    for text in [&stage.text(), &ended.out, &ended.err] {
        assert!(!text.contains(CONFIDENTIAL_SECRET), "{text}");
    }
    assert_eq!(stage.sandbox.submissions().len(), 1);
}

#[tokio::test]
async fn shared_mailboxes_live_on_the_sign_in_of_their_delegate_and_each_is_tried() {
    let stage = Stage::new().await;
    let ended = stage.run_and_approve(&stage.ann(&["--shared", SHARED]), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(stage.text().contains(&format!("address = \"{SHARED}\"\napp = \"contoso\"\nsign-in-as = \"{ANN}\"")));
    for address in [ANN, SHARED] {
        assert!(ended.err.contains(&format!("{address}: the mailbox opens")), "{}", ended.err);
        assert!(ended.out.contains(&format!("Sent from {address} to {address}.")), "{}", ended.out);
    }
    assert!(ended.out.contains(&format!("The same sign-in also carries {SHARED}.")), "{}", ended.out);
    assert_eq!(stage.sandbox.submissions().len(), 2);
}

#[tokio::test]
async fn a_shared_mailbox_without_rights_is_named_with_the_commands_that_give_them() {
    let mut options = Options { device_interval: 1, ..Options::default() };
    options.people.push(Person::shared("closed@contoso.example", Vec::new()));
    let stage = Stage::with(options).await;
    let ended = stage.run_and_approve(&stage.ann(&["--shared", "closed@contoso.example"]), "").await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains(&format!("{ANN}: the mailbox opens")), "{}", ended.err);
    let all = format!("{}{}", ended.out, ended.err);
    for told in [
        "[full-access-missing]",
        &format!("Add-MailboxPermission -Identity closed@contoso.example -User {ANN} -AccessRights FullAccess"),
        "closed@contoso.example: not sent: ",
        "[send-as-denied]",
        &format!("Add-RecipientPermission -Identity closed@contoso.example -Trustee {ANN} -AccessRights SendAs"),
    ] {
        assert!(all.contains(told), "{told}: {all}");
    }
    for wrong in ["only a message proves", "Set-CASMailbox", "All is well", "Mail flows"] {
        let behind = all.split_once("[4/6]").unwrap().1;
        assert!(!behind.contains(wrong), "{wrong}: {all}");
    }
    assert_eq!(stage.sandbox.submissions().len(), 1, "ann's went all the same");
}

#[tokio::test]
async fn a_right_that_is_missing_on_several_mailboxes_is_told_of_each_and_given_by_the_page_of_the_sandbox() {
    let stage = Stage::new().await;
    stage.sandbox.faults().set(|faults| faults.apply("full-access-missing"));
    let two = ["--shared", SHARED, "--shared", BOB];
    let ended = stage.run_and_approve(&stage.ann(&[&two[..], &["--no-send"]].concat()), "").await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    for mailbox in [SHARED, BOB] {
        let command = format!("Add-MailboxPermission -Identity {mailbox} -User {ANN} -AccessRights FullAccess");
        assert!(ended.out.contains(&command), "{command}: {}", ended.out);
    }
    // Whoever follows that plays the administrator.
    let http = reqwest::Client::new();
    for mailbox in [SHARED, BOB] {
        let form = format!("right=full-access&mailbox={mailbox}&to={ANN}");
        let page = http.post(format!("{}/sandbox/grant", stage.sandbox.issuer())).body(form).send().await.unwrap();
        assert!(page.status().is_success());
    }
    let ended = stage.run(&stage.flags(&[&["--address", ANN, "--no-send"], &two[..]].concat()), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
}

/// The tenant has SMTP AUTH switched off, as with security defaults.
fn smtp_auth_off(auto_approve: bool) -> Options {
    let mut options = Options { auto_approve, device_interval: 1, ..Options::default() };
    let reply = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. [x]";
    options.faults.smtp.answers.push(Answer::new("AUTH", reply));
    options
}

#[tokio::test]
async fn a_refusal_of_the_provider_is_shown_with_the_command_that_mends_it() {
    let stage = Stage::with(smtp_auth_off(false)).await;
    let ended = stage.run_and_approve(&stage.ann(&[]), "").await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    assert!(ended.out.contains("[smtp-auth-disabled-tenant]"), "{}", ended.out);
    let command = format!("Set-CASMailbox -Identity {ANN} -SmtpClientAuthenticationDisabled $false");
    assert!(ended.out.contains(&command), "{}", ended.out);
    assert!(ended.out.contains("Once what fails is mended, keep it running:"), "{}", ended.out);
    stage.check();
}

#[tokio::test]
async fn where_smtp_auth_has_to_stay_off_a_person_in_a_browser_sends_through_graph() {
    let stage = Stage::with(smtp_auth_off(true)).await;
    let flags = ["--address", ANN, "--client-id", PUBLIC_CLIENT, "--outbound", "graph", "--yes"];
    let mut running = Running::start(&stage.flags(&flags), &stage.file(), "").await;
    let page = running.line_with("/oauth2/v2.0/authorize?").await;
    assert!(reqwest::get(page.trim()).await.unwrap().status().is_success());
    let ended = running.ended().await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(stage.text().contains("outbound = \"graph\""), "{}", stage.text());
    assert_eq!(stage.sandbox.submissions().len(), 1);
}
