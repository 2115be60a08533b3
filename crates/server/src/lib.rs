//! A whole server as a library: configuration, wiring, admin API, health, metrics, shutdown.
//!
//! [`Server`] opens the data folder and puts the crates together (`server`, `foundation`, `dialects`);
//! [`Running`] is what comes of it. The command line and the tests use the same two. Nothing here knows a
//! rule of messaging or a vendor's form; and only here is known which engines and dialects exist.

mod admin;
pub mod config;
mod demo;
mod dialects;
mod folder;
mod forms;
mod foundation;
mod health;
mod local;
mod log;
mod metrics;
mod options;
mod problem;
mod server;
mod signals;
mod status;
mod storage_note;

pub use config::{Config, ConfigError, Sources};
pub use demo::{Demo, DemoUser};
pub use folder::{FolderError, Owner, ServerFile, admin_token_path, read_server_file};
pub use local::Local;
pub use log::LogHandle;
pub use server::{AppCredentials, Running, Server, StartError, Stopped};
pub use signals::{Signal, Signals};
pub use storage_note::StorageChanged;
