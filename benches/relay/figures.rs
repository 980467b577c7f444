//! What the kernel knows of a process and its children: CPU time and memory, from /proc.
//!
//! Memory of an undumpable process (Gatepost) is shown to root alone, so the bench wants root, as Dovecot does.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// proc(5): USER_HZ, which is 100 on every Linux that runs this.
const TICK: Duration = Duration::from_millis(10);

/// KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Shared pages counted by their share.
    pub pss: f64,
    /// Pages that nobody else has.
    pub private: f64,
}

/// User and system time so far, ended children that were waited for included.
pub fn cpu(pid: u32) -> Duration {
    let ticks: u64 = family(pid).iter().filter_map(|pid| stat(*pid)).map(|stat| stat.ticks).sum();
    TICK * u32::try_from(ticks).unwrap()
}

/// How long each thread of a family ran so far. A tick is more than an idle process takes in seconds: this counts
/// nanoseconds, and forgets a thread that ends.
#[derive(Debug)]
pub struct Ran(HashMap<PathBuf, u64>);

impl Ran {
    pub fn so_far(pid: u32) -> Self {
        let tasks = family(pid).into_iter().filter_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).ok());
        let threads = tasks.flatten().flatten().map(|thread| thread.path());
        Self(threads.filter_map(|thread| Some((thread.clone(), nanoseconds(&thread)?))).collect())
    }

    pub fn since(&self, before: &Self) -> Duration {
        let each = self.0.iter().map(|(thread, now)| now.saturating_sub(before.0.get(thread).copied().unwrap_or(0)));
        Duration::from_nanos(each.sum())
    }
}

/// The first number of schedstat: time on a processor.
fn nanoseconds(thread: &Path) -> Option<u64> {
    fs::read_to_string(thread.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}

pub fn memory(pid: u32) -> Memory {
    let mut sum = Memory::default();
    for pid in family(pid) {
        // A child may end between the two looks.
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        sum.pss += kib(&text, "Pss:");
        sum.private += kib(&text, "Private_Clean:") + kib(&text, "Private_Dirty:");
    }
    assert!(sum.pss > 0.0, "the memory of process {pid} cannot be read: run the bench as root");
    sum
}

/// From now on [`peak`] counts; answers what is resident now, in KiB.
pub fn begin_peak(pid: u32) -> f64 {
    // proc(5): 5 resets the peak.
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the bench wants root");
    kib(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap(), "VmRSS:")
}

/// The most that was resident at once, in KiB.
pub fn peak(pid: u32) -> f64 {
    kib(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap(), "VmHWM:")
}

fn kib(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Some(Stat { parent: u32::try_from(number(1)).ok()?, ticks: (11..=14).map(number).sum() })
}

/// A process and everything below it.
fn family(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
            && let Some(stat) = stat(pid)
        {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        found.extend(children.remove(pid).unwrap_or_default());
        at += 1;
    }
    found
}
