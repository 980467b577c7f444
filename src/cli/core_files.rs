//! Tokens live in this process's memory: no core file, and no other process of the same user may read it.

/// Makes the process undumpable, where the system knows how.
#[cfg(target_os = "linux")]
pub fn forbid() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

#[cfg(not(target_os = "linux"))]
pub fn forbid() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit, set_dumpable_behavior};

    #[test]
    fn no_core_file_and_no_look_into_the_memory() {
        let before = dumpable_behavior().unwrap();
        super::forbid();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        // Other tests of this process look at their own /proc entries.
        set_dumpable_behavior(before).unwrap();
    }
}
