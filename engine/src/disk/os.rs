//! placeholder: os
