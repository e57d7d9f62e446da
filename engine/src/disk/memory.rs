//! placeholder: memory
