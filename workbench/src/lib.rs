//! The workbench: a terminal program that shows a database's bytes, structures and behaviour.
//!
//! `app` is pure: messages in, commands out, frames drawn into buffers. `runtime` is the loop around
//! it: terminal, keys, signals, worker threads. `screens` are components that know no sibling;
//! `dialogs` lie on top of them; `model` holds plain data that jobs make with
//! `northstar_engine::inspect`; `job` is what such work looks like, whoever runs it; `widgets` draw
//! text and know no database. One table, `action`, names everything a person can do.
//!
//! ```text
//! key ─▶ runtime ─▶ app::update ─▶ screen ─▶ Effect::Run(job) ─▶ worker thread ─▶ Msg::Job ─▶ screen
//!                       └─▶ app::draw ─▶ screen ─▶ Painter ─▶ terminal
//! ```
//!
//! Who may import whom is in `ARCHITECTURE.md` and held by the tidy test.
//!
//! Read-only by construction: files are opened for reading, without a lock, and nothing here writes to
//! a database it inspects. What lies beside it is written in one place, when somebody said yes: a cartridge
//! that is built again (`model::cartridges::rebuild`), by an engine that is opened read-only and, while it
//! reads, holds the shared lock by which any process's reader keeps its pages.

pub mod action;
pub mod app;
pub mod cli;
pub mod clipboard;
pub mod config;
pub mod demo;
pub mod dialogs;
pub mod fuzzy;
pub mod job;
pub mod keymap;
pub mod model;
pub mod place;
pub mod plain;
pub mod print;
pub mod runtime;
pub mod screen_id;
pub mod screens;
pub mod svg;
pub mod text;
pub mod theme;
pub mod widgets;
