//! `[notify]`: what is refused, what is a warning only, and what is never shown.

use super::*;

fn problems(section: &str) -> (bool, String) {
    match check(&format!("{section}\n{APP}{ANN}")) {
        Ok((_, problems)) => (true, problems.to_string()),
        Err(problems) => (false, problems.to_string()),
    }
}

#[test]
fn a_webhook_is_https_or_of_this_machine_and_its_address_is_never_shown() {
    for (url, fine) in [
        ("https://chat.example/hooks/s3cret", true),
        ("http://127.0.0.1:8080/hooks/s3cret", true),
        ("http://chat.example/hooks/s3cret", false),
        ("chat.example/hooks/s3cret", false),
    ] {
        let (taken, text) = problems(&format!("[notify]\nwebhook = \"{url}\""));
        assert_eq!(taken, fine, "{url}: {text}");
        assert!(!text.contains("s3cret"), "{text}");
        assert_eq!(text.contains("notify.webhook"), !fine, "{text}");
    }
    let config = fine("[notify]\nwebhook = \"https://chat.example/s3cret\"\ncommand = [\"tell\", \"s3cret\"]\n");
    assert!(!format!("{config:?}").contains("s3cret"));
    let other = fine("[notify]\nwebhook = \"https://chat.example/other\"\ncommand = [\"tell\", \"s3cret\"]\n");
    assert_eq!(config::diff(&config, &other).sections, ["notify"]);
}

#[test]
fn a_program_that_is_not_there_is_a_warning_with_the_next_step() {
    let (taken, text) = problems("[notify]\ncommand = [\"/nowhere/tell-me\"]");
    assert!(taken && text.contains("/nowhere/tell-me cannot be run: ") && text.contains("hint: "), "{text}");
    let (taken, text) = problems("[notify]\ncommand = [\"/etc/passwd\"]");
    assert!(taken && text.contains("no executable file") && text.contains("chmod 755 /etc/passwd"), "{text}");
    // A bare name is looked up when it is needed.
    for fine in ["[\"tell-me\"]", "[\"/bin/sh\", \"-c\", \"true\"]", "[]"] {
        assert_eq!(problems(&format!("[notify]\ncommand = {fine}")), (true, String::new()));
    }
    let (taken, text) = problems("[notify]\ncommand = [\"\"]");
    assert!(!taken && text.contains("notify.command"), "{text}");
}
