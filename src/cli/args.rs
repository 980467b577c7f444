//! Every command and option: help, man page, completions and parsing come from these definitions alone.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::{explain::ExplainArgs, language::Language, queue::QueueArgs, setup::args::SetupArgs};

#[derive(Parser)]
#[command(
    name = "gatepost",
    version,
    about = "A password in, XOAUTH2 out: lets mail programs and devices that only know a password use Microsoft 365",
    after_help = "Try it without any account:\n  gatepost demo\n\n\
                  From nothing to mail:\n  gatepost setup\n  gatepost run\n\n\
                  Exit codes: 0 fine, 1 failed, 2 wrong usage, 78 configuration refused.\n\n\
                  A page that is named as docs/... is in /usr/share/doc/gatepost where a package was installed, and in the sources."
)]
pub struct Cli {
    /// Configuration file [default: ./gatepost.toml, $XDG_CONFIG_HOME/gatepost/gatepost.toml, /etc/gatepost/gatepost.toml]
    #[arg(long, short, global = true, value_name = "FILE", env = "GATEPOST_CONFIG")]
    pub config: Option<PathBuf>,
    /// Language of what is told, except in JSON and in the daemon's log [default: that of the locale]
    #[arg(long, global = true, value_name = "LANG", value_enum)]
    pub lang: Option<Language>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Runs the daemon in the foreground; logs go to stderr
    Run(RunArgs),
    /// Shows everything on this machine alone: a sandbox of Microsoft 365 and the real daemon in front of it
    Demo(DemoArgs),
    /// From nothing to a sent test message: asks, finds the tenant, writes the configuration, signs in, sends
    Setup(Box<SetupArgs>),
    /// Signs an account in, also while the daemon runs and over ssh
    Login(LoginArgs),
    /// Forgets the tokens of an account
    Logout(LogoutArgs),
    /// Accounts, listeners, open sessions and last faults
    Status(StatusArgs),
    /// What a code, a reply or a line of the log means, whose turn it is, and what to do
    Explain(ExplainArgs),
    /// Checks every layer between a client and its mail, says which one fails and what to do
    Doctor(DoctorArgs),
    /// Mail that waits for delivery: look, hold, release, try again, drop
    Queue(QueueArgs),
    /// Prints a link into the web console, and opens it on a desktop
    #[command(
        after_help = "Examples:\n  gatepost console\n  gatepost console --config /etc/gatepost/gatepost.toml    (as the user who runs the daemon)"
    )]
    Console,
    /// Sends a test message the way a device would, through the running listener
    Send(SendArgs),
    /// Prints a password hash for the configuration
    Password(PasswordArgs),
    /// Changes the key that seals what is stored
    Key(KeyArgs),
    /// Copies what is stored into a file, also while the daemon runs; it stays sealed
    #[command(
        after_help = "Example:\n  gatepost backup /var/backups/gatepost.db\n\nThe key is not in it: keep a copy of that elsewhere. \
                      To restore, stop the daemon, take away the -wal and -shm beside its database, put the copy in the \
                      place of that, owned by the daemon's user, and start it."
    )]
    Backup {
        /// The file to write; it must not be there yet
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// Checks, shows or describes the configuration
    Config(ConfigArgs),
    /// Turns the configuration of another program into one of Gatepost, and takes its sign-ins over
    Import(ImportArgs),
    /// Prints the man page
    #[command(after_help = "Example:\n  gatepost man > gatepost.1 && man ./gatepost.1")]
    Man,
    /// Prints completions for a shell
    #[command(
        after_help = "Examples:\n  gatepost completions bash > ~/.local/share/bash-completion/completions/gatepost\n  gatepost completions fish > ~/.config/fish/completions/gatepost.fish"
    )]
    Completions {
        /// The shell that is to complete
        shell: clap_complete::Shell,
    },
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost run\n  gatepost run --config /etc/gatepost/gatepost.toml --log-format json"
)]
pub struct RunArgs {
    /// How log lines look
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost demo\n  gatepost demo --once    (for scripts: exits 0 if mail flowed, else 1)\n\n\
                        Sign in with the user ann@contoso.example and the password demo."
)]
pub struct DemoArgs {
    /// Stop after the dialogues, with exit code 0 or 1
    #[arg(long)]
    pub once: bool,
    /// First of the ports to listen on [default: the usual ones where they are free]
    #[arg(long, value_name = "N")]
    pub port_base: Option<u16>,
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost login ann@contoso.com\n  gatepost login ann@contoso.com --flow device    (no browser here)\n  \
                        gatepost login ann@contoso.com --flow paste     (browser on another machine, no device sign-in)"
)]
pub struct LoginArgs {
    /// Address of an [[account]]
    pub account: String,
    /// How to sign in [default: what fits the app and this terminal]
    #[arg(long, value_enum)]
    pub flow: Option<Flow>,
    /// Shows the QR code also where the output is not a terminal
    #[arg(long)]
    pub qr: bool,
    /// Prints JSON lines: what to open, then the outcome
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Flow {
    /// A browser on this machine
    Browser,
    /// A code to type on any other device
    Device,
    /// A browser anywhere; the address it ends at is pasted back
    Paste,
}

#[derive(Args, Debug, Clone)]
#[command(after_help = "Examples:\n  gatepost logout ann@contoso.com\n  gatepost logout ann@contoso.com --yes")]
pub struct LogoutArgs {
    /// Address of an [[account]]
    pub account: String,
    /// Does not ask whether it is meant
    #[arg(long)]
    pub yes: bool,
    /// Prints the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost status\n  gatepost status --lang ja\n  gatepost status --json | jq '.accounts[] | select(.\"sign-in\".phase != \"ready\")'"
)]
pub struct StatusArgs {
    /// Prints JSON, the same as /api/status
    #[arg(long)]
    pub json: bool,
    /// Only asks whether the daemon answers, and says so by the exit code; a file that it refused meanwhile does not matter
    #[arg(long, conflicts_with = "json")]
    pub alive: bool,
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost doctor\n  gatepost doctor ann@contoso.com --lang ja\n  gatepost doctor --offline\n  \
                  gatepost doctor ann@contoso.com --send bob@contoso.com\n  gatepost doctor --bundle support.tar.gz\n\n\
                  It stores access tokens that it had to fetch, and refresh tokens that came with them, as the daemon would. \
                  It tells a daemon that runs what it proved (a mailbox that opens, a message that went), so that its \
                  status no longer shows that refusal, and changes nothing else (--offline: nothing at all).\n\
                  It sends nothing without --send. Exit codes: 0 all well, 1 something fails, 78 configuration refused."
)]
pub struct DoctorArgs {
    /// Address of an [[account]], or a mailbox of a whole domain [default: all accounts]
    pub account: Option<String>,
    /// Looks at this machine alone: configuration, files, what is stored
    #[arg(long, conflicts_with = "send")]
    pub offline: bool,
    /// Prints JSON; its fields and ids are stable
    #[arg(long)]
    pub json: bool,
    /// Sends one test message to this address, from the account that is named, or the only one
    #[arg(long, value_name = "ADDRESS")]
    pub send: Option<String>,
    /// Writes what a supporter needs into this file, without a secret in it
    #[arg(long, value_name = "FILE.tar.gz")]
    pub bundle: Option<PathBuf>,
    /// Seconds for all that needs the network; what was not looked at by then is named
    #[arg(long, value_name = "SECONDS", default_value_t = crate::doctor::WITHIN.as_secs(), value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

#[derive(Args, Debug, Clone)]
#[command(after_help = "Example:\n  gatepost key rotate\n\n\
                  Keep a copy of it apart from those of the database: without it everybody signs in again.")]
pub struct KeyArgs {
    #[command(subcommand)]
    pub command: KeyCommand,
}

#[derive(Subcommand, Debug, Clone)]
pub enum KeyCommand {
    /// Seals everything under a new key, also while the daemon runs; nobody has to sign in again
    #[command(after_help = "Examples:\n  gatepost key rotate\n  \
                      gatepost key rotate --new-key-file /run/gatepost.key.new    (the key is a systemd credential, or in the environment)\n\n\
                      It may be ended at any moment: nothing is lost, and run again it begins anew.")]
    Rotate {
        /// Writes the new key here, or takes it from here if the file is there, and leaves it to you to put it in its place.
        /// Needed where the key is not in a file that Gatepost may write
        #[arg(long, value_name = "FILE")]
        new_key_file: Option<PathBuf>,
    },
}

#[derive(Args, Debug, Clone)]
#[command(after_help = "Examples:\n  gatepost send --from ann@contoso.com --to bob@contoso.com\n  \
                        gatepost send --from ann@contoso.com --to bob@contoso.com --subject hello message.txt\n  \
                        echo secret | gatepost send --from scanner@contoso.com --to bob@contoso.com --user copier --password-stdin\n  \
                        gatepost send --from scanner@contoso.com --to bob@contoso.com --no-auth    (as a device without login)")]
pub struct SendArgs {
    /// Sender, in the envelope and in the header
    #[arg(long, value_name = "ADDRESS")]
    pub from: String,
    /// Recipient; may be given several times
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub to: Vec<String>,
    /// Subject of the message
    #[arg(long, value_name = "TEXT")]
    pub subject: Option<String>,
    /// Body of the message, or - for stdin [default: a line of text]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Login name [default: the sender]
    #[arg(long, value_name = "NAME", conflicts_with = "no_auth")]
    pub user: Option<String>,
    /// Reads the password from stdin; else $GATEPOST_PASSWORD, else asks
    #[arg(long, conflicts_with = "no_auth")]
    pub password_stdin: bool,
    /// Sends without a login, as a device that is admitted by address
    #[arg(long)]
    pub no_auth: bool,
    /// host:port to send through [default: the first smtp listener of the configuration]
    #[arg(long, value_name = "HOST:PORT")]
    pub server: Option<String>,
    /// TLS to the server [default: as the listener wants it, with --server: off]
    #[arg(long, value_enum, value_name = "MODE")]
    pub tls: Option<SendTls>,
    /// Prints the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SendTls {
    Off,
    Starttls,
    Implicit,
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost password\n  pwgen 20 1 | tee /dev/stderr | gatepost password --stdin\n  gatepost password --user ann@contoso.com >> users    (for a passwords-file)\n  \
                        gatepost password --reset ann@contoso.com"
)]
pub struct PasswordArgs {
    /// Reads the password from stdin (one line) instead of asking
    #[arg(long)]
    pub stdin: bool,
    /// Prints a line of a passwords-file, for this mailbox of a "*@" account
    #[arg(long, value_name = "ADDRESS", conflicts_with = "reset")]
    pub user: Option<String>,
    /// Arms "first-use" of this account again: the next password typed on this machine becomes its password
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "stdin")]
    pub reset: Option<String>,
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost config check\n  gatepost config show\n  gatepost config schema > gatepost.schema.json\n  \
                        gatepost config client copier --preset ricoh --from 192.168.10.21"
)]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub command: ConfigCommand,
}

#[derive(Subcommand, Debug, Clone)]
pub enum ConfigCommand {
    /// Reports every problem at once, with line and column
    #[command(after_help = "Examples:\n  gatepost config check\n  gatepost config check --json --config new.toml")]
    Check {
        /// Prints JSON: file, ok, problems
        #[arg(long)]
        json: bool,
    },
    /// Prints the effective configuration, defaults filled in, without secrets
    #[command(after_help = "Examples:\n  gatepost config show\n  gatepost config show --json | jq .listener")]
    Show {
        /// Prints JSON instead of TOML
        #[arg(long)]
        json: bool,
    },
    /// Prints the JSON schema, for editors
    #[command(
        after_help = "Example:\n  gatepost config schema > gatepost.schema.json\n  (and as the first line of gatepost.toml:  #:schema ./gatepost.schema.json)"
    )]
    Schema,
    /// Prints the block for a device or program, and on stderr what to type into it
    Client(ClientArgs),
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost config client --preset list\n  gatepost config client copier --preset ricoh --from 192.168.10.21\n  \
                  gatepost config client zabbix --preset zabbix --account alerts@contoso.com --from 192.168.20.5 --login zabbix\n  \
                  gatepost config client copier --preset hp --from 192.168.10.22 >> /etc/gatepost/gatepost.toml\n\n\
                  Where it logs in, a password is made; it is shown once, on stderr, and its hash stands in the block."
)]
pub struct ClientArgs {
    /// What logs and pages will call it
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Family of the device or name of the program; list shows all
    #[arg(long, value_name = "PRESET")]
    pub preset: String,
    /// Address of the [[account]] that it uses [default: the only one of the configuration]
    #[arg(long, value_name = "ADDRESS")]
    pub account: Option<String>,
    /// Address or block that it connects from; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    pub from: Vec<String>,
    /// User name that it will type [default: programs are given one, copiers are admitted by their address]
    #[arg(long, value_name = "NAME")]
    pub login: Option<String>,
}

#[derive(Args, Debug, Clone)]
#[command(
    after_help = "Examples:\n  gatepost import emailproxy emailproxy.config            (shows what would be written)\n  \
                        gatepost import emailproxy emailproxy.config --write"
)]
pub struct ImportArgs {
    #[command(subcommand)]
    pub command: ImportCommand,
}

#[derive(Subcommand, Debug, Clone)]
pub enum ImportCommand {
    /// email-oauth2-proxy: listeners, accounts, certificates, and the sign-ins that its mail passwords seal
    #[command(
        after_help = "Examples:\n  gatepost import emailproxy emailproxy.config\n  gatepost import emailproxy emailproxy.config --write\n  \
                        gatepost import emailproxy emailproxy.config --cache-store tokens.config --write\n  \
                        cat passwords | gatepost import emailproxy emailproxy.config --write --password-stdin\n\n\
                        With --write it asks for the mail password of each account: the one that its mail program types, with which \
                        the old program sealed its sign-in. Right, it opens the sign-in and stays the account's password; Enter, and \
                        the account comes without it."
    )]
    Emailproxy {
        /// Its emailproxy.config
        file: PathBuf,
        /// What its --cache-store names: a file, or the content of the AWS secret in one
        #[arg(long, value_name = "FILE")]
        cache_store: Option<PathBuf>,
        #[command(flatten)]
        options: ImportOptions,
    },
    /// sasl-xoauth2: its configuration and the token file of each account
    #[command(
        after_help = "Examples:\n  gatepost import sasl-xoauth2 /etc/sasl-xoauth2.conf /etc/tokens/ann@contoso.com\n  \
                        gatepost import sasl-xoauth2 /etc/sasl-xoauth2.conf /etc/tokens/ann@contoso.com --write"
    )]
    SaslXoauth2 {
        /// sasl-xoauth2.conf and token files, in any order; they are told by what is in them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        options: ImportOptions,
    },
    /// pizauth: pizauth.conf; its tokens stay in its memory, so each account signs in once
    #[command(
        after_help = "Examples:\n  gatepost import pizauth ~/.config/pizauth.conf\n  gatepost import pizauth ~/.config/pizauth.conf --write"
    )]
    Pizauth {
        /// Its pizauth.conf
        file: PathBuf,
        #[command(flatten)]
        options: ImportOptions,
    },
}

#[derive(Args, Debug, Clone)]
pub struct ImportOptions {
    /// Writes the configuration (--config, else the usual place) and its secrets, each into a file that only you may
    /// read, and saves the sign-ins; without it everything is only shown
    #[arg(long)]
    pub write: bool,
    /// Replaces a configuration, and files with secrets, that are there; the old ones are kept beside them as .old
    #[arg(long, requires = "write")]
    pub force: bool,
    /// Reads the passwords from stdin: one line for all accounts, or one for each in the order of the file (empty: none)
    #[arg(long, requires = "write")]
    pub password_stdin: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The command lines of a help text: everything from `gatepost` to a pipe, a redirection or a remark.
    fn examples(help: &str) -> Vec<String> {
        let lines = help.lines().filter(|line| line.starts_with("  ") && !line.trim().starts_with("(and"));
        let commands = lines.filter_map(|line| line.get(line.find("gatepost ")?..));
        let ends = [" | ", " >> ", " > ", " && ", "    "];
        commands.map(|line| ends.iter().fold(line, |line, end| line.split(end).next().unwrap()).to_owned()).collect()
    }

    fn check(command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = examples(&help);
        assert!(!examples.is_empty(), "`{}` has no example", command.get_name());
        for example in examples {
            if let Err(error) = Cli::try_parse_from(example.split_whitespace()) {
                panic!("{example}: {error}");
            }
        }
        command.get_subcommands().filter(|command| !command.is_hide_set()).for_each(check);
    }

    #[test]
    fn every_command_shows_examples_that_the_command_line_takes() {
        check(&Cli::command());
    }

    /// Every user of a machine sees the arguments of its processes.
    #[test]
    fn no_argument_takes_a_secret() {
        fn check(command: &clap::Command) {
            let takes = |arg: &&clap::Arg| arg.get_action().takes_values();
            for arg in command.get_arguments().filter(takes).map(|arg| arg.get_id().as_str()) {
                let named = ["password", "secret", "token", "code", "hash"].iter().any(|word| arg.contains(word));
                // The path of a file is none.
                assert!(!named || arg.ends_with("_file"), "`{}` takes `{arg}` on the command line", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
