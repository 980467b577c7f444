//! What a person types: commands, help, exit codes. The work is done in lower rows.

pub mod args;
mod backup;
mod client;
mod config;
mod console;
mod console_api;
mod core_files;
mod demo;
mod doctor;
mod elsewhere;
mod explain;
mod import;
mod key;
mod language;
mod local_password;
mod login;
mod login_words;
mod logout;
mod outcome;
mod packaged;
mod password;
mod pasted;
mod queue;
mod run;
mod send;
mod setup;
mod sign_in_ui;
mod state;
mod status;
mod terminal;
mod usage;

use std::{
    env,
    ffi::OsString,
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Parser;

use crate::base::Lang;

pub use args::{Cli, Command};
pub use outcome::{CONFIG_REFUSED, Failure, Outcome};

/// Parses the command line, runs the command, says what went wrong.
pub fn main() -> ExitCode {
    // Whatever the command is: most of them hold a key, a token or a password.
    core_files::forbid();
    let arguments: Vec<OsString> = env::args_os().map(typed).collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage::tell(&error, &arguments),
    };
    language::choose(spoken(&cli));
    called(&cli);
    match dispatch(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                terminal::note(&text);
            }
            failure.exit_code()
        }
    }
}

/// A refusal of POP3 that is pasted behind `explain` begins with a hyphen, and is no option: none begins with a blank.
fn typed(argument: OsString) -> OsString {
    match argument.to_str() {
        Some(reply) if reply.starts_with("-ERR") => format!(" {reply}").into(),
        _ => argument,
    }
}

/// What a service says is its log, which stays English. Who starts a daemon at a terminal reads why it does not start.
fn spoken(cli: &Cli) -> Lang {
    match (&cli.command, cli.lang) {
        (_, Some(typed)) => typed.into(),
        (Command::Run(_), None) if !io::stderr().is_terminal() => Lang::En,
        (_, None) => language::of_terminal(),
    }
}

/// Whoever named a configuration means it in the next command as well, wherever that is typed. Setup, import and a daemon know
/// theirs later, and so does what is to be explained.
fn called(cli: &Cli) {
    let knows_later = match &cli.command {
        Command::Setup(_) | Command::Import(_) | Command::Demo(_) | Command::Run(_) => true,
        Command::Explain(_) => cli.config.is_none(),
        _ => false,
    };
    if !knows_later {
        config::call_by(cli.config.as_deref());
    }
}

fn dispatch(cli: &Cli) -> Outcome {
    let file = cli.config.as_deref();
    match &cli.command {
        Command::Run(args) => run::run(file, args),
        Command::Demo(args) => demo::run(args),
        Command::Setup(args) => setup::run(file, args),
        Command::Login(args) => login::run(file, args),
        Command::Logout(args) => logout::run(file, args),
        Command::Status(args) => status::run(file, args),
        Command::Explain(args) => explain::run(file, args),
        Command::Doctor(args) => doctor::run(file, args),
        Command::Queue(args) => queue::run(file, &args.command),
        Command::Console => console::run(file),
        Command::Send(args) => send::run(file, args),
        Command::Password(args) => password::run(args, |account| local_password::reset(file, account)),
        Command::Key(args) => key::run(file, &args.command),
        Command::Backup { to } => backup::run(file, to),
        Command::Config(args) => config::run(file, &args.command),
        Command::Import(args) => import::run(file, &args.command),
        Command::Man => packaged::man(),
        Command::Completions { shell } => packaged::completions(*shell),
    }
}

/// The runtime of a command that waits for the network.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("the runtime: {e}"), "the system has no threads or descriptors left"))
}
