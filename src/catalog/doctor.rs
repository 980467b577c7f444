//! Faults that a look at the whole way finds: what lies between, what a token holds, what is off for one mailbox, and
//! clients that cannot get as far as a login.

use super::{Entry, token::entries};
use crate::base::{
    Kind::{self, IdentityRefused, Unavailable},
    Owner::{self, Admin, Client},
};

entries! {
    // This machine.
    CONFIGURATION_REFUSED = IdentityRefused Admin "configuration-refused":
        "The configuration of Gatepost is refused",
        "The file cannot be read, or something in it is wrong; every problem is named with its line.",
        "Mend the lines that `gatepost config check` names; a running daemon goes on with the configuration that it has.";
    DISK_NEARLY_FULL = Unavailable Admin "disk-nearly-full":
        "The disk of Gatepost's state directory is nearly full",
        "There is less room than tokens, the queue and the database need. On a full disk mail waits at the clients.",
        "Make room on the disk of the state directory, or move it with `url` in `[store]`.";
    CERTIFICATE_ENDED = IdentityRefused Admin "certificate-ended":
        "A certificate of Gatepost has ended or cannot be read",
        "The file in `certificate` holds a certificate that is no longer valid, or none that can be read.",
        "Renew the certificate and put it in its place: it is read again by itself.";
    CLOCK_SKEWED = Unavailable Admin "clock-skewed":
        "The clock of Gatepost's machine is wrong",
        "This machine and the identity provider disagree about the time by more than five minutes. Tokens, certificates and signed proofs are then taken for ended, or not valid yet.",
        "Set the clock: `timedatectl set-ntp true` on Linux, `w32tm /resync` on Windows; in a virtual machine, the clock of its host.";

    // What lies between.
    TLS_INTERCEPTED = Unavailable Admin "tls-intercepted":
        "Something between Gatepost and the provider inspects TLS with a certificate of its own",
        "The certificate that came is not the provider's: its issuer is trusted by nobody here. A proxy or firewall of this network opens TLS.",
        "Let the network's administrator exempt the host from inspection; or write the inspecting authority's certificate (PEM) into a file and name it in `ca-file` of `[network]`.";
    CAPTIVE_PORTAL = Unavailable Admin "captive-portal":
        "Something between Gatepost and the provider answers in its place",
        "A web page or a redirect came where the provider answers in JSON: a captive portal, a login page of a proxy, or a filter of this network.",
        "Log in to the network in a browser on this machine, or set `http-proxy` in `[network]`; let the network's administrator allow the host without a login.";

    // What a token holds.
    TOKEN_AUDIENCE_WRONG = IdentityRefused Admin "token-audience-wrong":
        "The token is for another service than the mail server",
        "The access token names another audience than Exchange Online, so the mail server refuses it.",
        "Remove `scopes` from the app, or let each begin with `https://outlook.office.com/`; then sign in again.";
    TOKEN_PERMISSION_MISSING = IdentityRefused Admin "token-permission-missing":
        "The token lacks a permission that this mailbox needs",
        "The app registration was not given the permission, or nobody consented to it, so it is not in the access token.",
        "In Entra, add the permission to the app registration under API permissions and grant admin consent; then sign in again.";
    TOKEN_TENANT_DIFFERS = IdentityRefused Admin "token-tenant-differs":
        "The token is of another organization than the configured one",
        "Somebody of another tenant signed in, or `tenant` of the app names another one than meant.",
        "Correct `tenant` of the app, or sign in again as somebody of that tenant.";

    // What is off for one mailbox.
    IMAP_DISABLED_MAILBOX = IdentityRefused Admin "imap-disabled-mailbox":
        "IMAP is switched off for this mailbox; ask your administrator",
        "Exchange takes the token and then refuses the mailbox by IMAP, while the same token opens it by another protocol: IMAP is off for it.",
        "`Set-CASMailbox -Identity ADDRESS -ImapEnabled $true`; it takes up to an hour.";
    POP3_DISABLED_MAILBOX = IdentityRefused Admin "pop3-disabled-mailbox":
        "POP3 is switched off for this mailbox; ask your administrator",
        "Exchange refuses by POP3 the token that opens the same mailbox by IMAP: POP3 is off for it.",
        "`Set-CASMailbox -Identity ADDRESS -PopEnabled $true`; it takes up to an hour. Where nobody uses POP3, remove its `[[listener]]`.";
    FULL_ACCESS_MISSING = IdentityRefused Admin "full-access-missing":
        "Who signs on has no Full Access to this mailbox; ask your administrator",
        "Exchange knows who signs on, and does not let them open the mailbox.",
        "`Add-MailboxPermission -Identity ADDRESS -User WHO -AccessRights FullAccess`; it takes up to an hour.";
    SERVICE_PRINCIPAL_MISSING = IdentityRefused Admin "service-principal-missing":
        "Exchange does not know this application by the right object id; ask your administrator",
        "The app's token is good, but no mailbox opens with it: Exchange has no service principal with the object id of the enterprise application. Often that of the app registration was used, which is another one.",
        "`New-ServicePrincipal -AppId CLIENT-ID -ObjectId OBJECT-ID`, with the object id from Enterprise applications (not App registrations), then `Add-MailboxPermission` for each mailbox.";

    // The daemon.
    LISTENER_NOT_OPEN = Unavailable Admin "listener-not-open":
        "A listener of the configuration is not open",
        "The daemon runs and does not listen there: the listener is newer than its start, or another program has the port.",
        "`systemctl restart gatepost`; listeners do not change with a reload.";
    CONFIGURATION_NOT_LOADED = Unavailable Admin "configuration-not-loaded":
        "The daemon runs with another configuration than the file has now",
        "The file was changed after it was loaded, or the daemon refused it.",
        "`systemctl reload gatepost`, and look into its log for what was refused.";

    // Clients that cannot get as far as a login.
    CLIENT_TLS_ON_PLAIN_PORT = IdentityRefused Client "client-tls-on-plain-port":
        "The client speaks TLS on a plain port",
        "A client began TLS where this listener has none from the first byte: SSL is set in the client, or its port is wrong.",
        "Switch SSL/TLS off in the client (or to STARTTLS where the listener offers it); or set `tls = \"auto\"` at the `[[listener]]`.";
    CLIENT_PLAIN_ON_TLS_PORT = IdentityRefused Client "client-plain-on-tls-port":
        "The client speaks plain text on a TLS port",
        "A client sent a command, or waited for a greeting, where this listener speaks TLS from the first byte.",
        "Switch SSL/TLS on in the client; or set `tls = \"auto\"` at the `[[listener]]`.";
    CLIENT_TLS_TOO_OLD = IdentityRefused Client "client-tls-too-old":
        "The client offers no TLS that is safe",
        "A client offers TLS 1.1 or older, or no common cipher.",
        "Switch TLS off in the client and give it a listener with `tls = \"off\"` that only its network reaches.";
    CLIENT_DISTRUSTS_CERTIFICATE = IdentityRefused Client "client-distrusts-certificate":
        "The client does not trust the certificate of this listener",
        "A client broke the TLS handshake off because of the certificate: it is self-signed, ended, or for another name.",
        "Import the certificate into the client, switch the check off there, or set `certificate` and `key` of one that it knows.";
    CLIENT_WITHOUT_STARTTLS = IdentityRefused Client "client-without-starttls":
        "The client left without STARTTLS, so it was never offered a login",
        "The listener demands STARTTLS before AUTH; the client does not use it and saw no way to log in.",
        "Switch STARTTLS on in the client; or set `tls = \"starttls\"` at the `[[listener]]`, where plain logins are acceptable.";
}
