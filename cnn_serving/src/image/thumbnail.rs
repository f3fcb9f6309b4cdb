//! A picture of the network's size.

/// Width and height of the network's input, in pixels.
pub const SIDE: usize = 227;

/// A picture of the network's size: RGB pixels in rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail(pub(super) Vec<[u8; 3]>);
