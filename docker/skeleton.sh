#!/bin/sh
#
# Gives every crate below the working directory empty sources, so that cargo can build the dependencies where only
# the manifests are: a layer of an image that stays when the sources change.

set -eu

for manifest in */Cargo.toml */*/Cargo.toml; do
    crate=${manifest%/Cargo.toml}
    mkdir -p "$crate/src" "$crate/benches"
    echo '//! Empty.' >"$crate/src/lib.rs"
    printf '//! Empty.\nfn main() {}\n' >"$crate/src/main.rs"
    # Cargo refuses a manifest that names a benchmark without a source.
    sed -n '/^\[\[bench\]\]/,/^\[/s/^name = "\(.*\)"/\1/p' "$manifest" | while read -r bench; do
        echo 'fn main() {}' >"$crate/benches/$bench.rs"
    done
done
