//! Rehearsals with a name: what an administrator meets, one word each, on top of [`Faults`].

use super::{
    faults::{AfterDot, Answer, Faults, LimitPoint, Mishap, MishapKind, StartTls},
    graph::faults::GraphMishap,
};

/// A named rehearsal.
pub struct Preset {
    pub name: &'static str,
    /// What it stages, by its id in the catalogue, which `gatepost explain` explains.
    pub fault: &'static str,
    /// What happens, in a line for a list.
    pub about: &'static str,
    pub apply: fn(&mut Faults),
}

/// All of them, in the order of a list.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "smtp-auth-disabled-tenant",
        fault: "smtp-auth-disabled-tenant",
        about: "SMTP AUTH is switched off for the whole tenant (5.7.139)",
        apply: |faults| smtp_auth(faults, DISABLED_TENANT),
    },
    Preset {
        name: "smtp-auth-disabled-mailbox",
        fault: "smtp-auth-disabled-mailbox",
        about: "SMTP AUTH is switched off for this mailbox (5.7.139)",
        apply: |faults| smtp_auth(faults, DISABLED_MAILBOX),
    },
    Preset {
        name: "security-defaults",
        fault: "security-defaults",
        about: "security defaults lock the user out of SMTP AUTH (5.7.139)",
        apply: |faults| smtp_auth(faults, SECURITY_DEFAULTS),
    },
    Preset {
        name: "conditional-access",
        fault: "sign-on-criteria-not-met",
        about: "a policy refuses the SMTP sign-on (5.7.139)",
        apply: |faults| smtp_auth(faults, CRITERIA),
    },
    Preset {
        name: "smtp-throttled",
        fault: "upstream-connections-exceeded",
        about: "every message gets 432 4.3.2",
        apply: |faults| {
            faults.smtp.connections = Some(0);
            faults.smtp.connections_at = LimitPoint::EndOfData;
        },
    },
    Preset {
        name: "prx4",
        fault: "upstream-unavailable",
        about: "Exchange is out of order for a moment (451 4.7.0 PRX4)",
        apply: |faults| {
            let reply = "451 4.7.0 Temporary server error. Please try again later. PRX4 {tail}";
            faults.smtp.answers.push(Answer::new("MAIL", reply));
        },
    },
    Preset {
        name: "starttls-stripped",
        fault: "starttls-stripped",
        about: "something in between hides STARTTLS of the SMTP server",
        apply: |faults| faults.smtp.starttls = StartTls::Missing,
    },
    Preset {
        name: "daily-quota",
        fault: "day-limit-reached",
        about: "the mailbox has used up its recipients of the day (5.2.0)",
        apply: |faults| {
            let reply = "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process \
                         message due to a permanent exception [Hostname={host}]";
            faults.smtp.answers.push(Answer::new(".", reply));
        },
    },
    Preset {
        name: "exchange-unreachable",
        fault: "upstream-timeout",
        about: "all mail servers accept and say nothing",
        apply: |faults| {
            faults.smtp.line.silent = true;
            faults.imap.line.silent = true;
            faults.pop3.line.silent = true;
        },
    },
    Preset {
        name: "lost-after-dot",
        fault: "upstream-lost",
        about: "the connection breaks after the final dot, the message is delivered",
        apply: |faults| faults.smtp.after_dot = AfterDot::DropDelivered,
    },
    Preset {
        name: "tokens-refused",
        fault: "fresh-token-refused",
        about: "Exchange refuses every token",
        apply: |faults| {
            faults.smtp.refuse_tokens = u32::MAX;
            faults.imap.refuse_tokens = u32::MAX;
            faults.pop3.refuse_tokens = u32::MAX;
        },
    },
    Preset {
        name: "imap-not-connected",
        fault: "mailbox-not-connected",
        about: "IMAP signs on, then says \"authenticated but not connected\"",
        apply: |faults| faults.imap.answers.push(not_connected()),
    },
    Preset {
        name: "imap-throttled",
        fault: "upstream-throttled",
        about: "IMAP asks for a pause",
        apply: |faults| {
            let reply = "{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds";
            faults.imap.answers.push(Answer::new("*", reply));
        },
    },
    Preset {
        name: "imap-unavailable",
        fault: "upstream-unavailable",
        about: "IMAP answers NO Server Unavailable. 15",
        apply: |faults| faults.imap.answers.push(Answer::new("*", "{tag} NO Server Unavailable. 15")),
    },
    Preset {
        name: "sign-in-needed",
        fault: "sign-in-revoked",
        about: "the refresh token is revoked (AADSTS50173)",
        apply: |faults| mishap(faults, MishapKind::Aadsts(50173)),
    },
    Preset {
        name: "mfa-needed",
        fault: "mfa-required",
        about: "multi-factor authentication is demanded (AADSTS50076)",
        apply: |faults| mishap(faults, MishapKind::Aadsts(50076)),
    },
    Preset {
        name: "secret-expired",
        fault: "client-secret-expired",
        about: "client secrets have expired (AADSTS7000222); a person's app has none and is not touched",
        apply: |faults| faults.identity.secrets_ended = true,
    },
    Preset {
        name: "no-consent",
        fault: "consent-missing",
        about: "nobody has consented to the application (AADSTS65001)",
        apply: |faults| without_consent(faults, 65001),
    },
    Preset {
        name: "admin-consent-needed",
        fault: "admin-consent-needed",
        about: "nobody has consented to the application, and people may not (AADSTS90094)",
        apply: |faults| without_consent(faults, 90094),
    },
    Preset {
        name: "sign-in-blocked",
        fault: "conditional-access",
        about: "Conditional Access blocks the sign-ins of people (AADSTS53003); an app that acts by itself is not touched",
        apply: |faults| {
            faults.identity.mishap = Some(Mishap::new(MishapKind::Aadsts(53003)).sparing("client_credentials"));
        },
    },
    Preset {
        name: "wrong-tenant",
        fault: "tenant-not-found",
        about: "the tenant as it is configured is not known for tokens any more, its id is (AADSTS90002)",
        apply: |faults| faults.identity.tenant_by_id_alone = true,
    },
    Preset {
        name: "captive-portal",
        fault: "captive-portal",
        about: "a login page of the network answers in the place of the identity provider",
        apply: |faults| mishap(faults, MishapKind::Html),
    },
    Preset {
        name: "clock-off",
        fault: "clock-skewed",
        about: "the identity provider's clock and ours differ by ten minutes",
        apply: |faults| faults.identity.clock_ahead = 600,
    },
    Preset {
        name: "imap-disabled",
        fault: "imap-disabled-mailbox",
        about: "IMAP is switched off for the mailbox: it signs on and is not connected",
        apply: |faults| faults.imap.answers.push(not_connected()),
    },
    Preset {
        name: "pop3-disabled",
        fault: "pop3-disabled-mailbox",
        about: "POP3 is switched off for the mailbox",
        apply: |faults| faults.pop3.refuse_tokens = u32::MAX,
    },
    Preset {
        name: "wrong-service-principal",
        fault: "service-principal-missing",
        about: "Exchange has a wrong object id for every app that acts by itself; people are not touched",
        apply: |faults| faults.exchange.wrong_service_principals = true,
    },
    Preset {
        name: "full-access-missing",
        fault: "full-access-missing",
        about: "nobody has Full Access to a mailbox of somebody else",
        apply: |faults| faults.exchange.without_full_access = true,
    },
    Preset {
        name: "send-as-missing",
        fault: "send-as-denied",
        about: "nobody has Send As on a mailbox of somebody else (5.7.60)",
        apply: |faults| faults.exchange.without_send_as = true,
    },
    Preset {
        name: "own-address-denied",
        fault: "own-address-denied",
        about: "the address is an alias, from which the tenant lets nobody send (5.2.252)",
        apply: |faults| {
            let reply = "554 5.2.252 SendAsDenied; not allowed to send as this sender; STOREDRV.Submission.Exception:\
                         SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message [Hostname={host}]";
            faults.smtp.answers.push(Answer::new(".", reply));
        },
    },
    Preset {
        name: "identity-throttled",
        fault: "token-endpoint-throttled",
        about: "the identity provider answers 429 with Retry-After",
        apply: |faults| mishap(faults, MishapKind::Status { status: 429, retry_after: Some(5) }),
    },
    Preset {
        name: "identity-down",
        fault: "token-endpoint-failing",
        about: "the identity provider answers 503",
        apply: |faults| mishap(faults, MishapKind::Status { status: 503, retry_after: None }),
    },
    Preset {
        name: "identity-hangs",
        fault: "token-timeout",
        about: "the identity provider does not answer at all",
        apply: |faults| mishap(faults, MishapKind::Hang),
    },
    Preset {
        name: "graph-denied",
        fault: "graph-access-denied",
        about: "Microsoft Graph denies the app the right to send (ErrorAccessDenied)",
        apply: |faults| faults.graph.mishap = Some(GraphMishap::new(403, "ErrorAccessDenied")),
    },
    Preset {
        name: "graph-throttled",
        fault: "graph-throttled",
        about: "Microsoft Graph asks for a pause of five minutes (429)",
        apply: |faults| {
            faults.graph.mishap = Some(GraphMishap::new(429, "ApplicationThrottled").retry_after(300));
        },
    },
];

pub const DISABLED_TENANT: &str = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for \
     the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. {tail}";
pub const DISABLED_MAILBOX: &str = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for \
     the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. {tail}";
pub const SECURITY_DEFAULTS: &str = "535 5.7.139 Authentication unsuccessful, user is locked by your organization's \
     security defaults policy. Contact your administrator. {tail}";
pub const CRITERIA: &str = "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be \
     authenticated successfully. Contact your administrator. {tail}";
pub const BASIC_DISABLED: &str = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. {tail}";

fn smtp_auth(faults: &mut Faults, reply: &str) {
    faults.smtp.answers.push(Answer::new("AUTH", reply));
}

fn not_connected() -> Answer {
    Answer::new("*", "{tag} BAD User is authenticated but not connected.\r\n* BYE Connection closed. 14").close()
}

/// Whatever was consented to before.
fn without_consent(faults: &mut Faults, number: u32) {
    faults.identity.without_consent = Some(number);
    faults.identity.consented.clear();
}

fn mishap(faults: &mut Faults, kind: MishapKind) {
    faults.identity.mishap = Some(Mishap::new(kind));
}

impl Faults {
    /// Switches a named rehearsal on; `false` where there is none of that name.
    pub fn apply(&mut self, name: &str) -> bool {
        let found = PRESETS.iter().find(|preset| preset.name == name);
        if let Some(preset) = found {
            (preset.apply)(self);
        }
        found.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rehearsal_changes_something_and_has_a_name_of_its_own() {
        for (n, preset) in PRESETS.iter().enumerate() {
            let mut faults = Faults::default();
            assert!(faults.apply(preset.name) && faults != Faults::default(), "{}", preset.name);
            assert!(PRESETS[..n].iter().all(|other| other.name != preset.name), "{}", preset.name);
        }
        assert!(!Faults::default().apply("no-such"));
    }
}
