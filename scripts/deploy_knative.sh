#!/usr/bin/env bash
#
# Puts the functions on Knative, on vHive with Firecracker, or on gVisor.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/deploy_knative.sh [FLAG...] [chameleon] [cnn_serving]

Deploys the functions that are named, or both, as services of Knative: chameleon-0, cnn-serving-0, and so on. Waits until
they are ready, and writes a file for awsinvoker. A second run changes nothing. The images have to be in a registry
already, or on the nodes. See docs/knative.md.

The flags state the whole configuration of the functions that are named: a flag that is not given again is back to its
default.

Flags:
  --platform PLATFORM      knative, firecracker (vHive's microVMs) or gvisor [default: knative]
  --image-prefix PREFIX    the images are PREFIX/chameleon:TAG and PREFIX/cnn_serving:TAG; with dev.local, Knative takes
                           what the nodes have [default: dev.local; firecracker needs a registry]
  --tag TAG                [default: latest]
  --memory MB              128 to 10240, as for a Lambda; 1769 give one CPU [default: 1769; firecracker takes none, since
                           vHive's microVMs have 1 CPU and 512 MB]
  --timeout SECONDS        how long a request may take, 1 to 600 [default: 60]
  --copies N               how many services to make of each function, 1 to 100 [default: 1]
  --min-scale N            how many instances a service keeps, 0 to 1000 [default: 0]
  --max-scale N            how many instances a service has at most, 0 for any number [default: 200]
  --relay                  put vSwarm's relay in front of the functions; it replaces every request by one of its own
  --namespace NAMESPACE    [default: default]
  --domain DOMAIN          the hosts are NAME.NAMESPACE.DOMAIN, such as 192.168.1.240.sslip.io [default: as the cluster says]
  --port PORT              the port of the cluster's gateway [default: 80, or 443 if the cluster says https]
  --wait SECONDS           how long to wait until all are ready, 1 to 3600 [default: 300]
  --endpoints-file FILE    the file to write for awsinvoker [default: endpoints.json]; lists what this run deploys, and
                           what was there is kept as FILE.bak
  --dry-run                change nothing; print the manifests, for which no cluster is needed
  --help

Needs Python 3.11 or later, and kubectl or kn. scripts/destroy_knative.sh removes everything again.
EOT
}

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/knative.sh
source "$root/scripts/lib/knative.sh"

# What vSwarm's relay sends to a function that it does not know, whatever it was sent itself.
readonly relayed='"A unique message"'
# A service may be reported broken for a moment, while it is changed.
readonly broken_seconds=5

platform=knative relay='' domain='' port='' wait=300 endpoints_file=endpoints.json
generate=("$root/scripts/knative_manifests.py")

main() {
    parse "$@"
    if ((dry_run)); then
        "${generate[@]}"
        exit
    fi
    find_client
    mkdir "$scratch/manifests"
    "${generate[@]}" --out "$scratch/manifests" || exit
    mapfile -t services < <(cd "$scratch/manifests" && printf '%s\n' * | sed 's/\.yaml$//' | sort --version-sort)
    list_services
    refuse_strangers
    apply
    wait_until_ready
    name_leftovers
    list_endpoints | write_endpoints_file "awsinvoker --endpoints-file $endpoints_file"
}

# --- command line -------------------------------------------------------------------------------------------

# The program that writes the manifests checks what is for the manifests.
parse() {
    while (($#)); do
        [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
        case $1 in
        -h | --help) usage && exit ;;
        --dry-run) dry_run=1 && shift && continue ;;
        --relay) relay=1 && generate+=(--relay) && shift && continue ;;
        --platform | --image-prefix | --namespace) set_flag "$@" && generate+=("$1=$2") ;;
        --tag | --memory | --timeout | --copies | --min-scale | --max-scale) set_flag "$@" && generate+=("$1=$2") ;;
        --domain | --port | --wait | --endpoints-file) set_flag "$@" ;;
        -*) usage_error "unknown flag $1" ;;
        *) functions+=("$1") && shift && continue ;;
        esac
        shift 2
    done
    check_functions
    generate+=("${functions[@]}")
    expect --domain "$domain" '[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*' \
        'a domain such as 192.168.1.240.sslip.io'
    [[ -z $port ]] || expect_number --port "$port" 1 65535
    expect_number --wait "$wait" 1 3600
    need_command python3 'Python 3.11 or later'
    ((dry_run)) || check_endpoints_file
}

# --- the cluster --------------------------------------------------------------------------------------------

refuse_strangers() {
    local name owner_of rest
    while IFS='|' read -r name owner_of rest; do
        [[ -z $name || $owner_of == "$owner" || " ${services[*]} " != *" $name "* ]] ||
            fail "service $name is there already in the namespace $namespace, and this script did not make it: nothing was" \
                'changed; choose another --namespace, or remove that service'
    done <<<"$answer"
}

apply() {
    local name
    if [[ $client == kubectl ]]; then
        ask kubectl apply --filename "$scratch/manifests"
        printf '%s\n' "$answer" >&2
        return
    fi
    for name in "${services[@]}"; do
        ask kn service apply "$name" --namespace "$namespace" --filename "$scratch/manifests/$name.yaml" --no-wait
        printf '%s\n' "$answer" >&2
    done
}

# Sets url_of, the URL of each service.
wait_until_ready() {
    local deadline=$((SECONDS + wait)) broken_since='' name state said=''
    declare -gA url_of=()
    while :; do
        find_unready
        ((${#unready[@]} > 0)) || return 0
        ((SECONDS < deadline)) || break
        if [[ " ${unready[*]} " == *:broken' '* ]]; then
            broken_since=${broken_since:-$SECONDS}
            ((SECONDS < broken_since + broken_seconds)) || break
        else
            broken_since=''
        fi
        [[ $said == "${unready[*]}" ]] || say "waiting until ready: ${unready[*]%%:*}"
        said=${unready[*]}
        sleep 1
    done
    for name in "${unready[@]%%:*}"; do
        show_conditions "$name"
    done
    fail "not ready: ${unready[*]%%:*}; see above, correct the reason, and run this again"
}

# Sets `unready`, the services that are not ready, each as NAME:STATE.
find_unready() {
    local name owner_of function state url
    declare -A states=()
    list_services
    while IFS='|' read -r name owner_of function state url; do
        [[ -z $name ]] || states[$name]=$state url_of[$name]=$url
    done <<<"$answer"
    unready=()
    for name in "${services[@]}"; do
        [[ ${states[$name]-} == ready ]] || unready+=("$name:${states[$name]-waiting}")
    done
}

# What an earlier run made of the same functions takes part in no measurement, but it may take processors away.
name_leftovers() {
    local name owner_of function rest left=()
    while IFS='|' read -r name owner_of function rest; do
        [[ $owner_of != "$owner" || " ${services[*]} " == *" $name "* ]] || ! is_wanted "$function" || left+=("$name")
    done <<<"$answer"
    ((${#left[@]} == 0)) || say "left from an earlier deployment: ${left[*]}; remove with:" \
        "$(as_typed "${delete[@]}" --namespace "$namespace" "${left[@]}")"
}

# --- the endpoints file -------------------------------------------------------------------------------------

list_endpoints() {
    local name function host payload scheme entry
    for name in "${services[@]}"; do
        function=${name%-*} function=${function//-/_}
        payload=${payloads[$function]}
        [[ -z $relay ]] || payload=$relayed
        scheme=${url_of[$name]%%://*}
        host=${url_of[$name]#*://} host=${host%%/*}
        [[ -z $domain ]] || host=$name.$namespace.$domain
        [[ $host != *.svc.cluster.local ]] ||
            say "$host is known inside the cluster only: run awsinvoker there, or set up a domain for Knative"
        entry='"hostname": "%s", "protocol": "greeter", "port": %d, '
        [[ $scheme != https ]] || entry+='"tls": true, '
        entry+='"payload": %s, "function": "%s", "system": "%s"'
        # shellcheck disable=SC2059  # The format is one of the two above.
        printf "  {$entry},\n" "$host" "${port:-$([[ $scheme == https ]] && echo 443 || echo 80)}" "$payload" "$function" \
            "$platform${relay:+-relay}"
    done
}

main "$@"
