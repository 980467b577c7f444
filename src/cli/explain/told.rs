//! A fault as a page for a terminal and as JSON, in the language that was asked for.

use serde_json::{Map, Value, json};

use super::{
    super::outcome::Failure,
    spoken::{Speaker, Spoken},
};
use crate::{
    base::{Lang, invocation, printable, wrapped},
    catalog::{
        self, Entry, Known,
        explain::{Found, MICROSOFTS_PAGE, are_all_told, is_of_ours_or_theirs},
        not_to_do,
    },
};

/// Of a sentence that is shown again.
const SAID: usize = 1000;
/// Columns of a line.
pub(super) const WRAP: usize = 100;

/// The words around what the catalogue says.
struct Around {
    by: &'static str,
    cause: &'static str,
    turn: &'static str,
    next: &'static str,
    said: &'static str,
    stand_ins: &'static str,
    fills_in: &'static str,
    not_here: [&'static str; 2],
    avoid: &'static str,
    other_app: &'static str,
    not_of_it: &'static str,
    passes: &'static str,
    yes: &'static str,
    no: &'static str,
    source: &'static str,
}

const EN: Around = Around {
    by: "told by",
    cause: "Cause",
    turn: "Whose turn it is",
    next: "Next step",
    said: "What it says",
    stand_ins: "What stands in < >",
    fills_in: "It stands for your own: `gatepost explain {id}{file} --account <address>` fills it in.",
    not_here: [
        "It stands for your own. There is no configuration here that would fill it in. `gatepost setup` writes one. ",
        "Where there is one elsewhere: `gatepost explain {id} --config <file> --account <address>`.",
    ],
    avoid: not_to_do(Lang::En),
    other_app: "Not said to this app",
    not_of_it: "`[app.{app}]` has nothing of the kind that this is about: it was said to another app, or to this one as it was before.",
    passes: "Passes by itself",
    yes: "yes",
    no: "no: it takes the step above",
    source: "Source",
};

const JA: Around = Around {
    by: "判断の根拠",
    cause: "原因",
    turn: "対応する側",
    next: "次の手順",
    said: "メッセージ",
    stand_ins: "< > の部分",
    fills_in: "実際の値に置き換えてください。`gatepost explain {id}{file} --account <address>` を実行すると、値の入ったコマンドが表示されます。",
    not_here: [
        "実際の値に置き換えてください。値の入った設定ファイルは、ここにはありません。`gatepost setup` で作成できます。",
        "別の場所にある場合は、`gatepost explain {id} --config <file> --account <address>` を実行してください。",
    ],
    avoid: not_to_do(Lang::Ja),
    other_app: "このアプリのものではありません",
    not_of_it: "`[app.{app}]` は、この障害に関わるものを使っていません。別のアプリ、または変更前のこのアプリに対するものです。",
    passes: "自動的に復旧するか",
    yes: "はい",
    no: "いいえ（上の手順が必要です）",
    source: "出典",
};

const fn around(lang: Lang) -> &'static Around {
    match lang {
        Lang::En => &EN,
        Lang::Ja => &JA,
    }
}

/// The page of the docs, for programs: what it tells stands here as well, and whoever has the program alone has no docs.
fn page_of(id: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("docs/faults/{id}.md"),
        Lang::Ja => format!("docs/ja/faults/{id}.md"),
    }
}

/// `other_app`: of the configuration, to which it cannot have been said. `fills_in`: the flag with which the command that fills
/// values in finds its configuration; `None`: they are filled in, as far as they are known.
pub fn page(found: &Found, known: &Known, other_app: Option<&str>, fills_in: Option<&str>, lang: Lang) -> String {
    let (entry, words) = (found.entry, around(lang));
    let told = entry.told(lang, known);
    let passes = if entry.passes_by_itself { words.yes } else { words.no };
    let by = format!("({}: {})", words.by, found.by.text(lang));
    let mut page = format!("{}  {by}\n\n", entry.id);
    let mut add = |heading: &str, lines: Vec<String>| {
        page.push_str(&format!("{heading}:\n"));
        lines.iter().for_each(|line| page.push_str(&format!("  {line}\n")));
    };
    let prose = |text: &str| wrapped(text, WRAP);
    add(words.cause, prose(&told.cause));
    if let Some(app) = other_app {
        add(words.other_app, prose(&words.not_of_it.replace("{app}", app)));
    }
    add(words.turn, prose(catalog::owner(entry.owner, lang)));
    add(words.next, told.step().drawn(WRAP, &|_| None));
    if let Some(file) = fills_in.filter(|_| catalog::is_filled_by_account(&told.next)) {
        let [setup, elsewhere] = words.not_here;
        let template = if known.is_unconfigured { elsewhere } else { words.fills_in };
        let mut filled_in = template.replace("{id}", entry.id).replace("{file}", file);
        // A configuration that is found here knows no such account.
        if let Some(address) =
            known.address.as_ref().filter(|address| !file.is_empty() && catalog::is_harmless(address))
        {
            filled_in = filled_in.replace("<address>", address);
        }
        let said = match known.is_unconfigured {
            true => invocation::as_called(setup) + &filled_in,
            false => invocation::as_called(&filled_in),
        };
        add(words.stand_ins, prose(&said));
    }
    if let Some(avoid) = &told.avoid {
        add(words.avoid, prose(avoid));
    }
    add(words.passes, prose(passes));
    add(words.source, prose(catalog::source(entry, lang)));
    page + "\n"
}

/// What is said of an id, for programs.
pub fn fields(entry: &'static Entry, known: &Known, lang: Lang) -> Map<String, Value> {
    let told = entry.told(lang, known);
    let fields = [
        ("id", json!(entry.id)),
        ("kind", json!(entry.kind.as_str())),
        ("owner", json!(entry.owner)),
        ("cause", json!(told.cause)),
        ("next-step", json!(told.next)),
        ("shell", json!(told.shell)),
        ("commands", json!(told.commands())),
        ("avoid", json!(told.avoid)),
        ("passes-by-itself", json!(entry.passes_by_itself)),
        ("source", json!(catalog::source(entry, lang))),
        ("page", json!(page_of(entry.id, lang))),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// For programs: what was pasted, and what is known of it. `ours`: what Gatepost says there by itself, with its name.
pub fn object(text: &str, found: Vec<Value>, ours: Option<(&str, Value)>) -> String {
    let fields = [("text", json!(printable(text, 4000))), ("found", json!(found))].into_iter().chain(ours);
    let object: Map<String, Value> = fields.map(|(name, value)| (name.to_owned(), value)).collect();
    let object = Value::Object(object);
    format!("{object:#}\n")
}

pub fn json(found: &Found, known: &Known, lang: Lang) -> Value {
    let mut fields = fields(found.entry, known, lang);
    fields.insert("told-by".to_owned(), json!(found.by.text(lang)));
    Value::Object(fields)
}

/// Ahead of more than one: how to tell which.
pub fn several(found: &[Found], lang: Lang) -> String {
    match (found, lang) {
        ([] | [_], _) => String::new(),
        ([ours, theirs], lang) if is_of_ours_or_theirs(found) => {
            invocation::as_called(&whoever_says_so(ours.entry.id, theirs.entry.id, lang))
        }
        (several, Lang::En) if are_all_told(several) => format!("It tells of {} faults:\n\n", several.len()),
        (several, Lang::Ja) if are_all_told(several) => {
            format!("次の{}つの障害を示しています。\n\n", several.len())
        }
        (several, Lang::En) => {
            format!("It can mean {} things; the words behind the code would tell which.\n\n", several.len())
        }
        (several, Lang::Ja) => {
            format!("{}通りの意味が考えられます。コードに続く文があれば、特定できます。\n\n", several.len())
        }
    }
}

/// Nobody says whom the connection was to.
fn whoever_says_so(ours: &str, theirs: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!(
            "Where it was shown tells which of these it is:\n  \
             by a mail program, a device or a command that was to speak to Gatepost: it is about Gatepost (`{ours}`);\n  \
             by the log of Gatepost, or a command that was to reach the mail server: it is about that (`{theirs}`).\n\
             `gatepost status` shows whether Gatepost runs and where it listens.\n\n"
        ),
        Lang::Ja => format!(
            "これがどこに表示されたかで、次のどちらかが決まります。\n  \
             Gatepost に接続するメールソフト、機器、コマンドの場合：Gatepost に関するものです（`{ours}`）。\n  \
             Gatepost のログ、またはメールサーバーに接続するコマンドの場合：メールサーバーに関するものです（`{theirs}`）。\n\
             Gatepost が動いているかどうかと待ち受けているアドレスは、`gatepost status` で確認できます。\n\n"
        ),
    }
}

pub fn list(lang: Lang) -> String {
    let width = catalog::all().map(|entry| entry.id.len()).max().unwrap_or_default();
    catalog::all().map(|entry| format!("{:width$}  {}\n", entry.id, entry.words(lang).cause)).collect()
}

/// What Gatepost says of itself without an id.
pub fn spoken(spoken: &Spoken, lang: Lang) -> String {
    let words = around(lang);
    let (who, next) = (speaker(spoken.by, lang), next_of(spoken, lang));
    let mut page = format!("{who}\n\n");
    for (heading, text) in [(words.said, printable(&spoken.said, SAID)), (words.next, next)] {
        page.push_str(&format!("{heading}:\n"));
        let lines = text.lines().flat_map(|line| wrapped(line, WRAP));
        lines.for_each(|line| page.push_str(&format!("  {line}\n")));
    }
    page
}

pub fn spoken_json(spoken: &Spoken, lang: Lang) -> Value {
    json!({ "said": printable(&spoken.said, SAID), "next-step": next_of(spoken, lang) })
}

const fn speaker(by: Speaker, lang: Lang) -> &'static str {
    match (by, lang) {
        (Speaker::Command, Lang::En) => "A command of Gatepost says so.",
        (Speaker::Command, Lang::Ja) => "Gatepost のコマンドのメッセージです。",
        (Speaker::Log, Lang::En) => "The log of Gatepost says so.",
        (Speaker::Log, Lang::Ja) => "Gatepost のログのメッセージです。",
        (Speaker::Doctor, Lang::En) => "`gatepost doctor` says so.",
        (Speaker::Doctor, Lang::Ja) => "`gatepost doctor` のメッセージです。",
    }
}

/// What was pasted with it, else where it stands.
fn next_of(spoken: &Spoken, lang: Lang) -> String {
    let pasted = spoken.next.as_deref().map(|next| next.lines().map(|line| printable(line, SAID)));
    let pasted = pasted.map(|lines| lines.collect::<Vec<_>>().join("\n"));
    let general = match (spoken.by, lang) {
        (Speaker::Command, Lang::En) => {
            "Type the command again that said so: its next step stands below this, behind `hint:`. Where it is about the \
             daemon or an account, `gatepost doctor` looks at each layer."
        }
        (Speaker::Command, Lang::Ja) => {
            "同じコマンドをもう一度実行してください。このメッセージの下の「次の手順:」に、対応方法が表示されます。デーモンやアカウントに関する\
             ものであれば、`gatepost doctor` で各層を確認できます。"
        }
        (Speaker::Log, Lang::En) => {
            "Where the line has `hint=` or `next=`, that is the step; `error=` has the cause in the words of the system. \
             `gatepost doctor` shows whether it still stands, and `gatepost status` what waits for it."
        }
        (Speaker::Log, Lang::Ja) => {
            "行に `hint=` または `next=` があれば、それが次の手順です。`error=` には原因がシステムの言葉で示されています。まだ続いて\
             いるかどうかは `gatepost doctor` で、影響を受けているものは `gatepost status` で確認できます。"
        }
        (Speaker::Doctor, Lang::En) => {
            "Run `gatepost doctor` once more: below its lines it tells in full what fails first, with its id and the next step."
        }
        (Speaker::Doctor, Lang::Ja) => {
            "`gatepost doctor` をもう一度実行してください。最初に失敗したものの ID と次の手順が、各行の後に詳しく表示されます。"
        }
    };
    pasted.unwrap_or_else(|| invocation::as_called(general))
}

/// Of lines that tell of no fault.
pub const fn healthy(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "Nothing failed in that line.\n",
        Lang::Ja => "その行では、何も失敗していません。\n",
    }
}

pub fn unknown_number(number: u32, lang: Lang) -> Failure {
    let failure = match lang {
        Lang::En => Failure::new(
            format!("AADSTS{number} is not in the catalogue of this version"),
            format!("Microsoft explains any number: {MICROSOFTS_PAGE}{number}"),
        ),
        Lang::Ja => Failure::new(
            format!("AADSTS{number} は、このバージョンのカタログにありません"),
            format!("Microsoft の説明を見てください：{MICROSOFTS_PAGE}{number}"),
        ),
    };
    failure.said_in(lang)
}

pub fn unknown(text: &str, alike: &[&str], lang: Lang) -> Failure {
    let alike = alike.join(", ");
    let hint = match (alike.is_empty(), lang) {
        (false, Lang::En) => format!("did you mean: {alike}"),
        (false, Lang::Ja) => format!("もしかして：{alike}"),
        (true, Lang::En) => {
            "paste the whole line of the log, or the whole reply of the server; `gatepost explain --list` \
                             lists all ids, and `gatepost doctor` looks at each layer"
                .to_owned()
        }
        (true, Lang::Ja) => {
            "ログの行またはサーバーの応答を、全体のまま貼り付けてください。`gatepost explain --list` で\
                             すべての ID を一覧できます。`gatepost doctor` は各層を確認します"
                .to_owned()
        }
    };
    match lang {
        Lang::En => Failure::new(format!("nobody knows what {text:?} means"), hint),
        Lang::Ja => Failure::new(format!("{text:?} の意味は分かりません"), hint).said_in(lang),
    }
}
