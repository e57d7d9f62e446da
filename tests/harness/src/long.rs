//! How long to look: the short forms fit into every test run, the environment asks for the long ones.

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// `NORTHSTAR_CRASH_STATES=n`: n times as much; 1 in the short form.
pub fn times() -> u64 {
    number("NORTHSTAR_CRASH_STATES").unwrap_or(1).max(1)
}

/// Whether `NORTHSTAR_CRASH_STATES` asks for the long form.
pub fn is_asked_for() -> bool {
    number("NORTHSTAR_CRASH_STATES").is_some_and(|n| n > 0)
}

/// Thins cases out for the short form; the long one takes every one.
pub fn stride(short: usize) -> usize {
    if is_asked_for() { 1 } else { short }
}

/// A share of 200 kills, or of `NORTHSTAR_KILLS`.
pub fn kills(share: u64) -> u64 {
    number("NORTHSTAR_KILLS").map_or(share, |all| (all * share).div_ceil(200))
}
