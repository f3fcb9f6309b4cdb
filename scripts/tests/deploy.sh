#!/usr/bin/env bash
#
# Tests deploy.sh and destroy.sh against an AWS account that exists on this machine alone.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/tests/deploy.sh [--help] [--images] [--lint] [TEST...]

Checks the templates with cfn-lint, then runs deploy.sh and destroy.sh with the real AWS CLI, Docker and a Docker registry
against moto, which simulates AWS: all tests with version 1 of the CLI, and the life of a deployment with version 2 as well
if Debian's package awscli is installed. Needs Docker, docker-registry, git and the Python environment of
scripts/setup.sh. Leaves no process, file, image or login behind.

  --images   also build, push and deploy the real image of chameleon, for minutes unless Docker has its layers cached
  --lint     only check the templates, for which Docker is not needed
  TEST       only these, as in test_destroy or test_failures.Failures.test_a_failed_push

Environment:
  AWSINVOKER   the program that has to take the endpoints file (default: debug/awsinvoker in cargo's target directory);
               left out if it does not exist
  CI           with CI=true, version 2 of the CLI must be there

Exit codes: 0 all tests passed, 1 one failed, 77 something is missing that the tests need.
EOT
}

main() {
    local images='' lint_only=''
    while [[ ${1-} == -* ]]; do
        case $1 in
        -h | --help) usage && exit ;;
        --images) images=1 ;;
        --lint) lint_only=1 ;;
        *) missing "unknown flag $1; see scripts/tests/deploy.sh --help" ;;
        esac
        shift
    done
    cd "$(dirname "${BASH_SOURCE[0]}")/../.."
    root=$PWD
    [[ -x assets/venv/bin/cfn-lint ]] || missing 'assets/venv has no cfn-lint: ./scripts/setup.sh'
    assets/venv/bin/cfn-lint scripts/cloudformation/*.yaml || exit 1
    [[ -z $lint_only ]] || exit 0
    need docker 'install Docker'
    docker version >/dev/null 2>&1 || missing 'Docker does not run'
    need docker-registry 'apt-get install docker-registry'
    need git 'apt-get install git'
    find_awsinvoker
    cd scripts/tests
    [[ -z $images ]] || export DEPLOY_TEST_IMAGES=1
    if (($# == 0)); then
        # The longest first.
        set -- test_failures test_life test_flags test_destroy
        ! has_debian_cli || set -- test_debian_cli "$@"
    fi
    # One process for each, as many at a time as there are processors.
    printf '%s\n' "$@" |
        xargs --max-procs "$(nproc)" --max-args 1 "$root/assets/venv/bin/python" -B -m unittest --quiet || exit 1
}

has_debian_cli() {
    /usr/bin/python3 -c 'import sys, awscli; sys.exit(not awscli.__version__.startswith("2."))' 2>/dev/null && return
    printf 'tests/deploy.sh: left out: version 2 of the AWS CLI (apt-get install awscli)\n' >&2
    [[ ${CI-} != true ]] || missing 'CI=true, so nothing may be left out'
    return 1
}

find_awsinvoker() {
    # shellcheck source=../lib/cargo.sh
    source scripts/lib/cargo.sh
    export AWSINVOKER=${AWSINVOKER:-$(target_directory)/debug/awsinvoker}
    [[ -x $AWSINVOKER ]] || {
        printf 'tests/deploy.sh: left out: awsinvoker on the endpoints file (cargo build --bin awsinvoker)\n' >&2
        unset AWSINVOKER
    }
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
