//! The provider's pages for a browser that asks for Japanese first.

use super::*;
use crate::sandbox::*;

struct Browser {
    http: reqwest::Client,
    issuer: String,
}

impl Browser {
    async fn open(&self, path: &str, form: Option<&str>) -> String {
        let url = format!("{}{path}", self.issuer);
        let request = match form {
            Some(form) => self.http.post(url).body(form.to_owned()),
            None => self.http.get(url),
        };
        let answer = request.header("accept-language", "ja,en-US;q=0.7").send().await.expect("an answer");
        answer.text().await.expect("a page")
    }
}

/// The hidden field that leads from page to page.
fn flow(page: &str) -> &str {
    let (_, rest) = page.split_once("name=flow value=\"").unwrap_or_else(|| panic!("no flow in {page}"));
    rest.split('"').next().unwrap_or_default()
}

/// What stands between tags, but for names, codes and what Entra says.
fn english(page: &str) -> Vec<&str> {
    let texts = page.split('<').filter_map(|part| part.split_once('>'));
    let own =
        texts.filter(|(tag, _)| !["code", "strong", "style", "option"].iter().any(|other| tag.starts_with(other)));
    let own = own.map(|(_, text)| text).filter(|text| !text.starts_with("AADSTS"));
    own.filter(|text| text.is_ascii() && text.contains(|c: char| c.is_ascii_alphabetic())).collect()
}

#[tokio::test]
async fn every_page_of_a_sign_in_is_in_the_language_of_the_browser() {
    let sandbox = sandbox().await;
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("a client");
    let browser = Browser { http, issuer: sandbox.issuer() };
    let mut pages = Vec::new();
    let code = format!("client_id={PUBLIC_CLIENT}&scope=https%3A%2F%2Foutlook.office.com%2FSMTP.Send%20offline_access");
    for answer in ["accept", "decline"] {
        let started = browser.open(&format!("/{DOMAIN}/oauth2/v2.0/devicecode"), Some(&code)).await;
        let started: serde_json::Value = serde_json::from_str(&started).expect("JSON");
        let user_code = started["user_code"].as_str().expect("a code");
        pages.push(browser.open("/devicelogin", Some("code=nothing")).await);
        pages.push(browser.open("/devicelogin", None).await);
        let first = browser.open("/devicelogin", Some(&format!("code={user_code}"))).await;
        let flow = flow(&first).to_owned();
        let with = |rest: &str| format!("flow={flow}&{rest}");
        pages.push(browser.open("/sign-in", Some(&with(&format!("username={ANN}&password=wrong")))).await);
        pages.push(browser.open("/sign-in", Some(&with(&format!("username={ANN}&password={PASSWORD}")))).await);
        pages.push(browser.open("/consent", Some(&with(&format!("answer={answer}")))).await);
        pages.push(browser.open("/consent", Some(&with("answer=accept"))).await);
        pages.push(first);
    }
    let consent = format!("/{DOMAIN}/adminconsent?client_id={PUBLIC_CLIENT}");
    pages.push(browser.open(&consent, None).await);
    pages.push(browser.open(&consent, Some(&format!("client_id={PUBLIC_CLIENT}"))).await);
    pages.push(browser.open(&format!("/{DOMAIN}/adminconsent?client_id=x"), None).await);
    pages.push(browser.open("/", None).await);
    for page in pages {
        assert_eq!(english(&page), Vec::<&str>::new(), "{page}");
        assert!(page.contains("<html lang=ja>"), "{page}");
    }
}
