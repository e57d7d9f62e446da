//! Tests of the page views.
