#!/usr/bin/env bash
#
# Sends one load from several machines of AWS Batch.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: submit.sh [--in SECONDS] [--with NAME=VALUE]...

Submits the array job of load.json, and the job of merge.json, which begins when all jobs of the array have succeeded. The
job definition has to be registered before. The variables and files of the AWS CLI say which account and region it is.

  --in SECONDS       when the load starts: all jobs have to run then [default: 300]
  --with NAME=VALUE  a parameter of the job definition, as rps=4000 or time=180; may be repeated
EOT
}

fail() {
    printf 'submit.sh: %s\n' "$*" >&2
    exit 2
}

within=300 parameters=()
while (($# > 0)); do
    case $1 in
    --in) within=${2-} ;;
    --with) parameters+=("${2-}") ;;
    -h | --help) usage && exit ;;
    *) fail "unknown argument $1; see submit.sh --help" ;;
    esac
    # A flag at the end without its value has an empty one, which is refused below.
    shift $(($# > 1 ? 2 : 1))
done
[[ $within =~ ^[0-9]+$ ]] || fail "--in is '$within', expected seconds"
for parameter in "${parameters[@]}"; do
    [[ $parameter =~ ^[a-z_]+=[^,]+$ ]] || fail "--with is '$parameter', expected NAME=VALUE without a comma"
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
start_at=$(date --utc --date="$within seconds" +%Y-%m-%dT%H:%M:%SZ)

# submit FILE FLAGS...: prints the id of the job.
submit() {
    aws batch submit-job --cli-input-json "file://$here/$1" --query jobId --output text "${@:2}"
}

array=$(submit load.json --parameters "$(IFS=, && echo "${parameters[*]-}${parameters:+,}start_at=$start_at")")
# Without a type, a dependency on an array is one on all of its jobs.
merge=$(submit merge.json --depends-on "jobId=$array") || {
    aws batch terminate-job --job-id "$array" --reason 'the job that merges the runs was refused'
    fail "the job that merges the runs was refused, so the array $array was ended"
}
printf 'array %s starts its load at %s; job %s merges the runs to merged\n' "$array" "$start_at" "$merge"
