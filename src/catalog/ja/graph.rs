//! `catalog::graph` in Japanese. Names of settings are those of the Japanese admin centres.

use super::Row;

const LET_NOBODY_WAIT: &str = "自動的に復旧します。`delivery = \"queue\"` にすると、クライアントは待たずに済みます。";

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    // Of the access: nothing was sent for anybody.
    ("graph-token-refused",
        "トークンは取得したばかりですが、Graph が受け付けません（InvalidAuthenticationToken）。`graph-url` が別のクラウドのものであるか、ポリシーが原因です。",
        "`provider` と `graph-url` が同じクラウドのものであることを確認してください。Graph の応答はログにあります。"),
    ("graph-access-denied",
        "アプリに `Mail.Send` のアクセス許可がないか、このメールボックスの使用が許可されていません（ErrorAccessDenied）。他人のメールボックスには、さらに `Mail.Send.Shared` が必要です。",
        "Entra で「アプリの登録」>（アプリ）>「API のアクセス許可」> Microsoft Graph > `Mail.Send` を追加し、「管理者の同意を与えます」を選んでください。アプリ専用のアクセスでは、メールボックスがアプリの管理スコープに含まれている必要があります。反映に最大30分かかります。"),
    ("graph-mailbox-unknown",
        "`smtp-user`（既定ではサインインするユーザー）がテナントのユーザーではないか、メールボックスを持っていません。",
        "`smtp-user` に、Entra に表示されるメールボックスのユーザープリンシパル名を設定してください。"),
    ("graph-mailbox-not-enabled",
        "メールボックスにライセンスがないか、非アクティブであるか、オンプレミスの Exchange サーバーにあります（MailboxNotEnabledForRESTAPI）。",
        "ユーザーに Exchange Online のライセンスを割り当てるか、`outbound = \"smtp\"` で送信してください。"),
    ("graph-unreachable",
        "メッセージを渡す前に、名前解決、接続、TLS、またはプロキシーの段階で失敗しました。何も送信されていません。",
        "原因はログにあります。DNS、ファイアウォール、`network.http-proxy` を確認してください。TLS を検査するプロキシーがある場合は、その認証局を `network.ca-file` に指定してください。"),
    ("graph-unreadable",
        "届いたものが Graph の応答ではありません。プロキシーやホテルのネットワークのページか、`graph-url` にある別のサービスの応答です。",
        "`graph-url` を確認し、途中にプロキシーや認証ページ（キャプティブポータル）がないことも確認してください。いずれも問題がなければ、自動的に復旧します。"),
    ("graph-busy",
        "Graph が1つのメールボックスについてアプリから同時に受け付ける要求は4つまでですが、そのどれも時間内に終わりませんでした。",
        LET_NOBODY_WAIT),

    // Of one message.
    ("graph-throttled",
        "このメールボックスに対するアプリの要求が多すぎるか、Graph が混雑しています（429、503）。Gatepost は Retry-After に従います。",
        LET_NOBODY_WAIT),
    ("graph-unclear",
        "メッセージ全体を送った後に、接続が切れたか、途中のサーバーで障害が起きました。受け付けられたかどうかは分かりません。",
        "もう一度送信する前に、「送信済みアイテム」を確認してください。"),
    ("graph-recipients-differ",
        "To または Cc に、エンベロープの宛先（RCPT TO）ではない人がいます。Graph にはエンベロープがないため、その人にも送信してしまいます。",
        "プログラムの設定で、全員宛ての1通のメッセージとして送信するか、このメッセージには `outbound = \"smtp\"` を使ってください。"),
    ("graph-recipients-invalid",
        "To、Cc、またはエンベロープに、Graph が解釈できないアドレスがあります（ErrorInvalidRecipients）。",
        "アドレスを修正してください。Graph の応答はログにあります。"),
    ("graph-message-unreadable",
        "To または Cc を読み取れないか、ヘッダーが大きすぎるか、大きなメッセージの構造が壊れています。Graph がそう応答した場合もあります。",
        "メッセージを作成しているプログラムを修正してください。その `[[client]]` に `repair = true` を設定すると、多くの誤りを修復できます。"),
    ("graph-signed-too-large",
        "3 MB を超えるメッセージは、下書きとして組み立て直して Graph に送ります。署名または暗号化されたものは、組み立て直せません。",
        "`outbound = \"smtp\"` で送信するか、メッセージを小さくするか、Gatepost に届く前の署名（DKIM）をやめてください。"),
    ("graph-too-large",
        "メールボックスの上限（既定は 35 MB）を超えているか、150 MB を超える添付ファイル、または大きなメッセージの中に 1.5 MB を超える本文があります。",
        "メッセージを小さくするか、`Set-Mailbox` で `MaxSendSize` を大きくしてください。"),
    ("graph-draft-denied",
        "大きなメッセージはメールボックスの下書きを経由しますが、アプリに下書きを作成する権限がありません。",
        "Entra で「API のアクセス許可」> Microsoft Graph > `Mail.ReadWrite` を追加し、「管理者の同意を与えます」を選んでください。"),
    ("graph-mailbox-full",
        "Graph は「送信済みアイテム」に控えを残しますが、メールボックスにその空きがありません（ErrorQuotaExceeded）。",
        "メールボックスを整理するか、管理者にクォータの引き上げを依頼してください。"),
    ("graph-refuses",
        "Graph が拒否しましたが、このバージョンの Gatepost ではその理由を判別できません。",
        "Graph の応答をログで確認してください。"),
];
