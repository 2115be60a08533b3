//! Runs other programs: inherits their output, or passes it through while keeping chosen lines.
//!
//! Every failure names the command line. Knows nothing of which programs there are.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Runs to the end with the output inherited.
///
/// # Errors
/// The program could not be started, or its exit status is not zero.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    check(command, status)
}

/// Runs to the end and returns what it wrote to standard output.
///
/// # Errors
/// As [`run`]; also when the output is not UTF-8.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("{} did not write UTF-8", shown(command)))
}

/// Runs to the end, passes both output streams through line by line, and appends the lines that `keep` accepts, free
/// of colours, to `kept`.
///
/// # Errors
/// As [`run`]. `kept` is filled also when the program fails.
pub(crate) fn run_keeping(
    command: &mut Command,
    keep: fn(&str) -> bool,
    kept: &mut Vec<String>,
) -> Result<()> {
    eprintln!("$ {}", shown(command));
    if std::io::stderr().is_terminal() {
        // The pipe would make the runner turn its colours off.
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    let stdout = child.stdout.take().context("standard output was not piped")?;
    let stderr = child.stderr.take().context("standard error was not piped")?;
    let (from_stdout, from_stderr) = std::thread::scope(|scope| {
        let other = scope.spawn(|| pass_through(stdout, std::io::stdout(), keep));
        let own = pass_through(stderr, std::io::stderr(), keep);
        (other.join().expect("pass_through does not panic"), own)
    });
    kept.extend(from_stdout?);
    kept.extend(from_stderr?);
    let status = child.wait().with_context(|| format!("lost {}", shown(command)))?;
    check(command, status)
}

fn pass_through(from: impl Read, mut to: impl Write, keep: fn(&str) -> bool) -> Result<Vec<String>> {
    let mut kept = Vec::new();
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    // Bytes, not `lines()`: a test may print anything.
    while reader.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        let text = without_colours(&String::from_utf8_lossy(&line));
        if keep(&text) {
            kept.push(text.trim_end().to_owned());
        }
        line.clear();
    }
    Ok(kept)
}

/// Drops terminal escape sequences of the form `ESC [ … letter`, which is all that test runners write.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(next) = chars.next() {
        if next == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(next);
        }
    }
    plain
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_lines_are_kept_plain_even_when_the_program_fails() {
        let mut kept = Vec::new();
        let script = r"echo other; printf '\033[32m 3 passed\033[0m\n' >&2; exit 3";
        let result =
            run_keeping(Command::new("sh").args(["-c", script]), |line| line.contains("passed"), &mut kept);
        assert!(result.is_err());
        assert_eq!(kept, [" 3 passed"]);
    }

    #[test]
    fn a_failure_names_the_command_line() {
        let error = run(Command::new("sh").args(["-c", "exit 7"])).expect_err("exit status 7");
        assert!(error.to_string().contains("sh -c exit 7"), "{error}");
    }
}
