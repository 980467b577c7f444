//! What a pasted line of the log tells besides what went wrong: of which account, by which protocol, who was refused, and
//! on which configuration its daemon runs.
//!
//! It believes nothing that could not be so: an address is one, a protocol is ours, and a configuration is a file that only
//! root or whoever asks could have written.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    account::{Account, BY_LOGIN, Occasion, Proxies},
    base::{Protocol, Stage, is_mailbox, printable},
    catalog::{
        Entry, Known, Place, Via,
        doctor::{LISTEN_ADDRESS_UNKNOWN, LISTENER_NOT_OPEN, PORT_NOT_PERMITTED, PORT_TAKEN},
        explain::{filled_in, protocol_of, unknown_number, without_advice},
        is_harmless_path,
        message::OWN_ADDRESS_DENIED,
        own::{
            PROXY_FORBIDS, PROXY_LOGIN_REFUSED, PROXY_NO_WAY, PROXY_PORTAL, PROXY_SCHEME_UNKNOWN, PROXY_UNREACHABLE,
        },
    },
    config::Config,
    net::{Bind, is_beside},
};

/// Faults of our own ports.
const OF_LISTENERS: [&str; 4] = [LISTENER_NOT_OPEN.id, PORT_TAKEN.id, PORT_NOT_PERMITTED.id, LISTEN_ADDRESS_UNKNOWN.id];

/// The first port that anybody may listen on.
const PRIVILEGED: u16 = 1024;

/// As the sign-in of an app that acts by itself is called, in the place of a person.
const BY_ITSELF: &str = "app-only";

/// As lines of a console call it.
const CONSOLE: [&str; 2] = ["console", "コンソール"];

/// The preset.
const GOOGLE: &str = "google";

/// Of a client's name.
const NAME_CAP: usize = 100;

/// Of what is in between.
const OF_PROXIES: [&str; 6] = [
    PROXY_FORBIDS.id,
    PROXY_LOGIN_REFUSED.id,
    PROXY_NO_WAY.id,
    PROXY_PORTAL.id,
    PROXY_SCHEME_UNKNOWN.id,
    PROXY_UNREACHABLE.id,
];

/// With what is configured of the account, if it is.
pub fn known(account: Option<&Account>, entry: &Entry, text: &str) -> Known {
    let protocol = protocol(text).or_else(|| protocol_of(text)).or_else(|| only_protocol(entry));
    let account = account
        .filter(|account| !is_of_google(text) || account.sign_in.app.known().provider.as_deref() == Some(GOOGLE));
    let is_of_tokens = entry.layer == "token" || text.contains(Stage::FetchingToken.as_str());
    let stage = is_of_tokens.then_some(Stage::FetchingToken);
    let (who, sender) = refused(text);
    let (table, not_allowed) = not_allowed(text).unzip();
    let sender = sender.or(not_allowed).or_else(|| address(text, "sender"));
    let client = client(text);
    let known = match account {
        Some(account) if OF_PROXIES.contains(&entry.id) && !is_of_tokens && protocol.is_none() => by_a_proxy(account),
        Some(account) => account.known(&Occasion { protocol, stage, ..Occasion::default() }),
        None => {
            let told = filled_in(text, entry).known;
            let smtp_user = who.or_else(|| sender.clone().filter(|_| entry.id == OWN_ADDRESS_DENIED.id));
            let person = trustee(text).filter(|who| is_mailbox(who)).map(str::to_owned);
            let of_trustee = || text.lines().find_map(|line| trustee(without_advice(line))).map(|who| !is_mailbox(who));
            let is_app_only = sign_in(text).map(|(_, who)| who == BY_ITSELF).or_else(of_trustee);
            let (host, port) = server(text).unzip();
            Known {
                address: self::account(text).or(table).or(told.address),
                mailbox: address(text, "mailbox").or(told.mailbox),
                smtp_user: smtp_user.or(told.smtp_user),
                who_signs_on: person.or(told.who_signs_on),
                is_app_only: is_app_only.or(told.is_app_only),
                provider: is_of_google(text).then(|| GOOGLE.to_owned()).or(told.provider),
                protocol,
                host,
                port,
                ..told
            }
        }
    };
    let sender = sender.or(known.sender).or_else(|| filled_in(text, entry).known.sender);
    let device_address = field(text, "peer").and_then(|peer| Some(peer.parse::<SocketAddr>().ok()?.ip().to_string()));
    let object_id = known.object_id.or_else(|| trustee(text).filter(|who| !is_mailbox(who)).map(str::to_owned));
    let asks_again = asks_again(text).map(|at| (entry.id, at)).into_iter().collect();
    // Of the account the mail server's port is known; these are about one of ours.
    let is_of_ours = OF_LISTENERS.contains(&entry.id);
    let (place, port) = if is_of_ours { (place(text), None) } else { (None, known.port) };
    let (signed_in_as, whose_stays) = (signed_in_as(text), whose_stays(text));
    Known {
        number: unknown_number(text),
        sender,
        signed_in_as,
        whose_stays,
        client,
        object_id,
        asks_again,
        port,
        place,
        device_address,
        is_in_general: true,
        ..known
    }
}

/// All places of ours that the configuration opens by itself.
pub fn places(config: &Config) -> Vec<Place> {
    let bound = config.listeners.iter().flat_map(|listener| &listener.listen);
    let bound =
        bound.filter_map(|bind| if let Bind::Address(at) = bind { Some(Place::of_listener(*at)) } else { None });
    bound.chain(config.console.listen.map(Place::of_console)).collect()
}

/// With the place that it is about, where that can be one alone of `all`, and else their ports.
pub fn at_a_place(mut known: Known, entry: &Entry, all: &[Place]) -> Known {
    if known.place.is_some() || !OF_LISTENERS.contains(&entry.id) {
        return known;
    }
    let may_be = |place: &&Place| entry.id != PORT_NOT_PERMITTED.id || place.address.port() < PRIVILEGED;
    let may_be: Vec<Place> = all.iter().filter(may_be).copied().collect();
    match may_be.as_slice() {
        [only] => known.place = Some(*only),
        several => known.ports_of_ours = several.iter().map(|place| place.address.port()).collect(),
    }
    known.ports_of_ours.sort_unstable();
    known.ports_of_ours.dedup();
    known
}

/// What a proxy did it did on a way that has one; where two proxies differ, nobody says which of them it was.
fn by_a_proxy(account: &Account) -> Known {
    let (proxy, carried) = meant_proxy(&account.proxies);
    let is_of_web = proxy.as_ref().is_some_and(|via| via.key.starts_with("http-proxy"));
    let stage = is_of_web.then_some(Stage::FetchingToken);
    let known = account.known(&Occasion { stage, ..Occasion::default() });
    let (host, port) = reached_through(proxy.as_ref(), &known).unzip();
    Known { proxy, carried, host, port, ..known }
}

fn meant_proxy(proxies: &Proxies) -> (Option<Via>, Vec<String>) {
    let ways = [proxies.http.as_ref(), proxies.mail.as_ref()];
    let ways: Vec<&Via> = ways.into_iter().flatten().filter(|via| !via.carries.is_empty()).collect();
    match ways.as_slice() {
        [one] => (Some((*one).clone()), Vec::new()),
        [http, mail] if http.url == mail.url => (Some((*http).clone()), Vec::new()),
        both => (None, both.iter().flat_map(|via| via.carries.clone()).collect()),
    }
}

/// Of whichever account: the network is the same for all.
pub fn behind(known: Known, proxies: Option<&Proxies>, entry: &Entry) -> Known {
    let proxies = proxies.filter(|_| OF_PROXIES.contains(&entry.id));
    let Some((proxy, carried)) = proxies.map(meant_proxy) else { return known };
    let proxy = proxy.or_else(|| known.proxy.clone());
    Known { proxy, carried, ..known }
}

/// A server to which a proxy leads: that of the account, unless it lies beside every proxy.
fn reached_through(proxy: Option<&Via>, known: &Known) -> Option<(String, u16)> {
    let own = known.host.clone().zip(known.port).filter(|(host, _)| !is_beside(host));
    let carried = || proxy?.carries.iter().find_map(|one| split(one));
    match proxy {
        Some(via) => own.filter(|(host, port)| via.carries.contains(&format!("{host}:{port}"))).or_else(carried),
        None => own,
    }
}

/// Its replies name its own pages, and end with its own mark.
fn is_of_google(text: &str) -> bool {
    ["support.google.com", "gsmtp"].iter().any(|mark| text.contains(mark))
}

/// `bob@contoso.com signed in; ...`: somebody else than was meant.
fn signed_in_as(text: &str) -> Option<String> {
    let who = text.split_once(" signed in; ")?.0.rsplit([' ', '"', '(']).next()?;
    is_mailbox(who).then(|| who.to_owned())
}

/// `...; the sign-in of ann@contoso.com stays`: whose place that does not take.
fn whose_stays(text: &str) -> Option<String> {
    let who = text.split_once(" signed in; the sign-in of ")?.1.split_once(" stays")?.0;
    is_mailbox(who).then(|| who.to_owned())
}

/// When the provider is asked again, as the fault itself has it.
fn asks_again(text: &str) -> Option<String> {
    let behind = text.split_once("Gatepost asks again at ")?.1;
    let (hour, _) = behind.split_once(" UTC")?;
    let is_hour = hour.len() == 5 && hour.bytes().all(|b| b.is_ascii_digit() || b == b':');
    is_hour.then(|| format!("{hour} UTC"))
}

/// `cannot listen on 127.0.0.1:1587: ...`, `[::1]:1587 ...`, `the console cannot ...`: the first address with a port.
fn place(text: &str) -> Option<Place> {
    let mut words = text.split(|c: char| c.is_ascii_whitespace() || "\"',".contains(c));
    let address = words.find_map(|word| word.trim_end_matches(':').parse().ok())?;
    Some(Place { address, is_console: CONSOLE.iter().any(|word| text.contains(word)) })
}

/// Who is to get the right in a command that is in the line: a person, or an app by its object id.
fn trustee(text: &str) -> Option<&str> {
    let said = [" -Trustee ", " -ObjectId ", " -User "].into_iter().find_map(|switch| text.split_once(switch));
    let behind = said?.1;
    behind
        .split(|c: char| !c.is_ascii_alphanumeric() && !"@._+-".contains(c))
        .next()
        .filter(|who| !who.is_empty() && !who.starts_with('-'))
}

/// Where all that it is known by is of one.
fn only_protocol(entry: &Entry) -> Option<Protocol> {
    let first = entry.replies.first()?.protocol?;
    entry.replies.iter().all(|pattern| pattern.protocol == Some(first)).then_some(first)
}

fn protocol(text: &str) -> Option<Protocol> {
    let named = field(text, "protocol")?;
    Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == named)
}

fn address(text: &str, name: &str) -> Option<String> {
    field(text, name).filter(|value| is_mailbox(value)).map(str::to_owned)
}

/// `account="ann@contoso.com"`: whom a line of the log is about.
pub fn account(text: &str) -> Option<String> {
    address(text, "account")
}

/// The `[[client]]` by its name, which may be any text; whoever logs in as an account has none.
fn client(text: &str) -> Option<String> {
    let behind =
        [" client=", "\"client\":"].iter().find_map(|begin| Some(without_advice(text).split_once(begin)?.1))?;
    // Both forms of the log escape it alike.
    let name = serde_json::Deserializer::from_str(behind).into_iter::<String>().next()?.ok()?;
    Some(printable(&name, NAME_CAP)).filter(|name| name != BY_LOGIN)
}

/// `sign_in="contoso/app-only"`: the app by its name in the configuration, and who signs in to it.
pub(super) fn sign_in(text: &str) -> Option<(&str, &str)> {
    field(without_advice(text), "sign_in")?.split_once('/')
}

/// `server="smtp.office365.com:587"`: where the session was going.
fn server(text: &str) -> Option<(String, u16)> {
    split(field(text, "server")?)
}

fn split(server: &str) -> Option<(String, u16)> {
    let (host, port) = server.rsplit_once(':')?;
    Some((host.to_owned(), port.parse().ok()?))
}

/// `name="value"`, `name=value` and `"name":"value"`.
pub(super) fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let spellings = [format!(" {name}="), format!("\"{name}\":")];
    let behind = spellings.iter().find_map(|spelling| Some(text.split_once(spelling.as_str())?.1))?;
    behind.trim_start_matches([' ', '"']).split([' ', '"', ',']).next()
}

/// `ann@contoso.com as info@contoso.com: Add-RecipientPermission ...`, or as the client hears it: `ann@contoso.com has no
/// Send As right on info@contoso.com; ...`, or in the words of Exchange. Who signed on, and as whom: the sender of the envelope may
/// be another one.
fn refused(text: &str) -> (Option<String>, Option<String>) {
    let ends = [' ', ':', '"', ';', '\n', '\\'];
    let said = |between: &str| {
        text.match_indices(between).find_map(|(at, _)| {
            let who = text.get(..at)?.rsplit(ends).next()?;
            let sender = text.get(at + between.len()..)?.split(ends).next()?;
            (is_mailbox(who) && is_mailbox(sender)).then(|| (Some(who.to_owned()), Some(sender.to_owned())))
        })
    };
    let all = [" as ", " not allowed to send as ", " has no Send As right on ", " has no Send on Behalf right on "];
    all.into_iter().find_map(said).unwrap_or_default()
}

/// `<info@contoso.com> in MAIL FROM is not in send-as of ann@contoso.com`: whose list that is, and who is not in it.
pub(super) fn not_allowed(text: &str) -> Option<(String, String)> {
    let (before, behind) = text.split_once(" is not in send-as of ")?;
    let sender = before.rsplit_once('<')?.1.split('>').next()?;
    let table = behind.split([' ', '"', ';', '\n']).next()?;
    (is_mailbox(sender) && is_mailbox(table)).then(|| (table.to_owned(), sender.to_owned()))
}

/// The commands of a daemon name its configuration, where it was given one.
pub fn configuration(text: &str) -> Option<PathBuf> {
    let path = text.split_once("gatepost --config ")?.1.split([' ', '`', '"']).next()?;
    let path = Path::new(Some(path).filter(|path| is_harmless_path(path))?);
    (path.is_absolute() && is_trusted(path)).then(|| path.to_owned())
}

/// Whoever writes into a log writes no configuration of somebody else's.
#[cfg(unix)]
fn is_trusted(file: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file).map(|about| about.uid());
    owner.is_some_and(|owner| owner == 0 || owner == rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn is_trusted(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::Lang, config};

    #[test]
    fn fields_are_found_in_both_forms_of_the_log_and_believed_only_if_they_can_be_so() {
        let text =
            r#"INFO MAIL refused session=7 account="ann@x.example" sender="info@x.example" protocol=smtp next="Do.""#;
        let json = r#"{"account":"ann@x.example","sender":"info@x.example","protocol":"smtp"}"#;
        for line in [text, json] {
            assert_eq!(address(line, "account").as_deref(), Some("ann@x.example"), "{line}");
            assert_eq!(address(line, "sender").as_deref(), Some("info@x.example"), "{line}");
            assert_eq!(protocol(line), Some(Protocol::Smtp), "{line}");
        }
        assert_eq!(address(r#" sender="no address""#, "sender"), None);
        assert_eq!(protocol(" protocol=gopher"), None);
    }

    /// What nobody asks about by a line of the log says nothing of the way.
    #[test]
    fn where_two_proxies_differ_a_fault_of_one_names_neither_and_all_that_goes_through_both() {
        let told = |entry: &'static Entry, network: &str| {
            let file = format!(
                "[network]\n{network}\n[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \
                 \"00000000-0000-0000-0000-000000000000\"\n[[account]]\naddress = \"ann@contoso.com\"\napp = \"contoso\"\n"
            );
            let around = config::Surroundings::of_this_process(std::path::Path::new("gatepost.toml"));
            let (config, _) = config::check_text(&file, "gatepost.toml", &around).unwrap();
            entry.told(Lang::En, &known(Some(&config.accounts[0]), entry, entry.id)).next
        };
        let [web, mail] = ["http-proxy = \"http://web.example:3128\"", "mail-proxy = \"http://mail.example:3128\""];
        let same = "mail-proxy = \"http://web.example:3128\"";
        let all = ["login.microsoftonline.com:443", "smtp.office365.com:587", "outlook.office365.com:995"];
        for network in [format!("{web}\n{mail}"), format!("{web}\n{same}")] {
            let step = told(PROXY_PORTAL, &network);
            assert!(all.iter().all(|server| step.contains(server)), "{step}");
        }
        for (network, line) in [
            (format!("{web}\n{mail}"), "`http-proxy = \"http://<user>:<password>@<host>:<port>\"`"),
            (format!("{web}\n{same}"), "`http-proxy = \"http://<user>:<password>@web.example:3128\"`"),
            (mail.to_owned(), "`mail-proxy = \"http://<user>:<password>@mail.example:3128\"`"),
        ] {
            let step = told(PROXY_LOGIN_REFUSED, &network);
            assert!(step.contains(line) && !step.contains("(`[network]`)"), "{step}");
        }
    }

    #[test]
    fn who_was_refused_as_whom_is_read_from_the_log_and_from_the_reply() {
        let (ann, info) = (Some("ann@x.example".to_owned()), Some("info@x.example".to_owned()));
        for line in [
            "as such [send-as-denied]: ann@x.example as info@x.example: Add-RecipientPermission -Identity info@x.example",
            r#"sender="ann@x.example" reply="554 5.2.252 SendAsDenied; ann@x.example not allowed to send as info@x.example; STOREDRV…""#,
            r#"reply="550 5.7.60 no\n5.7.1 ann@x.example has no Send As right on info@x.example; an administrator runs: x""#,
        ] {
            assert_eq!(refused(line), (ann.clone(), info.clone()), "{line}");
        }
        assert_eq!(refused("as good as nothing"), (None, None));
    }

    #[test]
    fn a_configuration_is_believed_if_it_is_a_file_that_no_stranger_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gatepost.toml");
        let line = format!("next=\"`gatepost --config {} login ann@x.example`.\"", file.display());
        assert_eq!(configuration(&line), None, "it is not there");
        std::fs::write(&file, "").unwrap();
        assert_eq!(configuration(&line), Some(file));
        for odd in ["`gatepost --config gatepost.toml login`", "`gatepost --config $(id) login`", "gatepost login"] {
            assert_eq!(configuration(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_line_that_names_when_the_provider_is_asked_again_is_explained_with_it() {
        let entry = crate::catalog::token::GRAPH_CONSENT_MISSING;
        let next = |text: &str| entry.told(crate::base::Lang::En, &known(None, entry, text)).next;
        let said = "535 5.7.3 no consent; Gatepost asks again at 14:35 UTC, or at once after: kill -HUP 7 [gatepost x]";
        assert!(next(said).contains(" Gatepost asks again by itself at 14:35 UTC."), "{}", next(said));
        for odd in
            ["Gatepost asks again at noon UTC", "Gatepost asks again at 14:35", "Gatepost asks again at `id` UTC"]
        {
            assert!(!next(odd).contains("by itself at"), "{odd}");
        }
    }

    #[test]
    fn of_a_port_of_ours_the_line_knows_and_never_the_mail_server() {
        for (text, wanted) in [
            (
                "error: Another program has the port that Gatepost is to listen on [port-taken]: cannot listen on \
                 127.0.0.53:1993: Address already in use (os error 98)",
                "src = 127.0.0.53:1993 or src = 0.0.0.0:1993 or src = [::]:1993",
            ),
            (
                "error: cannot listen on [::1]:1587: Address already in use [port-taken]",
                "src = [::1]:1587 or src = [::]:1587",
            ),
            ("port-taken", "sport = :<port>"),
        ] {
            let next = PORT_TAKEN.told(crate::base::Lang::En, &known(None, PORT_TAKEN, text)).next;
            assert!(next.starts_with(&format!("`ss -ltnp '{wanted}'`")), "{next}");
        }
    }

    #[test]
    fn of_a_sign_in_that_nobody_makes_the_way_of_the_app_alone_is_told() {
        let entry = crate::catalog::token::CONSENT_MISSING;
        let fault = "identity provider: The app has no consent for this account [consent-missing]";
        for (sign_in, is_app_only) in [("contoso/app-only", true), ("contoso/ann@contoso.com", false)] {
            for line in [
                format!("WARN no token sign_in=\"{sign_in}\" resource=\"mail\" fault={fault} failures=1"),
                format!(
                    "{{\"level\":\"WARN\",\"message\":\"no token\",\"sign_in\":\"{sign_in}\",\"fault\":\"{fault}\"}}"
                ),
            ] {
                let known = known(None, entry, &line);
                assert_eq!(known.is_app_only, Some(is_app_only), "{line}");
                let step = entry.told(crate::base::Lang::En, &known).next;
                assert_eq!(step.contains("gatepost login"), !is_app_only, "{step}");
            }
        }
    }

    #[test]
    fn who_gets_a_right_is_what_stands_behind_the_switch_itself() {
        for (text, who) in [
            ("`Add-X -Identity ann@x -User o-1 -AccessRights FullAccess`", Some("o-1")),
            ("`Add-X -Trustee bob@x`.", Some("bob@x")),
            ("`Add-X -User -AccessRights FullAccess`", None),
            ("`curl --proxy-User ann`", None),
        ] {
            assert_eq!(trustee(text), who, "{text}");
        }
    }

    #[test]
    fn the_object_id_of_any_command_in_the_line_is_used() {
        let entry = crate::catalog::doctor::SERVICE_PRINCIPAL_MISSING;
        for command in
            ["New-ServicePrincipal -AppId c-1 -ObjectId o-1`", "Add-MailboxPermission x@y.example -User o-1 -A"]
        {
            let text = format!("WARN refused [mailbox-not-connected] next=\"`{command}\"");
            assert_eq!(known(None, entry, &text).object_id.as_deref(), Some("o-1"), "{text}");
        }
    }
}
