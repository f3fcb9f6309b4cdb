//! Drawing charts as SVG.
//!
//! This is a module of our own instead of a library. `kuva` was tried with the curve of percentiles. What it drew
//! needed its text mended afterwards: it takes the dollar signs out of names (`$LATEST`), gives the same ids to all
//! charts of a page, cannot shrink with the page because it writes no `viewBox`, lets labels of an axis overlap and
//! cuts those of a legend, and tells values on hover for points and bars only. What these charts need of a library is
//! small.
//!
//! Nothing here has a colour or a size of type: marks have classes, and `palette` has the rules for them. No mark has
//! an id, so that many charts fit on one page.

mod axis;
mod canvas;
mod marks;
mod plot;
mod text_width;

pub(crate) use axis::{Axis, Labels};
pub(crate) use canvas::{Anchor, Canvas};
pub(crate) use marks::Mark;
pub(crate) use plot::{Area, Key, Plot, Sample};
pub(crate) use text_width::{FONT_SIZE, text_width};
