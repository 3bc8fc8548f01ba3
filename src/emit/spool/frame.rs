//! What a spool's frames hold, version 3.
//!
//! A frame's kind is 1 for a start, 2 for a final record and 3 for a [seal](super::seal) of final records. The payload of
//! the first two, integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version: 3 |
//! | 1 | flags: bit 0 the record is sent as a span too; bits 1 to 7 what it shows otherwise than by default: bit 1 the user's identifier shown, bit 2 its hash hidden, bits 3 to 6 system prompt, input, output, tools shown, bit 7 the error's text hidden |
//! | 2..18 | record id |
//! | 18..26 | the record's number in its stream; all ones in a start |
//! | 26.. | the [row form](crate::record::rows) of the record; of a start the [start form](crate::semconv::StartRef) |
//!
//! A segment's meta is the emitter's resource: a byte version 1, then two `u32` lengths and the bytes that every export
//! request begins with (see [`scope_and_resource`](crate::semconv::scope_and_resource)), then the service's name in
//! UTF-8 up to the end.

use std::sync::Arc;

use crate::journal::FrameKind;
use crate::record::{Label, RecordId};
use crate::semconv::{SpanShows, scope_and_resource};

/// Kind of a frame that says that something began.
pub(crate) const START: FrameKind = FrameKind(1);
/// Kind of a frame that holds a final record.
pub(crate) const FINAL: FrameKind = FrameKind(2);

/// Kind of a frame that holds the authentication codes of final records.
pub(crate) const SEAL: FrameKind = FrameKind(3);

/// How a record goes to trace backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanView {
    /// Not at all: somebody else's span is the span of this call, or there is none.
    None,
    /// As a span.
    Sent(SpanShows),
}

impl SpanView {
    /// The same, where it is a span one that shows this.
    pub(crate) fn showing(self, shows: SpanShows) -> Self {
        match self {
            Self::None => Self::None,
            Self::Sent(_) => Self::Sent(shows),
        }
    }

    fn flags(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Sent(shows) => SENT | shows.to_bits(),
        }
    }

    fn from_flags(flags: u8) -> Self {
        if flags & SENT == 0 {
            Self::None
        } else {
            Self::Sent(SpanShows::from_bits(flags))
        }
    }
}

/// A frame's payload, read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) view: SpanView,
    pub(crate) record_id: [u8; 16],
    /// Absent in a start.
    pub(crate) seq: Option<u64>,
    /// The record, in rows.
    pub(crate) rows: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a payload; `None` where it is of no version known here.
    pub(crate) fn read(payload: &'a [u8]) -> Option<Self> {
        let (head, rows) = payload.split_at_checked(HEAD)?;
        let (&version, &flags) = (head.first()?, head.get(1)?);
        let record_id = *head[2..].first_chunk()?;
        let seq = u64::from_le_bytes(*head[18..].first_chunk()?);
        let seq = (seq != NO_SEQ).then_some(seq);
        (version == VERSION).then_some(Self {
            view: SpanView::from_flags(flags),
            record_id,
            seq,
            rows,
        })
    }
}

/// What a payload begins with; the rows follow.
pub(crate) fn head(view: SpanView, id: RecordId, seq: Option<u64>) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..2].copy_from_slice(&[VERSION, view.flags()]);
    head[2..18].copy_from_slice(id.as_bytes());
    head[18..].copy_from_slice(&seq.unwrap_or(NO_SEQ).to_le_bytes());
    head
}

/// The emitter that a segment's records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) resource: Vec<u8>,
    pub(crate) scope: Vec<u8>,
    pub(crate) service: Option<Label>,
}

impl Origin {
    pub(crate) fn new(service: Option<&Label>, attributes: &[(String, String)]) -> Self {
        let (resource, scope) = scope_and_resource(service, attributes);
        Self {
            resource,
            scope,
            service: service.cloned(),
        }
    }

    pub(crate) fn to_meta(&self) -> Vec<u8> {
        let mut meta = vec![META_VERSION];
        for part in [&self.resource, &self.scope] {
            meta.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
            meta.extend_from_slice(part);
        }
        meta.extend_from_slice(self.service.as_ref().map_or("", Label::as_str).as_bytes());
        meta
    }

    /// Reads a segment's meta; `None` where it is of no version known here.
    pub(crate) fn from_meta(meta: &[u8]) -> Option<Self> {
        let (&version, mut rest) = meta.split_first()?;
        let mut part = || {
            let (length, behind) = rest.split_first_chunk()?;
            let (part, behind) =
                behind.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            rest = behind;
            Some(part.to_vec())
        };
        let (resource, scope) = (part()?, part()?);
        let service = std::str::from_utf8(rest).ok()?;
        let service = (!service.is_empty()).then(|| Label::clip(service));
        (version == META_VERSION).then_some(Self {
            resource,
            scope,
            service,
        })
    }
}

/// The origin of the frame in hand, read once a segment.
#[derive(Debug, Default)]
pub(crate) struct KnownOrigin {
    known: Option<(Arc<[u8]>, Option<Origin>)>,
}

impl KnownOrigin {
    /// The origin that a segment's meta names; `None` where it is of no version known here.
    pub(crate) fn of(&mut self, meta: &Arc<[u8]>) -> Option<&Origin> {
        let known = self.known.take();
        let known = known.filter(|(known, _)| Arc::ptr_eq(known, meta));
        let (_, origin) = self
            .known
            .insert(known.unwrap_or_else(|| (Arc::clone(meta), Origin::from_meta(meta))));
        origin.as_ref()
    }
}

const VERSION: u8 = 3;
const META_VERSION: u8 = 1;
const HEAD: usize = 26;
const SENT: u8 = 1;
const NO_SEQ: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semconv::SpanPart;

    #[test]
    fn the_payload_is_frozen() {
        let id = RecordId::from_parts(0x0192_3456_789a, [0xff; 10]);
        let shown = SpanShows::DEFAULT.showing(SpanPart::UserId);
        let head_of = head(SpanView::Sent(shown), id, Some(0x0102));
        let payload = [&head_of[..], b"rows"].concat();
        let golden = [
            &[3, 3][..],
            &[
                0x01, 0x92, 0x34, 0x56, 0x78, 0x9a, 0x7f, 0xff, 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff,
                0xff, 0xff,
            ],
            &[2, 1, 0, 0, 0, 0, 0, 0],
            b"rows",
        ];
        assert_eq!(payload, golden.concat());
        let frame = Frame::read(&payload).unwrap();
        assert_eq!(
            (frame.seq, frame.rows, frame.view),
            (Some(0x0102), &b"rows"[..], SpanView::Sent(shown))
        );
        let payload = head(SpanView::None, id, None);
        assert_eq!(Frame::read(&payload).unwrap().seq, None);
    }

    #[test]
    fn what_a_span_shows_comes_back_from_its_flags() {
        for flags in 0..=u8::MAX {
            let view = SpanView::from_flags(flags);
            let expected = if flags & SENT == 0 { 0 } else { flags };
            assert_eq!(view.flags(), expected);
        }
        assert_eq!(SpanView::Sent(SpanShows::DEFAULT).flags(), SENT);
    }

    #[test]
    fn payloads_of_other_versions_and_short_ones_are_not_read() {
        assert!(Frame::read(&[2; 40]).is_none());
        assert!(Frame::read(&[3; 25]).is_none());
        assert!(Origin::from_meta(&[]).is_none());
        assert!(Origin::from_meta(&[1, 9, 0, 0, 0]).is_none());
    }

    #[test]
    fn an_origin_comes_back_from_its_meta() {
        let origin = Origin::new(
            Some(&Label::clip("billing")),
            &[("host.name".into(), "web-1".into())],
        );
        assert_eq!(Origin::from_meta(&origin.to_meta()), Some(origin));
        let nameless = Origin::new(None, &[]);
        assert_eq!(Origin::from_meta(&nameless.to_meta()), Some(nameless));
    }
}
