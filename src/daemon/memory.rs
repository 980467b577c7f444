//! Memory goes back to the system after a burst: glibc keeps what was freed unless it is told otherwise.
//!
//! A password check takes 19 MiB. Once one such block is freed, glibc serves the next ones from its heaps, one for each
//! thread, and holds on to them; with a fixed threshold each is mapped by itself and gone when it is freed. What many
//! small blocks of closed sessions leave is handed back when a burst is over.

use std::time::Duration;

/// How often the sessions are counted.
const LOOK: Duration = Duration::from_secs(30);
/// Fewer sessions leave too little to be worth the walk through the heaps.
const BURST: usize = 200;

/// Hands memory back whenever there are far fewer sessions than there were. Ends with its task.
pub async fn trim_after_bursts(open: impl Fn() -> usize) {
    let mut most = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = open();
        if is_over(most, now) {
            let _ = tokio::task::spawn_blocking(allocator::trim).await;
            most = now;
        }
        most = most.max(now);
    }
}

const fn is_over(most: usize, now: usize) -> bool {
    most >= BURST && now <= most / 2
}

pub use allocator::map_large_blocks;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod allocator {
    /// Blocks from here on are mapped one by one. Buffers of sessions are far smaller.
    const LARGE: libc::c_int = 1024 * 1024;

    /// mallopt(3). Also stops glibc from raising the threshold by itself.
    #[allow(unsafe_code)]
    pub fn map_large_blocks() {
        // SAFETY: sets a number inside the allocator, under its own lock; every value is allowed.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }

    /// malloc_trim(3).
    #[allow(unsafe_code)]
    pub fn trim() {
        // SAFETY: takes no pointer and touches free blocks only, under the allocator's own locks.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod allocator {
    pub fn map_large_blocks() {}
    pub fn trim() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_over_when_half_of_many_sessions_are_gone() {
        assert!(is_over(1000, 400) && !is_over(1000, 600));
        assert!(!is_over(100, 0), "not worth it");
    }

    /// Without the threshold glibc keeps each thread's blocks: parallel checks once left 180 MB behind.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn what_password_checks_take_comes_back() {
        // In a process of its own: the tests beside this one take memory, too.
        const ALONE: &str = "GATEPOST_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let name = "daemon::memory::tests::what_password_checks_take_comes_back";
            let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
            let done = alone.args([name, "--exact", "--nocapture"]).env(ALONE, "yes").output().unwrap();
            let said = String::from_utf8_lossy(&done.stdout);
            assert!(done.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        map_large_blocks();
        let resident = || {
            let text = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
            line.split_ascii_whitespace().nth(1).unwrap().parse::<i64>().unwrap() / 1024
        };
        let before = resident();
        for _ in 0..2 {
            let checks: Vec<_> = (0..6)
                .map(|_| {
                    std::thread::spawn(|| {
                        std::hint::black_box(vec![1u8; 19 * 1024 * 1024]);
                    })
                })
                .collect();
            checks.into_iter().for_each(|check| check.join().unwrap());
        }
        assert!(resident() - before < 19, "{} MiB before, {} MiB after", before, resident());
    }
}
