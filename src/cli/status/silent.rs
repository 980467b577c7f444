//! Why nobody says what a running daemon alone knows: none runs, it has no console, or nothing answers where the
//! configuration has that. What it runs on is not guessed at.

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};

use super::told::{SAID, put};
use crate::{
    base::{
        Lang,
        invocation::{self, Daemon},
    },
    cli::{console_api, outcome::Failure, state::block_on},
    config::Config,
    console::{client::Unanswered, said_of_asleep},
    doctor::greeting,
    store,
};

pub enum Silent {
    /// None runs.
    Down,
    /// It runs, and cannot be asked: so it was configured. `greets`: a listener of it does.
    NoConsole { process: Option<u32>, greets: bool },
    /// It runs, and reads this file. A console that was moved there since it started takes a restart.
    NotThere { process: Option<u32>, at: SocketAddr, restart: String },
    /// It runs, and takes connections without a word.
    Hangs { process: Option<u32> },
    /// It runs and answers, and what it was asked waits for its store.
    Waits { process: Option<u32> },
    /// The one that runs on its store reads another file.
    Elsewhere,
    /// None runs on its store, and at its console's address answers another one: perhaps the daemon of this file, which was
    /// started on the store that stood here before.
    Stranger { at: SocketAddr },
    /// It runs, has the store that stood in this file when it loaded it, and was not told that another one stands there now.
    OnAnotherStore { process: Option<u32> },
    /// It answered, and tells the user of the store alone, which is not this one.
    OfAnotherUser,
    /// It answered and would not tell, or nothing at all can be told.
    Unknown,
}

impl Silent {
    /// `is_vacant`: as it was before somebody was asked, with this for an answer.
    pub fn of(config: &Config, file: &Path, is_vacant: bool, cause: &Unanswered) -> Self {
        if matches!(cause, Unanswered::OfAnotherUser(_)) {
            return Self::OfAnotherUser;
        }
        if is_vacant {
            if let Some(holder) = store::holder_before(&config.store, file) {
                return Self::OnAnotherStore { process: holder.process };
            }
            if let Some(mark) = cause.is_of_the_store_before(file) {
                return Self::OnAnotherStore { process: Some(mark.process) };
            }
            let stranger = config.console.reached_at().filter(|_| cause.is_stranger());
            return stranger.map_or(Self::Down, |at| Self::Stranger { at });
        }
        let Some(holder) = store::holder(&config.store) else { return Self::Unknown };
        if holder.reads_other_than(file).is_some() {
            return Self::Elsewhere;
        }
        let process = holder.process;
        match config.console.reached_at() {
            None => match greeted(config) {
                Some(Err(Unanswered::Silent(_))) if holder.is_within_reach => Self::Hangs { process },
                greeted => Self::NoConsole { process, greets: matches!(greeted, Some(Ok(()))) },
            },
            Some(_) if matches!(cause, Unanswered::Silent(_)) => Self::Hangs { process },
            Some(_) if matches!(cause, Unanswered::Waits(_)) => Self::Waits { process },
            Some(at) if !cause.is_stranger() && console_api::is_alive(config, false).is_err() => {
                let restart = holder.daemon().map_or_else(invocation::restart, Daemon::restart);
                Self::NotThere { process, at, restart }
            }
            Some(_) => Self::Unknown,
        }
    }

    /// What a running daemon alone knows is not told as if there were none of it, and whether one runs, and why it was not
    /// asked, stands where it is read. What waits meanwhile goes with the start of one where none runs on this store.
    pub fn put(&self, status: &mut Value, lang: Lang) {
        let is_down = matches!(self, Self::Down | Self::Stranger { .. });
        let waiting =
            status.pointer("/queue/waiting").and_then(Value::as_u64).filter(|waiting| *waiting > 0 && is_down);
        if let (Some(waiting), Some(queue)) = (waiting, status.get_mut("queue")) {
            put(queue, SAID, Some(said_of_asleep(waiting, lang)));
        }
        let Some(sections) = status.as_object_mut() else { return };
        for of_sessions in ["listeners", "sessions", "faults"] {
            sections.remove(of_sessions);
        }
        sections.insert("running".to_owned(), json!(self.running(lang)));
    }

    /// Whether it runs.
    fn running(&self, lang: Lang) -> String {
        match (self, lang) {
            (Self::Down, Lang::En) => format!("no; to start it: {}", invocation::start()),
            (Self::Down, Lang::Ja) => format!("いいえ。起動するコマンド: {}", invocation::start()),
            (Self::Stranger { at }, Lang::En) => format!("none on this store; another program answers at {at}"),
            (Self::Stranger { at }, Lang::Ja) => {
                format!("このストアで動作中のデーモンはありません。{at} では別のプログラムが応答しています")
            }
            (Self::OnAnotherStore { process }, Lang::En) => {
                format!("yes{}; on the store that the file named before", numbered(*process, lang))
            }
            (Self::OnAnotherStore { process }, Lang::Ja) => {
                format!("はい{}。設定ファイルが以前に指していたストアを使用中です", numbered(*process, lang))
            }
            (Self::Elsewhere, Lang::En) => "no; no daemon reads this file".to_owned(),
            (Self::Elsewhere, Lang::Ja) => "いいえ。このファイルを読むデーモンはありません".to_owned(),
            (Self::NoConsole { process, greets }, Lang::En) => format!(
                "yes{}; its console is off ([console] listen = \"off\"), so that it cannot be asked{}: what follows comes \
                 from configuration and store",
                numbered(*process, lang),
                if *greets { " (a listener greets)" } else { ", nor whether it answers" }
            ),
            (Self::NoConsole { process, greets }, Lang::Ja) => format!(
                "はい{}。{}コンソールが無効なため（[console] listen = \"off\"）問い合わせできません。以下は設定とストアの内容です",
                numbered(*process, lang),
                if *greets {
                    "リスナーは応答しています。"
                } else {
                    "応答するかどうかも分かりません。"
                }
            ),
            (Self::NotThere { process, at, .. }, Lang::En) => {
                format!("yes{}; its console is not at {at}", numbered(*process, lang))
            }
            (Self::NotThere { process, at, .. }, Lang::Ja) => {
                format!("はい{}。コンソールは {at} にありません", numbered(*process, lang))
            }
            (Self::Hangs { process }, Lang::En) => format!("yes{}; it answers nobody", numbered(*process, lang)),
            (Self::Hangs { process }, Lang::Ja) => format!("はい{}。応答がありません", numbered(*process, lang)),
            (Self::Waits { process }, Lang::En) => format!("yes{}; it waits for its store", numbered(*process, lang)),
            (Self::Waits { process }, Lang::Ja) => {
                format!("はい{}。ストアの応答を待っています", numbered(*process, lang))
            }
            (Self::OfAnotherUser, Lang::En) => "it answers the user of its store alone".to_owned(),
            (Self::OfAnotherUser, Lang::Ja) => "ストアの所有者にだけ応答します".to_owned(),
            (Self::Unknown, Lang::En) => "it did not answer".to_owned(),
            (Self::Unknown, Lang::Ja) => "応答がありません".to_owned(),
        }
    }

    /// Where it runs and its console is not where `file` has it.
    pub fn not_there(&self, file: &Path, lang: Lang) -> Option<Failure> {
        let Self::NotThere { process, at, restart } = self else { return None };
        let (process, file) = (numbered(*process, lang), file.display());
        let (text, hint) = match lang {
            Lang::En => (
                format!("the daemon runs{process}, and has no console at {at}, where {file} has it"),
                format!(
                    "a console that was changed takes a restart: `{restart}`; where it was not changed, its log tells \
                     more; what is shown above comes from configuration and store"
                ),
            ),
            Lang::Ja => (
                format!("デーモンは動作中です{process}が、{file} に書かれた {at} にコンソールがありません"),
                format!(
                    "コンソールを変更した場合は再起動してください: `{restart}`。変更していない場合は、ログを確認してください。上の表示は設定とストアの内容です"
                ),
            ),
        };
        Some(Failure::new(text, hint).said_in(lang))
    }
}

/// By a listener that speaks first, where there is one to ask.
fn greeted(config: &Config) -> Option<Result<(), Unanswered>> {
    let (_, at) = greeting::place(&config.listeners)?;
    block_on(async { Ok(greeting::heard(at).await) }).ok()
}

pub(super) fn numbered(process: Option<u32>, lang: Lang) -> String {
    match (process, lang) {
        (Some(process), Lang::En) => format!(" (process {process})"),
        (Some(process), Lang::Ja) => format!("（プロセス {process}）"),
        (None, _) => String::new(),
    }
}
