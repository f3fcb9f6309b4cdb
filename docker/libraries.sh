#!/bin/sh
#
# Copies the shared libraries that programs need, and the loader, to where the same paths lie below a folder.
#
#     docker/libraries.sh FOLDER PROGRAM_OR_LIBRARY...

set -eu

usage='Usage: docker/libraries.sh [--help] FOLDER PROGRAM_OR_LIBRARY...

Copies the shared libraries that the programs need, and the loader, to the same paths below FOLDER.'

case ${1-} in
-h | --help) echo "$usage" && exit ;;
esac
[ $# -ge 2 ] || { echo 'libraries.sh: expected FOLDER PROGRAM_OR_LIBRARY...; see docker/libraries.sh --help' >&2 && exit 1; }

folder=$1
shift
mkdir -p "$folder"
needed=$(ldd "$@")
case $needed in
*'not found'*)
    printf 'libraries.sh: a library is missing in the image that this is built in:\n%s\n' "$needed" >&2
    exit 1
    ;;
esac
# Lines end in "/path (address)"; those that end in a colon are headings.
printf '%s\n' "$needed" | sed -n 's/^[^/]*\(\/[^ ]*\) (.*/\1/p' | sort --unique | while read -r library; do
    cp --parents --dereference "$library" "$folder"
done
