//! `gatepost import`: the configuration of another program becomes one of Gatepost.
//!
//! Without `--write` it shows everything and touches nothing: the configuration on stdout, the report on stderr.
//! Secrets are on neither. With it nothing is half done: what is written was checked, and nothing that is there is
//! replaced unless `--force` says so.

mod ask;
mod files;
mod write;

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    args::{ImportCommand, ImportOptions},
    language,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::base::{Lang, printable};
use crate::config::{
    Surroundings,
    import::{Draft, Found, FoundListener, KeptPasswords, MOST_BYTES, Unreadable, emailproxy, pizauth, sasl_xoauth2},
    place_for_new,
};

pub fn run(named: Option<&Path>, command: &ImportCommand) -> Outcome {
    let (found, options) = match command {
        ImportCommand::Emailproxy { file, cache_store, options } => {
            let text = text_of(file)?;
            let cache =
                cache_store.as_deref().map(|file| Ok::<_, Failure>((text_of(file)?, shown(file)))).transpose()?;
            let cache = cache.as_ref().map(|(text, file)| (text.as_str(), file.as_str()));
            (emailproxy::read(&text, &shown(file), cache)?, options)
        }
        ImportCommand::SaslXoauth2 { files, options } => (sasl(files)?, options),
        ImportCommand::Pizauth { file, options } => (pizauth::read(&text_of(file)?, &shown(file))?, options),
    };
    let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
    let target = place_for_new(named, &around);
    let target = std::path::absolute(&target).unwrap_or(target);
    match options.write {
        true => write(found, &target, options),
        false => preview(found, &target),
    }
}

fn sasl(files: &[PathBuf]) -> Result<Found, Failure> {
    let texts: Vec<(String, String)> =
        files.iter().map(|file| Ok((shown(file), text_of(file)?))).collect::<Result<_, Failure>>()?;
    let given: Vec<_> = texts.iter().map(|(file, text)| sasl_xoauth2::Given { file, text }).collect();
    Ok(sasl_xoauth2::read(&given)?)
}

fn preview(found: Found, target: &Path) -> Outcome {
    let draft = found.assemble(Vec::new());
    let folder = target.parent().unwrap_or(Path::new("."));
    terminal::print(&remarks_said(&draft.toml(folder)))
        .map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))?;
    let files = draft.files(folder).len();
    if draft.accounts.is_empty() {
        terminal::tell(&format!("\n{}", summary(&draft)));
        return Err(nothing());
    }
    let secrets = match files {
        0 => String::new(),
        1 => " and a file with a secret".to_owned(),
        many => format!(" and {many} files with secrets"),
    };
    terminal::tell(&format!(
        "\n{}Nothing was written. --write makes {}{secrets}, and takes the sign-ins over.",
        summary(&draft),
        target.display(),
    ));
    Ok(())
}

fn write(found: Found, target: &Path, options: &ImportOptions) -> Outcome {
    write::refuse_existing(target, options.force)?;
    if found.accounts.is_empty() {
        terminal::tell(&summary(&found.assemble(Vec::new())));
        return Err(nothing());
    }
    let kept = KeptPasswords::read(&std::fs::read_to_string(target).unwrap_or_default());
    let (answers, made) = ask::answers(&found, options.password_stdin, &kept)?;
    let draft = found.assemble(answers);
    let written = write::write(&draft, target, options.force)?;
    terminal::tell(&summary(&draft));
    written.tell(&draft, &made)
}

/// The remarks of a configuration in the language of who reads it.
fn remarks_said(toml: &str) -> String {
    let said = |line: &str| match line.strip_prefix("# ") {
        Some(remark) => format!("# {}\n", language::said(remark, language::current())),
        None => format!("{line}\n"),
    };
    toml.lines().map(said).collect()
}

fn nothing() -> Failure {
    Failure::new(
        "no account could be converted, so there is nothing to write",
        "the report above says why; check that the right file was named",
    )
}

/// Where it would listen; a person reads so many.
fn places(draft: &Draft) -> String {
    const MOST: usize = 6;
    let shown: Vec<String> = draft.listeners.iter().take(MOST).map(FoundListener::place).collect();
    match shown.is_empty() {
        true => String::new(),
        false if draft.listeners.len() > MOST => format!(" ({}, ...)", printable(&shown.join(", "), 500)),
        false => format!(" ({})", printable(&shown.join(", "), 500)),
    }
}

/// What it was turned into, and the report.
fn summary(draft: &Draft) -> String {
    let count = |n: usize, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    let (accounts, apps, listeners) = (draft.accounts.len(), draft.apps.len(), draft.listeners.len());
    let counted = match language::current() {
        Lang::En => {
            [count(accounts, "account"), count(apps, "app registration"), count(listeners, "listener")].join(", ")
        }
        Lang::Ja => format!("アカウント {accounts}、アプリの登録 {apps}、リスナー {listeners}"),
    };
    format!("{}: {counted}{}\n{}", draft.program, places(draft), draft.report)
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|open| open.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    let named = shown(file);
    match read {
        Err(e) => Err(Failure::new(format!("{named} cannot be read: {e}"), "check the path and who may read it")),
        Ok(n) if n as u64 > MOST_BYTES => {
            Err(Failure::new(format!("{named} is larger than 1 MiB"), "this is hardly a configuration; check the path"))
        }
        Ok(_) => String::from_utf8(bytes)
            .map_err(|_| Failure::new(format!("{named} is not UTF-8 text"), "check that it is the right file")),
    }
}

impl From<Unreadable> for Failure {
    fn from(Unreadable(problems): Unreadable) -> Self {
        let text = problems.told(language::current());
        // That it is one stands before it already.
        let text = ["error: ", "エラー: "].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(&text);
        Failure::new(text.trim_end(), "the program that it belongs to would not read it either; mend it there first")
    }
}
