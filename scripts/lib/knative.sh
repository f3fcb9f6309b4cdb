# shellcheck shell=bash
#
# What deploy_knative.sh and destroy_knative.sh share: how a cluster is asked for services of Knative, with kubectl, or with
# kn where only that is installed.

# shellcheck source=scripts/lib/common.sh
source "$root/scripts/lib/common.sh"

# The value of the label app.kubernetes.io/managed-by of our services.
# shellcheck disable=SC2034  # The scripts use it.
readonly owner=serverless-functions
namespace=default

# Sets `client`, and the commands that list, show and delete services.
find_client() {
    local services=services.serving.knative.dev
    client=kubectl list=(kubectl get "$services") show=(kubectl get "$services")
    delete=(kubectl delete "$services" --ignore-not-found)
    command -v kubectl >/dev/null ||
        client=kn list=(kn service list) show=(kn service describe) delete=(kn service delete --wait)
    need_command "$client" 'kubectl or kn, with access to a cluster that has Knative Serving'
}

# ask COMMAND... puts what a command prints into `answer`.
ask() { answer=$("$@") || fail "failed: $(as_typed "$@")"; }

# list_services puts what the namespace has into `answer`, a line each: name|owner|function|state|URL. The state is `ready`,
# `broken`, or `waiting`, which it also is while the cluster has not looked at the latest change.
list_services() {
    local name owner_of function generation observed ready state url lines=''
    # shellcheck disable=SC1003  # The backslash is for the jsonpath.
    local label='{.metadata.labels.app\.kubernetes\.io/'
    local format='{range .items[*]}{.metadata.name}|'"${label}managed-by}|${label}name}"'|{.metadata.generation}|'
    format+='{.status.observedGeneration}|{.status.conditions[?(@.type=="Ready")].status}|{.status.url}{"\n"}{end}'
    ask "${list[@]}" --namespace "$namespace" --output "jsonpath=$format"
    while IFS='|' read -r name owner_of function generation observed ready url; do
        [[ -n $name ]] || continue
        state=waiting
        if [[ $generation == "$observed" ]]; then
            [[ $ready != True || -z $url ]] || state=ready
            [[ $ready != False ]] || state=broken
        fi
        lines+="$name|$owner_of|$function|$state|$url"$'\n'
    done <<<"$answer"
    answer=$lines
}

# show_conditions NAME prints what keeps a service from being ready, in the words of the cluster.
show_conditions() {
    local format='{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\n"}{end}'
    ask "${show[@]}" "$1" --namespace "$namespace" --output "jsonpath=$format"
    grep -v '^[A-Za-z]*=True ' <<<"$answer" | sed "s/^/$1: /" >&2 || true
}
