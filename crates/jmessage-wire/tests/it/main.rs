//! What the fuzz target finds stays found: its corpus, each file cut at every place and changed in every byte.

#[path = "../../../../fuzz/properties/jmessage_wire/mod.rs"]
mod properties;

use std::path::Path;

#[test]
fn the_packet_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/packet");
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for at in 0..bytes.len() {
            properties::packet(&bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            properties::packet(&changed);
        }
        properties::packet(&bytes);
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}
