//! What a mail address looks like here: one local part and one domain, and nothing that anybody reads in two ways.

/// `local@domain` with nothing odd in it: no blanks, control bytes, quotes, brackets or lists. Such an address may stand
/// in a SASL message, in a header and in an envelope as it is.
pub fn is_mailbox(written: &str) -> bool {
    let Some((local, domain)) = written.rsplit_once('@') else { return false };
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>(),;:\\\"[]*@".contains(c);
    let label = |l: &str| !l.is_empty() && l.len() <= 63 && !l.starts_with('-') && !l.ends_with('-');
    (1..=64).contains(&local.len())
        && domain.len() <= 255
        && !local.contains(odd)
        && !domain.contains(odd)
        && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes_have_two_halves_and_nothing_odd() {
        for right in ["ann@contoso.com", "a.b+c@sub.contoso.example", "ann@localhost", "ü@contoso.com"] {
            assert!(is_mailbox(right), "{right}");
        }
        for wrong in
            ["ann", "@contoso.com", "ann@", "a b@c.d", "<ann@contoso.com>", "a@b@c.d", "*@c.d", "a@c..d", "a\r@c.d"]
        {
            assert!(!is_mailbox(wrong), "{wrong}");
        }
    }
}
