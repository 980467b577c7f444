//! The catalogue against what servers really say, and the pages of the docs that are made of it.
//!
//! `GATEPOST_BLESS=1 cargo test --test it explained` writes the pages anew; without it they must be as they would be written.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use gatepost::{
    base::Lang,
    catalog::{self, Entry, Line, Step, explain},
    config::{self, Surroundings},
    oauth::verdict::Verdict,
};
use serde::Deserialize;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[derive(Deserialize)]
struct Corpus {
    aadsts: BTreeMap<String, Vec<u32>>,
    oauth: BTreeMap<String, Vec<String>>,
    graph: BTreeMap<String, Vec<String>>,
    reply: Vec<Heard>,
    fragment: Vec<Fragment>,
}

#[derive(Deserialize)]
struct Heard {
    text: String,
    /// Empty: nothing fails.
    id: String,
}

/// What does not tell by itself which it is.
#[derive(Deserialize)]
struct Fragment {
    text: String,
    /// The same with what tells, once for each fault that it may be.
    whole: Vec<Heard>,
}

fn corpus() -> Corpus {
    toml::from_str(&text("tests/corpus/replies.toml")).unwrap()
}

fn ids(text: &str) -> Vec<&'static str> {
    explain::read(text).into_iter().map(|found| found.entry.id).collect()
}

/// Nothing of it means two faults.
#[test]
fn what_servers_really_say_resolves_to_the_expected_fault_and_to_no_other() {
    let Corpus { reply, fragment, .. } = corpus();
    assert!(reply.len() > 80, "the corpus was not read");
    let whole = fragment.iter().flat_map(|fragment| &fragment.whole);
    let wrong: Vec<String> = reply
        .iter()
        .chain(whole)
        .filter(|heard| ids(&heard.text).join(", ") != heard.id)
        .map(|heard| format!("{}\n  is {:?}, not {:?}", heard.text, ids(&heard.text), heard.id))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whoever adds the rest is told the one.
#[test]
fn a_fragment_is_each_of_the_faults_that_its_whole_may_be_and_the_whole_is_one() {
    let fragments = corpus().fragment;
    assert!(fragments.len() > 20, "the corpus was not read");
    for Fragment { text, whole } in fragments {
        let each: Vec<&str> = whole.iter().map(|heard| heard.id.as_str()).collect();
        assert!(each.len() > 1, "{text}: it is a whole reply");
        assert_eq!(ids(&text), each, "{text}");
    }
}

#[test]
fn every_number_of_entra_that_we_know_of_is_explained() {
    let Corpus { aadsts, .. } = corpus();
    assert!(aadsts.values().map(Vec::len).sum::<usize>() > 100, "the corpus was not read");
    for (id, numbers) in aadsts {
        for number in numbers {
            for text in [
                format!("AADSTS{number}: so. Trace ID: x"),
                format!(r#"{{"error_codes":[{number}]}}"#),
                format!("https://login.microsoftonline.com/error?code={number}"),
                number.to_string(),
            ] {
                assert_eq!(ids(&text), [id.as_str()], "{text}");
            }
        }
    }
}

/// A number that nobody wrote down what it means is held against nothing.
#[test]
fn every_number_of_the_catalogue_stands_in_the_corpus() {
    let known: BTreeSet<u32> = corpus().aadsts.into_values().flatten().collect();
    let unknown: Vec<_> = catalog::all()
        .flat_map(|entry| entry.aadsts.iter().map(|(number, _)| (entry.id, *number)))
        .filter(|(_, number)| !known.contains(number))
        .collect();
    assert!(unknown.is_empty(), "add them to tests/corpus/replies.toml: {unknown:?}");
}

#[test]
fn every_word_of_oauth_and_every_code_of_graph_is_explained_in_the_answer_that_has_it() {
    let Corpus { oauth, graph, .. } = corpus();
    let words = |of: fn(&Entry) -> &'static [&'static str]| {
        catalog::all().flat_map(move |entry| of(entry).iter().map(|word| (*word).to_owned())).collect::<BTreeSet<_>>()
    };
    let held = |corpus: &BTreeMap<String, Vec<String>>| corpus.values().flatten().cloned().collect::<BTreeSet<_>>();
    assert_eq!((words(|entry| entry.oauth), words(|entry| entry.graph)), (held(&oauth), held(&graph)));
    for (id, word) in oauth.iter().flat_map(|(id, words)| words.iter().map(move |word| (id, word))) {
        let text = format!(r#"400 Bad Request: {{"error":"{word}","error_description":"so"}}"#);
        assert_eq!(ids(&text), [id.as_str()], "{text}");
    }
    for (id, code) in graph.iter().flat_map(|(id, codes)| codes.iter().map(move |code| (id, code))) {
        let text = format!(r#"403: {{"error":{{"code":"{code}","message":"so"}}}}"#);
        assert_eq!(ids(&text), [id.as_str()], "{text}");
    }
}

/// Whoever rehearses wants to read up on it.
#[test]
fn every_rehearsal_names_a_fault_of_the_catalogue() {
    for preset in gatepost::sandbox::PRESETS {
        assert!(catalog::find(preset.fault).is_some(), "{}: {}", preset.name, preset.fault);
        let number =
            preset.about.split_once("AADSTS").map(|(_, rest)| rest.trim_end_matches(|c: char| !c.is_ascii_digit()));
        let number = number.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        if let Some((entry, _)) = number.and_then(catalog::entra_code) {
            assert_eq!(entry.id, preset.fault, "{}", preset.name);
        }
    }
}

/// An id that is spelled out in code is one that the catalogue need not have.
#[test]
fn ids_stand_in_the_data_alone() {
    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => sources(&path, found),
                false if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
                false => {}
            }
        }
    }
    let known: BTreeSet<String> = catalog::all().map(|entry| format!("\"{}\"", entry.id)).collect();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut strays = Vec::new();
    for file in files {
        let path = file.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
        // The sandbox names its rehearsals alike, and may not lean on the catalogue. A kind of fault is named as its only id.
        let is_other = path.starts_with("src/sandbox/")
            || path == "src/base/fault.rs"
            || path.contains("/tests")
            || path.ends_with("/build.rs");
        let code = fs::read_to_string(&file).unwrap();
        let code = code.split("#[cfg(test)]").next().unwrap();
        let spelled = known.iter().filter(|id| !is_other && code.contains(id.as_str()));
        strays.extend(spelled.map(|id| format!("{path}: {id}")));
        let bare = code.match_indices("[gatepost ").filter(|(at, mark)| !code[at + mark.len()..].starts_with('{'));
        strays.extend(
            bare.filter(|_| !is_other && !path.ends_with("explain.rs")).map(|_| format!("{path}: [gatepost ...]")),
        );
    }
    assert!(strays.is_empty(), "use the constants of the catalogue: {strays:#?}");
}

/// Whoever pastes a list of commands gets what is for everybody.
#[test]
fn what_is_for_a_device_that_cannot_do_otherwise_is_a_way_of_its_own() {
    for (entry, lang) in catalog::all().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
        let next = entry.words(lang).next;
        let ways = ["Or: ", "方法2："]
            .iter()
            .fold(vec![next.as_str()], |parts, label| parts.into_iter().flat_map(|part| part.split(label)).collect());
        for exception in ["evice that cannot", "evice that does not", "変更できない機器", "再送しない機器"]
        {
            let has = |way: &&&str| way.contains(exception);
            let is_alone = ways.iter().enumerate().filter(|(_, way)| has(way)).all(|(at, _)| at > 0);
            assert!(is_alone, "{}: {next}", entry.id);
        }
    }
}

/// The words around what the catalogue says.
struct Around {
    lang: Lang,
    folder: &'static str,
    index: &'static str,
    index_text: &'static str,
    layers: [(&'static str, &'static str); 7],
    cause: &'static str,
    next: &'static str,
    avoid: &'static str,
    told: &'static str,
    turn: &'static str,
    /// Ends a sentence.
    stop: &'static str,
    passes: [&'static str; 2],
    known_by: &'static str,
    source: &'static str,
    stand_ins: &'static str,
    back: &'static str,
    /// The page with the list, and the heading it stands under.
    list: (&'static str, &'static str),
}

const PAGES: [Around; 2] = [
    Around {
        lang: Lang::En,
        folder: "docs/faults",
        index: "Every fault",
        index_text: "Each refusal of Gatepost ends with an id in brackets. `gatepost explain` tells the same as these pages, \
                     with your addresses in the commands, and finds the id for a reply or a line of the log.",
        layers: [
            ("own", "Gatepost itself, and the way to the mail server"),
            ("token", "The identity provider"),
            ("sign-on", "The sign-on at the mail server"),
            ("message", "One message"),
            ("session", "After the sign-on, and clients"),
            ("graph", "Microsoft Graph"),
            ("doctor", "What `gatepost doctor` finds"),
        ],
        cause: "Why",
        next: "What to do",
        avoid: "What not to do",
        told: "What a client hears",
        turn: "Whose turn it is",
        stop: ". ",
        passes: ["It does not pass by itself.", "It passes by itself."],
        known_by: "How it is recognised",
        source: "Source",
        stand_ins: "What stands in `<` and `>` stands for your own: `gatepost explain {id} --account <address>` fills it in.",
        back: "[Every fault](index.md)",
        list: ("docs/when-it-fails.md", "Every id"),
    },
    Around {
        lang: Lang::Ja,
        folder: "docs/ja/faults",
        index: "すべてのエラー",
        index_text: "Gatepost の拒否の応答は、角括弧で囲まれた ID で終わります。`gatepost explain` は、このページと同じ内容を、\
                     実際のアドレスを入れたコマンドとともに表示し、応答やログの行から ID を見つけます。",
        layers: [
            ("own", "Gatepost 自身と、メールサーバーまでの経路"),
            ("token", "ID プロバイダー"),
            ("sign-on", "メールサーバーでの認証"),
            ("message", "個々のメッセージ"),
            ("session", "認証後の通信とクライアント"),
            ("graph", "Microsoft Graph"),
            ("doctor", "`gatepost doctor` が見つけるもの"),
        ],
        cause: "原因",
        next: "次の手順",
        avoid: "してはならないこと",
        told: "クライアントへの応答",
        turn: "対応する側",
        stop: "。",
        passes: ["自動的には復旧しません。", "自動的に復旧します。"],
        known_by: "判別の手がかり",
        source: "出典",
        stand_ins: "`<` と `>` で囲まれた部分は、実際の値に置き換えてください。`gatepost explain {id} --account <address>` を実行すると、\
                    値の入ったコマンドが表示されます。",
        back: "[すべてのエラー](index.md)",
        list: ("docs/ja/when-it-fails.md", "すべての ID"),
    },
];

/// The reply to a client whose person signs in, with the stand-ins of the other parts of a page.
fn heard(entry: &'static Entry) -> String {
    const APP: &str = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\n\
                       client-id = \"00000000-0000-0000-0000-000000000000\"\n\
                       [[account]]\naddress = \"ann@contoso.com\"\napp = \"contoso\"\n";
    let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
    let (config, _) = config::check_text(APP, "gatepost.toml", &around).unwrap();
    let verdict = Verdict::new(entry, "");
    let fault = verdict.fault_of(&config.accounts[0].sign_in.app, "run: gatepost login <address>", None);
    fault.text.replace("/contoso.com/", "/<tenant>/").replace("00000000-0000-0000-0000-000000000000", "<client-id>")
}

impl Around {
    fn page(&self, entry: &'static Entry) -> String {
        let words = entry.words(self.lang);
        let (cause, avoid) = (plain(&words.cause), words.avoid.as_deref().map(plain));
        let has_stand_ins = catalog::is_filled_by_account(&words.next);
        let next = step(&words.step());
        let avoid = avoid.map(|avoid| format!("## {}\n\n{avoid}\n\n", self.avoid)).unwrap_or_default();
        let stand_ins = format!("{}\n\n", self.stand_ins.replace("{id}", entry.id));
        let stand_ins = if has_stand_ins { stand_ins } else { String::new() };
        let known_by = match known_by(entry) {
            marks if marks.is_empty() => String::new(),
            marks => format!("## {}\n\n{marks}\n", self.known_by),
        };
        let told = match entry.is_heard {
            true => format!("## {}\n\n    {} [gatepost {}]\n\n", self.told, heard(entry), entry.id),
            false => String::new(),
        };
        format!(
            "# `{}`\n\n{}\n\n## {}\n\n{cause}\n\n## {}\n\n{next}\n\n{stand_ins}{avoid}## {}\n\n{}{}{}\n\n\
             {told}{known_by}{}: {}\n\n{}\n\n<!-- Made of src/catalog/faults: edit that, then \
             GATEPOST_BLESS=1 cargo test --test it explained -->\n",
            entry.id,
            self.sister(entry.id),
            self.cause,
            self.next,
            self.turn,
            catalog::owner(entry.owner, self.lang),
            self.stop,
            self.passes[usize::from(entry.passes_by_itself)],
            self.source,
            link(catalog::source(entry, self.lang)),
            self.back,
        )
    }

    /// The way to the same page in the other language.
    fn sister(&self, page: &str) -> String {
        match self.lang {
            Lang::En => format!("[日本語](../ja/faults/{page}.md)"),
            Lang::Ja => format!("[English](../../faults/{page}.md)"),
        }
    }

    /// By layer, each id with what happened. `to`: the folder of the pages, as seen from the list.
    fn listed(&self, level: &str, to: &str) -> String {
        let of = |layer: &str| -> String {
            let entries = catalog::all().filter(|entry| entry.layer == layer);
            entries.map(|entry| format!("- [`{}`]({to}{}.md): {}\n", entry.id, entry.id, self.short(entry))).collect()
        };
        self.layers.iter().map(|(layer, title)| format!("{level} {title}\n\n{}\n", of(layer))).collect()
    }

    /// The first sentence of the cause.
    fn short(&self, entry: &Entry) -> String {
        let cause = entry.words(self.lang).cause;
        // A full stop within code or brackets ends nothing.
        let count = |at: usize, marks: &[char]| cause[..at].matches(marks).count();
        let is_open = |at: &usize| count(*at, &['`']) % 2 == 1 || count(*at, &['(', '（']) > count(*at, &[')', '）']);
        let ends = |mark: &str| {
            let at = cause.match_indices(mark).map(|(at, _)| at).find(|at| !is_open(at));
            at.map(|at| at + mark.trim().len())
        };
        let end = [". ", "。"].into_iter().filter_map(ends).min();
        plain(&cause[..end.unwrap_or(cause.len())])
    }
}

/// Ways as a list, and what is typed or written as blocks.
fn step(step: &Step) -> String {
    let mut parts: Vec<String> = step.label.map(|label| format!("**{label}**")).into_iter().collect();
    for (n, line) in step.lines.iter().enumerate() {
        let before = n.checked_sub(1).and_then(|n| step.lines.get(n));
        match (line, before) {
            (Line::Words(words), None) if step.label.is_some() => parts[0].push_str(&format!(" {}", plain(words))),
            (Line::Words(words), _) => parts.push(plain(words)),
            (Line::Deed(deed), Some(Line::Deed(_))) => {
                parts.last_mut().unwrap().push_str(&format!("\n    {}", deed.text()));
            }
            (Line::Deed(deed), _) => parts.push(format!("    {}", deed.text())),
        }
    }
    for way in &step.ways {
        let told = self::step(way);
        parts.push(if way.label.is_some() { format!("- {}", told.replace('\n', "\n  ")) } else { told });
    }
    parts.join("\n\n").replace("\n  \n", "\n\n")
}

/// What stands in `<>` outside of code is no HTML.
fn plain(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let parts: Vec<String> =
        parts.map(|(at, part)| if at % 2 == 1 { part.to_owned() } else { part.replace('<', "\\<") }).collect();
    parts.join("`")
}

fn link(source: &str) -> String {
    if source.starts_with("https://") { format!("<{source}>") } else { source.to_owned() }
}

fn known_by(entry: &Entry) -> String {
    let aadsts = entry.aadsts.iter().map(|(number, name)| format!("- AADSTS{number}: {name}\n"));
    let words = entry.oauth.iter().chain(entry.graph).map(|word| format!("- `{word}`\n"));
    let replies = entry.replies.iter().map(|pattern| {
        let protocol = pattern.protocol.map(|one| format!("{}: ", one.as_str().to_uppercase())).unwrap_or_default();
        let words: Vec<String> = pattern.words.iter().map(|word| format!("`{word}`")).collect();
        format!("- {protocol}{}\n", words.join(" … "))
    });
    aadsts.chain(words).chain(replies).collect()
}

/// On the disk of the pages, and in no folder that a test lists.
fn drafts() -> tempfile::TempDir {
    let built = root().join("target");
    fs::create_dir_all(&built).unwrap();
    tempfile::tempdir_in(built).unwrap()
}

/// Whole at once: other tests read the pages meanwhile.
fn put(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let drafts = drafts();
    let draft = drafts.path().join("page");
    fs::write(&draft, text).unwrap();
    fs::rename(draft, file).unwrap();
}

#[test]
fn a_page_that_is_written_anew_is_never_read_half_written() {
    let folder = drafts();
    let file = folder.path().join("page.md");
    let texts = ["a".repeat(1 << 20), "b".repeat(1 << 20)];
    put(&file, &texts[0]);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..50).for_each(|n| put(&file, &texts[n % 2])));
        while !writer.is_finished() {
            let read = fs::read_to_string(&file).unwrap();
            assert!(texts.contains(&read), "{} bytes", read.len());
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    });
}

/// Writes the file, or holds what stands in it against what should.
fn blessed(path: &str, should: &str) {
    let file = root().join(path);
    if env::var_os("GATEPOST_BLESS").is_some() {
        put(&file, should);
    }
    let stands = fs::read_to_string(&file).unwrap_or_default();
    assert!(stands == should, "{path} is not what the catalogue says: GATEPOST_BLESS=1 cargo test --test it explained");
}

#[test]
fn every_fault_has_a_page_in_both_languages_and_no_page_is_of_none() {
    for around in &PAGES {
        let index = format!(
            "# {}\n\n{}\n\n{}\n\n{}",
            around.index,
            around.sister("index"),
            around.index_text,
            around.listed("##", "")
        );
        blessed(&format!("{}/index.md", around.folder), &format!("{}\n", index.trim_end()));
        for entry in catalog::all() {
            blessed(&format!("{}/{}.md", around.folder, entry.id), &around.page(entry));
        }
        for page in fs::read_dir(root().join(around.folder)).unwrap() {
            let name = page.unwrap().file_name().to_string_lossy().into_owned();
            let id = name.strip_suffix(".md").unwrap();
            assert!(id == "index" || catalog::find(id).is_some(), "{name} is of no fault: delete it");
        }
    }
}

#[test]
fn the_page_of_faults_lists_every_id_of_the_catalogue_and_no_other() {
    for around in &PAGES {
        let (page, heading) = around.list;
        let whole = text(page);
        let mark = format!("\n## {heading}\n\n");
        let (before, _) = whole.split_once(&mark).expect("the heading of the list");
        let list = format!("{}\n\n{}", around.index_text, around.listed("###", "faults/"));
        blessed(page, &format!("{before}{mark}{}\n", list.trim_end()));
    }
}

#[test]
fn an_id_that_a_document_shows_in_a_reply_is_one_of_the_catalogue() {
    let known: BTreeSet<&str> = catalog::all().map(|entry| entry.id).collect();
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let pages = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    let mut shown = 0;
    for page in pages.filter(|page| page.ends_with(".md")).chain(["README.md".to_owned()]) {
        let text = text(&page);
        for (at, mark) in text.match_indices("[gatepost ") {
            let id = text[at + mark.len()..].split(']').next().unwrap();
            assert!(known.contains(id), "{page}: {id}");
            shown += 1;
        }
    }
    assert!(shown > 0);
}

#[test]
fn both_limits_of_the_queue_are_named_and_what_helps_against_which() {
    const MOST: &str = "500,000";
    assert_eq!(MOST.replace(',', "").parse(), Ok(gatepost::queue::MOST_MESSAGES));
    for (id, lang) in ["queue-full", "queue-fills-up"].into_iter().flat_map(|id| Lang::ALL.map(|lang| (id, lang))) {
        let told = catalog::words(id, lang).unwrap();
        assert!(told.cause.contains(MOST) && told.cause.contains("`max-bytes`"), "{}", told.cause);
        let none = if lang == Lang::En { "nothing else helps" } else { "ほかに方法は" };
        assert!(told.next.contains(none) && told.next.contains("`max-bytes`"), "{}", told.next);
    }
}
