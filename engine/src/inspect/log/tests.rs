//! Tests of the log views.
