#!/usr/bin/env python3
"""Draws the dialogs of mail programs, filled in: python3 docs/pictures/draw.py

They are drawn, not photographed, so that they are sharp, small, in two languages, and changed with one word. What a reader has
to type stands out; the rest is grey.
"""

from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, LEFT, FIELD, LINE = 620, 24, 300, 38
STYLE = """text{font:14px system-ui,"Segoe UI","Yu Gothic UI","Hiragino Sans","Noto Sans CJK JP",sans-serif;fill:#333}
.h{font-weight:600;fill:#111}.v{font-weight:600;fill:#0b4f9e}.t{fill:#fff;font-weight:600}.g{fill:#777}"""


def dialog(title, rows):
    out, y = [], 62
    for kind, *words in rows:
        if kind == "part":
            out.append(f'<text class="h" x="{LEFT}" y="{y + 12}">{escape(words[0])}</text>')
            out.append(f'<path d="M{LEFT} {y + 21.5}H{WIDTH - LEFT}" stroke="#d0d3d8"/>')
        elif kind in ("type", "pick", "grey"):
            label, value = words
            out.append(f'<text x="{LEFT}" y="{y + 14}">{escape(label)}</text>')
            out.append(f'<rect x="{FIELD}" y="{y - 6.5}" width="{WIDTH - LEFT - FIELD}" height="29" rx="4" fill="#fff" stroke="#9aa1ab"/>')
            mark = "g" if kind == "grey" else "v"
            out.append(f'<text class="{mark}" x="{FIELD + 10}" y="{y + 13}">{escape(value)}</text>')
            if kind == "pick":
                out.append(f'<path d="M{WIDTH - LEFT - 22} {y + 5}l6 6 6-6" fill="none" stroke="#555" stroke-width="2"/>')
        elif kind == "check":
            label, on = words
            out.append(f'<rect x="{LEFT}.5" y="{y}" width="16" height="16" rx="3" fill="{"#0b4f9e" if on else "#fff"}" stroke="#667"/>')
            if on:
                out.append(f'<path d="M{LEFT + 4} {y + 8}l3.5 4 6-8" fill="none" stroke="#fff" stroke-width="2"/>')
            first, *more = label.split("\n")
            out.append(f'<text x="{LEFT + 26}" y="{y + 13}">{escape(first)}</text>')
            for text in more:
                y += 20
                out.append(f'<text x="{LEFT + 26}" y="{y + 13}">{escape(text)}</text>')
        y += LINE
    height = y + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8" fill="#f6f7f9" stroke="#7a828e"/>'
        f'<path d="M1 40V9a8 8 0 0 1 8-8H{WIDTH - 9}a8 8 0 0 1 8 8V40Z" fill="#3d4957"/>'
        f'<text class="t" x="{LEFT}" y="26">{escape(title)}</text>{"".join(out)}</svg>\n'
    )


ANN, HERE, THERE = "ann@contoso.com", "127.0.0.1", "gatepost.contoso.com"
SECRET = "●●●●●●●●●●"


def thunderbird(w):
    for name, protocol, port in (("account", "IMAP", "1993"), ("account-pop3", "POP3", "1995")):
        yield name, w["Manual configuration"], [
            ("part", w["Incoming server"]),
            ("pick", w["Protocol"], protocol),
            ("type", w["Hostname"], HERE),
            ("type", w["Port"], port),
            ("pick", w["Connection security"], w["None"]),
            ("pick", w["Authentication method"], w["Normal password"]),
            ("type", w["Username"], ANN),
            ("part", w["Outgoing server"]),
            ("type", w["Hostname"], HERE),
            ("type", w["Port"], "1587"),
            ("pick", w["Connection security"], w["None"]),
            ("pick", w["Authentication method"], w["Normal password"]),
            ("type", w["Username"], ANN),
        ]
    for name, kind, port in (("server", "IMAP Mail Server", "1993"), ("server-pop3", "POP Mail Server", "1995")):
        rows = [
            ("grey", w["Server Type"], w[kind]),
            ("type", w["Server Name"], HERE),
            ("type", w["Port (of a server)"], port),
            ("type", w["User Name"], ANN),
            ("part", w["Security Settings"]),
            ("pick", w["Connection security"], w["None"]),
            ("pick", w["Authentication method"], w["Password, transmitted insecurely"]),
        ]
        if kind.startswith("POP"):
            rows += [("part", w["Server Settings"]), ("check", w["Leave messages on server"], True)]
        yield name, w["Server Settings"], rows


def outlook(w):
    for name, protocol in (("account", "IMAP"), ("account-pop3", "POP3")):
        yield name, w["POP and IMAP Account Settings"], [
            ("part", w["User Information"]),
            ("type", w["Your Name"], "Ann"),
            ("type", w["Email Address"], ANN),
            ("part", w["Server Information"]),
            ("pick", w["Account Type"], protocol),
            ("type", w["Incoming mail server"], THERE),
            ("type", w["Outgoing mail server (SMTP)"], THERE),
            ("part", w["Logon Information"]),
            ("type", w["User Name (of a logon)"], ANN),
            ("type", w["Password"], f"{SECRET}  {w['(for Gatepost)']}"),
            ("check", w["Remember password"], True),
            ("check", w["Require logon using SPA"], False),
        ]
    for name, incoming in (
        (
            "advanced",
            [("type", w["Incoming server (IMAP)"], "1993"), ("pick", w["Encrypted connection"], "SSL/TLS")],
        ),
        (
            "advanced-pop3",
            [("type", w["Incoming server (POP3)"], "1995"), ("check", w["This server requires an encrypted connection"], True)],
        ),
    ):
        rows = [
            ("part", w["Outgoing Server"]),
            ("check", w["My outgoing server requires authentication"], True),
            ("check", w["Use same settings as my incoming mail server"], True),
            ("part", w["Advanced"]),
            *incoming,
            ("type", w["Outgoing server (SMTP)"], "1587"),
            ("pick", w["Encrypted connection"], "STARTTLS"),
            ("grey", w["Server Timeouts"], w["2 minutes"]),
        ]
        if name.endswith("pop3"):
            rows.append(("check", w["Leave a copy of messages on the server"], True))
        yield name, w["Internet E-mail Settings"], rows


class English(dict):
    """The words themselves."""

    def __missing__(self, word):
        return word


ENGLISH = English({
    "Port (of a server)": "Port", "User Name (of a logon)": "User Name",
    "Require logon using SPA": "Require logon using Secure Password Authentication (SPA)",
    "My outgoing server requires authentication": "My outgoing server (SMTP) requires authentication",
    "Encrypted connection": "Use the following type of encryption",
    "This server requires an encrypted connection": "This server requires an encrypted connection (SSL/TLS)",
})
# As Thunderbird and Outlook have them in Japanese, blanks and widths of brackets included.
JAPANESE = {
    "Manual configuration": "手動設定", "Incoming server": "受信サーバー", "Protocol": "プロトコル", "Hostname": "ホスト名",
    "Port": "ポート番号", "Connection security": "接続の保護", "None": "なし", "Authentication method": "認証方式",
    "Normal password": "通常のパスワード認証", "Password, transmitted insecurely": "平文のパスワード認証 (安全でない)", "Username": "ユーザー名", "Outgoing server": "送信サーバー",
    "Server Settings": "サーバー設定", "Server Type": "サーバーの種類", "IMAP Mail Server": "IMAP メールサーバー", "POP Mail Server": "POP メールサーバー",
    "Server Name": "サーバー名", "Port (of a server)": "ポート", "User Name": "ユーザー名", "Security Settings": "セキュリティ設定",
    "Leave messages on server": "ダウンロード後もサーバーにメッセージを残す",
    "POP and IMAP Account Settings": "POP と IMAP のアカウント設定", "User Information": "ユーザー情報", "Your Name": "名前",
    "Email Address": "電子メール アドレス", "Server Information": "サーバー情報", "Account Type": "アカウントの種類",
    "Incoming mail server": "受信メール サーバー", "Outgoing mail server (SMTP)": "送信メール サーバー (SMTP)",
    "Logon Information": "メール サーバーへのログオン情報", "User Name (of a logon)": "アカウント名", "Password": "パスワード", "(for Gatepost)": "（Gatepost 用）",
    "Remember password": "パスワードを保存する",
    "Require logon using SPA": "メール サーバーがセキュリティで保護されたパスワード認証 (SPA) に対応\nしている場合には、チェック ボックスをオンにしてください",
    "Internet E-mail Settings": "インターネット電子メール設定", "Outgoing Server": "［送信サーバー］タブ",
    "My outgoing server requires authentication": "送信サーバー (SMTP) は認証が必要",
    "Use same settings as my incoming mail server": "受信メール サーバーと同じ設定を使用する", "Advanced": "［詳細設定］タブ",
    "Incoming server (IMAP)": "受信サーバー (IMAP)", "Incoming server (POP3)": "受信サーバー (POP3)",
    "Encrypted connection": "使用する暗号化接続の種類", "This server requires an encrypted connection": "このサーバーでは暗号化された接続 (SSL/TLS) が必要",
    "Outgoing server (SMTP)": "送信サーバー (SMTP)", "Server Timeouts": "サーバーのタイムアウト", "2 minutes": "2 分",
    "Leave a copy of messages on the server": "サーバーにメッセージのコピーを置く",
}

if __name__ == "__main__":
    here = Path(__file__).parent
    for folder, words in ((here, ENGLISH), (here.parent / "ja" / "pictures", JAPANESE)):
        folder.mkdir(exist_ok=True)
        for program in (thunderbird, outlook):
            for name, title, rows in program(words):
                (folder / f"{program.__name__}-{name}.svg").write_text(dialog(title, rows))
