//! `<address> PARAM=value ...` of MAIL and RCPT, as strictly as Exchange reads it: angle brackets are compulsory.

use crate::sandbox::faults::SmtpFaults;

/// An address and what follows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Path<'a> {
    pub address: &'a str,
    pub parameters: Vec<(String, Option<&'a str>)>,
}

/// The reply to a path that is none.
pub const INVALID: &str = "501 5.1.7 Invalid address {tail}";
pub const UNRECOGNIZED: &str = "501 5.5.4 Unrecognized parameter {tail}";

/// Reads what stands behind `FROM:` or `TO:`.
pub fn read(text: &str) -> Result<Path<'_>, &'static str> {
    let text = text.trim_start_matches(' ');
    let (address, rest) = text.strip_prefix('<').and_then(|text| text.split_once('>')).ok_or(INVALID)?;
    let plain = address.chars().all(|c| !c.is_control() && !" <>".contains(c));
    let whole = address.is_empty()
        || address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if !plain || !whole || address.len() > 320 {
        return Err(INVALID);
    }
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(UNRECOGNIZED);
    }
    let parameters = rest.split(' ').filter(|word| !word.is_empty()).map(|word| match word.split_once('=') {
        Some((name, value)) => (name.to_ascii_uppercase(), Some(value)),
        None => (word.to_ascii_uppercase(), None),
    });
    Ok(Path { address, parameters: parameters.collect() })
}

/// Checks the parameters of MAIL; answers whether SMTPUTF8 was asked for.
pub fn mail_parameters(path: &Path<'_>, faults: &SmtpFaults, limit: usize) -> Result<bool, &'static str> {
    let offered = |keyword: &str| !faults.hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case(keyword));
    let mut utf8 = false;
    for (name, value) in &path.parameters {
        match (name.as_str(), *value) {
            ("SIZE", Some(size)) => {
                if size.is_empty() || size.len() > 20 || !size.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err("501 5.5.4 Invalid arguments {tail}");
                }
                if size.parse::<usize>().map_or(true, |size| size > limit) {
                    return Err("552 5.3.4 Message size exceeds fixed maximum message size {tail}");
                }
            }
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("7BIT") => {}
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("8BITMIME") && offered("8BITMIME") => {}
            ("BODY", Some(body)) if body.eq_ignore_ascii_case("BINARYMIME") && offered("BINARYMIME") => {}
            ("SMTPUTF8", None) if offered("SMTPUTF8") => utf8 = true,
            ("RET" | "ENVID", Some(_)) if offered("DSN") => {}
            ("AUTH", Some(_)) => {}
            _ => return Err(UNRECOGNIZED),
        }
    }
    Ok(utf8)
}

/// Checks the parameters of RCPT.
pub fn recipient_parameters(path: &Path<'_>, faults: &SmtpFaults) -> Result<(), &'static str> {
    let offered = !faults.hidden.iter().any(|hidden| hidden.eq_ignore_ascii_case("DSN"));
    let known = |(name, value): &(String, Option<&str>)| {
        offered && value.is_some() && ["NOTIFY", "ORCPT"].contains(&name.as_str())
    };
    if path.parameters.iter().all(known) { Ok(()) } else { Err(UNRECOGNIZED) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_compulsory_and_a_space_before_them_is_not() {
        assert_eq!(read(" <a@b> SIZE=3 SMTPUTF8").expect("good").parameters.len(), 2);
        assert_eq!(read("<>").expect("the null sender").address, "");
        for bad in ["a@b", "<a@b", "<a b@c>", "<a>", "<a@b@c>", "<a@b>SIZE=3"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let faults = SmtpFaults::default();
        for size in ["99999999999999999999", "-1", "", "157286401", "1e3"] {
            let text = format!("<a@b> SIZE={size}");
            assert!(mail_parameters(&read(&text).expect("path"), &faults, 157_286_400).is_err(), "{size}");
        }
        assert_eq!(mail_parameters(&read("<a@b> BODY=8BITMIME").expect("path"), &faults, 9), Ok(false));
    }
}
