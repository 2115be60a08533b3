//! `cargo xtask arch`: which of our crates may name which, and who may name certain crates of others.
//!
//! The two tables below are the rule; there is no second copy for the machine. Reads only the manifests, so it
//! answers in a fraction of a second and also while nothing compiles. The reasons for the arrows stand in
//! ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};

use crate::workspace::Workspace;

/// Who may depend on whom, by normal and build dependencies. An arrow includes everything below its target.
/// The first row that fits a crate counts. `kv-*` stands for every crate so named, `testing/*` for the folder.
/// Tests (dev-dependencies) may use what the crate itself may use, and `testing/*`.
const ARROWS: &str = "
    conditions    → nothing
    model         → conditions
    domain        → model
    kv            → nothing
    kv-*          → kv
    store         → kv, domain
    bus           → model
    bus-*         → bus
    app           → domain, store, bus
    outbound      → app
    blobs         → app
    session       → model
    *-wire        → model
    form-body     → form-wire, app
    easemob       → easemob-wire, form-body, app, session
    jmessage      → jmessage-wire, form-body, app, session
    gateway       → session, bus
    client        → domain, session, easemob-wire, jmessage-wire
    chat          → client
    server        → everything but cli, client, chat, xtask, testing/*
    cli           → server, chat, client, witnesses, bench
    testing/*     → everything but cli, xtask
    xtask         → nothing
";

/// Crates of others that stay behind one of our modules. `only in`: nobody else may name it. `never in`: the pure
/// crates have no async, no clock, no randomness. Tests are free to use them.
const FOREIGN: &str = "
    fjall           only in   kv-fjall
    tokio-postgres  only in   kv-postgres
    async-nats      only in   bus-nats
    object_store    only in   blobs
    image           only in   app, client
    cpal            only in   client
    axum            only in   easemob, jmessage, server, testing/*
    tokio           never in  conditions, model, domain, session, *-wire
    rand            never in  conditions, model, domain, session, *-wire
";

/// # Errors
/// Lists every arrow that the tables do not permit.
pub(crate) fn run() -> Result<()> {
    let crates = our_crates(&Workspace::load()?);
    let found = violations(&Rules::parse(ARROWS, FOREIGN)?, &crates);
    ensure!(found.is_empty(), "{} (the rules stand in xtask/src/arch.rs)", found.join("; "));
    eprintln!("{} crates, every arrow permitted", crates.len());
    Ok(())
}

/// One of our crates as its manifest shows it.
#[derive(Debug, Default)]
struct Crate {
    name: String,
    /// Relative to the root, with `/`.
    folder: String,
    ours: Vec<String>,
    ours_for_tests: Vec<String>,
    foreign: Vec<String>,
}

fn our_crates(workspace: &Workspace) -> Vec<Crate> {
    let mut crates = Vec::new();
    for package in &workspace.packages {
        let mut entry = Crate {
            name: package.name.clone(),
            folder: workspace.folder(package).to_string_lossy().replace('\\', "/"),
            ..Crate::default()
        };
        for dependency in &package.dependencies {
            let name = dependency.name.clone();
            match (dependency.path.is_some(), dependency.is_dev()) {
                (true, false) => entry.ours.push(name),
                (true, true) => entry.ours_for_tests.push(name),
                (false, false) => entry.foreign.push(name),
                (false, true) => {}
            }
        }
        crates.push(entry);
    }
    crates
}

fn violations(rules: &Rules<'_>, crates: &[Crate]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in crates {
        let name = &entry.name;
        if entry.folder != *name && !entry.folder.ends_with(&format!("/{name}")) {
            found.push(format!("{name} lies in {}: folder and crate carry the same name", entry.folder));
        }
        if rules.arrow_of(entry).is_none() {
            found.push(format!("{name} has no arrow: say what it may depend on"));
            continue;
        }
        let permitted = rules.permitted(entry, crates);
        for target in entry.ours.iter().filter(|target| !permitted.contains(target.as_str())) {
            found.push(format!("{name} → {target} is not permitted"));
        }
        for target in &entry.ours_for_tests {
            let helper = crates.iter().any(|other| other.name == *target && fits("testing/*", other));
            if !helper && target != name && !permitted.contains(target.as_str()) {
                found.push(format!("{name} → {target} is not permitted, not even in tests"));
            }
        }
        for target in &entry.foreign {
            for rule in rules.foreign.iter().filter(|rule| rule.target == target) {
                if rule.among.iter().any(|pattern| fits(pattern, entry)) != rule.permitted_among {
                    found.push(format!("{name} → {target} is not permitted: {}", rule.text));
                }
            }
        }
    }
    found
}

#[derive(Debug)]
struct Rules<'a> {
    arrows: Vec<Arrow<'a>>,
    foreign: Vec<Foreign<'a>>,
}

/// One row of [`ARROWS`].
#[derive(Debug)]
struct Arrow<'a> {
    from: &'a str,
    targets: Targets<'a>,
}

#[derive(Debug)]
enum Targets<'a> {
    These(Vec<&'a str>),
    EverythingBut(Vec<&'a str>),
}

/// One row of [`FOREIGN`].
#[derive(Debug)]
struct Foreign<'a> {
    text: String,
    target: &'a str,
    among: Vec<&'a str>,
    permitted_among: bool,
}

impl<'a> Rules<'a> {
    fn parse(arrows: &'a str, foreign: &'a str) -> Result<Self> {
        Ok(Self {
            arrows: rows(arrows).map(Arrow::parse).collect::<Result<_>>()?,
            foreign: rows(foreign).map(Foreign::parse).collect::<Result<_>>()?,
        })
    }

    fn arrow_of(&self, entry: &Crate) -> Option<&Arrow<'a>> {
        self.arrows.iter().find(|arrow| fits(arrow.from, entry))
    }

    /// Everything `entry` may name: the targets of its arrow and all that lies below them.
    fn permitted<'c>(&self, entry: &Crate, crates: &'c [Crate]) -> BTreeSet<&'c str> {
        let by_name: BTreeMap<&str, &Crate> = crates.iter().map(|c| (c.name.as_str(), c)).collect();
        let mut permitted = BTreeSet::new();
        let mut open: Vec<&Arrow<'_>> = self.arrow_of(entry).into_iter().collect();
        let mut followed: BTreeSet<&str> = BTreeSet::new();
        while let Some(arrow) = open.pop() {
            if !followed.insert(arrow.from) {
                continue;
            }
            for (name, target) in &by_name {
                if arrow.permits(target) {
                    permitted.insert(*name);
                }
            }
            // By the rows, not by the crates: an arrow to a crate that is yet to come still reaches below it.
            if let Targets::These(names) = &arrow.targets {
                open.extend(self.arrows.iter().filter(|below| names.contains(&below.from)));
                open.extend(
                    names.iter().filter_map(|name| by_name.get(name)).filter_map(|c| self.arrow_of(c)),
                );
            }
        }
        permitted
    }
}

impl<'a> Arrow<'a> {
    fn parse(row: &'a str) -> Result<Self> {
        let Some((from, targets)) = row.split_once('→') else {
            bail!("no arrow in the row `{row}`");
        };
        let targets = match targets.trim() {
            "nothing" => Targets::These(Vec::new()),
            targets => match targets.strip_prefix("everything but ") {
                Some(exceptions) => Targets::EverythingBut(names(exceptions)),
                None => Targets::These(names(targets)),
            },
        };
        Ok(Self { from: from.trim(), targets })
    }

    fn permits(&self, target: &Crate) -> bool {
        match &self.targets {
            Targets::These(patterns) => patterns.iter().any(|pattern| fits(pattern, target)),
            Targets::EverythingBut(patterns) => !patterns.iter().any(|pattern| fits(pattern, target)),
        }
    }
}

impl<'a> Foreign<'a> {
    fn parse(row: &'a str) -> Result<Self> {
        for (words, permitted_among) in [(" only in ", true), (" never in ", false)] {
            if let Some((target, among)) = row.split_once(words) {
                let text = row.split_whitespace().collect::<Vec<_>>().join(" ");
                return Ok(Self { text, target: target.trim(), among: names(among), permitted_among });
            }
        }
        bail!("neither `only in` nor `never in` in the row `{row}`")
    }
}

fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().map(str::trim).filter(|row| !row.is_empty())
}

fn names(list: &str) -> Vec<&str> {
    list.split(',').map(str::trim).collect()
}

/// Whether a crate is meant by `name`, `prefix-*`, `*-suffix` or `testing/*`.
fn fits(pattern: &str, entry: &Crate) -> bool {
    if pattern == "testing/*" {
        return entry.folder.starts_with("testing/");
    }
    match pattern.split_once('*') {
        Some((prefix, suffix)) => entry.name.starts_with(prefix) && entry.name.ends_with(suffix),
        None => pattern == entry.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str) -> Crate {
        Crate { name: name.to_owned(), folder: format!("crates/{name}"), ..Crate::default() }
    }

    fn found(entry: Crate) -> Vec<String> {
        let mut crates = vec![entry];
        for name in ["conditions", "model", "domain", "kv", "kv-fjall", "store", "bus", "app", "session"] {
            crates.push(given(name));
        }
        for name in ["easemob-wire", "easemob", "jmessage", "gateway", "server", "cli", "xtask"] {
            crates.push(given(name));
        }
        crates.push(Crate { folder: "testing/fixtures".to_owned(), ..given("fixtures") });
        let rules = Rules::parse(ARROWS, FOREIGN).expect("the tables parse");
        violations(&rules, &crates)
    }

    #[track_caller]
    fn permitted(name: &str, target: &str) {
        let entry = Crate { ours: vec![target.to_owned()], ..given(name) };
        assert_eq!(found(entry), Vec::<String>::new());
    }

    #[track_caller]
    fn forbidden(name: &str, target: &str) {
        let entry = Crate { ours: vec![target.to_owned()], ..given(name) };
        assert_eq!(found(entry), [format!("{name} → {target} is not permitted")]);
    }

    #[test]
    fn an_arrow_includes_everything_below_it() {
        permitted("app", "store");
        permitted("app", "kv");
        permitted("app", "conditions");
        permitted("easemob", "domain");
        permitted("easemob-wire", "conditions");
        permitted("cli", "kv-fjall");
        permitted("server", "kv-fjall");
    }

    #[test]
    fn arrows_upwards_and_sideways_are_found() {
        forbidden("domain", "store");
        forbidden("model", "domain");
        forbidden("kv", "model");
        forbidden("app", "kv-fjall");
        forbidden("store", "kv-fjall");
        forbidden("easemob", "jmessage");
        forbidden("easemob", "gateway");
        forbidden("gateway", "easemob");
        forbidden("gateway", "app");
        forbidden("server", "cli");
        forbidden("server", "fixtures");
        forbidden("conditions", "xtask");
    }

    #[test]
    fn tests_may_use_helpers_but_nothing_above_their_crate() {
        let entry = Crate { ours_for_tests: vec!["fixtures".into(), "model".into()], ..given("domain") };
        assert_eq!(found(entry), Vec::<String>::new());
        let entry = Crate { ours_for_tests: vec!["app".into()], ..given("domain") };
        assert_eq!(found(entry), ["domain → app is not permitted, not even in tests"]);
    }

    #[test]
    fn engines_and_frameworks_stay_where_they_belong() {
        let found_with =
            |name: &str, target: &str| found(Crate { foreign: vec![target.to_owned()], ..given(name) });
        assert!(found_with("kv-fjall", "fjall").is_empty());
        assert!(found_with("server", "axum").is_empty());
        assert!(found_with("gateway", "tokio").is_empty());
        assert_eq!(found_with("store", "fjall"), ["store → fjall is not permitted: fjall only in kv-fjall"]);
        assert_eq!(found_with("kv", "tokio-postgres").len(), 1);
        assert_eq!(found_with("gateway", "axum").len(), 1);
        assert_eq!(found_with("session", "tokio").len(), 1);
        assert_eq!(found_with("jmessage-wire", "tokio").len(), 1);
    }

    #[test]
    fn a_crate_without_an_arrow_or_with_another_folder_is_found() {
        assert_eq!(found(given("utils")), ["utils has no arrow: say what it may depend on"]);
        let entry = Crate { folder: "crates/messages".to_owned(), ..given("outbound") };
        assert_eq!(found(entry), ["outbound lies in crates/messages: folder and crate carry the same name"]);
    }
}
