#!/usr/bin/env bash
#
# Everything that has to hold before a change goes in.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/test.sh [--help] [--quick | --keep-images | --without-awscli]

Checks formatting, lints and shell scripts and runs the unit tests; then makes `assets` (scripts/setup.sh), checks
dependencies and documentation, and runs all other tests. Where Docker runs, the script then builds the images, tests
them and the local Lambda that runs them, and deploys them to stand-ins for AWS. It stops at the first failure, and
leaves no container, image or process behind.

These tools are used only where they are installed: Docker, docker-compose, docker-registry, Debian's awscli, Chromium,
kubectl, Slurm, shellcheck, cargo-deny, cargo-fuzz. What was left out is printed at the end. With CI=true, leaving
anything out is a failure.

  --quick            only formatting, lints and unit tests
  --keep-images      leave the images, so that the next run builds only what has changed
  --without-awscli   leave out what needs Debian's awscli, also with CI=true
EOT
}

# The labels of the images of this project, and of those that the tests of lambda_local make.
readonly labels=(serverless.samples lambda-local.test)

main() {
    keep_images=false
    quick=false
    without_awscli=false
    case ${1-} in
    '') ;;
    --keep-images) keep_images=true ;;
    --quick) quick=true ;;
    --without-awscli) without_awscli=true ;;
    -h | --help) usage && exit ;;
    *) fail "unknown argument $1; see scripts/test.sh --help" ;;
    esac
    (($# <= 1)) || fail "unexpected argument $2; see scripts/test.sh --help"
    reset_signals "$@"
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    left_out=()

    test_quickly
    "$quick" || test_thoroughly
    report
}

# `nohup`, and `&` in a script, let a program ignore signals, and all that it starts. The programs under test respect that,
# so their tests need the default.
reset_signals() {
    [[ -n ${SIGNALS_RESET-} ]] || SIGNALS_RESET=true exec env --default-signal=HUP,INT "$0" "$@"
}

# Formatting, lints and unit tests.
test_quickly() {
    step cargo fmt --all --check
    step check_scripts
    step check_structure
    step cargo clippy --locked --workspace --all-targets -- -D warnings
    step cargo test --locked --workspace --lib
}

test_thoroughly() {
    ./scripts/setup.sh
    step check_dependencies
    step ./scripts/tests/deploy.sh --lint
    step test_knative
    RUSTDOCFLAGS='-D warnings' step cargo doc --locked --workspace --no-deps
    # Builds all programs before the first test: some tests run the programs of other packages.
    step cargo test --locked --workspace
    # Ignored without optimisation, with which it takes seconds.
    step cargo test --locked --release -p run_record --test simulation
    step ./scripts/tests/pictures.sh
    step test_grpc
    test_jobs
    step test_commands
    fuzz
    test_web_pages
    test_images
}

fail() {
    printf 'test.sh: %s\n' "$*" >&2
    exit 1
}

step() {
    local start=$SECONDS
    printf '==> %s\n' "$*"
    "$@"
    printf '    took %d s: %s\n' $((SECONDS - start)) "$1 ${2-}"
}

# is_there COMMAND WHAT_IS_LEFT_OUT_WITHOUT
is_there() {
    command -v "$1" >/dev/null || {
        left_out+=("$2")
        return 1
    }
}

check_scripts() {
    is_there shellcheck 'shellcheck of the scripts (apt-get install shellcheck)' || return 0
    git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck --external-sources
}

# What the documents say of the code, and how its modules use one another.
check_structure() {
    python3 scripts/check_imports.py awsinvoker chameleon cnn_serving cnn_serving/infer crates/*
    python3 scripts/check_boundaries.py
    python3 scripts/check_specification.py
    python3 scripts/conformance.py --check
}

# The functions, called with gRPC's own client for Python.
test_grpc() {
    # shellcheck source=lib/cargo.sh
    source scripts/lib/cargo.sh
    assets/venv/bin/python scripts/tests/grpc_clients.py "$(target_directory)/debug"
}

# The manifests for Knative, and the scripts that deploy them.
test_knative() {
    is_there kubectl 'the deployment on Knative with kubectl (apt-get install kubernetes-client)' || true
    (cd scripts/tests && "$OLDPWD/assets/venv/bin/python" -B -m unittest --quiet test_knative)
}

# The jobs that send one load from several machines.
test_jobs() {
    (cd scripts/tests && "$OLDPWD/assets/venv/bin/python" -B -m unittest --quiet test_jobs)
    is_there slurmctld 'the array job on a Slurm of four nodes (apt-get install slurm-wlm)' || return 0
    # shellcheck source=lib/cargo.sh
    source scripts/lib/cargo.sh
    step python3 -B scripts/tests/test_slurm.py "$(target_directory)/debug"
}

# The commands of README.md and docs/.
test_commands() {
    # shellcheck source=lib/cargo.sh
    source scripts/lib/cargo.sh
    # The Python environment has what some commands need: awslambdaric and the AWS CLI.
    PATH=$PWD/assets/venv/bin:$PATH python3 scripts/tests/commands.py "$@" "$(target_directory)/debug"
}

# What pages in a browser can do with a local Lambda.
test_web_pages() {
    [[ -x /usr/bin/google-chrome || -x /usr/bin/chromium-browser ]] ||
        is_there /usr/bin/chromium 'web pages in a browser (apt-get install chromium)' || return 0
    # Of the whole workspace, because fewer packages would have fewer features, and be compiled again.
    step cargo test --locked --workspace --test lambda_local -- --ignored web_pages
    step test_report_page
}

# The page of a run, as a browser shows it.
test_report_page() {
    # shellcheck source=lib/cargo.sh
    source scripts/lib/cargo.sh
    assets/venv/bin/python -B scripts/tests/page.py "$(target_directory)/debug"
}

fuzz() {
    is_there cargo-fuzz 'fuzzing of the parsers (cargo install cargo-fuzz --locked)' || return 0
    step ./scripts/fuzz.sh
}

check_dependencies() {
    is_there cargo-deny 'licences, bans of dependencies (cargo install cargo-deny --locked)' || return 0
    cargo deny --locked check licenses bans
}

# --- with Docker ------------------------------------------------------------------------------------------

test_images() {
    docker version >/dev/null 2>&1 || {
        left_out+=('images, environments in containers, deployment (Docker is not installed or does not run)')
        return 0
    }
    docker compose version >/dev/null 2>&1 ||
        is_there docker-compose 'images, environments in containers, deployment (apt-get install docker-compose)' ||
        return 0
    remember_images
    trap remove_images EXIT
    step ./docker/build.sh
    is_there objdump 'the test of the images (apt-get install binutils)' && step ./docker/test.sh
    # Once more, now that the images are there that some commands need.
    step test_commands --strict
    # The simulation has run, with optimisation.
    step cargo test --locked --workspace --exclude run_record -- --ignored --skip web_pages
    step test_deployment
}

test_deployment() {
    is_there docker-registry 'deployment (apt-get install docker-registry)' || return 0
    if "$without_awscli"; then
        # With CI=true, the script demands it.
        CI=false ./scripts/tests/deploy.sh --images
        return
    fi
    [[ -x /usr/bin/aws ]] || left_out+=('deployment with version 2 of the AWS CLI (apt-get install awscli)')
    ./scripts/tests/deploy.sh --images
}

remember_images() {
    images_before=$(list_images)
    tags_before=$(docker image ls --format '{{.ID}} {{.Repository}}:{{.Tag}}' --no-trunc --filter "label=${labels[0]}")
}

# The images of this project, also those without a name that a build leaves: the newest first.
list_images() {
    local label
    for label in "${labels[@]}"; do
        docker image ls --quiet --no-trunc --filter "label=$label"
    done
}

# Removes the images that are new, and gives names back to those that had them.
remove_images() {
    "$keep_images" && return
    { list_images | grep --invert-match --fixed-strings --regexp="${images_before:-none}" || true; } |
        xargs --no-run-if-empty docker image rm --force >/dev/null
    local id name
    while read -r id name; do
        [[ -z $name || $name == *'<none>'* ]] || docker tag "$id" "$name"
    done <<<"$tags_before"
}

# --- the end ----------------------------------------------------------------------------------------------

report() {
    ((${#left_out[@]} > 0)) || return 0
    printf 'test.sh: left out: %s\n' "${left_out[@]}"
    [[ ${CI-} != true ]] || fail 'CI=true, so nothing may be left out: install what is named above'
}

main "$@"
