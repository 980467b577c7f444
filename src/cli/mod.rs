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
mod explain;
mod import;
mod key;
mod language;
mod local_password;
mod login;
mod login_words;
mod logout;
mod outcome;
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

use std::{env, ffi::OsString, io, process::ExitCode};

use clap::Parser;

use crate::base::{Lang, invocation};

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

/// A refusal of POP3 that is pasted behind `explain` begins with a hyphen, and is no option.
fn typed(argument: OsString) -> OsString {
    match argument.to_str().and_then(|text| text.strip_prefix('-')) {
        Some(reply) if reply.starts_with("ERR") => reply.into(),
        _ => argument,
    }
}

/// What a daemon says is its log, which stays English.
fn spoken(cli: &Cli) -> Lang {
    match (&cli.command, cli.lang) {
        (_, Some(typed)) => typed.into(),
        (Command::Run(_), None) => Lang::En,
        (_, None) => language::of_terminal(),
    }
}

/// Whoever named a configuration means it in the next command as well. Setup, import and a daemon know theirs later.
fn called(cli: &Cli) {
    let knows_later =
        matches!(&cli.command, Command::Setup(_) | Command::Import(_) | Command::Demo(_) | Command::Run(_));
    if let Some(file) = cli.config.as_ref().filter(|_| !knows_later) {
        invocation::call_it(pasted::with_config(file));
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
        Command::Man => man(),
        Command::Completions { shell } => completions(*shell),
    }
}

/// The runtime of a command that waits for the network.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(format!("the runtime: {e}"), "the system has no threads or descriptors left"))
}

fn man() -> Outcome {
    let lang = language::current();
    let page = man_page(&usage::commands(lang)).map(|page| usage::of_page(&String::from_utf8_lossy(&page), lang));
    page.and_then(|page| terminal::print(&page))
        .map_err(|e| Failure::new(format!("the man page: {e}"), "write to another place"))
}

/// One page for all commands.
fn man_page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let all = clap_mangen::Man::new(command.clone());
    all.render_title(&mut page)?;
    all.render_name_section(&mut page)?;
    all.render_synopsis_section(&mut page)?;
    all.render_description_section(&mut page)?;
    all.render_options_section(&mut page)?;
    all.render_extra_section(&mut page)?;
    man_of_commands("gatepost", command, &mut page)?;
    Ok(page)
}

fn man_of_commands(of: &str, command: &clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("{of} {}", command.get_name());
        let part = clap_mangen::Man::new(command.clone());
        let mut sections = Vec::new();
        part.render_description_section(&mut sections)?;
        part.render_options_section(&mut sections)?;
        part.render_extra_section(&mut sections)?;
        let sections = String::from_utf8_lossy(&sections).replace("\n.SH ", "\n.SS ");
        page.extend(format!(".SH \"{name}\"\n{sections}").into_bytes());
        man_of_commands(&name, command, page)?;
    }
    Ok(())
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut usage::commands(language::current()), "gatepost", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))
        .map_err(|e| Failure::new(format!("the completions: {e}"), "write to another place"))
}
