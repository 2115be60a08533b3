//! Runs named steps one after another, keeps how long each took and what the test runners said, and reports both.
//!
//! A failed step does not stop the next one: one run shows everything that is wrong. Knows nothing of what a step
//! does. Next: `ci` and `suites`, which are lists of steps.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the stopwatch of the build, far from the product's clock"
)]

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::command;

/// A run of steps. Ends with [`Steps::finish`].
#[derive(Debug)]
pub(crate) struct Steps {
    started: Instant,
    finished: Vec<Finished>,
    summaries: Vec<String>,
}

#[derive(Debug)]
struct Finished {
    name: &'static str,
    took: Duration,
    passed: bool,
}

impl Steps {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), finished: Vec::new(), summaries: Vec::new() }
    }

    /// Does one step and says whether it passed. The error is printed here, where its output stands.
    pub(crate) fn run(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> bool {
        eprintln!("\n== {name}");
        let started = Instant::now();
        let result = work();
        if let Err(error) = &result {
            eprintln!("== {name} failed: {error:#}");
        }
        self.finished.push(Finished { name, took: started.elapsed(), passed: result.is_ok() });
        result.is_ok()
    }

    /// Like [`Steps::run`], for a test runner: its summary lines are repeated at the end, whether it passed or not.
    pub(crate) fn run_suite(&mut self, name: &'static str, runner: &mut Command) -> bool {
        let mut kept = Vec::new();
        let passed = self.run(name, || command::run_keeping(runner, is_summary, &mut kept));
        if !kept.is_empty() {
            self.summaries.push(format!("{name}:"));
            self.summaries.append(&mut kept);
        }
        passed
    }

    /// Prints the table of times and the summaries of the test runners.
    ///
    /// # Errors
    /// Names every step that failed.
    pub(crate) fn finish(self) -> Result<()> {
        eprintln!("\n== times");
        for step in &self.finished {
            let verdict = if step.passed { "ok" } else { "FAILED" };
            eprintln!("{:<12} {:>7.1} s  {verdict}", step.name, step.took.as_secs_f64());
        }
        eprintln!("{:<12} {:>7.1} s", "total", self.started.elapsed().as_secs_f64());
        if !self.summaries.is_empty() {
            eprintln!("\n== tests");
        }
        for line in &self.summaries {
            eprintln!("{line}");
        }
        let failed: Vec<_> = self.finished.iter().filter(|step| !step.passed).map(|step| step.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

/// The line in which a test runner counts: nextest's `Summary`, cargo's `test result`, or `N passed, N failed` from
/// our own suites. Empty results (a crate without doc tests) are left out.
fn is_summary(line: &str) -> bool {
    // An indented line is what nextest repeats of a failed test's own output.
    if line.starts_with("test result:") {
        return !line.contains(" 0 passed; 0 failed");
    }
    let words: Vec<_> = line.trim_end().split(' ').collect();
    let counts =
        matches!(words[..], [passed, "passed,", failed, "failed"] if is_number(passed) && is_number(failed));
    counts || line.trim_start().starts_with("Summary [")
}

fn is_number(word: &str) -> bool {
    word.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_all_runners_are_recognised_and_other_lines_are_not() {
        assert!(is_summary("     Summary [   0.035s] 4 tests run: 4 passed, 0 skipped"));
        assert!(is_summary("test result: ok. 3 passed; 0 failed; 0 ignored; finished in 0.00s"));
        assert!(is_summary("12 passed, 1 failed"));
        assert!(!is_summary("test result: ok. 0 passed; 0 failed; 0 ignored; finished in 0.00s"));
        assert!(!is_summary("    test result: FAILED. 0 passed; 1 failed; 0 ignored; finished in 0.07s"));
        assert!(!is_summary("offline then online: passed"));
        assert!(!is_summary("some passed, 1 failed"));
    }

    #[test]
    fn a_failed_step_is_named_at_the_end_and_does_not_stop_the_next() {
        let mut steps = Steps::start();
        assert!(!steps.run("first", || bail!("broken")));
        assert!(steps.run("second", || Ok(())));
        let error = steps.finish().expect_err("a failed step fails the run");
        assert_eq!(error.to_string(), "failed: first");
    }
}
