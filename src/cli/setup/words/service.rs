//! What is left to do where the configuration is that of the service, whose user signs in: in both languages, and in the order
//! in which it is done; and who may read it, where that are too few or too many.

use std::path::{Path, PathBuf};

use crate::{base::Lang, cli::pasted::shell};

/// `closed`: what the user of the service cannot get at, each with the mode that lets it.
pub fn shut_out(lang: Lang, closed: &[(PathBuf, &str)]) -> String {
    let (lead, behind) = match lang {
        Lang::En => (
            "The user of the service cannot read its configuration: only root may. Where a secret stands in the file itself \
             (such as `client-secret`), give it a file of its own first (`client-secret-file`), for every user of this machine \
             may read what is let in here:",
            "What else lies in that folder is kept from others by its own mode alone then.",
        ),
        Lang::Ja => (
            "サービスのユーザーは、この設定を読み取れません（root だけが読み取れます）。設定ファイルそのものにシークレット（`client-secret` など）がある場合は、\
             先に専用のファイルに移してください（`client-secret-file`）。その後、次のコマンドで読み取れるようにしてください（このマシンのすべてのユーザーが読み取れるようになります）:",
            "その後、フォルダー内のほかのファイルは、それぞれのアクセス権だけで保護されます。",
        ),
    };
    let commands: String =
        closed.iter().map(|(path, mode)| format!("\n  sudo chmod {mode} {}", shell(&path.to_string_lossy()))).collect();
    format!("\n{lead}\n{commands}\n\n{behind}\n")
}

/// Of a password that somebody chose.
pub fn hash_is_open(lang: Lang, file: &Path) -> String {
    let file = file.display();
    match lang {
        Lang::En => format!(
            "\nThe hash of that password stands in {file}, which every user of this machine may read: one that is short or \
             common can be guessed from it, one that Gatepost makes (without --password-stdin) cannot.\nFor another one: \
             `openssl rand -base64 18` makes it, `gatepost password` the hash, for `password` under [[account]].\n"
        ),
        Lang::Ja => format!(
            "\nこのパスワードのハッシュは {file} にあり、このマシンのすべてのユーザーが読み取れます。短いパスワードやよくあるパスワードは、\
             ハッシュから推測されるおそれがあります（--password-stdin なしで Gatepost が作るパスワードは推測できません）。\n変更するには: \
             `openssl rand -base64 18` でパスワードを作り、`gatepost password` でそのハッシュを作って、[[account]] の `password` に書きます。\n"
        ),
    }
}

/// `is_installed`: systemd has its unit. `has_secret`: the app proves itself by something that the service has to be handed.
pub fn left_to_it(lang: Lang, address: &str, is_installed: bool, has_secret: bool) -> String {
    let [lead, install, hand, sign_in] = match lang {
        Lang::En => [
            "This is the configuration of the service, which has a user and a store of its own.",
            "Its unit is not installed on this machine yet: docs/systemd.md begins with that.",
            "The service has to be handed the client secret or the key, which root alone may read: docs/systemd.md, Secrets.",
            "Then sign in as that user:",
        ],
        Lang::Ja => [
            "これはサービスの設定です。サービスには専用のユーザーとストアがあります。",
            "サービスのユニットは、まだこのマシンに入っていません。docs/ja/systemd.md の最初の手順で入れてください。",
            "クライアントシークレットや秘密鍵は root だけが読み取れるので、サービスに渡す必要があります: docs/ja/systemd.md の「シークレット」",
            "続けて、そのユーザーでサインインしてください:",
        ],
    };
    let before = [(install, !is_installed), (hand, has_secret)].into_iter().filter(|(_, applies)| *applies);
    let before: String = before.map(|(words, _)| format!("\n{words}")).collect();
    format!(
        "\n{lead}{before}\n{sign_in}\n\n  sudo systemctl enable --now gatepost\n  \
         sudo systemd-run --quiet --wait --collect --pty -p DynamicUser=yes -p User=gatepost -p StateDirectory=gatepost \
         -p StateDirectoryMode=0700 -p UMask=0077 gatepost login {}\n",
        shell(address)
    )
}
