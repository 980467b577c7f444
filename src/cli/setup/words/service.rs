//! What is left to do where the configuration is that of the service, whose user signs in: in both languages, and in the order
//! in which it is done.

use crate::{base::Lang, cli::pasted::shell};

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
