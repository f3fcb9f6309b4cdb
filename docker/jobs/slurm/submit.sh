#!/usr/bin/env bash
#
# Sends one load from several nodes of a Slurm cluster.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: submit.sh --shards N [--in SECONDS] --runs FOLDER -- FLAGS OF AWSINVOKER

Submits an array of N tasks that send one load together, and a job that merges their runs to FOLDER/merged. The rate is
that of all tasks together. FOLDER is new or empty, and all nodes share it. The variable AWSINVOKER names the program.

  --shards N     how many tasks send the load; as many have to run at the same time
  --in SECONDS   when the load starts: all tasks have to be ready then [default: 120]
  --runs FOLDER  the folder for the runs
EOT
}

fail() {
    printf 'submit.sh: %s\n' "$*" >&2
    exit 2
}

shards='' within=120 runs=''
while (($# > 0)); do
    case $1 in
    --shards) shards=${2-} && shift 2 ;;
    --in) within=${2-} && shift 2 ;;
    --runs) runs=${2-} && shift 2 ;;
    -h | --help) usage && exit ;;
    --) shift && break ;;
    *) fail "unknown argument $1; see submit.sh --help" ;;
    esac
done
[[ $shards =~ ^[1-9][0-9]*$ ]] || fail "--shards is '$shards', expected a number from 1"
[[ $within =~ ^[0-9]+$ ]] || fail "--in is '$within', expected seconds"
[[ -n $runs ]] || fail '--runs is missing'
mkdir -p "$runs"
[[ -z $(ls -A "$runs") ]] || fail "--runs is '$runs', expected a new or an empty folder"
mkdir "$runs/logs"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUNS=$(cd "$runs" && pwd)
START_AT=$(date --utc --date="$within seconds" +%Y-%m-%dT%H:%M:%SZ)
export RUNS START_AT
array=$(sbatch --parsable --array="0-$((shards - 1))" --output="$RUNS/logs/shard-%a.log" "$here/load.sbatch" "$@")
# However they end: the merge itself knows whether all is there.
merge=$(sbatch --parsable --dependency="afterany:$array" --output="$RUNS/logs/merge.log" "$here/merge.sbatch") || {
    scancel "$array"
    fail "the job that merges the runs was refused, so the array $array was cancelled"
}
printf 'array %s starts its load at %s; job %s merges the runs to %s\n' "$array" "$START_AT" "$merge" "$RUNS/merged"
