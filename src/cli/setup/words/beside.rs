//! What setup says of what is there already, in both languages: a daemon that runs, and a secret that takes another's place.

use super::{Ended, pasteable::listed};
use crate::{
    base::{Lang, invocation::gatepost},
    cli::{pasted::shell, setup::apart::Apart},
    oauth::App,
};

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

/// A daemon that reads `running`, and holds the store of `file`. What happened, and the hint.
pub fn other_en(process: u32, stop: &str, [running, file]: [&str; 2], apart: &Apart) -> (String, String) {
    let text = format!(
        "a daemon (process {process}) runs on the same store and reads {running}: it would never know what is set up in \
         {file}; nothing was written"
    );
    let go_on =
        apart.go_on.as_ref().map(|command| format!("go on with its file:\n  {command}\nOr ")).unwrap_or_default();
    (text, format!("{go_on}end it first:\n  {stop}\n{}", both_en(apart)))
}

pub fn other_ja(process: u32, stop: &str, [running, file]: [&str; 2], apart: &Apart) -> (String, String) {
    let text = format!(
        "同じストアで動作中のデーモン（プロセス {process}）は {running} を読んでいます。{file} に設定しても反映されないため、何も書き込みませんでした"
    );
    let go_on = apart.go_on.as_ref();
    let go_on =
        go_on.map(|command| format!("そのファイルで続けてください:\n  {command}\nまたは、")).unwrap_or_default();
    (text, format!("{go_on}先にそのデーモンを停止してください:\n  {stop}\n{}", both_ja(apart)))
}

/// A store that another configuration has, as far as can be told while no daemon runs.
pub fn shared_en(store: &str, other: Option<&str>, apart: &Apart) -> String {
    let whose = match (other, &apart.go_on) {
        (Some(other), Some(command)) => {
            format!("the daemon that ran on it last read {other}.\nTo go on with that file instead:\n  {command}")
        }
        _ => "another configuration made it, for this one is new.".to_owned(),
    };
    format!("warning: the store {store} is there already: {whose}\nOne store serves one daemon. {}", both_en(apart))
}

pub fn shared_ja(store: &str, other: Option<&str>, apart: &Apart) -> String {
    let whose = match (other, &apart.go_on) {
        (Some(other), Some(command)) => format!(
            "最後に動いていたデーモンは {other} を読んでいました。\nそのファイルで続ける場合は、代わりに次を実行してください:\n  {command}"
        ),
        _ => "この設定は新しいため、別の設定が作成したものです。".to_owned(),
    };
    format!(
        "警告: ストア {store} はすでにあります。{whose}\n1つのストアを使えるデーモンは1つだけです。{}",
        both_ja(apart)
    )
}

fn both_en(apart: &Apart) -> String {
    let first = match apart.lines.as_slice() {
        [] => "with this command:".to_owned(),
        lines => {
            format!("with these lines in the place of those with the same key:{}\nand then:", listed(lines, Lang::En))
        }
    };
    format!("To run both, give this one a store, a console and listeners of its own, {first}\n  {}", apart.both)
}

fn both_ja(apart: &Apart) -> String {
    let first = match apart.lines.as_slice() {
        [] => "指定してください:".to_owned(),
        lines => format!(
            "指定します。次の行を書き（同じキーの行があれば置き換え）:{}\nそのあと次を実行してください:",
            listed(lines, Lang::Ja)
        ),
    };
    format!("両方を動かす場合は、専用のストア、コンソール、リスナーを{first}\n  {}", apart.both)
}

/// The catalogue's step without its way by hand, and with the file that was given. `file`: with the secret, or what stands for it.
pub fn new_secret_en(app: &App, address: &str, file: &str) -> String {
    format!(
        "{}\nIt is proved at the provider, and only then takes the place of the old one.",
        made_en(app, address, file)
    )
}

/// For a line with the path of a file that need not be there.
pub fn first_secret_en(app: &App, address: &str, file: &str) -> String {
    format!(
        "The file of the secret need not be there yet: {}\nIt puts the value into the file of `client-secret-file`, for nobody else to read.",
        made_en(app, address, file)
    )
}

fn made_en(app: &App, address: &str, file: &str) -> String {
    let id = &app.client_id;
    let made = match is_entra(app) {
        true => format!("in Entra: App registrations > `{id}` > Certificates & secrets: make a new client secret"),
        false => format!("make a new client secret for the app `{id}` at {}", app.provider),
    };
    format!(
        "{made}, write its value (not its ID; it is shown once) into a file (such as {file}), then:\n  {}",
        renewal(address, file)
    )
}

pub fn new_secret_ja(app: &App, address: &str, file: &str) -> String {
    format!("{}\nプロバイダーで確認できたときだけ、古いものと置き換えます。", made_ja(app, address, file))
}

pub fn first_secret_ja(app: &App, address: &str, file: &str) -> String {
    format!(
        "シークレットのファイルは、まだなくてもかまいません。{}\n値は `client-secret-file` のファイルに、ほかの人が読めない形で書き込まれます。",
        made_ja(app, address, file)
    )
}

fn made_ja(app: &App, address: &str, file: &str) -> String {
    let id = &app.client_id;
    let made = match is_entra(app) {
        true => format!(
            "Entra の「アプリの登録」> `{id}` >「証明書とシークレット」で新しいクライアントシークレットを作成し"
        ),
        false => format!("{} でアプリ `{id}` の新しいクライアントシークレットを作成し", app.provider),
    };
    format!(
        "{made}、その値（ID ではなく、一度だけ表示されるもの）をファイル（たとえば {file}）に書いて、次を実行してください:\n  {}",
        renewal(address, file)
    )
}

/// What was given is what the configuration has already.
pub fn same_secret(app: &App, given: &str, lang: Lang) -> String {
    match (lang, &app.secret_at) {
        (Lang::En, at) => {
            let there = at.as_deref().unwrap_or("the configuration");
            format!("The secret in {given} is no new one: it is the same as in {there}, which stays as it is.")
        }
        (Lang::Ja, at) => {
            let there = at.as_ref().map_or_else(|| "設定".to_owned(), |at| format!(" {at} "));
            format!(
                "{given} のシークレットは新しいものではありません。{there}にあるものと同じなので、何も変更しません。"
            )
        }
    }
}

fn is_entra(app: &App) -> bool {
    app.provider.starts_with("microsoft365") || app.provider == "outlook"
}

fn renewal(address: &str, file: &str) -> String {
    format!("{} setup --address {} --client-secret-file {} --yes", gatepost(), shell(address), shell(file))
}
