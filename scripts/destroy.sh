#!/usr/bin/env bash
#
# Removes from AWS what deploy.sh put there.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/destroy.sh [FLAG...] [chameleon] [cnn_serving]

Deletes the functions that are named, or both, each with its log group and its repository and all images in it; and
the role with its inline policies, unless other functions of the region use it. Shows what it found and asks before it
deletes.

What is gone already is no error. What deploy.sh did not make, that is, what lacks its tag, is left alone. Local
images and the file for awsinvoker stay.

Flags:
  --region REGION    where [default: as the AWS CLI]
  --prefix PREFIX    as it was given to deploy.sh
  --role-name NAME   as it was given to deploy.sh [default: serverless-functions-REGION]
  --yes              do not ask
  --help

Needs the AWS CLI (version 1 or 2) with credentials.
EOT
}

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=lib/aws.sh
source "$root/scripts/lib/aws.sh"

functions=()
region='' prefix='' role_name=''
yes=0

# The functions that are ours, or gone.
names=()
# What was found and may be deleted, as words: function NAME, log-group NAME, repository NAME, role NAME.
doomed=()

main() {
    local name
    parse "$@"
    check_names
    need_command aws 'install the AWS CLI, version 1 or 2'
    mapfile -t functions < <(choose_functions "${functions[@]}")
    find_place
    for name in "${functions[@]}"; do
        find_function "$(full_name "$name")"
    done
    for name in "${names[@]}"; do
        find_repository "$name"
    done
    find_role
    # Last, since Lambda writes for a while after a function is gone, and would make its log group again.
    for name in "${names[@]}"; do
        find_log_group "$name"
    done
    ((${#doomed[@]} > 0)) || { say 'nothing to delete' && exit; }
    confirm
    for name in "${doomed[@]}"; do
        say "deleting $name"
        "delete_${name%% *}" "${name#* }"
    done
}

parse() {
    while (($#)); do
        [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
        case $1 in
        -h | --help) usage && exit ;;
        --yes) yes=1 && shift ;;
        --region) need_value "$@" && region=$2 && shift 2 ;;
        --prefix) need_value "$@" && prefix=$2 && shift 2 ;;
        --role-name) need_value "$@" && role_name=$2 && shift 2 ;;
        -*) usage_error "unknown flag $1" ;;
        *) add_function "$1" && shift ;;
        esac
    done
}

confirm() {
    local reply=''
    say 'to be deleted:'
    printf '  %s\n' "${doomed[@]}" >&2
    ((!yes)) || return 0
    [[ -t 0 ]] || fail 'nothing was deleted: there is no terminal to ask on; give --yes if you mean it'
    read -rp 'Delete all of this? [y/N] ' reply || true
    [[ $reply == [yY] || $reply == [yY][eE][sS] ]] || fail 'nothing was deleted'
}

# --- what is there ----------------------------------------------------------------------------------------

# The function comes first, because it uses the others; one that stays keeps them.
find_function() {
    look ResourceNotFoundException lambda get-function --function-name "$1" --query "Tags.\"$tag_key\""
    [[ -z $answer ]] || doom "function $1" "$answer" || {
        check_tags_readable "$1"
        return 0
    }
    names+=("$1")
}

find_repository() {
    local arn
    look_for_repository "$1"
    read -r arn _ <<<"$answer"
    [[ -z $arn ]] || { find_tag "$arn" && doom "repository $1" "$answer"; } || return 0
}

find_log_group() {
    local arn
    look_for_log_group "/aws/lambda/$1"
    read -r arn _ <<<"$answer"
    [[ -z $arn ]] || { find_tag "$arn" && doom "log-group /aws/lambda/$1" "$answer"; } || return 0
}

# doom THING OWNER adds it to the list; fails if it is not ours.
doom() {
    if [[ $2 == "$tag_value" ]]; then
        doomed+=("$1")
    else
        say "leaving $1: it lacks the tag $tag_key=$tag_value"
        return 1
    fi
}

# The role goes with the last function that uses it.
find_role() {
    local arn owner home user users=()
    look NoSuchEntity iam get-role --role-name "$role_name" \
        --query "[Role.Arn, Role.Tags[?Key=='$tag_key'] | [0].Value, Role.Tags[?Key=='$region_tag_key'] | [0].Value]"
    [[ -n $answer ]] || return 0
    read -r arn owner home <<<"$answer"
    [[ $owner != "$tag_value" || $home == "$region" ]] || {
        say "leaving role $role_name: made for functions in $home"
        return
    }
    ask lambda list-functions --query "Functions[?Role=='$arn'].[FunctionName]"
    for user in $answer; do
        [[ " ${doomed[*]/%/ }" == *"function $user "* ]] || users+=("$user")
    done
    if ((${#users[@]} > 0)); then
        say "leaving role $role_name: used by ${users[*]}"
    else
        doom "role $role_name" "$owner" || true
    fi
}

# --- deletion ---------------------------------------------------------------------------------------------

delete_function() {
    look ResourceNotFoundException lambda delete-function --function-name "$1"
}

delete_log-group() {
    look ResourceNotFoundException logs delete-log-group --log-group-name "$1"
}

delete_repository() {
    look RepositoryNotFoundException ecr delete-repository --repository-name "$1" --force
}

delete_role() {
    local policy
    look NoSuchEntity iam list-attached-role-policies --role-name "$1" --query 'AttachedPolicies[].[PolicyArn]'
    for policy in $answer; do
        look NoSuchEntity iam detach-role-policy --role-name "$1" --policy-arn "$policy"
    done
    look NoSuchEntity iam list-role-policies --role-name "$1" --query 'PolicyNames[].[@]'
    for policy in $answer; do
        look NoSuchEntity iam delete-role-policy --role-name "$1" --policy-name "$policy"
    done
    look NoSuchEntity iam delete-role --role-name "$1"
}

main "$@"
