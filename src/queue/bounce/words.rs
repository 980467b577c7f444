//! What people read of a notice. It may reach somebody who does not read the language of the house (a customer whose
//! mail a device forwards), so behind Japanese the same stands in English. Pure.

use std::fmt::Write as _;

use super::{
    advice,
    facts::{Facts, Onward, date},
};
use crate::base::Lang;

/// What stands between the two languages.
const IN_ENGLISH: &str = "\r\n----------\r\n[English]\r\n\r\n";

/// The subject of a notice, without header encoding.
pub(super) fn subject(facts: &Facts<'_>) -> String {
    let about = match (facts.lang, facts.failed) {
        (Lang::En, [only]) => format!("Not delivered to {}", only.rcpt.address),
        (Lang::En, several) => format!("Not delivered to {} recipients", several.len()),
        (Lang::Ja, [only]) => format!("{} に配信できませんでした / Not delivered", only.rcpt.address),
        (Lang::Ja, several) => format!("{} 件の宛先に配信できませんでした / Not delivered", several.len()),
    };
    facts.subject().map_or(about.clone(), |subject| format!("{about}: {subject}"))
}

pub(super) fn notice(facts: &Facts<'_>) -> String {
    in_languages(facts.lang, |lang| of_the_failed(facts, lang)) + &signature(facts.lang, facts.host, facts.mailbox)
}

fn of_the_failed(facts: &Facts<'_>, lang: Lang) -> String {
    let (opening, closing, about) = match (lang, facts.failed.len()) {
        (Lang::En, 1) => ("Your message could not be delivered to this recipient:", CLOSING.0, LABELS.0),
        (Lang::En, _) => ("Your message could not be delivered to these recipients:", CLOSING.0, LABELS.0),
        (Lang::Ja, _) => ("次の宛先に、メッセージを配信できませんでした。", CLOSING.1, LABELS.1),
    };
    let [answer, meaning, next, subject, accepted, id] = about;
    let mut out = format!("{opening}\r\n");
    for one in facts.failed {
        let (cause, step) = advice::advice(&one.reply, one.entry, lang);
        let (address, reply) = (&one.rcpt.address, &one.reply);
        let _ = write!(out, "\r\n<{address}>\r\n  {answer}{reply}\r\n  {meaning}{cause}\r\n  {next}{step}\r\n");
    }
    let _ = write!(out, "\r\n{closing}\r\n\r\n");
    if let Some(written) = facts.subject() {
        let _ = write!(out, "  {subject}{written}\r\n");
    }
    let at = date(facts.message.accepted_at);
    let _ = write!(out, "  {accepted}{at}\r\n  {id}{}\r\n", facts.message.id);
    out
}

/// In English and in Japanese.
const CLOSING: (&str, &str) = (
    "Nothing more is tried for them. The message was:",
    "これ以上の再試行は行いません。配信できなかったメッセージは次のとおりです。",
);
const LABELS: ([&str; 6], [&str; 6]) = (
    ["Answer:  ", "Meaning: ", "To do:   ", "Subject:  ", "Accepted: ", "Queue id: "],
    ["応答：", "意味：", "次の手順：", "件名：", "受け付け：", "キュー ID："],
);

/// Of the notice that holds the notice, for the postmaster.
pub(super) fn subject_onward(lang: Lang, sender: &str) -> String {
    match lang {
        Lang::En => format!("Not delivered: a notice for {sender}"),
        Lang::Ja => format!("{sender} 宛ての通知を配信できませんでした / Not delivered: a notice"),
    }
}

pub(super) fn onward(onward: &Onward<'_>) -> String {
    let Onward { lang, host, mailbox, sender, reply, .. } = onward;
    let one = |lang| match lang {
        Lang::En => format!(
            "<{sender}> sent a message that could not be delivered, and the notice about it cannot be\r\n\
             delivered to them either:\r\n\r\n  {reply}\r\n\r\n\
             You get it because Gatepost's configuration names you as the postmaster (queue.postmaster).\r\n\
             The notice follows.\r\n"
        ),
        Lang::Ja => format!(
            "<{sender}> が送信したメッセージを配信できず、その通知も差出人に届けられませんでした。\r\n\r\n  {reply}\r\n\r\n\
             Gatepost の設定（queue.postmaster）に指定されているため、あなたに送信しています。\r\n\
             差出人への通知を添付します。\r\n"
        ),
    };
    in_languages(*lang, one) + &signature(*lang, host, mailbox)
}

fn in_languages(lang: Lang, one: impl Fn(Lang) -> String) -> String {
    match lang {
        Lang::En => one(Lang::En),
        Lang::Ja => one(Lang::Ja) + IN_ENGLISH + &one(Lang::En),
    }
}

/// At the end alone: what stands behind its first line is folded away by many mail programs.
fn signature(lang: Lang, host: &str, mailbox: &str) -> String {
    let japanese = format!("{host} の Gatepost（メールボックス：{mailbox}）\r\n");
    let before = if lang == Lang::Ja { &*japanese } else { "" };
    format!("\r\n-- \r\n{before}Gatepost on {host}, for the mailbox {mailbox}\r\n")
}
