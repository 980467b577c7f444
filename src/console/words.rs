//! The console's words, in English and Japanese. A page takes all of its text from here.

use crate::{base::Lang, catalog::in_short_with_id, store::Trouble};

impl Lang {
    pub const fn words(self) -> &'static Words {
        match self {
            Lang::En => &EN,
            Lang::Ja => &JA,
        }
    }

    /// Between the parts of a list.
    pub const fn comma(self) -> &'static str {
        match self {
            Lang::En => ", ",
            Lang::Ja => "、",
        }
    }

    /// Somebody else consented than the configuration names.
    pub fn consented_for(self, other: &str, identity: &str) -> String {
        match self {
            Lang::En => format!("{other} signed in for {identity}: sign in again as {identity}"),
            Lang::Ja => {
                format!("{identity} のサインインを {other} が行いました。{identity} として再度サインインしてください。")
            }
        }
    }

    /// Who is signed in where nobody is: the app acts by itself.
    pub fn app_only(self, app: &str) -> String {
        match self {
            Lang::En => format!("nobody: app-only, {app}"),
            Lang::Ja => format!("なし（アプリ専用のグラント: {app}）"),
        }
    }

    /// A later sign-in came to nothing, of `other` where that is known.
    pub fn refused_beside(self, other: Option<&str>, at: &str, id: &str) -> String {
        let told = match (self, other) {
            (Lang::En, None) => format!("A later sign-in was refused ({at}); the one before it goes on."),
            (Lang::En, Some(other)) => {
                format!("A later sign-in, as {other}, was refused ({at}); the one before it goes on.")
            }
            (Lang::Ja, None) => {
                format!("その後のサインインは拒否されました（{at}）。以前のサインインが引き続き使われます。")
            }
            (Lang::Ja, Some(other)) => {
                format!("その後の {other} のサインインは拒否されました（{at}）。以前のサインインが引き続き使われます。")
            }
        };
        sentences(self, [Some(told), in_short_with_id(id, self)])
    }

    /// Why the store takes no writes, and what to do.
    pub fn store_trouble(self, trouble: &Trouble) -> String {
        let told = match (self, trouble) {
            (Lang::En, trouble) => format!("{}.", trouble.particular()),
            (Lang::Ja, Trouble::Silent) => {
                "応答がありません。別のプログラムがロックを保持しているか、ディスクが止まっています。両方を確認してください。"
                    .to_owned()
            }
            (Lang::Ja, Trouble::Locked) => {
                "別のプログラムがデータベースをロックしています。どのプログラムかは `sudo lslocks --notruncate` で確認してください。".to_owned()
            }
            (Lang::Ja, Trouble::Refuses(cause)) => {
                format!("書き込めません（{cause}）。空き容量、権限、ほかに開いているプログラムがないかを確認してください。")
            }
        };
        sentences(self, [Some(told), in_short_with_id(trouble.entry().id, self)])
    }

    /// What a client was answered, which is the same in every language.
    pub fn heard(self, reply: &str) -> String {
        match self {
            Lang::En => reply.to_owned(),
            Lang::Ja => format!("クライアントへの応答：\"{reply}\""),
        }
    }

    /// What was wrong first with a configuration that a reload refused, and what is written instead.
    pub fn not_taken_over(self, at: &str, what: &str, hint: Option<&str>) -> String {
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        match self {
            Lang::En => {
                format!(
                    "A configuration was not taken over ({at}), and the daemon runs on with the one before: {what}{hint}."
                )
            }
            Lang::Ja => {
                format!("設定は反映されませんでした（{at}）。デーモンは以前の設定のまま動いています：{what}{hint}。")
            }
        }
    }

    /// What of a configuration that was loaded again the daemon does not have yet, and what to do.
    /// `leaves_mail`: in the store before, and what becomes of it comes first.
    pub fn needs_restart(self, what: &str, restart: &str, leaves_mail: bool) -> String {
        let first = if leaves_mail { self.what_a_restart_leaves() } else { "" };
        match self {
            Lang::En => {
                format!(
                    "Until a restart the daemon runs on without what is new of {what}. Next step: {first}{restart}."
                )
            }
            Lang::Ja => {
                format!("再起動するまで有効にならない変更があります：{what}。次の手順：{first}{restart}")
            }
        }
    }

    /// Ahead of the commands for a restart, where mail or sign-ins stay in the store before.
    pub const fn what_a_restart_leaves(self) -> &'static str {
        match self {
            Lang::En => "decide first what becomes of the store before, which is told here, too; then ",
            Lang::Ja => {
                "以前のストアに残るもの（別の項目に表示しています）の扱いを先に決めてから、次を実行してください："
            }
        }
    }

    /// A time, and what is to be known of it.
    pub fn noted(self, time: &str, note: &str) -> String {
        match self {
            Lang::En => format!("{time}, {note}"),
            Lang::Ja => format!("{time}（{note}）"),
        }
    }

    /// A state of some ways in or out.
    pub fn by_ways(self, state: &str, ways: &[&str]) -> String {
        let ways = ways.join(self.comma());
        match self {
            _ if ways.is_empty() => state.to_owned(),
            Lang::En => format!("{state} ({ways})"),
            Lang::Ja => format!("{state}（{ways}）"),
        }
    }

    /// `seconds` as a rough time span.
    pub fn span(self, seconds: u64) -> String {
        let (n, en, ja) = match seconds {
            0..60 => (seconds, "s", "秒"),
            60..7200 => (seconds / 60, "min", "分"),
            7200..172_800 => (seconds / 3600, "h", "時間"),
            _ => (seconds / 86_400, "days", "日"),
        };
        match self {
            Lang::En => format!("{n} {en}"),
            Lang::Ja => format!("{n}{ja}"),
        }
    }

    pub fn ago(self, seconds: u64) -> String {
        match self {
            Lang::En => format!("{} ago", self.span(seconds)),
            Lang::Ja => format!("{}前", self.span(seconds)),
        }
    }

    pub fn within(self, seconds: u64) -> String {
        match self {
            Lang::En => format!("in {}", self.span(seconds)),
            Lang::Ja => format!("{}後", self.span(seconds)),
        }
    }
}

/// One behind the other.
pub fn sentences<const N: usize>(lang: Lang, all: [Option<String>; N]) -> String {
    let all: Vec<String> = all.into_iter().flatten().collect();
    all.join(if lang == Lang::En { " " } else { "" })
}

macro_rules! words {
    ($($name:ident: $en:literal, $ja:literal;)*) => {
        #[derive(Debug)]
        pub struct Words { $(pub $name: &'static str,)* }
        pub const EN: Words = Words { $($name: $en,)* };
        pub const JA: Words = Words { $($name: $ja,)* };
        #[cfg(test)]
        const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $en, $ja),)*];
    };
}

words! {
    skip: "Skip to the content", "本文へ移動";
    overview: "Overview", "概要";
    leave: "Leave", "終了";
    accounts: "Accounts", "アカウント";
    account: "Account", "アカウント";
    no_accounts: "There is no account in the configuration yet. Add an [[account]] and reload.",
        "設定にアカウントがありません。[[account]] を追加して再読み込みしてください。";
    more_mailboxes: "more mailboxes are not shown", "件のメールボックスは表示していません";
    domains: "Whole domains", "ドメイン全体";
    domain: "Domain", "ドメイン";
    known_mailboxes: "Mailboxes signed in or used", "サインイン済み・使用済みのメールボックス";
    local_passwords: "Local passwords", "ローカルパスワード";
    by_first_use: "learned by the first use after each sign-in", "各サインイン後の最初の使用で決定";
    mailbox_lead: "Open a mailbox of such a domain, to sign it in or to print its set-up sheet:",
        "ドメインのメールボックスを開きます（サインイン、設定シートの印刷）：";
    no_such_mailbox: "No account stands for this address:", "このアドレスに対応するアカウントがありません：";
    state: "State", "状態";
    signed_in_as: "Signed in as", "サインイン中のユーザー";
    also: "The same sign-in also carries", "同じサインインを使うほかのアカウント";
    signs_on_as: "Signed in at the provider as", "プロバイダーでのサインイン";
    signs_on_as_note: "never typed here", "ここでは入力しません";
    since: "Since", "開始";
    token_ends: "Token ends", "トークンの期限";
    next_sign_in: "Next sign-in", "次のサインイン";
    next_sign_in_note: "at the latest, if nobody uses the account until then", "それまで使われない場合の期限";
    policy_note: "since a policy ends every sign-in", "サインイン頻度ポリシーによる";
    policy_guess: "if the policy that ended the last one strikes again", "前回と同じポリシーが再び適用された場合";
    not_expected: "none expected", "予定なし";
    secret_expired: "expired, says the provider", "期限切れ（プロバイダーの回答）";
    secret_ends: "App secret ends", "アプリのシークレットの期限";
    ready: "ready", "利用可能";
    starting: "starting", "起動中";
    waiting: "waiting, passes by itself", "待機中（自動的に復旧します）";
    sign_in_needed: "sign-in needed", "サインインが必要";
    refused: "refused", "拒否";
    never: "never", "なし";
    sign_in: "Sign in", "サインイン";
    open: "Open", "開く";
    app: "App", "アプリ";
    provider: "Provider", "プロバイダー";
    unattended: "Nobody has to sign in: what proves the right to a token stands in the configuration.", "サインインは不要です。認証に必要な情報は設定にあります。";
    by_browser: "Sign in with a browser", "ブラウザーでサインイン";
    by_browser_note: "On this machine the browser comes back by itself. From another machine, copy the address at which it ends.",
        "このマシンのブラウザーなら自動的に戻ります。別のマシンからは、最後に表示されたアドレスをコピーしてください。";
    by_device: "Sign in with a code", "コードでサインイン";
    by_device_note: "Type a short code on a phone or another computer.", "スマートフォンや別のパソコンで短いコードを入力します。";
    going_on: "This sign-in is waiting for you", "サインインの完了を待っています";
    step_open: "Open the provider's page", "プロバイダーのページを開く";
    new_tab: "It opens in a new tab.", "新しいタブで開きます。";
    sign_in_there: "Sign in there as", "次のユーザーでサインインしてください：";
    step_return: "Come back here. This page notices by itself when you are done.",
        "このページに戻ってください。完了すると、自動的に更新されます。";
    paste_lead: "Did the browser end at an address that it cannot open? Copy that address (it begins with http://localhost) and paste it here:",
        "ブラウザーが開けないアドレスで終わりましたか？ http://localhost で始まるそのアドレスをコピーして、ここに貼り付けてください：";
    paste_button: "Use this address", "このアドレスを使う";
    paste_other: "That address belongs to another sign-in. Use the one that began here.",
        "そのアドレスは別のサインインのものです。ここで始めたものを使ってください。";
    paste_empty: "There is no code in that. Paste the whole address, from http:// on.",
        "コードが含まれていません。http:// から始まるアドレス全体を貼り付けてください。";
    paste_over: "That sign-in is over. Begin a new one.", "そのサインインは終了しました。新しく始めてください。";
    device_lead: "On any device, open this page and type the code:", "スマートフォンやパソコンなど、任意の機器で次のページを開き、コードを入力してください：";
    second_code: "Mail is granted. One more code, since messages leave through Microsoft Graph.", "メールは許可されました。メッセージは Microsoft Graph で送信されるため、もう1つコードを入力してください。";
    scan: "Or scan this with a phone:", "またはスマートフォンで読み取ってください：";
    scan_alt: "QR code of the page above", "上のページの QR コード";
    cancel: "Cancel", "中止";
    reload: "Reload", "再読み込み";
    no_script: "Reload this page when you are done.", "完了したら、このページを再読み込みしてください。";
    done: "Signed in", "サインインしました";
    done_as: "The provider says that this person consented:", "同意したユーザー（プロバイダーによる）：";
    somebody_else: "This is not whom this account wants. It is kept, since it may be another name of the same person; the mail server lets in nobody else without rights on that mailbox. Until it lets this one in, whoever signs in next takes its place.",
        "このアカウントに必要なユーザーではありません。同じ人の別名かもしれないため保存しましたが、メールサーバーは、そのメールボックスの権限がない人を受け入れません。メールサーバーが受け入れるまでは、次にサインインした人のものに置き換わります。";
    armed: "Within ten minutes, log in from this machine with a password of your choice. It becomes the password of",
        "10分以内に、このマシンから任意のパスワードでログインしてください。それが次のアカウントのパスワードになります：";
    made: "Password for mail programs. It is shown this once:", "メールソフト用のパスワード（一度だけ表示されます）：";
    go_on: "Go on", "続ける";
    failed: "Not signed in", "サインインできませんでした";
    cause: "Cause", "原因";
    next_step: "Next step", "次の手順";
    avoid: "What not to do", "してはならないこと";
    details: "What was said", "受け取った応答";
    found: "What was found", "詳細";
    last_day: "The last 24 hours", "過去24時間";
    messages: "Messages", "メッセージ";
    of_clients: "Messages of clients", "クライアントからのメッセージ";
    logins: "Logins", "ログイン";
    well: "accepted", "成功";
    not_well: "refused or broken off", "拒否・中断";
    per_hour: "per hour, the running hour at the right", "1時間ごと（右端が現在の1時間）";
    sessions: "Open sessions", "接続中のセッション";
    no_sessions: "Nobody is connected.", "接続はありません。";
    more_sessions: "more are not shown", "件は表示していません";
    protocol: "Protocol", "プロトコル";
    client: "Client", "クライアント";
    stage: "Stage", "段階";
    age: "For", "経過";
    recent_messages: "Last messages", "最近のメッセージ";
    no_messages: "No message was sent since the daemon started.", "起動後に送信されたメッセージはありません。";
    time: "When", "時刻";
    sender: "Sender", "差出人";
    recipients: "Recipients", "宛先数";
    size: "Size", "サイズ";
    answer: "Answer to the client", "クライアントへの応答";
    faults: "Last faults", "最近の問題";
    no_faults: "Nothing went wrong since the daemon started.", "起動後に問題は起きていません。";
    fault: "Fault", "問題";
    worked_again: "Worked again:", "その後、成功しました：";
    allowed: "The configuration allows it, or its program sends as another, since:", "設定で許可されたか、プログラムの差出人が変わった時刻：";
    let_in: "A client of its address was let in, or a rule admits it:",
        "このアドレスのクライアントが受け入れられたか、ルールで許可されました：";
    whose_turn: "Whose turn", "対応する側";
    at_stage: "Stage: ", "段階：";
    listeners: "Listeners", "リスナー";
    address: "Address", "アドレス";
    tls: "TLS", "TLS";
    clients: "Devices and programs", "機器とプログラム";
    set_up_sheet: "Set-up sheet", "設定シート";
    sheet_lead: "What to type into the device or mail program", "機器やメールソフトに入力する内容";
    server: "Server", "サーバー";
    port: "Port", "ポート";
    user_name: "User name", "ユーザー名";
    password: "Password", "パスワード";
    sheet_password: "the one that was chosen for Gatepost, not that of the mailbox", "Gatepost 用に決めたもの（メールボックスのパスワードではありません）";
    no_login: "none: leave login switched off", "なし（認証は無効のまま）";
    only_from: "Works only from", "接続元の制限";
    this_machine: "on this machine only", "このマシンのみ";
    sender_address: "Sender address", "差出人アドレス";
    smtp: "Outgoing mail (SMTP)", "送信メール（SMTP）";
    imap: "Incoming mail (IMAP)", "受信メール（IMAP）";
    pop3: "Incoming mail (POP3)", "受信メール（POP3）";
    print: "Print this page with the browser.", "ブラウザーの印刷機能で印刷してください。";
    store_trouble: "The store has a problem:", "ストアに問題があります：";
    door: "Open the console", "コンソールを開く";
    door_password: "Password of the console", "コンソールのパスワード";
    door_button: "Open", "開く";
    door_link: "On the machine on which Gatepost runs, as the same user, run this and open the link that it prints:",
        "Gatepost が動いているマシンで、同じユーザーとして次のコマンドを実行し、表示されたリンクを開いてください：";
    door_wrong: "That is not the password.", "パスワードが違います。";
    door_later: "Too many wrong passwords from your address. Wait a minute.", "間違ったパスワードが多すぎます。1分待ってください。";
    door_spent: "That link is used up or too old. Make a new one.", "そのリンクは使用済みか期限切れです。新しく作成してください。";
    form_elsewhere: "This form comes from another site.", "このフォームは別のサイトから送られました。";
    open_first: "Open the console first.", "先にコンソールを開いてください。";
    loopback_only: "This console answers to loopback names only.",
        "このコンソールは、localhost などループバックの名前でのみ応答します。";
    form_old: "This page was too old. Try again.", "ページが古くなっています。もう一度お試しください。";
    not_found: "There is nothing at this address.", "このアドレスには何もありません。";
    tls_off: "none", "なし";
    tls_starttls: "STARTTLS, if the client wants it", "STARTTLS（任意）";
    tls_starttls_required: "STARTTLS", "STARTTLS";
    tls_implicit: "SSL/TLS", "SSL/TLS";
    tls_auto: "SSL/TLS or none", "SSL/TLS またはなし";
    languages: "Language", "言語";
    places: "Pages", "ページ";
    queue: "Queue", "キュー";
    queue_id: "in the queue as", "キュー ID：";
    queue_waiting: "waiting", "待機中";
    queue_under_way: "under way", "配信中";
    queue_held: "on hold", "保留中";
    any_state: "any", "すべて";
    held_capture: "captured (capture = true)", "取り込み（capture = true）";
    held_by_hand: "held by hand", "手動で保留";
    held_body_missing: "its body is missing: put the file back and restart, or drop it", "本文のファイルがありません。元に戻して再起動するか、破棄してください";
    waits_for_account: "its account is not configured: it goes on when that is back", "アカウントが設定にありません。設定に戻ると再開します";
    captured: "capture", "取り込み";
    not_before_release: "not before it is released", "解除されるまで送信しません";
    next_occasion: "at the next occasion", "次の機会に";
    now: "now", "実行中";
    doubtful: "the mail server may have it already", "メールサーバーがすでに受け取った可能性があります";
    shut: "Mailboxes that cannot send now", "現在送信できないメールボックス";
    message: "Message", "メッセージ";
    recipient: "Recipient", "宛先";
    from_to: "From and to", "差出人と宛先";
    attempts: "Attempts", "試行回数";
    next_attempt: "Next attempt", "次の試行";
    last_reply: "Last reply", "最後の応答";
    actions: "Actions", "操作";
    search: "Search", "検索";
    show_all: "Show all", "すべて表示";
    queue_stands_still: "Nothing is sent from the queue.", "キューからの送信は停止しています。";
    rows_damaged: "The database cannot read these messages; they are not delivered. `gatepost queue drop ID` removes one:", "次のメッセージはデータベースから読み取れないため、配信されません。削除するには `gatepost queue drop ID` を実行してください：";
    held_body_damaged: "its body cannot be read or is not whole: mend the disk or put the file back, then release it; or drop it", "本文のファイルを読めないか、内容が欠けています。ディスクを修復するかファイルを元に戻してから解除するか、破棄してください";
    held_doubtful: "the mail server never answered it and it may have arrived: ask whoever it is for, then drop it, or release it for one more attempt", "メールサーバーが応答しないため、届いたかどうか分かりません。宛先に確認してから破棄するか、解除してもう一度送信してください";
    queue_empty: "Nothing waits.", "待っているメッセージはありません。";
    nothing_fits: "Nothing in the queue fits this search.", "条件に合うメッセージはありません。";
    retry: "Retry now", "今すぐ再試行";
    hold: "Hold", "保留";
    release: "Release", "解除";
    drop_ask: "Drop...", "破棄...";
    drop_question: "Drop this message?", "このメッセージを破棄しますか？";
    drop_note: "It is removed for good, nobody is told, and it cannot be taken back.", "完全に削除され、誰にも通知されません。元に戻すことはできません。";
    drop_it: "Drop it", "破棄する";
    keep_it: "Keep it", "残す";
    next_page: "Next page", "次のページ";
    failed_lately: "Failed lately", "最近の配信失敗";
    told: "Sender was told", "差出人への通知";
    yes: "yes", "あり";
    no: "no", "なし";
    plot_queued: "Queued messages", "キューに入ったメッセージ";
    taken_over: "taken over", "受け付け";
    plot_delivered: "Recipients of queued messages", "キューのメッセージの宛先";
    delivered: "delivered", "配信済み";
    failed_for_good: "failed", "失敗";
    accepted_at: "Accepted", "受け付け日時";
    session: "Session in the log", "ログのセッション番号";
    notice: "a notice of ours", "Gatepost からの通知";
    header: "Header", "ヘッダー";
    no_header: "The header cannot be read: the file is missing or cannot be opened.", "ヘッダーを読めません（ファイルがないか、開けません）。";
    more_not_shown: "more are not shown", "件は表示していません";
    message_gone: "It is not in the queue: it was delivered, failed, or was dropped, or never was.", "キューにありません。配信済み、配信失敗、破棄済みのいずれか、または存在しません。";
    message_failed: "It is not in the queue any more: it failed for good.", "キューに残っていません。配信に失敗しました。";
    message_told: "Its sender was told by a notice.", "差出人には通知しました。";
    message_untold: "Its sender was not told: have it sent again.", "差出人に通知できませんでした。再送を依頼してください。";
    message_unwanted: "It has no sender, or its sender wants no notice.", "差出人がないか、差出人が通知を求めていません。";
    take_off: "Take it off the list", "一覧から削除";
    send_again: "have it sent again", "再送を依頼してください";
    said_hold: "held: nothing is sent until it is released", "保留しました。解除するまで送信しません。";
    said_release: "released", "保留を解除しました。";
    said_retry: "tried again now", "今すぐ再試行します。";
    said_drop: "dropped", "破棄しました。";
    said_off_the_list: "off the list of messages that failed", "配信に失敗したメッセージの一覧から削除しました。";
    said_when_it_ends: "a delivery is under way: done behind it, if it does not deliver", "配信中です。配信できなかった場合に実行します。";
    said_not_there: "not there any more: delivered or dropped before", "すでに配信済みか破棄済みです。";
    said_held: "it is on hold: release it first", "保留中です。先に解除してください。";
    said_not_held: "it was not on hold", "保留されていません。";
    clients_title: "Clients", "クライアント";
    clients_lead: "Every [[client]] of the configuration and every login, as seen since the daemon started.", "設定の [[client]] とログインの、起動後の状況です。";
    no_clients: "No [[client]] is configured and nobody logged in yet.", "[[client]] の設定もログインもまだありません。";
    login_itself: "login of the account", "アカウント自体のログイン";
    by_address: "by its address", "アドレスのみ";
    client_not_seen: "not seen", "未接続";
    client_came: "came in", "接続済み";
    client_well: "well", "正常";
    client_refused: "refused last", "直近は拒否";
    client_undelivered: "not delivered last", "直近は配信失敗";
    client_held_up: "mail held up", "送信待ち";
    last_success: "Last success", "最後の成功";
    last_refusal: "Last refusal", "最後の拒否";
    signed_on: "signed on", "認証";
    came_in: "Came in last", "最後の接続";
    repaired: "Repaired", "修復";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_in_both_languages() {
        for (name, en, ja) in ALL {
            assert!(!en.is_empty() && !ja.is_empty(), "{name}");
            assert!(en.is_ascii(), "{name}: {en}");
            let same = matches!(*name, "tls" | "tls_starttls_required" | "tls_implicit");
            assert!(same || !ja.is_ascii(), "{name} is not translated: {ja}");
        }
    }

    #[test]
    fn spans_are_read_at_a_glance() {
        assert_eq!(Lang::En.ago(59), "59 s ago");
        assert_eq!(Lang::En.within(3 * 3600), "in 3 h");
        assert_eq!(Lang::Ja.within(9 * 86_400), "9日後");
    }
}
