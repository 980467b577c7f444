//! A status as tables for people. Whatever the daemon reports is shown, also what this version does not know.

use serde_json::{Value, json};

use super::{
    headings::heading,
    once::{is_met, refused, told_once},
    remarks::remarks,
    steps::{UNHEARD, past, steps},
    told::SAID,
};
use crate::{
    base::{Lang, columns, invocation, printable, with_id, wrapped},
    catalog::beside,
    console::said_of_returned,
};

/// Columns of a table; a wider one is drawn as one block for each row.
const TABLE: usize = 120;
/// Columns of running text.
pub(super) const WRAP: usize = 100;

/// A heading in English and in Japanese, and where what it heads stands in the JSON; `*`: in each of a list.
type Column = (&'static str, &'static str, &'static str);

/// What is told of an account.
const ACCOUNT: &[Column] = &[
    ("address", "アドレス", "/address"),
    ("app", "アプリ", "/app"),
    (STATE, "状態", "/sign-in/phase"),
    ("signed in as", "サインイン中のユーザー", "/signed-in-as"),
    ("warning", "警告", "/warning"),
    ("same sign-in", "同じサインイン", "/same-sign-in"),
    ("since", "サインインの時刻", "/sign-in/signed-in-at"),
    ("token until", "トークンの期限", "/sign-in/token-expires-at"),
    ("lost if unused until", "未使用の場合の失効", "/sign-in/idle-until"),
    ("ended by policy at", "ポリシーによる終了", "/sign-in/policy-ends-at"),
    ("trouble", "問題", "/sign-in/fault/text"),
    ("trouble since", "問題の発生時刻", "/sign-in/fault/since"),
    ("provider is asked again from", "プロバイダーへの再問い合わせ（この時刻以降）", "/sign-in/fault/asks-again-at"),
    ("who says no", "拒否した側", "/refusals/*/by"),
    (IN_SHORT, "拒否の理由", "/refusals/*/text"),
    ("refused at", "拒否した時刻", "/refusals/*/at"),
    ("asked again from", "再問い合わせ（この時刻以降）", "/refusals/*/until"),
    ("a later sign-in was refused at", "その後のサインインの拒否時刻", "/sign-in/refused-beside/since"),
    ("and refused for", "その拒否の理由", "/sign-in/refused-beside/text"),
    ("trouble with Graph", "Graph の問題", "/sign-in/graph-fault/text"),
    ("Graph is asked for again from", "Graph への再問い合わせ（この時刻以降）", "/sign-in/graph-fault/asks-again-at"),
];

/// Of a refusal, what tells nothing without its way where there are several.
const TIMES: [&str; 2] = ["/at", "/until"];

/// What stands in an empty cell.
const NOTHING: &str = "-";

/// Behind it stand the ways that are refused.
const STATE: &str = "state";
const REFUSED_WAYS: &str = "/refused-ways";
/// What stands in each of its cells is a sentence.
const IN_SHORT: &str = "in short";

/// What is told of a fault; what to do stands below.
const FAULT: &[Column] = &[
    ("at", "時刻", "/at"),
    ("times", "回数", "/times"),
    ("protocol", "プロトコル", "/protocol"),
    ("account", "アカウント", "/account"),
    ("client", "クライアント", "/client"),
    ("id", "ID", "/id"),
    ("sender", "差出人", "/sender"),
    ("from", "接続元", "/peers"),
    ("stage", "段階", "/stage"),
    ("whose turn", "対応する側", "/owner"),
    (WORKED_AGAIN, "その後、成功した時刻", "/worked-again-at"),
];

/// What is told of a client whose messages were refused.
const REFUSALS: &[Column] = &[
    ("client", "クライアント", "/client"),
    ("account", "アカウント", "/account"),
    ("refused", "拒否", "/refused"),
    ("of messages", "メッセージ総数", "/messages"),
    ("at", "最後の時刻", "/at"),
    ("last reply", "最後の応答", "/reply"),
];

const WORKED_AGAIN: &str = "worked again at";
const TRIED_AGAIN: &str = "tried again at";

/// What is told of the queue.
const QUEUE: &[Column] = &[
    ("waiting", "待機中", "/waiting"),
    ("held", "保留中", "/held"),
    ("oldest, seconds", "最も古いメールの経過秒数", "/oldest-seconds"),
    ("bytes", "バイト数", "/bytes"),
];

/// What is told of a mailbox whose mail stands still; what to do stands below.
const STANDSTILL: &[Column] = &[
    ("stands still", "停止中", "/account"),
    ("waiting", "待機中", "/waiting"),
    ("id", "ID", "/id"),
    ("at", "停止の時刻", "/at"),
    (TRIED_AGAIN, "再試行の時刻", "/tried-again-at"),
    ("whose turn", "対応する側", "/owner"),
];

/// What is told of something that ends.
const ENDING: &[Column] = &[
    ("what", "種類", "/what"),
    ("name", "名前", "/name"),
    ("ends", "期限", "/ends-at"),
    ("days left", "残り日数", "/days-left"),
    ("trouble", "問題", "/trouble"),
];

pub fn draw(status: &Value, lang: Lang) -> String {
    let Some(sections) = status.as_object() else { return format!("{status}\n") };
    let plain = sections.iter().filter(|(_, value)| !value.is_array() && !value.is_object() && !value.is_null());
    let mut text: String =
        plain.map(|(name, value)| format!("{}: {}\n", heading(name, lang), named(name, value, lang))).collect();
    for (name, section) in sections {
        let rows = match section {
            Value::Array(rows) if name == "accounts" => {
                picked(rows, ACCOUNT, lang) + &steps(&refused(rows, status), lang)
            }
            Value::Array(rows) if name == "endings" => picked(rows, ENDING, lang) + &steps(rows, lang),
            Value::Array(rows) if name == "faults" => {
                picked(rows, FAULT, lang)
                    + &remarks(rows, lang)
                    + &steps(&told_once(rows, status), lang)
                    + &past(rows, lang)
            }
            Value::Array(rows) if name == "refused" => picked(rows, REFUSALS, lang),
            Value::Array(rows) => grid(rows, lang),
            Value::Object(_) if ["clock", "left-behind", "left-bodies"].contains(&name.as_str()) => said(section, lang),
            Value::Object(_) if name == "queue" => queue(section, status, lang),
            Value::Object(_) => grid(std::slice::from_ref(section), lang),
            _ => continue,
        };
        text.push_str(&format!("\n{}\n{rows}", heading(name, lang)));
    }
    text
}

/// What is told in a line, and what to do.
fn said(one: &Value, lang: Lang) -> String {
    format!("  {}\n{}", cell(one.get(SAID).unwrap_or(&Value::Null), lang), steps(std::slice::from_ref(one), lang))
}

/// How much waits, and behind it what stands still, if anything does.
fn queue(queue: &Value, status: &Value, lang: Lang) -> String {
    let mut told = picked(std::slice::from_ref(queue), QUEUE, lang);
    let still = queue.get("standstills").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !still.is_empty() {
        let unmet = still.iter().filter(|one| !is_met(status, one, |of| one.get("account") == Some(of)));
        told.push_str(&picked(still, STANDSTILL, lang));
        told.push_str(&steps(&unmet.map(unheard).collect::<Vec<_>>(), lang));
        if still.iter().any(|one| one.get("tried-again-at").is_some()) {
            wrapped(&invocation::as_called(tried_again(lang)), WRAP)
                .iter()
                .for_each(|line| told.push_str(&format!("  {line}\n")));
        }
    }
    if let Some(returned) = queue.get("returned").and_then(Value::as_u64).filter(|messages| *messages > 0) {
        told.push_str(&format!("  {}\n", said_of_returned(returned, lang)));
    }
    if queue.get(SAID).is_some() {
        told.push_str(&said(queue, lang));
    }
    told + &queue.get("lost").map(|lost| said(&unheard(lost), lang)).unwrap_or_default()
}

const fn tried_again(lang: Lang) -> &'static str {
    match lang {
        Lang::En => {
            "What stands still is tried again by itself at the time shown, and goes once the cause is mended; `gatepost queue \
             retry <id>` has it tried at once, and `gatepost queue list` shows the ids."
        }
        Lang::Ja => {
            "停止中のメールは、表示の時刻に自動的に再試行され、原因が直っていれば配信されます。すぐに再試行するには \
             `gatepost queue retry <id>` を実行してください。ID は `gatepost queue list` で確認できます。"
        }
    }
}

/// The queue meets what it meets behind our own 250.
fn unheard(one: &Value) -> Value {
    let mut one = one.clone();
    one.as_object_mut().into_iter().for_each(|fields| drop(fields.insert(UNHEARD.to_owned(), true.into())));
    one
}

/// The columns that matter, those left out that are empty for all.
fn picked(rows: &[Value], known: &[Column], lang: Lang) -> String {
    let told = |(.., at): &&Column| rows.iter().any(|row| !found(row, at, lang).is_null());
    let columns: Vec<&Column> = known.iter().filter(told).collect();
    let head = columns.iter().map(|(en, ja, _)| if lang == Lang::Ja { *ja } else { *en }.to_owned()).collect();
    let row = |row: &Value| -> Vec<String> {
        let one = |(name, _, at): &&Column| {
            let told = named(name, &found(row, at, lang), lang);
            let ways = row.pointer(REFUSED_WAYS).and_then(Value::as_array).into_iter().flatten();
            let ways: Vec<&str> = ways.filter(|_| *name == STATE).filter_map(Value::as_str).collect();
            lang.by_ways(&told, &ways)
        };
        columns.iter().map(one).collect()
    };
    lines(head, rows.iter().map(row).collect(), lang)
}

/// What stands there, none of a list twice, and times of several ways each with its own; null where nothing does.
fn found(row: &Value, at: &str, lang: Lang) -> Value {
    let Some((list, field)) = at.split_once("/*") else { return named_by_id(row, at) };
    let mut all: Vec<Value> = Vec::new();
    let items = row.pointer(list).and_then(Value::as_array).into_iter().flatten();
    let has_several = items.clone().count() > 1;
    for item in items {
        let Some(value) = item.pointer(field).filter(|value| !value.is_null()) else { continue };
        let way = item.get("protocol").and_then(Value::as_str).filter(|_| has_several && TIMES.contains(&field));
        let value = match (way, value) {
            (Some(way), Value::String(time)) => json!(lang.by_ways(time, &[way])),
            _ => named_by_id(item, field),
        };
        if !all.contains(&value) {
            all.push(value);
        }
    }
    if all.is_empty() { Value::Null } else { Value::Array(all) }
}

/// What stands there; the text of a fault with its id, which every other voice has.
fn named_by_id(of: &Value, at: &str) -> Value {
    let value = of.pointer(at).cloned().unwrap_or_default();
    let id = at.strip_suffix("/text").and_then(|fault| of.pointer(fault)?.get("id")?.as_str());
    match (id, value.as_str()) {
        (Some(id), Some(text)) if !text.contains(&format!("[{id}]")) => json!(with_id(text, id)),
        _ => value,
    }
}

/// All there is.
fn grid(rows: &[Value], lang: Lang) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    if columns.is_empty() && !rows.is_empty() {
        return rows.iter().map(|row| format!("  {}\n", cell(row, lang))).collect();
    }
    let head = columns.iter().map(|name| heading(name, lang).to_owned()).collect();
    let row = |row: &Value| -> Vec<String> {
        columns.iter().map(|name| named(name, row.get(*name).unwrap_or(&Value::Null), lang)).collect()
    };
    lines(head, rows.iter().map(row).collect(), lang)
}

fn lines(head: Vec<String>, body: Vec<Vec<String>>, lang: Lang) -> String {
    if body.is_empty() {
        return if lang == Lang::Ja { "  なし\n" } else { "  none\n" }.to_owned();
    }
    let width = |n: usize| {
        let cells = std::iter::once(&head).chain(&body).filter_map(|line| line.get(n));
        cells.map(|cell| columns(cell)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    if widths.iter().map(|width| width + 2).sum::<usize>() > TABLE {
        return blocks(&head, &body);
    }
    let line = |cells: &Vec<String>| {
        let padded = |(cell, width): (&String, &usize)| cell.clone() + &" ".repeat(width.saturating_sub(columns(cell)));
        let padded: Vec<String> = cells.iter().zip(&widths).map(padded).collect();
        format!("  {}\n", padded.join("  ").trim_end())
    };
    std::iter::once(&head).chain(&body).map(line).collect()
}

/// The first cell of a row leads, and what is told of it stands below, each with its heading.
fn blocks(head: &[String], body: &[Vec<String>]) -> String {
    let Some((_, names)) = head.split_first() else { return String::new() };
    let width = names.iter().map(|name| columns(name)).max().unwrap_or(0);
    let block = |row: &Vec<String>| {
        let Some((first, cells)) = row.split_first() else { return String::new() };
        let told = names.iter().zip(cells).filter(|(_, cell)| *cell != NOTHING);
        let told = told.map(|(name, cell)| {
            let gap = " ".repeat(width.saturating_sub(columns(name)));
            let behind = format!("\n    {:width$}  ", "");
            let most = TABLE.saturating_sub(6 + width).min(WRAP);
            format!("    {name}{gap}  {}\n", wrapped(cell, most).join(&behind))
        });
        format!("  {first}\n{}", told.collect::<String>())
    };
    body.iter().map(block).collect()
}

/// Some times are in seconds since 1970.
fn named(name: &str, value: &Value, lang: Lang) -> String {
    let time = value
        .as_i64()
        .filter(|_| ["at", WORKED_AGAIN, TRIED_AGAIN].contains(&name))
        .and_then(|at| jiff::Timestamp::from_second(at).ok());
    match (time, value) {
        (Some(time), _) => beside(time, "%H:%M:%S", time.to_string()),
        (None, Value::Array(sentences)) if name == IN_SHORT => joined(sentences, lang, |_| " / "),
        (None, _) => cell(value, lang),
    }
}

fn cell(value: &Value, lang: Lang) -> String {
    match (value, lang) {
        (Value::Null, _) => NOTHING.to_owned(),
        (Value::Bool(true), Lang::En) => "yes".to_owned(),
        (Value::Bool(false), Lang::En) => "no".to_owned(),
        (Value::Bool(true), Lang::Ja) => "はい".to_owned(),
        (Value::Bool(false), Lang::Ja) => "いいえ".to_owned(),
        // More than a reply holds: a link or a command that is cut leads nowhere.
        (Value::String(text), _) => printable(text, 1000),
        (Value::Array(list), _) => joined(list, lang, Lang::comma),
        (other, _) => printable(&other.to_string(), 80),
    }
}

fn joined(list: &[Value], lang: Lang, by: fn(Lang) -> &'static str) -> String {
    list.iter().map(|one| cell(one, lang)).collect::<Vec<_>>().join(by(lang))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::message::SEND_AS_DENIED;

    #[test]
    fn the_time_of_each_of_several_refusals_says_which_way_it_was() {
        let refusal = |way: &str, at: &str| json!({ "protocol": way, "at": at });
        let of = |refusals: Vec<Value>| json!({ "refusals": refusals });
        let both = of(vec![refusal("imap", "10:00"), refusal("smtp", "10:05")]);
        assert_eq!(found(&both, "/refusals/*/at", Lang::En), json!(["10:00 (imap)", "10:05 (smtp)"]));
        assert_eq!(found(&of(vec![refusal("imap", "10:00")]), "/refusals/*/at", Lang::En), json!(["10:00"]));
    }

    #[test]
    fn a_status_reads_as_tables() {
        let account = json!({ "address": "a@b.c", "app": "x", "sign-in": { "phase": "ready", "fault": null } });
        let ending = json!({ "what": "client-secret", "name": "x", "days-left": 4, "trouble": null });
        let text =
            draw(&json!({ "running": true, "accounts": [account], "faults": [], "endings": [ending] }), Lang::En);
        assert!(text.contains("  what           name  days left\n  client-secret  x     4\n"), "{text}");
        assert!(text.contains("running: yes"), "{text}");
        assert!(text.contains("  address  app  state\n  a@b.c    x    ready\n"), "{text}");
        assert!(text.contains("faults\n  none"), "{text}");
    }

    #[test]
    fn what_worked_again_says_when_and_gives_no_advice() {
        let fault = |id: &str| json!({ "id": id, "at": 0, "cause": format!("{id} is so."), "next-step": "Do." });
        let mut over = fault("x");
        over["worked-again-at"] = json!(60);
        let text = draw(&json!({ "faults": [over, fault("y")] }), Lang::En);
        assert!(text.contains("  at                    id  worked again at\n"), "{text}");
        assert!(text.contains("  1970-01-01T00:00:00Z  x   1970-01-01T00:01:00Z\n"), "{text}");
        assert!(!text.contains("x is so") && text.contains("  y: y is so.\n    Do.\n"), "{text}");
    }

    #[test]
    fn what_is_past_keeps_the_text_that_somebody_saw_once_for_each_id() {
        let over = |id: &str| json!({ "id": id, "at": 0, "cause": "So.", "next-step": "Do.", "worked-again-at": 60 });
        let mut stands = over("imap-disabled-mailbox");
        stands.as_object_mut().unwrap().remove("worked-again-at");
        let faults = [over("send-as-denied"), over("send-as-denied"), over("imap-disabled-mailbox"), stands];
        let text = draw(&json!({ "faults": faults }), Lang::En);
        let said = format!("  send-as-denied: What a client hears: \"{}\"\n", SEND_AS_DENIED.short());
        assert_eq!(text.matches(&said).count(), 1, "{text}");
        assert_eq!(text.matches("imap-disabled-mailbox: ").count(), 1, "it is told with its step: {text}");
        assert_eq!(text.matches("Do.").count(), 1, "{text}");
    }

    #[test]
    fn whoever_else_consented_is_warned_of() {
        let account = json!({ "address": "bob@b.c", "signed-in-as": "ann@b.c", "warning": "ann@b.c consented" });
        let text = draw(&json!({ "accounts": [account] }), Lang::En);
        assert!(text.contains("signed in as  warning\n  bob@b.c  ann@b.c       ann@b.c consented\n"), "{text}");
    }

    #[test]
    fn what_to_do_about_a_refusal_stands_below_its_account_unless_it_stands_among_the_faults() {
        let fault = json!({ "id": "x", "cause": "So.", "next-step": "Do.", "text": "no" });
        let account = json!({ "address": "a@b.c", "sign-in": { "phase": "ready", "graph-fault": fault } });
        let status =
            |faults: Value| draw(&json!({ "accounts": [account.clone(), account], "faults": faults }), Lang::En);
        let said = status(json!([]));
        assert!(said.contains("no [x]\n  x: So.\n    Do.\n\nfaults\n  none\n"), "{said}");
        let said = status(json!([fault]));
        assert_eq!(said.matches("  x: So.\n    Do.\n").count(), 1, "{said}");
    }

    #[test]
    fn a_cause_that_several_protocols_met_is_told_once_and_where_cmdlets_are_typed_behind_all() {
        let fault = |protocol: &str, next: &str| json!({ "id": "x", "cause": "So.", "next-step": next, "shell": "Connect.", "protocol": protocol });
        let same = draw(&json!({ "faults": [fault("smtp", "Do."), fault("imap", "Do.")] }), Lang::En);
        assert!(same.ends_with("  x (smtp, imap): So.\n    Do.\n  Connect.\n"), "{same}");
        let each = draw(&json!({ "faults": [fault("smtp", "Do."), fault("imap", "Do more.")] }), Lang::En);
        assert!(each.ends_with("  x: So.\n    smtp:\n    Do.\n    imap:\n    Do more.\n  Connect.\n"), "{each}");
        let typed = |switch: &str| format!("Allow it: `Set-CASMailbox -Identity x {switch}`.");
        let faults = [fault("smtp", &typed("-SmtpX $true")), fault("imap", &typed("-ImapEnabled $true"))];
        let both = draw(&json!({ "faults": faults }), Lang::En);
        let once = "  x (smtp, imap): So.\n    Allow it:\n        Set-CASMailbox -Identity x -SmtpX $true\n        \
                    Set-CASMailbox -Identity x -ImapEnabled $true\n  Connect.\n";
        assert!(both.ends_with(once), "{both}");
    }

    /// The identity provider may be the one.
    #[test]
    fn who_says_no_is_named_and_when_the_provider_is_asked_again() {
        let account = json!({
            "address": "a@b.c",
            "sign-in": { "phase": "refused", "fault": { "text": "no consent", "asks-again-at": "2026-11-28T14:35:10Z" } },
            "refused-ways": ["smtp", "imap"],
            "refusals": [
                { "by": "identity provider", "protocol": "smtp", "text": "No consent.", "until": "2026-11-28T14:06:00Z" },
                { "by": "identity provider", "protocol": "imap", "text": "Not there.", "until": "2026-11-28T14:07:00Z" },
            ],
        });
        let status = json!({ "accounts": [account], "faults": [{ "id": "x", "cause": "So.", "next-step": "Do.", "avoid": "Not." }] });
        for lang in Lang::ALL {
            let text = draw(&status, lang);
            assert!(text.lines().all(|line| columns(line) <= TABLE), "{text}");
        }
        let text = draw(&status, Lang::En);
        for part in [
            "  a@b.c\n    state                         refused (smtp, imap)\n",
            "    trouble                       no consent\n",
            "    provider is asked again from  2026-11-28T14:35:10Z\n",
            "    who says no                   identity provider\n",
            "    in short                      No consent. / Not there.\n",
            "    asked again from              2026-11-28T14:06:00Z (smtp), 2026-11-28T14:07:00Z (imap)\n",
            "  x: So.\n    Do.\n    What not to do: Not.\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("mail server"), "{text}");
        let text = draw(&status, Lang::Ja);
        assert!(text.contains("（smtp、imap）") && text.contains("No consent. / Not there."), "{text}");
        assert!(text.contains("アカウント\n  a@b.c\n    状態") && text.contains("してはならないこと：Not."), "{text}");
    }

    /// It was asked for of each: `login ann@b.c`, `login shared@b.c`.
    #[test]
    fn a_sign_in_of_several_accounts_is_asked_for_once_by_the_one_whose_own_it_is() {
        let account = |address: &str, other: &str| {
            let next = format!("Sign in: `gatepost login {address}`.");
            let fault = json!({ "id": "sign-in-missing", "cause": format!("Of {address}."), "next-step": next });
            let sign_in = json!({ "identity": "ann@b.c", "phase": "sign-in-needed", "fault": fault });
            json!({ "address": address, "same-sign-in": [other], "sign-in": sign_in })
        };
        let accounts = [account("shared@b.c", "ann@b.c"), account("ann@b.c", "shared@b.c")];
        let text = draw(&json!({ "accounts": accounts }), Lang::En);
        assert!(text.contains("gatepost login ann@b.c") && !text.contains("login shared@b.c"), "{text}");
    }

    /// A logout is no refusal.
    #[test]
    fn since_when_an_account_has_trouble_is_told_without_naming_who_made_it() {
        let fault = json!({ "text": "not signed in", "since": "2026-11-28T14:35:10Z" });
        let account = json!({ "address": "a@b.c", "sign-in": { "phase": "sign-in needed", "fault": fault } });
        let text = draw(&json!({ "accounts": [account] }), Lang::En);
        assert!(text.contains("trouble        trouble since\n") && !text.contains("refused"), "{text}");
    }

    #[test]
    fn a_table_whose_headings_are_wide_keeps_its_columns_in_either_language() {
        let status = json!({ "faults": [{ "at": 0, "protocol": "smtp", "owner": "provider" }] });
        let text = draw(&status, Lang::Ja);
        let (head, row) = (text.lines().nth(2).unwrap(), text.lines().nth(3).unwrap());
        let column = |line: &str, word: &str| columns(line.split(word).next().unwrap());
        assert_eq!(column(head, "対応する側"), column(row, "provider"), "{text}");
    }
}
