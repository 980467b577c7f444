//! Owners, stages and short texts in the words of a language.

use super::{Entry, find};
use crate::base::{Kind, Lang, Owner, Stage, with_id};

/// Whose turn it is, in the words of `lang`.
pub const fn owner(owner: Owner, lang: Lang) -> &'static str {
    match (lang, owner) {
        (Lang::En, Owner::TenantAdmin) => "tenant admin",
        (Lang::En, Owner::NetworkAdmin) => "network admin",
        (Lang::En, Owner::Operator) => "operator of Gatepost",
        (Lang::En, owner) => owner.as_str(),
        (Lang::Ja, Owner::Client) => "クライアント",
        (Lang::Ja, Owner::User) => "ユーザー",
        (Lang::Ja, Owner::TenantAdmin) => "テナントの管理者",
        (Lang::Ja, Owner::NetworkAdmin) => "ネットワークの管理者",
        (Lang::Ja, Owner::Operator) => "Gatepost の管理者",
        (Lang::Ja, Owner::Provider) => "プロバイダー",
        (Lang::Ja, Owner::Gatepost) => "Gatepost",
    }
}

/// What is wrong in general, as docs/when-it-fails.md has it.
pub const fn kind(kind: Kind, lang: Lang) -> &'static str {
    match (lang, kind) {
        (Lang::En, Kind::BadCredentials) => "wrong user name or password here",
        (Lang::En, Kind::SignInNeeded) => "somebody has to sign in",
        (Lang::En, Kind::Unavailable) => "provider down, slow or throttling",
        (Lang::En, Kind::IdentityRefused) => "provider refuses this identity",
        (Lang::En, Kind::Limited) => "the mailbox is at its limits",
        (Lang::En, Kind::TooBusy) => "too busy here",
        (Lang::En, Kind::Bug) => "a fault of Gatepost",
        (Lang::Ja, Kind::BadCredentials) => "Gatepost 用のユーザー名・パスワードの誤り",
        (Lang::Ja, Kind::SignInNeeded) => "サインインが必要",
        (Lang::Ja, Kind::Unavailable) => "プロバイダーの停止、遅延、制限",
        (Lang::Ja, Kind::IdentityRefused) => "プロバイダーがこのアカウントを拒否",
        (Lang::Ja, Kind::Limited) => "メールボックスの上限に到達",
        (Lang::Ja, Kind::TooBusy) => "Gatepost が混雑",
        (Lang::Ja, Kind::Bug) => "Gatepost の不具合",
    }
}

/// Whether it passes by itself, likewise.
pub const fn helps_to_wait(kind: Kind, lang: Lang) -> &'static str {
    match (lang, kind) {
        (Lang::En, Kind::Bug) => "perhaps; please report it",
        (Lang::Ja, Kind::Bug) => "場合による（報告してください）",
        (Lang::En, kind) => {
            if kind.passes_by_itself() {
                "yes"
            } else {
                "no"
            }
        }
        (Lang::Ja, kind) => {
            if kind.passes_by_itself() {
                "はい"
            } else {
                "いいえ"
            }
        }
    }
}

/// What stands ahead of what people are tempted to do.
pub const fn not_to_do(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "What not to do",
        Lang::Ja => "してはならないこと",
    }
}

/// The same in one line.
pub fn said_not_to(avoid: &str, lang: Lang) -> String {
    let not = not_to_do(lang);
    match lang {
        Lang::En => format!("{not}: {avoid}"),
        Lang::Ja => format!("{not}：{avoid}"),
    }
}

/// The short text of this id, beside which the id and the cause stand; `None` where no fault has it. Replies have it, so it is
/// the same in every language, and whoever saw it there finds it here: it is quoted as what was heard, and is no second cause.
pub fn in_short(id: &str, lang: Lang) -> Option<String> {
    let entry = find(id)?;
    Some(quoted(entry, entry.is_heard, lang))
}

/// The same of what stands in nobody's way, of which no client hears.
pub fn in_short_unheard(id: &str, lang: Lang) -> Option<String> {
    Some(quoted(find(id)?, false, lang))
}

fn quoted(entry: &Entry, is_heard: bool, lang: Lang) -> String {
    let short = entry.short();
    match (lang, is_heard) {
        (Lang::En, true) => format!("What a client hears: \"{short}\""),
        (Lang::En, false) => format!("What the log says: \"{short}\""),
        (Lang::Ja, true) => format!("クライアントへの応答：\"{short}\""),
        (Lang::Ja, false) => format!("ログの文言：\"{short}\""),
    }
}

/// The same with the id, where that stands nowhere else.
pub fn in_short_with_id(id: &str, lang: Lang) -> Option<String> {
    Some(with_id(&in_short(id, lang)?, id))
}

/// Short text and id, as the log has them, of what no client hears.
pub fn in_the_log(id: &str, lang: Lang) -> Option<String> {
    Some(with_id(&in_short_unheard(id, lang)?, id))
}

/// As [`Entry::said`], in the words of a language, which what is particular has: where that is not English, it goes first.
pub fn said_in(entry: &Entry, particular: &str, lang: Lang) -> String {
    match (lang, in_short_with_id(entry.id, lang)) {
        (Lang::Ja, Some(short)) => format!("{}。{short}", particular.trim_end_matches('。')),
        _ => entry.said(particular),
    }
}

/// The same of what [`Entry::said`] said; `told` makes words of the language of what is particular. `None`: somebody else did.
pub fn said_again(said: &str, lang: Lang, told: impl Fn(&str) -> String) -> Option<String> {
    let (named, particular) = said.split_once("]: ")?;
    let (short, id) = named.rsplit_once(" [")?;
    let entry = find(id).filter(|entry| entry.short() == short)?;
    Some(said_in(entry, &told(particular), lang))
}

/// The first sentence of the cause in general, without its stop.
pub fn in_brief(entry: &Entry, lang: Lang) -> String {
    let cause = entry.words(lang).cause;
    let end = if lang == Lang::Ja { "。" } else { ". " };
    let first = cause.split(end).next().unwrap_or_default();
    first.trim_end_matches('.').to_owned()
}

/// Where a session is, in the words of `lang`.
pub const fn stage(stage: Stage, lang: Lang) -> &'static str {
    match (lang, stage) {
        (Lang::En, stage) => stage.as_str(),
        (Lang::Ja, Stage::Greeting) => "ログイン前",
        (Lang::Ja, Stage::Authenticating) => "ログイン処理中",
        (Lang::Ja, Stage::FetchingToken) => "トークン取得中",
        (Lang::Ja, Stage::Connecting) => "メールサーバーへ接続中",
        (Lang::Ja, Stage::SigningOn) => "メールサーバーで認証中",
        (Lang::Ja, Stage::Relaying) => "送信を中継中",
        (Lang::Ja, Stage::Splicing) => "メールボックスを利用中",
    }
}

/// Where it is known from: a page or an RFC as it is called, and our own checks in the words of `lang`.
pub fn source(entry: &Entry, lang: Lang) -> &'static str {
    match (lang, entry.source) {
        (Lang::Ja, "Gatepost's own check") => "Gatepost 自身の確認",
        (_, source) => source,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_cause_in_brief_ends_behind_its_brackets() {
        let count = |text: &str, marks: [char; 2]| text.chars().filter(|c| marks.contains(c)).count();
        for entry in crate::catalog::all() {
            for lang in Lang::ALL {
                let brief = in_brief(entry, lang);
                for [open, close] in [['(', ')'], ['（', '）'], ['「', '」']] {
                    assert_eq!(count(&brief, [open; 2]), count(&brief, [close; 2]), "{}: {brief}", entry.id);
                }
            }
        }
    }

    #[test]
    fn what_gatepost_itself_refuses_is_known_from_its_own_check() {
        use crate::catalog::message::{CLIENT_MESSAGE_TOO_LARGE, RECIPIENT_NOT_ALLOWED, SENDER_NOT_ALLOWED};
        for entry in [SENDER_NOT_ALLOWED, RECIPIENT_NOT_ALLOWED, CLIENT_MESSAGE_TOO_LARGE] {
            assert_eq!(source(entry, Lang::En), "Gatepost's own check", "{}", entry.id);
            assert!(source(entry, Lang::Ja).starts_with("Gatepost "), "{}", entry.id);
        }
    }

    #[test]
    fn the_short_text_of_every_fault_is_what_each_of_its_replies_begins_with_and_names_no_way_to_sign_in() {
        for entry in crate::catalog::all() {
            let short = entry.short();
            assert!(short.len() > 20 && short.ends_with(|c: char| c.is_ascii_alphanumeric() || c == ')'), "{short}");
            for how in ["run: gatepost login ann@contoso.com", "open http://127.0.0.1:8425/"] {
                assert!(entry.fault_with(how).text.starts_with(short) && !short.contains(['{', '`', '"']), "{short}");
            }
            for lang in Lang::ALL {
                let said = in_short_with_id(entry.id, lang).unwrap();
                assert!(said.ends_with(&format!("\"{short}\" [{}]", entry.id)), "{said}");
                assert_eq!(said.is_ascii(), lang == Lang::En, "{said}");
            }
        }
        assert_eq!(in_short("of-another-version", Lang::En), None);
    }

    #[test]
    fn what_is_particular_stands_behind_the_short_text_in_english_and_ahead_of_it_where_that_is_a_quotation() {
        let entry = crate::catalog::own::STORE_NOT_OURS;
        let said = entry.said("it is a folder");
        assert_eq!(said, "What [store] url names is no store of Gatepost [store-not-ours]: it is a folder");
        let told = said_again(&said, Lang::Ja, |particular| particular.replace("it is a folder", "フォルダーです"));
        let japanese =
            "フォルダーです。ログの文言：\"What [store] url names is no store of Gatepost\" [store-not-ours]";
        assert_eq!(told.as_deref(), Some(japanese));
        assert_eq!(said_again("of others [store-not-ours]: it is a folder", Lang::Ja, str::to_owned), None);
    }

    #[test]
    fn each_owner_and_stage_has_a_name_of_its_own_in_both_languages() {
        let owners = Owner::ALL.map(|one| (one.as_str(), owner(one, Lang::En), owner(one, Lang::Ja)));
        let stages = Stage::ALL.map(|one| (one.as_str(), stage(one, Lang::En), stage(one, Lang::Ja)));
        let mut seen = BTreeSet::new();
        for (word, english, japanese) in owners.into_iter().chain(stages) {
            assert!(english.starts_with(&word.replace('-', " ")), "{word}: {english}");
            assert!(!japanese.is_ascii() || japanese == "Gatepost", "{word}: {japanese}");
            assert!(seen.insert(japanese), "{japanese} twice");
        }
    }
}
