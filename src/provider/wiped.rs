//! Buffers for text on its way: they grow without leaving a copy behind and are wiped when they go.
//!
//! They cannot wipe what others keep for a moment: the bytes that the caller read, the scratch space of the JSON
//! reader where a text has escapes, and the values that the canonical form is made of.

use zeroize::Zeroizing;

/// Text that grows piece by piece.
#[derive(Default)]
pub(super) struct WipedText(Zeroizing<String>);

impl WipedText {
    pub(super) fn push(&mut self, text: &str) {
        let needed = self.0.len() + text.len();
        if needed > self.0.capacity() {
            // A plain `push_str` would move the text and leave its old place unwiped.
            let room = needed.max(self.0.capacity() * 2);
            let mut larger = Zeroizing::new(String::with_capacity(room));
            larger.push_str(&self.0);
            self.0 = larger;
        }
        self.0.push_str(text);
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0).into_bytes()
    }
}

impl From<&str> for WipedText {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// Bytes that grow and are used again.
#[derive(Default)]
pub(super) struct WipedBytes(Zeroizing<Vec<u8>>);

impl WipedBytes {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let room = needed.max(self.0.capacity() * 2);
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Empties the buffer; a large one is given back, since it would be wiped in full each time.
    pub(super) fn clear(&mut self) {
        if self.0.capacity() > KEPT_CAPACITY {
            *self = Self::default();
            return;
        }
        self.0.fill(0);
        self.0.clear();
    }
}

const KEPT_CAPACITY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_grow_and_empty() {
        let mut text = WipedText::default();
        let mut bytes = WipedBytes::default();
        for piece in ["", "a", "bcd", "é", "0123456789"] {
            text.push(piece);
            bytes.push(piece.as_bytes());
        }
        assert_eq!(text.as_str(), "abcdé0123456789");
        assert_eq!(bytes.as_slice(), text.as_str().as_bytes());
        bytes.clear();
        assert!(bytes.is_empty() && !text.is_empty());
        assert_eq!(text.into_bytes(), "abcdé0123456789".as_bytes());
    }
}
