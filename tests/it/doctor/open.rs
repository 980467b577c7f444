//! What a client's message met: no layer shows it, so it stands open until a message proves it mended.

use gatepost::{
    base::Protocol,
    sandbox::{Answer, Person},
};

use super::{
    clients::beside_a_daemon,
    stage::{Staged, check},
};
use crate::{
    process::{Program, run},
    world::{ANN, BOB, PASSWORD, Plan, account, cheap_hash, own_address},
};

const SHARED: &str = "shared@contoso.example";
/// What begins the step for a sender that `send-as` does not name.
const STEP: &str = "send-as = [";

/// What ann hears of a message from the shared mailbox.
async fn sent_as_shared(program: &Program) -> String {
    sent(program, ANN, SHARED).await
}

/// What this login hears of a message from there.
pub async fn sent(program: &Program, login: &str, from: &str) -> String {
    let mut smtp = program.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, login, PASSWORD).await.starts_with("235 "));
    smtp.say(&format!("MAIL FROM:<{from}>")).await;
    let said = smtp.line().await;
    if !said.starts_with("250 ") {
        return said;
    }
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: {from}\r\nSubject: x\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.line().await
}

/// All of it, said in full behind the lines, and no word that all were well.
async fn stands_open(staged: &Staged) {
    let right = format!("Add-RecipientPermission -Identity {SHARED} -Trustee {ANN} -AccessRights SendAs");
    let proof = staged.gatepost(&format!("doctor {ANN} --send {ANN}"));
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    let met = check(&report, "clients", "last-fault");
    assert_eq!((&met["outcome"], &met["fault"]["id"]), (&"skipped".into(), &"send-as-denied".into()), "{met}");
    let commands = met["fault"]["commands"].as_array().unwrap();
    assert!(commands.contains(&right.as_str().into()) && commands.contains(&proof.as_str().into()), "{met}");
    for (lang, end) in [("en", "above, may still stand.\n"), ("ja", "まだ解決していない可能性があります。\n")]
    {
        let told = staged.doctor(&[ANN, "--lang", lang]).await;
        assert_eq!(told.code, 0, "{}", told.out);
        let explained = told.out.split_once("\n\n").unwrap().1;
        for part in ["[send-as-denied]", &right, &proof] {
            assert!(explained.contains(part), "{lang}: {part} is not in {}", told.out);
        }
        assert!(told.out.ends_with(end), "{}", told.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_a_client_was_refused_stands_open_until_a_message_proves_it_mended() {
    let account = "send-as = [\"*@contoso.example\"]".to_owned();
    let (staged, program) = beside_a_daemon(Plan { account, ..Plan::default() }).await;
    staged.sandbox.faults().set(|faults| faults.apply("send-as-missing"));
    assert!(sent_as_shared(&program).await.starts_with("550-5.7.60 "));
    stands_open(&staged).await;
    staged.mended();
    stands_open(&staged).await;

    let told = staged.doctor(&[ANN, "--send", BOB]).await;
    assert!(told.code == 0 && told.out.contains(&format!("{SHARED} -> {BOB}: sent")), "{}", told.out);
    assert!(told.out.ends_with("\nAll is well.\n"), "it was sent by this look: {}", told.out);
    let before = told.out.lines().find(|line| line.contains("send-as-denied")).unwrap();
    assert!(
        before.contains("; the test message, above, went"),
        "nothing stands open beside that all is well: {before}"
    );

    // The daemon was told of it, and calls it past without a message of the client, whose own last one was refused.
    let met = check(&staged.is_well().await, "clients", "last-fault");
    assert!(met["detail"].as_str().unwrap().ends_with("; it worked again since"), "{met}");
    let table = || run(&["status"], &staged.file).1;
    assert!(table().contains("worked again at") && table().contains("last reply"), "{}", table());
    assert!(sent_as_shared(&program).await.starts_with("250 "));
    assert!(!table().contains("Add-RecipientPermission"), "{}", table());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_of_one_sender_ends_nothing_that_stands_of_another() {
    let account = "send-as = [\"*@contoso.example\"]".to_owned();
    let (staged, program) = beside_a_daemon(Plan { account, ..Plan::default() }).await;
    staged.sandbox.faults().set(|faults| faults.apply("send-as-missing"));
    assert!(sent_as_shared(&program).await.starts_with("550-5.7.60 "));
    // ann's own goes, and that of the shared mailbox is refused to the look as well.
    assert_eq!(staged.doctor(&[ANN, "--send", BOB]).await.code, 1);
    stands_open(&staged).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_the_test_message_itself_names_it_once() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let odd = Answer::new("MAIL", "550 5.4.1 words that nobody knows");
    staged.sandbox.faults().set(|faults| faults.smtp.answers = vec![odd]);
    assert!(sent(&program, ANN, ANN).await.starts_with("550-5.4.1 "));
    staged.sandbox.faults().set(|faults| faults.smtp.answers.clear());
    let command = staged.gatepost(&format!("doctor {ANN} --send {ANN}"));
    let met = check(&staged.doctor(&[ANN, "--json"]).await.json(), "clients", "last-fault");
    assert_eq!(met["fault"]["id"], "message-refused", "{met}");
    assert_eq!(met["fault"]["commands"], serde_json::json!([command]), "{met}");
    assert_eq!(met["fault"]["next-step"].as_str().unwrap().matches(&command).count(), 1, "{met}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_send_as_does_not_name_is_told_with_its_account_and_is_mended_by_its_own_message_alone() {
    let mut plan = Plan { more: account(SHARED, &format!("sign-in-as = \"{ANN}\"")), ..Plan::default() };
    plan.sandbox.people.push(Person::shared(SHARED, [ANN.to_owned()]));
    // Those that the daemon keeps warm count beside those of the look.
    plan.sandbox.faults.smtp.connections = None;
    let (staged, program) = beside_a_daemon(plan).await;
    // It went before, and proves nothing of the other one.
    assert!(sent(&program, SHARED, SHARED).await.starts_with("250 "));
    assert!(sent(&program, SHARED, ANN).await.ends_with("[gatepost sender-not-allowed]"));
    assert!(sent(&program, SHARED, SHARED).await.starts_with("250 "));

    let line = format!("send-as = [\"{SHARED}\", \"{ANN}\"]");
    // Each alone on its line.
    let alone = [line.clone(), format!("kill -HUP {}", program.id())];
    let has_step = |told: &str| alone.iter().all(|one| told.lines().any(|line| line.trim() == one));
    let table = || run(&["status"], &staged.file).1;
    assert!(has_step(&table()) && !table().contains("worked again at"), "{}", table());
    let told = staged.doctor(&[SHARED, "--send", SHARED, "--lang", "en"]).await;
    assert!(told.code == 0 && has_step(&told.out), "{}", told.out);
    assert!(!told.out.contains("All is well"), "nothing tried that sender: {}", told.out);
    let lines: Vec<&str> = told.out.lines().map(str::trim).collect();
    let block = &lines[lines.iter().rposition(|told| told.ends_with(&line)).unwrap()..];
    let reload = block.iter().position(|told| told.ends_with(&format!("kill -HUP {}", program.id())));
    let otherwise = block.iter().position(|told| told.starts_with("Or:"));
    assert!(reload.is_some() && reload < otherwise, "{}", told.out);

    let signed_in_as = format!("sign-in-as = \"{ANN}\"");
    staged.edit(&signed_in_as, &format!("{signed_in_as}\n{line}"));
    program.reload().await;
    let told = super::clients::fails_no_more(&staged, &[SHARED, "--send", SHARED, "--lang", "en"]).await;
    assert!(told.out.contains(&format!("{ANN} -> {SHARED}: sent")), "{}", told.out);
    assert!(told.out.ends_with("\nAll is well.\n"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_the_configuration_allows_since_it_was_read_again_is_refused_no_more() {
    let mut plan = Plan { more: account(SHARED, &format!("sign-in-as = \"{ANN}\"")), ..Plan::default() };
    plan.sandbox.people.push(Person::shared(SHARED, [ANN.to_owned()]));
    let (staged, program) = beside_a_daemon(plan).await;
    assert!(sent(&program, SHARED, ANN).await.ends_with("[gatepost sender-not-allowed]"));
    let table = || unwrapped(&run(&["status"], &staged.file).1);
    assert!(table().contains(STEP), "{}", table());
    let signed_in_as = format!("sign-in-as = \"{ANN}\"");
    staged.edit(&signed_in_as, &format!("{signed_in_as}\nsend-as = [\"{SHARED}\", \"{ANN}\"]"));
    program.reload().await;
    let told = super::clients::fails_no_more(&staged, &[SHARED, "--lang", "en"]).await;
    assert!(told.out.ends_with("\nAll is well.\n") && !told.out.contains(STEP), "{}", told.out);
    assert!(!table().contains(STEP) && table().contains("worked again at"), "{}", table());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_a_rule_admits_since_the_configuration_was_read_again_is_told_to_log_in_no_more() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let source = own_address();
    let unnamed = async |code: &str| {
        let mut smtp = crate::world::Talk::connect(source, program.address(Protocol::Smtp)).await;
        smtp.greeted(Protocol::Smtp).await;
        smtp.exchange(&format!("MAIL FROM:<{ANN}>"), code).await;
    };
    unnamed("530 5.7.0 ").await;
    let table = || unwrapped(&run(&["status"], &staged.file).1);
    let step = format!(" from = [\"{source}\"] ");
    assert!(table().contains(&step) && !table().contains("worked again at"), "{}", table());
    let rule = format!("[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nfrom = [\"{source}\"]\n");
    staged.edit("[[account]]", &format!("{rule}\n[[account]]"));
    program.reload().await;
    assert!(!table().contains(&step) && table().contains("worked again at"), "{}", table());
    unnamed("250 ").await;
    staged.is_well().await;
}

/// Nothing more is heard of them that could end it. Of whoever logs in as its account there is no rule that could go.
#[tokio::test(flavor = "multi_thread")]
async fn what_befell_a_client_or_an_account_is_past_once_the_configuration_has_it_no_more_and_the_others_stand() {
    let rule = format!(
        "[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nlogin = \"copier\"\npassword = \"{}\"\n\n",
        cheap_hash("copier")
    );
    let bob = account(BOB, "");
    let (staged, program) = beside_a_daemon(Plan { more: format!("{rule}{bob}"), ..Plan::default() }).await;
    let login = async |who: &str, password: &str| {
        let mut smtp = program.greeted(Protocol::Smtp).await;
        (smtp.login(Protocol::Smtp, who, password).await, smtp)
    };
    assert!(login("copier", "wrong").await.0.starts_with("535 "));
    assert!(login(BOB, "wrong").await.0.starts_with("535 "));
    let (said, mut smtp) = login(ANN, PASSWORD).await;
    assert!(said.starts_with("235 "), "{said}");
    smtp.open_message().await;
    smtp.send(format!("From: {ANN}\r\n\r\nx\0y\r\n.\r\n").as_bytes()).await;
    assert!(smtp.line().await.ends_with("[gatepost nul-byte]"));
    let standing = || {
        let status: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &staged.file).1).unwrap();
        let faults = status["faults"].as_array().unwrap().iter();
        let faults = faults.filter(|one| one.get("worked-again-at").is_none());
        faults.map(|one| format!("{} {}", one["account"].as_str().unwrap(), one["id"])).collect::<Vec<_>>()
    };
    let nul = format!("{ANN} \"nul-byte\"");
    assert_eq!(standing(), [" \"bad-credentials\"", &format!("{BOB} \"bad-credentials\""), &nul]);
    program.reload().await;
    assert_eq!(standing().len(), 3, "all of them are there");
    for gone in [&rule, &bob] {
        staged.edit(gone, "");
    }
    program.reload().await;
    assert_eq!(standing(), [nul]);
}

/// A typing error, once in the program and once in the configuration.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_of_a_sender_is_neither_tried_nor_told_once_the_configuration_has_it_otherwise() {
    const TYPED: &str = "sahred@contoso.example";
    let mut plan = Plan { account: format!("send-as = [\"{ANN}\"]"), ..Plan::default() };
    plan.sandbox.people.push(Person::shared(SHARED, [ANN.to_owned()]));
    let (staged, program) = beside_a_daemon(plan).await;
    let is_past = async |sent: bool| {
        let told = super::clients::fails_no_more(&staged, &[ANN, "--send", BOB, "--lang", "en"]).await;
        assert!(!told.out.contains(&format!("{TYPED} -> ")) && told.out.ends_with("\nAll is well.\n"), "{}", told.out);
        assert_eq!(told.out.contains(&format!("{SHARED} -> {BOB}: sent")), sent, "{}", told.out);
    };
    assert!(sent(&program, ANN, TYPED).await.ends_with("[gatepost sender-not-allowed]"));
    let only = format!("send-as = [\"{ANN}\"]");
    let all = format!("send-as = [\"{ANN}\", \"*@contoso.example\"]");
    staged.edit(&only, &all);
    program.reload().await;
    is_past(false).await;
    assert!(sent(&program, ANN, TYPED).await.starts_with("550-5.7.60 "));
    let tried = staged.doctor(&[ANN, "--send", BOB, "--lang", "en"]).await;
    assert!(tried.code == 1 && tried.out.contains(&format!("{TYPED} -> {BOB}")), "{}", tried.out);
    staged.edit(&all, &format!("send-as = [\"{ANN}\", \"{SHARED}\"]"));
    program.reload().await;
    is_past(true).await;
}

/// A new sign-in changes nothing there, and neither does a right that nobody needs.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_of_ones_own_that_takes_no_token_is_told_with_the_causes_that_are_left() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.apply("tokens-refused"));
    assert!(program.login(Protocol::Smtp).await.contains("fresh-token-refused"));
    for lang in ["en", "ja"] {
        let doctor = staged.doctor(&[ANN, "--lang", lang]).await.out;
        let explained = run(&["explain", "fresh-token-refused", "--account", ANN, "--lang", lang], &staged.file).1;
        let status = run(&["status", "--lang", lang], &staged.file).1;
        for text in [doctor, explained, status].map(|text| unwrapped(&text)) {
            for step in ["Get-EXOMailbox -Identity", "Get-MgUserLicenseDetail -UserId", "Set-CASMailbox -Identity"] {
                assert!(text.contains(&format!("{step} {ANN}")), "{step}: {text}");
            }
            assert!(text.contains("kill -HUP ") && !text.contains("Add-MailboxPermission"), "{text}");
        }
    }
}

/// The program was set up with a wrong sender, and that was corrected there.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sender_is_past_once_its_program_sends_as_another_that_goes() {
    let mut plan = Plan { more: account(SHARED, &format!("sign-in-as = \"{ANN}\"")), ..Plan::default() };
    plan.sandbox.people.push(Person::shared(SHARED, [ANN.to_owned()]));
    let (staged, program) = beside_a_daemon(plan).await;
    assert!(sent(&program, SHARED, ANN).await.ends_with("[gatepost sender-not-allowed]"));
    let table = || unwrapped(&run(&["status"], &staged.file).1);
    let ends = "A refused sender is past once a message of it goes,";
    assert!(table().contains(STEP) && table().contains(ends), "{}", table());
    let met = check(&staged.doctor(&[SHARED, "--json"]).await.json(), "clients", "last-fault");
    assert!(met["detail"].as_str().unwrap().contains("; past once a message of that sender goes,"), "{met}");
    assert!(sent(&program, SHARED, SHARED).await.starts_with("250 "));
    assert!(table().contains("worked again at") && !table().contains(STEP) && !table().contains(ends), "{}", table());
}

#[tokio::test]
async fn a_sender_that_send_as_leaves_out_is_warned_of_and_sends_no_test_message() {
    let others = "*@elsewhere.example";
    let staged = Staged::new(Plan { account: format!("send-as = [\"{others}\"]"), ..Plan::default() }).await;
    let file = staged.file.clone();
    let (code, _, said) = tokio::task::spawn_blocking(move || run(&["config", "check"], &file)).await.unwrap();
    let line = format!("send-as = [\"{ANN}\", \"{others}\"]");
    assert!(code == 0 && said.contains(&format!("lacks {ANN}")) && said.contains(&line), "{said}");
    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    let sent = check(&told.json(), "send", "test-message");
    assert_eq!((told.code, &sent["fault"]["id"]), (1, &"sender-not-allowed".into()), "{sent}");
    assert!(staged.sandbox.mailbox(BOB).unwrap().messages("INBOX").is_empty(), "the daemon would not have let it go");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_refused_senders_each_stays_open_until_it_goes_itself() {
    let mut plan = Plan { account: "send-as = [\"*@contoso.example\"]".to_owned(), ..Plan::default() };
    plan.sandbox.people.push(Person::shared(SHARED, [ANN.to_owned()]));
    let (staged, program) = beside_a_daemon(plan).await;
    assert!(sent(&program, ANN, BOB).await.starts_with("550-5.7.60 "));
    staged.sandbox.faults().set(|faults| faults.apply("send-as-missing"));
    assert!(sent_as_shared(&program).await.starts_with("550-5.7.60 "));
    staged.mended();
    assert!(sent_as_shared(&program).await.starts_with("250 "));
    let right = |of: &str| format!("Add-RecipientPermission -Identity {of} -Trustee {ANN} -AccessRights SendAs");
    let table = run(&["status"], &staged.file).1;
    assert!(table.contains(&right(BOB)) && !table.contains(&right(SHARED)), "{table}");
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    assert!(told.out.contains(&right(BOB)) && !told.out.contains("All is well"), "{}", told.out);
    let told = staged.doctor(&[ANN, "--send", ANN, "--json"]).await;
    assert!(told.code == 1 && told.out.contains(&format!("{BOB} -> {ANN}")), "{}", told.out);
}

/// It sent its reader to itself, and the status called IMAP refused until a client logged in.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_on_that_works_again_for_the_doctor_is_past_for_the_status() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.apply("tokens-refused"));
    assert!(program.login(Protocol::Imap).await.contains("fresh-token-refused"));
    let table = || unwrapped(&run(&["status"], &staged.file).1);
    let step = format!(" Set-CASMailbox -Identity {ANN} -ImapEnabled $true ");
    assert!(table().contains(&step), "the protocol that was met: {}", table());
    staged.mended();
    program.reload().await;
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    assert!(told.code == 0 && told.out.ends_with("\nAll is well.\n"), "{}", told.out);
    assert!(told.out.contains("fresh-token-refused: once, last just now; it worked again since"), "{}", told.out);
    assert!(!table().contains("Set-CASMailbox") && table().contains("worked again at"), "{}", table());
    assert!(!table().contains("refused (imap)"), "{}", table());
}

/// Its token is good, and nothing of it goes.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_every_sign_on_is_refused_is_not_called_ready() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let state = || {
        let told: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &staged.file).1).unwrap();
        let account = &told["accounts"][0];
        (account["sign-in"]["phase"].clone(), account["refusals"][0]["id"].clone())
    };
    assert_eq!(state(), ("ready".into(), serde_json::Value::Null));
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-mailbox"));
    assert!(program.login(Protocol::Smtp).await.contains("smtp-auth-disabled-mailbox"));
    assert_eq!(state(), ("refused".into(), "smtp-auth-disabled-mailbox".into()));
    staged.mended();
    assert!(program.login(Protocol::Smtp).await.starts_with("235"));
    assert_eq!(state(), ("ready".into(), serde_json::Value::Null));
}

/// In one line, however wide the terminal is.
pub fn unwrapped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A test message of the account goes past the rule of the client.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_of_a_client_refuses_is_proved_mended_by_no_test_message() {
    let source = own_address();
    let rule = format!(
        "[[client]]\nname = \"few\"\naccount = \"{ANN}\"\nfrom = [\"{source}\"]\nrecipients = [\"*@fabrikam.example\"]\n"
    );
    let (staged, program) = beside_a_daemon(Plan { more: rule, ..Plan::default() }).await;
    let mut smtp = crate::world::Talk::connect(source, program.address(Protocol::Smtp)).await;
    smtp.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let said = smtp.exchange(&format!("RCPT TO:<{BOB}>"), "550 ").await;
    assert!(said.ends_with("[gatepost recipient-not-allowed]"), "{said}");
    let told = staged.doctor(&[ANN, "--send", BOB, "--lang", "en"]).await;
    assert!(told.code == 0 && told.out.contains("[recipient-not-allowed]"), "{}", told.out);
    assert!(!told.out.contains("All is well") && !told.out.contains(&staged.gatepost("doctor")), "{}", told.out);
}

/// The log says which one it was, and whoever reads anything else would have to look for that.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_that_its_rule_refused_is_named_wherever_the_step_is_told() {
    let source = own_address();
    let rule = format!(
        "[[client]]\nname = \"3F copier\"\naccount = \"{ANN}\"\nfrom = [\"{source}\"]\nmax-bytes = 2000\n\
         recipients = [\"*@fabrikam.example\"]\n"
    );
    let (staged, program) = beside_a_daemon(Plan { more: rule, ..Plan::default() }).await;
    let mut smtp = crate::world::Talk::connect(source, program.address(Protocol::Smtp)).await;
    smtp.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> SIZE=2001"), "552 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "550 ").await;
    let named = r#"`[[client]] name = "3F copier"`"#;
    for (lang, unnamed) in [("en", "that the log names"), ("ja", "ログに名前がある")] {
        let status = unwrapped(&run(&["status", "--lang", lang], &staged.file).1);
        let doctor = unwrapped(&staged.doctor(&[ANN, "--lang", lang]).await.out);
        for said in [status, doctor] {
            assert!(said.contains(named) && !said.contains(unnamed), "{lang}: {said}");
        }
    }
    let told: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &staged.file).1).unwrap();
    for fault in told["faults"].as_array().unwrap() {
        assert_eq!(fault["client"], "3F copier", "{fault}");
        assert!(fault["next-step"].as_str().unwrap().contains(named), "{fault}");
    }
}
