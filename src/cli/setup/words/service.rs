//! What is left to do where the configuration is that of the service, whose user signs in: in both languages.

use crate::{base::Lang, cli::pasted::shell};

/// `is_installed`: systemd has its unit. `has_secret`: the app proves itself by something that the service has to be handed.
pub fn left_to_it(lang: Lang, address: &str, is_installed: bool, has_secret: bool) -> String {
    let [lead, install, hand] = match lang {
        Lang::En => [
            "This is the configuration of the service, which has a user and a store of its own. Sign in as that user:",
            "Its unit is not installed on this machine yet; docs/systemd.md begins with that. Behind it:",
            "\nThe service has to be handed the client secret or the key: docs/systemd.md, Secrets.",
        ],
        Lang::Ja => [
            "これはサービスの設定です。サービスには専用のユーザーとストアがあります。そのユーザーでサインインしてください:",
            "サービスのユニットは、まだこのマシンに入っていません。docs/ja/systemd.md の最初の手順で入れてから、次を実行します:",
            "\nクライアントシークレットや秘密鍵をサービスに渡す必要があります: docs/ja/systemd.md",
        ],
    };
    let install = if is_installed { String::new() } else { format!("\n{install}") };
    let hand = if has_secret { hand } else { "" };
    format!(
        "\n{lead}{install}\n\n  sudo systemctl enable --now gatepost\n  \
         sudo systemd-run --quiet --wait --collect --pty -p DynamicUser=yes -p User=gatepost -p StateDirectory=gatepost \
         -p StateDirectoryMode=0700 -p UMask=0077 gatepost login {}\n{hand}",
        shell(address)
    )
}
