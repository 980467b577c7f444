//! What becomes of a telling that goes wrong, and of what comes behind it.

use super::*;
use crate::daemon::notify::channels::Channel;

#[tokio::test]
async fn a_telling_that_stumbles_was_not_heard_and_one_that_is_dropped_ends() {
    assert!(super::super::heard(async { true }).await);
    assert!(!super::super::heard(async { panic!("oh") }).await);
    let (alive, mut gone) = tokio::sync::oneshot::channel::<()>();
    let endless = super::super::heard(async move {
        let _alive = alive;
        std::future::pending().await
    });
    assert!(tokio::time::timeout(Duration::from_millis(5), endless).await.is_err());
    assert!((&mut gone).await.is_err(), "it holds nothing any more");
}

/// It answers by what it is sent: whatever is about `fabrikam` it cannot digest.
#[tokio::test]
async fn what_the_webhook_cannot_digest_holds_up_nothing_else() {
    let hook = Hook::refusing("fabrikam").await;
    let dir = tempfile::tempdir().unwrap();
    let house = House::start(dir.path(), &hook.notify(), vec![secret("fabrikam", 6)], 0).await;
    hook.until(1).await;
    house.calendar.take_over(vec![secret("fabrikam", 6), secret("contoso", 6)]);
    house.ahead(0);
    house.until_told(1).await;
    let (told, _) = house.store.told().await.unwrap().remove(0);
    assert_eq!(told, "client-secret contoso");
}

#[test]
fn a_channel_that_is_full_takes_no_room_of_another() {
    let notify = Notify {
        command: vec![Secret::new("true")],
        webhook: Some(Secret::new("http://127.0.0.1:1/")),
        ..Notify::default()
    };
    let channels = Channels::new(&notify, &http());
    let mut stuck = Vec::new();
    for _ in 0..1000 {
        // The program is done at once, and the webhook is not.
        stuck.extend(channels.with_room().into_iter().filter(|(by, _)| *by == Channel::Webhook));
    }
    let left: Vec<_> = channels.with_room().into_iter().map(|(by, _)| by).collect();
    assert_eq!(left, [Channel::Command]);
    stuck.pop();
    assert_eq!(channels.with_room().len(), 2);
}

#[tokio::test]
async fn what_the_log_alone_was_told_is_news_for_a_way_that_comes_later() {
    for is_restarted in [false, true] {
        let (hook, dir) = (Hook::start(&[]).await, tempfile::tempdir().unwrap());
        let watched = vec![secret("contoso", 6)];
        let nobody = Notify::default();
        let mut house = House::start(dir.path(), &nobody, watched.clone(), 0).await;
        house.until_told(2).await;
        if is_restarted {
            house.stopped().await;
            house = House::start(dir.path(), &hook.notify(), watched.clone(), 0).await;
        } else {
            house._orders.send_replace(orders(&hook.notify()));
        }
        hook.until(1).await;
        house.until_told(1).await;
        // Who heard it once does not hear it again, whatever the configuration becomes.
        let other = Hook::start(&[]).await;
        house._orders.send_replace(orders(&other.notify()));
        house.ahead(6 * DAY);
        other.until(1).await;
        assert_eq!(days(&other), [("contoso".to_owned(), -1)]);
        assert_eq!(hook.got().len(), 1);
    }
}
