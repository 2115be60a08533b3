//! The catalogue as it stands in `catalog/`, read and checked.
//!
//! Every name that a row uses must be declared, so that a typing mistake stops here and not on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(super) const KINDS: [&str; 11] = [
    "success",
    "invalid",
    "unauthenticated",
    "forbidden",
    "not_found",
    "conflict",
    "limit",
    "unavailable",
    "internal",
    "client",
    "notice",
];
const WHO: [&str; 4] = ["app_developer", "end_user", "operator", "nobody"];
const RETRY: [&str; 5] = ["no", "after_fix", "after_login", "later", "at_once"];
const SURFACES: [&str; 4] = ["server", "sdk", "fault", "lookup"];

#[derive(Debug)]
pub(super) struct Catalogue {
    /// By name, which is also the order of the generated enum.
    pub(super) conditions: BTreeMap<String, Condition>,
    /// Areas in the order in which conditions.toml first names them.
    pub(super) areas: Vec<String>,
    /// Name and meaning.
    pub(super) operations: BTreeMap<String, String>,
    /// By name, which is the file's.
    pub(super) tables: BTreeMap<String, Table>,
    pub(super) msync: MsyncTable,
    pub(super) rest: RestTable,
    pub(super) witnesses: Witnesses,
}

/// `testing/witnesses/index.toml`: by the names of rows, as `kith verify` has them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Witnesses {
    /// File and function, with `#` between them.
    pub(super) witnessed: BTreeMap<String, String>,
    /// Why a row has no witness.
    pub(super) unmet: BTreeMap<String, String>,
    /// Why a row can only be looked up.
    pub(super) lookup: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition {
    pub(super) area: String,
    pub(super) kind: String,
    pub(super) who: String,
    pub(super) retry: String,
    pub(super) broader: Option<String>,
    #[serde(default)]
    pub(super) args: Vec<String>,
    pub(super) meaning: String,
    pub(super) cause: String,
    pub(super) remedy: String,
    pub(super) meaning_zh: String,
    pub(super) cause_zh: String,
    pub(super) remedy_zh: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) title: String,
    pub(super) vendor: String,
    pub(super) document: String,
    pub(super) note: Option<String>,
    /// The vendor uses one code for several conditions on purpose.
    #[serde(default)]
    shared_codes: bool,
    #[serde(rename = "row")]
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) code: Option<i32>,
    #[serde(default)]
    pub(super) symbol: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) cause: String,
    pub(super) condition: String,
    pub(super) operation: Option<String>,
    pub(super) surface: String,
    pub(super) trigger: String,
    pub(super) http: Option<u16>,
    /// False for codes that the vendors use outside the five documents.
    #[serde(default = "yes")]
    pub(super) documented: bool,
    /// A second code of the same condition and operation: understood, never sent.
    #[serde(default)]
    pub(super) alias: bool,
}

fn yes() -> bool {
    true
}

impl Row {
    /// How `kith verify` names it.
    pub(super) fn name(&self, table: &str) -> String {
        self.code.map_or_else(|| format!("{table}:{}", self.symbol), |code| format!("{table}:{code}"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MsyncTable {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) login: Vec<MsyncAnswer>,
    pub(super) send: Vec<MsyncAnswer>,
    pub(super) logout: Vec<MsyncAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MsyncAnswer {
    pub(super) condition: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) code: i32,
    pub(super) reason: String,
    pub(super) web_type: i32,
    pub(super) agora_type: Option<i32>,
    #[serde(default)]
    pub(super) close_unanswered: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestTable {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) answers: Vec<RestAnswer>,
    /// What goes before `answers` where a user calls.
    pub(super) to_users: Vec<RestAnswer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestAnswer {
    pub(super) condition: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) operation: Option<String>,
    pub(super) status: u16,
    pub(super) error: String,
    pub(super) exception: Option<String>,
    pub(super) description: String,
    pub(super) error_code: Option<u32>,
    /// The text is ours, since the vendor publishes none.
    #[serde(default)]
    pub(super) own: bool,
}

impl Catalogue {
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let text = read_text(&folder.join("conditions.toml"))?;
        let conditions: BTreeMap<String, Condition> = parse(&text).context("conditions.toml")?;
        let mut tables = BTreeMap::new();
        for entry in fs::read_dir(folder.join("tables"))? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).context("table file name")?.to_owned();
            if name != "easemob-msync" && name != "easemob-rest" {
                tables.insert(name.clone(), load(&path)?);
            }
        }
        let catalogue = Self {
            areas: areas(&text),
            conditions,
            operations: load(&folder.join("operations.toml"))?,
            tables,
            msync: load(&folder.join("tables/easemob-msync.toml"))?,
            rest: load(&folder.join("tables/easemob-rest.toml"))?,
            witnesses: load(&folder.join("../testing/witnesses/index.toml"))?,
        };
        catalogue.check_conditions()?;
        for (name, table) in &catalogue.tables {
            catalogue.check_table(table).with_context(|| format!("tables/{name}.toml"))?;
        }
        catalogue.check_msync().context("tables/easemob-msync.toml")?;
        catalogue.check_rest().context("tables/easemob-rest.toml")?;
        Ok(catalogue)
    }

    /// The conditions that name this one as their broader one.
    pub(super) fn narrower(&self, name: &str) -> Vec<&str> {
        let is_narrower = |condition: &Condition| condition.broader.as_deref() == Some(name);
        self.conditions
            .iter()
            .filter(|(_, other)| is_narrower(other))
            .map(|(name, _)| name.as_str())
            .collect()
    }

    fn check_conditions(&self) -> Result<()> {
        for (name, condition) in &self.conditions {
            let in_words = || format!("conditions.toml: {name}");
            ensure!(KINDS.contains(&condition.kind.as_str()), "{}: kind {}", in_words(), condition.kind);
            ensure!(WHO.contains(&condition.who.as_str()), "{}: who {}", in_words(), condition.who);
            ensure!(RETRY.contains(&condition.retry.as_str()), "{}: retry {}", in_words(), condition.retry);
            let mut seen = BTreeSet::from([name.as_str()]);
            let mut next = condition.broader.as_deref();
            while let Some(broader) = next {
                ensure!(seen.insert(broader), "{}: broader conditions run in a circle", in_words());
                let Some(wider) = self.conditions.get(broader) else {
                    bail!("{}: broader {broader} does not exist", in_words());
                };
                next = wider.broader.as_deref();
            }
        }
        Ok(())
    }

    fn check_table(&self, table: &Table) -> Result<()> {
        let mut meaning_of: BTreeMap<i32, &str> = BTreeMap::new();
        let mut rendered = BTreeSet::new();
        let mut symbols = BTreeSet::new();
        for row in &table.rows {
            let in_words = || format!("row {:?} {} {}", row.code, row.symbol, row.condition);
            self.check_names(Some(&row.condition), row.operation.as_ref()).with_context(in_words)?;
            ensure!(SURFACES.contains(&row.surface.as_str()), "{}: surface {}", in_words(), row.surface);
            ensure!(row.code.is_some() || !row.symbol.is_empty(), "{}: no code and no symbol", in_words());
            ensure!(row.symbol.is_empty() || symbols.insert(&row.symbol), "{}: symbol twice", in_words());
            if let Some(code) = row.code {
                let first = *meaning_of.entry(code).or_insert(&row.condition);
                let same = first == row.condition;
                ensure!(same || table.shared_codes, "{}: the code also means {first}", in_words());
            }
            let key = (&row.condition, &row.operation);
            ensure!(row.alias || rendered.insert(key), "{}: condition and operation twice", in_words());
        }
        Ok(())
    }

    fn check_msync(&self) -> Result<()> {
        for (scope, answers) in
            [("login", &self.msync.login), ("send", &self.msync.send), ("logout", &self.msync.logout)]
        {
            let mut seen = BTreeSet::new();
            for answer in answers {
                let key = (&answer.condition, &answer.kind);
                ensure!(seen.insert(key), "{scope}: {key:?} stands there twice");
                self.check_names(answer.condition.as_ref(), None)?;
                self.check_placeholders(answer.condition.as_deref(), &answer.reason)?;
            }
            if scope != "logout" {
                check_kinds(answers.iter().map(|answer| (&answer.condition, &answer.kind)))?;
            }
        }
        Ok(())
    }

    fn check_rest(&self) -> Result<()> {
        for answers in [&self.rest.answers, &self.rest.to_users] {
            let mut seen = BTreeSet::new();
            for answer in answers {
                let key = (&answer.condition, &answer.kind, &answer.operation);
                ensure!(seen.insert(key), "{key:?} stands there twice");
                self.check_names(answer.condition.as_ref(), answer.operation.as_ref())?;
                self.check_placeholders(answer.condition.as_deref(), &answer.description)?;
            }
        }
        for answer in &self.rest.to_users {
            ensure!(answer.condition.is_some(), "a kind has no answer of its own to users");
        }
        check_kinds(self.rest.answers.iter().map(|answer| (&answer.condition, &answer.kind)))
    }

    fn check_names(&self, condition: Option<&String>, operation: Option<&String>) -> Result<()> {
        if let Some(condition) = condition {
            ensure!(self.conditions.contains_key(condition), "condition {condition} does not exist");
        }
        if let Some(operation) = operation {
            ensure!(self.operations.contains_key(operation), "operation {operation} does not exist");
        }
        Ok(())
    }

    fn check_placeholders(&self, condition: Option<&str>, template: &str) -> Result<()> {
        for name in placeholders(template) {
            let known = condition
                .and_then(|condition| self.conditions.get(condition))
                .is_some_and(|condition| condition.args.iter().any(|argument| argument == name));
            ensure!(
                known || name == "meaning",
                "{condition:?}: {{{name}}} in {template:?} is no argument of the condition"
            );
        }
        Ok(())
    }
}

/// Each kind needs a row, so that every condition has an answer; and a row is for a condition or for a kind.
fn check_kinds<'a>(rows: impl Iterator<Item = (&'a Option<String>, &'a Option<String>)>) -> Result<()> {
    let mut kinds = BTreeSet::new();
    for (condition, kind) in rows {
        ensure!(
            condition.is_some() != kind.is_some(),
            "a row needs a condition or a kind: {condition:?} {kind:?}"
        );
        kinds.extend(kind.as_deref());
    }
    ensure!(kinds == BTreeSet::from(KINDS), "one row for each kind is needed, there are {kinds:?}");
    Ok(())
}

/// The names in braces: a lower-case word, so that JSON inside a text is left alone.
pub(super) fn placeholders(template: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        rest = &rest[start + 1..];
        if let Some(end) = rest.find('}') {
            let name = &rest[..end];
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
                names.push(name);
            }
        }
    }
    names
}

/// The areas in file order, which a parsed map no longer knows.
fn areas(text: &str) -> Vec<String> {
    let mut areas: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(area) = line.strip_prefix("area = \"").and_then(|rest| rest.strip_suffix('"'))
            && areas.last().is_none_or(|last| last != area)
        {
            areas.push(area.to_owned());
        }
    }
    areas
}

fn load<T: DeserializeOwned>(path: &Path) -> Result<T> {
    parse(&read_text(path)?).with_context(|| path.display().to_string())
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    Ok(toml::from_str(text)?)
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_lower_case_words_in_braces() {
        assert_eq!(placeholders("user {user} in {group_id}"), ["user", "group_id"]);
        assert!(placeholders("{\"error_type\":\"moderation\"} {} {Size}").is_empty());
    }

    #[test]
    fn the_repository_s_own_catalogue_holds_together() {
        let catalogue = Catalogue::read(&crate::workspace::root().join("catalog")).unwrap();
        assert_eq!(catalogue.narrower("storage_unavailable").len(), 4);
        let distinct: BTreeSet<&String> = catalogue.areas.iter().collect();
        assert_eq!(distinct.len(), catalogue.areas.len(), "an area stands in two places of conditions.toml");
    }

    #[test]
    fn the_readmes_count_the_codes_and_conditions_that_there_are() {
        let root = crate::workspace::root();
        let catalogue = Catalogue::read(&root.join("catalog")).unwrap();
        let rows: usize = catalogue.tables.values().map(|table| table.rows.len()).sum();
        let (further, conditions) = (rows - 290, catalogue.conditions.len());
        let english = read_text(&root.join("README.md")).unwrap();
        let counted = format!("and {further} more, join {conditions} conditions");
        assert!(english.contains(&counted), "README.md does not say: {counted}");
        let chinese = read_text(&root.join("README.zh-CN.md")).unwrap();
        let counted = format!("另外 {further} 个，归并为 {conditions} 种");
        assert!(chinese.contains(&counted), "README.zh-CN.md does not say: {counted}");
    }

    #[test]
    fn a_row_with_an_undeclared_name_is_refused() {
        let mut catalogue = Catalogue::read(&crate::workspace::root().join("catalog")).unwrap();
        catalogue.rest.answers[0].operation = Some("tokken".to_owned());
        assert!(catalogue.check_rest().unwrap_err().to_string().contains("tokken"));
        catalogue.rest.answers[0].operation = None;
        catalogue.rest.answers[0].description = "client {cliend}".to_owned();
        assert!(catalogue.check_rest().unwrap_err().to_string().contains("cliend"));
    }
}
