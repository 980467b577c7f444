//! Help, and what is wrong with a command line, for whoever reads Japanese. Clap's own words are English and in its code:
//! help is put together from definitions whose texts were replaced, and a refusal is told like any other sentence. Both
//! have their words in `japanese.txt`. It refuses nothing by itself: what is wrong is clap's to say.

use std::{ffi::OsString, io, process::ExitCode};

use clap::{Arg, Command, CommandFactory, ValueEnum, builder::PossibleValue, error::ErrorKind};

use super::{
    args::Cli,
    language::{self, Language},
    terminal,
};
use crate::base::{Lang, wrapped};

/// What is left of eighty columns beside the name of a command.
const WIDTH: usize = 64;
/// Places in a usage line that clap names.
const PLACES: [(&str, &str); 3] =
    [("[OPTIONS]", "[オプション]"), ("<COMMAND>", "<コマンド>"), ("[COMMAND]", "[コマンド]")];

/// Prints what came of a command line that names no work to do.
pub fn tell(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    // Nobody is left to tell if the stream is closed.
    let _ = match spoken(arguments) {
        Lang::En => error.print(),
        Lang::Ja => tell_in_japanese(error, arguments),
    };
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Of arguments that clap did not take.
fn spoken(arguments: &[OsString]) -> Lang {
    let words = || arguments.iter().filter_map(|argument| argument.to_str());
    let typed = words().zip(words().skip(1)).find_map(|(word, next)| match word {
        "--lang" => Some(next),
        _ => word.strip_prefix("--lang=").or(next.strip_prefix("--lang=")),
    });
    match typed.and_then(|typed| Language::from_str(typed, false).ok()) {
        Some(typed) => typed.into(),
        None => language::of_terminal(),
    }
}

fn tell_in_japanese(error: &clap::Error, arguments: &[OsString]) -> io::Result<()> {
    match error.kind() {
        ErrorKind::DisplayVersion => error.print(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let again = command().try_get_matches_from(arguments);
            again.err().as_ref().unwrap_or(error).print()
        }
        _ => {
            terminal::note(with_places(&said(&error.render().to_string())).trim_end());
            Ok(())
        }
    }
}

fn said(english: &str) -> String {
    language::said(english, Lang::Ja)
}

fn with_places(text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, (english, japanese)| text.replace(english, japanese))
}

/// All commands, for a page or a script that is made of them, in which each text is one line.
pub fn commands(lang: Lang) -> Command {
    match lang {
        Lang::En => Cli::command(),
        Lang::Ja => in_japanese(Cli::command(), usize::MAX),
    }
}

/// A man page with what its maker puts into it by itself, headings and the option for help.
pub fn of_page(page: &str, lang: Lang) -> String {
    if lang == Lang::En {
        return page.to_owned();
    }
    let told = page.lines().map(|line| match line.split_once(' ') {
        Some((heading @ (".SH" | ".SS"), name)) => format!("{heading} {}", said(name)),
        _ if line.starts_with("Print ") => said(line),
        _ => line.to_owned(),
    });
    told.collect::<Vec<_>>().join("\n") + "\n"
}

/// All commands with Japanese texts.
fn command() -> Command {
    let mut command = in_japanese(Cli::command(), WIDTH);
    command.build();
    laid_out(command)
}

fn in_japanese(mut command: Command, width: usize) -> Command {
    if let Some(about) = command.get_about().map(ToString::to_string) {
        command = command.about(lines(&about, width));
    }
    if let Some(help) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(lines(&help, width));
    }
    command.mut_args(|arg| argument(arg, width)).mut_subcommands(|command| in_japanese(command, width))
}

/// Of a command that has what clap adds: the help, the version, and its name in the usage line.
fn laid_out(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = with_places(usage.trim_start_matches("Usage: "));
    let parts = [
        ("Commands:", "subcommands", command.has_subcommands()),
        ("Arguments:", "positionals", command.get_positionals().next().is_some()),
        ("Options:", "options", command.get_arguments().any(|arg| !arg.is_positional())),
    ];
    let parts = parts.iter().filter(|(.., is_there)| *is_there);
    let parts: String = parts.map(|(heading, part, _)| format!("\n\n{}\n{{{part}}}", said(heading))).collect();
    let template = format!("{{about-with-newline}}\n{}{parts}{{after-help}}", said("Usage: {usage}"));
    if command.get_name() == "help" {
        command = in_japanese(command, WIDTH);
    }
    command
        .help_template(template)
        .override_usage(usage)
        .term_width(0)
        .mut_args(|arg| argument(arg, WIDTH))
        .mut_subcommands(laid_out)
}

/// The help below the argument, with what clap would put behind it. Done once, which its place tells.
fn argument(arg: Arg, width: usize) -> Arg {
    if arg.is_next_line_help_set() {
        return arg;
    }
    let takes_a_value = arg.get_action().takes_values();
    let defaults =
        arg.get_default_values().iter().filter(|_| takes_a_value).map(|value| value.to_string_lossy().into());
    let notes = [
        ("default", defaults.collect::<Vec<String>>()),
        ("possible values", arg.get_possible_values().iter().filter(|_| takes_a_value).map(choice).collect()),
        ("env", arg.get_env().map(|name| name.to_string_lossy().into()).into_iter().collect()),
    ];
    let notes = notes.iter().filter(|(_, values)| !values.is_empty());
    let notes = notes.map(|(name, values)| said(&format!("[{name}: {}]", values.join("、"))));
    let help = said(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    let help = std::iter::once(help).chain(notes).collect::<Vec<_>>().join(" ");
    let arg = match takes_a_value {
        true => arg.hide_default_value(true).hide_possible_values(true).hide_env(true),
        false => arg,
    };
    arg.next_line_help(true).help(wrapped(&help, width).join("\n"))
}

fn choice(value: &PossibleValue) -> String {
    match value.get_help() {
        Some(help) => format!("{}（{}）", value.get_name(), said(&help.to_string())),
        None => value.get_name().to_owned(),
    }
}

/// A command to copy stays on its line.
fn lines(text: &str, width: usize) -> String {
    let lines = text.lines().flat_map(|line| match said(line) {
        line if line.starts_with("  ") => vec![line],
        line => wrapped(&line, width),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text without its Japanese, as it is in English.
    fn missing(command: &Command, found: &mut Vec<String>) {
        let unknown = |text: &str| said(text) == text;
        let mut check = |whose: &str, text: Option<String>| match text {
            Some(text) if !unknown(&text) => {}
            other => found.push(format!("{whose}: {}", other.unwrap_or_default())),
        };
        let name = command.get_name();
        check(name, command.get_about().map(ToString::to_string));
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            check(&format!("{name} {}", arg.get_id()), arg.get_help().map(ToString::to_string));
            let helps = arg.get_possible_values();
            helps.iter().filter_map(PossibleValue::get_help).for_each(|help| check(name, Some(help.to_string())));
        }
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        // A command is the same in both, a remark behind it is not.
        let is_told = |line: &&str| !line.is_empty() && (!line.starts_with("  ") || line.contains("    ("));
        help.lines().filter(is_told).for_each(|line| check(name, Some(line.to_owned())));
        command.get_subcommands().filter(|command| !command.is_hide_set()).for_each(|command| missing(command, found));
    }

    #[test]
    fn every_command_option_and_remark_has_its_japanese() {
        let mut found = Vec::new();
        missing(&Cli::command(), &mut found);
        assert!(found.is_empty(), "add to src/cli/japanese.txt:\n{}", found.join("\n"));
    }

    #[test]
    fn the_language_is_known_though_the_arguments_were_not_taken() {
        let arguments = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for line in
            ["gatepost --lang ja", "gatepost --lang=ja x", "gatepost send --nothing --lang ja", "gatepost x --lang=ja"]
        {
            assert_eq!(spoken(&arguments(line)), Lang::Ja, "{line}");
        }
        assert_eq!(spoken(&arguments("gatepost --lang en x")), Lang::En);
    }
}
