//! A text with labels: which bytes of it are what.

use std::ops::Range;

/// A part of a text, in bytes, that is of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) class: String,
    pub(crate) range: Range<usize>,
}

/// A text and all that is to be found in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labelled {
    pub(crate) text: String,
    pub(crate) labels: Vec<Label>,
}

impl Labelled {
    /// Reads `{{class|value}}` as a label, everything else as it is.
    pub(crate) fn marked(marked: &str) -> Self {
        let mut read = Self::default();
        let mut rest = marked;
        while let Some((before, after)) = rest.split_once("{{") {
            let (label, after) = after.split_once("}}").expect("a label is closed");
            let (class, value) = label.split_once('|').expect("a label has a class");
            read.text.push_str(before);
            read.push(class, value);
            rest = after;
        }
        read.text.push_str(rest);
        read
    }

    /// A frame with `{value}` as the label and other names in braces replaced.
    pub(crate) fn framed(frame: &str, class: &str, value: &str, names: &[(&str, &str)]) -> Self {
        let mut frame = frame.replace("\\n", "\n");
        for (name, text) in names {
            frame = frame.replace(&format!("{{{name}}}"), text);
        }
        let (before, after) = frame.split_once("{value}").expect("a frame has a value");
        let mut made = Self::default();
        made.text.push_str(before);
        made.push(class, value);
        made.text.push_str(after);
        made
    }

    fn push(&mut self, class: &str, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        let range = start..self.text.len();
        let class = class.to_owned();
        self.labels.push(Label { class, range });
    }
}

/// The lines of a data file that are not empty and no remarks.
pub(crate) fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("# "))
}
