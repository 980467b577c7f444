//! Japanese.

use super::{Frame, Name, Over, Said, en::tls_word, found, gigabytes};
use crate::{
    base::{
        Lang, Owner,
        invocation::{gatepost, start},
    },
    catalog::{clock_off, in_the_log, moment, not_to_do},
    console::{said_of_asleep, said_of_lost, said_of_returned},
    queue::MOST_MESSAGES,
};

pub(super) const FRAME: Frame = Frame {
    fails: "最初に失敗した層",
    fails_too: "ほかに失敗したもの",
    said: "見つかったこと",
    cause: "原因",
    turn: "対応する側",
    next: "次の手順",
    avoid: not_to_do(Lang::Ja),
    written: |file, table, whose| {
        let whose = whose.map(|whose| format!("（{whose}）")).unwrap_or_default();
        format!("{} の {table}{whose}", file.as_deref().unwrap_or("設定ファイル"))
    },
    passes: "自動的に復旧します。",
    open: "未解決（上の各層の確認では分かりません）",
    all_well: "すべて正常です。",
    well_but: |ids| {
        format!(
            "今回の確認で失敗した項目はありません。ただし、クライアントで起きた上記の問題（{ids}）は、まだ解決していない可能性があります。"
        )
    },
    well_but_down: || format!("今回の確認で失敗した項目はありません。ただし、デーモンが動いていません: {}", start()),
    well_but_silent: "今回の確認で失敗した項目はありません。ただし、動作中のデーモンの状態は確認できませんでした（理由は上の行）。",
    well_but_unproven: |who| {
        format!(
            "今回の確認で失敗した項目はありません。ただし、上記のとおり {who} は拒否されたままで、その後の成功はまだ確認されていません。"
        )
    },
    well_but_a_client: |what| {
        format!(
            "今回の確認で失敗した項目はありません。ただし、クライアント側に問題があります。次の手順は、上の該当する行にあります: {what}"
        )
    },
    well_but_queue: |ids| {
        format!(
            "今回の確認で失敗した項目はありません。ただし、キューにメールが残っています（{ids}）。次の手順は、上の該当する行にあります。"
        )
    },
    well_but_a_sign_in: |who| {
        format!(
            "メールは保存済みのサインインで動いています。ただし、その後のサインインは拒否されたままです。次の手順は、上の該当する行にあります: {who}"
        )
    },
    others: |n, may_be_alike| {
        let guess = if may_be_alike { "同じ原因かもしれません。" } else { "" };
        format!("ほかに{n}件失敗しています。{guess}まずこれを直してから、もう一度実行してください。")
    },
};

pub(super) const fn title(name: Name) -> &'static str {
    match name {
        Name::Configuration => "設定",
        Name::StateDirectory => "状態ディレクトリ",
        Name::Store => "保存されたサインイン",
        Name::StoreBefore => "以前のストア",
        Name::DiskRoom => "ディスクの空き",
        Name::QueueDirectory => "キューのディレクトリ",
        Name::ClientSecret => "クライアントシークレット",
        Name::AppCertificate => "アプリの証明書",
        Name::AppKey => "アプリの秘密鍵",
        Name::ListenerCertificate => "リスナーの証明書",
        Name::ListenerKey => "リスナーの秘密鍵",
        Name::Roots => "信頼するルート証明書",
        Name::IdentityProvider => "ID プロバイダー",
        Name::SmtpServer => "メールサーバー（SMTP）",
        Name::ImapServer => "メールサーバー（IMAP）",
        Name::Pop3Server => "メールサーバー（POP3）",
        Name::GraphServer => "Microsoft Graph",
        Name::IdentityAnswer => "ID プロバイダーの応答",
        Name::Clock => "時計",
        Name::MailToken => "メール用トークン",
        Name::GraphToken => "Graph 用トークン",
        Name::LaterSignIn => "その後のサインイン",
        Name::Claims => "トークンの内容",
        Name::Holder => "トークンの持ち主",
        Name::Audience => "トークンの宛先",
        Name::Permissions => "トークンのアクセス許可",
        Name::TokenTenant => "トークンのテナント",
        Name::SignOn => "メールサーバーでの認証",
        Name::Ehlo => "サーバーの機能",
        Name::GraphMailbox => "Graph のメールボックス",
        Name::SendAs => "ほかの差出人での送信",
        Name::TestMessage => "テストメッセージ",
        Name::Daemon => "デーモン",
        Name::Listeners => "リスナー",
        Name::LoadedConfiguration => "読み込まれた設定",
        Name::Memory => "記憶している拒否",
        Name::Queue => "キュー",
        Name::Unfinished => "途中までの確認",
        Name::Clients => "クライアント",
        Name::TlsOnPlainPort => "平文のポートで TLS を使うクライアント",
        Name::PlainOnTlsPort => "TLS のポートで平文を使うクライアント",
        Name::TlsTooOld => "TLS が古いクライアント",
        Name::CertificateDistrusted => "証明書を拒否するクライアント",
        Name::StartTlsUnused => "STARTTLS を使わないクライアント",
        Name::WrongPassword => "パスワードの誤り",
        Name::LoginMissing => "ログインしないクライアント",
        Name::LastFault => "最近のセッション",
        Name::RefusedMessages => "拒否されたメッセージ",
    }
}

pub(super) fn detail(said: &Said) -> String {
    match said {
        Said::Plain(text) => text.clone(),
        Said::Lines(lines) => lines.join("\n"),
        Said::Id(id) => (*id).to_owned(),
        Said::Warnings { file, warnings } => format!("{file}、警告: {}", warnings.join("; ")),
        Said::MadeAtFirstStart => "最初の起動時に作られます".to_owned(),
        Said::Writable => "存在し、書き込めます".to_owned(),
        Said::NotWritable => "このユーザーでは書き込めません".to_owned(),
        Said::Readable => "読み取れます".to_owned(),
        Said::ForeignStore { owner } => format!("ユーザー {owner} のものです。そのユーザーで実行してください"),
        Said::OpensWith { key } => format!("開けます（{}）", found(Lang::Ja, key)),
        Said::Free { octets } => format!("空き {}", gigabytes(*octets)),
        Said::QueueRoom { messages, used, most } => {
            format!(
                "書き込めます。{MOST_MESSAGES}通のうち{messages}通、{} のうち {} を使用",
                gigabytes(*most),
                gigabytes(*used)
            )
        }
        Said::EndUnknown { app } => {
            format!("期限が不明です。`[app.{app}]` の下に、日付を `secret-expires = <YYYY-MM-DD>` の形で書いてください")
        }
        Said::Ended { days } => format!("{days}日前に期限が切れました"),
        Said::EndedAsWritten { days } => {
            format!(
                "`secret-expires` によると{days}日前に期限が切れています。実際に使えるかは、下のトークンの結果で分かります"
            )
        }
        Said::EndedByProvider => {
            "`secret-expires` の日付にかかわらず、プロバイダーは、デーモンの前回の問い合わせに期限切れと回答しています"
                .to_owned()
        }
        Said::EndsAsWritten { days, soon, is_asked } => {
            let (renew, shows) = (
                if *soon { "。すぐに更新してください" } else { "" },
                "。実際に使えるかは、下のトークンの結果で分かります",
            );
            format!("`secret-expires` によると残り{days}日です{renew}{}", if *is_asked { shows } else { "" })
        }
        Said::EndsIn { days, soon: false } => format!("残り{days}日"),
        Said::EndsIn { days, soon: true } => format!("残り{days}日、すぐに更新してください"),
        Said::ProxyResolves => "名前はプロキシーが解決します".to_owned(),
        Said::Through { proxy } => format!("{proxy} 経由"),
        Said::Behind(layer) => format!("未確認: {} が失敗しています", layer.as_str()),
        Said::NoWay => "未確認: そこまで接続できません".to_owned(),
        Said::Certificate { version, issuer, ends, by_file, is_public } => {
            let by_file = if *by_file { "、`ca-file` でのみ信頼" } else { "" };
            let note = if *is_public {
                ""
            } else {
                "。既知の公的な認証局ではありません。TLS が検査されている可能性があります"
            };
            format!("{version}、発行者 {issuer}、{ends} まで{by_file}{note}")
        }
        Said::Tenant { name, id } => format!("テナント {name} は {id}"),
        Said::NoDate => "応答に日時がありません".to_owned(),
        Said::ClockRight { seconds } => format!("ずれは{seconds}秒"),
        Said::ClockOff { seconds, behind } => clock_off(*seconds, *behind, Lang::Ja),
        Said::NameAMailbox { domain } => {
            format!("メールボックスを1つ指定してください: {} doctor ann@{domain}", gatepost())
        }
        Said::ProviderFails { id: Some(id) } => format!("未確認: ID プロバイダーの応答が {id} です"),
        Said::ProviderFails { id: None } => "未確認: ID プロバイダーを使えません".to_owned(),
        Said::StoreFails => "未確認: 保存されたサインインを読み取れません".to_owned(),
        Said::StoreBeforeCounts => {
            "未確認: デーモンのサインインは、ファイルが以前に指していたストアにあります".to_owned()
        }
        Said::TimeIsOver => "確認に使える時間が終わりました".to_owned(),
        Said::NoToken { id: Some(id) } => format!("未確認: トークンを取得できませんでした（{id}）"),
        Said::NoToken { id: None } => "未確認: トークンがありません".to_owned(),
        Said::Offline => "ネットワークなしでは確認しません".to_owned(),
        Said::SignedIn => "サインイン済み。アクセストークンは必要なときに取得します".to_owned(),
        Said::RefusedBeside { id, at } => {
            format!("{} に拒否されました [{id}]。保存済みのサインインは引き続き使えます", moment(*at, "%Y-%m-%d %H:%M"))
        }
        Said::Token { is_fresh, minutes } => {
            let came = if *is_fresh { "今取得しました" } else { "保存されたもの" };
            match minutes {
                Some(minutes) => format!("{came}、あと{minutes}分有効"),
                None => came.to_owned(),
            }
        }
        Said::Opaque => "トークンの内容は、プロバイダーにしか読めない形式です".to_owned(),
        Said::Holder { person, app, object_id } => {
            let person = person.as_ref().map_or_else(|| "アプリ自身".to_owned(), Clone::clone);
            let object =
                if object_id.is_empty() { String::new() } else { format!("、オブジェクト ID {object_id}") };
            format!("{person}、アプリ {app}{object}")
        }
        Said::OtherProvider => "未確認: プロバイダー独自の名前です".to_owned(),
        Said::Lacking { lacking, held } => format!("不足: {}、あるもの: {held}", lacking.join(", ")),
        Said::PerhapsByRbac { lacking, held } => {
            let lacking = lacking.join(", ");
            format!("{lacking} はありませんが、アプリケーション RBAC で許可されていれば不要です。あるもの: {held}")
        }
        Said::OtherTenant { found, expected } => format!("{found}（設定は {expected}）"),
        Said::NoListener => "このプロトコルのリスナーはありません".to_owned(),
        Said::SendsByGraph => "メッセージは Graph で送信されます".to_owned(),
        Said::GoesByGraph { id } => format!("{id} のため、メッセージは Graph で送信されます"),
        Said::SignedOn { user, ms } => format!("{user} として、{ms}ミリ秒"),
        Said::SameList { list } => format!("クライアントに示すものと同じ: {list}"),
        Said::ListDiffers { shown, live } => {
            let list = |words: &[String]| if words.is_empty() { "なし".to_owned() } else { words.join(", ") };
            format!(
                "クライアントに余分に示すもの: {}、示していないもの: {}。次の認証のときに更新されます",
                list(shown),
                list(live)
            )
        }
        Said::ProfileHidden => "トークンは受け入れられました。プロフィールは読めませんが、送信には不要です".to_owned(),
        Said::ProvedBySending { others, who, account } => {
            let (call, others) = (gatepost(), others.join(", "));
            format!(
                "{who} が {others} として送信できるかは、送ってみないと分かりません: {call} doctor {account} --send {account}"
            )
        }
        Said::SomethingFails => "未送信: 前の段階が失敗しています".to_owned(),
        Said::SendByTheDaemon { from, to } => {
            format!(
                "未送信: このサインインを使えるのはデーモンだけです。デーモン経由で送信してください: {} send --from {from} --to {to}",
                gatepost()
            )
        }
        Said::Sent { reply } => format!("送信しました。サーバーの応答: {reply}"),
        Said::NotRunning => format!("動いていません: {}", start()),
        Said::Runs { process: Some(process) } => format!("動作中、プロセス {process}"),
        Said::Runs { process: None } => "動作中".to_owned(),
        Said::OfAnotherUser => "未確認: ストアの所有者だけが確認できます".to_owned(),
        Said::StateElsewhere => "未確認: サービスの状態は別の場所にあります".to_owned(),
        Said::CannotBeAsked { why } => format!("未確認: {}", found(Lang::Ja, why)),
        Said::HandedOver => "systemd から渡されました".to_owned(),
        Said::IsFree => "空いています（デーモンが使えます）".to_owned(),
        Said::NotOpen => "開いていません".to_owned(),
        Said::Listens { tls } => format!("開いています、TLS {}", tls_word(*tls)),
        Said::SameConfiguration => "今のファイル（指定先のファイルを含む）と同じです".to_owned(),
        Said::AwaitsRestart { what } => {
            format!("ファイルと同じですが、再起動するまで有効にならない変更があります：{what}")
        }
        Said::OnTheStoreBefore => "以前のファイルの内容です。今のファイルは別のストアを指しており、再起動するとメールとサインインは以前のストアに残ります".to_owned(),
        Said::BodiesLeft { files } => {
            format!("このストアに記録のない本文が *.msg または *.msg.left としてここに残っています（{files}件）")
        }
        Said::LeftBehind { messages, sign_ins } => {
            format!("以前のストアにメッセージ{messages}通とサインイン{sign_ins}件が残っています")
        }
        Said::RestartLeaves { messages, sign_ins } => format!(
            "再起動すると、ここにメッセージ{messages}通とサインイン{sign_ins}件が残ります（ファイルは別のストアを指しています）"
        ),
        Said::OpensAtRestart => "デーモンの再起動後に開きます".to_owned(),
        Said::OtherConfiguration => "今のファイル（指定先のファイルを含む）と違います".to_owned(),
        Said::ReadsOther { file } => format!("別のファイル {file} です"),
        Said::RunsOn => {
            format!("デーモンは、以前に読み込んだ設定のまま動いています。その状態の確認: {} status", gatepost())
        }
        Said::NothingRemembered => "すでに使えるのに拒否し続けているものはありません".to_owned(),
        Said::Remembers { id, until: Some(until) } => {
            format!("今は動作しますが、デーモンは {until} まで {id} と答え続けます")
        }
        Said::Remembers { id, until: None } => format!("今は動作しますが、デーモンは {id} と答え続けます"),
        Said::QueueMoves { waiting: 0, .. } => "待機中のメールはありません".to_owned(),
        Said::QueueMoves { waiting, minutes } => format!("待機中{waiting}通、最も古いものは{minutes}分前から"),
        Said::QueueLost { messages } => said_of_lost(*messages, Lang::Ja),
        Said::QueueReturned(messages) => said_of_returned(*messages, Lang::Ja),
        Said::QueueHolds { waiting, held } => {
            format!("保留中{held}通（送信または破棄されるまで残ります）、待機中{waiting}通: {} queue list", gatepost())
        }
        Said::QueueRests { id, waiting } => {
            format!("今は動作します。待機中{waiting}通は、キューの次の再試行まで待ちます（前回の結果: {id}）")
        }
        Said::QueueAwaitsDaemon(waiting) => said_of_asleep(*waiting, Lang::Ja),
        Said::QueueOfOthers => "今回の対象ではないアカウントのメールが停止中です".to_owned(),
        Said::QueueStandsStill { id, waiting, again: None } => format!("停止中、待機中{waiting}通: {id}"),
        Said::QueueStandsStill { id, waiting, again: Some(at) } => {
            let (at, short) = (moment(*at, "%Y-%m-%d %H:%M"), in_the_log(id, Lang::Ja).unwrap_or_default());
            format!("停止中、待機中{waiting}通（自動的に再開、次回 {at}）: {short}")
        }
        Said::NoDaemonToAsk => "未確認: 動作中のデーモンだけが知っています".to_owned(),
        Said::NoTrouble => "過去24時間に問題はありません".to_owned(),
        Said::MessagesRefused { refused, messages, reply } => {
            let last = reply.as_ref().map(|reply| format!("。最後の応答: \"{reply}\""));
            let last = last.unwrap_or_else(|| "（その後、成功しています）".to_owned());
            format!("過去24時間の{messages}通のうち{refused}通が、拒否されたか途中で切れました{last}")
        }
        Said::Happened { id, sender, times, minutes_ago, over, peers } => {
            let over = match over {
                None if sender.is_some() => {
                    "（この差出人のメッセージが送信されるか、プログラムの差出人が初めて別のものに変わるか、1日が過ぎると、過去のものとします）"
                }
                None => "",
                Some(Over::Worked) => "（その後、成功しています）",
                Some(Over::Proved) => "（上のテストメッセージは送信できています）",
                Some(Over::Allowed) => "（その後、send-as で許可されたか、差出人が変わりました）",
                Some(Over::LetIn) => {
                    "（その後、このアドレスのクライアントが受け入れられたか、ルールで許可されています）"
                }
            };
            let of = sender.as_ref().map(|sender| format!("（差出人 {sender}）")).unwrap_or_default();
            let last = match minutes_ago {
                0 => "たった今".to_owned(),
                n => format!("{n}分前"),
            };
            let from = if peers.is_empty() { String::new() } else { format!("、接続元 {}", peers.join(", ")) };
            format!("{id}{of}: {times}回、最後は{last}{from}{over}")
        }
    }
}

pub(super) const fn turn(owner: Owner) -> &'static str {
    match owner {
        Owner::Client => "クライアント: メールソフトや機器を設定した人",
        Owner::User => "ユーザー: サインインやメールボックスの本人",
        Owner::TenantAdmin => "テナントの管理者: Microsoft 365 などのプロバイダー側で組織を管理する人",
        Owner::NetworkAdmin => "ネットワークの管理者: ファイアウォール、プロキシー、DNS を管理する人",
        Owner::Operator => "Gatepost の管理者: Gatepost の設定とこのマシンを管理する人",
        Owner::Provider => "プロバイダー: こちらですることはありません",
        Owner::Gatepost => "Gatepost: 不具合として報告してください",
    }
}
