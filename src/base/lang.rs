//! The languages in which people are told something. What goes over a wire is English.

/// English, or Japanese.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    #[default]
    En,
    Ja,
}

impl Lang {
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Ja];

    /// As in `lang="ja"` (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Ja => "ja",
        }
    }

    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.tag() == tag)
    }

    /// Of a terminal, as POSIX has it (XBD 8.2): the first of `LC_ALL`, `LC_MESSAGES` and `LANG` that is set and not empty.
    pub fn of_locale(values: [Option<&str>; 3]) -> Self {
        let set = values.into_iter().flatten().find(|value| !value.is_empty()).unwrap_or_default();
        if set.starts_with("ja") { Lang::Ja } else { Lang::En }
    }

    /// From `Accept-Language` (RFC 9110 12.5.4): whichever of ours comes first; browsers sort by preference.
    pub fn accepted(header: &str) -> Self {
        let tags = header.split(',').filter_map(|one| one.trim().split(['-', ';']).next());
        tags.filter_map(|tag| Self::parse(&tag.to_ascii_lowercase())).next().unwrap_or(Lang::En)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_the_language_of_its_locale() {
        for (values, lang) in [
            ([None, None, Some("ja_JP.UTF-8")], Lang::Ja),
            ([Some(""), Some("ja"), Some("en_US.UTF-8")], Lang::Ja),
            ([Some("C"), None, Some("ja_JP.UTF-8")], Lang::En),
            ([None, None, None], Lang::En),
        ] {
            assert_eq!(Lang::of_locale(values), lang, "{values:?}");
        }
    }

    #[test]
    fn a_browser_gets_the_language_it_asks_for_first() {
        for (header, lang) in [
            ("ja,en-US;q=0.7", Lang::Ja),
            ("en-GB,ja;q=0.5", Lang::En),
            ("de-DE,de;q=0.9,ja;q=0.8", Lang::Ja),
            ("", Lang::En),
            ("xx", Lang::En),
        ] {
            assert_eq!(Lang::accepted(header), lang, "{header}");
        }
    }
}
