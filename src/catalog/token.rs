//! Faults on the way to a token: what the identity provider refuses, and what stops us from asking.

use super::Entry;
use crate::base::{
    Kind::{self, Bug, IdentityRefused, SignInNeeded, Unavailable},
    Owner::{self, Admin, Gatepost, Provider, User},
};

macro_rules! entries {
    ($($name:ident = $kind:ident $owner:ident $id:literal : $text:literal, $cause:literal, $next:literal;)*) => {
        $(pub const $name: &Entry = &Entry::new($id, { const K: Kind = $kind; K }, { const O: Owner = $owner; O }, [$text, $cause, $next]);)*
        pub(super) const ALL: &[&Entry] = &[$($name),*];
    };
}
pub(super) use entries;

entries! {
    // A person has to sign in.
    SIGN_IN_MISSING = SignInNeeded User "sign-in-missing":
        "This account is not signed in: {how}",
        "Nobody has signed this account in yet, or it was logged out.",
        "Sign in once with `gatepost login ADDRESS`.";
    SIGN_IN_EXPIRED = SignInNeeded User "sign-in-expired":
        "The sign-in of this account is no longer valid: {how}",
        "The provider no longer takes the stored sign-in: not used for too long, withdrawn, or the app may only hold it for some days.",
        "Sign in again. Google apps in status \"Testing\" last 7 days: publish the app.";
    SIGN_IN_REVOKED = SignInNeeded User "sign-in-revoked":
        "The sign-in was revoked, for example by a new password: {how}",
        "The password was changed or an administrator revoked all sessions.",
        "Sign in again with the new password.";
    SIGN_IN_FREQUENCY = SignInNeeded Admin "sign-in-frequency":
        "A policy demands a new sign-in at intervals: {how}",
        "Conditional Access (sign-in frequency) or Google session control ends every sign-in after a set time.",
        "Sign in again now; then exempt this account from the policy, or use an app-only grant.";
    MFA_REQUIRED = SignInNeeded User "mfa-required":
        "A further proof of identity is demanded: {how}",
        "Multi-factor authentication became necessary: a new policy, a new location, or it lapsed.",
        "Sign in again in a browser and complete the second factor.";
    PASSWORD_REFUSED = SignInNeeded Admin "account-password-refused":
        "The provider refuses the account's own password: correct sign-in-password, or {how}",
        "The password in the configuration is not, or no longer, that of the account at the provider.",
        "Correct `sign-in-password` and reload. It is not tried again before, since wrong passwords lock accounts.";
    PASSWORD_EXPIRED = SignInNeeded User "account-password-expired":
        "The password of the account itself has expired: {how}",
        "The provider wants a new password for the account before it gives tokens.",
        "Change the password at the provider, then sign in again.";
    SIGN_IN_INTERRUPTED = SignInNeeded User "sign-in-interrupted":
        "The provider wants to ask a person something: {how}",
        "The provider interrupts with a page (keep me signed in, terms, confirmation) that only a person can answer.",
        "Sign in again in a browser.";
    CONSENT_MISSING = SignInNeeded Admin "consent-missing":
        "The app has no consent for this account: {how}",
        "Neither the user nor an administrator has allowed this app the permissions it asks for.",
        "Sign in again and accept, or let an administrator grant consent for the app.";
    CONSENT_DECLINED = SignInNeeded User "consent-declined":
        "The consent was declined: {how}",
        "The person at the consent page pressed cancel.",
        "Sign in again and accept.";
    CODE_SPENT = SignInNeeded User "sign-in-code-spent":
        "The sign-in took too long or its code was used before: {how}",
        "A code of a browser or device sign-in is good for some minutes and for one use.",
        "Start the sign-in again and finish it in one go.";
    REDIRECT_IS_SPA = SignInNeeded Admin "redirect-is-spa":
        "The app's redirect is of type single-page: sign-ins last a day; {how}",
        "Redirect URIs of the platform \"Single-page application\" give sign-ins of 24 hours.",
        "Move `http://localhost` to the platform \"Mobile and desktop applications\", then sign in again.";

    // An administrator has to change something.
    CONDITIONAL_ACCESS = IdentityRefused Admin "conditional-access":
        "Conditional Access does not let this app or machine in; ask your administrator",
        "A Conditional Access policy blocks this sign-in: location, device, app or sign-in method.",
        "In Entra, open the sign-in log of this user, see which policy failed, and exempt the app or the address of this machine.";
    SECURITY_POLICY = IdentityRefused Admin "security-policy":
        "A security policy of the organization blocks this; ask your administrator",
        "Security defaults or another tenant-wide policy block the request.",
        "Let an administrator look at the sign-in log and at the security defaults of the tenant.";
    USER_DISABLED = IdentityRefused Admin "user-disabled":
        "The user is disabled at the provider; ask your administrator",
        "The account was switched off in the directory.",
        "Let an administrator enable the user, then sign in again.";
    USER_LOCKED = IdentityRefused Admin "user-locked":
        "The user is locked at the provider; ask your administrator",
        "Too many wrong passwords, or an address that is thought malicious.",
        "Wait for the lock to end or let an administrator lift it; look for the device that uses an old password.";
    USER_NOT_ASSIGNED = IdentityRefused Admin "user-not-assigned":
        "The user is not assigned to the app; ask your administrator",
        "The enterprise application demands assignment and this user has none.",
        "Assign the user under Enterprise applications > the app > Users and groups.";
    USER_NOT_FOUND = IdentityRefused Admin "user-not-found":
        "The provider knows no such user in this tenant",
        "The address is not a user of the tenant in the configuration, or the tenant is the wrong one.",
        "Check `tenant` and `sign-in-as` in the configuration.";
    USER_OF_OTHER_TENANT = IdentityRefused Admin "user-of-other-tenant":
        "The user belongs to another tenant or is a personal account",
        "A personal or foreign account was used with an app of a single tenant.",
        "Check `tenant`: `consumers` for personal accounts, `common` for both; or sign in with the right account.";
    ADMIN_CONSENT_NEEDED = IdentityRefused Admin "admin-consent-needed":
        "The app needs the consent of an administrator",
        "The permissions of the app may be granted by an administrator only.",
        "In Entra: App registrations > the app > API permissions > Grant admin consent.";
    GRAPH_CONSENT_MISSING = IdentityRefused Admin "graph-consent-missing":
        "The app may not send through Microsoft Graph here: grant it Mail.Send, or {how}",
        "The account sends through Microsoft Graph, and nobody consented to that for this app. Mail over SMTP, IMAP and POP3 is not touched.",
        "In Entra: App registrations > the app > API permissions > Microsoft Graph > `Mail.Send` > Grant admin consent; or sign in again in a browser and accept.";
    RESOURCE_UNKNOWN = IdentityRefused Admin "graph-url-missing":
        "No Microsoft Graph is configured for this account any more",
        "The account's app has no `graph-url`: the configuration changed while a message was on its way.",
        "Set `graph-url` in the app, or `outbound = \"smtp\"` at the account.";
    APP_NOT_FOUND = IdentityRefused Admin "app-not-found":
        "The provider knows no such app in this tenant: check client-id and tenant",
        "The client id is wrong, was deleted, or the app was never consented to in this tenant.",
        "Compare `client-id` and `tenant` with the app registration's overview page.";
    APP_DISABLED = IdentityRefused Admin "app-disabled":
        "The app is disabled at the provider; use an app registration of your own",
        "The app registration was disabled by its owner or by the provider.",
        "Register an app of your own and set its `client-id`.";
    APP_LACKS_ACCESS = IdentityRefused Admin "app-lacks-access":
        "The app has no access to the mail service in this tenant",
        "The permission is missing, the resource is misspelled or of another cloud, or the tenant has no Exchange licence.",
        "Check the app's API permissions (Office 365 Exchange Online) and `scopes`, then grant admin consent.";
    TENANT_NOT_FOUND = IdentityRefused Admin "tenant-not-found":
        "The provider knows no such tenant: check tenant in the configuration",
        "The tenant name is misspelled, or lives in another national cloud.",
        "Use the directory id or a verified domain, and the provider preset of the right cloud.";
    TENANT_MUST_BE_NAMED = IdentityRefused Admin "tenant-must-be-named":
        "This app or grant needs a tenant of its own, not common or consumers",
        "Single-tenant apps and app-only grants cannot use the shared endpoints.",
        "Set `tenant` to the directory id or a verified domain.";
    SCOPE_REFUSED = IdentityRefused Admin "scope-refused":
        "The provider refuses the scopes asked for: check scopes",
        "A scope is misspelled, belongs to another resource than the others, or is not allowed for this sign-in method.",
        "Remove `scopes` to use the provider's own, or correct it; Google allows no mail scope with device codes.";
    SECRET_EXPIRED = IdentityRefused Admin "client-secret-expired":
        "The client secret of the app has expired; ask your administrator",
        "Client secrets end after at most 24 months.",
        "Make a new secret in Certificates & secrets, put it into the configuration, reload.";
    SECRET_WRONG = IdentityRefused Admin "client-secret-wrong":
        "The provider refuses the app's client id or secret; ask your administrator",
        "The secret is wrong; often the secret's ID was copied instead of its value.",
        "Copy the VALUE of a client secret (shown only once) into the configuration, reload.";
    SECRET_NEEDED = IdentityRefused Admin "client-secret-needed":
        "The app must be a public client, or needs a secret",
        "The app registration does not allow public client flows and no secret is configured.",
        "In Entra: Authentication > Allow public client flows: Yes; or configure a secret or certificate.";
    SECRET_NOT_ALLOWED = IdentityRefused Admin "client-secret-not-allowed":
        "The app is a public client and must not send a secret",
        "A secret is configured, but the redirect used belongs to a public client.",
        "Remove `client-secret` from the configuration, reload.";
    CERTIFICATE_REFUSED = IdentityRefused Admin "app-certificate-refused":
        "The provider refuses the app's certificate; ask your administrator",
        "The certificate is not the one uploaded to the app, has expired, or this machine's clock is wrong.",
        "Upload the certificate under Certificates & secrets, check its dates and the clock.";
    CERTIFICATE_UNREADABLE = IdentityRefused Admin "app-certificate-unreadable":
        "The app's certificate or key cannot be used; see the log",
        "The certificate or key file is missing, not PEM, or the key is not an RSA key.",
        "Check `certificate` and `certificate-key` (PEM, RSA of 2048 bits or more, readable for Gatepost).";
    SERVICE_ACCOUNT_KEY_UNREADABLE = IdentityRefused Admin "service-account-key-unreadable":
        "The key of the service account cannot be used; see the log",
        "The key is missing, not the JSON that Google hands out, or not readable for Gatepost.",
        "Make a key of type JSON under IAM & Admin > Service Accounts > Keys, and name it in `service-account-key-file`.";
    SERVICE_ACCOUNT_REFUSED = IdentityRefused Admin "service-account-refused":
        "The provider refuses the service account, or knows no such mailbox; ask your administrator",
        "The key was deleted, the mailbox is no user of the domain, or this machine's clock is wrong.",
        "Compare the key with those of the service account, check `sign-in-as` and the clock; the log has the provider's words.";
    DELEGATION_MISSING = IdentityRefused Admin "delegation-missing":
        "The service account may not act for this mailbox; ask your administrator",
        "Domain-wide delegation is not set up for this service account and the scopes asked for.",
        "In the Google Admin console: Security > API controls > Domain-wide delegation: add the account's client ID with `https://mail.google.com/`.";
    FEDERATED_TOKEN_UNREADABLE = IdentityRefused Admin "federated-token-unreadable":
        "The federated token of this machine cannot be used; see the log",
        "The file of the federated token is missing, not readable for Gatepost, or holds no signed token.",
        "Check `federated-token-file`, or in Kubernetes the label `azure.workload.identity/use` and the service account of the pod.";
    FEDERATED_TOKEN_REFUSED = IdentityRefused Admin "federated-token-refused":
        "The provider refuses the federated token of this machine; ask your administrator",
        "The token has expired, or the app has no federated credential with exactly its issuer, subject and audience.",
        "Compare Certificates & secrets > Federated credentials of the app with the token; the log has the provider's words.";
    MANAGED_IDENTITY_MISSING = IdentityRefused Admin "managed-identity-missing":
        "This machine has no such managed identity; ask your administrator",
        "Azure knows no managed identity of this machine, or none with the configured client id.",
        "Switch the system-assigned identity on, or assign the one whose client id is in `client-id`; then run `gatepost login`.";
    ARC_KEY_UNREADABLE = IdentityRefused Admin "arc-key-unreadable":
        "Gatepost may not ask the Azure Arc agent for tokens; ask your administrator",
        "The Arc agent wants to see the content of a key file that Gatepost may not read.",
        "Add the user that Gatepost runs as to the group `himds`, then restart Gatepost.";
    PASSWORD_NOT_ENOUGH = IdentityRefused Admin "password-not-enough":
        "The provider wants more than a password for this account; ask your administrator",
        "A second factor, a page for a person or a federated sign-in stands in the way of `grant = \"password\"`.",
        "Use another grant (`authorization-code`, `client-credentials`), or exempt this account from the policy.";
    GRANT_NOT_ALLOWED = IdentityRefused Admin "grant-not-allowed":
        "The app may not use this grant at the provider",
        "The app registration does not allow the configured grant.",
        "Check `grant` and the app's settings (public client flows, web or desktop type).";
    GRANT_BLOCKED = IdentityRefused Admin "access-denied":
        "The provider denies access; ask your administrator",
        "The person declined, or an administrator's policy keeps the app out.",
        "Sign in again and accept; for Google Workspace let an administrator trust the app.";
    NATIONAL_CLOUD = IdentityRefused Admin "national-cloud":
        "The tenant lives in another national cloud: check provider",
        "The tenant belongs to GCC High, DoD or China and has its own endpoints.",
        "Set `provider` to `microsoft365-gcc-high`, `microsoft365-dod` or `microsoft365-china`.";
    PROVIDER_REFUSES = IdentityRefused Admin "provider-refuses":
        "The identity provider refuses; see the log for its words",
        "The provider answered with a refusal that this version does not know.",
        "Look the provider's words up in the log; `gatepost login` shows them too.";
    NOT_HTTPS_TRUSTED = Unavailable Admin "token-endpoint-untrusted":
        "The identity provider's certificate is not trusted; if this stays, ask your administrator",
        "TLS to the token endpoint failed: an inspecting proxy, a private authority, or a wrong clock.",
        "Put the proxy's authority into `network.ca-file` and check the clock.";

    // Passes by itself.
    ENDPOINT_UNREACHABLE = Unavailable Provider "token-endpoint-unreachable":
        "The identity provider cannot be reached; try again later",
        "Name resolution, network or proxy: no answer came from the token endpoint.",
        "Passes by itself when the network is back; otherwise check DNS, firewall and `network.http-proxy`.";
    ENDPOINT_THROTTLED = Unavailable Provider "token-endpoint-throttled":
        "The identity provider asks us to wait; try again later",
        "Too many requests in a short time.",
        "Passes by itself. Look for other programs that use the same app.";
    ENDPOINT_FAILING = Unavailable Provider "token-endpoint-failing":
        "The identity provider has a fault; try again later",
        "The token endpoint answered with an error of its own.",
        "Passes by itself; the provider's service page says more.";
    ENDPOINT_UNREADABLE = Unavailable Provider "token-endpoint-unreadable":
        "The identity provider's answer cannot be read; try again later",
        "What came was not a token answer: a page of a proxy or hotel network, or cut short.",
        "Check that no proxy or captive portal sits between; otherwise it passes by itself.";
    MANAGED_IDENTITY_UNREACHABLE = Unavailable Admin "managed-identity-unreachable":
        "The identity endpoint of this machine does not answer; try again later",
        "Nothing answers where Azure should: this is no machine of Azure, or a firewall or container network is between.",
        "Check from this machine: `curl -H Metadata:true \"http://169.254.169.254/metadata/instance?api-version=2021-02-01\"`.";
    FETCH_UNFINISHED = Unavailable Gatepost "token-fetch-unfinished":
        "The token is still being fetched; try again",
        "The configuration changed or Gatepost is stopping while a token was fetched.",
        "Try again; nothing else is needed.";
    SIGN_IN_REMOVED = IdentityRefused Admin "sign-in-removed":
        "This account is no longer in Gatepost's configuration",
        "The account was taken out of the configuration, or signs in another way now, while this session was open.",
        "Close the connection and log in again, with an account that is configured.";
    STORE_FAILING = Unavailable Gatepost "store-failing":
        "Gatepost cannot read or write its state; ask its administrator",
        "The database does not answer or the disk is full.",
        "Check free space and rights of the store; see the log for the path.";

    // Ours.
    TOKEN_UNUSABLE = IdentityRefused Provider "token-unusable":
        "The identity provider gave a token that cannot be used",
        "The token is longer than 12,000 characters or holds bytes that no mail protocol can carry.",
        "Ask the administrator to take groups and roles out of the token's claims.";
    REQUEST_MALFORMED = Bug Gatepost "token-request-malformed":
        "The identity provider did not understand us; see the log",
        "The token request lacks something or was malformed.",
        "Check overridden provider fields; otherwise report this with the log line.";

    // About the token that the upstream refused twice.
    FRESH_TOKEN_REFUSED = IdentityRefused Admin "fresh-token-refused":
        "The mail server refuses this sign-in although its token is fresh; ask your administrator",
        "A token fetched a moment ago was refused as well: the mailbox, its rights or the user name are the cause, not the token.",
        "Check `imap-user` and `smtp-user`, Full Access and Send As rights, the licence, and that the protocol is enabled for the mailbox.";
}
