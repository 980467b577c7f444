//! What a restart leaves, or left, in another store than that of the daemon, and what lies in the folder of its own queue without
//! a row, as status and overview tell it: that mail is delivered by nobody.

use serde::Serialize;
use tokio::time::timeout;

use super::{Console, Moved, STORE_WITHIN, account_page::ToldFault, status::Explained};
use crate::{
    base::Lang,
    catalog::{Known, own::MAIL_LEFT_BEHIND},
    queue::Figures,
    spool::LeftBodies,
    store::LeftBehind,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeftBehindStatus {
    pub id: &'static str,
    pub text: &'static str,
    /// Of the database.
    pub store: String,
    pub messages: u64,
    pub sign_ins: u64,
    #[serde(flatten)]
    pub explained: Explained,
}

impl LeftBehindStatus {
    pub fn of(left: &LeftBehind) -> Self {
        let LeftBehind { database, messages, sign_ins } = left;
        let (id, text) = (MAIL_LEFT_BEHIND.id, MAIL_LEFT_BEHIND.short());
        let explained = Explained::from(MAIL_LEFT_BEHIND.told(Lang::En, &known(left)));
        Self { id, text, store: database.display().to_string(), messages: *messages, sign_ins: *sign_ins, explained }
    }
}

/// The same of bodies in the folder of the queue.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LeftBodiesStatus {
    pub id: &'static str,
    pub text: &'static str,
    pub folder: String,
    pub messages: u64,
    #[serde(flatten)]
    pub explained: Explained,
}

impl LeftBodiesStatus {
    pub fn of(left: &LeftBodies) -> Self {
        let (id, text, folder) = (MAIL_LEFT_BEHIND.id, MAIL_LEFT_BEHIND.short(), left.folder.display().to_string());
        let explained = Explained::from(MAIL_LEFT_BEHIND.told(Lang::En, &known_of_bodies(&folder)));
        Self { id, text, folder, messages: left.messages, explained }
    }
}

pub fn known_of_bodies(folder: &str) -> Known {
    Known { left_folder: Some(folder.to_owned()), ..Known::default() }
}

pub fn known(left: &LeftBehind) -> Known {
    Known { left_store: Some(left.database.display().to_string()), ..Known::default() }
}

impl Console {
    /// In a store before this one, or in this one, where the configuration names another by now.
    pub(super) async fn left_behind(&self) -> Option<LeftBehind> {
        let Some(moved) = self.loaded.moved() else { return self.store.left_behind().await };
        let asked = timeout(STORE_WITHIN, self.store.sign_ins()).await;
        let sign_ins = asked.map_or(0, |all| all.map_or(0, |all| all.len() as u64));
        let Figures { waiting, held, .. } = self.queue.figures();
        let left = LeftBehind { database: self.store.path().to_owned(), messages: (waiting + held) as u64, sign_ins };
        // On the way back the sign-ins that count are those of there.
        left.is_missed(moved == Moved::Back).then_some(left)
    }
}

pub(super) fn told(left: &LeftBehind, lang: Lang) -> ToldFault {
    let LeftBehind { database, messages, sign_ins } = left;
    let said = said(&database.display().to_string(), *messages, *sign_ins, lang);
    ToldFault::new(MAIL_LEFT_BEHIND, &said, lang, &known(left))
}

pub(super) fn told_of_bodies(left: &LeftBodies, lang: Lang) -> ToldFault {
    let folder = left.folder.display().to_string();
    ToldFault::new(MAIL_LEFT_BEHIND, &said_of_bodies(&folder, left.messages, lang), lang, &known_of_bodies(&folder))
}

/// Where they are, and how many.
pub fn said_of_bodies(folder: &str, messages: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("folder {folder}: messages without a row {messages}"),
        Lang::Ja => format!("フォルダー {folder}：記録のないメッセージ{messages}通"),
    }
}

/// Where that is, and how much.
pub fn said(store: &str, messages: u64, sign_ins: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("store {store}: messages {messages}, sign-ins {sign_ins}"),
        Lang::Ja => format!("ストア {store}：メッセージ{messages}通、サインイン{sign_ins}件"),
    }
}
