// Generated from catalog/ by `cargo xtask codegen`. Do not edit.

pub(crate) mod condition;
pub(crate) mod easemob_msync;
pub(crate) mod easemob_rest;
pub(crate) mod operation;
pub(crate) mod table;
