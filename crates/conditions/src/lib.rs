//! The error catalogue: every condition once, and what each vendor calls it.
//!
//! All data is generated from `catalog/` (see `generated/`) and constant: no allocation, nothing runs at start,
//! no dependencies. This crate knows names and texts; it must not know users, messages or sockets. The rules that
//! end in a condition live in `domain`; the dialects render a condition with [`Table::row_for`], [`rest_answer`]
//! and [`msync_answer`] and hold no error texts of their own.
//!
//! To add a condition: write it in `catalog/conditions.toml`, give it rows in `catalog/tables/`, run
//! `cargo xtask codegen`.

mod answer;
mod condition;
#[rustfmt::skip]
mod generated;
pub mod http;
mod nearest;
mod operation;
mod table;

pub use answer::{
    MsyncAnswer, MsyncScope, RestAnswer, msync_answer, msync_logout, rest_answer, rest_answer_to_user,
    rest_answers,
};
pub use condition::{Kind, Retry, Who};
pub use generated::condition::Condition;
pub use generated::operation::Operation;
pub use generated::table::Table;
pub use nearest::{nearest_codes, nearest_names};
pub use table::{Row, Surface, rows, rows_by_code, rows_by_condition, rows_by_symbol};
