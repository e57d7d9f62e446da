//! Tests of the chain codec and its validators.
