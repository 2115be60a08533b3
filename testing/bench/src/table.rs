//! Medians side by side, as Markdown.

use crate::subject::SubjectKind;

#[derive(Debug)]
pub(crate) struct Table {
    title: &'static str,
    names: [&'static str; 2],
    values: [Vec<f64>; 2],
}

impl Table {
    pub(crate) fn new(title: &'static str, names: [&'static str; 2]) -> Self {
        Self { title, names, values: [Vec::new(), Vec::new()] }
    }

    pub(crate) fn add(&mut self, kind: SubjectKind, value: f64) {
        self.values[kind as usize].push(value);
    }

    /// Median and spread of each, and the ratio of the medians, Kith to relay.
    pub(crate) fn print(&mut self) {
        println!("| {} | median | min | max |\n|---|---|---|---|", self.title);
        let mut medians = [0.0; 2];
        for (index, values) in self.values.iter_mut().enumerate() {
            values.sort_by(f64::total_cmp);
            let (Some(min), Some(max)) = (values.first(), values.last()) else { continue };
            medians[index] = values[values.len() / 2];
            println!("| {} | {:.1} | {min:.1} | {max:.1} |", self.names[index], medians[index]);
        }
        println!("| ratio | {:.2} | | |\n", medians[0] / medians[1]);
    }
}
