//! Who is signed in, as commands show it, and from when on a sign-in and a logout count.

use super::{Provider, run, with_hash};

#[test]
fn nobody_is_shown_as_signed_in_before_a_sign_in_and_behind_a_logout_and_no_daemon_is_promised_that_does_not_run() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &with_hash("ann@b.c"));
    let is_shown = || run(&["status"], &config).1.contains("signed in as");
    assert!(!is_shown());
    let step = run(&["status"], &config).1;
    assert!(step.contains("  sign-in-missing: ") && step.contains("login ann@b.c\n"), "{step}");
    let (code, text, errors) = run(&["login", "ann@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("ann@b.c is signed in as ann@b.c. No daemon runs yet that uses it: `gatepost "), "{text}");
    assert!(!text.contains("at once") && is_shown(), "{text}");
    let (_, text, _) = run(&["logout", "ann@b.c", "--yes"], &config);
    assert!(text.contains("From now on nothing is sent for it, by a daemon that runs either"), "{text}");
    assert!(!is_shown());
    let (_, text, _) = run(&["login", "ann@b.c", "--lang", "ja"], &config);
    assert!(text.contains("デーモンはまだ動いていません。`gatepost "), "{text}");
}
