//! The report: the table, and on what machine, when, with which versions. And its place in docs/performance.md.

use std::{fs, path::Path, process::Command};

use crate::{peers, row::Row, table::table};

const BEGIN: &str = "<!-- made by make bench -->";
const END: &str = "<!-- end of what make bench made -->";

pub fn report(rows: &[Row], gatepost: &Path, quick: bool) -> String {
    let uname = rustix::system::uname();
    let kernel = uname.release().to_string_lossy().split('.').take(2).collect::<Vec<_>>().join(".");
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("", |(_, m)| m);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let version = Command::new(gatepost).arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let day = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    format!(
        "Measured on {day}{}: {cores} cores of {model}, Linux {kernel}, load {} at the end. {}, {}.\n\
         Median (lowest..highest of the rounds). Ratios are medians of the ratios of each round.\n\n{}",
        if quick { " with --quick, which shows that it works and not how fast" } else { "" },
        load.split(' ').next().unwrap_or_default(),
        String::from_utf8_lossy(&version).trim(),
        peers::versions(),
        table(rows)
    )
}

/// Replaces what stands between the marks; the words around it are a person's.
pub fn write(file: &Path, report: &str) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (before, rest) = text.split_once(BEGIN).unwrap_or_else(|| panic!("{} has no {BEGIN}", file.display()));
    let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{} has no {END}", file.display()));
    fs::write(file, format!("{before}{BEGIN}\n{report}\n{END}{after}")).unwrap();
}
