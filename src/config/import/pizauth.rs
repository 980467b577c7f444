//! pizauth: `pizauth.conf`, with `//` comments, `key = value;` and `account "name" { ... }`.
//!
//! Its tokens live in its memory (what `pizauth dump` prints is a memory image of one version of it), so each account
//! signs in once. It knows no mail servers and no passwords either: mail programs fetch tokens from it.

use std::collections::BTreeMap;

use super::{
    Unreadable,
    endpoints::{Endpoints, matched},
    found::{Found, FoundAccount, FoundApp, FoundProof, Held},
    places::{mailbox, redirect_uri},
    upstreams::upstreams,
};
use crate::{
    base::{Secret, printable},
    config::raw,
};

pub const PROGRAM: &str = "pizauth";

pub fn read(text: &str, file: &str) -> Result<Found, Unreadable> {
    let mut parser = Parser { tokens: tokens(text, file)?.into_iter().peekable(), file };
    let mut found = Found::new(PROGRAM, file);
    let mut accounts = Vec::new();
    let mut port = None;
    while let Some(Token { line, kind }) = parser.tokens.next() {
        let Kind::Word(word) = kind else { return Err(parser.expected(line, "an option or `account`")) };
        if word == "account" {
            accounts.push(parser.account(line)?);
            continue;
        }
        let value = parser.option(line)?;
        if word == "http_listen" {
            port = value
                .text()
                .and_then(|listen| listen.rsplit_once(':')?.1.parse::<u16>().ok())
                .filter(|port| *port != 0);
        }
        of_top(&word, line, &mut found);
    }
    for account in accounts {
        let place = format!("account {:?}", account.name);
        let line = account.line;
        match account.read(port, &mut found) {
            Ok(account) => add(account, line, &mut found),
            Err(why) => found.report.left_out(line, place, why),
        }
    }
    found.next.push("pizauth's tokens stay in its memory: `gatepost login ADDRESS` for each account".to_owned());
    found.next.push(
        "mail programs: server 127.0.0.1, a password instead of `pizauth show` (ports: `gatepost status`)".to_owned(),
    );
    Ok(found)
}

/// Several accounts of pizauth are often one mailbox, a token for each protocol.
fn add(account: FoundAccount, line: usize, found: &mut Found) {
    let same = |other: &&mut FoundAccount| {
        other.address == account.address
            && other.app.client_id == account.app.client_id
            && other.app.token_url == account.app.token_url
    };
    match found.accounts.iter_mut().find(same) {
        Some(other) => {
            let (kept, more) = (&mut other.app.scopes, account.app.scopes);
            if let (Some(kept), Some(more)) = (kept, more) {
                let new: Vec<String> = more.into_iter().filter(|scope| !kept.contains(scope)).collect();
                kept.extend(new);
            }
            let text = format!("is the mailbox of {} too: one account here, with the scopes of both", other.origin);
            found.report.check(line, account.origin, text);
        }
        None => found.accounts.push(account),
    }
}

fn of_top(key: &str, line: usize, found: &mut Found) {
    let report = &mut found.report;
    match key {
        "auth_notify_cmd" | "error_notify_cmd" | "auth_error_cmd" => {
            let text = "there it gets variables, here `[notify] command` gets JSON on its stdin: write it anew";
            report.left_out(line, key, text);
        }
        "http_listen"
        | "auth_notify_interval"
        | "renotify"
        | "startup_cmd"
        | "token_event_cmd"
        | "transient_error_if_cmd"
        | "not_transient_error_if"
        | "refresh_at_least"
        | "refresh_before_expiry"
        | "refresh_retry"
        | "refresh_retry_interval" => report.no_equivalent(line, key, policy(key)),
        "https_listen" => report.no_equivalent(line, key, "a browser comes back over http on loopback, or is pasted"),
        _ => report.left_out(line, key, "this key is not known"),
    }
}

fn policy(key: &str) -> &'static str {
    match key {
        "http_listen" => "the browser's way back is open only while a sign-in waits; its port is in redirect-uri",
        "startup_cmd" => "systemd is told by itself (Type=notify)",
        "token_event_cmd" => "tokens are kept, sealed, over a restart",
        "transient_error_if_cmd" | "not_transient_error_if" => "a failure never costs a sign-in here",
        "auth_notify_interval" | "renotify" => "the console, `gatepost status` and /metrics say who has to sign in",
        _ => "tokens are refreshed well ahead of their end by themselves",
    }
}

struct Account {
    name: String,
    line: usize,
    options: Vec<(String, usize, Given)>,
}

impl Account {
    fn text(&self, key: &str) -> Option<&str> {
        let (.., value) = self.options.iter().find(|(name, ..)| name == key)?;
        value.text().filter(|text| !text.is_empty())
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let fields = self.options.iter().find(|(name, ..)| name == "auth_uri_fields");
        match fields {
            Some((.., Given::Pairs(pairs))) => pairs.clone(),
            _ => Vec::new(),
        }
    }

    fn read(&self, port: Option<u16>, found: &mut Found) -> Result<FoundAccount, String> {
        let place = format!("account {:?}", self.name);
        for (key, line, _) in &self.options {
            self.told(key, *line, &place, found);
        }
        let pairs = self.pairs();
        let hint = pairs.iter().find(|(name, _)| name == "login_hint").map(|(_, value)| value.as_str());
        let hint = hint.or_else(|| self.text("login_hint"));
        let known = hint
            .and_then(mailbox)
            .or_else(|| mailbox(&self.name))
            .ok_or("no mail address is in it: write one as login_hint in auth_uri_fields, and import again")?;
        let token = self.text("token_uri").ok_or("it has no token_uri")?;
        let scopes = match self.options.iter().find(|(name, ..)| name == "scopes") {
            Some((.., Given::List(scopes))) => scopes.clone(),
            _ => Vec::new(),
        };
        let endpoints = Endpoints {
            authorize: self.text("auth_uri"),
            device: None,
            token,
            scopes: &scopes,
            resource: None,
            grant: raw::Grant::AuthorizationCode,
        };
        let matched = matched(&endpoints, &known.address, &[]).map_err(|why| why.replace("token_url", "token_uri"))?;
        let [smtp, imap, pop3] = upstreams(&[], matched.provider, token, &known.address, &self.name, self.line, found);
        let secret = self.text("client_secret").map(|secret| FoundProof::Secret(Held::Plain(Secret::new(secret))));
        Ok(FoundAccount {
            origin: place.clone(),
            address: known.address,
            sign_in_as: known.sign_in_as,
            app: FoundApp {
                provider: matched.provider,
                tenant: matched.tenant,
                client_id: Some(self.text("client_id").ok_or("it has no client_id")?.to_owned()),
                proof: secret.unwrap_or(FoundProof::None),
                grant: raw::Grant::AuthorizationCode,
                redirect_uri: self.redirect(port, &place, found),
                scopes: matched.scopes,
                resource: None,
                authorize_url: matched.authorize_url,
                token_url: matched.token_url,
                device_url: None,
                authorize_extra: extra(pairs),
                smtp,
                imap,
                pop3,
            },
            refresh: None,
            access: None,
            seal: None,
        })
    }

    fn told(&self, key: &str, line: usize, place: &str, found: &mut Found) {
        const USED: &[&str] = &[
            "auth_uri",
            "auth_uri_fields",
            "token_uri",
            "client_id",
            "client_secret",
            "scopes",
            "redirect_uri",
            "login_hint",
        ];
        if !USED.contains(&key) {
            match key {
                "refresh_at_least" | "refresh_before_expiry" | "refresh_retry" | "not_transient_error_if" => {
                    found.report.no_equivalent(line, format!("{place} {key}"), policy(key));
                }
                _ => found.report.left_out(line, format!("{place} {key}"), "this key is not known"),
            }
        }
    }

    /// pizauth puts the port of its listener into the URI.
    fn redirect(&self, port: Option<u16>, place: &str, found: &mut Found) -> Option<String> {
        let written = self.text("redirect_uri").unwrap_or("http://localhost/");
        let mut url = url::Url::parse(written).ok();
        if let (Some(url), Some(port)) = (&mut url, port) {
            let _ = url.set_port(Some(port));
        }
        let shown = url.map_or_else(|| written.to_owned(), |url| url.to_string());
        redirect_uri(&shown, self.line, &format!("{place} redirect_uri"), &mut found.report)
    }
}

/// The hint is sent anyway.
fn extra(pairs: Vec<(String, String)>) -> BTreeMap<String, String> {
    pairs.into_iter().filter(|(name, _)| name != "login_hint").collect()
}

/// What stands behind `=`.
enum Given {
    Text(String),
    List(Vec<String>),
    Pairs(Vec<(String, String)>),
    /// A time, or `none`.
    Word,
}

impl Given {
    fn text(&self) -> Option<&str> {
        match self {
            Given::Text(text) => Some(text),
            _ => None,
        }
    }
}

struct Token {
    line: usize,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    /// A key, a number or a time.
    Word(String),
    Text(String),
    Sign(char),
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    file: &'a str,
}

impl Parser<'_> {
    fn account(&mut self, line: usize) -> Result<Account, Unreadable> {
        let (_, name) = self.string(line)?;
        self.sign(line, '{')?;
        let mut options = Vec::new();
        loop {
            match self.tokens.next() {
                Some(Token { kind: Kind::Sign('}'), .. }) => return Ok(Account { name, line, options }),
                Some(Token { line, kind: Kind::Word(key) }) => {
                    let value = self.option(line)?;
                    options.push((key, line, value));
                }
                Some(Token { line, .. }) => return Err(self.expected(line, "an option or `}`")),
                None => return Err(self.expected(line, "a `}` at the end of this account")),
            }
        }
    }

    /// `= value ;`
    fn option(&mut self, line: usize) -> Result<Given, Unreadable> {
        self.sign(line, '=')?;
        let value = match self.tokens.next() {
            Some(Token { kind: Kind::Text(text), .. }) => Given::Text(text),
            Some(Token { kind: Kind::Word(_), .. }) => Given::Word,
            Some(Token { line, kind: Kind::Sign('[') }) => Given::List(self.list(line)?),
            Some(Token { line, kind: Kind::Sign('{') }) => Given::Pairs(self.pairs(line)?),
            _ => return Err(self.expected(line, "a value")),
        };
        self.sign(line, ';')?;
        Ok(value)
    }

    /// Behind `[`, up to its end; a comma behind the last one does no harm.
    fn list(&mut self, mut line: usize) -> Result<Vec<String>, Unreadable> {
        let mut all = Vec::new();
        loop {
            if self.ends(']') {
                return Ok(all);
            }
            let (at, text) = self.string(line)?;
            line = at;
            all.push(text);
            if self.ends(']') {
                return Ok(all);
            }
            self.sign(line, ',')?;
        }
    }

    fn pairs(&mut self, mut line: usize) -> Result<Vec<(String, String)>, Unreadable> {
        let mut all = Vec::new();
        loop {
            if self.ends('}') {
                return Ok(all);
            }
            let (_, name) = self.string(line)?;
            self.sign(line, ':')?;
            let (at, value) = self.string(line)?;
            line = at;
            all.push((name, value));
            if self.ends('}') {
                return Ok(all);
            }
            self.sign(line, ',')?;
        }
    }

    fn ends(&mut self, sign: char) -> bool {
        self.tokens.next_if(|token| token.kind == Kind::Sign(sign)).is_some()
    }

    fn string(&mut self, line: usize) -> Result<(usize, String), Unreadable> {
        match self.tokens.next() {
            Some(Token { line, kind: Kind::Text(text) }) => Ok((line, text)),
            other => Err(self.expected(other.map_or(line, |token| token.line), "a \"string\"")),
        }
    }

    fn sign(&mut self, line: usize, sign: char) -> Result<(), Unreadable> {
        match self.tokens.next() {
            Some(Token { kind: Kind::Sign(found), .. }) if found == sign => Ok(()),
            other => Err(self.expected(other.map_or(line, |token| token.line), &format!("`{sign}`"))),
        }
    }

    fn expected(&self, line: usize, what: &str) -> Unreadable {
        Unreadable::new(self.file, line, format!("expected {what}"))
    }
}

fn tokens(text: &str, file: &str) -> Result<Vec<Token>, Unreadable> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    let mut line = 1;
    while let Some((at, c)) = rest.next() {
        let kind = match c {
            '\n' => {
                line += 1;
                continue;
            }
            c if c.is_whitespace() => continue,
            '/' if text.get(at..).is_some_and(|rest| rest.starts_with("//")) => {
                while rest.next_if(|(_, c)| *c != '\n').is_some() {}
                continue;
            }
            '=' | ',' | '{' | '}' | '[' | ']' | ';' | ':' => Kind::Sign(c),
            '"' => {
                let began = line;
                let string = string(&mut rest, &mut line);
                Kind::Text(string.ok_or_else(|| Unreadable::new(file, began, "a string that does not end"))?)
            }
            c if is_word(c) => {
                let mut word = c.to_string();
                while let Some((_, c)) = rest.next_if(|(_, c)| is_word(*c)) {
                    word.push(c);
                }
                Kind::Word(word)
            }
            c => {
                return Err(Unreadable::new(
                    file,
                    line,
                    format!("{} has no meaning here", printable(&c.to_string(), 8)),
                ));
            }
        };
        tokens.push(Token { line, kind });
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Behind the opening quote; only a quote and a backslash can be escaped.
fn string(rest: &mut std::iter::Peekable<std::str::CharIndices>, line: &mut usize) -> Option<String> {
    let mut text = String::new();
    loop {
        match rest.next()?.1 {
            '"' => return Some(text),
            '\\' => text.push(rest.next_if(|(_, c)| matches!(c, '"' | '\\'))?.1),
            c => {
                *line += usize::from(c == '\n');
                text.push(c);
            }
        }
    }
}
