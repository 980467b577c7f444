//! What the console's pages say of a fault, in Japanese as in English: the rest of the words is held beside them.

use reqwest::{Url, header};

use gatepost::{base::Protocol, sandbox::PRESETS};

use crate::{
    browser::{Browser, between, unescaped},
    pages::{ACCOUNT, nobody_signed_in},
    world::{FOR_GOOD, Plan, World},
};

/// Without the marks that keep the words of a command whole.
fn joined(page: &str) -> String {
    page.replace("<span>", "").replace("</span>", "")
}

#[tokio::test]
async fn a_fault_has_its_cause_next_step_owner_and_stage_in_the_language_of_the_page() {
    let off = PRESETS.iter().find(|preset| preset.name == "smtp-auth-disabled-tenant").unwrap();
    let world = World::with(Plan::faulty(off.apply)).await;
    let mut browser = Browser::inside(&world).await;
    let _waiting = world.greeted(Protocol::Imap).await;
    let said = world.ann_hears(Protocol::Smtp, FOR_GOOD).await;
    assert!(said.is_ascii(), "the wire is English: {said}");

    let commands = ["<pre>Set-CASMailbox -Identity ann@contoso.example -SmtpClientAuthenticationDisabled $false</pre>"];
    let english =
        ["Stage: signing on", "switched off for the whole tenant", "for this mailbox alone", ">tenant admin</td>"];
    let japanese = [
        "段階：メールサーバーで認証中",
        "テナント全体で SMTP AUTH（認証付き SMTP）が無効になっています。",
        "このメールボックスだけを有効にすれば十分です",
        ">テナントの管理者</td>",
    ];
    let asked = browser.with_cookies(browser.client.get(browser.base.clone())).header(header::ACCEPT_LANGUAGE, "ja");
    let asked = asked.send().await.unwrap().text().await.unwrap();
    let chosen = browser.get("/?lang=ja").await;
    browser.keep_cookies(&chosen);
    let chosen = [chosen.text().await.unwrap(), browser.page("/").await];
    let in_english = browser.page("/?lang=en").await;
    for (page, words, others, stage) in [
        (&in_english, &english, &japanese, "greeting: 1"),
        (&asked, &japanese, &english, "ログイン前: 1"),
        (&chosen[0], &japanese, &english, "ログイン前: 1"),
        (&chosen[1], &japanese, &english, "ログイン前: 1"),
    ] {
        let row = joined(between(page, "<code>smtp-auth-disabled-tenant</code>", "</tr>"));
        assert!(words.iter().chain(&commands).all(|word| row.contains(word)), "{row}");
        assert!(!others.iter().any(|word| row.contains(word)), "{row}");
        assert!(page.contains(&format!("<span class=\"chip\">{stage}</span>")), "{page}");
    }
}

#[tokio::test]
async fn an_accounts_page_says_in_its_language_why_a_sign_in_is_needed_and_how_one_failed() {
    let world = World::with(nobody_signed_in()).await;
    let mut browser = Browser::inside(&world).await;
    browser.keep_cookies(&browser.get("/?lang=ja").await);
    let page = joined(&browser.until(ACCOUNT, "sign-in-missing").await);
    for words in [
        "<dd>このアカウントはまだ一度もサインインしていないか、ログアウトされています。 <code>sign-in-missing</code>",
        "<p><small>クライアントへの応答：&#34;This account is not signed in&#34;</small></p></dd>",
        "<dd><pre>gatepost login ann@contoso.example</pre><p>で一度サインインしてください。</p></dd>",
        "<dt>対応する側</dt><dd>ユーザー</dd>",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/sign-in"), &[("flow", "browser")]).await;
    let provider = unescaped(between(&browser.page(ACCOUNT).await, "class=\"button\" href=\"", "\""));
    let state = Url::parse(&provider).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let declined = format!("http://localhost/?error=access_denied&error_description=AADSTS65004:+no&state={state}");
    browser.submit(ACCOUNT, &format!("{ACCOUNT}/paste"), &[("answer", &declined)]).await;
    let page = joined(&browser.until(ACCOUNT, "サインインできませんでした").await);
    assert!(page.contains("<dd>同意の画面でキャンセルされました。 <code>consent-declined</code>"), "{page}");
    assert!(
        page.contains(
            "<dd><p>再度サインインして同意してください：</p><pre>gatepost login ann@contoso.example</pre></dd>"
        ),
        "{page}"
    );
    let refused = browser.post("/accounts/x/sign-in", &[("form", "of another visit")]).await.text().await.unwrap();
    assert!(refused.contains("このアドレスには何もありません。"), "{refused}");
    let stranger = Browser::new(&world).client.post(browser.base.join("/leave").unwrap());
    let shut = stranger.header(header::ACCEPT_LANGUAGE, "ja").send().await.unwrap().text().await.unwrap();
    assert_eq!(shut, "先にコンソールを開いてください。\n");
}
