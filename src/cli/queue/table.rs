//! The queue as text for people. Whatever clients and servers wrote is shown cleaned.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    account::BY_LOGIN,
    base::{Lang, columns, invocation, printable, wrapped},
    catalog::{in_the_log, moment, own::MAIL_AWAITS_DAEMON},
    console,
    queue::{fault_beside, hold, last_words},
};

/// Of one field.
const CAP: usize = 300;
/// Of a last reply.
const REPLY_CAP: usize = 1000;
/// Columns of a line.
const WRAP: usize = 100;
/// Columns of a state.
const STATE_WIDTH: usize = 10;

/// Ours, in either language.
const fn said(lang: Lang, en: &'static str, ja: &'static str) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Ja => ja,
    }
}

/// `is_searched`: not all of it was asked for. `is_asleep`: no daemon runs that would deliver it. `missing`: where no store is.
pub(super) fn list(found: &Value, is_searched: bool, is_asleep: bool, missing: Option<&Path>, lang: Lang) -> String {
    let messages = found.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let damaged = found.get("damaged").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let failed = array(found, "failed");
    if messages.is_empty() && damaged.is_empty() {
        let nothing = match (missing.map(Path::display), lang) {
            (Some(store), Lang::En) => format!("the queue is empty: no store is at {store} so far\n"),
            (Some(store), Lang::Ja) => format!("キューは空です（{store} にストアがありません）\n"),
            (None, _) if is_searched => {
                said(lang, "nothing is queued that fits\n", "該当するメッセージはキューにありません\n").to_owned()
            }
            (None, _) => said(lang, "the queue is empty\n", "キューは空です\n").to_owned(),
        };
        return nothing + &gone(failed, lang) + &returned(found, lang);
    }
    let mut text: String = messages.iter().map(|message| line(message, lang)).collect();
    for id in damaged.iter().filter_map(Value::as_str) {
        let id = printable(id, CAP);
        text.push_str(&invocation::as_called(&match lang {
            Lang::En => format!(
                "{id}  damaged\n    its row in the database cannot be read, and it is not delivered: `gatepost queue drop {id}`\n"
            ),
            Lang::Ja => {
                format!("{id}  破損\n    データベースの行を読み取れないため、配信されません: `gatepost queue drop {id}`\n")
            }
        }));
    }
    if found.get("is-cut").and_then(Value::as_bool) == Some(true) {
        text.push_str(said(
            lang,
            "... and more: search more narrowly, or raise --limit\n",
            "... ほかにもあります。条件を絞るか、--limit を大きくしてください\n",
        ));
    }
    text + &if is_asleep { awaits_daemon(messages, lang) } else { tried_again(messages, lang) }
        + &gone(failed, lang)
        + &returned(found, lang)
}

/// Behind messages that wait for something to be mended: with the first one's id.
fn tried_again(messages: &[Value], lang: Lang) -> String {
    let was_tried =
        |one: &&Value| word(one, "state") == "waiting" && one.get("next-attempt").is_some_and(Value::is_u64);
    let Some(id) = messages.iter().find(was_tried).map(|one| word(one, "id")) else { return String::new() };
    let again = match lang {
        Lang::En => format!(
            "Each is tried again by itself at its next attempt, and goes once its cause is over or mended; to try one at \
             once: `gatepost queue retry {id}`"
        ),
        Lang::Ja => format!(
            "それぞれ次回の時刻に自動的に再試行され、原因が解消していれば配信されます。すぐに再試行するには: \
             `gatepost queue retry {id}`"
        ),
    };
    invocation::as_called(&again) + "\n"
}

/// In its place where nothing is tried.
fn awaits_daemon(messages: &[Value], lang: Lang) -> String {
    if messages.iter().all(|one| word(one, "state") == "held") {
        return String::new();
    }
    let (id, start) = (MAIL_AWAITS_DAEMON.id, invocation::start());
    match lang {
        Lang::En => format!("Nothing goes until the daemon runs [{id}]; to start it: `{start}`\n"),
        Lang::Ja => format!("デーモンを起動するまで、配信されません [{id}]。起動するコマンド: `{start}`\n"),
    }
}

fn returned(found: &Value, lang: Lang) -> String {
    let messages = number(found, "returned");
    if messages == 0 {
        return String::new();
    }
    let last = array(found, "last-returned");
    let colon = if last.is_empty() { "" } else { said(lang, ":", "：") };
    let head = format!("{}{colon}\n", console::returned(messages, lang));
    let rest = match (messages.saturating_sub(last.len() as u64), lang) {
        (0, _) => String::new(),
        _ if last.is_empty() => String::new(),
        (more, Lang::En) => format!("... and {more} before: the log has them\n"),
        (more, Lang::Ja) => format!("... その前の{more}通は、ログにあります\n"),
    };
    head + &last.iter().map(|one| gone_line(one, lang)).collect::<String>() + &rest
}

/// What is there no more, although nobody has it.
fn gone(failed: &[Value], lang: Lang) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let head = said(
        lang,
        "not in the queue any more: failed for good, and their senders were not told. Have them sent again, then `gatepost queue drop <id>`:\n",
        "キューに残っていないメッセージ（配信に失敗し、差出人に通知できませんでした。再送を依頼し、`gatepost queue drop <id>` を実行してください）:\n",
    );
    invocation::as_called(head) + &failed.iter().map(|one| gone_line(one, lang)).collect::<String>()
}

fn gone_line(one: &Value, lang: Lang) -> String {
    let named = array(one, "recipients").iter().filter_map(Value::as_str).map(|to| printable(to, CAP));
    let mut recipients =
        Some(named.collect::<Vec<_>>().join(", ")).filter(|to| !to.is_empty()).unwrap_or("?".to_owned());
    match (number(one, "more-recipients"), lang) {
        (0, _) => {}
        (more, Lang::En) => recipients.push_str(&format!(" and {more} more")),
        (more, Lang::Ja) => recipients.push_str(&format!(" ほか{more}件")),
    }
    let sender = Some(word(one, "sender")).filter(|sender| !sender.is_empty()).unwrap_or_else(|| "<>".to_owned());
    let head = format!("{}  {}  {}", word(one, "id"), state("failed", lang), at(one, "failed-at"));
    let way = format!("{sender} -> {recipients}");
    let lines = [reply(one, lang)].into_iter().chain(fault_of(one, lang)).flat_map(|text| wrapped(&text, WRAP));
    let lines = lines.map(|line| format!("    {line}\n"));
    joined(&[&head, &way, &bracketed(&word(one, "account"), lang)]) + &lines.collect::<String>()
}

/// The message, on two lines where one would be too wide, and why it is still here.
fn line(message: &Value, lang: Lang) -> String {
    let recipients = array(message, "recipients");
    let waiting: Vec<&Value> = recipients.iter().filter(|one| word(one, "state") == "waiting").collect();
    let to = match (waiting.as_slice(), lang) {
        ([], _) => said(lang, "nobody any more", "残っている宛先なし").to_owned(),
        ([only], _) => word(only, "address"),
        ([first, rest @ ..], Lang::En) => format!("{} and {} more", word(first, "address"), rest.len()),
        ([first, rest @ ..], Lang::Ja) => format!("{} ほか{}件", word(first, "address"), rest.len()),
    };
    let sender = Some(word(message, "sender")).filter(|sender| !sender.is_empty()).unwrap_or_else(|| "<>".to_owned());
    let own = word(message, "state");
    let head = format!(
        "{}  {}  {}  {:>9} B",
        word(message, "id"),
        state(&own, lang),
        at(message, "accepted-at"),
        number(message, "bytes"),
    );
    let way = format!("{sender} -> {to}");
    let mut out = joined(&[&head, &way, &whose(message, lang)]);
    let why = why(message, &waiting, lang);
    if !why.is_empty() {
        for line in wrapped(&why.join(said(lang, "; ", "、")), WRAP) {
            out.push_str(&format!("    {line}\n"));
        }
    }
    out
}

/// The client that brought it, and its account: a rule by its name, else the login of the account itself.
fn whose(message: &Value, lang: Lang) -> String {
    let (client, account) = (word(message, "client"), word(message, "account"));
    let text = match (client.as_str(), lang) {
        (BY_LOGIN, Lang::En) => format!("login of {account}"),
        (BY_LOGIN, Lang::Ja) => format!("{account} のログイン"),
        _ => format!("{client}{}{account}", lang.comma()),
    };
    bracketed(&text, lang)
}

fn bracketed(text: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("({text})"),
        Lang::Ja => format!("（{text}）"),
    }
}

/// On one line as far as they fit it.
fn joined(parts: &[&str]) -> String {
    let mut out = String::new();
    let mut width = 0;
    for part in parts {
        let (gap, taken) = match width {
            0 => ("", 0),
            n if n + 2 + columns(part) <= WRAP => ("  ", n + 2),
            _ => ("\n    ", 4),
        };
        out.push_str(&format!("{gap}{part}"));
        width = taken + columns(part);
    }
    out + "\n"
}

/// Why it is still here.
fn why(message: &Value, waiting: &[&Value], lang: Lang) -> Vec<String> {
    let tried = number(message, "attempts");
    let next = message.get("next-attempt").and_then(Value::as_u64).map(|_| at(message, "next-attempt"));
    let some = |name: &str| Some(word(message, name)).filter(|word| !word.is_empty());
    let mut why = Vec::new();
    why.extend(some("hold").map(|hold| match lang {
        Lang::En => format!("held: {hold}"),
        Lang::Ja => format!("保留の理由: {}", reason(&hold)),
    }));
    let said = waiting.iter().find(|one| !reply(one, lang).is_empty());
    let reply = said.map(|one| reply(one, lang));
    // What we said ourselves in the place of a reply has short text and id in it.
    let has_it = |id: &String| reply.as_ref().is_some_and(|reply| reply.contains(&format!("[{id}]")));
    why.extend(some("fault").filter(|id| !has_it(id)).map(|id| in_the_log(&id, lang).unwrap_or(id)));
    why.extend((tried > 0).then(|| match (lang, tried) {
        (Lang::En, 1) => "tried once".to_owned(),
        (Lang::En, _) => format!("tried {tried} times"),
        (Lang::Ja, _) => format!("試行{tried}回"),
    }));
    why.extend(next.map(|next| match lang {
        Lang::En => format!("next at {next}"),
        Lang::Ja => format!("次回 {next}"),
    }));
    why.extend(reply);
    // Behind the words that it is about.
    why.extend(said.filter(|_| some("fault").is_none()).and_then(|one| fault_of(one, lang)));
    why
}

/// What the reply means, where that does not say so itself.
fn fault_of(one: &Value, lang: Lang) -> Option<String> {
    let text = |name: &str| one.get(name).and_then(Value::as_str);
    fault_beside(text("reply").unwrap_or_default(), text("fault"), lang)
}

/// In the words of whoever said it; ours are for who reads them.
fn reply(recipient: &Value, lang: Lang) -> String {
    let reply = recipient.get("reply").and_then(Value::as_str).unwrap_or_default();
    printable(&last_words(reply, lang), REPLY_CAP)
}

/// Why it is held, in Japanese.
fn reason(hold: &str) -> &str {
    match hold {
        hold::BY_HAND => "手動で保留",
        hold::CAPTURE => "取り込み（`capture = true`）",
        hold::BODY_MISSING => "本文のファイルがありません",
        hold::BODY_DAMAGED => "本文を読み取れません",
        hold::DOUBTFUL => "届いたかどうか不明",
        hold::DROPPED => "配信の終了後に破棄",
        other => other,
    }
}

/// As wide as any of them.
fn state(state: &str, lang: Lang) -> String {
    let word = named(state, lang);
    format!("{word}{:1$}", "", STATE_WIDTH.saturating_sub(columns(word)))
}

fn named(state: &str, lang: Lang) -> &str {
    match (state, lang) {
        ("waiting", Lang::Ja) => "待機中",
        ("under-way", Lang::Ja) => "配信中",
        ("held", Lang::Ja) => "保留中",
        ("delivered", Lang::Ja) => "配信済み",
        ("failed", Lang::Ja) => "配信失敗",
        (state, _) => state,
    }
}

pub(super) fn show(found: &Value, lang: Lang) -> String {
    let message = found.get("message").unwrap_or(&Value::Null);
    let mut out = line(message, lang);
    let session = number(message, "session");
    out.push_str(&match lang {
        Lang::En => format!("    taken in by session {session}\n"),
        Lang::Ja => format!("    受け付けたセッション: {session}\n"),
    });
    for one in array(message, "recipients") {
        let doubt = match one.get("is-doubtful").and_then(Value::as_bool) {
            Some(true) => said(
                lang,
                "  (may have been taken already: it may arrive twice)",
                "  （すでに届いた可能性があり、2通届くことがあります）",
            ),
            _ => "",
        };
        out.push_str(&format!("\n  {}  {}{doubt}\n", word(one, "address"), named(&word(one, "state"), lang)));
        let reply = reply(one, lang);
        wrapped(&reply, WRAP).iter().for_each(|line| out.push_str(&format!("    {line}\n")));
    }
    match found.get("header").and_then(Value::as_str) {
        Some(head) => {
            let lines = head.lines().map(|line| format!("  {}\n", printable(line, CAP)));
            out.push_str(&format!("\n{}", lines.collect::<String>()));
        }
        None => out.push_str(said(lang, "\n  its body is not on disk\n", "\n  本文がディスクにありません\n")),
    }
    out
}

fn array<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn word(of: &Value, name: &str) -> String {
    printable(of.get(name).and_then(Value::as_str).unwrap_or_default(), CAP)
}

fn number(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn at(of: &Value, name: &str) -> String {
    let seconds = i64::try_from(number(of, name)).unwrap_or_default();
    moment(Timestamp::from_second(seconds).unwrap_or_default(), "%Y-%m-%d %H:%M:%S")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::latin_sentence;

    #[test]
    fn a_message_fits_a_terminal_and_is_told_in_the_readers_language() {
        let one = |address: &str| json!({ "address": address, "state": "waiting", "is-doubtful": true });
        let message = json!({
            "id": "bcdf23456789", "state": "held", "accepted-at": 0, "bytes": 123_456, "hold": "by-hand", "attempts": 2,
            "next-attempt": 60, "sender": "a-long-local-part@subsidiary.contoso.com", "client": "3F copier",
            "account": "scanner@contoso.com", "session": 7,
            "recipients": [one("another-long-local-part@fabrikam.com"), one("b@c.de")],
        });
        let status = json!({ "messages": [message], "damaged": ["cdfg23456789"], "is-cut": true });
        for lang in Lang::ALL {
            let text = list(&status, false, false, None, lang) + &show(&json!({ "message": message }), lang);
            assert!(text.lines().all(|line| columns(line) <= 110), "{text}");
            assert!(text.contains("    a-long-local-part@subsidiary.contoso.com -> another-"), "{text}");
            assert_eq!(latin_sentence(&text).is_none(), lang == Lang::Ja, "{text}");
        }
    }

    #[test]
    fn the_columns_of_a_list_stand_below_each_other_and_a_login_is_called_one_in_both_languages() {
        let message = |state: &str| {
            let (sender, client, account) = ("a@b.c", BY_LOGIN, "a@b.c");
            json!({ "id": "bcdf23456789", "state": state, "sender": sender, "client": client, "account": account })
        };
        for (lang, login) in [(Lang::En, "(login of a@b.c)"), (Lang::Ja, "（a@b.c のログイン）")] {
            let status = json!({ "messages": [message("waiting"), message("under-way"), message("held")], "failed": [message("")] });
            let text = list(&status, false, false, None, lang);
            let at = |line: &str| line.find("1970-").map(|at| columns(&line[..at]));
            let places: Vec<usize> = text.lines().filter_map(at).collect();
            assert!(places.len() == 4 && places.iter().all(|at| *at == places[0]), "{text}");
            assert_eq!(text.matches(login).count(), 3, "{text}");
        }
    }

    #[test]
    fn what_a_message_waits_for_and_is_held_for_is_japanese_and_the_mail_servers_words_are_quoted() {
        let said = "451 4.7.500 server busy";
        let ours = crate::catalog::sign_on::SMTP_AUTH_DISABLED_TENANT.fault();
        let ours = crate::base::with_id(&ours.text, ours.id);
        for (hold, reply) in
            [(json!(null), &*ours), (json!("capture"), said), (json!("by-hand"), said), (json!("doubtful"), said)]
        {
            let recipient = json!({ "address": "b@c.de", "state": "waiting", "reply": reply });
            let message = json!({ "id": "bcdf23456789", "state": "waiting", "hold": hold, "recipients": [recipient] });
            for text in [
                list(&json!({ "messages": [message] }), false, false, None, Lang::Ja),
                show(&json!({ "message": message }), Lang::Ja),
            ] {
                let own: String = text.split('"').step_by(2).collect();
                assert_eq!(latin_sentence(&own), None, "{text}");
                assert!(!own.contains("by-hand") && !own.contains("doubtful"), "{text}");
                let flat: String = text.split_whitespace().collect();
                let marked = if reply == said {
                    "メールサーバーの応答：\"4514.7.500serverbusy\""
                } else {
                    "無効になっています。ログの文言：\"SMTPAUTHis"
                };
                assert!(flat.contains(marked), "{text}");
            }
        }
    }

    #[test]
    fn what_waits_for_its_account_is_not_called_held() {
        let message = json!({ "id": "bcdf23456789", "state": "waiting", "fault": "account-gone", "recipients": [] });
        let text = list(&json!({ "messages": [message] }), false, false, None, Lang::En);
        assert!(text.contains("  waiting ") && text.contains("[account-gone]\n"), "{text}");
        assert!(!text.contains("held"), "{text}");
    }

    #[test]
    fn what_is_held_for_want_of_a_body_has_its_short_text_once_and_no_english_beside_it() {
        let entry = crate::catalog::own::MESSAGE_BODY_UNREADABLE;
        let reply = entry.said("its body cannot be read: its file is gone");
        let message = json!({
            "id": "bcdf23456789", "state": "held", "hold": "body-missing", "fault": entry.id,
            "recipients": [{ "address": "b@c.de", "state": "waiting", "reply": reply }],
        });
        for (lang, why) in [(Lang::En, "its body cannot be read: its file is gone"), (Lang::Ja, "本文を読み取れません")]
        {
            let text = list(&json!({ "messages": [message] }), false, false, None, lang);
            let told: String = text.split_whitespace().collect();
            let count = |part: &str| told.matches(&part.replace(' ', "")).count();
            assert_eq!((count(entry.short()), count("[message-body-unreadable]"), count(why)), (1, 1, 1), "{text}");
            assert_eq!(told.contains("fileisgone"), lang == Lang::En, "{text}");
        }
    }

    /// Whoever looked its words up was told of a right that is not missing.
    #[test]
    fn what_the_mail_server_refused_has_short_text_and_id_of_what_that_means_in_the_list() {
        let entry = crate::catalog::message::OWN_ADDRESS_DENIED;
        let failed = json!({ "id": "bcdf23456789", "fault": entry.id, "reply": "554 5.2.252 SendAsDenied; so it is" });
        let waiting = json!({ "id": "bcdf23456789", "state": "waiting", "recipients": [
            { "address": "b@c.de", "state": "waiting", "fault": entry.id, "reply": "454 4.2.252 SendAsDenied; so it is" }
        ] });
        for found in [json!({ "failed": [failed] }), json!({ "messages": [waiting] })] {
            for lang in Lang::ALL {
                let told: String = list(&found, false, false, None, lang).split_whitespace().collect();
                let means = format!("{}\"[{}]", entry.short().replace(' ', ""), entry.id);
                assert!(told.contains(&means) && told.contains("SendAsDenied;soitis"), "{told}");
            }
        }
    }

    #[test]
    fn what_is_held_for_a_fault_has_its_id_and_short_text_in_the_readers_language() {
        let message = json!({ "id": "bcdf23456789", "state": "held", "hold": "body-missing", "fault": "message-body-unreadable" });
        for lang in Lang::ALL {
            let text = list(&json!({ "messages": [message] }), false, false, None, lang);
            let told: String = text.split_whitespace().collect();
            let short = crate::catalog::own::MESSAGE_BODY_UNREADABLE.short().replace(' ', "");
            assert!(told.contains(&format!("{short}\"[message-body-unreadable]")), "{text}");
        }
    }
}
