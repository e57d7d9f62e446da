//! Tests of the page codec and its validators.
