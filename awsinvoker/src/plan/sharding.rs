//! Which of several load generators this one is, and whether the load can be divided among them.

use std::collections::BTreeMap;

use run_record::Shard;

use super::schedule::Schedule;
use crate::cli::ShardArg;
use crate::env_vars::{
    AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ARRAY_SIZE, AWSINVOKER_SHARDS, JOB_COMPLETION_INDEX,
    SLURM_ARRAY_TASK_COUNT, SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_MAX, SLURM_ARRAY_TASK_MIN,
    SLURM_ARRAY_TASK_STEP, SLURM_NTASKS, SLURM_PROCID, SLURM_STEP_ID,
};

/// Variables by name.
type Variables = BTreeMap<&'static str, String>;

/// Why it is not known what a shard is to send of the load, or why there is no such shard.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum ShardError {
    #[error(
        "--shard auto: none of {JOB_COMPLETION_INDEX}, {AWS_BATCH_JOB_ARRAY_INDEX}, {SLURM_ARRAY_TASK_ID} and {SLURM_PROCID} \
         is set; expected an array job of Kubernetes, AWS Batch or Slurm, or name the shard, as in --shard 0/4"
    )]
    Nothing,
    #[error("--shard auto: several things say which shard this is ({0}); name the shard, as in --shard 0/4")]
    Several(String),
    #[error("--shard auto: {found} is set, and {missing} is not; {hint}")]
    Missing { found: String, missing: &'static str, hint: &'static str },
    #[error("--shard auto: {name} is `{value}`, expected a number from 0 to 4294967295")]
    Number { name: &'static str, value: String },
    #[error("--shard auto: {0} is no shard: expected an index below the total, which is at most {max}", max = Shard::MAX_TOTAL)]
    Bounds(String),
    #[error("--shard auto: the ids of the array have gaps ({0}); expected an array such as 0-7 or 3-9:2")]
    Gaps(String),
    #[error(
        "--shard: the schedule has {rounds} whole rounds of its endpoints, expected at least one for each of {shards} shards; \
         make it longer, or use fewer shards"
    )]
    TooShort { rounds: u64, shards: u32 },
}

/// The shard that the command line, or one of these variables, names.
pub(super) fn resolve(arg: ShardArg, variables: &Variables) -> Result<Shard, ShardError> {
    match arg {
        ShardArg::Given(shard) => Ok(shard),
        ShardArg::Auto => of_environment(&Told(variables)),
    }
}

/// What the shard sends of this schedule.
pub(super) fn of_shard(whole: Schedule, shard: Shard) -> Result<Schedule, ShardError> {
    match whole.rounds() {
        rounds if rounds < u64::from(shard.total()) => {
            Err(ShardError::TooShort { rounds, shards: shard.total() })
        }
        _ => Ok(whole.of_shard(shard)),
    }
}

fn of_environment(told: &Told<'_>) -> Result<Shard, ShardError> {
    let engines = [kubernetes(told), aws_batch(told), slurm_array(told), slurm_step(told)];
    let mut found = engines.into_iter().flatten();
    match (found.next(), found.next()) {
        (None, _) => Err(ShardError::Nothing),
        (Some(shard), None) => shard,
        (Some(_), Some(_)) => Err(ShardError::Several(told.all())),
    }
}

fn kubernetes(told: &Told<'_>) -> Option<Result<Shard, ShardError>> {
    let hint = "set it to `completions` of the Job";
    told.has(JOB_COMPLETION_INDEX).then(|| {
        let total = told.needed(JOB_COMPLETION_INDEX, AWSINVOKER_SHARDS, hint)?;
        told.shard(told.number(JOB_COMPLETION_INDEX)?, total)
    })
}

fn aws_batch(told: &Told<'_>) -> Option<Result<Shard, ShardError>> {
    let hint = "expected both in an array job of AWS Batch";
    told.has(AWS_BATCH_JOB_ARRAY_INDEX).then(|| {
        let total = told.needed(AWS_BATCH_JOB_ARRAY_INDEX, AWS_BATCH_JOB_ARRAY_SIZE, hint)?;
        told.shard(told.number(AWS_BATCH_JOB_ARRAY_INDEX)?, total)
    })
}

fn slurm_array(told: &Told<'_>) -> Option<Result<Shard, ShardError>> {
    told.has(SLURM_ARRAY_TASK_ID).then(|| {
        let needed = |name| told.needed(SLURM_ARRAY_TASK_ID, name, "expected both in an array job of Slurm");
        let (id, count) = (told.number(SLURM_ARRAY_TASK_ID)?, needed(SLURM_ARRAY_TASK_COUNT)?);
        let (min, max) = (needed(SLURM_ARRAY_TASK_MIN)?, needed(SLURM_ARRAY_TASK_MAX)?);
        let step = needed(SLURM_ARRAY_TASK_STEP)?.max(1);
        let index = |id: u32| id.checked_sub(min).filter(|distance| distance % step == 0).map(|it| it / step);
        match index(id).zip(index(max)) {
            Some((index, last)) if last.checked_add(1) == Some(count) => told.shard(index, count),
            _ => Err(ShardError::Gaps(told.all())),
        }
    })
}

/// A job that is no array, and of which `srun` starts several processes. A task of an array is one process.
fn slurm_step(told: &Told<'_>) -> Option<Result<Shard, ShardError>> {
    let is_one_of_an_array =
        told.has(SLURM_ARRAY_TASK_ID) && told.0.get(SLURM_NTASKS).is_none_or(|total| total == "1");
    if !told.has(SLURM_PROCID) || is_one_of_an_array {
        return None;
    }
    let needed = |name, hint| told.needed(SLURM_PROCID, name, hint);
    Some((|| {
        needed(SLURM_STEP_ID, "start awsinvoker with srun, which starts it as often as the job has tasks")?;
        let total = needed(SLURM_NTASKS, "start awsinvoker with srun --ntasks")?;
        told.shard(told.number(SLURM_PROCID)?, total)
    })())
}

/// What the environment tells.
struct Told<'a>(&'a Variables);

impl Told<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn number(&self, name: &'static str) -> Result<u32, ShardError> {
        let value = self.0.get(name).map_or("", String::as_str);
        value.parse().map_err(|_| ShardError::Number { name, value: value.to_owned() })
    }

    /// The number that has to be there if `found` is.
    fn needed(&self, found: &'static str, name: &'static str, hint: &'static str) -> Result<u32, ShardError> {
        if self.has(name) {
            return self.number(name);
        }
        let found = format!("{found}={}", self.0.get(found).map_or("", String::as_str));
        Err(ShardError::Missing { found, missing: name, hint })
    }

    fn shard(&self, index: u32, total: u32) -> Result<Shard, ShardError> {
        Shard::new(index, total)
            .ok_or_else(|| ShardError::Bounds(format!("{index}/{total} ({})", self.all())))
    }

    fn all(&self) -> String {
        let all: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        all.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shard that variables such as `A=1 B=2` name.
    fn shard(variables: &str) -> Result<(u32, u32), String> {
        let variables = variables.split_whitespace().map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (&*name.to_owned().leak(), value.to_owned())
        });
        let shard = resolve(ShardArg::Auto, &variables.collect());
        shard.map(|shard| (shard.index(), shard.total())).map_err(|error| error.to_string())
    }

    const ARRAY: &str =
        "SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=4";

    #[test]
    fn each_engine_tells_it_in_its_own_way() {
        assert_eq!(shard("JOB_COMPLETION_INDEX=2 AWSINVOKER_SHARDS=5"), Ok((2, 5)));
        assert_eq!(shard("AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=2"), Ok((0, 2)));
        for (id, index) in [(3, 0), (5, 1), (9, 3)] {
            assert_eq!(shard(&format!("{ARRAY} SLURM_ARRAY_TASK_ID={id}")), Ok((index, 4)));
        }
        // Slurm tells a task of an array also its number among the processes of the task.
        let of_task = "SLURM_ARRAY_TASK_ID=7 SLURM_PROCID=0 SLURM_NTASKS=1";
        assert_eq!(shard(&format!("{ARRAY} {of_task}")), Ok((2, 4)));
        assert_eq!(shard("SLURM_PROCID=6 SLURM_NTASKS=8 SLURM_STEP_ID=0"), Ok((6, 8)));
    }

    #[test]
    fn what_is_not_clear_is_told_with_what_was_seen() {
        let message = |variables: &str| shard(variables).unwrap_err();
        insta::assert_snapshot!(message(""), @"--shard auto: none of JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX, SLURM_ARRAY_TASK_ID and SLURM_PROCID is set; expected an array job of Kubernetes, AWS Batch or Slurm, or name the shard, as in --shard 0/4");
        insta::assert_snapshot!(message("JOB_COMPLETION_INDEX=3"), @"--shard auto: JOB_COMPLETION_INDEX=3 is set, and AWSINVOKER_SHARDS is not; set it to `completions` of the Job");
        insta::assert_snapshot!(message("JOB_COMPLETION_INDEX=3 AWSINVOKER_SHARDS=3"), @"--shard auto: 3/3 (AWSINVOKER_SHARDS=3, JOB_COMPLETION_INDEX=3) is no shard: expected an index below the total, which is at most 10000");
        insta::assert_snapshot!(message("JOB_COMPLETION_INDEX=x AWSINVOKER_SHARDS=3"), @"--shard auto: JOB_COMPLETION_INDEX is `x`, expected a number from 0 to 4294967295");
        insta::assert_snapshot!(message("AWS_BATCH_JOB_ARRAY_INDEX=3"), @"--shard auto: AWS_BATCH_JOB_ARRAY_INDEX=3 is set, and AWS_BATCH_JOB_ARRAY_SIZE is not; expected both in an array job of AWS Batch");
        insta::assert_snapshot!(message("SLURM_PROCID=0 SLURM_NTASKS=8"), @"--shard auto: SLURM_PROCID=0 is set, and SLURM_STEP_ID is not; start awsinvoker with srun, which starts it as often as the job has tasks");
        insta::assert_snapshot!(message("JOB_COMPLETION_INDEX=3 AWSINVOKER_SHARDS=4 SLURM_PROCID=0"), @"--shard auto: several things say which shard this is (AWSINVOKER_SHARDS=4, JOB_COMPLETION_INDEX=3, SLURM_PROCID=0); name the shard, as in --shard 0/4");
        insta::assert_snapshot!(message(&format!("{ARRAY} SLURM_ARRAY_TASK_ID=3 SLURM_PROCID=1 SLURM_NTASKS=2")), @"--shard auto: several things say which shard this is (SLURM_ARRAY_TASK_COUNT=4, SLURM_ARRAY_TASK_ID=3, SLURM_ARRAY_TASK_MAX=9, SLURM_ARRAY_TASK_MIN=3, SLURM_ARRAY_TASK_STEP=2, SLURM_NTASKS=2, SLURM_PROCID=1); name the shard, as in --shard 0/4");
        let gaps =
            "SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=4 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=3";
        insta::assert_snapshot!(message(&format!("{gaps} SLURM_ARRAY_TASK_ID=3")), @"--shard auto: the ids of the array have gaps (SLURM_ARRAY_TASK_COUNT=3, SLURM_ARRAY_TASK_ID=3, SLURM_ARRAY_TASK_MAX=4, SLURM_ARRAY_TASK_MIN=0, SLURM_ARRAY_TASK_STEP=1); expected an array such as 0-7 or 3-9:2");
    }
}
