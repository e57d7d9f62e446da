//! Tests of surveys, maps and referrers.
