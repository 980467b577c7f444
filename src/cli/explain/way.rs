//! A way that somebody tried by hand, with the command that a step prints: that it is open, and whose place a program did not reach.
//!
//! It knows what is configured; without that it refuses to say whose a place is that may be anybody's.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::line::places;
use crate::{
    base::{Lang, invocation, wrapped},
    catalog::{
        Entry,
        explain::Found,
        own::{DAEMON_NOT_RUNNING, PROXY_UNREACHABLE},
        tried::{Way, not_reached},
    },
    config::Config,
};

/// Columns of a line.
const WRAP: usize = 100;

/// What the configuration has at the place that a program did not reach.
pub fn whose(config: &Config, text: &str) -> Option<&'static Entry> {
    let (host, port) = not_reached(text)?;
    let proxies = [&config.proxies.http, &config.proxies.mail].into_iter().flatten();
    let is_there =
        |url: &str| url.split_once("://").is_some_and(|(_, at)| at.eq_ignore_ascii_case(&format!("{host}:{port}")));
    if proxies.into_iter().any(|via| is_there(&via.url)) {
        return Some(PROXY_UNREACHABLE);
    }
    let is_loopback = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    let is_ours = |ip: IpAddr| host == ip.to_string() || is_loopback && (ip.is_loopback() || ip.is_unspecified());
    let mut ours = places(config).into_iter().map(|place| place.address);
    ours.any(|at| at.port() == port && is_ours(at.ip())).then_some(DAEMON_NOT_RUNNING)
}

/// Ahead of several faults of which one is the proxy's: what tells which. `None`: it is about something else.
pub fn several(text: &str, found: &[Found], lang: Lang) -> Option<String> {
    let (host, port) = not_reached(text)?;
    let (proxy, others): (Vec<&Found>, Vec<&Found>) =
        found.iter().partition(|one| one.entry.id == PROXY_UNREACHABLE.id);
    let ids: Vec<String> = others.iter().map(|one| format!("`{}`", one.entry.id)).collect();
    let ids = Some(ids.join(", ")).filter(|ids| !ids.is_empty() && !proxy.is_empty())?;
    let proxy = PROXY_UNREACHABLE.id;
    let said = match lang {
        Lang::En => format!(
            "What {host} with port {port} is tells which of these it is. A proxy of your network: `{proxy}`. Gatepost itself or \
             a server: {ids}. `gatepost config show` has the proxies under `[network]`, and where Gatepost listens."
        ),
        Lang::Ja => format!(
            "{host} のポート {port} が何であるかで、次のどれかが決まります。ネットワークのプロキシーの場合：`{proxy}`。Gatepost 自身またはサーバーの場合：{ids}。\
             プロキシーと Gatepost が待ち受けるアドレスは、`gatepost config show` で確認できます。"
        ),
    };
    Some(wrapped(&invocation::as_called(&said), WRAP).join("\n") + "\n\n")
}

/// Of one at which nobody refused anything.
pub fn page(way: Way, lang: Lang) -> Option<String> {
    Some(wrapped(&said(way, lang)?, WRAP).join("\n") + "\n")
}

/// For programs, with its name.
pub fn json(way: Way, lang: Lang) -> Option<(&'static str, Value)> {
    let said = said(way, lang)?;
    Some(("way", json!({ "is-open": matches!(way, Way::Open { .. }), "means": said })))
}

fn said(way: Way, lang: Lang) -> Option<String> {
    let said = match (way, lang) {
        (Way::Fails(_), _) => return None,
        (Way::Open { by_proxy: true }, Lang::En) => {
            "The way through the proxy is open: nothing fails there. Where curl ends with a time-out (28) all the same, it waited \
             for somebody to type. Go on with `gatepost doctor`: it looks at what comes behind the proxy too, layer by layer."
        }
        (Way::Open { by_proxy: true }, Lang::Ja) => {
            "プロキシーを通る経路は開いていて、そこでは何も失敗していません。curl がタイムアウト（28）で終わっても、入力を待っていただけです。続けて \
             `gatepost doctor` を実行してください。プロキシーの先も層ごとに確認します。"
        }
        (Way::Open { by_proxy: false }, Lang::En) => {
            "The connection came about: the way is open as far as curl went. Where it ends with a time-out (28) all the same, it \
             waited for somebody to type. Go on with `gatepost doctor`: it looks at what comes behind that, layer by layer."
        }
        (Way::Open { by_proxy: false }, Lang::Ja) => {
            "接続できています。curl が試したところまで、経路は開いています。タイムアウト（28）で終わっても、入力を待っていただけです。続けて \
             `gatepost doctor` を実行してください。その先も層ごとに確認します。"
        }
        (Way::Silenced { by_proxy: true }, Lang::En) => {
            "The proxy let it through, and then the connection ended before the server had said a word. Either the server ended it \
             (one that begins with TLS does, where a program speaks plain text to it), or the proxy or a firewall behind it did. \
             `gatepost doctor` speaks to the server in its own language, and says which layer fails."
        }
        (Way::Silenced { by_proxy: true }, Lang::Ja) => {
            "プロキシーは接続を許可しましたが、サーバーが何も応答しないうちに接続が終わりました。終わらせたのは、サーバー（TLS で始まるサーバーは、平文で\
             話しかけられると切断します）か、プロキシーまたはその先のファイアウォールです。`gatepost doctor` はサーバーと正しい方式で通信し、失敗する層を示します。"
        }
        (Way::Silenced { by_proxy: false }, Lang::En) => {
            "The connection came about, and ended before the other side had said a word. Either the server ended it (one that \
             begins with TLS does, where a program speaks plain text to it), or a firewall did. `gatepost doctor` speaks to the \
             server in its own language, and says which layer fails."
        }
        (Way::Silenced { by_proxy: false }, Lang::Ja) => {
            "接続はできましたが、相手が何も応答しないうちに終わりました。終わらせたのは、サーバー（TLS で始まるサーバーは、平文で話しかけられると切断\
             します）か、ファイアウォールです。`gatepost doctor` はサーバーと正しい方式で通信し、失敗する層を示します。"
        }
    };
    Some(invocation::as_called(said))
}
