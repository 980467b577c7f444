//! Clients that could never be told apart, or never be used: refused or warned of, with the line to write.

use super::*;

fn warnings(text: &str) -> String {
    match check(text) {
        Ok((_, warnings)) => warnings.to_string(),
        Err(problems) => panic!("{problems}\nin:\n{text}"),
    }
}

#[test]
fn an_empty_name_and_empty_addresses_are_no_client() {
    let account = format!("{APP}{ANN}password = \"{HASH}\"\n");
    for (client, expected) in [
        (COPIER.replace("copier", "") + "from = [\"10.0.0.1\"]\n", "`client[0].name` is empty"),
        (COPIER.replace("copier", " ") + "from = [\"10.0.0.1\"]\n", "`client[0].name` is empty"),
        (
            format!("{COPIER}from = []\n"),
            "`client[0].from` is empty and there is no `login`: this client admits nobody",
        ),
    ] {
        let text = refused(&format!("{account}{client}"));
        assert!(text.contains(expected), "{expected} in {text}");
    }
    fine(&format!("{account}{COPIER}from = []\nlogin = \"copier\"\npassword = \"{HASH}\"\n"));
}

/// Its figures would be those of all who log in.
#[test]
fn no_client_has_the_name_that_stands_for_whoever_logs_in() {
    let account = format!("{APP}{ANN}password = \"{HASH}\"\n");
    let text = refused(&format!("{account}{}from = [\"10.0.0.1\"]\n", COPIER.replace("copier", "login")));
    assert!(text.contains("`client[0].name` is \"login\"") && text.contains("for example name = "), "{text}");
    fine(&format!("{account}{}from = [\"10.0.0.1\"]\n", COPIER.replace("copier", "login 2")));
}

#[test]
fn a_client_whose_addresses_others_before_it_have_is_warned_of() {
    let account = format!("{APP}{ANN}password = \"{HASH}\"\n");
    let client = |name: &str, from: &str| format!("{}from = [{from}]\n", COPIER.replace("copier", name));
    let warned = |clients: String| warnings(&format!("{account}{clients}"));
    for (wide, narrow) in [
        ("\"10.0.0.0/8\"", "\"10.1.2.3\""),
        ("\"10.1.2.3\"", "\"10.1.2.3\""),
        ("\"10.0.0.0/8\", \"fd00::/8\"", "\"fd00::7\", \"10.7.0.0/16\""),
        ("\"10.0.0.0/8\"", "\"::ffff:10.1.2.3\""),
    ] {
        let text = warned(client("wide", wide) + &client("narrow", narrow));
        let expected = "the client \"narrow\" is never used: \"wide\", which stands before it, has its addresses";
        assert!(text.contains(expected) && text.contains("put the narrower one first"), "{wide} {narrow}: {text}");
        assert_eq!(
            warned(client("narrow", narrow) + &client("wide", &format!("{wide}, \"10.9.9.9\", \"192.0.2.1\""))),
            ""
        );
    }
    let login = format!("login = \"till\"\npassword = \"{HASH}\"\n");
    assert_eq!(warned(client("wide", "\"10.0.0.0/8\"") + &client("till", "\"10.1.2.3\"") + &login), "", "it logs in");
    assert_eq!(warned(client("wide", "\"10.0.0.0/8\"") + &client("both", "\"10.1.2.3\", \"192.0.2.1\"")), "");
}
