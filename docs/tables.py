#!/usr/bin/env python3
"""Puts the tables that programs measure into the Japanese pages: python3 docs/tables.py (make bench and make soak do it)

Whoever reads in Japanese has the figures on the page they read, and they are those of the English page, which is the one that is
measured into. A cell without a phrase here stays English, and is named, so that its phrase is added.
"""

import re
from pathlib import Path

DOCS = Path(__file__).parent
# Of each page what opens and what closes its table.
PAGES = {
    "clients.md": ("<!-- table: begin -->", "<!-- table: end -->"),
    "hardening.md": ("<!-- soak: begin -->", "<!-- soak: end -->"),
    "performance.md": ("<!-- made by make bench -->", "<!-- end of what make bench made -->"),
}
# `#` is a figure, `~` anything; they go over in their order. Where the order is another one, `#2` is the second of all.
PHRASES = """
program = ソフトウェア
version = バージョン
in = 言語
# programs and libraries. Spoken line by line besides: ~. = #のソフトウェアとライブラリ。このほか、対話を1行ずつ再現したもの：~

measure = 測定項目
measured = 測定値
bar = 基準
moonshot = 理想
missed = 未達
gatepost ~; default run, seed #, load # before it. = gatepost ~。既定の実行、シード #、測定前の負荷 #
accepted messages lost over # kills = 強制終了#回で失われた、受け付けたメッセージ
messages doubled over # kills = 強制終了#回で2通になったメッセージ
sign-ins lost over # kills = 強制終了#回で失われたサインイン
tokens mixed up over these = その間に取り違えたトークン
restart to listening, worst of # (under load) = 再起動からリスナーが開くまで、#回中の最長（負荷あり）
restart to listening, worst of # (during a refresh) = 再起動からリスナーが開くまで、#回中の最長（更新中）
restart to listening, worst of # (with mail in the queue) = 再起動からリスナーが開くまで、#回中の最長（キューにメールあり）
sign-ins lost over # kills between refresh and save = 更新と保存の間の強制終了#回で失われたサインイン
eight first sign-ins at once = 同時に8件の最初のサインイン
messages of the queue lost over # kills = 強制終了#回で失われた、キューのメッセージ
messages of the queue doubled over # kills = 強制終了#回で2通になった、キューのメッセージ
rows and bodies left behind all that = その後に残った行と本文
# of the queue, median of # = キューが返す「#」（#件の中央値）
alert to the queue, connecting to #, worst of # = キューへの通知、接続から「#」まで、#件中の最長
of these refused = うち拒否
of these arrived, each once = うち1通ずつ到着
until the last of these was sent = 最後の1通の送信まで
the same without the queue: # alerts = 同じ内容をキューなしで：通知#件
of these with a last word that is not true = うち最後の応答が事実と異なるもの
longest wait for one answer = 1つの応答までの最長の待ち時間
connections of one mailbox upstream over both bursts = 両方の集中の間の、1メールボックスの上流接続数
# heard over both bursts = 両方の集中の間に受けた「#」
silent connections held at once = 同時に保った、応答しない接続
memory of a silent connection = 応答しない接続1つのメモリ
an honest login among them, worst = その間の正しいログイン、最長
silent connections are dropped = 応答しない接続の切断
slow-loris clients held at once = 同時に保った、slow loris のクライアント
slow-loris clients are dropped = slow loris のクライアントの切断
when full, the oldest that is not signed on goes = 満員のとき、認証していない最も古い接続を切断
when full of signed-on sessions, none of them goes = 認証済みのセッションで満員のとき、どれも切断しない
guesses answered to one source = 1つの接続元の推測への応答
guesses on one connection = 1つの接続での推測
the owner from another address meanwhile = その間の、別のアドレスからの本人
the owner from the guesser's address, password not seen before = 推測している接続元からの本人（初めてのパスワード）
the owner from the guesser's address, password right before = 推測している接続元からの本人（以前に正しかったパスワード）
guesses answered to one loopback address = 1つのループバックアドレスの推測への応答
known and unknown users apart, medians = 存在するユーザーと存在しないユーザーの差、中央値
known and unknown users hear = 存在するユーザーと存在しないユーザーへの応答
# logins on an expired token: token requests = 期限切れのトークンで#件のログイン：トークンの要求
# logins on an expired token: let in = 期限切れのトークンで#件のログイン：成功
# logins on a token that the server refuses: token requests = サーバーが拒否するトークンで#件のログイン：トークンの要求
# logins on a token that the server refuses: let in = サーバーが拒否するトークンで#件のログイン：成功
growth for each session: connect, greet, quit = 1セッションごとのメモリの増加：接続、挨拶、終了
growth for each session: login, logout = 1セッションごとのメモリの増加：ログイン、ログアウト
resident after it all = すべての後の常駐メモリ
tokens mixed up over # logins of # users = #2人で#1件のログインの間に取り違えたトークン
logins that failed meanwhile = その間に失敗したログイン
memory that garbage took at most = 不正なデータによるメモリの増加、最大
an honest login meanwhile, worst = その間の正しいログイン、最長
garbage poured = 送り込んだ不正なデータ
after it all = すべての後

# of # = #2件中#1件
# of at least # = #2件以上で#1件
#, # at one kill at most = #（1回の強制終了で最大#通）
those in flight at a kill (#), once each = 強制終了のときに配信中だった#通、それぞれ1回まで
those on their way at a kill (#), once each = 強制終了のときに配信中だった#通、それぞれ1回まで
# a kill = 強制終了1回に#通
# ms (median # ms) = # ms（中央値 # ms）
# ms (worst # ms) = # ms（最長 # ms）
# (# kills came before the disk) = #（#回の強制終了はディスクへの書き込み前）
#, with kills before the disk among them = #（ディスクへの書き込み前の強制終了を含む）
all let in = すべて成功
# accepted, # refused for now = 受け付け#、一時的な拒否#
each #, or # # or # # = それぞれ「#」。それ以外は「# #」または「# #」
# kB (smtp #, imap #, pop3 #) = # kB（smtp #、imap #、pop3 #）
# ms (median #, most # ms of #; alone: median #, most # ms of #) = # ms（中央値 #、最長 # ms、#回。単独では中央値 #、最長 # ms、#回）
after # to # s, # left = #～#秒後、残り#
all after # to # s = すべて#～#秒後
# newcomers, # went, the oldest first = 新しい接続#、切断#、古い順
each newcomer costs the oldest its place = 新しい接続ごとに、最も古い接続を切断
# of # answer; the newcomer hears: ~ = #2件中#1件が応答。新しい接続への応答：~
all answer = すべて応答
# a second = 毎秒#件
# a second (# connections at once) = 毎秒#件（同時に#接続）
# a second (# connections at once, after half a minute #) = 毎秒#件（同時に#接続、30秒後は #）
#, then it closes = #回、その後は切断
#, then ~ = #回、その後は ~
let in after # s = #秒後に成功
let in at once (# s) = すぐに成功（#秒）
let in within # s = #秒以内に成功
let in after # s (after ~) = #秒後に成功（それまでは ~）
# ms (# and # ms, # each) = # ms（# と # ms、各#回）
the same words = 同じ文
# kB (# sessions, # kB; # in the half before) = # kB（#セッション、# kB。前半は #）
# (# tokens were replaced meanwhile) = #（その間に#個のトークンを交換）
#, with tokens replaced meanwhile = #（その間にトークンを交換）
# MiB (# to # MiB) = # MiB（#～# MiB）
# kB of every kind at every port = すべての種類、すべてのポートに # kB
the daemon serves: median #, most # ms of # = デーモンは動作：中央値 #、最長 # ms、#回
it serves = 動作すること

work = 測定項目
Measured on #: # cores of ~, load # at the end. ~. = # に測定：~（#コア）、終了時の負荷 #。~
Median (lowest..highest of the rounds). Ratios are medians of the ratios of each round. = 中央値（各回の最小..最大）。比は、各回の比の中央値です。
IMAP FETCH, # MiB literals, MB/s = IMAP FETCH、# MiB のリテラル、MB/s
IMAP APPEND, # MiB literals, MB/s = IMAP APPEND、# MiB のリテラル、MB/s
the same, CPU of the proxy, s/GB = 同上、プロキシーの CPU、s/GB
login and logout, CPU of the proxy, ms = ログインとログアウト、プロキシーの CPU、ms
round trips of an IMAP login, the probe included, trips * = IMAP ログインの往復（確認を含む）、回 *
NOOP, p50, µs * = NOOP、p50、µs *
FETCH of # KiB, p50, µs = # KiB の FETCH、p50、µs
FETCH of # KiB, # times: over # ms, times * = # KiB の FETCH を#回：# ms を超えた回数 *
memory per idle IMAP session, #, KiB~ = 待機中の IMAP セッション1つのメモリ、#セッション、KiB~
the same, after each was used, KiB = 同上、それぞれを使った後、KiB
CPU while # sessions idle, ms/s = #セッションが待機中の CPU、ms/s
# connections at once, lost~ = 同時に#接続、失敗~
SMTP # KiB, one message a connection, CPU, ms = SMTP # KiB、1接続に1通、CPU、ms
SMTP # KiB, # messages a connection, CPU, ms = SMTP # KiB、1接続に#通、CPU、ms
SMTP # KiB, one message a connection, msg/s~ = SMTP # KiB、1接続に1通、通/秒~
SMTP # KiB, # messages a connection, msg/s = SMTP # KiB、1接続に#通、通/秒
alerts of # KiB, one a connection, warm, msg/s = # KiB の通知、1接続に1通、warm、通/秒
the same, cold, msg/s = 同上、cold、通/秒
the same, warm over cold, times = 同上、cold に対する warm、倍
one alert over a line of # ms, warm, ms~ = # ms の回線での通知1通、warm、ms~
the same, cold, ms = 同上、cold、ms
growth for one message of # MiB, MiB = # MiB のメッセージ1通でのメモリの増加、MiB
growth for one message of # MiB through the queue, MiB = # MiB のメッセージ1通でのメモリの増加（キュー経由）、MiB
# simultaneous logins on an expired token, refreshes * = 期限切れのトークンで同時に#件のログイン、更新の回数 *
memory with ten accounts, MiB * = 10アカウントでのメモリ、MiB *
the same, after each logged in once, MiB = 同上、それぞれ一度ログインした後、MiB
start to first greeting, ms = 起動から最初の挨拶まで、ms

- round trips of an IMAP login, the probe included: login time over # ms, in whole trips: TCP, TLS, greeting, sign-on; one more for the probe behind it. ~ = - IMAP ログインの往復（確認を含む）：往復 # ms の回線でのログインの時間を、往復の回数にしたもの（TCP、TLS、挨拶、認証。その後の確認でもう1回）。~
- NOOP, p50: client to stub and back, both hops = - NOOP、p50：クライアントからスタブまでの往復（両方の区間）
- FETCH of # KiB, # times: over # ms: so long a step is Nagle's, with delayed acknowledgements; of email-oauth2-proxy a twentieth is asked = - # KiB の FETCH を#回：# ms を超えるのは、Nagle のアルゴリズムと遅延 ACK によるものです。email-oauth2-proxy では、回数を20分の1にしています
- memory per idle IMAP session, #: growth of Pss over the number of sessions; used: NOOP, FETCH and APPEND of # KiB on each = - 待機中の IMAP セッション1つのメモリ（#セッション）：Pss の増加をセッションの数で割ったもの。「使った後」は、それぞれで # KiB の NOOP、FETCH、APPEND を実行した後
- # connections at once: each logs in, says NOOP and logs out within #s; all were done in ~ = - 同時に#接続：それぞれが#秒以内にログイン、NOOP、ログアウトを行います。すべて終わるまでの時間は ~
- SMTP # KiB, one message a connection: on upstream connections that the one before left; the moonshot is direct's rate over one connection = - SMTP # KiB、1接続に1通：前の接続が残した上流の接続を使います。理想は、1接続での direct の速さです
- one alert over a line of # ms, warm: from connecting to the # behind the end of data = - # ms の回線での通知1通：接続から、データの終わりに対する「#」まで
- # simultaneous logins on an expired token: # were let in within # s; the endpoint took # s to answer = - 期限切れのトークンで同時に#件のログイン：#3秒以内に#2件が成功しました。エンドポイントの応答には#秒かかります
- memory with ten accounts: # MiB of it private = - 10アカウントでのメモリ：うち # MiB は専有メモリ

tokio copy = tokio copy
# #.#.# ~ = # #.#.# ~
"""
HOLE = re.compile(r"#(\d?)|~")


PATTERNS = {"#": r"([\d.,-]*\d)", "~": "(.*)"}


def readings():
    """Of each phrase its pattern, the kinds of its holes in their order, and the Japanese with holes."""
    for line in PHRASES.splitlines():
        english, _, japanese = line.partition(" = ")
        parts = re.split("([#~])", english)
        if japanese:
            pattern = "".join(PATTERNS.get(part) or re.escape(part) for part in parts)
            yield re.compile(pattern), [part for part in parts if part in PATTERNS], japanese


READINGS = list(readings())


def filled(found, kinds, japanese):
    figures, others = ([value for value, its in zip(found.groups(), kinds) if its == kind] for kind in "#~")
    named = {int(number) - 1 for number in re.findall(r"#(\d)", japanese)}
    in_order = {"#": iter([figure for at, figure in enumerate(figures) if at not in named]), "~": iter(others)}
    return HOLE.sub(lambda hole: figures[int(hole[1]) - 1] if hole[1] else next(in_order[hole[0]]), japanese)


def told(cell, missing):
    for pattern, kinds, japanese in READINGS:
        if found := pattern.fullmatch(cell):
            return filled(found, kinds, japanese)
    if re.search("ok|missed|not measured", cell) and ": " in cell:
        return cell.replace("**missed**", "**未達**").replace("not measured", "未測定")
    if re.search(r"\b[a-z]{4,}\b.* \b[a-z]{3,}\b", re.sub(r"`[^`]*`", "", cell)):
        missing.append(cell)
    return cell


def line_told(line, missing, with_words):
    if not line.startswith("|"):
        return told(line, missing)
    if set(line) <= set("|-"):
        return re.sub("-+", "---", line)
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    return "| " + " | ".join(told(cell, missing) if with_words else cell for cell in cells) + " |"


def main():
    missing = []
    for page, (begin, end) in PAGES.items():
        table = re.compile(f"(?<={re.escape(begin)}).*(?={re.escape(end)})", re.S)
        lines = table.search((DOCS / page).read_text())[0].split("\n")
        # Of programs the heading alone has words: what each can do is the same in every language.
        heading = next(line for line in lines if line.startswith("|"))
        japanese = "\n".join(line_told(line, missing, page != "clients.md" or line == heading) for line in lines)
        sister = DOCS / "ja" / page
        sister.write_text(table.sub(lambda _: japanese, sister.read_text()))
    for cell in missing:
        print(f"no Japanese yet in {Path(__file__).name}: {cell}")


if __name__ == "__main__":
    main()
