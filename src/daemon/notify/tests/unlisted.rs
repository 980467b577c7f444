//! Who is named where no account is listed, what is forgotten, and what a reload makes of a dead webhook.

use super::*;
use crate::config::{Config, Surroundings, check_text};

#[test]
fn who_is_not_listed_is_named_by_the_sign_in_and_the_step_is_said_once() {
    let mut stage = Stage { nobody_listed: true, pages: Some("http://127.0.0.1:8425"), ..Stage::new() };
    stage.states = vec![broken("bob", Phase::SignInNeeded, "sign-in-missing")];
    let event = stage.told_at(10).remove(0);
    assert_eq!(event.accounts, ["bob@contoso.com"]);
    assert_eq!(event.console.as_deref(), Some("http://127.0.0.1:8425/accounts/bob%40contoso.com"));
    assert_eq!(event.text.matches("gatepost login").count(), 1, "{}", event.text);
    assert!(!event.text.contains("ADDRESS"), "{}", event.text);
}

#[test]
fn what_is_no_longer_there_is_forgotten() {
    let mut stage = Stage::new();
    stage.states = vec![broken("ann", Phase::SignInNeeded, "sign-in-revoked")];
    stage.endings = vec![(What::ClientSecret, "contoso", DAY)];
    stage.told_at(10);
    assert_eq!(stage.with(20, outdated), Vec::<String>::new());
    stage.states.clear();
    assert_eq!(stage.with(20, outdated), ["sign-in contoso/ann@contoso.com"]);
    stage.endings.clear();
    assert_eq!(stage.with(20, outdated).len(), 2);
}

#[test]
fn a_clock_that_is_put_back_silences_nobody() {
    let mut stage = Stage::new();
    stage.states = vec![broken("ann", Phase::SignInNeeded, "sign-in-revoked")];
    assert_eq!(stage.kinds_at(400 * DAY), [Kind::SignInNeeded]);
    stage.started = DAY;
    assert_eq!(stage.kinds_at(DAY), [Kind::SignInNeeded]);
    assert_eq!(stage.kinds_at(DAY + 60), []);
}

#[tokio::test]
async fn a_reload_ends_the_tries_at_a_dead_webhook_and_tells_by_the_new_one() {
    let (dead, dir) = (Hook::start(&["503 Busy"; 40]).await, tempfile::tempdir().unwrap());
    let house = House::start(dir.path(), &dead.notify(), vec![secret("contoso", 6)], 0).await;
    dead.until(1).await;
    let other = Hook::start(&[]).await;
    house._orders.send_replace(orders(&other.notify()));
    other.until(1).await;
    house.until_told(1).await;
}

#[tokio::test]
async fn a_dead_webhook_holds_up_neither_the_program_nor_what_comes_next_nor_the_memory() {
    let (dead, dir) = (Hook::start(&["503 Busy"; 400]).await, tempfile::tempdir().unwrap());
    let file = dir.path().join("events");
    let script = "cat >> \"$1\"";
    let command = ["/bin/sh", "-c", script, "sh", file.to_str().unwrap()].map(Secret::new).to_vec();
    let notify = Notify { command, ..dead.notify() };
    let house = House::start(dir.path(), &notify, vec![secret("contoso", 6)], 0).await;
    house.until_told(1).await;
    dead.until(1).await;
    house.ahead(6 * DAY);
    let told = || std::fs::read_to_string(&file).unwrap_or_default().lines().count();
    for _ in 0..5000 {
        if told() == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{} were told", told());
}

#[tokio::test]
async fn a_reload_that_changes_no_way_to_people_ends_no_telling() {
    let dir = tempfile::tempdir().unwrap();
    let (begun, file) = (dir.path().join("begun"), dir.path().join("events"));
    // It ends once the file `go` is there; what was killed before wrote no event.
    let script = "echo >> \"$1\"; until [ -e \"$3\" ]; do sleep 0.01; done; cat >> \"$2\"";
    let go = dir.path().join("go");
    let words = ["/bin/sh", "-c", script, "sh", begun.to_str().unwrap(), file.to_str().unwrap(), go.to_str().unwrap()];
    let notify = Notify { command: words.map(Secret::new).to_vec(), ..Notify::default() };
    let house = House::start(dir.path(), &notify, vec![secret("contoso", 6)], 0).await;
    while !begun.exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let config = Config { notify, ..domain_of("grant = \"authorization-code\"\n") };
    let renewed = house._orders.borrow().renewed(&config, &http());
    house._orders.send_replace(renewed);
    house.ahead(60);
    std::fs::write(go, "").unwrap();
    house.until_told(1).await;
    assert_eq!(std::fs::read_to_string(begun).unwrap(), "\n", "it was started once");
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 1);
}

/// A configuration with a whole domain.
fn domain_of(app: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    let hash = crate::account::hash(&Secret::new("x")).unwrap();
    std::fs::write(dir.path().join("users"), format!("bob@contoso.com:{}\n", hash.expose())).unwrap();
    let text = format!(
        "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"x\"\n{app}\
         [[account]]\naddress = \"*@contoso.com\"\napp = \"contoso\"\npasswords-file = \"users\"\n"
    );
    let around = Surroundings::of_this_process(&dir.path().join("gatepost.toml"));
    let checked = check_text(&text, "gatepost.toml", &around);
    checked.unwrap_or_else(|problems| panic!("{problems}")).0
}

/// The store was not looked through yet, or the mailbox is asleep: it has no state.
#[test]
fn what_was_told_of_a_mailbox_of_a_domain_is_kept_while_the_domain_is_configured() {
    let mut stage = Stage::new();
    stage.states = vec![broken("bob", Phase::SignInNeeded, "sign-in-missing")];
    stage.told_at(10);
    stage.states.clear();
    assert_eq!(stage.with(20, outdated), ["sign-in contoso/bob@contoso.com"]);
    stage.domains =
        domain_of("grant = \"authorization-code\"\n").domains.iter().map(|one| one.sign_ins.clone()).collect();
    assert_eq!(stage.with(20, outdated), Vec::<String>::new());
}

#[test]
fn the_end_of_a_secret_names_the_domain_that_lives_on_it() {
    let config = domain_of("grant = \"client-credentials\"\nclient-secret = \"s\"\n");
    let mut stage = Stage::new();
    stage.domains = config.domains.iter().map(|one| one.sign_ins.clone()).collect();
    stage.endings = vec![(What::ClientSecret, "contoso", 6 * DAY)];
    assert_eq!(stage.told_at(10).remove(0).accounts, ["*@contoso.com"]);
}
