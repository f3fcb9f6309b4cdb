#!/usr/bin/env bash
#
# Removes from AWS what deploy.sh put there.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/destroy.sh [FLAG...] [chameleon] [cnn_serving]

Deletes the functions that are named, or both, each with its log group and its repository and all images in it. The
stacks and the role go with the last function. Shows what it found and asks before it deletes; says what is left.

What is gone already is no error. What does not belong to the stacks of deploy.sh is left alone. Local images and the
file for awsinvoker stay.

Flags:
  --region REGION    where [default: as the AWS CLI]
  --prefix PREFIX    as it was given to deploy.sh
  --role-name NAME   is accepted, but not needed: the stack knows its role
  --yes              do not ask
  --help

Needs the AWS CLI (version 1 or 2) with credentials.
EOT
}

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=lib/stacks.sh
source "$root/scripts/lib/stacks.sh"

main() {
    local name stack found=''
    parse "$@"
    find_place
    for stack in "$functions_stack" "$repositories_stack"; do
        settle "$stack"
        [[ -n $answer ]] || continue
        found+="stack $stack: $answer"$'\n'
        list_resources "$stack"
        found+=$answer$'\n'
    done
    if [[ -z $found ]]; then
        say 'nothing to delete'
    else
        say "to be deleted, with all images: ${functions[*]}; of what there is:"
        printf '%s\n' "$found" >&2
        confirm "Delete ${functions[*]}?"
        shrink "$functions_stack" AWS::Lambda::Function Image=
        for name in "${functions[@]}"; do
            empty_repository "$(full_name "$name")"
        done
        shrink "$repositories_stack" AWS::ECR::Repository =false
    fi
    # Also log groups that late log lines have recreated.
    find_strangers
    ((${#strangers[@]} > 0)) || return 0
    say 'left, because it belongs to no stack of deploy.sh; if nobody needs it, delete it with:'
    printf '  %s\n' "${strangers[@]}" >&2
}

parse() {
    while (($#)); do
        [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
        case $1 in
        -h | --help) usage && exit ;;
        --yes) yes=1 && shift ;;
        --region | --prefix | --role-name) set_flag "$@" && shift 2 ;;
        -*) usage_error "unknown flag $1" ;;
        *) functions+=("$1") && shift ;;
        esac
    done
    check_common
}

# empty_repository NAME deletes its images. EmptyOnDelete does so, too, but not every account may use that.
empty_repository() {
    local digests=()
    [[ $found == *AWS::ECR::Repository$'\t'"$1"$'\n'* ]] || return 0
    while look RepositoryNotFoundException ecr list-images --repository-name "$1" --max-results 100 --no-paginate \
        --query 'imageIds[?imageDigest].[imageDigest]' && [[ -n $answer && $answer != None ]]; do
        mapfile -t digests < <(sort -u <<<"$answer")
        ask ecr batch-delete-image --repository-name "$1" --image-ids "${digests[@]/#/imageDigest=}" --query 'length(imageIds)'
        ((answer > 0)) || fail "the repository $1: its images cannot be deleted; see: $(quoted aws ecr list-images --repository-name "$1")"
    done
}

# shrink STACK TYPE VALUE takes the functions that are named out of a stack, and deletes it if that leaves none.
shrink() {
    local name stays='' parameters=()
    settle "$1"
    [[ -n $answer ]] || return 0
    list_resources "$1"
    for name in "${known_functions[@]}"; do
        if is_wanted "$name"; then
            parameters+=("${parameter_of[$name]}$3")
        elif [[ $'\n'$answer$'\n' == *$'\n'"$2"$'\t'"$(full_name "$name")"$'\n'* ]]; then
            stays=$name
        fi
    done
    if [[ -z $stays ]]; then
        say "deleting the stack $1"
        delete_stack "$1"
    else
        check_stack "$1"
        say "the stack $1 stays, for $stays"
        ask cloudformation get-template --stack-name "$1" --query TemplateBody
        printf '%s\n' "$answer" >"$scratch/deployed.yaml"
        change_stack "$1" "$scratch/deployed.yaml" "${parameters[@]}"
    fi
}

main "$@"
