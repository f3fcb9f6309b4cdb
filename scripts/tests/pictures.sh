#!/usr/bin/env bash
#
# Compares infer with Pillow on Pillow's own test pictures.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/tests/pictures.sh [--help] [INFER]

Fetches Pillow's source distribution, pinned by hash, keeps its test pictures in assets/pictures, and runs
scripts/compare_with_pillow.py on them. Needs the Python environment of scripts/setup.sh.

  INFER   the program (default: debug/infer in cargo's target directory)
EOT
}

# Pillow refuses these for what is beside the pixels: the frames of an animation, and compressed text.
readonly shown=(apng/chunk_no_fctl.png png_decompression_dos.png unknown_compression_method.png)

main() {
    case ${1-} in
    -h | --help) usage && exit ;;
    -*) fail "unknown flag $1; see scripts/tests/pictures.sh --help" ;;
    esac
    (($# <= 1)) || fail "unexpected argument $2; see scripts/tests/pictures.sh --help"
    cd "$(dirname "${BASH_SOURCE[0]}")/../.."
    # shellcheck source=../lib/cargo.sh
    source scripts/lib/cargo.sh
    local infer=${1-$(target_directory)/debug/infer}
    readonly python=$PWD/assets/venv/bin/python requirements=$PWD/scripts/tests/pictures.txt pictures=$PWD/assets/pictures
    [[ -x $python ]] || fail 'assets/venv is missing: run ./scripts/setup.sh'
    are_current || fetch
    "$python" scripts/compare_with_pillow.py --infer "$infer" --quiet "${shown[@]/#/--shown=}" "$pictures/images"
}

fail() {
    printf 'pictures.sh: %s\n' "$*" >&2
    exit 1
}

are_current() {
    [[ -f $pictures/.complete ]] && cmp --silent "$requirements" "$pictures/.complete"
}

fetch() {
    staging=$(mktemp -d "$PWD/assets/.pictures.XXXXXX")
    trap 'rm -rf "$staging"' EXIT
    # pip looks into a source distribution before it hands it over. pybind11 is all that this takes.
    pip install --target "$staging/tools" -r <(grep --invert-match '^pillow' "$requirements")
    PYTHONPATH=$staging/tools pip download --no-build-isolation --no-binary :all: --dest "$staging" \
        -r <(grep --invert-match '^pybind11' "$requirements")
    mkdir "$staging/images"
    tar --extract --file "$staging"/pillow-*.tar.gz --directory "$staging/images" --strip-components 3 \
        --wildcards 'pillow-*/Tests/images'
    cp "$requirements" "$staging/.complete"
    rm -rf "$staging/tools" "$staging"/pillow-*.tar.gz "$pictures"
    mv "$staging" "$pictures"
}

pip() {
    "$python" -m pip "$@" --quiet --disable-pip-version-check --no-input --no-deps --require-hashes
}

main "$@"
