//! What a person sees during a sign-in: an address, a code, a picture of it, and how far it is. With `--json`
//! the same as one JSON object a line.

use std::{
    io::{self, BufRead, IsTerminal, Read},
    time::Duration,
};

use qrcode::{QrCode, render::unicode::Dense1x2};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

use super::{
    login_words::Said,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::base::{Lang, Secret};

/// An address with a code in it is no longer than this.
const MOST_BYTES: u64 = 16 * 1024;

#[derive(Clone, Copy)]
pub(super) struct SignInUi {
    json: bool,
    qr: bool,
    pub lang: Lang,
}

impl SignInUi {
    /// `qr`: also where the output is no terminal.
    pub fn new(json: bool, qr: bool, lang: Lang) -> Self {
        Self { json, qr: !json && (qr || io::stdout().is_terminal()), lang }
    }

    pub fn browser(&self, url: &Url, opened: bool, may_paste: bool) -> Outcome {
        if self.json {
            return self.event(json!({ "event": "open", "flow": "browser", "url": url.as_str() }));
        }
        let mut text = Said::Open { url, is_opened: opened }.text(self.lang);
        if may_paste {
            text.push_str(&Said::PasteElsewhere.text(self.lang));
        }
        print(&text)
    }

    pub fn paste(&self, url: &Url) -> Outcome {
        if self.json {
            return self.event(json!({ "event": "open", "flow": "paste", "url": url.as_str() }));
        }
        print(&Said::Paste { url }.text(self.lang))
    }

    pub fn device(&self, url: &Url, complete: Option<&Url>, code: &str, life: Duration) -> Outcome {
        if self.json {
            let seconds = life.as_secs();
            return self.event(json!({
                "event": "open", "flow": "device", "url": url.as_str(), "code": code, "expires-in": seconds
            }));
        }
        let mut text = Said::Code { url, code }.text(self.lang);
        if self.qr
            && let Some(picture) = picture(complete.unwrap_or(url))
        {
            text.push_str(&picture);
            text.push('\n');
        }
        print(&text)
    }

    pub fn step(&self, said: &Said<'_>) {
        if !self.json {
            terminal::note(&said.text(self.lang));
        }
    }

    pub fn done(&self, text: &str, event: Value) -> Outcome {
        if self.json { self.event(event) } else { print(text) }
    }

    fn event(&self, event: Value) -> Outcome {
        print(&format!("{event}\n"))
    }
}

/// Lines of stdin as they come. The thread that reads them ends with the process: stdin cannot be interrupted.
pub(super) fn pasted_lines() -> mpsc::Receiver<Secret> {
    let (lines, received) = mpsc::channel(1);
    std::thread::spawn(move || {
        loop {
            let mut line = String::new();
            match io::stdin().lock().take(MOST_BYTES).read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.trim().is_empty() => {}
                Ok(_) if lines.blocking_send(Secret::new(line)).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    received
}

/// Half blocks, two rows a line, light on dark as terminals are, with the quiet zone that scanners need.
fn picture(url: &Url) -> Option<String> {
    let code = QrCode::new(url.as_str()).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build())
}

fn print(text: &str) -> Outcome {
    terminal::print(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}
