//! Tells whether a configuration is still the one that was loaded: what a file says now, with what stands in the files that
//! it names.
//!
//! Whoever sees it learns nothing, nor can they try guesses at a secret: it is made with the token of the console as key. It
//! leaves out what is read anew by itself whenever it is used: certificates, keys, passwords of a whole domain.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Config, show::show};
use crate::{account::LocalPassword, base::Secret};

/// Of a file of roots, at most; those of a system have less than one.
const ROOTS_CAP: u64 = 8 << 20;

impl Config {
    /// Changes with everything that [`show`] shows, the secrets behind it, and the roots in `ca-file`. `None`: there is no
    /// token to make it with.
    pub fn fingerprint(&self) -> Option<String> {
        let token = self.console_token()?;
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, token.expose().as_bytes()));
        let mut add = |part: &[u8]| {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        };
        add(show(self).as_bytes());
        self.secrets().iter().for_each(|secret| add(secret.expose().as_bytes()));
        add(&self.roots());
        Some(URL_SAFE_NO_PAD.encode(context.sign()))
    }

    /// Each in its place, empty where there is none.
    fn secrets(&self) -> Vec<Secret> {
        let (network, notify) = (&self.network, &self.notify);
        let proxies = [&network.http_proxy, &network.mail_proxy].map(|proxy| Some(proxy.as_ref()?.written_out()));
        let apps = self.apps.values().map(|app| app.credential.secret().cloned());
        let accounts = self.accounts.iter().flat_map(|account| {
            let hash = if let LocalPassword::Hash(hash) = &account.password { Some(hash.clone()) } else { None };
            [hash, account.sign_in.password.clone()]
        });
        let clients = self.clients.iter().map(|client| client.password.clone());
        let told =
            notify.command.iter().cloned().map(Some).chain([notify.webhook.clone(), self.console.password.clone()]);
        proxies
            .into_iter()
            .chain(apps)
            .chain(accounts)
            .chain(clients)
            .chain(told)
            .map(Option::unwrap_or_default)
            .collect()
    }

    /// What cannot be read any more is another configuration, too.
    fn roots(&self) -> Vec<u8> {
        use std::io::Read;
        let mut roots = Vec::new();
        if let Some(file) = self.network.ca_file.as_ref().and_then(|path| std::fs::File::open(path).ok())
            && file.take(ROOTS_CAP).read_to_end(&mut roots).is_err()
        {
            roots.clear();
        }
        roots
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{
        config::{Surroundings, check_text},
        console::token_file,
    };

    const FILES: [(&str, &str, &str); 4] = [
        ("http-proxy", "http://ann:old@proxy.example:3128", "http://ann:new@proxy.example:3128"),
        ("mail-proxy", "http://ann:old@proxy.example:3128", "http://ann:new@proxy.example:3128"),
        ("ca.pem", "# old\n", "# new\n"),
        ("client-secret", "old-secret", "new-secret"),
    ];

    fn loaded(dir: &Path) -> Config {
        let at = dir.display();
        let text = format!(
            "[store]\nurl = \"sqlite://{at}/gatepost.db\"\nkey-file = \"{at}/key\"\n[network]\nca-file = \"{at}/ca.pem\"\n\
             http-proxy-file = \"{at}/http-proxy\"\nmail-proxy-file = \"{at}/mail-proxy\"\n[app.x]\nprovider = \
             \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"00000000-0000-0000-0000-000000000000\"\n\
             grant = \"client-credentials\"\nclient-secret-file = \"{at}/client-secret\"\n[[account]]\napp = \"x\"\n\
             address = \"ann@contoso.com\"\npassword = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$lNTCgLIwXNcRuNuoPuCNsQ\"\n"
        );
        let around = Surroundings::of_this_process(&dir.join("gatepost.toml"));
        check_text(&text, "gatepost.toml", &around).unwrap_or_else(|problems| panic!("{problems}")).0
    }

    #[test]
    fn what_stands_in_a_file_that_is_named_counts_as_the_file_itself_and_is_told_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            #[cfg(unix)]
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        FILES.iter().for_each(|(name, old, _)| write(name, old));
        assert_eq!(loaded(dir.path()).fingerprint(), None, "there is no key to make it with");
        fs::write(token_file(&loaded(dir.path()).store), "a token").unwrap();
        let mut seen = vec![loaded(dir.path()).fingerprint().unwrap()];
        assert_eq!(loaded(dir.path()).fingerprint().as_ref(), seen.last());
        for (name, _, new) in FILES {
            write(name, new);
            let now = loaded(dir.path()).fingerprint().unwrap();
            assert!(!seen.contains(&now), "{name}");
            seen.push(now);
        }
        fs::write(token_file(&loaded(dir.path()).store), "another token").unwrap();
        assert!(!seen.contains(&loaded(dir.path()).fingerprint().unwrap()), "nobody can try guesses without the token");
    }
}
