//! `cargo xtask test`: fetches what the tests need, builds everything once, runs every test there is.
//!
//! All of it uses the dev profile and the features of the whole workspace, with what is optional. `cargo run -p …` or `cargo build -p …`
//! would choose the features anew for that one package and compile half of the dependencies a second time; that is
//! why our own suites are built with the rest and then started from the target folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::steps::Steps;
use crate::workspace::{OPTIONAL, Workspace, cargo, root};
use crate::{command, node_modules, packages, python_packages, tools};

/// Adds the steps; what failed is known to `steps`.
///
/// # Errors
/// Nothing could be started at all, since the workspace cannot be read.
pub(crate) fn run(steps: &mut Steps) -> Result<()> {
    let workspace = Workspace::load()?;
    steps.run("packages", || {
        packages::ensure()?;
        node_modules::ensure()?;
        python_packages::ensure()
    });
    let built = steps.run("build", || {
        command::run(cargo().args(["build", "--workspace", "--bins", "--lib", "--tests"]).args(OPTIONAL))
    });
    if !built {
        return Ok(());
    }
    match tools::nextest(&workspace) {
        Ok(nextest) => {
            let mut tests = Command::new(nextest);
            tests.args(["nextest", "run", "--workspace", "--no-fail-fast"]).args(OPTIONAL);
            steps.run_suite("tests", tests.current_dir(root()));
        }
        Err(error) => {
            eprintln!("no nextest ({error:#}); the same tests run with plain `cargo test`, slower");
            steps.run_suite(
                "tests",
                cargo()
                    .args(["test", "--workspace", "--no-fail-fast", "--bins", "--lib", "--tests"])
                    .args(OPTIONAL),
            );
        }
    }
    if has_doc_tests(root())? {
        steps.run_suite("doc tests", cargo().args(["test", "--workspace", "--doc"]).args(OPTIONAL));
    }
    steps.run_suite("end to end", Command::new(workspace.built("e2e")).current_dir(root()));
    steps
        .run_suite("crash box", Command::new(workspace.built("crashbox")).arg("--short").current_dir(root()));
    steps.run("witnesses", || {
        let status = Command::new(workspace.built("kith")).arg("verify").current_dir(root()).status()?;
        // 3: nothing failed, but some rows have no witness yet; README says how many.
        ensure!(matches!(status.code(), Some(0 | 3)), "`kith verify` ended with {status}");
        let mut plain = Command::new(workspace.built("kith"));
        let status = plain.args(["verify", "--plain"]).current_dir(root()).status()?;
        ensure!(status.success(), "`kith verify --plain` ended with {status}");
        Ok(())
    });
    Ok(())
}

/// Whether any documentation of ours holds code that rustdoc would run. Asking rustdoc instead costs a second a crate.
fn has_doc_tests(folder: &Path) -> Result<bool> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let found = if path.is_dir() {
            !name.starts_with('.') && name != "target" && name != "node_modules" && has_doc_tests(&path)?
        } else {
            name.ends_with(".rs") && opens_doc_test(&fs::read_to_string(&path)?)
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn opens_doc_test(source: &str) -> bool {
    let documentation = source
        .lines()
        .map(str::trim_start)
        .filter_map(|line| line.strip_prefix("///").or(line.strip_prefix("//!")));
    let mut inside = false;
    for fence in documentation.filter_map(|line| line.trim().strip_prefix("```")) {
        let runs = ["", "rust", "no_run", "should_panic", "compile_fail"]
            .contains(&fence.split(',').next().unwrap_or(""));
        if !inside && runs {
            return true;
        }
        inside = !inside;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fences_that_rustdoc_would_run_count_as_doc_tests() {
        assert!(opens_doc_test("/// ```\n/// let x = 1;\n/// ```\nfn f() {}"));
        assert!(opens_doc_test("    //! ```rust,no_run\n    //! f();\n    //! ```"));
        assert!(!opens_doc_test("//! ```text\n//! a -> b\n//! ```"));
        assert!(!opens_doc_test("// ```\n// not documentation\n// ```"));
    }
}
