#!/usr/bin/env bash
#
# Everything that has to hold before a change goes in.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/test.sh [--help]

Sets everything up, then checks formatting, lints, documentation, dependencies and shell scripts, and runs all
tests; the quick checks come first. Stops at the first failure.

cargo-deny and shellcheck are used where they are installed; it is said at the end if they are not.
EOT
}

main() {
    case ${1-} in
    '') ;;
    -h | --help) usage && exit ;;
    *) printf 'test.sh: unknown argument %s; see scripts/test.sh --help\n' "$1" >&2 && exit 2 ;;
    esac
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    left_out=()

    ./scripts/setup.sh
    step cargo fmt --all --check
    step check_scripts
    step check_dependencies
    step cargo clippy --locked --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS='-D warnings' step cargo doc --locked --workspace --no-deps
    # Builds all binaries before the first test: those of awsinvoker run the others.
    step cargo test --locked --workspace
    ((${#left_out[@]} == 0)) || printf 'test.sh: left out: %s\n' "${left_out[@]}"
}

step() {
    printf '==> %s\n' "$*"
    "$@"
}

check_scripts() {
    command -v shellcheck >/dev/null || {
        left_out+=('shellcheck of the scripts (apt-get install shellcheck)')
        return 0
    }
    shellcheck scripts/*.sh .ci/run
}

check_dependencies() {
    command -v cargo-deny >/dev/null || {
        left_out+=('licences, bans of dependencies (cargo install cargo-deny --locked)')
        return 0
    }
    cargo deny --locked check licenses bans
}

main "$@"
