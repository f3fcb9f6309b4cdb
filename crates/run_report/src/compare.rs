//! Whether and by how much systems differ: from the samples of both sides to a [`Comparison`].

mod arm;
mod collected;
mod figures;
mod input;
mod notes;
mod sentence;

use run_record::comparison::{self, Comparison, Contrast, Design};

pub use self::collected::{Collected, MAX_WINDOWS};
use self::figures::Pair;
pub use self::input::{Input, Pairing, Side};
pub(crate) use self::sentence::times;

/// Compares what the samples of each pairing come to.
pub fn compare(input: Input) -> Comparison {
    let contrasts: Vec<Contrast> = input.pairings.iter().map(|pairing| contrast(&input, pairing)).collect();
    let figures = contrasts.iter().flat_map(|contrast| &contrast.figures);
    let intervals =
        figures.filter_map(|figure| figure.ratio).filter(|ratio| ratio.low.or(ratio.high).is_some()).count();
    let notes = notes::of_all(&input, &contrasts);
    Comparison {
        schema: comparison::SCHEMA,
        valid: input.reasons.is_empty(),
        reasons: input.reasons,
        design: input.design,
        runs: input.runs,
        window_s: input.window_s,
        windows: input.windows as u64,
        left_out_s: input.left_out_s,
        margin: input.margin,
        notes,
        contrasts,
        intervals: intervals as u64,
        expected_false: 0.05 * intervals as f64,
    }
}

fn contrast(input: &Input, pairing: &Pairing) -> Contrast {
    let [baseline, candidate] = [pairing.baseline, pairing.candidate].map(|index| &input.sides[index]);
    let is_separate = input.design == Design::SeparateRuns;
    let windows = match is_separate {
        // Windows of separate runs are no pairs.
        true => [baseline, candidate].map(|side| side.samples.windows_with_success().into_iter().collect()),
        false => {
            let both: Vec<usize> = baseline
                .samples
                .windows_with_success()
                .intersection(&candidate.samples.windows_with_success())
                .copied()
                .collect();
            [both.clone(), both]
        }
    };
    let used = windows[0].len().min(windows[1].len());
    let arms = [arm::arm(baseline, &windows[0]), arm::arm(candidate, &windows[1])];
    let pair = Pair { sides: [baseline, candidate], windows, arms: &arms, is_separate, margin: input.margin };
    let figures = pair.figures();
    let cold_effect = figures::cold_effect(&figures);
    let sentences = sentence::sentences(pairing, &arms, &figures, input.margin);
    let notes = notes::of_pair(pairing, [baseline, candidate], &arms);
    let [baseline, candidate] = arms;
    Contrast {
        function: pairing.function.clone(),
        baseline,
        candidate,
        windows: used as u64,
        windows_left_out: input.windows.saturating_sub(used) as u64,
        sentences,
        notes,
        cold_effect,
        figures,
    }
}

#[cfg(test)]
mod tests;
