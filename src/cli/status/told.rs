//! A status of the daemon, which speaks English, in Japanese: what the catalogue says of each fault, states, and who is meant.
//! And, in either language, what to do about what stands in the way of an account, since no client may have met that yet.
//!
//! What the catalogue does not know, or a newer daemon says, stays as it is.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::steps::{AHEAD, BESIDE};
use crate::{
    account::{Account, Occasion, account_of},
    base::{Lang, Owner, Protocol, Stage, invocation::gatepost},
    catalog::{self, Known, Words, doctor::SOMEBODY_ELSE_SIGNED_IN, moment, token::SIGN_IN_MISSING},
    cli::{language, pasted::shell},
    config::Config,
    console::{known_of_left_bodies, said_of_left_behind, said_of_left_bodies, said_of_lost},
    expiry::{Ending, What},
    oauth::Phase,
};

const LANG: Lang = Lang::Ja;
/// Of a sign-in: for mail, for Graph alone, and of a later one that was refused while it goes on.
const FAULTS: [&str; 3] = ["fault", "graph-fault", "refused-beside"];
/// Where the id of a refused sign-in stands, and when that was.
const REFUSED: [(&str, &str); 2] =
    [("/fault/id", "/sign-in-refused-at"), ("/refused-beside/id", "/refused-beside/since")];
/// How far the clock is off, in words.
pub const SAID: &str = "said";
/// As the status spells who refuses.
const BY_PROVIDER: &str = "identity provider";

/// What to do about each trouble of an account: of its sign-in, and what its servers refuse.
pub fn with_steps(status: &mut Value, config: &Config, lang: Lang) {
    with_not_loaded(status, lang);
    with_clock(status, lang);
    with_left_behind(status, lang);
    with_lost(status, lang);
    with_left_bodies(status, lang);
    with_endings(status, config, lang);
    for account in rows_mut(status, "accounts") {
        let address = text(account, "/address").unwrap_or_default();
        let named = account_of(address, &config.accounts, &config.domains);
        if let Some(state) = account.get_mut("sign-in").filter(|state| lacks_a_sign_in(state)) {
            put(state, "fault", Some(json!({ "id": SIGN_IN_MISSING.id })));
        }
        let by_itself = text(account, "/app-only").map(|app| lang.app_only(app));
        put(account, "signed-in-as", by_itself);
        let by_another = by_another_name(account, lang);
        put(account, "warning", by_another);
        let state = account.get("sign-in").cloned();
        let tell = |fault: &mut Value, occasion: &Occasion<'_>| {
            let Some(entry) = text(fault, "/id").and_then(catalog::find) else { return };
            explain(fault, entry.told(lang, &known(named.as_deref(), occasion, state.as_ref())));
        };
        for name in FAULTS {
            let fault = account.get_mut("sign-in").and_then(|state| state.get_mut(name));
            fault.into_iter().for_each(|fault| {
                tell(fault, &Occasion::of_sign_in(None));
                short(fault);
            });
        }
        for refusal in rows_mut(account, "refusals") {
            let by_provider = text(refusal, "/by") == Some(BY_PROVIDER);
            let stage = by_provider.then_some(Stage::FetchingToken);
            let protocol = protocol_of(refusal);
            tell(refusal, &Occasion { protocol, stage, ..Occasion::default() });
            short(refusal);
        }
    }
}

/// What of its configuration the daemon does not have is told in a line, under its id. Where a restart is needed, how to reload,
/// which does not help, is not.
fn with_not_loaded(status: &mut Value, lang: Lang) {
    let Some(sections) = status.as_object_mut() else { return };
    let leaves_mail = sections.contains_key("left-behind");
    for name in ["needs-restart", "refused-reload"] {
        let told = sections.get(name).and_then(|one| not_loaded(one, leaves_mail, lang));
        told.into_iter().for_each(|told| drop(sections.insert(name.to_owned(), json!(told))));
    }
    if sections.contains_key("needs-restart") {
        sections.remove("reload");
    }
}

/// `leaves_mail`: what it leaves is told, too, and decided first.
fn not_loaded(one: &Value, leaves_mail: bool, lang: Lang) -> Option<String> {
    let entry = text(one, "/id").and_then(catalog::find)?;
    if let (Some(what), Some(restart)) = (text(one, "/what"), text(one, "/restart")) {
        let moves = one.get("moves-store").and_then(Value::as_bool) == Some(true);
        let first = if leaves_mail && moves { lang.what_a_restart_leaves() } else { "" };
        let told = match lang {
            Lang::En => format!("{what}; next step: {first}{restart}"),
            Lang::Ja => format!("{what}。次の手順: {first}{restart}"),
        };
        return Some(catalog::said_in(entry, &told, lang));
    }
    let at = moment(Timestamp::from_second(one.get("at")?.as_i64()?).ok()?, "%Y-%m-%d %H:%M");
    let said = |name| text(one, name).map(|said| language::said(said, lang));
    let hint = said("/hint").map(|hint| format!(" ({hint})")).unwrap_or_default();
    let (problem, next) = (said("/problem")?, entry.words(lang).next);
    let told = match lang {
        Lang::En => format!("{at}: {problem}{hint}. {next}"),
        Lang::Ja => format!("{at}: {problem}{hint}。{next}"),
    };
    Some(catalog::said_in(entry, &told, lang))
}

/// How far it is off, and what to do.
fn with_clock(status: &mut Value, lang: Lang) {
    let Some(clock) = status.get_mut("clock") else { return };
    let seconds = clock.get("seconds").and_then(Value::as_u64);
    let is_behind = clock.get("behind").and_then(Value::as_bool);
    if let (Some(seconds), Some(is_behind)) = (seconds, is_behind) {
        put(clock, SAID, Some(catalog::clock_off(seconds, is_behind, lang)));
    }
    if let Some(entry) = text(clock, "/id").and_then(catalog::find) {
        explain(clock, entry.told(lang, &Known::default()));
        // Mail goes on meanwhile.
        put(clock, BESIDE, Some(true));
    }
}

/// Where that is, how much, and what to do.
fn with_left_behind(status: &mut Value, lang: Lang) {
    let Some(left) = status.get_mut("left-behind") else { return };
    let number = |name: &str| left.get(name).and_then(Value::as_u64).unwrap_or_default();
    let Some(store) = text(left, "/store").map(str::to_owned) else { return };
    let said = said_of_left_behind(&store, number("messages"), number("sign-ins"), lang);
    put(left, SAID, Some(said));
    if let Some(entry) = text(left, "/id").and_then(catalog::find) {
        explain(left, entry.told(lang, &Known { left_store: Some(store), ..Known::default() }));
    }
}

/// How many messages are gone, and what to do.
fn with_lost(status: &mut Value, lang: Lang) {
    let Some(lost) = status.pointer_mut("/queue/lost") else { return };
    let messages = lost.get("messages").and_then(Value::as_u64).unwrap_or_default();
    put(lost, SAID, Some(said_of_lost(messages, lang)));
    if let Some(entry) = text(lost, "/id").and_then(catalog::find) {
        explain(lost, entry.told(lang, &Known::default()));
    }
}

/// The same of bodies in the folder of the queue.
fn with_left_bodies(status: &mut Value, lang: Lang) {
    let Some(left) = status.get_mut("left-bodies") else { return };
    let messages = left.get("messages").and_then(Value::as_u64).unwrap_or_default();
    let Some(folder) = text(left, "/folder").map(str::to_owned) else { return };
    put(left, SAID, Some(said_of_left_bodies(&folder, messages, lang)));
    if let Some(entry) = text(left, "/id").and_then(catalog::find) {
        explain(left, entry.told(lang, &known_of_left_bodies(&folder)));
    }
}

/// What to do about a secret or certificate, before its end is met and behind it, and where it cannot be read.
fn with_endings(status: &mut Value, config: &Config, lang: Lang) {
    for row in rows_mut(status, "endings") {
        let Some(what) = text(row, "/what").and_then(What::named) else { continue };
        let name = text(row, "/name").unwrap_or_default().to_owned();
        let (days_left, trouble) = (row.get("days-left").and_then(Value::as_i64), text(row, "/trouble"));
        let ending = Ending { what, name, ends_at: None, days_left, trouble: trouble.map(str::to_owned) };
        let account = config.accounts.iter().find(|account| account.sign_in.app.name == ending.name);
        let of_app = || config.apps.get(&ending.name).map(|app| app.known()).unwrap_or_default();
        let known = account.map_or_else(of_app, |account| account.known(&Occasion::of_sign_in(None)));
        let Some(words) = ending.words(lang, &known) else { continue };
        explain(row, words);
        put(row, "id", ending.fault().map(|entry| entry.id));
        put(row, AHEAD, ending.is_ahead().then_some(true));
    }
}

/// Of a store that could not be read nobody knows who is signed in.
pub fn unread(status: &mut Value, lang: Lang) {
    let not_known = match lang {
        Lang::En => "not known: the store cannot be read",
        Lang::Ja => "不明（ストアを読み取れません）",
    };
    for account in rows_mut(status, "accounts") {
        put(account, "sign-in", Some(json!({ "phase": not_known })));
    }
}

/// Where nothing is stored there is no fault, and something to do.
fn lacks_a_sign_in(state: &Value) -> bool {
    text(state, "/phase") == Some(Phase::SignInNeeded.as_str()) && state.get("fault").is_none_or(Value::is_null)
}

fn explain(fault: &mut Value, words: Words) {
    let Words { cause, next, shell, avoid } = words;
    for (name, text) in [("cause", Some(cause)), ("next-step", Some(next)), ("shell", shell), ("avoid", avoid)] {
        put(fault, name, text);
    }
}

fn protocol_of(fault: &Value) -> Option<Protocol> {
    Protocol::ALL.into_iter().find(|protocol| Some(protocol.as_str()) == text(fault, "/protocol"))
}

pub fn in_japanese(status: &mut Value, config: &Config) {
    let accounts = rows(status, "accounts").clone();
    for fault in rows_mut(status, "faults") {
        told(fault, config, &accounts);
    }
    for account in rows_mut(status, "accounts") {
        of_account(account);
    }
    let still = status.get_mut("queue").map(|queue| rows_mut(queue, "standstills"));
    still.into_iter().flatten().for_each(|one| told(one, config, &accounts));
    for session in rows_mut(status, "sessions") {
        let stage = Stage::ALL.into_iter().find(|stage| Some(stage.as_str()) == text(session, "/stage"));
        put(session, "stage", stage.map(|stage| catalog::stage(stage, LANG).to_owned()));
    }
    for ending in rows_mut(status, "endings") {
        let what = match text(ending, "/what") {
            Some("client-secret") => Some("クライアントシークレット"),
            Some("app-certificate") => Some("アプリの証明書"),
            Some("listener-certificate") => Some("リスナーの証明書"),
            _ => None,
        };
        put(ending, "what", what.map(str::to_owned));
        said(ending, "trouble");
    }
    said(status, "store");
}

fn said(of: &mut Value, name: &str) {
    let told = of.get(name).and_then(Value::as_str).map(|english| language::said(english, LANG));
    put(of, name, told);
}

fn rows<'a>(status: &'a Value, name: &str) -> &'a Vec<Value> {
    const NONE: &Vec<Value> = &Vec::new();
    status.get(name).and_then(Value::as_array).unwrap_or(NONE)
}

fn rows_mut<'a>(status: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    status.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

fn text<'a>(of: &'a Value, at: &str) -> Option<&'a str> {
    of.pointer(at).and_then(Value::as_str)
}

/// With what the daemon knows of the account besides its configuration.
fn told(fault: &mut Value, config: &Config, accounts: &[Value]) {
    let Some(entry) = text(fault, "/id").and_then(catalog::find) else { return };
    let address = text(fault, "/account").unwrap_or_default();
    let account = account_of(address, &config.accounts, &config.domains);
    let stage = Stage::ALL.into_iter().find(|stage| Some(stage.as_str()) == text(fault, "/stage"));
    let (protocol, sender, client) = (protocol_of(fault), text(fault, "/sender"), text(fault, "/client"));
    let occasion = Occasion { protocol, stage, address: Some(address), sender, client, ..Occasion::default() };
    let device_address = rows(fault, "peers").last().and_then(Value::as_str).map(str::to_owned);
    let state = accounts.iter().find(|one| text(one, "/address") == Some(address)).and_then(|one| one.get("sign-in"));
    let words = entry.told(LANG, &Known { device_address, ..known(account.as_deref(), &occasion, state) });
    let owner = Owner::ALL.into_iter().find(|owner| Some(owner.as_str()) == text(fault, "/owner"));
    explain(fault, words);
    put(fault, "owner", owner.map(|owner| catalog::owner(owner, LANG).to_owned()));
    put(fault, "stage", stage.map(|stage| catalog::stage(stage, LANG).to_owned()));
}

fn known(account: Option<&Account>, occasion: &Occasion<'_>, state: Option<&Value>) -> Known {
    let known = account.map(|account| account.known(occasion)).unwrap_or_default();
    let address = known.address.clone().or_else(|| occasion.address.map(str::to_owned));
    let client = occasion.client.map(str::to_owned);
    let object_id = state.and_then(|state| text(state, "/object-id")).map(str::to_owned);
    let beside = |name| state.and_then(|state| text(state, &format!("/refused-beside/{name}")));
    let consented_as = || state.and_then(|state| text(state, "/consented-as"));
    let signed_in_as = beside("signed-in-as").or_else(consented_as).map(str::to_owned);
    let whose_stays = beside("whose-stays").map(str::to_owned);
    let faults = state.into_iter().flat_map(|state| FAULTS.map(|name| state.get(name))).flatten();
    let asks_again = faults.filter_map(|fault| {
        let id = catalog::find(text(fault, "/id")?)?.id;
        Some((id, catalog::moment(text(fault, "/asks-again-at")?.parse().ok()?, "%H:%M")))
    });
    let refused_sign_in = state.and_then(|state| {
        let one = |(id, at)| Some((catalog::find(text(state, id)?)?.id, text(state, at)?.parse().ok()?));
        REFUSED.into_iter().find_map(one)
    });
    let asks_again = asks_again.collect();
    Known { address, client, object_id, signed_in_as, whose_stays, asks_again, refused_sign_in, ..known }
}

/// With its id and the command, where somebody else signed in than was meant and no mail server let them in.
fn by_another_name(account: &Value, lang: Lang) -> Option<String> {
    text(account, "/warning")?;
    let (other, identity) = (text(account, "/signed-in-as")?, text(account, "/sign-in/identity")?);
    let login = format!("{} login {}", gatepost(), shell(text(account, "/address")?));
    Some(format!("{} `{login}` [{}]", lang.consented_for(other, identity), SOMEBODY_ELSE_SIGNED_IN.id))
}

fn of_account(account: &mut Value) {
    if let Some(state) = account.get_mut("sign-in") {
        let phase = Phase::ALL.into_iter().find(|phase| Some(phase.as_str()) == text(state, "/phase"));
        put(state, "phase", phase.map(|phase| phase_word(phase).to_owned()));
    }
    for refusal in rows_mut(account, "refusals") {
        let by = match text(refusal, "/by") {
            Some(BY_PROVIDER) => "ID プロバイダー",
            Some("mail server") => "メールサーバー",
            Some("proxy") => "プロキシー",
            _ => continue,
        };
        put(refusal, "by", Some(by.to_owned()));
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "起動中",
        Phase::Ready => "利用可能",
        Phase::Waiting => "待機中",
        Phase::SignInNeeded => "サインインが必要",
        Phase::Refused => "拒否",
    }
}

/// Why it is, in the place of the text of the wire, whose commands stand with the steps, each on a line of its own.
fn short(fault: &mut Value) {
    let cause = text(fault, "/cause").map(str::to_owned);
    put(fault, "text", cause);
}

pub(super) fn put(of: &mut Value, name: &str, told: Option<impl Into<Value>>) {
    if let (Some(told), Some(fields)) = (told, of.as_object_mut()) {
        fields.insert(name.to_owned(), told.into());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{self, Surroundings};

    const FILE: &str = r#"
[app.contoso]
provider = "microsoft365"
tenant = "contoso.com"
client-id = "00000000-0000-0000-0000-000000000000"
client-secret = "x"
grant = "client-credentials"

[[account]]
address = "ann@contoso.com"
app = "contoso"
password = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$lNTCgLIwXNcRuNuoPuCNsQ"
"#;

    #[test]
    fn what_the_daemon_says_in_english_is_said_in_japanese_with_all_it_knows() {
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let (config, _) = config::check_text(FILE, "gatepost.toml", &around).unwrap();
        let mut status = json!({
            "store": "the store takes no writes: disk I/O error; check free space and rights, and who else has it open",
            "sessions": [{ "stage": "signing on" }],
            "endings": [{ "what": "client-secret", "trouble": "/x/app.pem: no certificate in PEM" }],
            "accounts": [{
                "address": "ann@contoso.com",
                "sign-in": {
                    "phase": "refused", "object-id": "o-1",
                    "fault": {
                        "id": "consent-missing", "text": "The app has no consent",
                        "asks-again-at": "2026-11-28T14:35:10Z",
                    },
                    "graph-fault": { "id": "graph-consent-missing", "asks-again-at": "2026-11-28T14:50:10Z" },
                },
                "refusals": [{ "id": "consent-missing", "by": "identity provider", "text": "no" }],
            }],
            "faults": [
                { "id": "consent-missing", "account": "ann@contoso.com", "owner": "tenant-admin", "stage": "fetching token" },
                { "id": "graph-consent-missing", "account": "ann@contoso.com" },
                { "id": "send-as-denied", "account": "ann@contoso.com", "sender": "info@contoso.com", "protocol": "smtp" },
                { "id": "of-another-version", "cause": "It is new.", "next-step": "Look." },
                { "id": "authentication-required", "account": "", "peers": ["192.0.2.1", "192.0.2.7"] },
            ],
        });
        with_steps(&mut status, &config, LANG);
        in_japanese(&mut status, &config);
        let at = |path: &str| status.pointer(path).and_then(Value::as_str).unwrap_or_default();
        assert_eq!(at("/accounts/0/sign-in/phase"), "拒否");
        assert!(at("/store").starts_with("ストアに書き込めません（disk I/O error）"), "{status}");
        assert_eq!(
            (at("/sessions/0/stage"), at("/endings/0/what")),
            ("メールサーバーで認証中", "クライアントシークレット")
        );
        assert_eq!(at("/endings/0/trouble"), "/x/app.pem: PEM 形式の証明書がありません");
        assert!(at("/accounts/0/sign-in/fault/text").contains("同意していません"), "{status}");
        assert_eq!(at("/accounts/0/refusals/0/by"), "ID プロバイダー");
        let next = at("/accounts/0/sign-in/fault/next-step");
        assert!(next.contains("/contoso.com/adminconsent?") && next.contains("14:35 UTC"), "{next}");
        assert_eq!(at("/accounts/0/refusals/0/next-step"), next, "no client met it yet");
        let next = at("/faults/0/next-step");
        assert!(next.contains("/contoso.com/adminconsent?") && next.contains("14:35 UTC"), "{next}");
        assert_eq!((at("/faults/0/owner"), at("/faults/0/stage")), ("テナントの管理者", "トークン取得中"));
        let next = at("/faults/1/next-step");
        assert!(next.contains("14:50 UTC") && !next.contains("14:35"), "{next}");
        let next = at("/faults/2/next-step");
        assert!(next.contains("-Identity info@contoso.com -Trustee o-1 "), "{next}");
        assert_eq!(at("/faults/3/next-step"), "Look.");
        assert!(at("/faults/4/next-step").contains("`from = [\"192.0.2.7\"]`"), "{status}");
    }

    #[test]
    fn a_wrong_clock_is_told_in_a_sentence_with_what_to_do() {
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let (config, _) = config::check_text(FILE, "gatepost.toml", &around).unwrap();
        for (lang, off, next) in [
            (Lang::En, "this machine is 600 s behind the identity provider", "Set the clock of the machine"),
            (Lang::Ja, "このマシンは ID プロバイダーより600秒遅れています", "マシンの時計を合わせてください"),
        ] {
            let mut status = json!({ "clock": { "id": "clock-skewed", "seconds": 600, "behind": true } });
            with_steps(&mut status, &config, lang);
            let text = super::super::table::draw(&status, lang);
            for part in [off, "clock-skewed: ", next, "timedatectl set-ntp true"] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }

    /// A token that is held hid it, and the account was called ready without a word.
    #[test]
    fn a_secret_that_ends_soon_or_has_ended_is_told_with_what_to_do_while_a_token_is_held_still() {
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let (config, _) = config::check_text(FILE, "gatepost.toml", &around).unwrap();
        for (lang, days, cause, next) in [
            (Lang::En, 5, Some("the client secret of the app ends in 5 days: "), "make a new client secret"),
            (Lang::En, -1, Some("the client secret of the app ended 1 day ago. "), "make a new client secret"),
            (
                Lang::Ja,
                0,
                Some("クライアントシークレットは今日期限が切れます。"),
                "新しいクライアントシークレットを作成",
            ),
            (
                Lang::Ja,
                -2,
                Some("クライアントシークレットは2日前に期限が切れました。"),
                "新しいクライアントシークレットを作成",
            ),
            (Lang::En, 31, None, ""),
        ] {
            let mut status = json!({ "endings": [{ "what": "client-secret", "name": "contoso", "days-left": days }] });
            with_steps(&mut status, &config, lang);
            let told: String = super::super::table::draw(&status, lang).split_whitespace().collect();
            for part in [cause.unwrap_or(""), next] {
                assert!(told.contains(&part.replace(' ', "")), "{part}: {told}");
            }
            assert_eq!(told.contains("client-secret-expired:"), cause.is_some(), "{told}");
            assert!(!told.contains("hasexpired") && !told.contains("Whatthelogsays"), "nobody was told so yet: {told}");
        }
    }

    /// The status had `-30`, or `no certificate in PEM`, and neither id nor step.
    #[test]
    fn a_certificate_that_ended_ends_soon_or_cannot_be_read_has_its_id_and_what_to_do() {
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let (config, _) = config::check_text(FILE, "gatepost.toml", &around).unwrap();
        let (listener, app) = ("listener-certificate", "app-certificate");
        for (lang, what, days, trouble, told) in [
            (Lang::En, listener, Some(5), None, ["certificate-ended: ", "ends in 5 days", "Renew the certificate"]),
            (Lang::En, listener, Some(-30), None, ["A certificate of Gatepost has ended", "30 days ago", "Renew the"]),
            (Lang::En, listener, None, Some("no"), ["certificate-ended: ", "none that can be read", "Renew the"]),
            (Lang::En, app, Some(0), None, ["app-certificate-refused: ", "ends today", "Upload a new certificate"]),
            (Lang::En, app, None, Some("no"), ["app-certificate-unreadable: ", "can", "Check `certificate`"]),
            (
                Lang::Ja,
                listener,
                Some(-30),
                None,
                ["certificate-ended: ", "30日前に期限が切れました", "証明書を更新して"],
            ),
            (Lang::Ja, app, Some(9), None, ["app-certificate-refused: ", "9日後に", "新しい証明書をプロバイダーに"]),
        ] {
            let ending = json!({ "what": what, "name": "contoso", "days-left": days, "trouble": trouble });
            let mut status = json!({ "endings": [ending] });
            with_steps(&mut status, &config, lang);
            let text = super::super::table::draw(&status, lang);
            let squeezed: String = text.split_whitespace().collect();
            for part in told {
                assert!(squeezed.contains(&part.replace(' ', "")), "{part}: {text}");
            }
            assert_eq!(text.contains("has ended or cannot be read"), what == listener && days != Some(5), "{text}");
        }
        let mut later = json!({ "endings": [{ "what": listener, "name": "x", "days-left": 31, "trouble": null }] });
        with_steps(&mut later, &config, Lang::En);
        assert_eq!(later["endings"][0].get("id"), None);
    }
}
