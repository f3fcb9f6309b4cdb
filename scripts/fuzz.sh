#!/usr/bin/env bash
#
# Runs the fuzz targets.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/fuzz.sh [--help] [--figures] [--seconds N] [TARGET...]

Builds all fuzz targets, and runs those that are named, or each, for N seconds (10). It prints nothing if nothing is
found. It stops at the first input that makes a target panic, take more than 10 seconds, or take more than 2 GB; it says
where the input lies, and how to run it again.

What a target finds on its way is kept in target/fuzz-corpus/TARGET, and the next run starts from it. fuzz/corpus/TARGET
stays as it is.

It needs cargo-fuzz (cargo install cargo-fuzz --locked), a C++ compiler, and no other Rust than that of the project.

  --figures     print how many inputs each target ran, and how many edges of its code they reached
  --seconds N   how long each target runs
EOT
}

main() {
    local figures=false seconds=10 targets=() target
    while (($# > 0)); do
        case $1 in
        -h | --help) usage && exit ;;
        --figures) figures=true ;;
        --seconds)
            [[ ${2-} =~ ^[1-9][0-9]{0,5}$ ]] || fail "--seconds is ${2:-missing}; expected a number from 1 to 999999"
            seconds=$2
            shift
            ;;
        -*) fail "unknown argument $1; see scripts/fuzz.sh --help" ;;
        *) targets+=("$1") ;;
        esac
        shift
    done
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    command -v cargo-fuzz >/dev/null || fail 'cargo-fuzz is not installed; run: cargo install cargo-fuzz --locked'
    local all
    mapfile -t all < <(cargo fuzz list)
    for target in "${targets[@]}"; do
        [[ " ${all[*]} " == *" $target "* ]] || fail "there is no target $target; expected one of: ${all[*]}"
    done
    ((${#targets[@]} > 0)) || targets=("${all[@]}")

    # Instrumentation is in the compiler of the project, but not yet stable.
    export RUSTC_BOOTSTRAP=1
    mkdir -p target/fuzz-logs
    build
    for target in "${targets[@]}"; do
        run "$target" "$seconds"
        ! "$figures" || print_figures "$target"
    done
}

fail() {
    printf 'fuzz.sh: %s\n' "$*" >&2
    exit 1
}

build() {
    local log=target/fuzz-logs/build.log
    # The parsers are safe Rust, in which AddressSanitizer finds next to nothing. Without it, more inputs are tried.
    cargo fuzz build --sanitizer none >"$log" 2>&1 || {
        tail -n 60 "$log" >&2
        fail "the targets do not build; all messages are in $log"
    }
}

# run TARGET SECONDS
run() {
    local log=target/fuzz-logs/$1.log found=target/fuzz-corpus/$1 input
    mkdir -p "$found" "fuzz/corpus/$1"
    # The first folder gets what is found.
    cargo fuzz run --sanitizer none "$1" "$found" "fuzz/corpus/$1" -- \
        -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 >"$log" 2>&1 || {
        input=$(sed -n 's/.*Test unit written to \(.*\)/\1/p' "$log" | head -n 1)
        grep --max-count=5 --after-context=1 --extended-regexp 'panicked at|ERROR: libFuzzer|^Error: ' "$log" >&2 || true
        [[ -n $input ]] || fail "$1 failed without an input; all messages are in $log"
        fail "$1 fails with the input ${input#"$PWD"/}; all messages are in $log. Run it again with:
    RUSTC_BOOTSTRAP=1 cargo fuzz run --sanitizer none $1 ${input#"$PWD"/}"
    }
}

print_figures() {
    awk -v target="$1" '
        / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
        /number_of_executed_units/ { inputs = $2 }
        /average_exec_per_sec/ { rate = $2 }
        /peak_rss_mb/ { memory = $2 }
        END { printf "%s: %d inputs, %d/s, %d edges, at most %d MB\n", target, inputs, rate, edges, memory }
    ' "target/fuzz-logs/$1.log"
}

main "$@"
