//! English.

use super::{Frame, Name, Over, Said, gigabytes};
use crate::{
    base::{
        Lang, Owner,
        invocation::{gatepost, start},
    },
    catalog::{clock_off, in_the_log, moment, not_to_do},
    console::{said_of_asleep, said_of_lost, said_of_returned},
    net::ListenerTls,
    queue::MOST_MESSAGES,
};

pub(super) const FRAME: Frame = Frame {
    fails: "The first layer that fails",
    fails_too: "It fails too",
    said: "What was found",
    cause: "Why",
    turn: "Whose turn",
    next: "What to do",
    avoid: not_to_do(Lang::En),
    written: |file, table, whose| {
        let whose = whose.map(|whose| format!(" of {whose}")).unwrap_or_default();
        format!("{}, under {table}{whose}", file.as_deref().unwrap_or("the configuration"))
    },
    passes: "It passes by itself.",
    open: "Open, since no layer above shows it",
    all_well: "All is well.",
    well_but: |ids| format!("Nothing fails in this look, but what clients met ({ids}), above, may still stand."),
    well_but_down: || format!("Nothing fails in this look, but the daemon does not run: {}", start()),
    well_but_silent: "Nothing fails in this look, but the daemon that runs could not be asked; its line, above, says why.",
    well_but_unproven: |who| {
        format!("Nothing fails in this look, but {who} was refused, above, and no success of it followed yet.")
    },
    well_but_a_client: |what| {
        format!(
            "Nothing fails in this look, but a client met trouble of its own; its line, above, says what to do: {what}"
        )
    },
    well_but_queue: |ids| {
        format!("Nothing fails in this look, but mail stays in the queue ({ids}); its line, above, says what to do.")
    },
    well_but_a_sign_in: |who| {
        format!(
            "Mail goes on with the sign-in that is stored, but a later one stands refused; its line, above, says what to \
             do: {who}"
        )
    },
    others: |n, may_be_alike| {
        let (fail, guess) = match n {
            1 => ("One more check fails".to_owned(), "; it may have the same cause"),
            n => (format!("{n} more checks fail"), "; they may have the same cause"),
        };
        let guess = if may_be_alike { guess } else { "" };
        format!("{fail}{guess}. Mend this one first, then run the command again.")
    },
};

pub(super) const fn title(name: Name) -> &'static str {
    match name {
        Name::Configuration => "configuration",
        Name::StateDirectory => "state directory",
        Name::Store => "stored sign-ins open",
        Name::StoreBefore => "the store before",
        Name::DiskRoom => "room on the disk",
        Name::QueueDirectory => "directory of the queue",
        Name::ClientSecret => "client secret",
        Name::AppCertificate => "certificate of the app",
        Name::AppKey => "key of the app",
        Name::ListenerCertificate => "certificate of a listener",
        Name::ListenerKey => "key of a listener",
        Name::Roots => "trusted roots",
        Name::IdentityProvider => "identity provider",
        Name::SmtpServer => "mail server, SMTP",
        Name::ImapServer => "mail server, IMAP",
        Name::Pop3Server => "mail server, POP3",
        Name::GraphServer => "Microsoft Graph",
        Name::IdentityAnswer => "identity provider answers",
        Name::Clock => "clock",
        Name::MailToken => "token for mail",
        Name::GraphToken => "token for Graph",
        Name::LaterSignIn => "later sign-in",
        Name::Claims => "what the token says",
        Name::Holder => "whose token it is",
        Name::Audience => "for which service",
        Name::Permissions => "permissions in it",
        Name::TokenTenant => "of which tenant",
        Name::SignOn => "sign-on",
        Name::Ehlo => "what is offered",
        Name::GraphMailbox => "mailbox at Graph",
        Name::SendAs => "sending as others",
        Name::TestMessage => "test message",
        Name::Daemon => "daemon",
        Name::Listeners => "listener",
        Name::LoadedConfiguration => "loaded configuration",
        Name::Memory => "refused from memory",
        Name::Queue => "queue",
        Name::Unfinished => "not looked at to the end",
        Name::Clients => "clients",
        Name::TlsOnPlainPort => "client with TLS on a plain port",
        Name::PlainOnTlsPort => "client without TLS on a TLS port",
        Name::TlsTooOld => "client with TLS that is too old",
        Name::CertificateDistrusted => "client that refuses the certificate",
        Name::StartTlsUnused => "client that does not use STARTTLS",
        Name::WrongPassword => "wrong password",
        Name::LoginMissing => "client without a login",
        Name::LastFault => "lately in sessions",
        Name::RefusedMessages => "refused messages",
    }
}

pub(super) fn detail(said: &Said) -> String {
    match said {
        Said::Plain(text) => text.clone(),
        Said::Lines(lines) => lines.join("\n"),
        Said::Id(id) => (*id).to_owned(),
        Said::Warnings { file, warnings } => format!("{file}; warnings: {}", warnings.join("; ")),
        Said::MadeAtFirstStart => "is made at the first start".to_owned(),
        Said::Writable => "there, and writable".to_owned(),
        Said::NotWritable => "not writable for this user".to_owned(),
        Said::Readable => "readable".to_owned(),
        Said::ForeignStore { owner } => format!("belongs to user {owner}: run this as that user"),
        Said::OpensWith { key } => format!("with {key}"),
        Said::Free { octets } => format!("{} free", gigabytes(*octets)),
        Said::QueueRoom { messages, used, most } => {
            format!(
                "writable; {messages} of {MOST_MESSAGES} messages, {} of {} used",
                gigabytes(*used),
                gigabytes(*most)
            )
        }
        Said::EndUnknown { app } => {
            format!("nobody says when it ends: under `[app.{app}]`, write the day as `secret-expires = <YYYY-MM-DD>`")
        }
        Said::Ended { days } => format!("ended {days} days ago"),
        Said::EndedAsWritten { days } => {
            format!("ended {days} days ago by `secret-expires`; the token below shows whether that is so")
        }
        Said::EndedByProvider => {
            "the provider called it expired when the daemon asked last, whatever day `secret-expires` has".to_owned()
        }
        Said::EndsAsWritten { days, soon, is_asked } => {
            let (renew, shows) =
                (if *soon { ": renew it now" } else { "" }, "; the token below shows whether that is so");
            format!("ends in {days} days by `secret-expires`{renew}{}", if *is_asked { shows } else { "" })
        }
        Said::EndsIn { days, soon: false } => format!("ends in {days} days"),
        Said::EndsIn { days, soon: true } => format!("ends in {days} days: renew it now"),
        Said::ProxyResolves => "the proxy resolves the name".to_owned(),
        Said::Through { proxy } => format!("through {proxy}"),
        Said::Behind(layer) => format!("not looked at: {} fails", layer.as_str()),
        Said::NoWay => "not looked at: there is no way to it".to_owned(),
        Said::Certificate { version, issuer, ends, by_file, is_public } => {
            let by_file = if *by_file { ", trusted through `ca-file` alone" } else { "" };
            let note = if *is_public { "" } else { "; no public authority known here: something may inspect TLS" };
            format!("{version}, issued by {issuer}, until {ends}{by_file}{note}")
        }
        Said::Tenant { name, id } => format!("tenant {name} is {id}"),
        Said::NoDate => "its answer has no date".to_owned(),
        Said::ClockRight { seconds } => format!("{seconds} s off"),
        Said::ClockOff { seconds, behind } => clock_off(*seconds, *behind, Lang::En),
        Said::NameAMailbox { domain } => format!("name one mailbox: {} doctor ann@{domain}", gatepost()),
        Said::ProviderFails { id: Some(id) } => format!("not asked for: the identity provider says {id}"),
        Said::ProviderFails { id: None } => "not looked at: the identity provider cannot be used".to_owned(),
        Said::StoreFails => "not looked at: the stored sign-ins cannot be read".to_owned(),
        Said::StoreBeforeCounts => {
            "not looked at: the daemon has the sign-ins in the store that the file named before".to_owned()
        }
        Said::TimeIsOver => "the time for this look is over".to_owned(),
        Said::NoToken { id: Some(id) } => format!("not looked at: no token came ({id})"),
        Said::NoToken { id: None } => "not looked at: there is no token".to_owned(),
        Said::Offline => "not looked at without the network".to_owned(),
        Said::SignedIn => "signed in; the access token is fetched when it is needed".to_owned(),
        Said::RefusedBeside { id, at } => {
            format!("refused at {} [{id}]; the one that is stored goes on", moment(*at, "%Y-%m-%d %H:%M"))
        }
        Said::Token { is_fresh, minutes } => {
            let came = if *is_fresh { "fetched just now" } else { "the stored one" };
            match minutes {
                Some(minutes) => format!("{came}, good for {minutes} minutes"),
                None => came.to_owned(),
            }
        }
        Said::Opaque => "the token is opaque: only its provider can read it".to_owned(),
        Said::Holder { person, app, object_id } => {
            let person = person.as_ref().map_or_else(|| "the app itself".to_owned(), Clone::clone);
            let object = if object_id.is_empty() { String::new() } else { format!(", object id {object_id}") };
            format!("{person}, app {app}{object}")
        }
        Said::OtherProvider => "not looked at: the names are the provider's own".to_owned(),
        Said::Lacking { lacking, held } => format!("lacks {}; has {held}", lacking.join(", ")),
        Said::PerhapsByRbac { lacking, held } => {
            let lacking = lacking.join(", ");
            format!("has no {lacking}, and needs none where RBAC for applications grants it; has {held}")
        }
        Said::OtherTenant { found, expected } => format!("{found}, and {expected} is configured"),
        Said::NoListener => "no listener of this protocol".to_owned(),
        Said::SendsByGraph => "messages leave by Graph".to_owned(),
        Said::GoesByGraph { id } => format!("{id}, so messages leave by Graph"),
        Said::SignedOn { user, ms } => format!("as {user}, {ms} ms"),
        Said::SameList { list } => format!("as clients are told: {list}"),
        Said::ListDiffers { shown, live } => {
            let list = |words: &[String]| if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
            format!(
                "clients are told {} more than there is and {} less; it is corrected at the next sign-on",
                list(shown),
                list(live)
            )
        }
        Said::ProfileHidden => "takes the token; reading the profile is not granted, and not needed to send".to_owned(),
        Said::ProvedBySending { others, who, account } => {
            let (call, others) = (gatepost(), others.join(", "));
            format!("only a message proves that {who} may send as {others}: {call} doctor {account} --send {account}")
        }
        Said::SomethingFails => "not sent: something before it fails".to_owned(),
        Said::SendByTheDaemon { from, to } => {
            format!(
                "not sent: the daemon alone may use this sign-in, so send through it: {} send --from {from} --to {to}",
                gatepost()
            )
        }
        Said::Sent { reply } => format!("sent; the server said {reply}"),
        Said::NotRunning => format!("not running: {}", start()),
        Said::Runs { process: Some(process) } => format!("runs, process {process}"),
        Said::Runs { process: None } => "runs".to_owned(),
        Said::OfAnotherUser => "not looked at: it tells the user of its store alone".to_owned(),
        Said::StateElsewhere => "not looked at: the service keeps its state elsewhere".to_owned(),
        Said::CannotBeAsked { why } => format!("not looked at: {why}"),
        Said::HandedOver => "handed over by systemd".to_owned(),
        Said::IsFree => "free for the daemon".to_owned(),
        Said::NotOpen => "not open".to_owned(),
        Said::Listens { tls } => format!("open, TLS {}", tls_word(*tls)),
        Said::SameConfiguration => "the file as it is now, with those that it names".to_owned(),
        Said::AwaitsRestart { what } => format!("the file's, but for what takes a restart: {what}"),
        Said::OnTheStoreBefore => "the file as it was: it names another store now, and a restart would leave mail and sign-ins in the one before".to_owned(),
        Said::BodiesLeft { files } => {
            format!("bodies for which this store has no row lie here as *.msg or *.msg.left ({files})")
        }
        Said::LeftBehind { messages, sign_ins } => {
            format!("the store before this one still holds messages ({messages}) and sign-ins ({sign_ins})")
        }
        Said::RestartLeaves { messages, sign_ins } => {
            format!("a restart leaves in it messages ({messages}) and sign-ins ({sign_ins}): the file names another store")
        }
        Said::OpensAtRestart => "opens at the restart of the daemon".to_owned(),
        Said::OtherConfiguration => "another one than the file, with those that it names, has now".to_owned(),
        Said::ReadsOther { file } => format!("that of {file}, another file than this"),
        Said::RunsOn => {
            format!("it runs on with the one that it read before; how that stands: {} status", gatepost())
        }
        Said::NothingRemembered => "none of what works by now".to_owned(),
        Said::Remembers { id, until: Some(until) } => {
            format!("it works now, and the daemon still answers {id} until {until}")
        }
        Said::Remembers { id, until: None } => format!("it works now, and the daemon still answers {id}"),
        Said::QueueMoves { waiting: 0, .. } => "nothing waits".to_owned(),
        Said::QueueMoves { waiting, minutes } => format!("{waiting} wait, the oldest for {minutes} minutes"),
        Said::QueueLost { messages } => said_of_lost(*messages, Lang::En),
        Said::QueueReturned(messages) => said_of_returned(*messages, Lang::En),
        Said::QueueHolds { waiting, held } => {
            format!("{held} are held until somebody lets them go, {waiting} wait: {} queue list", gatepost())
        }
        Said::QueueRests { id, waiting } => {
            format!("it works now; {waiting} wait until the queue tries again, which last met {id}")
        }
        Said::QueueAwaitsDaemon(waiting) => said_of_asleep(*waiting, Lang::En),
        Said::QueueOfOthers => "stands still for an account that is not looked at here".to_owned(),
        Said::QueueStandsStill { id, waiting, again: None } => format!("stands still, {waiting} wait: {id}"),
        Said::QueueStandsStill { id, waiting, again: Some(at) } => {
            let (at, short) = (moment(*at, "%Y-%m-%d %H:%M"), in_the_log(id, Lang::En).unwrap_or_default());
            format!("stands still, {waiting} wait, and go on by themselves, next at {at}: {short}")
        }
        Said::NoDaemonToAsk => "not looked at: only a running daemon knows".to_owned(),
        Said::NoTrouble => "no trouble in the last day".to_owned(),
        Said::MessagesRefused { refused, messages, reply } => {
            let last = reply.as_ref().map(|reply| format!("the last reply was \"{reply}\""));
            let last = last.unwrap_or_else(|| "it worked again since".to_owned());
            format!("{refused} of {messages} in the last day were refused or broke off; {last}")
        }
        Said::Happened { id, sender, times, minutes_ago, over, peers } => {
            let times = if *times == 1 { "once".to_owned() } else { format!("{times} times") };
            let over = match over {
                None if sender.is_some() => {
                    "; past once a message of that sender goes, its program sends as another for the first time, or a day passes"
                }
                None => "",
                Some(Over::Worked) => "; it worked again since",
                Some(Over::Proved) => "; the test message, above, went",
                Some(Over::Allowed) => "; since then send-as allows it, or its program sends as another",
                Some(Over::LetIn) => "; since then a client of its address was let in, or a rule admits it",
            };
            let of = sender.as_ref().map(|sender| format!(" for the sender {sender}")).unwrap_or_default();
            let last = match minutes_ago {
                0 => "just now".to_owned(),
                1 => "a minute ago".to_owned(),
                n => format!("{n} minutes ago"),
            };
            let from = if peers.is_empty() { String::new() } else { format!("; from {}", peers.join(", ")) };
            format!("{id}{of}: {times}, last {last}{over}{from}")
        }
    }
}

pub(super) const fn tls_word(tls: ListenerTls) -> &'static str {
    match tls {
        ListenerTls::Off => "off",
        ListenerTls::StartTls => "starttls",
        ListenerTls::StartTlsRequired => "starttls-required",
        ListenerTls::Implicit => "implicit",
        ListenerTls::Auto => "auto",
    }
}

pub(super) const fn turn(owner: Owner) -> &'static str {
    match owner {
        Owner::Client => "client: whoever set up the mail program or device",
        Owner::User => "user: the person whose sign-in or mailbox it is",
        Owner::TenantAdmin => "tenant admin: an administrator of the organization at the provider",
        Owner::NetworkAdmin => "network admin: whoever runs firewall, proxy and names",
        Owner::Operator => "operator of Gatepost: whoever runs its configuration and this machine",
        Owner::Provider => "provider: nobody here",
        Owner::Gatepost => "gatepost: please report it",
    }
}
