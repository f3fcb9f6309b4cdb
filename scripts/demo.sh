#!/usr/bin/env bash
#
# The whole comparison on this machine, in about 20 seconds after the build.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/demo.sh [--help] [AWSINVOKER_FLAG...]

Sets everything up, builds in release mode, and loads both functions on the local Lambda with real images and
real weights: 40 requests a second for 20 seconds. Ends with a table of the latencies and the path of the
results. Needs neither Docker nor an AWS account.

Further flags are given to awsinvoker and win, as in: scripts/demo.sh --rps 100 --time 60
EOT
}

main() {
    case ${1-} in
    -h | --help) usage && exit ;;
    esac
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    ./scripts/setup.sh
    # Only what the demo runs: everything takes longer.
    cargo build --release --locked --package awsinvoker --package lambda_local --bins
    # As their images are built.
    cargo build --profile lambda --locked --package chameleon --package cnn_serving --bins
    # shellcheck source=lib/cargo.sh
    source scripts/lib/cargo.sh
    local target
    target=$(target_directory)
    # awsinvoker takes the programs that lie beside it.
    mkdir -p "$target/demo"
    ln --force "$target"/release/{awsinvoker,lambda-local} "$target"/lambda/{chameleon,cnn_serving} "$target/demo"
    exec "$target/demo/awsinvoker" --local --env "CNN_SERVING_ASSETS=$PWD/assets" \
        --endpoints-file scripts/demo_endpoints.json --rps 40 --time 20 "$@"
}

main "$@"
