//! Marks at points: series differ in their shape, too, so that they can be told apart without colours.

/// The shape of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

impl Mark {
    /// The shape of a series.
    pub(crate) fn of_series(series: usize) -> Self {
        [Self::Circle, Self::Square, Self::Triangle, Self::Diamond][series % 4]
    }

    /// The data of a path around this point. `radius` is half of its width.
    pub(crate) fn path(self, [x, y]: [f64; 2], radius: f64) -> String {
        let r = radius;
        match self {
            Self::Circle => format!(
                "M{:.1},{y:.1}a{r},{r} 0 1 0 {:.1},0a{r},{r} 0 1 0 {:.1},0z",
                x - r,
                2.0 * r,
                -2.0 * r
            ),
            Self::Square => {
                format!("M{:.1},{:.1}h{:.1}v{:.1}h{:.1}z", x - r, y - r, 2.0 * r, 2.0 * r, -2.0 * r)
            }
            Self::Triangle => format!("M{:.1},{:.1}h{:.1}L{x:.1},{:.1}z", x - r, y + r, 2.0 * r, y - r),
            Self::Diamond => {
                format!("M{:.1},{y:.1}L{x:.1},{:.1}L{:.1},{y:.1}L{x:.1},{:.1}z", x - r, y - r, x + r, y + r)
            }
            Self::Cross => {
                format!(
                    "M{:.1},{:.1}l{:.1},{:.1}m0,{:.1}l{:.1},{:.1}",
                    x - r,
                    y - r,
                    2.0 * r,
                    2.0 * r,
                    -2.0 * r,
                    -2.0 * r,
                    2.0 * r
                )
            }
        }
    }
}
