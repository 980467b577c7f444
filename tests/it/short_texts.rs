//! The id and the short text of a fault stand together wherever a person meets it: what the mail program shows, the log has,
//! an alert says and a page tells is found again by either.

use gatepost::{
    base::{Fault, Lang, Protocol},
    catalog::{self, Entry, explain},
    sandbox::PRESETS,
    wire::{imap, pop3, smtp},
};

use crate::{
    browser::{Browser, unescaped},
    process::run,
    whole_domain::status,
    world::{ANN, FOR_GOOD, Plan, World, journal, own_place, stage},
};

/// As many as the overview shows.
const AT_ONCE: usize = 15;

/// In front of it `gatepost status` finds the daemon where the file says.
async fn askable(plan: Plan) -> World {
    let (sandbox, dir, file) = stage(&plan).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let listens = "[console]\nlisten = \"127.0.0.1:0\"";
    assert!(text.contains(listens), "{text}");
    std::fs::write(&file, text.replace(listens, &format!("[console]\nlisten = \"{}\"", own_place()))).unwrap();
    World::on(sandbox, dir, &file).await
}

/// However its lines are broken.
fn flat(text: &str) -> String {
    text.split_whitespace().collect()
}

fn has(shown: &str, entry: &Entry) {
    let said = flat(shown);
    assert!(said.contains(entry.id) && said.contains(&flat(entry.short())), "{}: {shown}", entry.id);
}

async fn shown(browser: &Browser, path: &str) -> String {
    unescaped(&browser.page(path).await).replace("&#39;", "'").replace("&#34;", "\"")
}

fn as_label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// What is told of it on a page or at a terminal.
fn labelled(entry: &Entry, lang: Lang) -> String {
    let label = match (lang, entry.is_heard) {
        (Lang::En, true) => "What a client hears: ",
        (Lang::En, false) => "What the log says: ",
        (Lang::Ja, true) => "クライアントへの応答：",
        (Lang::Ja, false) => "ログの文言：",
    };
    format!("{label}\"{}\"", entry.short())
}

fn replies(fault: &Fault) -> [String; 4] {
    let smtp = smtp::reply::Reply::of((451, "4.7.0"), fault).lines.join(" ");
    let pop3 = String::from_utf8(pop3::reply::refusal(fault).to_vec()).unwrap();
    [smtp, imap::reply::refusal(fault), pop3, fault.to_string()]
}

#[test]
fn every_reply_and_every_line_of_the_log_has_the_id_and_the_short_text_of_its_fault() {
    for entry in catalog::all() {
        for how in ["run: gatepost login ann@contoso.com", "open http://127.0.0.1:8425/ or run: gatepost login x@y.z"] {
            for said in replies(&entry.fault_with(how)) {
                has(&said, entry);
                assert_eq!(explain::read(&said)[0].entry.id, entry.id, "{said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_has_its_id_and_short_text_in_metrics_status_and_console_in_both_languages() {
    let world = askable(Plan::default()).await;
    let (file, console) = (world.dir.path().join("gatepost.toml"), world.daemon.console_at().unwrap());
    let mut browser = Browser::inside(&world).await;
    let all: Vec<&Entry> = catalog::all().collect();
    for entries in all.chunks(AT_ONCE) {
        for entry in entries {
            world.daemon.meter().fault(Protocol::Smtp, ANN, &entry.fault());
        }
        let told = status(console, world.dir.path()).await;
        let faults = told["faults"].as_array().unwrap();
        for lang in Lang::ALL {
            let word = if lang == Lang::En { "en" } else { "ja" };
            let chosen = browser.get(&format!("/?lang={word}")).await;
            browser.keep_cookies(&chosen);
            let page = shown(&browser, "/").await;
            let (_, table, hint) = run(&["status", "--lang", word], &file);
            for entry in entries {
                let said = labelled(entry, lang);
                assert!(page.contains(&format!("<small>{said}</small>")), "{said}: {page}");
                assert!(page.contains(&format!("<code>{}</code>", entry.id)), "{page}");
                has(&table, entry);
                assert!(flat(&table).contains(&flat(&said)), "{said}: {table}{hint}");
                let fault = faults.iter().find(|fault| fault["id"] == entry.id).unwrap();
                assert!(fault["text"].as_str().unwrap().starts_with(entry.short()), "{fault}");
            }
        }
    }
    let metrics = world.metrics().await;
    for entry in all {
        let info = format!("gatepost_fault_info{{id=\"{}\",text=\"{}\"}} 1\n", entry.id, as_label(entry.short()));
        assert_eq!(metrics.matches(&info).count(), 1, "{info}");
        let is_counted = |line: &&str| line.starts_with("gatepost_faults_total{") && line.contains(entry.id);
        assert!(metrics.lines().any(|line| is_counted(&line)), "{}", entry.id);
    }
    assert!(!metrics.contains(ANN), "no metric names an account");
}

/// A person compares what the mail program showed with what the administrator sees.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_mail_program_showed_is_found_word_by_word_in_log_metrics_status_and_on_both_pages() {
    let off = PRESETS.iter().find(|preset| preset.name == "smtp-auth-disabled-tenant").unwrap();
    let world = askable(Plan::faulty(off.apply)).await;
    let entry = catalog::find("smtp-auth-disabled-tenant").unwrap();
    let said = world.ann_hears(Protocol::Smtp, FOR_GOOD).await;
    assert_eq!(said, format!("535 5.7.0 {} [gatepost {}]", entry.short(), entry.id));
    let peer = format!("peer={}:", world.source);
    let lines = journal().lines(&[&format!("{} [{}]", entry.short(), entry.id), &peer]);
    assert!(!lines.is_empty(), "{:?}", journal().lines(&[&peer]));
    let metrics = world.metrics().await;
    assert!(metrics.contains(&format!("gatepost_fault_info{{id=\"{}\",text=\"{}\"}} 1\n", entry.id, entry.short())));
    let of_the_older_form = "# TYPE gatepost_fault_info gauge\n";
    assert_eq!(metrics.matches(of_the_older_form).count(), 1, "{metrics}");

    let file = world.dir.path().join("gatepost.toml");
    let (_, english, _) = run(&["status", "--lang", "en"], &file);
    let heading = format!("\n  {} (smtp): Authenticated SMTP is switched off for the whole tenant;", entry.id);
    assert!(english.contains(&heading) || english.contains(&heading.replace(" (smtp)", "")), "{english}");
    let heard = format!("\n    {}\n", labelled(entry, Lang::En));
    assert_eq!(english.matches(&heard).count(), 1, "{english}");
    let (_, japanese, _) = run(&["status", "--lang", "ja"], &file);
    assert!(japanese.contains(&format!("\n    {}\n", labelled(entry, Lang::Ja))), "{japanese}");
    let (code, json, _) = run(&["status", "--json"], &file);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let fault = &json["faults"][0];
    assert_eq!((code, &fault["id"], &fault["text"]), (0, &entry.id.into(), &entry.short().into()));

    let mut browser = Browser::inside(&world).await;
    for (word, lang) in [("en", Lang::En), ("ja", Lang::Ja)] {
        let chosen = browser.get(&format!("/?lang={word}")).await;
        browser.keep_cookies(&chosen);
        for path in ["/".to_owned(), format!("/accounts/{ANN}")] {
            let page = shown(&browser, &path).await;
            let said = format!("<p><small>{}</small></p>", labelled(entry, lang));
            assert_eq!(page.matches(&said).count(), 1, "{path}: {page}");
        }
    }
}
