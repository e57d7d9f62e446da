//! Tests of the tree views.
