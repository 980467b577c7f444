//! Japanese. Names of buttons, commands and keys stay as they are on the screen.

use std::fmt::Write as _;

use super::{
    ByProxy, Say, ScriptWords, Step, Trouble, beside,
    en::behind,
    idle,
    pasteable::{into_the_group, listed, proofs, to_print_script, with_flag},
    service,
};
use crate::{
    base::{Lang, invocation::Daemon},
    cli::{
        pasted::{powershell, powershell_quoted, removal},
        setup::{
            discover::{Server, Servers},
            script::Registration,
        },
    },
    config::SEALED,
    doctor::found,
    oauth::Grant,
};

pub fn step(step: &Step) -> String {
    match step {
        Step::Provider { domain } => {
            format!("{domain} のプロバイダー: Microsoft とそのドメインに問い合わせています ...")
        }
        Step::ProviderKnown { provider } => format!("プロバイダー: {provider}（設定のとおり）"),
        Step::ProviderNamed { provider, tenant: None } => format!("プロバイダー: {provider}（--provider のとおり）"),
        Step::ProviderNamed { provider, tenant: Some(tenant) } => format!(
            "プロバイダー: {provider}（--provider のとおり）。テナント {tenant} について Microsoft に問い合わせています ..."
        ),
        Step::RegistrationKnown { app } => format!("アプリの登録: 設定の [app.{app}]"),
        Step::Registration => "アプリの登録: プロバイダー側で一度だけ必要な作業".to_owned(),
        Step::Configuration { file } => format!("設定ファイル: {file}"),
        Step::SignIn { address } => format!("{address} のサインイン: プロバイダーを待っています ..."),
        Step::Checks => "確認: 設定からプロバイダーのサーバーまで ...".to_owned(),
        Step::Message => {
            "各メールボックスのテストメール: パスワードが分かるものは Gatepost を通して送信します ...".to_owned()
        }
    }
}

pub fn say(say: &Say) -> String {
    match say {
        Say::Yes => "はい".to_owned(),
        Say::OfProvider(name) => of_provider(name).to_owned(),
        Say::AskAddress => "メールアドレス".to_owned(),
        Say::AskShared => "同じサインインで使う共有メールボックス（複数はコンマ区切り、ない場合は -）".to_owned(),
        Say::AskProvider => "どのプロバイダーのメールボックスですか".to_owned(),
        Say::AskTenant { domain } => format!("{domain} のテナント（ID または確認済みのドメイン）"),
        Say::AskGrant => "Gatepost がメールボックスに入る方法".to_owned(),
        Say::GrantBrowser => "人がブラウザーで一度サインインする（通常はこれ）".to_owned(),
        Say::GrantDevice => "人が別の機器でコードを入力して一度サインインする".to_owned(),
        Say::GrantAppOnly => "誰もサインインせず、アプリ自身が権限を持つ（無人で動作する機器など）".to_owned(),
        Say::AskOutbound => "メールの送信方法".to_owned(),
        Say::OutSmtp => "SMTP（通常はこれ。メールボックスの SMTP AUTH を有効にします）".to_owned(),
        Say::OutGraph => {
            "Microsoft Graph（セキュリティの既定値群などのため、SMTP AUTH を有効にできない場合）".to_owned()
        }
        Say::OutBoth => "SMTP（SMTP AUTH が無効なら Graph）".to_owned(),
        Say::AskClientId { is_microsoft: true } => "アプリケーション (クライアント) ID".to_owned(),
        Say::AskClientId { is_microsoft: false } => "クライアント ID".to_owned(),
        Say::AskProof => "アプリを証明するもの".to_owned(),
        Say::ProofMake => "証明書をここで作成し、アプリの登録にアップロードする".to_owned(),
        Say::ProofSecret => "アプリの登録で作成したクライアントシークレットを使う".to_owned(),
        Say::AskSecret { is_needed: true } => "クライアントシークレット（ID ではなく値。表示されません）".to_owned(),
        Say::AskSecret { is_needed: false } => "クライアントシークレット（表示されません。Enter はなし）".to_owned(),
        Say::AskKey { key } => format!("プロバイダーの {key}"),
        Say::AskPassword => "メールソフトで入力するパスワード（表示されません。Enter で自動作成）".to_owned(),
        Say::AskOldPassword { user } => {
            format!("{user} のメールソフト用パスワード（表示されません。Enter でテストメールをプロバイダーへ直接送信）")
        }
        Say::AskWrite { file } => format!("これを {file} に書き込みますか"),
        Say::AskRenew { file } => format!("{file} の古いシークレットを新しいものに置き換えますか"),
        Say::FoundTenant { domain, id, provider } => format!(
            "  {domain} は Microsoft のテナント {id}（{provider}）のドメインです。\n  メールが別の場所にある場合: --provider NAME"
        ),
        Say::FoundProvider { domain, provider } => format!("  {domain} は {provider} のドメインです。"),
        Say::FoundServers { domain, servers } => {
            format!("  {domain} は独自のメールサーバーを使っています: {}", hosts(servers))
        }
        Say::OtherTenant { domain, own, named } => format!(
            "警告: {domain} はテナント {own} のドメインですが、--tenant は {named} を指しています。\n  そのテナントにいない人はサインインできません（AADSTS50020、AADSTS50034）。"
        ),
        Say::OtherCloud { tenant, provider, named } => {
            format!("警告: {tenant} はクラウド {provider} にありますが、--provider は {named} です。")
        }
        Say::NotChecked { tenant, why } => format!(
            "警告: テナント {tenant} を確認できませんでした: {}\n  指定どおりに書き込みます。正しいかどうかはサインインで分かります（プロキシー経由の場合: --set network.http-proxy=http://proxy:3128）。",
            found(Lang::Ja, why)
        ),
        Say::ForTheService { file } => format!(
            "設定が指定されておらず、見つかりませんでした。このマシンのサービスの設定 {file} を作成します。\n自分用の設定には、--config FILE を指定するか、一般ユーザーで実行してください。"
        ),
        Say::AccountIsThere { address } => format!("  {address} はすでに設定されています。そのまま使います。"),
        Say::GoOver { app, with_it } => format!("  [app.{app}] は {with_it} でも使っています。一緒に切り替わります。"),
        Say::AppIsThere { app } => format!("  設定にある [app.{app}] を使います。登録は不要です。"),
        Say::CertificateMade { certificate } => {
            format!("  証明書: {certificate}（秘密鍵は同じフォルダーにあり、あなただけが読み取れます）")
        }
        Say::ConsentUrl { url, instead, is_app_only } => {
            let who = match is_app_only {
                true => "管理者の同意が一度必要です",
                false => "利用者自身が同意できない場合は、管理者が一度同意します",
            };
            let end = match is_app_only {
                true => "",
                false => "最後に http://localhost に移動してページが開けませんが、正常な動作です。\n",
            };
            format!("\n{who}:\n\n  {url}\n\n{end}{instead}\n")
        }
        Say::NothingToWrite { file } => format!("  必要なものはすべて {file} にあります。変更しません。"),
        Say::NothingWritten => "何も書き込みませんでした。".to_owned(),
        Say::Wrote { file } => format!("  {file} に書き込みました"),
        Say::Renewed { app, file, configuration, ended } => {
            let remark = match ended {
                Some(day) => format!("secret-expires = {day} は古いシークレットのものです。新しい期限を書いてください"),
                None => "期限を書いておくと事前に知らせます: secret-expires = <YYYY-MM-DD>".to_owned(),
            };
            format!(
                "  [app.{app}] の新しいシークレットを {file} に書きました。\n  {remark}（{configuration} の [app.{app}] の下）。"
            )
        }
        Say::SecretIsThere { app, file } => format!("[app.{app}] のシークレットを {file} に書き込みました。"),
        Say::SecretCopied { from } => {
            format!("シークレットは {from} からコピーしました。元のファイルはもう不要です: {}", removal(from))
        }
        Say::PasswordMade { users, password } => format!(
            "\nメールソフト用パスワード（{users}）: {password}\n表示はこの一度だけです。設定にはハッシュだけが入っています。\n"
        ),
        Say::OfTheService { address, is_installed, has_secret } => {
            service::left_to_it(Lang::Ja, address, *is_installed, *has_secret)
        }
        Say::SignedInAlready { address } => format!("  {address} はすでにサインインしています。"),
        Say::Stays => "設定はこのまま残ります。もう一度 setup を実行すると、続きから始めます。".to_owned(),
        Say::SharesStore { store, other, apart } => beside::shared_ja(store, other.as_deref(), apart),
        Say::NotSentAsAsked => "  指定により送信しません（--no-send）。".to_owned(),
        Say::WithTheChecks { address, is_sent: true } => format!(
            "  {address}: メールソフト用パスワードが分からないため、上の確認の際に、プロバイダーへ直接送信しました。"
        ),
        Say::WithTheChecks { address, is_sent: false } => {
            format!("  {address}: 送信していません。理由は上の確認の結果にあります。")
        }
        Say::ThroughRunning { process } => format!("  動作中のデーモン（プロセス {process}）を通します。"),
        Say::StandsIn => {
            "  設定のリスナーをここでは開けないため、今回だけこのマシンの別のポートを使います。".to_owned()
        }
        Say::Opened { address } => format!("  {address}: メールボックスを開けました"),
        Say::NotOpened { address, why } => format!("  {address}: メールボックスを開けません: {why}"),
        Say::Sending { from, to } => format!("  {from}: {to} へ送信しています ..."),
        Say::Sent { from, to, reply } => format!("{from} から {to} へ送信しました。プロバイダーの応答: {reply}\n"),
        Say::NotSent { address, why } => format!("  {address}: 送信できません: {}", of_server(why)),
    }
}

/// The server's own words alone, where it is one who refuses.
fn of_server(why: &str) -> &str {
    let refused = why.strip_prefix("the server refused ");
    refused.and_then(|what| what.split_once(": ")).map_or(why, |(_, said)| said)
}

const fn of_provider(preset: &str) -> &'static str {
    match preset.as_bytes() {
        b"microsoft365" => "職場または学校のアカウント、Exchange Online",
        b"microsoft365-gcc-high" => "米国政府 GCC High",
        b"microsoft365-dod" => "米国政府 DoD",
        b"microsoft365-china" => "中国（21Vianet）",
        b"outlook" => "個人の Microsoft アカウント: outlook.com、hotmail.com、live.com など",
        b"google" => "Gmail と Google Workspace",
        b"custom" => "その他のプロバイダー（アドレスをこのあと入力します）",
        _ => "",
    }
}

fn hosts(servers: &Servers) -> String {
    let shown = |(name, server): (&str, &Option<Server>)| {
        server.as_ref().map(|server| format!("{name} {}:{}", server.host, server.port))
    };
    let all = [("smtp", &servers.smtp), ("imap", &servers.imap), ("pop3", &servers.pop3)];
    let all: Vec<String> = all.into_iter().filter_map(shown).collect();
    let oauth =
        if servers.has_oauth { "" } else { "（OAuth 2.0 に対応しているとは書かれていません）" };
    format!("{}{oauth}", all.join("、"))
}

pub fn trouble(trouble: &Trouble) -> (String, String) {
    let (text, hint) = match trouble {
        Trouble::FlagMissing { flag, question } => (
            format!("「{question}」の答えがなく、ここでは質問できません"),
            format!("{flag} を付けるか、端末で実行してください:\n  {}", with_flag(flag)),
        ),
        Trouble::NotAnAddress { typed } => (
            format!("\"{typed}\" はメールアドレスではありません"),
            "例: ann@contoso.com。\"*@contoso.com\" は、[[account]] の address として設定に直接書いてください".into(),
        ),
        Trouble::NotAChoice { typed, of } => {
            (format!("\"{typed}\" は選択肢にありません"), format!("1 から {of} の番号か、その右の名前を入力してください"))
        }
        Trouble::NotYesOrNo => ("「はい」か「いいえ」で答えてください".into(), "y または n".into()),
        Trouble::Declined => ("何も書き込みませんでした".into(), "別の答えでもう一度実行してください".into()),
        Trouble::Terminal { why } => {
            (format!("入力を読めません: {why}"), "オプションで答えてください: gatepost setup --help".into())
        }
        Trouble::NotASetting { typed } => (
            format!("\"{typed}\" はキーと値の形ではありません"),
            "例: --set app.token-url=https://login.example.com/token".into(),
        ),
        Trouble::SecretInArgument { key } => (
            format!("{key} は秘密かもしれません。コマンドの引数はこのマシンの全員に見えます"),
            format!("ファイルに入れてください: --set {key}-file=FILE"),
        ),
        Trouble::HasAFlag { key, flag } => {
            (format!("{key} は --set では設定しません"), format!("{flag} を使ってください"))
        }
        Trouble::Otherwise { file, lines, proof } => (
            format!("{file} の内容が指定と異なります。すでにある行は変更しないため、何も書き込みませんでした"),
            format!(
                "次のように書いて（同じキーの行があれば置き換えて）、{}:{}{}",
                if proof.is_some() { "その下の手順に進んでください" } else { "もう一度 setup を実行してください" },
                listed(lines, Lang::Ja),
                behind(proof.as_ref())
            ),
        ),
        Trouble::NotAListener { typed } => (
            format!("\"{typed}\" はリスナーではありません"),
            "例: --listen smtp=192.168.10.2:1587（smtp、imap、pop3）".into(),
        ),
        Trouble::Unreadable { file, why } => {
            (format!("{file} を読めません: {why}"), "パスと読み取りの権限を確認してください".into())
        }
        Trouble::Lent { block, by } => (
            format!("{block} のシークレットは systemd がサービスに渡すため（{by}）、ここからは変更できません。何も書き込んでいません"),
            match by.starts_with(SEALED) {
                true => format!(
                    "値を `systemd-creds encrypt` でそのファイルに封じてから、次を実行してください: {}",
                    Daemon::Unit.restart()
                ),
                false => format!("値をそのファイルに書いてから、次を実行してください: {}", Daemon::Unit.restart()),
            },
        ),
        Trouble::Unwritable { file, why } => (
            format!("{file} に書き込めません: {why}"),
            "そのフォルダーの所有者として実行するか、別の場所を指定してください（--config FILE）".into(),
        ),
        Trouble::ChangedMeanwhile { file } => (
            format!("その間に {file} が変更されました"),
            "何も書き込んでいません。もう一度 setup を実行してください".into(),
        ),
        Trouble::UnknownProvider { typed } => (
            format!("プロバイダー \"{typed}\" はありません"),
            "microsoft365、microsoft365-gcc-high、microsoft365-dod、microsoft365-china、outlook、google、fastmail、yahoo、aol、custom"
                .into(),
        ),
        Trouble::PasswordOnly { service } => (
            format!("{service} はメールソフトの OAuth 2.0 サインインに対応せず、専用のパスワードだけを受け付けます"),
            "Gatepost は不要です。サービスの設定で専用パスワードを作り、メールソフトに入力してください".into(),
        ),
        Trouble::NothingFound { domain } => (
            format!("{domain} のメールのプロバイダーが分かりません"),
            "つづりを確認するか、指定してください: --provider microsoft365 --tenant TENANT、--provider google など"
                .into(),
        ),
        Trouble::Unreachable { domain, why, by_proxy } => ByProxy::text(
            by_proxy.as_ref(),
            Lang::Ja,
            format!("{domain} のプロバイダーを調べられません: {}", found(Lang::Ja, why)),
            "ネットワークを確認するか（プロキシー: --set network.http-proxy=http://proxy:3128）、指定してください: --provider NAME --tenant TENANT",
        ),
        Trouble::TenantUnreachable { domain, why, by_proxy } => ByProxy::text(
            by_proxy.as_ref(),
            Lang::Ja,
            format!("{domain} のテナントを調べられません: {}", found(Lang::Ja, why)),
            "ネットワークを確認するか、指定してください: --tenant TENANT",
        ),
        Trouble::NotATenant { typed } if typed.is_empty() => {
            ("テナントが入力されていません".into(), "テナントの ID（GUID）または確認済みのドメインを入力してください".into())
        }
        Trouble::NotATenant { typed } => {
            (format!("\"{typed}\" はテナントではありません"), "テナントの ID（GUID）または確認済みのドメイン".into())
        }
        Trouble::NoSuchTenant { tenant } => (
            format!("Microsoft にテナント {tenant} はありません（AADSTS90002）"),
            "--tenant を省くとアドレスから調べます。ID は Entra 管理センターの「概要」にあります".into(),
        ),
        Trouble::NoSuchGrant { provider, grant } => (
            format!("{provider} は --grant {grant} ではトークンを発行しません"),
            "--grant authorization-code を使ってください。ssh 越しでも、ブラウザーの最後のアドレスを貼り付ければ使えます"
                .into(),
        ),
        Trouble::NoGraph { provider } => {
            (format!("{provider} には送信に使える Microsoft Graph がありません"), "--outbound smtp を使ってください".into())
        }
        Trouble::Idle { flag, why } => (format!("{flag} はここでは使われません: {}", idle::ja(*why)), "外して実行してください".into()),
        Trouble::NobodyArms => (
            "アプリ専用のグラントでは --first-use は使えません。有効にする人がサインインしないためです".into(),
            "--first-use を省いてください。パスワードを作成し、一度だけ表示します".into(),
        ),
        Trouble::NotAClientId { is_microsoft: true } => (
            "これはアプリケーション (クライアント) ID ではありません".into(),
            "00000000-0000-0000-0000-000000000000 のような GUID で、アプリの「概要」ページにあります".into(),
        ),
        Trouble::NotAClientId { is_microsoft: false } => {
            ("これはクライアント ID ではありません".into(), "プロバイダーが表示する、空白のない文字列です".into())
        }
        Trouble::NoScript { provider, grant } => (
            format!("{provider} の {grant} 用のスクリプトはありません"),
            "--print-script なしの gatepost setup が手順を表示します".into(),
        ),
        Trouble::NoSecret => (
            "アプリ専用のグラントには、アプリを証明するものが必要です".into(),
            format!("次のいずれかを実行してください（ここで作る証明書、用意した証明書、クライアントシークレット）:{}", proofs()),
        ),
        Trouble::HalfAPair { there, missing } => (
            format!("{there} はありますが、{missing} がありません。どちらも上書きしていません"),
            "もう一方を元に戻すか、これを別の場所に移してください。移すと両方を作成します".into(),
        ),
        Trouble::NoPassword => {
            ("標準入力の行はパスワードではありません".into(), "空でない1行を渡してください".into())
        }
        Trouble::NoRandomness => {
            ("パスワードを作れません。このマシンでは乱数を得られません".into(), "もう一度試してください".into())
        }
        Trouble::Gone { address } => {
            (format!("設定にアカウント {address} がありません"), "不具合として報告してください".into())
        }
        Trouble::NoTrial { why, next } => (format!("テストメールのためのデーモンを起動できません: {why}"), next.clone()),
        Trouble::NoSmtpListener => (
            "テストメールを送る smtp リスナーがありません".into(),
            "--listen smtp=127.0.0.1:1587 を付けるか、送信を省いてください: --no-send".into(),
        ),
        Trouble::ReloadIt { process, command } => (
            format!("動作中のデーモン（プロセス {process}）は新しいアカウントをまだ知りません"),
            format!("そのユーザーで `{command}` を実行したあと、もう一度 setup を実行してください"),
        ),
        Trouble::RestartIt { process, at, command } => (
            format!("動作中のデーモン（プロセス {process}）のコンソールは、この設定にある {at} にありません。コンソールの変更は再起動しないと反映されません"),
            format!("再起動してから（そのユーザーで `{command}`）、もう一度 setup を実行してください"),
        ),
        Trouble::OtherDaemon { process, stop, places, apart } => {
            beside::other_ja(*process, stop, places.each_ref().map(String::as_str), apart)
        }
        Trouble::NotWell => (
            "確認で問題が見つかりました".into(),
            "次の手順は上に示しました。そのあと `gatepost doctor`、またはもう一度 setup を実行してください".into(),
        ),
        Trouble::TrialFailed => (
            "まだ動かないメールボックスがあります".into(),
            "足りないものは上に示しました。設定は残ります。setup は何度でも実行できます".into(),
        ),
    };
    (text, hint)
}

/// By hand, and by script where there is one.
pub fn registration(of: &Registration) -> String {
    let mut page = String::new();
    match of.provider {
        "google" => page.push_str(
            "  1. https://console.cloud.google.com でプロジェクトを作り、「API とサービス」の「ライブラリ」で Gmail API を有効にします。\n  \
             2. OAuth 同意画面: Workspace なら「内部」。それ以外は「外部」にして公開します。「テスト」のままではサインインが7日で切れます。\n  \
             3. データアクセス: スコープ https://mail.google.com/ を追加します。\n  \
             4. 認証情報を作成、「OAuth クライアント ID」、種類は「デスクトップ アプリ」。クライアント ID とシークレットをこのあと入力します。\n",
        ),
        "outlook" => page.push_str(
            "  1. https://entra.microsoft.com の「アプリの登録」、「新規登録」。名前: Gatepost。\n     \
             サポートされているアカウントの種類: 個人用 Microsoft アカウントのみ。\n  \
             2. リダイレクト URI: 「パブリッククライアント/ネイティブ（モバイルとデスクトップ）」、http://localhost\n  \
             3. 「アプリケーション (クライアント) ID」を控えます。\n  \
             4. Outlook.com の設定、「メール」、「転送と IMAP」で、デバイスとアプリの POP と IMAP を許可します。\n",
        ),
        name if name.starts_with("microsoft365") => entra(of, &mut page),
        name => {
            let _ = write!(
                page,
                "  {name} でアプリを登録します: ネイティブ（デスクトップ）アプリ、PKCE、リダイレクト URI は http://localhost、\n  \
                 IMAP、POP、SMTP のアクセス許可。クライアント ID をこのあと入力します。\n"
            );
        }
    }
    page
}

fn entra(of: &Registration, page: &mut String) {
    let app_only = of.grant.is_app_only();
    // Writing to a String does not fail.
    let _ = write!(
        page,
        "  手作業の場合、テナント {} の Entra 管理センター（https://entra.microsoft.com）で:\n  \
         1. 「アプリの登録」、「新規登録」。名前: Gatepost。アカウントの種類: この組織ディレクトリのみ。\n",
        of.tenant_shown()
    );
    if app_only {
        let proof = match of.certificate {
            Some(file) => format!("{file} をアップロードします"),
            None => "クライアントシークレットを作り、値を控えます".to_owned(),
        };
        let _ = write!(
            page,
            "     リダイレクト URI は不要です。\n  \
             2. 「API のアクセス許可」、「所属する組織で使用している API」、Office 365 Exchange Online、「アプリケーションの許可」:\n     \
             IMAP.AccessAsApp、POP.AccessAsApp。そのあと管理者の同意を与えます。SMTP.SendAsApp は、権限のあるすべてのメールボックスに及ぶため追加しません。\n  \
             3. 「証明書とシークレット」: {proof}\n  \
             4. 「エンタープライズアプリケーション」の Gatepost のページで、「オブジェクト ID」（次の <object-id>。アプリの登録のものとは違います）と\n     \
             「アプリケーション ID」（次の <client-id>）を控えます。\n  \
             5. Exchange Online PowerShell で:\n       \
             New-ServicePrincipal -AppId <client-id> -ObjectId <object-id>\n"
        );
        for one in of.all().map(powershell) {
            let _ = writeln!(page, "       Add-MailboxPermission {one} -User <object-id> -AccessRights FullAccess");
            if of.uses_smtp() {
                let _ = writeln!(page, "       Set-CASMailbox {one} -SmtpClientAuthenticationDisabled $false");
            }
        }
        let _ = writeln!(
            page,
            "       # 別のメールボックスのためにグループがすでにある場合は、グループとスコープを作成する代わりに:\n{members}       \
             New-DistributionGroup -Name gatepost-senders -Type Security -Members {all}\n       \
             $group = (Get-DistributionGroup -Identity gatepost-senders).DistinguishedName\n       \
             New-ManagementScope -Name Gatepost -RecipientRestrictionFilter \"MemberOfGroup -eq '$group'\"",
            members = into_the_group(of),
            all = of.all().map(powershell_quoted).collect::<Vec<_>>().join(",")
        );
        for (role, used) in [("SMTP.SendAsApp", of.uses_smtp()), ("Mail.Send", of.uses_graph())] {
            if used {
                let _ = writeln!(
                    page,
                    "       New-ManagementRoleAssignment -App <client-id> -Role \"Application {role}\" -CustomResourceScope Gatepost"
                );
            }
        }
    } else {
        let _ = write!(
            page,
            "  2. リダイレクト URI: 「パブリッククライアント/ネイティブ（モバイルとデスクトップ）」、http://localhost（「シングルページアプリケーション」ではありません）\n  \
             3. 「API のアクセス許可」、Microsoft Graph、「委任されたアクセス許可」:\n     {}\n",
            of.delegated().join(", ")
        );
        if of.grant == Grant::DeviceCode {
            page.push_str("     「認証」の「パブリッククライアントフローを許可する」: はい。\n");
        }
        if of.uses_smtp() || !of.others.is_empty() {
            page.push_str("  4. Exchange Online PowerShell で:\n");
        }
        if of.uses_smtp() {
            let _ = writeln!(
                page,
                "       Set-CASMailbox {} -SmtpClientAuthenticationDisabled $false",
                powershell(of.address)
            );
        }
        let who = powershell(of.address);
        for one in of.others.iter().map(|one| powershell(one)) {
            let _ = writeln!(page, "       Add-MailboxPermission {one} -User {who} -AccessRights FullAccess");
            let _ =
                writeln!(page, "       Add-RecipientPermission -Identity {one} -Trustee {who} -AccessRights SendAs");
        }
    }
    page.push_str(
        "  最後に、アプリの「概要」ページの「アプリケーション (クライアント) ID」を控えます。\n  \
         すべてを行うスクリプトもあります。次のコマンドで書き出します:\n",
    );
    let _ = writeln!(page, "       {}", to_print_script(of));
}

pub const SCRIPT: ScriptWords = ScriptWords {
    head: "Gatepost を Entra ID に登録し、下のメールボックスの権限だけを与えます。何度実行しても安全です。",
    modules: "PowerShell 7 と次のモジュールが必要です:",
    stops: "失敗した時点で止まります。スクリプトモジュールのコマンドレットに効くのは、1行目ではなく2行目です。",
    sign_in: "アプリの登録と同意ができる管理者でサインインします（クラウド アプリケーション管理者以上）。",
    device: "コードでのサインインには、パブリッククライアントフローの許可が必要です。",
    redirect: "パブリッククライアント: シークレットはなく、PKCE で守られます。http://localhost のどのポートでもかまいません。",
    of_another_tenant: "設定にあるアプリは、このテナントに登録されていません。代わりにこのテナントのアプリを使います。最後に表示されるクライアント ID を、設定の client-id に書いてください。",
    no_public_flows: "アプリ自身を証明するようになるため、このアプリのパブリッククライアントフローを無効にしました。コードでのサインインは、このアプリではできなくなります。",
    extended: "既存のアプリのアクセス許可はそのまま残し、足りないものだけを追加します。",
    consent: "この1人だけについての同意。全員の場合: -PrincipalId を省き、-ConsentType 'AllPrincipals'。",
    exchange: "Exchange Online: メールボックスの権限。",
    smtp_auth: "これらのメールボックスだけの SMTP AUTH。テナントの設定は変えません。セキュリティの既定値群が有効な場合は outbound = \"graph\" を使います。",
    delegate: "共有メールボックス: 委任されたユーザーが開き、そのアドレスとして送信します。",
    roles: "IMAP と POP3 だけ。ここで SMTP.SendAsApp を与えると、すべてのメールボックスに及びます。下のロールなら範囲を限定できます。",
    certificate: "アプリを証明する証明書。秘密鍵は Gatepost のマシンから出ません。",
    has_certificates: "アプリにはすでに証明書があります。Gatepost の証明書がなければ「証明書とシークレット」で追加してください。",
    secret: "アプリを証明するもの: 「証明書とシークレット」で、証明書をアップロードするかシークレットを作成します。",
    enterprise: "アプリを Exchange に登録します。エンタープライズアプリケーションのオブジェクト ID を使います。",
    mailboxes: "IMAP と POP3: これらのメールボックスへのフルアクセス権限。",
    scope: "送信: グループのメンバーに限定したロール。反映に15～30分かかります。",
    send_as: "設定の `send-as` にあるほかのアドレス: アプリがそのアドレスとして送信できるようにします。",
    end: "`gatepost setup --client-id` に渡す値:",
};
