#!/usr/bin/env bash
#
# The whole comparison on this machine, in about 20 seconds after the build.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/demo.sh [--help] [--debug] [AWSINVOKER_FLAG...]

Sets everything up, builds in release mode, and loads both functions on the local Lambda with real images and
real weights: 40 requests a second for 20 seconds. Ends with a table of the latencies, the path of the results, and
that of a page about them for a browser. Needs neither Docker nor an AWS account.

  --debug   build in debug mode: the build takes less time, and the latencies are not worth comparing

Further flags are given to awsinvoker and win, as in: scripts/demo.sh --rps 100 --time 60
EOT
}

main() {
    local build=build_release
    case ${1-} in
    -h | --help) usage && exit ;;
    --debug) build=build_debug && shift ;;
    esac
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    ./scripts/setup.sh
    # shellcheck source=lib/cargo.sh
    source scripts/lib/cargo.sh
    target=$(target_directory)
    "$build"
    run "$@"
}

# Sets programs to the folder with all that is run: awsinvoker takes the programs that lie beside it.
build_release() {
    # Only what the demo runs: everything takes longer.
    cargo build --release --locked --package awsinvoker --package lambda_local --bins
    # As their images are built.
    cargo build --profile lambda --locked --package chameleon --package cnn_serving --bins
    programs=$target/demo
    mkdir -p "$programs"
    ln --force "$target"/release/{awsinvoker,lambda-local} "$target"/lambda/{chameleon,cnn_serving} "$programs"
}

build_debug() {
    # Of the whole workspace, because fewer packages would have fewer features, and be compiled again.
    # With the examples, packages have the features that they have for the tests: nothing is compiled again after those.
    cargo build --locked --workspace --bins --examples
    programs=$target/debug
}

# run FLAG...: the run, and the page about it if there are results.
run() {
    local awsinvoker=$programs/awsinvoker status=0 log folder
    log=$(mktemp)
    # tee outlives Ctrl-C, as awsinvoker still has something to say then.
    "$awsinvoker" --local --env "CNN_SERVING_ASSETS=$PWD/assets" --endpoints-file scripts/demo_endpoints.json \
        --rps 40 --time 20 "$@" | tee --ignore-interrupts "$log" || status=$?
    folder=$(sed --quiet 's/^results: //p' "$log" | tail --lines 1)
    rm "$log"
    [[ -z $folder ]] || "$awsinvoker" report "$folder" --html "$folder/report.html" | tail --lines 1
    return "$status"
}

main "$@"
