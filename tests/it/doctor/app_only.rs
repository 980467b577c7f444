//! App-only grants: a secret that ended, a whole domain, and rights that no token shows.

use gatepost::sandbox::{CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, Registration};

use super::stage::{First, Staged, check, outcome};
use crate::world::{ANN, Plan, cheap_hash};

pub async fn staged(rehearsal: &str) -> Staged {
    let plan = Plan { grant: "client-credentials", signed_in: Vec::new(), ..Plan::default() };
    let staged = Staged::new(plan).await;
    staged.edit(
        "scopes = [\"https://outlook.office.com/IMAP.AccessAsUser.All\", \"https://outlook.office.com/POP.AccessAsUser.All\", \"https://outlook.office.com/SMTP.Send\", \"offline_access\"]",
        &format!("scopes = [\"https://outlook.office.com/.default\"]\nclient-secret = \"{CONFIDENTIAL_SECRET}\""),
    );
    staged.edit(gatepost::sandbox::PUBLIC_CLIENT, CONFIDENTIAL_CLIENT);
    staged.sandbox.faults().set(|faults| faults.apply(rehearsal));
    staged
}

#[tokio::test]
async fn a_secret_that_ended_is_told_and_a_new_one_works_at_once() {
    let staged = staged("secret-expired").await;
    let wanted = First { layer: "token", name: "mail-token", id: "client-secret-expired", command: "" };
    staged.fails_first(wanted).await;
    staged.mended();
    staged.is_well().await;
}

/// Where nobody has asked the provider before, the line does not speak for it.
#[tokio::test]
async fn a_day_that_somebody_wrote_down_is_told_as_that_beside_a_token_that_is_refused() {
    let staged = staged("secret-expired").await;
    staged.edit("client-secret = ", "secret-expires = 2099-01-01\nclient-secret = ");
    let told = staged.doctor(&["--json"]).await;
    let secret = check(&told.json(), "files", "client-secret");
    let detail = secret["detail"].as_str().unwrap();
    assert!(detail.ends_with(" days by `secret-expires`; the token below shows whether that is so"), "{detail}");
}

#[tokio::test]
async fn a_secret_that_ended_by_its_date_is_no_good_news_and_fails_where_nobody_can_be_asked() {
    let staged = staged("no-such").await;
    staged.edit("client-secret = ", "secret-expires = 2026-01-01\nclient-secret = ");
    let offline = staged.doctor(&["--offline", "--json"]).await;
    let secret = check(&offline.json(), "files", "client-secret");
    assert_eq!((offline.code, secret["fault"]["id"].as_str()), (1, Some("client-secret-expired")), "{secret}");
    // The provider knows better.
    let asked = staged.is_well().await;
    let secret = check(&asked, "files", "client-secret");
    assert_eq!(secret["outcome"], "skipped", "{secret}");
    assert!(secret["detail"].as_str().unwrap().contains("secret-expires"), "{secret}");
}

/// The status had the step, and the doctor the news alone.
#[tokio::test]
async fn a_secret_that_ends_soon_or_ended_by_its_day_is_told_with_the_step_of_the_status_and_fails_nothing() {
    let staged = staged("no-such").await;
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5 * 24)).strftime("%Y-%m-%d").to_string();
    let mut before = "client-secret = ".to_owned();
    for day in ["2026-01-01", &soon] {
        let line = format!("secret-expires = {day}\nclient-secret = ");
        staged.edit(&before, &line);
        before = line;
        let report = staged.is_well().await;
        let secret = check(&report, "files", "client-secret");
        let fault = &secret["fault"];
        assert_eq!(
            (&secret["outcome"], &fault["id"]),
            (&"skipped".into(), &"client-secret-expired".into()),
            "{secret}"
        );
        assert!(fault["cause"].as_str().unwrap().starts_with("By `secret-expires` the client secret"), "{fault}");
        let (_, status, _) = tokio::task::spawn_blocking({
            let file = staged.file.clone();
            move || crate::process::run(&["status", "--lang", "en"], &file)
        })
        .await
        .unwrap();
        let step = "copy its value";
        assert!(fault["next-step"].as_str().unwrap().contains(step) && status.contains(step), "{fault} {status}");
    }
}

#[tokio::test]
async fn of_a_whole_domain_one_mailbox_is_looked_at_and_without_a_name_that_is_said() {
    let staged = staged("no-such").await;
    staged.edit("address = \"ann@contoso.example\"", "address = \"*@contoso.example\"");
    let text = std::fs::read_to_string(&staged.file).unwrap();
    let hash = text.lines().find(|line| line.starts_with("password = ")).unwrap();
    staged.edit(hash, "passwords-file = \"users\"");
    std::fs::write(staged.dir.path().join("users"), format!("ann@contoso.example:{}\n", cheap_hash("x"))).unwrap();
    staged.is_well().await;
    let told = staged.doctor(&["--json"]).await;
    let report = told.json();
    let unnamed = check(&report, "token", "mail-token");
    assert!(unnamed["detail"].as_str().unwrap().contains(&staged.gatepost("doctor ann@contoso.example")), "{unnamed}");
    assert_eq!(outcome(&report, "http", "identity-answer"), "pass");
}

#[tokio::test]
async fn an_app_that_sends_by_rbac_lacks_the_role_and_the_sign_on_says_that_all_is_well() {
    let staged = staged("no-such").await;
    let app = Registration::confidential(CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET);
    staged.sandbox.register(app.sending_by_rbac());
    let report = staged.is_well().await;
    let permissions = check(&report, "claims", "permissions");
    assert_eq!(permissions["outcome"], "skipped");
    assert!(permissions["detail"].as_str().unwrap().contains("no SMTP.SendAsApp"), "{permissions}");
    assert_eq!(outcome(&report, "smtp", "sign-on"), "pass");
}

#[tokio::test]
async fn without_a_daemon_nobody_is_told_to_reload_one() {
    let staged = staged("no-consent").await;
    let file = staged.file.clone();
    let (code, _, errors) =
        tokio::task::spawn_blocking(move || crate::process::run(&["login", ANN], &file)).await.unwrap();
    assert_eq!(code, 1, "{errors}");
    let again = format!(" accepts.\n  Then\n      {}\n", staged.gatepost(&format!("login {ANN}")));
    assert!(errors.contains(&again) && !errors.contains("systemctl"), "{errors}");
    assert!(!errors.contains("run this command again"), "the administrator comes first: {errors}");
    let told = staged.doctor(&[ANN]).await;
    assert!(told.out.contains(&staged.gatepost("run")) && !told.out.contains("systemctl"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_secret_that_the_provider_calls_expired_no_day_is_told_that_somebody_wrote_down() {
    let staged = staged("secret-expired").await;
    staged.edit("client-secret = ", "secret-expires = 2099-01-01\nclient-secret = ");
    let program = super::clients::daemon_of(&staged).await;
    let said = program.login(gatepost::base::Protocol::Imap).await;
    assert!(said.contains("client-secret-expired"), "{said}");
    let (_, status, errors) = crate::process::run(&["status", "--json"], &staged.file);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_else(|_| panic!("{errors}"));
    let ending = &status["endings"][0];
    assert!(ending["ends-at"].is_null() && ending["days-left"].is_null(), "{ending}");
    let told = "The client secret of the app has expired; ask your administrator [client-secret-expired]: the provider says \
                that it has expired";
    assert_eq!(ending["trouble"], told);
    let (_, table, _) = crate::process::run(&["status", "--lang", "ja"], &staged.file);
    assert!(table.contains("プロバイダーは期限切れと回答しています"), "{table}");
    let secret = check(&staged.doctor(&["--json"]).await.json(), "files", "client-secret");
    assert_eq!(secret["outcome"], "skipped", "{secret}");
    assert!(secret["detail"].as_str().unwrap().starts_with("the provider called it expired"), "{secret}");
}

/// Beside the endpoint that hands out its tokens nothing describes a tenant, and that was taken for a broken answer.
#[tokio::test]
async fn a_machine_of_azure_whose_own_identity_works_is_well() {
    let staged = staged("no-such").await;
    let text = std::fs::read_to_string(&staged.file).unwrap();
    let (_, app) = text.split_once("[app.contoso]\n").unwrap();
    let (app, _) = app.split_once("smtp = ").unwrap();
    let identity = format!("{}/metadata/identity/oauth2/token", staged.sandbox.issuer());
    staged
        .edit(app, &format!("provider = \"microsoft365\"\ngrant = \"managed-identity\"\ntoken-url = \"{identity}\"\n"));
    staged.is_well().await;
}

/// `login` called it by its own name, and `doctor` by that of any endpoint, with a step that was none.
#[tokio::test]
async fn an_identity_of_a_machine_that_cannot_be_reached_has_one_id_in_login_and_doctor() {
    let staged = staged("no-such").await;
    let text = std::fs::read_to_string(&staged.file).unwrap();
    let (_, app) = text.split_once("[app.contoso]\n").unwrap();
    let (app, _) = app.split_once("smtp = ").unwrap();
    let (_shut, nobody) = crate::world::nobody_at("127.0.0.1".parse().unwrap());
    let identity = format!("http://{nobody}/metadata/identity/oauth2/token");
    staged
        .edit(app, &format!("provider = \"microsoft365\"\ngrant = \"managed-identity\"\ntoken-url = \"{identity}\"\n"));
    let (_, _, errors) = crate::process::run(&["login", ANN], &staged.file);
    assert!(errors.contains("[managed-identity-unreachable]"), "{errors}");
    let command = "curl -H Metadata:true \"http://169.254.169.254/metadata/instance?api-version=2021-02-01\"";
    staged
        .fails_first(First { layer: "tcp", name: "identity-provider", id: "managed-identity-unreachable", command })
        .await;
}
