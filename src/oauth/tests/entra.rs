//! Each error that Entra ID documents: whose turn it is, whether it is asked again, what a client hears, and that the
//! sign-in outlives it. The classes are those of the fact sheet, not of the catalogue.

use super::endpoint::{House, refusal};
use crate::base::{Kind, Owner};

/// Passes by itself.
const LATER: &[u32] = &[50_196, 70_012, 90_006, 90_012, 90_024, 90_033, 90_090, 50_033, 50_087, 90_055];
/// A person has to sign in again.
const PERSON: &[u32] = &[
    50_055, 50_056, 50_058, 50_072, 50_074, 50_076, 50_078, 50_079, 50_085, 50_089, 50_126, 50_132, 50_133, 50_139,
    50_140, 50_142, 50_144, 50_158, 50_161, 50_173, 50_199, 54_005, 65_001, 65_004, 70_000, 70_008, 70_018, 70_019,
    70_043, 70_044, 500_121, 700_082,
];
/// An administrator has to change something: a policy, an account, the app, its secret, our configuration.
const ADMINISTRATOR: &[u32] = &[
    28_000, 50_020, 50_034, 50_053, 50_057, 50_059, 50_097, 50_105, 50_128, 50_129, 50_131, 50_155, 50_187, 50_194,
    53_000, 53_001, 53_002, 53_003, 65_005, 70_001, 70_002, 70_011, 90_002, 90_038, 90_072, 90_094, 90_095, 90_099,
    500_011, 530_032, 530_035, 650_052, 650_056, 650_057, 700_005, 700_016, 700_022, 700_025, 700_027, 700_084, 80_001,
    80_002, 80_003, 80_004, 80_005, 80_007, 80_010, 80_011, 80_012, 80_013, 80_014, 7_000_112, 7_000_215, 7_000_218,
    7_000_222, 9_001_023, 50_177, 53_011, 500_341, 530_034, 530_036, 700_023, 700_030, 900_023, 900_382, 900_971,
    1_000_502, 9_002_327,
];
/// The request was wrong, which is ours.
const OURS: &[u32] = &[50_147, 501_481, 90_013, 90_014, 900_144];

/// What Entra says beside the number.
fn word(code: u32) -> &'static str {
    match code {
        1_000_502 | 700_023 | 700_030 | 7_000_215 | 7_000_218 | 7_000_222 | 700_025 | 700_027 | 70_002 => {
            "invalid_client"
        }
        700_016 | 7_000_112 => "unauthorized_client",
        90_033 | 50_033 | 90_012 | 90_055 => "temporarily_unavailable",
        70_011 | 28_000 | 700_022 => "invalid_scope",
        90_013 | 90_014 | 900_144 | 50_194 | 9_001_023 => "invalid_request",
        50_076 | 50_079 | 50_078 | 50_158 | 53_000 => "interaction_required",
        _ => "invalid_grant",
    }
}

/// What the first session hears and what the next one does, and how often the provider was asked for both.
async fn heard(code: u32) -> (House, Result<(), crate::base::Fault>, usize) {
    let house = House::signed_in(vec![refusal(word(code), code)], 0).await;
    let first = house.keepers.bearer(&house.sign_in).await.map(drop);
    let again = house.keepers.bearer(&house.sign_in).await.map(drop);
    assert_eq!(first.as_ref().err().map(|fault| fault.id), again.err().map(|fault| fault.id), "{code}");
    let asked = house.endpoint.count();
    (house, first, asked)
}

#[tokio::test]
async fn what_passes_is_asked_again_while_the_session_waits() {
    let all = LATER.iter().map(|code| async move {
        let (_house, first, asked) = heard(*code).await;
        assert!(first.is_ok() && asked == 2, "{code}: {first:?} after {asked}");
    });
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn what_a_person_has_to_do_is_said_and_nothing_is_asked_again_or_lost() {
    for code in PERSON {
        let (house, first, asked) = heard(*code).await;
        let fault = first.expect_err("no token");
        assert_eq!((fault.kind, asked), (Kind::SignInNeeded, 1), "{code}: {fault}");
        assert!(fault.reply_text().contains("gatepost login ann@contoso.example"), "{code}: {}", fault.reply_text());
        assert!(fault.detail.contains(&format!("AADSTS{code}")), "{code}: {}", fault.detail);
        assert_eq!(house.stored_refresh().await.as_deref(), Some("r0"), "{code}");
    }
}

#[tokio::test]
async fn what_an_administrator_has_to_do_is_said_and_nothing_is_asked_again_or_lost() {
    for code in ADMINISTRATOR.iter().chain(OURS) {
        let (house, first, asked) = heard(*code).await;
        let fault = first.expect_err("no token");
        assert_eq!(asked, 1, "{code}: {fault}");
        let is_theirs = match OURS.contains(code) {
            true => fault.owner == Owner::Gatepost,
            false => matches!(fault.owner, Owner::TenantAdmin | Owner::Operator | Owner::User),
        };
        assert!(is_theirs && !fault.kind.passes_by_itself(), "{code}: {:?} {fault}", fault.owner);
        assert!(fault.detail.contains(&format!("AADSTS{code}")), "{code}: {}", fault.detail);
        assert_eq!(house.stored_refresh().await.as_deref(), Some("r0"), "{code}");
    }
}
