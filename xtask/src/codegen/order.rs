//! `docs/errors-order.md`: which error is told where several apply, from the docstrings of the decisions in `domain`. A
//! decision says its order in a sentence that begins with "Order"; the tests beside it hold it to that.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Generated;

const SOURCES: &str = "crates/domain/src";
const PAGE: &str = "docs/errors-order.md";

const INTRODUCTION: &str = "\
# Which error comes first

Where two errors apply, one is told. This page is written from the docstrings of the decisions (`cargo xtask codegen`), whose
tests hold them to it; `crates/easemob/tests/it/codes/order.rs` and `crates/jmessage/tests/it/codes/order.rs` hold the lines
that clients and back ends meet first, on the wire.

Every call over REST: the app exists; it is enabled; the route exists, with this method; the token is valid (there, form, app,
signature, expiry, account); it is of the kind that the route is for; the app's rate of calls; the body can be read; then
what the route itself refuses, in the order of its arguments in the vendor's documents; then the decision below.

Every login over MSYNC: the frame; the device's name; the app exists; it is enabled; the user; the token (there, form,
signature, expiry, whose it is, revoked); how many connections the user has; then `decide_login`.

Every message over MSYNC: the user's rate, the app's rate; then `decide_send`; then keyword lists, then the app's own server.
A repeat of what was stored gets the first answer, unless one of these refuses it.

Every call over JMessage's REST API: credentials are there; their form; the app key; the master secret; the app is enabled; its
calls of this minute; the route exists, with this method; the body can be read; the form of arguments; the app that they name;
whether users, groups and rooms are there; then the decision below.

Every request of JMessage's web SDK: it is a packet; the connection has said its app (app key, other arguments, whether the app
exists, signature, its time); somebody is logged in (else whether he was logged out, or is no more); the request exists; a place
among the user's requests; the form of arguments; the app that they name; then the decision below.

| decision | order |
|---|---|
";

pub(super) fn generate(root: &Path) -> Result<Generated> {
    let mut page = INTRODUCTION.to_owned();
    let mut files = Vec::new();
    collect(&root.join(SOURCES), &mut files)?;
    files.sort();
    for file in files {
        let source = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        for (name, order) in orders(&source) {
            page.push_str(&format!("| [`{name}`](../{shown}) | {order} |\n"));
        }
    }
    let mut generated = Generated::default();
    generated.files.insert(PathBuf::from(PAGE), page);
    Ok(generated)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The functions of a source whose docstring says an order, with that sentence and what follows it in the paragraph.
fn orders(source: &str) -> Vec<(String, String)> {
    let (mut found, mut docs) = (Vec::new(), String::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            docs.push_str(text.trim());
            docs.push(if text.trim().is_empty() { '\n' } else { ' ' });
            continue;
        }
        if let Some(name) = function(line)
            && let Some(order) = docs.split('\n').find_map(order_in)
        {
            found.push((name.to_owned(), order));
        }
        if !line.starts_with("#[") {
            docs.clear();
        }
    }
    found
}

fn function(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once("fn ")?;
    let is_item = before.split_whitespace().all(|word| word.starts_with("pub") || word == "const");
    rest.split(['(', '<']).next().filter(|_| is_item)
}

fn order_in(paragraph: &str) -> Option<String> {
    let begin = ["Order: ", "Order as ", "Order, "].iter().filter_map(|word| paragraph.find(word)).min()?;
    // A page has no links into the code's names.
    Some(paragraph[begin..].replace("[`", "`").replace("`]", "`").replace('|', "\\|").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_found_over_lines_and_up_to_its_paragraphs_end() {
        let source = "
            /// Decides a thing. Order: one, as [`decide_send`];
            /// two.
            ///
            /// # Errors
            #[must_use]
            pub fn decide_thing<T>(a: T) {}
            /// No order.
            fn other() {}
            /// Order as [`decide_thing`].
            pub(super) fn decide_more() {}
        ";
        let expected = [
            ("decide_thing", "Order: one, as `decide_send`; two."),
            ("decide_more", "Order as `decide_thing`."),
        ];
        let expected = expected.map(|(name, order)| (name.to_owned(), order.to_owned()));
        assert_eq!(orders(source), expected);
    }
}
