//! A preset as a sheet: what to type into which field of the device, and what to know about it.

use super::{Beside, DEVICES, Device, Door, Entry, Place, Retries, Wish, Words};
use crate::base::{Lang, invocation};

/// A place in a sentence for what only the reader knows.
const HOST: Words = Words { en: "the machine that runs Gatepost", ja: "Gatepost を動かしているマシン" };
const HERE: Words = Words { en: "127.0.0.1", ja: "127.0.0.1" };
const TYPE: Words = Words { en: "what to type into it", ja: "入力する内容" };
const SEEN: Words =
    Words { en: "named so: {}; others differ", ja: "名称は {} のものです。ほかでは異なります" };
const UNSEEN: Words = Words {
    en: "the usual names; they may differ on yours",
    ja: "一般的な名称です。製品により異なります",
};
const PASSWORD: Words =
    Words { en: "the password that is shown here once", ja: "ここに一度だけ表示するパスワード" };
const MORE: Words = Words {
    en: "More, and what to do when it fails: docs/devices/{}.md",
    ja: "詳細と、失敗したときの次の手順: docs/ja/devices/{}.md",
};
const RESTART: Words = Words {
    en: "Once the block is in the configuration: `gatepost config check`, then `{}` (a new listener opens only then).",
    ja: "ブロックを設定に追加したら: `gatepost config check`、続いて `{}`（新しいリスナーは再起動したときに開きます）",
};
const RELOAD: Words = Words {
    en: "Once the block is in the configuration: `gatepost config check`, then `{}`.",
    ja: "ブロックを設定に追加したら: `gatepost config check`、続いて `{}`",
};
const TRY_HERE: Words =
    Words { en: "Try it first, on this machine:", ja: "まずこのマシンで確認できます:" };
const TRY_THERE: Words = Words {
    en: "Try it, from an address of the rule:",
    ja: "許可したアドレスのマシンから確認できます:",
};

const OLD_TLS: Words = Words {
    en: "A model that knows TLS 1.2 may use it: change tls to \"auto\". TLS 1.0 and 1.1 are not spoken here.",
    ja: "TLS 1.2 に対応した機種では tls を \"auto\" にできます。TLS 1.0 と 1.1 には対応していません。",
};
const OLD_TLS_WITH_LOGIN: Words = Words {
    en: "A model that knows only TLS 1.0 or 1.1 fails as long as its TLS is on. Switch it off and admit it by its \
         address instead: --from, without --login.",
    ja: "TLS 1.0 や 1.1 だけの機種では TLS を有効にすると失敗します。無効にし、--login の代わりに --from \
         （アドレスによる許可）を使ってください。",
};

const UNNAMED: Words = Words {
    en: "Without a login it takes a sign-in that is needed (550 at MAIL) for the fault of its message and returns that: \
         \"Without a login\" in the guide says how it keeps it.",
    ja: "ログインなしでは、サインインが必要なときの応答（MAIL への 550）をメッセージの誤りとみなし、差出人に返します。\
         次の手順はガイドの「ログインなし」にあります。",
};

/// The sheet for a person who stands before the device. It holds no password.
pub fn sheet(device: &Device, wish: &Wish, lang: Lang) -> String {
    let logs_in = wish.login.is_some();
    let door = device.door(logs_in);
    let named = match device.seen {
        Some(models) => SEEN.get(lang).replace("{}", models),
        None => UNSEEN.get(lang).to_owned(),
    };
    let mut out = format!("{}: {}\n{}\n({named})\n\n", device.title.get(lang), TYPE.get(lang), device.menu);
    let fields = device.fields.iter().filter_map(|(name, entry)| Some((*name, entry.shown(device, wish, door, lang)?)));
    let fields: Vec<(&str, String)> = fields.collect();
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in fields {
        let gap = " ".repeat(width - name.chars().count().min(width));
        out.push_str(&format!("  {name}{gap}  {value}\n"));
    }
    let by_login = match (device.place, device.retries, logs_in) {
        (Place::OldTls, _, false) => Some(OLD_TLS),
        (Place::OldTls, _, true) => Some(OLD_TLS_WITH_LOGIN),
        (_, Retries::Itself, false) => Some(UNNAMED),
        _ => None,
    };
    out.push('\n');
    for note in by_login.iter().chain(device.notes) {
        out.push_str(&format!("- {}\n", note.get(lang)));
    }
    out.push_str(&format!("\n{}\n", in_place(door, wish.beside, lang)));
    out.push_str(&format!("{}\n{}", MORE.get(lang).replace("{}", device.guide), trial(device, wish, lang)));
    out
}

/// What makes the daemon know it.
fn in_place(door: Door, beside: Beside, lang: Lang) -> String {
    let has_it = door.is_default || beside == Beside::ThisListener;
    let (words, command) = match has_it {
        true => (RELOAD, invocation::reload()),
        false => (RESTART, invocation::restart()),
    };
    invocation::as_called(&words.get(lang).replace("{}", &command))
}

/// The command that sends as the device would. Where an address is part of the rule, it must come from there.
fn trial(device: &Device, wish: &Wish, lang: Lang) -> String {
    let door = device.door(wish.login.is_some());
    let (words, server) = match device.place {
        Place::ThisMachine => (TRY_HERE, "127.0.0.1"),
        _ if wish.from.is_empty() => (TRY_HERE, "127.0.0.1"),
        _ => (TRY_THERE, "HOST"),
    };
    let tls = if door.tls == "off" { "" } else { " --tls starttls" };
    let login = wish.login.map_or_else(|| "--no-auth".to_owned(), |(login, _)| format!("--user {login}"));
    let (words, port, account) = (words.get(lang), door.port, wish.account);
    format!("{words}\n  gatepost send --server {server}:{port}{tls} --from {account} --to YOU {login}\n")
}

impl Entry {
    /// `None`: the field stays empty, since it is about a login and there is none.
    fn shown(self, device: &Device, wish: &Wish, door: Door, lang: Lang) -> Option<String> {
        let logs_in = wish.login.is_some();
        let text = match self {
            Entry::Server if device.place == Place::ThisMachine => HERE.get(lang),
            Entry::Server => HOST.get(lang),
            Entry::Port => return Some(door.port.to_string()),
            Entry::Encryption(on, off) => {
                if door.tls == "off" {
                    off
                } else {
                    on
                }
            }
            Entry::Authentication(on, off) => {
                if logs_in {
                    on
                } else {
                    off
                }
            }
            Entry::User => return wish.login.map(|(login, _)| login.to_owned()),
            Entry::Password => return logs_in.then(|| PASSWORD.get(lang).to_owned()),
            Entry::Sender => wish.account,
            Entry::Fixed(text) => text,
        };
        Some(text.to_owned())
    }
}

/// Every preset on a line.
pub fn list(lang: Lang) -> String {
    let width = DEVICES.iter().map(|device| device.name.len()).max().unwrap_or(0);
    DEVICES.iter().map(|device| format!("{:<width$}  {}\n", device.name, device.title.get(lang))).collect()
}
