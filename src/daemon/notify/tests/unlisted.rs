//! Who is named where no account is listed, what is forgotten, and what a reload makes of a dead webhook.

use super::*;

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
    let channels = Channels::new(&other.notify(), &http());
    house._orders.send_replace(Arc::new(Orders { channels, addresses: HashMap::new(), domains: Vec::new() }));
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
