//! Run again with a client secret that took the place of one that ended.

use std::os::unix::fs::PermissionsExt;

use gatepost::sandbox::{CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, Options, Registration};

use super::{Ended, Running, Stage};
use crate::world::{ANN, BOB};

const RENEWED: &str = "renewed-5f2e~secret";
const WRONG: &str = "wrong-77aa~secret";

/// A stage, and the flags of its first run but for the secret.
struct Renewing {
    stage: Stage,
    flags: Vec<String>,
}

impl Renewing {
    async fn with(flags: &[&str]) -> Self {
        let stage = Stage::with(Options { auto_approve: true, ..Options::default() }).await;
        let flags = [flags, &["--client-id", CONFIDENTIAL_CLIENT, "--yes"]].concat();
        Self { flags: stage.flags(&flags), stage }
    }

    fn flags_with(&self, secret: &str) -> Vec<String> {
        let given = self.stage.dir.path().join("given");
        std::fs::write(&given, format!("{secret}\n")).unwrap();
        let mut flags = self.flags.clone();
        flags.extend(["--client-secret-file".into(), given.to_str().unwrap().into()]);
        flags
    }

    async fn run_with(&self, secret: &str) -> Ended {
        let ended = self.stage.run(&self.flags_with(secret), "").await;
        for text in [&self.stage.text(), &ended.out, &ended.err] {
            assert!(!text.contains(secret), "{text}");
        }
        ended
    }

    fn kept(&self) -> String {
        std::fs::read_to_string(self.stage.dir.path().join("contoso.secret")).unwrap().trim().to_owned()
    }

    /// What the administrator does.
    fn renews(&self) {
        self.stage.sandbox.register(Registration::confidential(CONFIDENTIAL_CLIENT, RENEWED));
    }
}

#[tokio::test]
async fn a_renewed_secret_takes_the_place_of_the_old_one_once_the_provider_took_it() {
    let house = Renewing::with(&["--address", BOB, "--grant", "client-credentials"]).await;
    let first = house.run_with(CONFIDENTIAL_SECRET).await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let text = house.stage.text();
    let copied = |ended: &Ended| {
        let given = house.stage.dir.path().join("given").display().to_string();
        ended.err.contains(&format!("The secret was copied from {given}, which nobody needs any more: rm {given}\n"))
    };
    assert!(copied(&first), "{}", first.err);
    house.renews();

    let refused = house.run_with(WRONG).await;
    assert_eq!(refused.code, 1, "{}\n{}", refused.out, refused.err);
    assert!(!copied(&refused), "{}", refused.err);
    assert!(
        refused.err.contains("[client-secret-wrong]") && refused.err.contains("Nothing was written"),
        "{}",
        refused.err
    );
    assert_eq!((house.kept().as_str(), house.stage.text()), (CONFIDENTIAL_SECRET, text.clone()));
    // What is wrong is the file that was just given, and this command takes the next one.
    let given = house.stage.dir.path().join("given").display().to_string();
    for part in [format!("(such as {given})"), format!("setup --address {BOB} --client-secret-file {given}")] {
        assert!(refused.err.contains(&part), "{part}: {}", refused.err);
    }
    assert!(!refused.err.contains("contoso.secret"), "{}", refused.err);

    let renewed = house.run_with(RENEWED).await;
    assert_eq!(renewed.code, 0, "{}\n{}", renewed.out, renewed.err);
    let kept = house.stage.dir.path().join("contoso.secret");
    let told = format!("The new secret of [app.contoso] is in {}.", kept.display());
    assert!(renewed.err.contains(&told) && renewed.err.contains("secret-expires = <YYYY-MM-DD>"), "{}", renewed.err);
    assert_eq!((house.kept().as_str(), house.stage.text()), (RENEWED, text));
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.stage.sandbox.submissions().len(), 2);

    let again = house.run_with(RENEWED).await;
    assert!(again.code == 0 && !again.err.contains("The new secret"), "{}\n{}", again.out, again.err);
    assert!(copied(&renewed) && !copied(&again), "{}{}", renewed.err, again.err);
    let same = format!("The secret in {given} is no new one: it is the same as in {}", kept.display());
    assert!(again.err.contains(&same) && !renewed.err.contains("is no new one"), "{}", again.err);
}

#[tokio::test]
async fn a_renewed_secret_beside_the_sign_in_of_a_person_is_proved_by_a_fresh_token_and_asks_for_no_other_sign_in() {
    let house = Renewing::with(&["--address", ANN, "--no-send"]).await;
    let mut first = Running::start(&house.flags_with(CONFIDENTIAL_SECRET), &house.stage.file(), "").await;
    let page = first.line_with("/oauth2/v2.0/authorize?").await;
    assert!(reqwest::get(page.trim()).await.unwrap().status().is_success());
    let first = first.ended().await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    house.renews();

    // The stored token is good still, and shows nothing.
    let refused = house.run_with(WRONG).await;
    assert_eq!(refused.code, 1, "{}\n{}", refused.out, refused.err);
    assert!(refused.out.contains("[client-secret-wrong]"), "{}\n{}", refused.out, refused.err);

    let renewed = house.run_with(RENEWED).await;
    assert_eq!(renewed.code, 0, "{}\n{}", renewed.out, renewed.err);
    assert!(renewed.err.contains("is signed in already"), "{}", renewed.err);
    assert_eq!(house.kept(), RENEWED);
}

#[tokio::test]
async fn the_day_that_is_written_of_the_old_secret_is_named_as_such_and_a_secret_that_stands_elsewhere_is_told_with_its_line()
 {
    let house =
        Renewing::with(&["--address", BOB, "--grant", "client-credentials", "--no-sign-in", "--lang", "ja"]).await;
    let first = house.run_with(CONFIDENTIAL_SECRET).await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let dated = house.stage.text().replace("[app.contoso]\n", "[app.contoso]\nsecret-expires = 2026-11-01\n");
    std::fs::write(house.stage.file(), &dated).unwrap();
    let renewed = house.run_with(RENEWED).await;
    assert_eq!(renewed.code, 0, "{}\n{}", renewed.out, renewed.err);
    assert!(renewed.err.contains("secret-expires = 2026-11-01 は古いシークレットのもの"), "{}", renewed.err);

    let kept = house.stage.dir.path().join("contoso.secret").display().to_string();
    let inline = dated.replace(&format!("client-secret-file = \"{kept}\""), &format!("client-secret = \"{RENEWED}\""));
    std::fs::write(house.stage.file(), &inline).unwrap();
    let told = house.stage.run(&house.flags_with(WRONG), "").await;
    assert_eq!(told.code, 1, "{}\n{}", told.out, told.err);
    assert!(
        told.err.contains("\n  [app.contoso]\n  # client-secret と置き換え\n  client-secret-file = "),
        "one beside the other would be refused: {}",
        told.err
    );
    assert_eq!((house.kept().as_str(), house.stage.text()), (RENEWED, inline));
}

#[tokio::test]
async fn a_secret_that_ended_is_told_with_the_flag_that_takes_a_new_one() {
    let house = Renewing::with(&["--address", BOB, "--grant", "client-credentials"]).await;
    let first = house.run_with(CONFIDENTIAL_SECRET).await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    house.stage.sandbox.faults().set(|faults| faults.apply("secret-expired"));
    let refused = house.stage.run(&house.flags, "").await;
    let flag = format!("setup --address {BOB} --client-secret-file new.secret --yes\n");
    assert!(refused.code == 1 && refused.err.contains(&flag), "{}\n{}", refused.out, refused.err);
    assert!(refused.err.contains("[client-secret-expired]"), "{}", refused.err);
}

/// Who turns to an app that acts by itself writes the path before there is a secret.
#[tokio::test]
async fn a_file_for_a_secret_that_is_not_there_yet_is_told_with_where_it_comes_from_and_made_from_the_one_that_is_given()
 {
    let house = Renewing::with(&["--address", ANN, "--no-sign-in"]).await;
    let first = house.stage.run(&house.flags, "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let kept = house.stage.dir.path().join("contoso.secret");
    let line = format!("client-secret-file = \"{}\"", kept.display());
    let given = house.flags_with(CONFIDENTIAL_SECRET);
    let app_only = |flags: &[String]| [flags, &["--grant".into(), "client-credentials".into()]].concat();
    for (lang, wait, at) in [
        ("en", "need not be there yet", "into the file of `client-secret-file`"),
        ("ja", "まだなくてもかまいません", "値は `client-secret-file` のファイルに"),
    ] {
        let told = house.stage.run(&[app_only(&house.flags), vec!["--lang".into(), lang.into()]].concat(), "").await;
        assert_eq!(told.code, 1, "{}\n{}", told.out, told.err);
        let command = format!("setup --address {ANN} --client-secret-file new.secret --yes\n");
        for part in [&line, wait, at, &command, CONFIDENTIAL_CLIENT] {
            assert!(told.err.contains(part), "{part}: {}", told.err);
        }
    }
    let as_told = format!("[app.contoso]\ngrant = \"client-credentials\"\n{line}\n");
    std::fs::write(house.stage.file(), house.stage.text().replace("[app.contoso]\n", &as_told)).unwrap();
    let (code, out, errors) = crate::process::run(&["config", "check"], &house.stage.file());
    let command = format!("setup --address {ANN} --client-secret-file new.secret --yes` puts it there");
    assert!(code == 78 && errors.contains(&command), "{out}{errors}");

    let made = house.stage.run(&app_only(&given), "").await;
    assert_eq!(made.code, 0, "{}\n{}", made.out, made.err);
    assert!(made.err.contains("was put into") && !made.err.contains("is no new one"), "{}", made.err);
    assert_eq!(house.kept(), CONFIDENTIAL_SECRET);
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    // Nobody signs in, and the configuration had it all: each step is told, and none of a login.
    for step in ["[1/6]", "[2/6]", "[3/6]"] {
        assert!(made.err.contains(step), "{step}: {}", made.err);
    }
    assert!(!made.out.contains(" login ") && made.out.contains(" run\n"), "{}", made.out);
}

/// As docs/systemd.md has it: the service alone is lent the secret, at its start.
#[tokio::test]
async fn a_secret_that_systemd_lends_is_never_written_by_a_setup_which_says_where_it_comes_from() {
    let house = Renewing::with(&["--address", BOB, "--grant", "client-credentials"]).await;
    let first = house.run_with(CONFIDENTIAL_SECRET).await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    house.renews();
    let folder = house.stage.dir.path();
    let kept = folder.join("contoso.secret").display().to_string();
    let lent = house.stage.text().replace(&kept, "$CREDENTIALS_DIRECTORY/contoso.secret");
    std::fs::write(house.stage.file(), &lent).unwrap();
    for (lang, alone) in [("en", "to the service alone"), ("ja", "サービスだけに渡します")] {
        let flags = [house.flags_with(RENEWED), vec!["--lang".into(), lang.into()]].concat();
        let told = house.stage.run(&flags, "").await;
        assert_eq!(told.code, 78, "{}\n{}", told.out, told.err);
        for part in [alone, "LoadCredential=contoso.secret:<file>", "sudo systemctl restart gatepost"] {
            assert!(told.err.contains(part), "{part}: {}", told.err);
        }
        assert!(!folder.join("$CREDENTIALS_DIRECTORY").exists() && !told.err.contains("was put into"), "{}", told.err);
    }

    // As the service itself, which may read it and no more.
    let mut command = crate::process::command(&[], &house.stage.file());
    command.args(house.flags_with(RENEWED)).env("CREDENTIALS_DIRECTORY", folder);
    let told = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let err = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1), "{err}");
    for part in ["[app.contoso]", "LoadCredential=contoso.secret:<file>", "nothing was written", "restart gatepost"] {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert_eq!((house.kept().as_str(), house.stage.text()), (CONFIDENTIAL_SECRET, lent));
}
