#!/usr/bin/env bash
#
# Removes from a cluster what deploy_knative.sh put there.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/destroy_knative.sh [FLAG...] [chameleon] [cnn_serving]

Deletes all services of the functions that are named, or of both, in one namespace. Shows what it found and asks before it
deletes. What deploy_knative.sh did not make is left alone. The images and the file for awsinvoker stay.

Flags:
  --namespace NAMESPACE   [default: default]
  --yes                   do not ask
  --help

Needs kubectl or kn.
EOT
}

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/knative.sh
source "$root/scripts/lib/knative.sh"

main() {
    local name owner_of function rest found=()
    parse "$@"
    find_client
    list_services
    while IFS='|' read -r name owner_of function rest; do
        [[ $owner_of != "$owner" ]] || ! is_wanted "$function" || found+=("$name")
    done <<<"$answer"
    ((${#found[@]} > 0)) || { say 'nothing to delete' && return; }
    say "to be deleted in the namespace $namespace: ${found[*]}"
    confirm 'Delete them?'
    ask "${delete[@]}" --namespace "$namespace" "${found[@]}"
    say "deleted: ${found[*]}"
}

parse() {
    while (($#)); do
        [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
        case $1 in
        -h | --help) usage && exit ;;
        --yes) yes=1 && shift ;;
        --namespace) set_flag "$@" && shift 2 ;;
        -*) usage_error "unknown flag $1" ;;
        *) functions+=("$1") && shift ;;
        esac
    done
    check_functions
    expect --namespace "$namespace" '[a-z0-9]([a-z0-9-]*[a-z0-9])?' 'a-z, 0-9 and - between them'
}

main "$@"
