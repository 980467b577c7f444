//! What `gatepost explain` says of a way that somebody tried by hand with the command that a step prints, of what other commands of
//! a step show, and of bare codes.

use std::fs;

use serde_json::Value;

use crate::unconfigured::unconfigured;

const OPEN: &str = "< HTTP/1.1 200 Connection established\n<\n* CONNECT tunnel established, response 200\n* Time-out\n\
                    curl: (28) Time-out\n220 smtp.office365.com ready";
const NOT_REACHED: &str = "curl: (7) Failed to connect to 127.0.0.1 port 28311 after 0 ms: Couldn't connect to server";

fn explained(arguments: &[&str]) -> (i32, String) {
    let output = unconfigured(&[&["explain"], arguments].concat()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// It was told to be a daemon that does not run, or a mail server that cannot be reached.
#[test]
fn an_open_way_through_a_proxy_is_called_open_and_leads_on_to_the_doctor() {
    for (lang, begins) in [("en", "The way through the proxy is open"), ("ja", "プロキシーを通る経路は開いていて")]
    {
        let (code, said) = explained(&[OPEN, "--lang", lang]);
        assert!(code == 0 && said.starts_with(begins) && said.contains("`gatepost doctor`"), "{said}");
        let (code, said) = explained(&["curl: (28) Time-out", "--lang", lang]);
        assert!(code == 0 && said.contains("`gatepost doctor`") && !said.starts_with(begins), "{said}");
    }
    let (code, said) = explained(&[OPEN, "--json"]);
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &json["way"]["is-open"], json["found"].as_array().map(Vec::len)), (0, &true.into(), Some(0)));
    let (_, said) = explained(&["< HTTP/1.1 200 Connection established\ncurl: (52) Empty reply from server"]);
    assert!(said.starts_with("The proxy let it through") && said.contains("`gatepost doctor`"), "{said}");
}

/// It was told that nothing fails, and of a talk that ended well that nobody had said a word.
#[test]
fn a_page_that_refuses_inside_tls_is_nobodys_and_a_talk_that_ends_well_is_an_open_way() {
    let yes = "> CONNECT login.microsoftonline.com:443 HTTP/1.1\n< HTTP/1.1 200 OK\n<\n";
    let tls = "* TLSv1.3 (OUT), TLS handshake, Client hello (1):\n> GET / HTTP/1.1\n";
    let page = "< HTTP/1.1 403 Forbidden\n<\n<html>Blocked</html>\n* Closing connection";
    let (code, said) = explained(&[&format!("{yes}{tls}{page}")]);
    assert!(code == 1 && said.is_empty(), "{said}");
    let talk = "* Connected to smtp.office365.com (52.98.0.1) port 587\n< 220 ready\n> QUIT\n< 221 2.0.0 bye\n\
                * Closing connection";
    let (code, said) = explained(&[talk]);
    assert!(code == 0 && said.starts_with("The connection came about: the way is open"), "{said}");
}

#[test]
fn whose_a_place_is_that_was_not_reached_is_told_by_the_configuration_and_else_all_that_it_can_be() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gatepost.toml");
    let app = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \
               \"11111111-2222-3333-4444-555555555555\"\n[[account]]\naddress = \"ann@contoso.com\"\napp = \"contoso\"\n";
    for (ours, id) in [
        ("[network]\nmail-proxy = \"http://127.0.0.1:28311\"\n", "proxy-unreachable"),
        ("[console]\nlisten = \"127.0.0.1:28311\"\n", "daemon-not-running"),
    ] {
        fs::write(&file, format!("{ours}{app}")).unwrap();
        let (code, said) = explained(&[NOT_REACHED, "--config", file.to_str().unwrap()]);
        assert!(code == 0 && said.starts_with(&format!("{id}  (")), "{said}");
    }
    for lang in ["en", "ja"] {
        let (_, said) = explained(&[NOT_REACHED, "--lang", lang]);
        let both = said.contains("\ndaemon-not-running  (") && said.contains("\nproxy-unreachable  (");
        assert!(both && said.starts_with(if lang == "en" { "What 127.0.0.1" } else { "127.0.0.1 " }), "{said}");
    }
}

#[test]
fn a_bare_code_lists_the_faults_that_have_it_beside_its_kinds() {
    for lang in ["en", "ja"] {
        for (code, ids) in [
            ("550 5.7.1", &["sender-not-allowed", "recipient-not-allowed"][..]),
            ("421 4.7.0", &["connection-closed", "message-behind-refusal"]),
            ("421 4.3.2", &["connection-closed", "connections-used-up"]),
        ] {
            let (_, said) = explained(&[code, "--lang", lang]);
            assert!(ids.iter().all(|id| said.contains(&format!("`{id}`\n"))), "{said}");
            let (_, said) = explained(&[code, "--lang", lang, "--json"]);
            let json: Value = serde_json::from_str(&said).unwrap();
            let listed = json["code-of-gatepost"]["faults"].as_array().unwrap();
            assert!(ids.iter().all(|id| listed.iter().any(|one| one["id"] == *id)), "{said}");
        }
        assert!(explained(&["500 5.5.2", "--lang", lang]).1.starts_with("protocol-mistake  ("));
    }
}

/// Whoever typed the line that was printed heard that there is no such file.
#[test]
fn without_a_configuration_nobody_is_told_to_fill_in_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none.toml");
    let (_, said) = explained(&["conditional-access", "--config", none.to_str().unwrap()]);
    let called = format!("`gatepost --config {} explain", none.display());
    assert!(!said.contains(&called) && said.contains(" setup` writes one"), "{said}");
}

/// It was told to nobody what it means, and a step that was gone through stood still there.
#[test]
fn what_a_command_of_a_step_shows_is_told_with_its_owner_and_what_follows() {
    let [gone, taken, failed] = [
        "kill: (1234) - No such process",
        "LISTEN 0 128 127.0.0.1:1587 0.0.0.0:* users:((\"x\",pid=7,fd=3))",
        "systemd[1]: gatepost.service: Main process exited, code=exited, status=1/FAILURE",
    ];
    for (lang, well) in [("en", "nothing failed"), ("ja", "失敗ではありません")] {
        let (code, said) = explained(&[gone, "--lang", lang]);
        assert!(code == 0 && said.contains(well) && said.contains("`gatepost status`"), "{said}");
        // It may be at another port than ours.
        let (code, said) = explained(&[taken, "--lang", lang]);
        assert!(code == 0 && said.contains(well) && said.contains("`gatepost explain port-taken`"), "{said}");
        let (code, said) = explained(&[failed, "--lang", lang]);
        assert!(code == 0 && !said.contains(well) && said.contains("`gatepost explain`"), "{said}");
        let (code, said) = explained(&[failed, "--json", "--lang", lang]);
        let json: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((code, &json["shown"]["owner"]), (0, &"operator".into()));
    }
}

/// It exited with 1, as what nobody knows.
#[test]
fn a_healthy_line_exits_alike_with_json_and_without() {
    let well = "2026-11-30T05:12:01Z  INFO listening address=127.0.0.1:1587 protocol=smtp";
    assert_eq!(explained(&[well]).0, 0);
    let (code, said) = explained(&[well, "--json"]);
    let json: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &json["is-healthy"]), (0, &true.into()), "{said}");
    let (code, said) = explained(&["the moon is full", "--json"]);
    assert_eq!((code, explained(&["the moon is full"]).0), (1, 1), "{said}");
}

/// Address and tenant were filled in, and `<port>` stood beside them.
#[test]
fn the_ports_of_listeners_are_those_that_the_configuration_has() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gatepost.toml");
    let app = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \
               \"11111111-2222-3333-4444-555555555555\"\n[[account]]\naddress = \"ann@contoso.com\"\napp = \"contoso\"\n";
    let one = "[console]\nlisten = \"off\"\n[[listener]]\nprotocol = \"imap\"\nlisten = [\"127.0.0.1:28312\"]\n";
    for (ours, looks) in [
        (one, "ss -ltnp 'src = 127.0.0.1:28312 or src = 0.0.0.0:28312 or src = [::]:28312'"),
        ("", "ss -ltnp 'sport = :1587 or sport = :1993 or sport = :1995 or sport = :8425'"),
    ] {
        std::fs::write(&file, format!("{ours}{app}")).unwrap();
        let named = ["port-taken", "--config", file.to_str().unwrap(), "--account", "ann@contoso.com"];
        let (_, said) = explained(&named);
        assert!(said.contains(looks), "{said}");
    }
    let (_, said) = explained(&["port-taken"]);
    assert!(said.contains("sport = :<port>"), "{said}");
}
