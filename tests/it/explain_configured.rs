//! `gatepost explain` beside a configuration: what it fills in is what stands there.

use crate::{process::run, unconfigured::unconfigured};

fn configured(dir: &std::path::Path, more: &str) -> std::path::PathBuf {
    let file = dir.join("gatepost.toml");
    let text = format!(
        "[store]\nurl = \"sqlite://{}/gatepost.db\"\n[console]\nlisten = \"off\"\n{more}\n[app.contoso]\nprovider = \
         \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed\"\n\
         [[account]]\naddress = \"ann@contoso.com\"\napp = \"contoso\"\n\
         [[account]]\naddress = \"shared@contoso.com\"\napp = \"contoso\"\nsign-in-as = \"ann@contoso.com\"\n",
        dir.display()
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// It named the sender's own table, and a list of the sender and `<sender>`.
#[test]
fn a_sender_that_is_not_in_the_list_of_an_account_is_put_into_that_accounts_list() {
    let dir = tempfile::tempdir().unwrap();
    let file = configured(dir.path(), "");
    let line = "550 5.7.1 This account may not send as that sender: <shared@contoso.com> in MAIL FROM is not in send-as of \
                ann@contoso.com [gatepost sender-not-allowed]";
    let (code, said, errors) = run(&["explain", line], &file);
    let list = "send-as = [\"ann@contoso.com\", \"shared@contoso.com\"]";
    assert!(code == 0 && said.contains(list) && said.contains("ann@contoso.com"), "{said}{errors}");
    assert!(!said.contains("<sender>") && !said.contains("(shared@contoso.com)"), "{said}");
    let nowhere = unconfigured(&["explain", line]).output().unwrap();
    let said = String::from_utf8(nowhere.stdout).unwrap();
    assert!(said.contains("(ann@contoso.com)") && !said.contains("(shared@contoso.com)"), "{said}");
}

/// It said to write `http-proxy`, and "likewise" a `mail-proxy`, which is refused beside the file that has it.
#[test]
fn without_an_account_the_proxy_of_the_configuration_is_named_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let url = dir.path().join("proxy.url");
    std::fs::write(&url, "http://proxy.contoso.com:3128\n").unwrap();
    let file = configured(dir.path(), &format!("[network]\nmail-proxy-file = \"{}\"\n", url.display()));
    let (code, said, errors) = run(&["explain", "proxy-login-refused"], &file);
    assert!(code == 0 && said.contains(&url.display().to_string()), "{said}{errors}");
    assert!(!said.contains("http-proxy ="), "{said}");
}

/// One that is left signs in as the one that is gone.
fn left(dir: &std::path::Path) -> std::path::PathBuf {
    let file = configured(dir, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("[[account]]").unwrap();
    let (_, shared) = text.rsplit_once("[[account]]").unwrap();
    std::fs::write(&file, format!("{before}[[account]]{shared}")).unwrap();
    file
}

/// The only account that is left was named, in the commands that list and drop as well.
#[test]
fn of_an_account_that_is_gone_no_other_one_of_the_configuration_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = left(dir.path());
    let line = "WARN mail waits for an account that is not in the configuration account=\"ann@contoso.com\" messages=2 \
                fault=Mail waits in the queue for an account that is not in the configuration [account-gone]";
    let asked: [(&[&str], &str); 3] = [
        (&["explain", line], "ann@contoso.com"),
        (&["explain", "account-gone", "--account", "ann@contoso.com"], "ann@contoso.com"),
        (&["explain", "account-gone"], "<address>"),
    ];
    for (words, named) in asked {
        let (code, said, errors) = run(words, &file);
        assert!(code == 0 && !said.contains("shared@contoso.com"), "{words:?}: {said}{errors}");
        assert!(said.contains(&format!("queue list --account {named}")), "{words:?}: {said}");
    }
}

/// Of another one, the only one or the sender, were sign-in and steps.
#[test]
fn a_line_that_names_an_account_is_filled_in_from_no_other_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = left(dir.path());
    for sender in ["", " sender=\"shared@contoso.com\""] {
        let line = format!("WARN refused account=\"ann@contoso.com\"{sender} protocol=smtp fault=so [sign-in-missing]");
        let (code, said, errors) = run(&["explain", &line], &file);
        assert!(code == 0 && said.contains("login ann@contoso.com"), "{line}: {said}{errors}");
        assert!(!said.contains("shared@contoso.com"), "{line}: {said}");
    }
}
