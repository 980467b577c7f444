//! The `error` words of OAuth 2.0 (RFC 6749 5.2 and 4.1.2.1, RFC 8628 3.5, OpenID Connect) and of Google.

use super::{Entry, token::*};

/// `None` for words that say nothing about the sign-in (`authorization_pending`, `slow_down`) or that nobody knows.
pub fn oauth_word(word: &str) -> Option<&'static Entry> {
    Some(match word {
        "invalid_grant" | "bad_refresh_token" | "token_expired" => SIGN_IN_EXPIRED,
        "interaction_required" | "login_required" | "account_selection_required" => SIGN_IN_INTERRUPTED,
        "consent_required" => CONSENT_MISSING,
        "authorization_declined" => CONSENT_DECLINED,
        "expired_token" | "bad_verification_code" | "code_expired" => CODE_SPENT,
        "invalid_rapt" | "rapt_required" => SIGN_IN_FREQUENCY,
        "access_denied" | "admin_policy_enforced" | "org_internal" => GRANT_BLOCKED,
        "invalid_client" => SECRET_WRONG,
        "deleted_client" => APP_NOT_FOUND,
        "disabled_client" => APP_DISABLED,
        "unauthorized_client" | "unsupported_grant_type" | "unsupported_response_type" => GRANT_NOT_ALLOWED,
        "invalid_scope" => SCOPE_REFUSED,
        "invalid_resource" | "invalid_target" => APP_LACKS_ACCESS,
        "invalid_request" => REQUEST_MALFORMED,
        "temporarily_unavailable" | "server_error" | "internal_failure" | "backend_error" => ENDPOINT_FAILING,
        "rate_limit_exceeded" | "too_many_requests" => ENDPOINT_THROTTLED,
        _ => return None,
    })
}
