//! `gatepost status`: what the running daemon says at /api/status; without one, what the store knows.

mod asleep;
mod table;
mod told;

use std::path::Path;

use serde_json::Value;

use super::{
    args::StatusArgs,
    config, console_api,
    language::chosen,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{base::Lang, config::Config};

/// What configuration and store know by themselves.
pub fn without_daemon(config: &Config) -> Value {
    asleep::status(config)
}

pub fn run(named: Option<&Path>, args: &StatusArgs) -> Outcome {
    let (config, _) = config::load(named)?;
    let lang = chosen(args.lang);
    let (mut status, asleep) = match console_api::ask(&config, reqwest::Method::GET, "/api/status") {
        Ok(status) => (status, None),
        Err(cause) => (asleep::status(&config), Some(cause)),
    };
    let text = match args.json {
        true => format!("{:#}\n", status),
        false => {
            if lang == Lang::Ja {
                told::in_japanese(&mut status, &config);
            }
            table::draw(&status, lang)
        }
    };
    terminal::print(&text).map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))?;
    match asleep {
        None => Ok(()),
        Some(cause) => Err(unanswered(&cause, lang)),
    }
}

fn unanswered(cause: &str, lang: Lang) -> Failure {
    match lang {
        Lang::En => Failure::new(
            format!("the daemon did not answer: {cause}"),
            "start it with `gatepost run`; what is shown above comes from configuration and store",
        ),
        Lang::Ja => Failure::new(
            format!("デーモンが応答しませんでした：{cause}"),
            "`gatepost run` で起動してください。上に表示した内容は、設定とストアから読み取ったものです",
        )
        .said_in(lang),
    }
}
