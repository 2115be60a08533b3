//! The database on the device.

use anyhow::{Context, Result};
use client::storage::{Storage, StorageOptions};
use client::{AppKey, username};
use conditions::Table;

use super::tables::LEGACY;
use crate::lab::Lab;
use crate::witness::{Cause, Outcome, Witness, witness};

const IOS: &[Table] = &[Table::JmessageIos];

pub(super) const WITNESSES: &[Witness] = &[
    witness!(IOS, DbMigrationFailed, database_of_something_else),
    witness!(LEGACY, SdkInitFailed, folder_that_can_not_be_made),
];

fn options(folder: &std::path::Path) -> Result<StorageOptions> {
    let app: AppKey = "verify#app".parse()?;
    Ok(StorageOptions::new(folder, &app, &username("alice")?))
}

async fn database_of_something_else(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let options = options(&lab.new_path("kept"))?;
    let path = options.path().to_owned();
    let damaged = b"this is no database, and whoever put it here may want it back".repeat(100);
    if cause.is_present() {
        tokio::fs::create_dir_all(path.parent().context("it lies in a folder")?).await?;
        tokio::fs::write(&path, &damaged).await?;
    }
    let outcome = Outcome::of(Storage::open(options).await);
    if cause.is_present() {
        anyhow::ensure!(tokio::fs::read(&path).await? == damaged, "the file was changed");
    }
    Ok(outcome)
}

async fn folder_that_can_not_be_made(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let folder = lab.new_path("kept");
    if cause.is_present() {
        // A file stands where the folder is to be.
        tokio::fs::write(&folder, b"").await?;
    }
    Ok(Outcome::of(Storage::open(options(&folder)?).await))
}
