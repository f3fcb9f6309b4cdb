#!/usr/bin/env bash
#
# A builder image for machines that reach no image registry.

set -euo pipefail

usage() {
    cat <<'EOF'
Usage: docker/base.sh [--help] [--remove]

Makes an image that stands in for the images that the Dockerfiles build in (rust and python), and prints its name.
It holds Debian from Debian's package archive, this machine's Rust toolchain and this machine's certificates. It is
made once, in some minutes, and reused until one of these changes. Needs root, debootstrap and Docker.

    base=$(docker/base.sh)
    docker build --build-arg RUST_IMAGE="$base" --build-arg PYTHON_IMAGE="$base" -f chameleon/Dockerfile -t chameleon .

Where a registry can be reached, nothing of this is needed: the Dockerfiles name their base images.

  --remove   remove all images that this script has made

Environment:
  DEBIAN_MIRROR   where debootstrap gets its packages from (default: debootstrap's own)
EOF
}

readonly suite=bookworm
readonly packages=ca-certificates,gcc,libc6-dev,python3,python3-pip,python3-venv
readonly repository=serverless-builder
readonly label=serverless.samples=base
readonly certificates=/etc/ssl/certs/ca-certificates.crt
readonly toolchain=/usr/local/rust

main() {
    case ${1-} in
    '') ;;
    --remove) remove; exit ;;
    -h | --help) usage && exit ;;
    *) fail "unknown argument $1; see docker/base.sh --help" ;;
    esac
    need docker 'install Docker'
    need rustc 'install Rust with rustup'
    local image
    image=$repository:$(key)
    docker image inspect "$image" >/dev/null 2>&1 || make "$image"
    printf '%s\n' "$image"
}

fail() {
    printf 'base.sh: %s\n' "$*" >&2
    exit 1
}

# need COMMAND HOW_TO_INSTALL
need() {
    command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

remove() {
    docker image ls --filter "label=$label" --format '{{.Repository}}:{{.Tag}}' "$repository" |
        xargs --no-run-if-empty docker image rm >/dev/null
}

# What the image is made from, as its tag.
key() {
    { cat "${BASH_SOURCE[0]}" "$certificates" && rustc --version --verbose; } | sha256sum | cut --characters=-16
}

make() {
    need debootstrap 'apt-get install debootstrap'
    ((EUID == 0)) || fail 'debootstrap needs root: run this script as root'
    printf 'base.sh: making %s, which takes some minutes\n' "$1" >&2
    work=$(mktemp --directory)
    trap 'rm -rf "$work"' EXIT
    debootstrap --variant=minbase --include="$packages" "$suite" "$work/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} \
        >"$work/log" 2>&1 || fail "debootstrap failed: $(tail --lines=5 "$work/log")"
    rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/*
    cp "$certificates" "$work/root$certificates"
    mkdir "$work/root$toolchain"
    tar --create --directory "$(rustc --print sysroot)" --exclude=./share/doc . |
        tar --extract --no-same-owner --directory "$work/root$toolchain"
    # pip brings certificates of its own unless it is told of the system's.
    tar --create --directory "$work/root" . | docker import --message 'made by docker/base.sh' \
        --change "ENV PATH=$toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        --change "ENV PIP_CERT=$certificates" --change "LABEL $label" - "$1" >/dev/null
}

main "$@"
