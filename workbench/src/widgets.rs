//! Things to draw with: they know text, numbers and roles, nothing of databases.

pub mod bar;
pub mod hexgrid;
pub mod histogram;
pub mod list;
pub mod painter;

pub use crate::text;
pub use painter::Painter;
