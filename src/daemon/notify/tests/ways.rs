//! What becomes of a telling that goes wrong, and of what comes behind it.

use super::*;

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
