//! What heads the sections of a status, and the columns of those that are shown as they are: as the JSON has it, or in Japanese.

use crate::base::Lang;

const JAPANESE: &[(&str, &str)] = &[
    ("accounts", "アカウント"),
    ("clock", "このマシンの時計"),
    ("left-behind", "別のストアに残っているもの"),
    ("left-bodies", "キューのフォルダーに残っているもの"),
    ("endings", "期限"),
    ("faults", "問題"),
    ("listeners", "リスナー"),
    ("sessions", "接続中のセッション"),
    ("domains", "ドメイン全体"),
    ("queue", "キュー"),
    ("refused", "拒否されたメッセージ（過去24時間）"),
    ("running", "動作中"),
    ("version", "バージョン"),
    ("configuration", "設定の識別値"),
    ("configuration-file", "設定ファイル"),
    ("store-held-by", "ストアを使用中のデーモン"),
    ("reload", "設定の再読み込み"),
    ("needs-restart", "再起動するまで有効にならない変更"),
    ("refused-reload", "反映されなかった設定"),
    ("store", "ストア"),
    ("at", "時刻"),
    ("address", "アドレス"),
    ("app", "アプリ"),
    ("grant", "グラント"),
    ("users", "ユーザー数"),
    ("mailboxes", "メールボックス数"),
    ("protocol", "プロトコル"),
    ("tls", "TLS"),
    ("account", "アカウント"),
    ("age-seconds", "経過秒数"),
    ("id", "ID"),
    ("peer", "接続元"),
    ("stage", "段階"),
];

pub(super) fn heading(name: &str, lang: Lang) -> &str {
    let known = JAPANESE.iter().find(|(english, _)| lang == Lang::Ja && *english == name);
    known.map_or(name, |(_, japanese)| japanese)
}
