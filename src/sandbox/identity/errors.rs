//! Entra's error bodies: an AADSTS number, its OAuth error, its words (entra-docs, reference-error-codes).

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::trace_id;
use crate::sandbox::tenant::put;

/// Why a request was refused. The number says the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub code: u32,
    /// In the place of the number's usual words.
    detail: Option<String>,
}

impl Refused {
    pub fn new(code: u32) -> Self {
        Self { code, detail: None }
    }

    pub fn because(code: u32, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(detail.into()) }
    }

    fn row(&self) -> (u16, &'static str, &'static str) {
        let row = TABLE.iter().find(|(code, ..)| *code == self.code);
        row.map_or((400, "invalid_grant", "The request was refused."), |(_, status, error, text)| {
            (*status, *error, *text)
        })
    }

    /// The OAuth `error`.
    pub fn error(&self) -> &'static str {
        self.row().1
    }

    /// `AADSTSnnnnn: words Trace ID: ... Correlation ID: ... Timestamp: ...`
    pub fn description(&self) -> String {
        let text = self.detail.as_deref().unwrap_or(self.row().2);
        let at = Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        format!("AADSTS{}: {text} Trace ID: {} Correlation ID: {} Timestamp: {at}", self.code, trace_id(), trace_id())
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "error": self.error(),
            "error_description": self.description(),
            "error_codes": [self.code],
            "timestamp": Timestamp::now().strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            "trace_id": trace_id(),
            "correlation_id": trace_id(),
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        match self.code {
            50076 | 50079 | 50158 | 53000..=53003 => {
                put(&mut body, "suberror", json!("basic_action"));
                put(
                    &mut body,
                    "claims",
                    json!(r#"{"access_token":{"capolids":{"essential":true,"values":["sandbox"]}}}"#),
                );
            }
            50173 | 50133 => put(&mut body, "suberror", json!("bad_token")),
            70043 | 70044 => put(&mut body, "suberror", json!("token_expired")),
            _ => {}
        }
        body
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::BAD_REQUEST);
        (status, [(header::CACHE_CONTROL, "no-store, no-cache")], Json(self.body())).into_response()
    }
}

const GRANT: &str = "invalid_grant";
const REQUEST: &str = "invalid_request";
const CLIENT: &str = "invalid_client";
const UNAUTHORIZED: &str = "unauthorized_client";
const INTERACTION: &str = "interaction_required";
const DOWN: &str = "temporarily_unavailable";

/// Number, HTTP status, OAuth error, words. Unknown numbers are answered as `invalid_grant`.
#[rustfmt::skip]
const TABLE: &[(u32, u16, &str, &str)] = &[
    (50011, 400, REQUEST, "The redirect URI specified in the request does not match the redirect URIs configured for the application."),
    (50020, 400, GRANT, "User account from identity provider does not exist in tenant and cannot access the application in that tenant."),
    (50027, 401, CLIENT, "JWT token is invalid or malformed."),
    (50034, 400, GRANT, "The user account does not exist in the directory. To sign into this application, the account must be added to the directory."),
    (50033, 503, DOWN, "A transient error has occurred. Please try again."),
    (50053, 400, GRANT, "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."),
    (50055, 400, GRANT, "The password is expired."),
    (50057, 400, GRANT, "The user account is disabled."),
    (50058, 400, INTERACTION, "A silent sign-in request was sent but no user is signed in."),
    (50059, 400, REQUEST, "No tenant-identifying information found in either the request or implied by any provided credentials."),
    (50072, 400, INTERACTION, "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication."),
    (50074, 401, INTERACTION, "Strong Authentication is required."),
    (50076, 400, GRANT, "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource."),
    (50078, 400, INTERACTION, "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access the resource."),
    (50079, 400, INTERACTION, "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource."),
    (50085, 400, GRANT, "Refresh token needs social IDP login. Have user try signing-in again with username and password."),
    (50089, 400, GRANT, "Authentication failed due to flow token expired."),
    (50105, 400, INTERACTION, "Your administrator has configured the application to block users unless they are specifically granted access to the application. The signed in user is blocked because they are not a direct member of a group with access."),
    (50126, 400, GRANT, "Error validating credentials due to invalid username or password."),
    (50128, 400, REQUEST, "Invalid domain name - No tenant-identifying information found in either the request or implied by any provided credentials."),
    (50133, 400, GRANT, "The session is not valid due to password expiration or recent password change."),
    (50140, 400, INTERACTION, "This error occurred due to 'Keep me signed in' interrupt when the user was signing-in."),
    (50144, 400, GRANT, "The user's Active Directory password has expired."),
    (50147, 400, REQUEST, "Missing code challenge."),
    (501481, 400, GRANT, "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
    (50158, 400, INTERACTION, "External security challenge was not satisfied."),
    (50173, 400, GRANT, "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password."),
    (50194, 400, REQUEST, "Application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps. Use a tenant-specific endpoint or configure the application to be multi-tenant."),
    (50196, 400, GRANT, "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."),
    (500011, 400, "invalid_resource", "The resource principal was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."),
    (500121, 400, GRANT, "Authentication failed during strong authentication request."),
    (53000, 400, INTERACTION, "Your device is required to be managed to access this resource."),
    (53001, 400, INTERACTION, "Device is not in required device state: not domain joined. Conditional Access policy requires a domain joined device, and the device is not domain joined."),
    (53003, 400, INTERACTION, "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."),
    (530032, 400, INTERACTION, "Blocked by security policy."),
    (530035, 400, INTERACTION, "Access has been blocked by security defaults. The request was deemed unsafe by security defaults policies."),
    (54005, 400, GRANT, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."),
    (65001, 400, GRANT, "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource."),
    (65004, 400, "access_denied", "User declined to consent to access the app."),
    (70000, 400, GRANT, "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid."),
    (700003, 400, GRANT, "Your organization has deleted this device."),
    (700005, 400, GRANT, "The provided authorization code is intended to be used against another tenant, thus rejected."),
    (70001, 400, UNAUTHORIZED, "The application is disabled."),
    (70002, 401, CLIENT, "Error validating credentials."),
    (70003, 400, "unsupported_grant_type", "The app requested an unsupported grant type."),
    (70008, 400, GRANT, "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."),
    (700082, 400, GRANT, "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00."),
    (700084, 400, GRANT, "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of 1.00:00:00, which cannot be extended. It is now expired and a new sign in request must be sent by the SPA to the sign in page."),
    (70011, 400, "invalid_scope", "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid."),
    (70016, 400, "authorization_pending", "OAuth 2.0 device flow error. Authorization is pending. Continue polling."),
    (70018, 400, "bad_verification_code", "Bad verification code."),
    (70019, 400, "expired_token", "Verification code expired. Have the user retry the sign-in."),
    (700016, 400, UNAUTHORIZED, "Application was not found in the directory. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."),
    (700022, 400, REQUEST, "The provided value for the input parameter scope isn't valid because it contains more than one resource."),
    (700024, 401, CLIENT, "Client assertion is not within its valid time range. Ensure the clock is right."),
    (700025, 401, CLIENT, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
    (700027, 401, CLIENT, "The certificate with identifier used to sign the client assertion is not registered on application, or the assertion is not valid."),
    (700211, 401, CLIENT, "No matching federated identity record found for presented assertion issuer."),
    (700212, 401, CLIENT, "No matching federated identity record found for presented assertion audience."),
    (700213, 401, CLIENT, "No matching federated identity record found for presented assertion subject."),
    (70043, 400, GRANT, "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."),
    (70044, 400, GRANT, "The session has expired or is invalid due to sign-in frequency checks by conditional access."),
    (7000112, 400, UNAUTHORIZED, "The application is disabled."),
    (7000215, 401, CLIENT, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to the app."),
    (7000218, 401, CLIENT, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."),
    (7000222, 401, CLIENT, "The provided client secret keys for app are expired. Visit the Azure portal to create new keys for your app, or consider using certificate credentials for added security."),
    (28000, 400, GRANT, "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope may not span several resources."),
    (650052, 400, REQUEST, "The app is trying to access a service that your organization lacks a service principal for. Contact your IT Admin to review the configuration of your service subscriptions."),
    (650057, 400, "invalid_resource", "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration."),
    (80001, 503, DOWN, "The Authentication Agent is unable to connect to Active Directory."),
    (90002, 400, REQUEST, "Tenant not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."),
    (90006, 503, DOWN, "External Server is retryable error. Please try again."),
    (90012, 503, DOWN, "Request Timeout."),
    (90013, 400, REQUEST, "Invalid input received from the user."),
    (90014, 400, REQUEST, "The required field is missing from the credential. Ensure that you have all the necessary parameters for the login request."),
    (900144, 400, REQUEST, "The request body must contain a parameter that is missing."),
    (901002, 400, REQUEST, "The 'resource' request parameter isn't supported."),
    (9001023, 400, REQUEST, "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."),
    (90033, 503, DOWN, "A transient error has occurred. Please try again."),
    (90055, 429, DOWN, "Your tenant is throttled."),
    (90072, 400, GRANT, "User account from identity provider does not exist in tenant and needs to be added as an external user in the tenant first."),
    (90094, 400, "access_denied", "The app needs access to a service that only an admin can grant. Ask an admin to grant permission to this app before you can use it."),
];
