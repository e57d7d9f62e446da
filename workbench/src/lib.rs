//! The workbench: a terminal program that shows a database's bytes, structures and behaviour.
//!
//! `app` is pure: messages in, commands out, frames drawn into buffers. `runtime` is the loop around
//! it: terminal, keys, signals, worker threads. `screens` are components that know no sibling;
//! `dialogs` lie on top of them; `model` holds plain data that jobs make with
//! `northstar_engine::inspect`; `widgets` draw text and know no database. One table, `action`, names
//! everything a person can do.
//!
//! Read-only by construction: files are opened for reading, without a lock, and nothing here writes to
//! a database it inspects.

pub mod action;
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;
pub mod dialogs;
pub mod fuzzy;
pub mod keymap;
pub mod model;
pub mod place;
pub mod print;
pub mod runtime;
pub mod screens;
pub mod svg;
pub mod theme;
pub mod widgets;
