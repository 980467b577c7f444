//! A browser for the console's pages: a jar of cookies, forms as they are sent, and the way in.

use std::{net::SocketAddr, path::Path};

use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header, redirect::Policy};

use crate::world::World;

/// A browser with a jar for one host; it follows nothing by itself.
pub struct Browser {
    pub client: Client,
    pub base: Url,
    cookies: String,
}

impl Browser {
    pub fn new(world: &World) -> Self {
        Self::at(world.daemon.console_at().unwrap())
    }

    fn at(console: SocketAddr) -> Self {
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let base = Url::parse(&format!("http://{console}")).unwrap();
        Self { client, base, cookies: String::new() }
    }

    /// One whom the link of `gatepost console` let in.
    pub async fn inside(world: &World) -> Self {
        Self::inside_of(world.daemon.console_at().unwrap(), world.dir.path()).await
    }

    /// The same of a daemon whose state is in this folder.
    pub async fn inside_of(console: SocketAddr, state: &Path) -> Self {
        let mut browser = Self::at(console);
        let ticket = ticket_in(state, &browser, "/api/ticket").await;
        let answer = browser.get(&ticket).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        browser.keep_cookies(&answer);
        browser
    }

    pub fn keep_cookies(&mut self, answer: &Response) {
        for set in answer.headers().get_all(header::SET_COOKIE) {
            let cookie = set.to_str().unwrap().split(';').next().unwrap();
            let (name, _) = cookie.split_once('=').unwrap();
            let others: Vec<_> = self
                .cookies
                .split("; ")
                .filter(|one| !one.is_empty() && !one.starts_with(&format!("{name}=")))
                .collect();
            self.cookies = [&others[..], &[cookie]].concat().join("; ");
        }
    }

    pub fn with_cookies(&self, request: RequestBuilder) -> RequestBuilder {
        if self.cookies.is_empty() { request } else { request.header(header::COOKIE, &self.cookies) }
    }

    pub async fn get(&self, path: &str) -> Response {
        self.with_cookies(self.client.get(self.base.join(path).unwrap())).send().await.unwrap()
    }

    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.client.post(self.base.join(path).unwrap());
        self.with_cookies(form(request, fields)).send().await.unwrap()
    }

    /// Fills in a form of the page at `at`, with the word that the page holds.
    pub async fn submit(&self, at: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let page = self.page(at).await;
        let word = between(&page, "name=\"form\" value=\"", "\"").to_owned();
        self.post(path, &[&[("form", word.as_str())], fields].concat()).await
    }

    /// The page once it says so.
    pub async fn until(&self, path: &str, words: &str) -> String {
        for _ in 0..2000 {
            let page = self.page(path).await;
            if page.contains(words) {
                return page;
            }
            tokio::task::yield_now().await;
        }
        panic!("{path} never says {words:?}: {}", self.page(path).await);
    }
}

/// As a browser sends a form (`application/x-www-form-urlencoded`).
pub fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

pub fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&")
}

pub async fn ticket(world: &World, browser: &Browser) -> String {
    ticket_for(world, browser, "/api/ticket").await
}

pub async fn ticket_for(world: &World, browser: &Browser, at: &str) -> String {
    ticket_in(world.dir.path(), browser, at).await
}

async fn ticket_in(state: &Path, browser: &Browser, at: &str) -> String {
    let token = std::fs::read_to_string(state.join("gatepost.db.token")).unwrap();
    let request = browser.client.post(browser.base.join(at).unwrap()).bearer_auth(token);
    let answer: serde_json::Value = request.send().await.unwrap().json().await.unwrap();
    answer["path"].as_str().unwrap().to_owned()
}
