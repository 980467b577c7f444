//! Microsoft's AADSTS codes (reference-error-codes of the Entra documentation): which entry each one is.
//!
//! The documentation asks to react to `error` and `error_codes`; the number in the description is the fallback for
//! proxies and older endpoints that leave the array out.

use super::{Entry, token::*};

/// One code.
#[derive(Debug)]
pub struct EntraCode {
    pub code: u32,
    /// Microsoft's name or meaning, for the log.
    pub name: &'static str,
    pub entry: &'static Entry,
}

pub fn entra_code(code: u32) -> Option<&'static EntraCode> {
    TABLE.iter().find(|row| row.code == code)
}

/// The first `AADSTSnnnn` of a description.
pub fn code_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

const fn row(code: u32, name: &'static str, entry: &'static Entry) -> EntraCode {
    EntraCode { code, name, entry }
}

#[rustfmt::skip]
const TABLE: &[EntraCode] = &[
    row(28_000, "several resources in one scope", SCOPE_REFUSED),
    row(50_013, "assertion invalid", CERTIFICATE_REFUSED),
    row(50_020, "user of another tenant or identity provider", USER_OF_OTHER_TENANT),
    row(50_027, "assertion malformed", CERTIFICATE_REFUSED),
    row(50_033, "RetryableError", ENDPOINT_FAILING),
    row(50_034, "UserAccountNotFound", USER_NOT_FOUND),
    row(50_053, "IdsLocked", USER_LOCKED),
    row(50_055, "password expired", PASSWORD_EXPIRED),
    row(50_056, "no password", SIGN_IN_REVOKED),
    row(50_057, "UserDisabled", USER_DISABLED),
    row(50_058, "no session", SIGN_IN_INTERRUPTED),
    row(50_059, "MissingTenantRealm", TENANT_MUST_BE_NAMED),
    row(50_072, "must enrol for multi-factor", MFA_REQUIRED),
    row(50_074, "strong authentication required", MFA_REQUIRED),
    row(50_076, "multi-factor required", MFA_REQUIRED),
    row(50_078, "multi-factor expired", MFA_REQUIRED),
    row(50_079, "must enrol for multi-factor", MFA_REQUIRED),
    row(50_085, "refresh token needs a social identity login", SIGN_IN_EXPIRED),
    row(50_087, "transient error", ENDPOINT_FAILING),
    row(50_089, "flow token expired", SIGN_IN_EXPIRED),
    row(50_097, "device authentication required", CONDITIONAL_ACCESS),
    row(50_105, "user not assigned to the app", USER_NOT_ASSIGNED),
    row(50_126, "wrong user name or password", SIGN_IN_REVOKED),
    row(50_128, "invalid domain name", TENANT_MUST_BE_NAMED),
    row(50_129, "device not workplace-joined", CONDITIONAL_ACCESS),
    row(50_131, "Conditional Access failed", CONDITIONAL_ACCESS),
    row(50_132, "session revoked or password changed", SIGN_IN_REVOKED),
    row(50_133, "session expired by password change", SIGN_IN_REVOKED),
    row(50_139, "session invalid", SIGN_IN_EXPIRED),
    row(50_140, "keep-me-signed-in interrupt", SIGN_IN_INTERRUPTED),
    row(50_144, "on-premises password expired", PASSWORD_EXPIRED),
    row(50_147, "PKCE parameter missing", REQUEST_MALFORMED),
    row(50_155, "device authentication failed", CONDITIONAL_ACCESS),
    row(50_158, "external challenge not satisfied", MFA_REQUIRED),
    row(50_161, "external claims invalid", MFA_REQUIRED),
    row(50_173, "FreshTokenNeeded", SIGN_IN_REVOKED),
    row(50_187, "device authentication failed", CONDITIONAL_ACCESS),
    row(50_194, "app is not multi-tenant", TENANT_MUST_BE_NAMED),
    row(50_196, "LoopDetected", ENDPOINT_THROTTLED),
    row(50_199, "confirmation interrupt", SIGN_IN_INTERRUPTED),
    row(53_000, "device not compliant", CONDITIONAL_ACCESS),
    row(53_001, "device not domain-joined", CONDITIONAL_ACCESS),
    row(53_002, "app not approved", CONDITIONAL_ACCESS),
    row(53_003, "blocked by Conditional Access", CONDITIONAL_ACCESS),
    row(54_005, "code already redeemed", CODE_SPENT),
    row(65_001, "no consent", CONSENT_MISSING),
    row(65_004, "consent declined", CONSENT_DECLINED),
    row(65_005, "app asks for a resource it may not", APP_LACKS_ACCESS),
    row(70_000, "invalid grant", SIGN_IN_EXPIRED),
    row(70_001, "app not found", APP_NOT_FOUND),
    row(70_002, "invalid client credentials", SECRET_WRONG),
    row(70_008, "refresh token expired", SIGN_IN_EXPIRED),
    row(70_011, "invalid scope", SCOPE_REFUSED),
    row(70_018, "bad verification code", CODE_SPENT),
    row(70_019, "verification code expired", CODE_SPENT),
    row(70_021, "no federated credential matches", FEDERATED_TOKEN_REFUSED),
    row(70_043, "sign-in frequency", SIGN_IN_FREQUENCY),
    row(70_044, "sign-in frequency", SIGN_IN_FREQUENCY),
    row(90_002, "tenant not found", TENANT_NOT_FOUND),
    row(90_006, "transient error", ENDPOINT_FAILING),
    row(90_012, "request timed out", ENDPOINT_FAILING),
    row(90_013, "invalid user input", REQUEST_MALFORMED),
    row(90_014, "missing parameter", REQUEST_MALFORMED),
    row(90_024, "transient error", ENDPOINT_FAILING),
    row(90_033, "service temporarily unavailable", ENDPOINT_FAILING),
    row(90_038, "national cloud", NATIONAL_CLOUD),
    row(90_055, "tenant throttled", ENDPOINT_THROTTLED),
    row(90_072, "external user must be added", USER_OF_OTHER_TENANT),
    row(90_094, "admin consent required", ADMIN_CONSENT_NEEDED),
    row(90_095, "admin consent required", ADMIN_CONSENT_NEEDED),
    row(90_099, "app not authorised in the tenant", ADMIN_CONSENT_NEEDED),
    row(80_001, "on-premises agent unavailable", ENDPOINT_FAILING),
    row(80_002, "on-premises agent timed out", ENDPOINT_FAILING),
    row(80_005, "on-premises agent: unpredictable response", ENDPOINT_FAILING),
    row(80_007, "on-premises agent cannot validate", ENDPOINT_FAILING),
    row(80_010, "on-premises agent cannot decrypt", ENDPOINT_FAILING),
    row(80_014, "on-premises agent timed out", ENDPOINT_FAILING),
    row(500_011, "resource not found in the tenant", APP_LACKS_ACCESS),
    row(500_121, "multi-factor failed", MFA_REQUIRED),
    row(501_481, "PKCE verifier does not match", REQUEST_MALFORMED),
    row(530_032, "blocked by security policy", SECURITY_POLICY),
    row(530_035, "blocked by security defaults", SECURITY_POLICY),
    row(650_052, "app lacks access to the service", APP_LACKS_ACCESS),
    row(650_056, "app misconfigured", APP_LACKS_ACCESS),
    row(650_057, "invalid resource", APP_LACKS_ACCESS),
    row(700_005, "code redeemed in another tenant", TENANT_MUST_BE_NAMED),
    row(700_016, "app not found in the tenant", APP_NOT_FOUND),
    row(700_022, "several resources in one scope", SCOPE_REFUSED),
    row(700_025, "public client must not send a secret", SECRET_NOT_ALLOWED),
    row(700_024, "client assertion outside its valid time", CERTIFICATE_REFUSED),
    row(700_027, "client assertion signature invalid", CERTIFICATE_REFUSED),
    row(700_082, "refresh token expired by inactivity", SIGN_IN_EXPIRED),
    row(700_084, "refresh token of a single-page app", REDIRECT_IS_SPA),
    row(700_211, "no federated credential matches the issuer", FEDERATED_TOKEN_REFUSED),
    row(700_212, "no federated credential matches the audience", FEDERATED_TOKEN_REFUSED),
    row(700_213, "no federated credential matches the subject", FEDERATED_TOKEN_REFUSED),
    row(900_144, "missing parameter", REQUEST_MALFORMED),
    row(7_000_112, "app disabled", APP_DISABLED),
    row(7_000_215, "invalid client secret", SECRET_WRONG),
    row(7_000_218, "secret or assertion demanded", SECRET_NEEDED),
    row(7_002_138, "no federated credential matches the subject's case", FEDERATED_TOKEN_REFUSED),
    row(7_000_222, "client secret expired", SECRET_EXPIRED),
    row(9_001_023, "grant not allowed on common or consumers", TENANT_MUST_BE_NAMED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_stands_twice() {
        for (at, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..at].iter().all(|other| other.code != row.code), "{}", row.code);
        }
    }

    #[test]
    fn the_number_is_found_in_a_description() {
        assert_eq!(code_in("AADSTS700082: The refresh token has expired. Trace ID: 1"), Some(700_082));
        assert_eq!(code_in("see AADSTS50196"), Some(50_196));
        assert_eq!(code_in("AADSTS: nothing"), None);
        assert_eq!(code_in("no code"), None);
    }
}
