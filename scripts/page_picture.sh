#!/usr/bin/env bash
#
# Makes the picture of a page that README.md shows.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/page_picture.sh [--help] PAGE [PICTURE]

Takes a picture of the top of a page that `awsinvoker report --html PAGE` made, with Chromium.

  PICTURE   the file to write (default: docs/page.png)
EOT
}

# What fits into README.md.
readonly size=1000,1150

main() {
    case ${1-} in
    -h | --help) usage && exit ;;
    '') usage >&2 && exit 2 ;;
    esac
    local page picture
    page=$(realpath -- "$1")
    picture=$(realpath -- "${2-$(dirname "${BASH_SOURCE[0]}")/../docs/page.png}")
    "$(browser)" --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size="$size" \
        --blink-settings=preferredColorScheme=1 --screenshot="$picture" "file://$page" 2>/dev/null
    printf '%s\n' "$picture"
}

browser() {
    local name
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" && return
    done
    echo 'page_picture.sh: Chromium is missing: apt-get install chromium' >&2
    exit 1
}

main "$@"
