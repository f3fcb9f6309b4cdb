#!/bin/sh
#
# For the Dockerfiles alone: gives every crate below the working directory empty sources, so that cargo can build the
# dependencies where only the manifests are. That layer of an image stays when the sources change.

set -eu

usage='Usage: docker/skeleton.sh [--help]

For the Dockerfiles alone. Writes empty sources for every crate below the working directory, which must hold manifests
only. Refuses to run where a crate has sources.'

case ${1-} in
'') ;;
-h | --help) echo "$usage" && exit ;;
*) echo "skeleton.sh: unknown argument $1; see docker/skeleton.sh --help" >&2 && exit 1 ;;
esac

for manifest in */Cargo.toml */*/Cargo.toml; do
    if [ -e "${manifest%/Cargo.toml}/src" ]; then
        echo "skeleton.sh: ${manifest%/Cargo.toml}/src exists and would be overwritten; this is for the Dockerfiles alone" >&2
        exit 1
    fi
done

for manifest in */Cargo.toml */*/Cargo.toml; do
    crate=${manifest%/Cargo.toml}
    mkdir -p "$crate/src" "$crate/benches"
    echo '//! Empty.' >"$crate/src/lib.rs"
    printf '//! Empty.\nfn main() {}\n' >"$crate/src/main.rs"
    # Without a build script, cargo does not compile what it depends on.
    if grep -q '^\[build-dependencies\]' "$manifest"; then
        printf '//! Empty.\nfn main() {}\n' >"$crate/build.rs"
    fi
    # Cargo refuses a manifest that names a benchmark without a source.
    sed -n '/^\[\[bench\]\]/{n;s/^name = "\(.*\)"/\1/p;}' "$manifest" | while read -r bench; do
        echo 'fn main() {}' >"$crate/benches/$bench.rs"
    done
done
