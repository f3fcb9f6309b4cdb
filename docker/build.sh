#!/usr/bin/env bash
#
# Builds the images, also where no image registry can be reached.

set -euo pipefail

usage() {
    cat <<'EOF'
Usage: docker/build.sh [--help] [--tag TAG] [--verbose] [IMAGE...]

Builds the images chameleon, cnn_serving and awsinvoker, or those named, all at once. It is
`docker build -f IMAGE/Dockerfile -t IMAGE .` in the repository, but where the base images can be neither found nor
pulled, docker/base.sh stands in for them.

  --tag TAG   the tag that the images get (default: latest)
  --verbose   show what Docker says, even if nothing fails

Environment:
  DOCKER   the Docker client to use (default: docker)
EOF
}

readonly images=(chameleon cnn_serving awsinvoker)
readonly docker=${DOCKER:-docker}

main() {
    tag=latest
    verbose=false
    while [[ ${1-} == -* ]]; do
        case $1 in
        -h | --help) usage && exit ;;
        --tag) [[ -n ${2-} ]] || fail '--tag needs a value; see docker/build.sh --help'
            tag=$2 && shift ;;
        --verbose) verbose=true ;;
        *) fail "unknown argument $1; see docker/build.sh --help" ;;
        esac
        shift
    done
    (($# > 0)) || set -- "${images[@]}"
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    local image
    for image; do
        [[ " ${images[*]} " == *" $image "* ]] || fail "no image $image; expected ${images[*]}"
    done
    logs=$(mktemp -d)
    log=$logs/base
    trap end EXIT
    "$docker" version >"$log" 2>&1 || fail "Docker cannot be used: $(tail --lines=1 "$log")"
    base_images
    # Linking takes minutes of one processor, so that one build after the other would leave the others idle.
    local builds=() id failed=false
    # Each build in a process group of its own, which a signal ends as a whole.
    set -m
    for image; do
        build "$image" </dev/null &
        builds+=($!)
    done
    for id in "${builds[@]}"; do
        wait "$id" || failed=true
    done
    ! "$failed"
}

# Ends the builds that still run, after a signal.
end() {
    jobs -p | xargs --no-run-if-empty -I{} kill -- -{} 2>/dev/null || true
    rm -rf "$logs"
}

fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

# Sets build_args so that the base images are ones that are there.
base_images() {
    build_args=()
    local argument name base
    for argument in RUST_IMAGE PYTHON_IMAGE; do
        name=$(sed -n "s/^ARG $argument=//p" cnn_serving/Dockerfile)
        is_there "$name" && continue
        base=$(./docker/base.sh)
        build_args+=(--build-arg "$argument=$base")
    done
}

is_there() {
    "$docker" image inspect "$1" >/dev/null 2>&1 || "$docker" pull --quiet "$1" >"$log" 2>&1 || {
        printf 'build.sh: cannot pull %s (%s): docker/base.sh stands in for it\n' "$1" "$(tail --lines=1 "$log")" >&2
        return 1
    }
}

build() {
    local revision log=$logs/$1
    revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
    [[ -z $(git status --porcelain 2>/dev/null) ]] || revision+=-dirty
    if ! "$docker" build --build-arg "REVISION=$revision" "${build_args[@]}" -f "$1/Dockerfile" -t "$1:$tag" . >"$log" 2>&1; then
        tail --lines=50 "$log" >&2
        fail "the image $1 cannot be built, see above"
    fi
    ! "$verbose" || cat "$log"
}

main "$@"
