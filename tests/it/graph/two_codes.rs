//! A device sign-in begun in the console, for an account that sends through Graph: a code for each.

use gatepost::base::Protocol;

use crate::{
    browser::{Browser, between},
    pages::{ACCOUNT, nobody_signed_in},
    world::{ANN, BOB, HEAD, World},
};

async fn world() -> World {
    let mut plan = nobody_signed_in();
    plan.sandbox.auto_approve = false;
    (plan.app, plan.account) = ("graph-url = \"{graph}\"".into(), "outbound = \"graph\"".into());
    World::with(plan).await
}

/// Begins, approves the first code as ann, and gives the second one back.
async fn second_code(world: &World, browser: &Browser) -> String {
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "device")]).await;
    let code = between(&browser.page(ACCOUNT).await, "<p class=\"code\">", "<").to_owned();
    world.sandbox.approve_device(&code, ANN);
    let page = browser.until(ACCOUNT, "One more code, since messages leave through Microsoft Graph").await;
    let second = between(&page, "<p class=\"code\">", "<").to_owned();
    assert_ne!(second, code);
    second
}

async fn signs_on_for_mail(world: &World) {
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {ANN} \"{}\"", crate::world::PASSWORD), "a OK ").await;
}

#[tokio::test]
async fn a_sign_in_in_the_console_asks_for_both_and_messages_go_through_graph() {
    let world = world().await;
    let browser = Browser::inside(&world).await;
    let second = second_code(&world, &browser).await;
    world.sandbox.approve_device(&second, ANN);
    let page = browser.until(ACCOUNT, "✓ Signed in").await;
    assert!(!page.contains("is not used") && !page.contains("was not granted"), "{page}");
    let mut smtp = world.smtp_as_ann().await;
    smtp.open_message().await;
    smtp.send(format!("{HEAD}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 2.0.0 Accepted by Microsoft Graph").await;
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).total, 0);
    signs_on_for_mail(&world).await;
}

#[tokio::test]
async fn what_somebody_else_approves_or_nobody_does_is_not_used_and_mail_stays_signed_in() {
    let world = world().await;
    let browser = Browser::inside(&world).await;
    let second = second_code(&world, &browser).await;
    signs_on_for_mail(&world).await;
    world.sandbox.approve_device(&second, BOB);
    let page = browser.until(ACCOUNT, "✓ Signed in").await;
    assert!(page.contains(&format!("approved by {BOB}, the first by {ANN}")), "{page}");
    assert!(page.contains(&format!("<strong>{ANN}</strong>")), "{page}");
    signs_on_for_mail(&world).await;

    browser.submit(ACCOUNT, &format!("{ACCOUNT}/cancel"), &[]).await;
    let second = second_code(&world, &browser).await;
    world.sandbox.decline_device(&second);
    let page = browser.until(ACCOUNT, "✓ Signed in").await;
    assert!(page.contains("Microsoft Graph was not granted") && page.contains("sign-in for mail is kept"), "{page}");
    signs_on_for_mail(&world).await;
}
