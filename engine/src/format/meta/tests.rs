//! Tests of the meta codec and its validators.
