//! What a configuration may open to others, and to whom first use is left: refused with the line to add.

use super::*;

#[test]
fn a_listener_beyond_this_machine_needs_passwords_or_address_rules() {
    let account = format!("{WIDE}{APP}{ANN}");
    let text = refused(&account);
    let expected = "ann@contoso.com has neither a password nor a [[client]] rule, and `listener[0]` is open";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("hint: add to this [[account]]: password = \"$argon2id$...\""), "{text}");
    let text = refused(&format!("{account}password = \"first-use\"\n"));
    assert!(text.contains("has no password of its own yet (\"first-use\")"), "{text}");
    fine(&format!("{account}password = \"{HASH}\"\n"));
    fine(&format!("{account}{COPIER}from = [\"192.168.10.21\"]\n"));
    fine(&format!("{account}{COPIER}login = \"copier\"\npassword = \"{HASH}\"\n"));
    for everybody in [
        "\"0.0.0.0/0\"",
        "\"0.0.0.0/1\", \"128.0.0.0/1\"",
        "\"::/1\", \"8000::/1\"",
        "\"2000::/3\"",
        "\"10.0.0.9\", \"64.0.0.0/7\"",
    ] {
        let text = refused(&format!("{account}{COPIER}from = [{everybody}]\n"));
        assert!(text.contains("admits much of the internet without a password"), "{text}");
        fine(&format!("{account}{COPIER}from = [{everybody}]\nlogin = \"copier\"\npassword = \"{HASH}\"\n"));
    }
    for own in ["10.0.0.0/8", "fc00::/7", "fe80::/10"] {
        fine(&format!("{account}{COPIER}from = [\"{own}\"]\n"));
    }
    for wide in ["[::]:1587", "192.168.10.2:1587", "systemd:smtp"] {
        refused(&account.replace("0.0.0.0:1587", wide));
    }
    for narrow in ["127.0.0.1:1587", "127.9.9.9:1587", "[::1]:1587", "[::ffff:127.0.0.1]:1587"] {
        fine(&account.replace("0.0.0.0:1587", narrow));
    }
}

#[test]
fn a_number_out_of_range_hears_the_range_on_whichever_side_it_is() {
    for (table, key, wrong, range) in [
        ("[daemon]", "drain-seconds", &["-1", "3601", "99999999999999999999"][..], "from 0 to 3600"),
        ("[daemon]", "sign-on-seconds", &["0", "601"], "from 1 to 600"),
        ("[queue]", "max-age-hours", &["0", "721"], "from 1 to 720"),
        ("[[listener]]\nprotocol = \"imap\"", "max-connections", &["0", "-5", "1000001"], "from 1 to 1000000"),
    ] {
        for number in wrong {
            let text = refused(&format!("{table}\n{key} = {number}\n"));
            assert!(text.contains(&format!("{key}`: {number} is out of range\nhint: {range}")), "{text}");
        }
    }
    fine("[daemon]\ndrain-seconds = 0\nsign-on-seconds = 600\n");
}

#[test]
fn a_console_beyond_this_machine_needs_a_password() {
    let text = refused("[console]\nlisten = \"0.0.0.0:8425\"\n");
    assert!(text.contains("wider than this machine, without a password"), "{text}");
    fine(&format!("[console]\nlisten = \"0.0.0.0:8425\"\npassword = \"{HASH}\"\n"));
    assert!(fine("[console]\nlisten = \"off\"\n").console.listen.is_none());
}

#[test]
fn first_use_is_the_default_for_a_person_on_loopback_alone() {
    let text = format!("{APP}{ANN}");
    assert!(matches!(fine(&text).accounts[0].password, LocalPassword::FirstUse));
    let (config, _) = config::check_text(&text, "gatepost.toml", &service()).unwrap();
    assert!(matches!(config.accounts[0].password, LocalPassword::Issued));
}

#[test]
fn first_use_is_refused_for_app_only_access() {
    let app = format!("{APP}grant = \"client-credentials\"\nclient-secret = \"s\"\n");
    let text = refused(&format!("{app}{ANN}password = \"first-use\"\n"));
    assert!(text.contains("\"first-use\" is refused for app-only access"), "{text}");
    let text = refused(&format!("{app}{ANN}"));
    assert!(text.contains("nobody could use ann@contoso.com"), "{text}");
    fine(&format!("{app}{ANN}password = \"{HASH}\"\n"));
}

#[test]
fn a_listener_that_believes_proxies_names_them() {
    let listener = "[[listener]]\nprotocol = \"imap\"\nproxy-protocol = true\n";
    for missing in ["", "proxy-protocol-from = []\n"] {
        let text = refused(&format!("{listener}{missing}"));
        assert!(text.contains("needs `proxy-protocol-from`\nhint: add: proxy-protocol-from = "), "{text}");
    }
    fine(&format!("{listener}proxy-protocol-from = [\"10.0.0.5\"]\n"));
}
