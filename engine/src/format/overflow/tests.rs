//! Tests of the overflow codec and its validators.
