//! The frames of HTTP/2 in a stream of bytes, as far as their heads tell.

/// What a client sends before its first frame.
const PREFACE_BYTES: u32 = 24;
const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;

/// Follows the frames of one direction, however they are cut into pieces.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; HEAD_BYTES],
    /// How many bytes of the head have come.
    head_bytes: usize,
    /// How many bytes of the current frame are still to come.
    rest: u32,
    /// Whether the stream ends with the current frame.
    ends_stream: bool,
    /// Whether a frame has come.
    begun: bool,
}

/// What is in a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The head of a HEADERS frame: of an answer, or of trailers.
    pub(super) headers: bool,
    /// The last byte of a frame that ends a stream.
    pub(super) end: bool,
    /// A first frame that is none of SETTINGS: the other side does not speak HTTP/2.
    pub(super) is_not_http2: bool,
}

impl Frames {
    /// Those that a client sends.
    pub(super) fn of_client() -> Self {
        Self { rest: PREFACE_BYTES, ..Self::default() }
    }

    /// Those that a server sends.
    pub(super) fn of_server() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub(super) fn scan(&mut self, mut piece: &[u8]) -> Seen {
        let mut seen = Seen::default();
        while !piece.is_empty() {
            if self.rest == 0 {
                let taken = piece.len().min(HEAD_BYTES - self.head_bytes);
                self.head[self.head_bytes..self.head_bytes + taken].copy_from_slice(&piece[..taken]);
                self.head_bytes += taken;
                piece = &piece[taken..];
                if self.head_bytes < HEAD_BYTES {
                    break;
                }
                self.begin(&mut seen);
            } else {
                let taken = piece.len().min(self.rest as usize);
                self.rest -= u32::try_from(taken).unwrap_or(self.rest);
                piece = &piece[taken..];
            }
            if self.rest == 0 {
                seen.end |= std::mem::take(&mut self.ends_stream);
            }
        }
        seen
    }

    /// The head of a frame is complete.
    fn begin(&mut self, seen: &mut Seen) {
        let [a, b, c, kind, flags, ..] = self.head;
        self.head_bytes = 0;
        self.rest = u32::from_be_bytes([0, a, b, c]);
        self.ends_stream = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
        seen.headers |= kind == HEADERS;
        seen.is_not_http2 |= !self.begun && kind != SETTINGS;
        self.begun = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[a, b, c, kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn settings_are_no_answer_and_the_end_is_the_last_byte() {
        let mut frames = Frames::of_server();
        assert_eq!(frames.scan(&frame(SETTINGS, 0, &[0; 6])), Seen::default());
        // The flag of an acknowledgement is that of an end.
        assert_eq!(frames.scan(&frame(SETTINGS, 1, &[])), Seen::default());
        let headers = Seen { headers: true, ..Seen::default() };
        assert_eq!(frames.scan(&frame(HEADERS, 4, b"abc")), headers);
        let data = frame(DATA, END_STREAM, b"abc");
        assert_eq!(frames.scan(&data[..11]), Seen::default());
        assert_eq!(frames.scan(&data[11..]), Seen { end: true, ..Seen::default() });
        assert_eq!(frames.scan(&frame(HEADERS, 5, &[])), Seen { end: true, ..headers });
    }

    #[test]
    fn a_client_begins_with_its_preface_and_other_servers_are_noticed() {
        let mut frames = Frames::of_client();
        let start = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, &[])].concat();
        assert_eq!(frames.scan(&start), Seen::default());
        assert!(Frames::of_server().scan(b"HTTP/1.1 400 Bad Request\r\n").is_not_http2);
    }

    proptest! {
        /// Nothing depends on where a stream is cut.
        #[test]
        fn pieces_show_what_the_whole_shows(bytes in prop::collection::vec(0..3_u8, 0..80), cut in 1..20_usize) {
            let whole = Frames::of_server().scan(&bytes);
            let mut frames = Frames::of_server();
            let pieces = bytes.chunks(cut).map(|piece| frames.scan(piece));
            let sum = pieces.fold(Seen::default(), |sum, seen| Seen {
                headers: sum.headers | seen.headers,
                end: sum.end | seen.end,
                is_not_http2: sum.is_not_http2 | seen.is_not_http2,
            });
            prop_assert_eq!(sum, whole);
        }
    }
}
