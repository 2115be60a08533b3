//! Where the witness of each row is, as `index.toml` beside this crate's manifest says it: the pages of `docs/errors/` link it.
//!
//! The pages are printed by `cargo xtask codegen`, which cannot run this crate; so the file lies between them.

use std::fmt::Write as _;

use crate::areas;
use crate::rows::{RowKey, documented, lookup_only, never_met};

const NOTE: &str = "\
# Where the witness of each row of the five documents is, or why it has none. Written by
# `cargo run -p witnesses --example index`; then run `cargo xtask codegen`.
";

/// The file's content: a file and a function for each row that has a witness, else the reason why there is none.
pub fn index() -> String {
    let (mut witnessed, mut unmet, mut lookup) = (String::new(), String::new(), String::new());
    for row in documented() {
        let key = RowKey::of(row);
        if let Some(why) = lookup_only(row) {
            line(&mut lookup, &key, why);
        } else if let Some(witness) = areas::all().find(|witness| witness.is_of(row)) {
            line(&mut witnessed, &key, &place((witness.path)()));
        } else {
            line(&mut unmet, &key, never_met(row).unwrap_or("no witness yet"));
        }
    }
    format!("{NOTE}\n[witnessed]\n{witnessed}\n[unmet]\n{unmet}\n[lookup]\n{lookup}")
}

fn line(section: &mut String, key: &RowKey, what: &str) {
    writeln!(section, "\"{key}\" = {what:?}").expect("a string grows");
}

/// `testing/witnesses/src/areas/groups.rs#function` of `witnesses::areas::groups::function`. A check without a function of its
/// own is a row of its area's list.
fn place(path: &str) -> String {
    let mut parts: Vec<&str> = path.split("::").skip(1).collect();
    let function = parts.pop().unwrap_or_default();
    format!("testing/witnesses/src/{}.rs#{function}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_file_says_where_the_witnesses_are() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let written = std::fs::read_to_string(folder.join("index.toml")).unwrap();
        assert!(
            written == index(),
            "run `cargo run -p witnesses --example index`, then `cargo xtask codegen`"
        );
        for witness in areas::all() {
            let place = place((witness.path)());
            let (file, function) = place.split_once('#').unwrap();
            let source = std::fs::read_to_string(folder.join("../..").join(file)).expect(file);
            let is_there = |form: &str| source.contains(&form.replace("NAME", function));
            assert!(is_there("async fn NAME(") || is_there("const NAME:"), "{place}");
        }
    }
}
