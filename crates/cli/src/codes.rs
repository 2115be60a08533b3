//! `kith codes`: lists the vendors' tables, for people in columns, for programs as JSON.

use std::io::{self, Write};

use clap::Args;
use conditions::{Row, Table, rows};
use serde_json::json;

use crate::text::{Paint, table};

#[derive(Debug, Args)]
pub(crate) struct CodesArgs {
    /// Only this table, such as easemob-windows or jmessage-server
    #[arg(long, value_parser = table)]
    table: Option<Table>,
    /// Print a JSON array with everything that is known of each row
    #[arg(long)]
    json: bool,
}

/// Prints the rows and returns the exit status, 0.
///
/// # Errors
/// The writer's.
pub(crate) fn run(out: &mut impl Write, color: bool, arguments: &CodesArgs) -> io::Result<u8> {
    let rows = arguments.table.map_or_else(rows, Table::rows);
    if arguments.json {
        print_json(out, rows)?;
    } else {
        print_columns(out, Paint::new(color), rows)?;
    }
    Ok(0)
}

fn print_columns(out: &mut impl Write, paint: Paint, rows: &[Row]) -> io::Result<()> {
    let mut last = None;
    for row in rows {
        if last != Some(row.table) {
            if last.is_some() {
                writeln!(out)?;
            }
            writeln!(out, "{}  {}", paint.bold(row.table.as_str()), paint.dim(row.table.title()))?;
            last = Some(row.table);
        }
        let code = row.code.map_or_else(String::new, |code| code.to_string());
        let operation = row.operation.map_or_else(String::new, |operation| format!(" ({operation})"));
        let outside = if row.documented { "" } else { "  outside the documents" };
        let condition = format!("{}{operation}", row.condition);
        writeln!(out, "  {code:>7}  {:<46} {condition}{}", row.symbol, paint.dim(outside))?;
    }
    Ok(())
}

fn print_json(out: &mut impl Write, rows: &[Row]) -> io::Result<()> {
    writeln!(out, "[")?;
    for (index, row) in rows.iter().enumerate() {
        let comma = if index + 1 < rows.len() { "," } else { "" };
        writeln!(out, "  {}{comma}", json_row(row))?;
    }
    writeln!(out, "]")
}

fn json_row(row: &Row) -> serde_json::Value {
    json!({
        "table": row.table.as_str(),
        "code": row.code,
        "symbol": row.symbol,
        "message": row.message,
        "description": row.description,
        "cause": row.cause,
        "condition": row.condition.as_str(),
        "operation": row.operation.map(conditions::Operation::as_str),
        "surface": row.surface.as_str(),
        "trigger": row.trigger,
        "http": row.http,
        "documented": row.documented,
        "alias": row.alias,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(table: Option<Table>, json: bool) -> String {
        let mut out = Vec::new();
        assert_eq!(run(&mut out, false, &CodesArgs { table, json }).unwrap(), 0);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_list_names_each_table_once_and_every_row() {
        let text = codes(None, false);
        for table in Table::ALL {
            assert_eq!(text.lines().filter(|line| line.starts_with(table.as_str())).count(), 1, "{table}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("  ")).count(), rows().len());
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn one_table_alone_can_be_asked_for() {
        let text = codes(Some(Table::JmrtcIos), false);
        assert_eq!(text.lines().count(), 1 + Table::JmrtcIos.rows().len());
        assert!(text.contains("871008") && text.contains("call_already_in_session"));
    }

    #[test]
    fn json_reads_back_with_the_vendors_texts() {
        let parsed: Vec<serde_json::Value> = serde_json::from_str(&codes(None, true)).unwrap();
        assert_eq!(parsed.len(), rows().len());
        let row =
            parsed.iter().find(|row| row["code"] == 898_002 && row["table"] == "jmessage-server").unwrap();
        assert_eq!(row["message"], "No sush user");
        assert_eq!(row["condition"], "user_not_found");
    }

    #[test]
    fn an_unknown_table_is_answered_with_the_list() {
        let error = table("easemob-linux").unwrap_err();
        assert!(error.contains("easemob-windows") && error.contains("jmessage-server"), "{error}");
    }
}
