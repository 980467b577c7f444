//! Domains whose mail is known without asking anybody: the large providers of personal mailboxes.

use crate::config::{PRESETS, Preset};

/// What a domain or a host stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Name of a preset.
    Provider(&'static str),
    /// It takes passwords of its own for mail programs, and no OAuth 2.0: Gatepost is of no use there.
    PasswordOnly(&'static str),
}

/// By the whole domain, or by its first label where a provider has one in many countries.
pub fn domain(domain: &str) -> Option<Known> {
    let first = domain.split('.').next().unwrap_or_default();
    // Two labels, or three with a country: yahoo.com, yahoo.co.uk.
    let is_short = (2..=3).contains(&domain.split('.').count());
    let known = match domain {
        "yahoo.co.jp" | "ymail.ne.jp" => Known::PasswordOnly("Yahoo! JAPAN"),
        "icloud.com" | "me.com" | "mac.com" => Known::PasswordOnly("iCloud"),
        "zoho.com" | "zohomail.com" => Known::PasswordOnly("Zoho"),
        "gmail.com" | "googlemail.com" => Known::Provider("google"),
        "fastmail.com" | "fastmail.fm" | "messagingengine.com" => Known::Provider("fastmail"),
        "ymail.com" | "rocketmail.com" => Known::Provider("yahoo"),
        "aol.com" | "aim.com" => Known::Provider("aol"),
        "msn.com" | "passport.com" => Known::Provider("outlook"),
        _ if is_short && matches!(first, "outlook" | "hotmail" | "live") => Known::Provider("outlook"),
        _ if is_short && first == "yahoo" => Known::Provider("yahoo"),
        _ => return None,
    };
    Some(known)
}

/// By the name of a mail server, as autoconfig tells it.
pub fn host(host: &str) -> Option<Known> {
    let ends = |end: &str| host == end || host.strip_suffix(end).is_some_and(|front| front.ends_with('.'));
    if ends("mail.me.com") {
        return Some(Known::PasswordOnly("iCloud"));
    }
    if ends("zoho.com") || ends("zoho.eu") {
        return Some(Known::PasswordOnly("Zoho"));
    }
    if ends("mail.yahoo.co.jp") {
        return Some(Known::PasswordOnly("Yahoo! JAPAN"));
    }
    let has =
        |preset: &&Preset| [preset.smtp, preset.imap, preset.pop3].iter().flatten().any(|(known, _, _)| *known == host);
    PRESETS.iter().copied().find(has).map(|preset| Known::Provider(preset.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_mailboxes_are_known_by_their_domain_and_companies_are_not() {
        for (name, provider) in [
            ("outlook.com", "outlook"),
            ("hotmail.co.uk", "outlook"),
            ("outlook.jp", "outlook"),
            ("gmail.com", "google"),
            ("yahoo.de", "yahoo"),
            ("aol.com", "aol"),
            ("fastmail.com", "fastmail"),
        ] {
            assert_eq!(domain(name), Some(Known::Provider(provider)), "{name}");
        }
        assert_eq!(domain("icloud.com"), Some(Known::PasswordOnly("iCloud")));
        for name in ["contoso.com", "live", "notgmail.com", "yahoo.mail.contoso.example.com"] {
            assert_eq!(domain(name), None, "{name}");
        }
    }

    #[test]
    fn every_domain_names_a_preset_that_is_there_and_its_servers_name_it_too() {
        for preset in PRESETS.iter().filter(|preset| preset.name != "custom") {
            let (smtp, _, _) = preset.smtp.unwrap();
            let Some(Known::Provider(found)) = host(smtp) else { panic!("{smtp} is unknown") };
            let found = PRESETS.iter().find(|preset| preset.name == found).unwrap();
            assert_eq!(found.smtp, preset.smtp);
        }
        assert_eq!(host("evil-smtp.gmail.com"), None);
        assert_eq!(host("imap.mail.me.com"), Some(Known::PasswordOnly("iCloud")));
    }
}
