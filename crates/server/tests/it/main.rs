//! A whole server in this process, on a free port: what operators and their tools see of it.

mod admin;
mod configuration;
mod data_folder;
mod health;
mod stopping;
mod support;
