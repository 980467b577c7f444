//! How loud a line of the log is that tells of an outcome: one place for its fields, whatever that was.

/// The same line, as a warning where somebody should see it.
macro_rules! at_level {
    ($is_trouble:expr, $($line:tt)*) => {
        if $is_trouble { tracing::warn!($($line)*) } else { tracing::info!($($line)*) }
    };
}

pub(crate) use at_level;
