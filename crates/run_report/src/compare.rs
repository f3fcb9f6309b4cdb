//! Whether and by how much systems differ: from the samples of both sides to a [`Comparison`].

mod arm;
mod collected;
mod figures;
mod input;
mod notes;
mod sentence;

use run_record::comparison::{self, Arm, Comparison, Contrast, Design, Figure, Scope};

pub use self::collected::{Collected, EnvironmentNumbers, MAX_WINDOWS};
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
    let arms = [arm::arm(baseline), arm::arm(candidate)];
    let pair = Pair { sides: [baseline, candidate], windows, arms: &arms, is_separate, margin: input.margin };
    let figures = pair.figures();
    let cold_effect = figures::cold_effect(&figures, &arms);
    let headline = headline(input.headline, &arms, &figures);
    let sentences = sentence::sentences(pairing, &arms, (headline, &figures), input.margin);
    let notes = notes::of_pair(input, pairing, [baseline, candidate], &arms, &figures);
    let [baseline, candidate] = arms;
    Contrast {
        function: pairing.function.clone(),
        baseline,
        candidate,
        windows: used as u64,
        windows_left_out: input.windows.saturating_sub(used) as u64,
        headline,
        sentences,
        notes,
        cold_effect,
        figures,
    }
}

/// Of which requests the sentences are: of all, if no side tells which of them are the wanted ones.
fn headline(wanted: Scope, arms: &[Arm; 2], figures: &[Figure]) -> Scope {
    let is_told = match wanted {
        Scope::Cold => arms.iter().any(|arm| arm.cold.is_some()),
        wanted => figures.iter().any(|figure| figure.scope == wanted),
    };
    if is_told { wanted } else { Scope::All }
}

#[cfg(test)]
mod tests;
