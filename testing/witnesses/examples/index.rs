//! Writes where the witness of each row is: `cargo run -p witnesses --example index`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("index.toml"), witnesses::index())
}
