//! Compiles `proto/msync.proto` into the types of `easemob-wire`.
//!
//! With protox, so that nobody needs a `protoc`; here and not in a build script, so that only this command builds the
//! compilers. The wire rules around the types are hand-written in the crate.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Generated;

const SOURCE: &str = "proto/msync.proto";
const TARGET: &str = "crates/easemob-wire/src/generated";

/// # Errors
/// The file does not compile.
pub(super) fn generate(root: &Path) -> Result<Generated> {
    let descriptors = protox::compile([root.join(SOURCE)], [root.join("proto")])
        .with_context(|| format!("compiling {SOURCE}"))?;
    let mut config = prost_build::Config::new();
    // Payloads share the frame's memory instead of being copied out of it.
    config.bytes(["."]);
    let requests = descriptors
        .file
        .into_iter()
        .map(|file| (prost_build::Module::from_protobuf_package_name(file.package()), file))
        .collect();
    let mut generated = Generated { files: Default::default(), owned_folders: vec![PathBuf::from(TARGET)] };
    for (module, content) in config.generate(requests).context("generating Rust")? {
        let path = Path::new(TARGET).join(module.to_file_name_or("mod"));
        generated.files.insert(path, content);
    }
    Ok(generated)
}
