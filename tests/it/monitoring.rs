//! What an operator's monitoring sees: every name that the dashboard and the alert rules use is a name that the daemon
//! really has, with the labels that it really carries.

use std::collections::{BTreeMap, BTreeSet};

use gatepost::{
    base::{Owner, Protocol},
    catalog,
};

use crate::world::{ANN, PASSWORD, Plan, World};

/// Labels that Prometheus itself adds.
const ADDED: [&str; 4] = ["instance", "job", "le", "severity"];

type Families = BTreeMap<String, BTreeSet<String>>;

/// Sample names with their labels, as Prometheus reads them.
fn families(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_at(line.find(['{', ' ']).unwrap());
        let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(labels, _)| labels);
        let labels = labels.split(',').filter_map(|label| label.split_once('=')).map(|(name, _)| name.to_owned());
        families.entry(name.to_owned()).or_default().extend(labels);
    }
    families
}

/// Each `gatepost_...` of a file of queries with the labels that it is picked by.
fn used(file: &str) -> Families {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let mut used = Families::new();
    for (at, _) in file.match_indices("gatepost_") {
        let name = word(&file[at..]);
        let rest = &file[at + name.len()..];
        let picked = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(picked, _)| picked);
        let labels = picked.split(',').map(|label| word(label.trim_start())).filter(|label| !label.is_empty());
        used.entry(name).or_default().extend(labels);
    }
    used
}

/// Labels of a family. A text may name a histogram as a whole.
fn known<'a>(there: &'a Families, name: &str) -> &'a BTreeSet<String> {
    let histogram = there.get(&format!("{name}_bucket"));
    there.get(name).or(histogram).unwrap_or_else(|| panic!("{name} is not among {:?}", there.keys()))
}

/// Labels that results are grouped and joined by, and those that a legend or a text shows.
fn grouped(file: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for word in ["by (", "by(", "without (", "without(", "on (", "on("] {
        let queries = file.lines().filter(|line| line.contains("gatepost_"));
        let inside =
            queries.flat_map(|query| query.split(word).skip(1)).filter_map(|rest| Some(rest.split_once(')')?.0));
        labels.extend(inside.flat_map(|inside| inside.split(',')).map(|label| label.trim().to_owned()));
    }
    for shown in file.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim())) {
        labels.extend(shown.strip_prefix("$labels.").or((!shown.contains('$')).then_some(shown)).map(str::to_owned));
    }
    labels.retain(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    labels
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_use_names_and_labels_that_are_there() {
    let app = "secret-expires = 2099-01-01\nrefresh-idle-days = 90".into();
    let more =
        format!("[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nfrom = [\"127.0.0.0/8\"]\ndelivery = \"queue\"\n");
    let world = World::with(Plan { app, more, ..Plan::default() }).await;
    let mut copier = world.greeted(Protocol::Smtp).await;
    assert!(copier.message("queued").await.starts_with("250 "));
    // From here on both a copier and a program are connected.
    let delivered = "gatepost_queue_deliveries_total{outcome=\"delivered\",reason=\"answered\"} 1";
    world.until("the delivery", |world| world.counts(delivered)).await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("counted").await.starts_with("250 "));
    let mut imap = world.imap().await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {ANN} wrong"), "a NO ").await;
    let mut pop3 = world.pop3_as_ann().await;
    pop3.exchange("STAT", "+OK").await;
    let text = world.metrics_with("gatepost_queue_messages{state=\"waiting\"} 0\n").await;
    let there = families(&text);
    let monitoring = concat!(env!("CARGO_MANIFEST_DIR"), "/config/monitoring");
    for file in ["alerts.yml", "grafana.json"] {
        let queries = std::fs::read_to_string(format!("{monitoring}/{file}")).unwrap().replace("\\\"", "\"");
        let used = used(&queries);
        assert!(used.len() > 5, "{file}: {used:?}");
        let picked_by: BTreeSet<&String> = used.keys().flat_map(|name| known(&there, name)).collect();
        let grouped = grouped(&queries);
        assert!(grouped.len() > 1, "{file}: {grouped:?}");
        for label in grouped {
            let known = picked_by.contains(&label) || ADDED.contains(&label.as_str());
            assert!(known, "{file}: no metric that it uses has the label {label}");
        }
        for (name, labels) in used {
            let known = known(&there, &name);
            for label in labels {
                let known = known.contains(&label) || ADDED.contains(&label.as_str());
                assert!(known, "{file}: {name} has no label {label}");
            }
        }
    }
    for (family, protocol, n) in [("login", "smtp", 2), ("sign_on", "pop3", 1)] {
        let counted = format!("gatepost_{family}_seconds_count{{protocol=\"{protocol}\"}} {n}");
        assert!(text.contains(&counted), "{counted} in {text}");
    }
    let guessed = "gatepost_login_seconds_count{protocol=\"imap\"}";
    assert!(!text.contains(guessed), "a guesser's turn is no slow login: {text}");
    for line in [
        "gatepost_messages_total{outcome=\"accepted\"} 2",
        "gatepost_message_seconds_count 2",
        delivered,
        "gatepost_queue_messages{state=\"waiting\"} 0",
        "gatepost_queue_oldest_seconds 0",
        "gatepost_client_last_success_timestamp_seconds{client=\"copier\"} ",
        // One for the queue, one for the session.
        "gatepost_governor_wait_seconds_count{room=\"connection\",outcome=\"found\"} 2",
        "gatepost_governor_wait_seconds_count{room=\"message\",outcome=\"found\"} 2",
        "gatepost_governor_wait_seconds_count{room=\"message\",outcome=\"none\"} 0",
        "gatepost_token_requests_total{outcome=\"accepted\"} 1",
        // STAT, of a session that is still open.
        "gatepost_bytes_total{protocol=\"pop3\",direction=\"to-upstream\"} 6",
        // What did not happen yet is there too: a rate needs something to begin at.
        "gatepost_logins_total{protocol=\"smtp\",outcome=\"lost\"} 0",
        "gatepost_messages_total{outcome=\"refused\"} 0",
        "gatepost_sign_ins{phase=\"ready\"} 1",
        "gatepost_sign_ins{phase=\"sign-in-needed\"} 0",
        "gatepost_expiry_timestamp_seconds{what=\"client-secret\",name=\"contoso\"} 4070908800",
        "gatepost_notifications_total{channel=\"command\",outcome=\"failed\"} 0",
        "gatepost_sessions_open{protocol=\"smtp\",stage=\"relaying\"} 2",
        "gatepost_sessions_open{protocol=\"pop3\",stage=\"splicing\"} 1",
        "gatepost_sessions_open{protocol=\"imap\",stage=\"authenticating\"} 1",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains(PASSWORD) && !text.contains(ANN), "who has an account is nobody's business: {text}");
}

/// What was refused here is none of it, and what waits in the queue is none yet.
#[tokio::test]
async fn octets_of_messages_count_once_they_go_upstream_and_those_of_its_answers_too() {
    let world = World::new().await;
    let to_upstream = async || {
        let text = world.metrics().await;
        let of = |direction| {
            let name = format!("gatepost_bytes_total{{protocol=\"smtp\",direction=\"{direction}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse::<u64>().unwrap()
        };
        (of("to-upstream"), of("to-client"))
    };
    let body = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n".repeat(2000);
    let mut smtp = world.smtp_as_ann().await;
    smtp.open_message().await;
    smtp.send(format!("From: <boss@contoso.example>\r\n\r\n{body}.\r\n").as_bytes()).await;
    smtp.expect("550 ").await;
    let (sent, heard) = to_upstream().await;
    assert!(sent < 10_000 && heard > 0, "{sent} octets of a message that was refused here, {heard} back");
    smtp.open_message().await;
    smtp.send(format!("From: <{ANN}>\r\n\r\n{body}.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    let (sent_then, heard_then) = to_upstream().await;
    assert!(sent_then - sent > body.len() as u64 && heard_then > heard, "{sent_then} and {heard_then}");
}

#[test]
fn what_is_a_clients_own_doing_and_no_trouble_wakes_nobody() {
    let rules = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/monitoring/alerts.yml")).unwrap();
    let passes = |entry: &&catalog::Entry| !entry.is_trouble && entry.owner == Owner::Client;
    let passing: Vec<_> = catalog::all().filter(passes).collect();
    assert!(passing.len() >= 4);
    for entry in passing {
        assert!(!rules.contains(&format!("kind=\"{}\"", entry.kind.as_str())), "{} raises an alert", entry.id);
    }
}
