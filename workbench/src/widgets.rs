//! Things to draw with: they know text, numbers and roles, nothing of databases.

pub mod bar;
pub mod hexgrid;
pub mod list;
pub mod painter;
pub mod text;

pub use painter::Painter;
