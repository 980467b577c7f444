//! Limits of a mailbox that several accounts send through.

use gatepost::account::Limits;

use super::{APP, check};

const ANN: &str = "[[account]]\naddress = \"ann@contoso.com\"\n";
const INFO: &str = "[[account]]\naddress = \"info@contoso.com\"\nsign-in-as = \"Ann@contoso.com\"\n";
const DESK: &str = "[[account]]\naddress = \"desk@contoso.com\"\nsign-in-as = \"ann@contoso.com\"\n";
const BOB: &str = "[[account]]\naddress = \"bob@contoso.com\"\n";

#[test]
fn accounts_of_one_mailbox_have_its_limits_in_common_and_of_different_figures_the_smallest() {
    let text = format!(
        "{APP}{ANN}limits = {{ connections = 2, messages-per-minute = 60 }}\n\
         {INFO}limits = {{ connections = 5, recipients-per-day = 500 }}\n{DESK}{BOB}"
    );
    let (config, problems) = check(&text).unwrap();
    let limits: Vec<_> = config.accounts.iter().map(|account| account.sending.limits).collect();
    let common = Limits { connections: 2, messages_per_minute: 60, recipients_per_day: 500 };
    assert_eq!(limits, [common, common, common, Limits::default()]);
    let [told] = &problems.problems[..] else { panic!("{problems}") };
    let line = text.lines().position(|line| line.contains("connections = 5")).unwrap() + 1;
    assert_eq!(told.line, line, "{problems}");
    let words = "`account[1].limits.connections` is 5, and `account[0].limits.connections` is 2 for the same mailbox";
    assert!(told.text.starts_with(words), "{problems}");
}

#[test]
fn a_limit_that_stands_twice_alike_is_nothing_to_warn_of() {
    let limits = "limits = { connections = 2 }\n";
    let (_, problems) = check(&format!("{APP}{ANN}{limits}{INFO}{limits}")).unwrap();
    assert!(problems.problems.is_empty(), "{problems}");
}
