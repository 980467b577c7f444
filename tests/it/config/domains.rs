//! Accounts for whole domains: what they need, what has no place in them, and the file of passwords with its lines.

use super::*;

const DOMAIN: &str = "[[account]]\naddress = \"*@Contoso.com\"\n";
const ROBOT: &str = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"id\"\n\
                     client-secret = \"s\"\ngrant = \"client-credentials\"\n";

/// A folder with a file of passwords, and a key that names it.
fn users(lines: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users");
    fs::write(&path, lines).unwrap();
    private(&path);
    let key = format!("passwords-file = \"{}\"\n", path.display());
    (dir, key)
}

pub fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_domain_with_a_file_of_passwords_is_fine_for_an_app_and_where_each_signs_in() {
    let (_dir, file) = users(&format!("# all\nann:{HASH}\nbob@contoso.com:{HASH}\n"));
    for app in [APP, ROBOT] {
        let (config, warnings) = check(&format!("{app}{DOMAIN}{file}send-as = [\"Team@contoso.com\"]\n")).unwrap();
        assert!(warnings.problems.is_empty(), "{warnings}");
        let domain = &config.domains[0];
        assert_eq!((domain.address().as_str(), config.accounts.len()), ("*@contoso.com", 0));
        let ann = domain.mailbox("Ann@contoso.com").unwrap();
        assert_eq!(ann.send_as, ["ann@contoso.com", "team@contoso.com"], "each as itself, and as what is listed");
        let shown = config::show(&config);
        assert!(
            shown.contains("address = \"*@contoso.com\"") && shown.contains("passwords-file") && !shown.contains(HASH)
        );
    }
    fine(&format!("{APP}{DOMAIN}password = \"first-use\"\n"));
}

#[test]
fn no_domain_is_usable_without_a_local_check_and_the_line_to_add_is_told() {
    let text = refused(&format!("{ROBOT}{DOMAIN}"));
    assert!(text.contains("nothing checks who uses the mailboxes of contoso.com"), "{text}");
    assert!(text.contains("add: passwords-file = \"/etc/gatepost/users\"") && !text.contains("first-use"), "{text}");
    let text = refused(&format!("{APP}{DOMAIN}"));
    assert!(text.contains("or: password = \"first-use\""), "{text}");
    let text = refused(&format!("{ROBOT}{DOMAIN}password = \"first-use\"\n"));
    assert!(text.contains("\"first-use\" is refused for app-only access"), "{text}");
    let text = refused(&format!("{ROBOT}{DOMAIN}password = \"{HASH}\"\n"));
    assert!(text.contains("one password would open every mailbox of contoso.com"), "{text}");
    let (_dir, file) = users(&format!("ann:{HASH}\n"));
    let text = refused(&format!("{APP}{DOMAIN}{file}password = \"first-use\"\n"));
    assert!(text.contains("both passwords-file and \"first-use\""), "{text}");
    let text = refused(&format!("{WIDE}{APP}{DOMAIN}password = \"first-use\"\n"));
    assert!(text.contains("have no passwords of their own yet"), "{text}");
}

#[test]
fn keys_of_one_mailbox_have_no_place_in_a_domain_and_the_other_way_round() {
    let (_dir, file) = users(&format!("ann:{HASH}\n"));
    for key in ["sign-in-as", "imap-user", "smtp-user"] {
        let text = refused(&format!("{APP}{DOMAIN}{file}{key} = \"ann@contoso.com\"\n"));
        assert!(text.contains(&format!("`{key}` has no place in an account for a whole domain")), "{text}");
    }
    let text = refused(&format!("{APP}{ANN}password = \"{HASH}\"\n{file}"));
    assert!(text.contains("is for accounts of whole domains"), "{text}");
    let text = refused(&format!("{APP}grant = \"password\"\n{DOMAIN}{file}"));
    assert!(text.contains("the grant password is for single mailboxes"), "{text}");
    let text = refused(&format!("{APP}{DOMAIN}{file}{DOMAIN}{file}"));
    assert!(text.contains("*@contoso.com is there twice"), "{text}");
    let text = refused(&format!("{APP}[[account]]\naddress = \"*@\"\n{file}"));
    assert!(text.contains("is not a mail address"), "{text}");
}

#[test]
fn every_mistake_in_the_file_is_told_with_its_line_and_no_secret() {
    let (_dir, file) = users(&format!("ann:{HASH}\nbob:hunter2\n\nann@contoso.com:{HASH}\ncleo@fabrikam.com:{HASH}\n"));
    let text = refused(&format!("{ROBOT}{DOMAIN}{file}"));
    for words in [
        "users, line 2: what stands behind bob is not a password hash",
        "users, line 4: ann@contoso.com stands in line 1 already",
        "users, line 5: cleo@fabrikam.com is no address of contoso.com",
        "gatepost.toml:9:",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    let text = refused(&format!("{ROBOT}{DOMAIN}passwords-file = \"nowhere\"\n"));
    assert!(text.contains("cannot read /etc/gatepost/nowhere"), "{text}");
}

#[test]
fn a_file_that_everybody_can_read_or_that_names_nobody_is_warned_of() {
    let (dir, file) = users("# nobody yet\n");
    let (_, warnings) = check(&format!("{ROBOT}{DOMAIN}{file}")).unwrap();
    assert!(warnings.to_string().contains("names nobody"), "{warnings}");
    let path = dir.path().join("users");
    fs::write(&path, format!("ann:{HASH}\n")).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let (_, warnings) = check(&format!("{ROBOT}{DOMAIN}{file}")).unwrap();
    assert!(warnings.to_string().contains("can be read by every user of this machine"), "{warnings}");
}

#[test]
fn a_client_may_be_given_a_mailbox_of_a_domain_and_never_all_of_them() {
    let (_dir, file) = users(&format!("ann:{HASH}\n"));
    let client = |account: &str, more: &str| {
        format!(
            "{ROBOT}{DOMAIN}{file}[[client]]\nname = \"copier\"\naccount = \"{account}\"\nfrom = [\"10.0.0.1\"]\n{more}"
        )
    };
    assert_eq!(fine(&client("Scanner@contoso.com", "")).clients[0].account.address, "scanner@contoso.com");
    assert!(refused(&client("*@contoso.com", "")).contains("a client uses one mailbox"));
    assert!(refused(&client("scanner@fabrikam.com", "")).contains("there is no [[account]] with the address"));
    let login = format!("login = \"ann@contoso.com\"\npassword = \"{HASH}\"\n");
    assert!(refused(&client("scanner@contoso.com", &login)).contains("is taken by another client or account"));
}
