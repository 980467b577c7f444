//! The id and the short text of a fault stand together wherever a person meets it: what the mail program shows, the log has,
//! an alert says and a page tells is found again by either.

use std::time::Duration;

use gatepost::{
    base::{Fault, Lang, Protocol},
    catalog::{self, Entry, explain},
    sandbox::{Answer, PRESETS},
    wire::{imap, pop3, smtp},
};

use crate::{
    browser::{Browser, unescaped},
    mail_queue::jump,
    process::run,
    whole_domain::status,
    world::{ANN, BOB, FOR_GOOD, Plan, Talk, World, cheap_hash, journal, own_place, plain, stage},
};

/// As many as the overview shows.
const AT_ONCE: usize = 15;

/// In front of it `gatepost status` finds the daemon where the file says.
pub async fn askable(plan: Plan) -> World {
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

pub fn has(shown: &str, entry: &Entry) {
    let said = flat(shown);
    assert!(said.contains(entry.id) && said.contains(&flat(entry.short())), "{}: {shown}", entry.id);
}

pub async fn shown(browser: &Browser, path: &str) -> String {
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
fn every_fault_of_the_catalogue_has_its_id_and_short_text_in_a_reply_and_where_the_log_writes_it_out() {
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

/// The text of the fault, what is particular behind it, and the id; by the words alone `explain` knows it as well. An
/// upstream's own words may stand ahead of it.
fn is_said(reply: &str, id: &str, particulars: &str) {
    let entry = catalog::find(id).unwrap();
    let said =
        if particulars.is_empty() { entry.short().to_owned() } else { format!("{}: {particulars}", entry.short()) };
    let mark = format!(" [gatepost {id}]");
    assert!(reply.ends_with(&mark) && reply.contains(&format!(" {said}")), "{said}: {reply}");
    assert_eq!(reply.matches(entry.short()).count(), 1, "{reply}");
    let without = reply.strip_suffix(&mark).unwrap();
    assert_eq!(explain::read(without).iter().map(|found| found.entry.id).collect::<Vec<_>>(), [id], "{without}");
}

const UNLISTED: &str = "eve@elsewhere.example";
const LISTED: &str = "ceo@fabrikam.example";

async fn refuses(smtp: &mut Talk, line: &str, id: &str, particulars: &str) {
    is_said(&smtp.exchange(line, "").await, id, particulars);
}

/// Ends the transaction, whatever became of it.
async fn refuses_message(smtp: &mut Talk, head: &str, id: &str, particulars: &str) {
    smtp.open_message().await;
    smtp.send(format!("{head}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    is_said(&smtp.reply().await, id, particulars);
}

#[tokio::test]
async fn what_the_sender_may_not_and_what_cannot_be_read_begins_with_the_text_of_its_fault() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    let listed = format!("<{UNLISTED}> in MAIL FROM is not in send-as of {ANN}");
    refuses(&mut smtp, &format!("MAIL FROM:<{UNLISTED}>"), "sender-not-allowed", &listed).await;
    refuses_message(
        &mut smtp,
        &format!("From: {UNLISTED}"),
        "sender-not-allowed",
        &listed.replace("MAIL FROM", "From"),
    )
    .await;
    refuses_message(&mut smtp, "From: (scan)", "sender-unreadable", "From says (scan); write its name in quotes").await;
    let from = format!("From: {ANN}\r\n");
    refuses_message(&mut smtp, &format!("{from}a: \rb"), "bare-cr", "").await;
    refuses_message(&mut smtp, &format!("{from}a: \0b"), "nul-byte", "").await;
    let fields = format!("{from}{}b: c", "a:\r\n".repeat(4000));
    refuses_message(&mut smtp, &fields, "header-too-large", "it has more than 4000 fields").await;
    let block = format!("{from}{}b: c", format!("a: {}\r\n", "x".repeat(900)).repeat(300));
    refuses_message(&mut smtp, &block, "header-too-large", "it has more than 256 KiB").await;
    smtp.say("DATA\r\nx").await;
    let said = smtp.rest().await;
    is_said(said.trim_end().lines().last().unwrap(), "message-behind-refusal", "");
}

#[tokio::test]
async fn a_limit_of_ours_is_told_behind_the_text_of_its_fault() {
    let account = "delivery = \"queue\"".to_owned();
    let rules = "recipients = [\"*@contoso.example\"]\nmax-bytes = 2000";
    let login = format!("login = \"scan\"\npassword = \"{}\"", cheap_hash("scan"));
    let more = format!("[[client]]\nname = \"scan\"\naccount = \"{ANN}\"\n{rules}\n{login}\n\n");
    let world = World::with(Plan { account, more, ..Plan::default() }).await;
    let mut smtp = world.smtp_as_ann().await;
    let large = format!("MAIL FROM:<{ANN}> SIZE=157286401");
    refuses(&mut smtp, &large, "message-over-announced-size", "Gatepost takes 157286400 octets at most").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for _ in 0..1000 {
        smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    }
    refuses(&mut smtp, &format!("RCPT TO:<{BOB}>"), "too-many-recipients", "1000 are the most").await;

    let mut scan = world.greeted(Protocol::Smtp).await;
    scan.exchange(&format!("AUTH PLAIN {}", plain("scan", "scan")), "235 ").await;
    let large = format!("MAIL FROM:<{ANN}> SIZE=2001");
    refuses(&mut scan, &large, "client-message-too-large", "its max-bytes is 2000").await;
    scan.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let stranger = format!("<{UNLISTED}> is not in its recipients");
    refuses(&mut scan, &format!("RCPT TO:<{UNLISTED}>"), "recipient-not-allowed", &stranger).await;

    let world = World::with(Plan { account: "limits = { recipients-per-day = 1 }".into(), ..Plan::default() }).await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("x").await.starts_with("250 "));
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    refuses(&mut smtp, &format!("RCPT TO:<{BOB}>"), "recipients-used-up", "").await;
}

#[tokio::test]
async fn what_the_mail_server_refuses_is_explained_behind_its_words_by_the_text_of_the_fault() {
    let mut plan = Plan::faulty(|faults| faults.smtp.hidden = vec!["SMTPUTF8".into()]);
    plan.account = format!("send-as = [\"*@contoso.example\", \"{LISTED}\"]");
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    let mail = "MAIL FROM:<\u{e4}nn@contoso.example> SMTPUTF8";
    refuses(&mut smtp, mail, "smtputf8-missing", "it stands in an address").await;
    let right = format!("{ANN} has no Send As right on {LISTED}; an administrator runs: Add-RecipientPermission ");
    refuses(&mut smtp, &format!("MAIL FROM:<{LISTED}>"), "send-as-denied", &right).await;
    let right = format!("{ANN} has no Send on Behalf right on {LISTED}; an administrator runs: Set-Mailbox ");
    refuses_message(&mut smtp, &format!("From: {LISTED}\r\nSender: {ANN}"), "send-on-behalf-denied", &right).await;
    world.sandbox.faults().set(|faults| {
        faults.apply("own-address-denied");
    });
    let alias = format!("{ANN} may be an alias, or no longer the primary address; set the sender to that, which ");
    refuses_message(&mut smtp, &format!("From: {ANN}"), "own-address-denied", &alias).await;
    let answers = vec![Answer::new("DATA", "").times(1).close()];
    world.sandbox.faults().set(|faults| faults.smtp.answers = answers);
    refuses_message(&mut smtp, &format!("From: {ANN}"), "upstream-lost", "nothing was delivered, try again (").await;
}

#[tokio::test]
async fn a_client_that_is_without_tls_or_with_it_hears_the_text_of_that_fault() {
    let [off, implicit, required] =
        ["off", "implicit", "starttls-required"].map(|tls| World::with(Plan { tls, ..Plan::default() }));
    let (off, implicit, required) = (off.await, implicit.await, required.await);
    for (protocol, login) in [
        (Protocol::Smtp, format!("MAIL FROM:<{ANN}>")),
        (Protocol::Imap, format!("a LOGIN {ANN} x")),
        (Protocol::Pop3, format!("USER {ANN}")),
    ] {
        let mut talk = off.greeted(protocol).await;
        talk.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await;
        is_said(talk.rest().await.trim_end(), "client-tls-on-plain-port", "");
        let mut talk = implicit.talk(protocol).await;
        talk.say(&login).await;
        is_said(talk.rest().await.trim_end(), "client-plain-on-tls-port", "");
        let mut talk = required.greeted(protocol).await;
        refuses(&mut talk, &login, "client-without-starttls", "").await;
    }
}

const MISTAKE: &str = "protocol-mistake";
const CLOSED: &str = "connection-closed";

#[tokio::test]
async fn a_mistake_in_the_protocol_is_told_behind_the_text_of_that_fault_and_is_nobodys_trouble() {
    let world = World::new().await;
    let smtp = [
        ("XYZZY", "command not recognised"),
        ("RCPT TO:<x@y.z>", "MAIL first"),
        ("STARTTLS", "STARTTLS is not offered here"),
        ("AUTH CRAM-MD5", "unrecognised mechanism, use PLAIN or LOGIN"),
        ("MAIL FROM:<x@y.z> BY=5", "parameter BY is not offered here"),
        ("NOOP \x01", "control byte 0x01 in a command"),
        // A message may follow, and is no command.
        ("BDAT 5", "command not implemented"),
    ];
    let imap = [
        ("", "a command starts with a tag"),
        ("a SELECT INBOX", "unknown command, or not before login"),
        ("a LOGIN ann", "LOGIN takes a user name and a password"),
        ("a AUTHENTICATE NTLM", "unsupported mechanism, use PLAIN or LOGIN"),
        ("a LOGIN {5000}", "literal too long before login"),
    ];
    let pop3 = [
        ("XYZZY", "unknown command"),
        ("STAT", "log in first"),
        ("PASS x", "USER first"),
        ("APOP x y", "APOP is not supported, use USER and PASS"),
    ];
    for (protocol, mistakes) in [(Protocol::Smtp, &smtp[..]), (Protocol::Imap, &imap[..]), (Protocol::Pop3, &pop3[..])]
    {
        let mut talk = world.greeted(protocol).await;
        for (line, words) in mistakes {
            refuses(&mut talk, line, MISTAKE, words).await;
        }
        let (peer, protocol) = (format!("peer={}:", world.source), format!("protocol={protocol}"));
        let told = |words: &[&str]| journal().lines(&[words, &[peer.as_str(), protocol.as_str()]].concat()).len();
        let first = "command refused: Mistake in the protocol [protocol-mistake] while greeting: ";
        assert_eq!([told(&["INFO", first]), told(&["DEBUG", first])], [1, mistakes.len() - 1], "{protocol}");
        drop(talk);
        let left = ["INFO", "client left without a login: Mistake in the protocol [protocol-mistake]"];
        world.until("it left", |_| told(&left) == 1).await;
        let count = format!("id=\"{MISTAKE}\",stage=\"greeting\"}} {}", mistakes.len());
        let label = protocol.replace('=', "=\"");
        let is_counted = |line: &&str| line.contains(&label) && line.ends_with(&count);
        assert!(world.daemon.meter().text().lines().any(|line| is_counted(&line)), "{protocol}: {count}");
    }
    assert!(world.daemon.meter().recent.list().is_empty(), "nothing of it stands in the status");
}

#[tokio::test]
async fn a_command_out_of_its_order_is_a_mistake_behind_the_login_too_whoever_says_so() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    for (line, words) in [
        ("RCPT TO:<x@y.z>", "MAIL first"),
        ("AUTH LOGIN", "already authenticated"),
        ("STARTTLS", "STARTTLS comes before AUTH"),
        ("VRFYX", "command not recognised"),
        ("RCPT TO:<>", "RCPT needs an address"),
        ("DATA", "MAIL first"),
    ] {
        refuses(&mut smtp, line, MISTAKE, words).await;
    }
    smtp.exchange("RSET", "250 ").await;
    let sequence = "503 5.5.1 Bad sequence of commands";
    for command in ["MAIL", "RCPT", "DATA"] {
        world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(command, sequence).times(1)]);
        let mail = smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "").await;
        let rcpt = if command == "MAIL" { mail } else { smtp.exchange(&format!("RCPT TO:<{BOB}>"), "").await };
        let said = match command {
            "DATA" => {
                smtp.exchange("DATA", "354 ").await;
                smtp.send(format!("From: {ANN}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
                smtp.reply().await
            }
            _ => rcpt,
        };
        assert!(said.starts_with(sequence), "{said}");
        is_said(&said, MISTAKE, "");
        smtp.exchange("RSET", "250 ").await;
    }
    assert!(smtp.message("x").await.starts_with("250 "));
    assert!(world.daemon.meter().recent.list().is_empty(), "{:?}", world.daemon.meter().recent.list());
}

#[tokio::test]
async fn whoever_is_shut_out_hears_why_behind_the_text_of_that_fault_and_so_does_the_log() {
    let world = World::new().await;
    for protocol in [Protocol::Smtp, Protocol::Imap, Protocol::Pop3] {
        let (mistake, noop) = if protocol == Protocol::Imap { ("a XYZZY", "a NOOP") } else { ("XYZZY", "NOOP") };
        for (line, times, why) in [(mistake, 21, "too many mistakes"), (noop, 101, "too many commands without a login")]
        {
            let mut talk = world.greeted(protocol).await;
            talk.try_send(format!("{line}\r\n").repeat(times).as_bytes()).await;
            is_said(talk.rest().await.trim_end().lines().last().unwrap(), CLOSED, why);
            let (peer, protocol) = (format!("peer={}:", world.source), format!("protocol={protocol}"));
            let line = format!("connection closed: Gatepost closes this connection [{CLOSED}] while greeting: {why}");
            let told = || journal().lines(&["INFO", &line, &peer, &protocol]).len();
            world.until("it is told", |_| told() == 1).await;
        }
        let mut talk = world.greeted(protocol).await;
        talk.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let tongue = format!("{}, not HTTP", protocol.as_str().to_uppercase());
        is_said(talk.rest().await.trim_end(), "client-other-protocol", &tongue);
        let mut talk = world.greeted(protocol).await;
        talk.try_send("x".repeat(5000).as_bytes()).await;
        let long = if protocol == Protocol::Imap { "command too long" } else { "line too long" };
        talk.rest().await.lines().for_each(|line| is_said(line, MISTAKE, long));
    }
    let mut smtp = world.smtp_as_ann().await;
    smtp.try_send("XYZZY\r\n".repeat(21).as_bytes()).await;
    is_said(smtp.rest().await.trim_end().lines().last().unwrap(), CLOSED, "too many mistakes");
    assert!(world.daemon.meter().recent.list().is_empty(), "nothing of it stands in the status");
}

#[tokio::test]
async fn whoever_is_silent_for_too_long_hears_that_behind_the_text_of_its_fault() {
    let world = World::new().await;
    let (mut idle, mut open) = (world.smtp_as_ann().await, world.smtp_in_data().await);
    jump(Duration::from_secs(5 * 60 + 1)).await;
    is_said(&idle.reply().await, CLOSED, "silent for too long");
    is_said(&open.reply().await, "message-too-slow", "nothing was delivered");
    let stands: Vec<_> = world.daemon.meter().recent.list().iter().map(|fault| fault.id).collect();
    assert_eq!(stands, ["message-too-slow"], "its message is somebody's");
}

#[test]
fn the_id_survives_whatever_is_particular_and_the_line_has_512_octets() {
    for entry in catalog::all() {
        for said in replies(&entry.fault().saying("x".repeat(2000))).into_iter().take(3) {
            assert!(said.ends_with(&format!(" [gatepost {}]", entry.id)) || said.ends_with("]\r\n"), "{said}");
        }
        let reply = smtp::reply::Reply::new(550, "5.7.60 no").explained_by(&entry.fault().saying("x".repeat(2000)));
        let wire = String::from_utf8(reply.to_wire().to_vec()).unwrap();
        assert!(wire.ends_with(&format!(" [gatepost {}]\r\n", entry.id)), "{wire}");
        assert!(wire.split_inclusive("\r\n").all(|line| line.len() <= 512), "{wire}");
        assert!(pop3::reply::refusal(&entry.fault().saying("x".repeat(2000))).len() <= 512, "{}", entry.id);
    }
}
