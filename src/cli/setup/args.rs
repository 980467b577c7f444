//! Options of `gatepost setup`: each question that it asks has a flag that answers it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::args::Flow;

#[derive(Args, Debug, Clone)]
#[command(after_help = "Examples:\n  gatepost setup                              (asks)\n  \
                  gatepost setup --address ann@contoso.com\n  \
                  gatepost setup --address ann@contoso.com --client-id 00000000-0000-0000-0000-000000000000 --grant device-code --yes\n  \
                  gatepost setup --address ann@contoso.com --shared info@contoso.com --shared sales@contoso.com\n  \
                  gatepost setup --address orders@contoso.com --grant client-credentials --certificate app.pem --certificate-key app.key\n  \
                  gatepost setup --address ann@contoso.com --print-script -    (PowerShell for the administrator)\n\n\
                  It is safe to run again: what is there already stays as it is. Without a terminal it never asks, and says which \
                  flag is missing.")]
pub struct SetupArgs {
    /// The mailbox; with --shared the person who signs in for the others
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<String>,
    /// Another mailbox that lives on the same sign-in; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub shared: Vec<String>,
    /// Whose mailbox it is: microsoft365, outlook, google, ... [default: found by the address]
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Id or verified domain of the tenant [default: found by the address]
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<String>,
    /// Id of your app registration
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// How tokens are obtained [default: authorization-code]
    #[arg(long, value_enum)]
    pub grant: Option<SetupGrant>,
    /// A file or pipe with the app's secret; its content goes into a file of its own beside the configuration
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate", "make_certificate"])]
    pub client_secret_file: Option<PathBuf>,
    /// Certificate that proves the app, PEM
    #[arg(long, value_name = "FILE", requires = "certificate_key", conflicts_with = "make_certificate")]
    pub certificate: Option<PathBuf>,
    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub certificate_key: Option<PathBuf>,
    /// Makes key and certificate beside the configuration, and says where to upload the certificate
    #[arg(long)]
    pub make_certificate: bool,
    /// How messages leave [default: smtp]
    #[arg(long, value_enum)]
    pub outbound: Option<SetupOutbound>,
    /// A listener, such as smtp=192.168.10.2:1587; may be given several times
    /// [default: smtp 1587, imap 1993, pop3 1995 on this machine alone]
    #[arg(long, value_name = "PROTOCOL=ADDRESS:PORT")]
    pub listen: Vec<String>,
    /// Another key of the configuration, such as app.token-url=https://..., network.ca-file=/etc/ssl/extra.pem or
    /// console.listen=off; may be given several times
    #[arg(long, value_name = "TABLE.KEY=VALUE")]
    pub set: Vec<String>,
    /// Reads the password for mail programs from stdin, one line [default: one is made and shown once]
    #[arg(long)]
    pub password_stdin: bool,
    /// Mail programs: the first password typed on this machine after the sign-in becomes the account's
    #[arg(long, conflicts_with = "password_stdin")]
    pub first_use: bool,
    /// How to sign in [default: what fits the app and this terminal]
    #[arg(long, value_enum, conflicts_with = "no_sign_in")]
    pub flow: Option<Flow>,
    /// Gets the test message [default: the mailbox itself]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["no_send", "no_sign_in"])]
    pub to: Option<String>,
    /// Writes a script for the app registration into a file, or - for stdout, and does nothing else
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["password_stdin", "first_use", "flow", "to", "client_secret_file"]
    )]
    pub print_script: Option<PathBuf>,
    /// Writes the configuration without asking
    #[arg(long)]
    pub yes: bool,
    /// Ends once the configuration is written
    #[arg(long)]
    pub no_sign_in: bool,
    /// Sends no test message
    #[arg(long)]
    pub no_send: bool,
    /// Asks this host, on loopback, in the place of all others; for tests against the sandbox
    #[arg(long, value_name = "URL", hide = true)]
    pub discovery: Option<url::Url>,
    /// Takes this folder for that of the service; for tests, which have no /etc
    #[arg(long, value_name = "FOLDER", hide = true)]
    pub service_folder: Option<PathBuf>,
}

/// Grants that a person chooses between; the others need more than questions (docs/unattended.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SetupGrant {
    /// A person signs in, in a browser
    AuthorizationCode,
    /// A person signs in, with a code typed on any device
    DeviceCode,
    /// Nobody signs in: a certificate or a secret proves the app
    ClientCredentials,
}

impl SetupGrant {
    /// As the configuration spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization-code",
            Self::DeviceCode => "device-code",
            Self::ClientCredentials => "client-credentials",
        }
    }

    pub const fn is_app_only(self) -> bool {
        matches!(self, Self::ClientCredentials)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SetupOutbound {
    Smtp,
    /// Through Microsoft Graph, for tenants where SMTP AUTH has to stay off
    Graph,
    /// SMTP, and Graph where that is switched off
    SmtpThenGraph,
}

impl SetupOutbound {
    /// As the configuration spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Graph => "graph",
            Self::SmtpThenGraph => "smtp-then-graph",
        }
    }
}
