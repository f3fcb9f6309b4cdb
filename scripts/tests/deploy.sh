#!/usr/bin/env bash
#
# Tests deploy.sh and destroy.sh against an AWS account that exists on this machine alone.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/tests/deploy.sh [--help] [--images] [TEST...]

Runs deploy.sh and destroy.sh with the real AWS CLI, Docker and a Docker registry against moto, which plays AWS. Needs
Docker, docker-registry, git and the Python environment of scripts/setup.sh. Leaves no process, file, image or login
behind.

  --images   also build, push and deploy the real image of chameleon, for minutes unless Docker has its layers cached
  TEST       only these, as in test_destroy or test_failures.Failures.test_a_failed_push

Environment:
  AWSINVOKER   the program that has to take the endpoints file (default: debug/awsinvoker in cargo's target directory)

Exit codes: 0 all tests passed, 1 one failed, 77 something is missing that the tests need.
EOT
}

main() {
    case ${1-} in
    -h | --help) usage && exit ;;
    --images) export DEPLOY_TEST_IMAGES=1 && shift ;;
    esac
    cd "$(dirname "${BASH_SOURCE[0]}")/../.."
    root=$PWD
    # shellcheck source=../lib/cargo.sh
    source scripts/lib/cargo.sh
    need docker 'install Docker'
    docker version >/dev/null 2>&1 || missing 'Docker does not run'
    need docker-registry 'apt-get install docker-registry'
    need git 'apt-get install git'
    export AWSINVOKER=${AWSINVOKER:-$(target_directory)/debug/awsinvoker}
    [[ -x $AWSINVOKER ]] || missing "$AWSINVOKER is missing: cargo build --bin awsinvoker"
    [[ -x assets/venv/bin/aws ]] || missing 'assets/venv has no AWS CLI: ./scripts/setup.sh'
    cd scripts/tests
    # The longest first; one process for each, as many at a time as there are processors.
    (($# > 0)) || set -- test_life test_failures test_flags test_destroy
    printf '%s\n' "$@" |
        xargs --max-procs "$(nproc)" --max-args 1 "$root/assets/venv/bin/python" -B -m unittest --quiet || exit 1
}

# need COMMAND HOW_TO_INSTALL
need() {
    command -v "$1" >/dev/null || missing "$1 is missing: $2"
}

missing() {
    printf 'tests/deploy.sh: %s\n' "$*" >&2
    exit 77
}

main "$@"
