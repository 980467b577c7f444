//! What setup says of what is there already, in both languages: a daemon that runs, and a secret that takes another's place.

use super::Ended;
use crate::{base::invocation::gatepost, cli::pasted::shell};

/// At the end, in the place of the command that starts it.
pub fn runs_en(process: u32, ended: Ended) -> String {
    match ended {
        Ended::Proved => format!("Mail flows, and Gatepost runs already (process {process})."),
        Ended::Ready => format!("Gatepost runs already (process {process})."),
        Ended::Fails => format!("Gatepost runs already (process {process}): once what fails is mended, mail flows."),
    }
}

pub fn runs_ja(process: u32, ended: Ended) -> String {
    match ended {
        Ended::Proved => format!("メールが届きました。Gatepost はすでに動いています（プロセス {process}）。"),
        Ended::Ready => format!("Gatepost はすでに動いています（プロセス {process}）。"),
        Ended::Fails => {
            format!(
                "Gatepost はすでに動いています（プロセス {process}）。失敗の原因を直すと、メールが届くようになります。"
            )
        }
    }
}

/// One that reads `running`, and holds the store of `file`; `store`: one of its own for that, and whose mailbox it is, where
/// that is known. What happened, and the hint.
pub fn other_en(process: u32, [running, file, store]: [&str; 3], address: Option<&str>) -> (String, String) {
    let text = format!(
        "a daemon (process {process}) runs on the same store and reads {running}: it would never know what is set up in \
         {file}; nothing was written"
    );
    let hint = format!(
        "go on with its file: `{}`; or stop it first; or, to run both, give this one a store, a console and listeners of \
         its own: {}",
        setup_of(running, address),
        own_flags(store)
    );
    (text, hint)
}

pub fn other_ja(process: u32, [running, file, store]: [&str; 3], address: Option<&str>) -> (String, String) {
    let text = format!(
        "同じストアで動作中のデーモン（プロセス {process}）は {running} を読んでいます。{file} に設定しても反映されないため、何も書き込みませんでした"
    );
    let hint = format!(
        "そのファイルで続けてください: `{}`。または、先にそのデーモンを停止してください。両方を動かす場合は、専用のストア、コンソール、リスナーを指定します: {}",
        setup_of(running, address),
        own_flags(store)
    );
    (text, hint)
}

/// A store that another configuration has, as far as can be told while no daemon runs; `own`: one of its own.
pub fn shared_en(store: &str, other: Option<&str>, address: Option<&str>, own: &str) -> String {
    let whose = match other {
        Some(other) => format!(
            "the daemon that ran on it last read {other}. To go on with that file, end this and type: {}",
            setup_of(other, address)
        ),
        None => "another configuration made it, for this one is new.".to_owned(),
    };
    format!(
        "warning: the store {store} is there already: {whose}\nOne store serves one daemon. To run both, give this one a \
         store, a console and listeners of its own: {}",
        own_flags(own)
    )
}

pub fn shared_ja(store: &str, other: Option<&str>, address: Option<&str>, own: &str) -> String {
    let whose = match other {
        Some(other) => format!(
            "最後に動いていたデーモンは {other} を読んでいました。そのファイルで続けるには、中止して次を実行してください: {}",
            setup_of(other, address)
        ),
        None => "この設定は新しいため、別の設定が作成したものです。".to_owned(),
    };
    format!(
        "警告: ストア {store} はすでにあります。{whose}\n1つのストアを使えるデーモンは1つだけです。両方を動かす場合は、専用のストア、コンソール、リスナーを指定してください: {}",
        own_flags(own)
    )
}

fn setup_of(file: &str, address: Option<&str>) -> String {
    let address = address.map(|address| format!(" --address {}", shell(address))).unwrap_or_default();
    format!("gatepost --config {} setup{address}", shell(file))
}

fn own_flags(store: &str) -> String {
    format!(
        "--set store.url={} --set console.listen=127.0.0.1:8426 --listen smtp=127.0.0.1:2587 --listen imap=127.0.0.1:2993",
        shell(store)
    )
}

pub fn new_secret_en(address: &str, file: &str) -> String {
    format!(
        "With a new client secret in a file: {}\n  It is proved at the provider, and takes the place of the old one.",
        renewal(address, file)
    )
}

pub fn new_secret_ja(address: &str, file: &str) -> String {
    format!(
        "新しいクライアントシークレットをファイルに入れて: {}\n  プロバイダーで確認してから、古いものと置き換えます。",
        renewal(address, file)
    )
}

fn renewal(address: &str, file: &str) -> String {
    format!("{} setup --address {} --client-secret-file {}", gatepost(), shell(address), shell(file))
}
