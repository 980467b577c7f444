//! What each grant needs, what it has no use for, and what Azure and Kubernetes say in the environment.

use std::path::Path;

use gatepost::{
    config::{self, Config, Problems},
    oauth::{AppCredential, Grant, IdentityEndpoint, ServiceAccountKey},
};

use super::{ANN, APP, HASH, fine, person, refused};

const ENTRA: &str = "[app.a]\nprovider = \"microsoft365\"\n";
const GOOGLE: &str = "[app.a]\nprovider = \"google\"\ngrant = \"service-account\"\n";
const MANAGED: &str = "[app.a]\nprovider = \"microsoft365\"\ngrant = \"managed-identity\"\n";

fn in_environment(text: &str, variables: &[(&str, &str)]) -> Result<(Config, Problems), Problems> {
    let mut around = person();
    around.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    config::check_text(text, "gatepost.toml", &around)
}

#[test]
fn a_grant_that_a_provider_does_not_know_is_refused_with_those_that_it_knows() {
    for (provider, grant, known) in [
        ("microsoft365", "service-account", "use: authorization-code, client-credentials, password, workload-identity"),
        ("google", "client-credentials", "use: authorization-code, service-account"),
        ("outlook", "password", "use: authorization-code"),
        ("yahoo", "managed-identity", "use: authorization-code"),
        ("fastmail", "password", "use: authorization-code"),
    ] {
        let app = format!("[app.a]\nprovider = \"{provider}\"\nclient-id = \"x\"\ntenant = \"contoso.com\"\n");
        let text = refused(&format!("{app}grant = \"{grant}\"\n"));
        assert!(text.contains(&format!("{provider} gives no tokens for grant = \"{grant}\"\nhint: {known}")), "{text}");
    }
}

#[test]
fn a_password_within_the_address_of_an_endpoint_is_refused_and_not_repeated() {
    for name in ["token-url", "authorize-url", "device-url", "graph-url", "redirect-uri"] {
        let text = refused(&format!("{APP}{name} = \"https://user:hunter2@login.example/x\"\n{ANN}"));
        assert!(text.contains(&format!("`app.contoso.{name}` has a user or a password in it")), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_proof_that_a_grant_never_shows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let file = file.display();
    for (app, line, name) in [
        (GOOGLE, "client-secret = \"x\"".to_owned(), "client-secret"),
        (GOOGLE, format!("federated-token-file = \"{file}\""), "federated-token-file"),
        (MANAGED, "client-secret-env = \"SECRET\"".to_owned(), "client-secret"),
        (MANAGED, format!("certificate = \"{file}\""), "certificate"),
        (APP, "service-account-key = \"{}\"".to_owned(), "service-account-key"),
    ] {
        let text = refused(&format!("{app}{line}\n"));
        assert!(text.contains(&format!("has no use for {name}\nhint: remove it")), "{text}");
    }
    let both = refused(&format!("{APP}client-secret = \"x\"\nfederated-token-file = \"{file}\"\n"));
    assert!(both.contains("has both client-secret and federated-token-file\nhint: keep one of them"), "{both}");
    let text = refused(&format!("{APP}{ANN}sign-in-password = \"x\"\n"));
    assert!(text.contains("authorization-code has no use for sign-in-password"), "{text}");
    let text = refused(&format!("{APP}resource = \"x\"\n"));
    assert!(text.contains("`app.contoso.resource` has no use with grant = \"authorization-code\""), "{text}");
}

#[test]
fn a_service_account_needs_its_key_and_no_client_id() {
    let text = refused(GOOGLE);
    assert!(text.contains("`app.a` needs `service-account-key`\nhint: add: service-account-key-file = "), "{text}");
    let text = refused(&format!("{GOOGLE}service-account-key-file = \"lost.json\"\n"));
    assert!(text.contains("cannot read /etc/gatepost/lost.json"), "{text}");
    let given = format!("{GOOGLE}service-account-key = '''{{\n}}'''\n");
    let config = fine(&given);
    let app = &config.apps["a"];
    assert_eq!(
        (app.grant, app.scopes.as_slice()),
        (Grant::ServiceAccount, &["https://mail.google.com/".to_owned()][..])
    );
    assert!(matches!(app.credential, AppCredential::ServiceAccount(ServiceAccountKey::Text(_))));
    let (_, warnings) = in_environment(&format!("{given}client-id = \"x\"\n"), &[]).unwrap();
    assert!(warnings.to_string().contains("`app.a.client-id` is not used"), "{warnings}");
    let other = given.replace("{\n}", "{}");
    assert_eq!(config::diff(&config, &fine(&other)).apps.changed, ["a"], "another key is another app");
}

#[test]
fn nobody_signs_in_who_could_arm_first_use() {
    let app = format!("{GOOGLE}service-account-key = \"{{}}\"\n");
    let text = refused(&format!("{app}{ANN}password = \"first-use\"\n"));
    assert!(text.contains("\"first-use\" is refused for service-account"), "{text}");
    fine(&format!("{app}{ANN}password = \"{HASH}\"\n"));
}

#[test]
fn the_password_grant_needs_the_password_of_each_identity_once() {
    let app = format!("{ENTRA}client-id = \"x\"\ngrant = \"password\"\n");
    let ann = format!("{ANN}password = \"{HASH}\"\n");
    let shared = format!(
        "[[account]]\naddress = \"info@contoso.com\"\nsign-in-as = \"Ann@contoso.com\"\npassword = \"{HASH}\"\n"
    );
    let text = refused(&format!("{app}{ann}"));
    assert!(text.contains("`account[0]` needs `sign-in-password`"), "{text}");
    let config = fine(&format!("{app}{ann}sign-in-password = \"s3cret\"\n{shared}"));
    assert!(config.accounts[1].sign_in.password.is_some(), "one sign-in, one password");
    let scopes = &config.apps["a"].scopes;
    assert!(!scopes.contains(&"offline_access".to_owned()) && scopes.len() == 5, "{scopes:?}");
    let shown = config::show(&config);
    assert!(shown.contains("sign-in-password = \"[hidden]\"") && !shown.contains("s3cret"), "{shown}");
    let text = refused(&format!("{app}{ann}sign-in-password = \"a\"\n{shared}sign-in-password = \"b\"\n"));
    assert!(text.contains("another account has another sign-in-password for Ann@contoso.com"), "{text}");
    let other = fine(&format!("{app}{ann}sign-in-password = \"other\"\n{shared}"));
    assert_eq!(config::diff(&config, &other).accounts.changed, ["ann@contoso.com", "info@contoso.com"]);
    for tenant in ["common", "consumers"] {
        let text = refused(&format!("{app}tenant = \"{tenant}\"\n"));
        assert!(text.contains(&format!("a password needs the tenant, \"{tenant}\" is none")), "{text}");
    }
}

#[test]
fn a_password_in_china_goes_to_the_first_endpoint_with_a_resource_unless_scopes_are_written() {
    let app = "[app.a]\nprovider = \"microsoft365-china\"\nclient-id = \"x\"\ntenant = \"contoso.cn\"\n";
    let password = format!("{app}grant = \"password\"\n");
    let config = fine(&password);
    let found = &config.apps["a"];
    assert_eq!(found.token_url.as_str(), "https://login.partner.microsoftonline.cn/contoso.cn/oauth2/token");
    assert_eq!(found.resource.as_deref(), Some("https://partner.outlook.cn"));
    let config = fine(&format!("{password}scopes = [\"https://partner.outlook.cn/.default\"]\n"));
    let found = &config.apps["a"];
    assert!(found.token_url.path().ends_with("/oauth2/v2.0/token") && found.resource.is_none());
    let config = fine(&format!("{app}grant = \"client-credentials\"\nclient-secret = \"x\"\n"));
    let found = &config.apps["a"];
    assert!(found.token_url.path().ends_with("/oauth2/v2.0/token") && found.resource.is_none());
}

#[test]
fn aks_says_who_a_pod_is_and_what_is_written_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "x").unwrap();
    let variables = [
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
        ("AZURE_CLIENT_ID", "pod"),
        ("AZURE_TENANT_ID", "contoso.com"),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"),
    ];
    let app = format!("{ENTRA}grant = \"workload-identity\"\n");
    let (config, _) = in_environment(&app, &variables).unwrap();
    let found = &config.apps["a"];
    assert_eq!((found.client_id.as_str(), found.tenant.as_str()), ("pod", "contoso.com"));
    assert_eq!(found.token_url.as_str(), "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token");
    assert!(matches!(&found.credential, AppCredential::FederatedToken(path) if *path == file));

    let written = "client-id = \"mine\"\ntenant = \"fabrikam.com\"\ntoken-url = \"https://id.example/token\"\n";
    let (config, _) = in_environment(&format!("{app}{written}"), &variables).unwrap();
    let found = &config.apps["a"];
    assert_eq!((found.client_id.as_str(), found.tenant.as_str()), ("mine", "fabrikam.com"));
    assert_eq!(found.token_url.as_str(), "https://id.example/token");

    // Another grant in the same pod is not told.
    let (config, _) = in_environment(APP, &variables).unwrap();
    assert_eq!(config.apps["contoso"].client_id, "id");
    let evil =
        variables.map(|(name, value)| (name, if name.ends_with("HOST") { "http://evil.example" } else { value }));
    assert!(in_environment(&app, &evil).unwrap_err().to_string().contains("plain http"));

    let text = refused(&app);
    for key in ["`client-id`", "`federated-token-file`", "app-only access needs the tenant"] {
        assert!(text.contains(key), "{key} in {text}");
    }
}

#[test]
fn the_environment_tells_which_endpoint_of_azure_a_machine_has() {
    let endpoint = |variables: &[(&str, &str)]| {
        let (config, _) = in_environment(MANAGED, variables).unwrap();
        let app = &config.apps["a"];
        (app.credential.clone(), app.token_url.to_string())
    };
    let (credential, url) = endpoint(&[]);
    assert!(matches!(credential, AppCredential::ManagedIdentity(IdentityEndpoint::Imds)));
    assert_eq!(url, "http://169.254.169.254/metadata/identity/oauth2/token");

    let (credential, url) =
        endpoint(&[("IDENTITY_ENDPOINT", "http://169.254.129.5:8081/msi/token"), ("IDENTITY_HEADER", "s3cret")]);
    assert!(matches!(credential, AppCredential::ManagedIdentity(IdentityEndpoint::AppService { .. })));
    assert!(url == "http://169.254.129.5:8081/msi/token" && !format!("{credential:?}").contains("s3cret"));

    let arc = [
        ("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token"),
        ("IMDS_ENDPOINT", "http://localhost:40342"),
    ];
    let (credential, url) = endpoint(&arc);
    let AppCredential::ManagedIdentity(IdentityEndpoint::Arc { keys }) = credential else { panic!("{credential:?}") };
    assert_eq!(keys, Path::new("/var/opt/azcmagent/tokens"));
    assert_eq!(url, "http://localhost:40342/metadata/identity/oauth2/token");
    let named = in_environment(&format!("{MANAGED}client-id = \"x\"\n"), &arc).unwrap_err().to_string();
    assert!(named.contains("Azure Arc knows the machine's own identity alone"), "{named}");

    for elsewhere in ["http://10.0.0.5/msi/token", "http://id.example/msi/token", "nonsense"] {
        let variables = [("IDENTITY_ENDPOINT", elsewhere), ("IDENTITY_HEADER", "s3cret")];
        let text = in_environment(MANAGED, &variables).unwrap_err().to_string();
        assert!(text.contains("$IDENTITY_ENDPOINT is not an address of this machine"), "{text}");
    }
}

#[test]
fn the_metadata_service_is_the_only_plain_http_beyond_loopback_and_cannot_be_written() {
    let url = "token-url = \"http://169.254.169.254/metadata/identity/oauth2/token\"\n";
    for app in [MANAGED, APP] {
        let text = refused(&format!("{app}{url}"));
        assert!(text.contains("plain http"), "{text}");
    }
    fine(&format!("{MANAGED}token-url = \"http://127.0.0.1:9/token\"\n"));
    let scopes = "scopes = [\"https://a.example/.default\", \"https://b.example/.default\"]\n";
    let two = refused(&format!("{MANAGED}{scopes}"));
    assert!(two.contains("a managed identity asks for one resource"), "{two}");
}

#[test]
fn a_secret_that_an_app_lacks_is_made_for_an_account_of_that_app_alone() {
    let app = |name: &str, keys: &str| {
        format!("[app.{name}]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"id\"\n{keys}\n")
    };
    let lacks = "client-secret-file = \"/nonexistent/two.secret\"";
    let told = |of: &str| {
        refused(&format!(
            "{}{}[[account]]\naddress = \"ann@contoso.com\"\napp = \"{of}\"\n",
            app("one", ""),
            app("two", lacks)
        ))
    };
    assert!(told("two").contains("`gatepost setup --address ann@contoso.com --client-secret-file"), "{}", told("two"));
    assert!(told("one").contains("`gatepost setup --address <address> --client-secret-file"), "{}", told("one"));
    // It said ADDRESS where the app has more than one.
    let several = told("two\"\n[[account]]\naddress = \"bob@contoso.com\"\napp = \"two");
    assert!(several.contains("`gatepost setup --address ann@contoso.com --client-secret-file"), "{several}");
}
