//! placeholder: file
