//! An app that acts by itself, and that Exchange has under a wrong object id: what is printed leads to the right one.

use gatepost::sandbox::{CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, PUBLIC_CLIENT, object_id};

use gatepost::base::Protocol;

use super::{
    clients::daemon_of,
    open::unwrapped,
    stage::{First, Staged, outcome},
};
use crate::{
    process::run,
    world::{ANN, Plan},
};

const SCOPES: &str = "scopes = [\"https://outlook.office.com/IMAP.AccessAsUser.All\", \"https://outlook.office.com/POP.AccessAsUser.All\", \"https://outlook.office.com/SMTP.Send\", \"offline_access\"]";

/// Its account has no other way.
pub async fn staged() -> Staged {
    let staged = Staged::new(Plan { grant: "client-credentials", signed_in: Vec::new(), ..Plan::default() }).await;
    let own = format!("scopes = [\"https://outlook.office.com/.default\"]\nclient-secret = \"{CONFIDENTIAL_SECRET}\"");
    staged.edit(SCOPES, &own);
    staged.edit(PUBLIC_CLIENT, CONFIDENTIAL_CLIENT);
    staged.sandbox.faults().set(|faults| faults.apply("wrong-service-principal"));
    staged
}

#[tokio::test]
async fn an_app_that_exchange_does_not_know_is_told_with_the_object_id_of_the_token() {
    let staged = staged().await;
    let id = object_id(CONFIDENTIAL_CLIENT);
    let command = format!("New-ServicePrincipal -AppId {CONFIDENTIAL_CLIENT} -ObjectId {id}");
    let wanted = First { layer: "smtp", name: "sign-on", id: "service-principal-missing", command: &command };
    let fault = staged.fails_first(wanted).await["fault"].clone();
    let commands: Vec<&str> = fault["commands"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(
        commands,
        [
            format!("Get-MgServicePrincipal -Filter \"appId eq '{CONFIDENTIAL_CLIENT}'\"").as_str(),
            "Get-ServicePrincipal | Format-List 'DisplayName', 'AppId', 'ObjectId'",
            &format!("Remove-ServicePrincipal -Identity {CONFIDENTIAL_CLIENT}"),
            &command,
            &format!("Add-MailboxPermission -Identity {ANN} -User {id} -AccessRights FullAccess"),
            &format!("Add-DistributionGroupMember -Identity gatepost-senders -Member {ANN}"),
            &format!(
                "New-ManagementRoleAssignment -App {CONFIDENTIAL_CLIENT} -Role \"Application SMTP.SendAsApp\" -CustomResourceScope Gatepost"
            ),
            &staged.gatepost("run"),
        ],
        "in the order in which they help"
    );
    let shell = fault["shell"].as_str().unwrap();
    assert!(shell.contains("Connect-ExchangeOnline") && shell.contains("Connect-MgGraph"), "{shell}");
    let told = fault.to_string();
    assert!(!told.contains("gatepost login") && !told.contains('<'), "nobody signs in, all is known: {told}");
    // By POP3 alone Exchange says no more than "failed".
    let text = std::fs::read_to_string(&staged.file).unwrap();
    staged.without_listener("smtp");
    staged.without_listener("imap");
    staged
        .fails_first(First { layer: "pop3", name: "sign-on", id: "service-principal-missing", command: commands[1] })
        .await;
    std::fs::write(&staged.file, text).unwrap();
    staged.mended();
    staged.is_well().await;
}

/// Exchange has two ways to say no, and what to do is one.
#[tokio::test(flavor = "multi_thread")]
async fn what_smtp_and_imap_were_refused_for_the_same_cause_is_one_list_that_names_both() {
    let staged = staged().await;
    let program = daemon_of(&staged).await;
    assert!(program.login(Protocol::Imap).await.contains("mailbox-not-connected"));
    for protocol in [Protocol::Smtp, Protocol::Pop3] {
        assert!(program.login(protocol).await.contains("fresh-token-refused"));
    }
    for (lang, point) in [("en", "    (6) "), ("ja", "    （6）")] {
        let table = run(&["status", "--lang", lang], &staged.file).1;
        assert_eq!(table.matches("New-ServicePrincipal").count(), 1, "{table}");
        for switch in ["-ImapEnabled $true\n", "-PopEnabled $true\n", "-SmtpClientAuthenticationDisabled $false\n"] {
            assert_eq!(table.matches(switch).count(), 1, "{switch}: {table}");
        }
        for cause in ["  mailbox-not-connected (imap): ", "  fresh-token-refused (smtp, pop3): "] {
            assert!(table.contains(cause), "{cause}: {table}");
        }
        assert!(table.lines().any(|line| line.starts_with(point)), "on a level with the others: {table}");
        assert!(unwrapped(&table).contains(" / "), "two reasons, and what parts them: {table}");
    }
}

#[tokio::test]
async fn a_person_signs_on_all_the_same() {
    let staged = Staged::rehearsing(Plan::default(), "wrong-service-principal").await;
    let report = staged.is_well().await;
    assert_eq!(outcome(&report, "imap", "sign-on"), "pass");
}
