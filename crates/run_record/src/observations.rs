//! The values of one side of a comparison, by window of time and by environment.

use std::sync::Arc;

use crate::sparse_histogram::SparseHistogram;
use crate::spread::{Deviation, Spread};

/// The values of one environment in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The index of the window.
    pub window: usize,
    /// The environment; absent if the answers did not tell it.
    pub environment: Option<u32>,
    /// The values.
    pub values: SparseHistogram,
}

/// Values by window and environment. Windows cover equal times, and values of neighbouring ones depend little on each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Observations {
    windows: usize,
    cells: Vec<Cell>,
    all: Arc<SparseHistogram>,
}

impl Observations {
    /// The values of these cells in this number of windows. Cells of later windows are left out.
    pub fn new(windows: usize, mut cells: Vec<Cell>) -> Self {
        cells.retain(|cell| cell.window < windows);
        cells.iter_mut().for_each(|cell| cell.values.settle());
        let all = SparseHistogram::merged(cells.iter().map(|cell| &cell.values));
        Self { windows, cells, all: Arc::new(all) }
    }

    /// How many windows there are.
    pub fn windows(&self) -> usize {
        self.windows
    }

    /// All values.
    pub fn all(&self) -> &SparseHistogram {
        &self.all
    }

    /// All values, for whoever keeps them.
    pub(crate) fn shared(&self) -> Arc<SparseHistogram> {
        Arc::clone(&self.all)
    }

    /// The number and the sum of the values of each window.
    pub(crate) fn sums(&self) -> Vec<(f64, f64)> {
        let mut sums = vec![(0.0, 0.0); self.windows];
        for cell in &self.cells {
            sums[cell.window].0 += cell.values.count() as f64;
            sums[cell.window].1 += cell.values.sum_ns();
        }
        sums
    }

    /// How many environments, all answering equally often, would tell as much; 0 if none is known.
    pub fn environments(&self) -> f64 {
        self.spread(|_| 0.0).environments()
    }

    /// How widely the sum of what `deviation` says of the values of a cell varies.
    pub(crate) fn spread(&self, deviation: impl Fn(&SparseHistogram) -> f64) -> Spread {
        let deviations = self.cells.iter().map(|cell| Deviation {
            window: cell.window,
            environment: cell.environment,
            count: cell.values.count(),
            sum: deviation(&cell.values),
        });
        Spread::new(self.windows, &deviations.collect::<Vec<_>>())
    }
}
