//! Without a terminal nothing is asked: the flag is named. In the language that was asked for.

use super::Stage;
use crate::world::ANN;

const CLIENT: &str = "10000000-0000-4000-8000-000000000001";

#[tokio::test]
async fn each_question_without_a_terminal_names_its_flag_and_nothing_is_written() {
    let stage = Stage::new().await;
    for (flags, named) in [
        (&[][..], "add --address"),
        (&["--address", ANN], "add --client-id"),
        (&["--address", ANN, "--client-id", CLIENT], "add --yes"),
        (&["--address", ANN, "--grant", "client-credentials", "--client-id", CLIENT], " --make-certificate\n"),
    ] {
        let ended = stage.run(&stage.flags(flags), "").await;
        assert_eq!(ended.code, 2, "{flags:?}: {}\n{}", ended.out, ended.err);
        assert!(ended.err.contains(named), "{flags:?}: {}", ended.err);
        assert!(!stage.file().exists(), "{flags:?}");
    }
}

/// The cause stood alone, and its id nowhere.
#[tokio::test]
async fn authorities_that_cannot_be_read_are_told_with_short_text_id_and_step_in_both_languages() {
    let stage = Stage::new().await;
    std::fs::write(stage.file().with_file_name("ca.pem"), "nothing\n").unwrap();
    for (lang, what, step) in [
        ("en", "holds no certificate", "put the certificate of the authority there"),
        ("ja", "証明書がありません", "認証局の証明書を PEM 形式"),
    ] {
        let flags = stage.flags(&["--address", ANN, "--client-id", CLIENT, "--yes", "--lang", lang]);
        let ended = stage.run(&flags, "").await;
        let entry = gatepost::catalog::find("authorities-unusable").unwrap();
        for part in [entry.short(), "[authorities-unusable]", what, step] {
            assert!(ended.code == 1 && ended.err.contains(part), "{part}: {}{}", ended.out, ended.err);
        }
    }
}

#[tokio::test]
async fn who_has_no_client_id_yet_is_shown_how_the_app_is_registered() {
    let stage = Stage::new().await;
    let ended = stage.run(&stage.flags(&["--address", ANN, "--shared", "info@contoso.example"]), "").await;
    for line in [
        "App registrations, New registration",
        "http://localhost",
        "IMAP.AccessAsUser.All, POP.AccessAsUser.All, SMTP.Send, offline_access",
        "Set-CASMailbox ann@contoso.example -SmtpClientAuthenticationDisabled $false",
        "Add-RecipientPermission -Identity info@contoso.example -Trustee ann@contoso.example -AccessRights SendAs",
        "--print-script",
    ] {
        assert!(ended.out.contains(line), "{line}: {}", ended.out);
    }
}

#[tokio::test]
async fn wrong_answers_are_wrong_usage_with_an_example() {
    let stage = Stage::new().await;
    for (flags, text) in [
        (&["--address", "ann"][..], "\"ann\" is not a mail address"),
        (&["--address", ANN, "--shared", "x"], "\"x\" is not a mail address"),
        (&["--address", ANN, "--to", "nope"], "\"nope\" is not a mail address"),
        (&["--address", ANN, "--provider", "hotmail"], "no provider \"hotmail\""),
        (&["--address", ANN, "--client-id", "Gatepost"], "not an Application (client) ID"),
        (&["--address", ANN, "--listen", "smtp"], "\"smtp\" is no listener"),
        (&["--address", ANN, "--set", "app.client-secret=x"], "may be a secret"),
        (&["--address", ANN, "--set", "app.tenant=x"], "use --tenant"),
        (&["--address", "ann@gmail.com", "--outbound", "graph"], "no Microsoft Graph"),
        (&["--address", "ann@gmail.com", "--grant", "device-code"], "no tokens for --grant device-code"),
        (&["--address", ANN, "--grant", "client-credentials", "--first-use"], "--first-use is refused"),
    ] {
        let mut all = stage.flags(flags);
        // Google's table has no such endpoints of the sandbox.
        if flags[1].ends_with("gmail.com") {
            all.retain(|flag| !flag.starts_with("app."));
            let bare: Vec<usize> = (1..all.len()).filter(|n| all[n - 1] == "--set" && all[*n] == "--set").collect();
            for n in bare.into_iter().rev() {
                all.remove(n);
            }
            let last = all.iter().rposition(|flag| flag == "--set").unwrap();
            if all[last + 1].starts_with("--") {
                all.remove(last);
            }
        }
        let ended = stage.run(&all, "").await;
        assert_eq!(ended.code, 2, "{flags:?}: {}\n{}", ended.out, ended.err);
        assert!(ended.err.contains(text), "{flags:?}: {}", ended.err);
    }
    assert!(!stage.file().exists());
}

#[tokio::test]
async fn a_flag_of_which_nothing_would_come_is_wrong_usage_and_never_dropped() {
    let stage = Stage::new().await;
    let app_only = ["--address", ANN, "--client-id", CLIENT, "--grant", "client-credentials"];
    let person = ["--address", ANN, "--client-id", CLIENT];
    for (flags, more, text) in [
        (&app_only[..], &["--flow", "device"][..], "--flow has no use here: an app that acts by itself signs in"),
        (&person, &["--make-certificate"], "--make-certificate has no use here"),
        (&person, &["--to", ANN, "--no-send"], "cannot be used with"),
        (&person, &["--flow", "device", "--no-sign-in"], "cannot be used with"),
        (&person, &["--print-script", "-", "--password-stdin"], "cannot be used with"),
    ] {
        let ended = stage.run(&stage.flags(&[flags, more].concat()), "").await;
        assert_eq!(ended.code, 2, "{more:?}: {}\n{}", ended.out, ended.err);
        assert!(ended.err.contains(text), "{more:?}: {}", ended.err);
    }
    assert!(!stage.file().exists());
}

#[tokio::test]
async fn a_secret_may_come_by_a_pipe_which_is_read_once() {
    let stage = Stage::new().await;
    let pipe = stage.dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.clone();
    let writer = std::thread::spawn(move || std::fs::write(path, "from-a-store\n").unwrap());
    let flags = ["--address", ANN, "--client-id", CLIENT, "--grant", "client-credentials", "--no-sign-in", "--yes"];
    let more = ["--client-secret-file", pipe.to_str().unwrap()];
    let ended = stage.run(&stage.flags(&[&flags[..], &more].concat()), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    writer.join().unwrap();
    let kept = std::fs::read_to_string(stage.dir.path().join("contoso.secret")).unwrap();
    assert_eq!(kept, "from-a-store\n");
}

#[tokio::test]
async fn an_account_that_is_to_act_by_itself_is_told_every_line_that_has_to_change() {
    let stage = Stage::new().await;
    let flags = ["--address", ANN, "--client-id", CLIENT, "--first-use", "--no-sign-in", "--yes"];
    let first = stage.run(&stage.flags(&flags), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let secret = format!("client-secret-file = \"{}\"", stage.dir.path().join("contoso.secret").display());
    for (lang, or) in [("en", "or certificate and certificate-key"), ("ja", "または certificate と certificate-key")]
    {
        let flags = ["--address", ANN, "--grant", "client-credentials", "--lang", lang];
        let told = stage.run(&stage.flags(&flags), "").await;
        assert!(told.code != 0 && told.err.contains("grant = \"client-credentials\""), "{}", told.err);
        for line in [secret.as_str(), or, "password = \"$argon2id$...\""] {
            assert!(told.err.contains(line), "{line}: {}", told.err);
        }
    }
}

#[tokio::test]
async fn it_speaks_japanese_where_asked() {
    let stage = Stage::new().await;
    let ended = stage.run(&stage.flags(&["--address", ANN, "--lang", "ja"]), "").await;
    assert_eq!(ended.code, 2);
    assert!(
        ended.err.contains("--client-id を付けるか") && ended.out.contains("「アプリの登録」"),
        "{}\n{}",
        ended.out,
        ended.err
    );
    let script = stage.flags(&["--address", ANN, "--lang", "ja", "--print-script", "-"]);
    let ended = stage.run(&script, "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(ended.out.contains("# Gatepost を Entra ID に登録し"), "{}", ended.out);
    assert!(ended.out.contains("# この1人だけについての同意。"), "{}", ended.out);
    assert!(!ended.out.contains("Safe to run again"), "{}", ended.out);
}

#[tokio::test]
async fn whoever_sets_it_up_in_japanese_is_told_in_japanese_later() {
    for (lang, more, told) in
        [("en", &[][..], None), ("ja", &[], Some("ja")), ("ja", &["--set", "notify.lang=en"], Some("en"))]
    {
        let stage = Stage::new().await;
        let flags = ["--address", ANN, "--client-id", CLIENT, "--no-sign-in", "--yes", "--lang", lang];
        let ended = stage.run(&stage.flags(&[&flags[..], more].concat()), "").await;
        assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
        let written: toml::Table = stage.text().parse().unwrap();
        let lang = written.get("notify").map(|notify| notify["lang"].as_str().unwrap().to_owned());
        assert_eq!(lang.as_deref(), told, "{}", stage.text());
        stage.check();
        // What is there stays.
        let other = ["--address", ANN, "--shared", "info@contoso.example", "--no-sign-in", "--yes", "--lang", "ja"];
        let ended = stage.run(&stage.flags(&other), "").await;
        assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
        let written: toml::Table = stage.text().parse().unwrap();
        assert_eq!(written.get("notify").map(|notify| notify["lang"].as_str().unwrap()), told, "{}", stage.text());
    }
}

#[tokio::test]
async fn a_script_goes_into_a_new_file_and_never_over_another() {
    let stage = Stage::new().await;
    let file = stage.dir.path().join("register.ps1");
    let flags = stage.flags(&["--address", ANN, "--print-script", file.to_str().unwrap()]);
    for _ in 0..2 {
        let ended = stage.run(&flags, "").await;
        assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    }
    assert!(std::fs::read_to_string(&file).unwrap().contains("Connect-MgGraph -TenantId 'c0ffee00"));
    std::fs::write(&file, "mine").unwrap();
    let ended = stage.run(&flags, "").await;
    assert_eq!((ended.code, std::fs::read_to_string(&file).unwrap().as_str()), (1, "mine"), "{}", ended.err);
}
