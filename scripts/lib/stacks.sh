# shellcheck shell=bash
#
# What deploy.sh and destroy.sh share: how AWS and its stacks are asked. Only commands and options that versions 1 and 2 of
# the AWS CLI have in common are used.

# shellcheck source=scripts/lib/common.sh
source "$root/scripts/lib/common.sh"

# What the parameters of a function in the templates begin with.
declare -rA parameter_of=([chameleon]=Chameleon [cnn_serving]=CnnServing)
strangers=() region='' prefix='' role_name=''

# No pager, no prompts, and files read the same way whatever the version and the locale.
export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off AWS_CLI_FILE_ENCODING=UTF-8

# quoted COMMAND... as it would be typed, by somebody whose AWS CLI may have another region
quoted() {
    [[ $1 != aws ]] || set -- "$@" --region "$region"
    as_typed "$@"
}

# --- names and places ---------------------------------------------------------------------------------------

# full_name FUNCTION prints what the function and its repository are called.
full_name() { printf '%s\n' "${prefix:+$prefix-}$1"; }

# Checks what both scripts are given, and names the stacks.
check_common() {
    expect --prefix "$prefix" '[a-z0-9]+([_-][a-z0-9]+)*' 'a-z, 0-9 and single - or _ between them'
    ((${#prefix} <= 20)) || usage_error "--prefix is $prefix, expected at most 20 characters"
    expect --role-name "$role_name" '[A-Za-z0-9_+=,.@-]{1,64}' '1 to 64 of A-Z, a-z, 0-9 and _+=,.@-'
    expect --region "$region" '[a-z]+(-[a-z]+)+-[0-9]+' 'a region such as eu-central-1'
    check_functions
    # A stack's name has no underscore, and a prefix has no double hyphen.
    functions_stack=serverless-functions${prefix:+-${prefix//_/--}}
    repositories_stack=serverless-repositories${prefix:+-${prefix//_/--}}
    need_command aws 'the AWS CLI, version 1 or 2'
}

# Sets region, account and `destroy`, the command that removes this deployment.
find_place() {
    local caller
    [[ -n $region ]] || region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
    [[ -n $region ]] || fail 'no region: give --region, set AWS_REGION, or run: aws configure set region REGION'
    # Version 1 of the CLI reads only the second.
    export AWS_REGION=$region AWS_DEFAULT_REGION=$region
    ask sts get-caller-identity --query '[Account, Arn]'
    read -r account caller <<<"$answer"
    say "account $account, region $region, as $caller"
    destroy="scripts/destroy.sh --region $region${prefix:+ --prefix $prefix}"
}

# --- AWS ----------------------------------------------------------------------------------------------------

# ask COMMAND... puts what a command of the AWS CLI prints into `answer`.
ask() { answer=$(aws "$@" --output text) || fail "failed: $(quoted aws "$@")"; }

# look ERROR COMMAND... is ask, but leaves `answer` empty if the command fails with ERROR: there is no such thing.
look() {
    answer=$(aws "${@:2}" --output text 2>"$scratch/stderr") && return
    grep -qE -- "$1" "$scratch/stderr" || { cat "$scratch/stderr" >&2 && fail "failed: $(quoted aws "${@:2}")"; }
    answer=''
}

# list_resources STACK puts the types and names of what the stack has made into `answer`, a line each.
list_resources() {
    look 'does not exist' cloudformation describe-stack-resources --stack-name "$1" --query \
        "StackResources[?PhysicalResourceId && ResourceStatus!='DELETE_COMPLETE'].[ResourceType, PhysicalResourceId]"
}

# settle STACK [PASSING] waits while the stack's status is a passing one, a regular expression, and puts the status into
# `answer`; empty if there is no stack.
settle() {
    local passing=${2:-(CREATE|UPDATE|ROLLBACK|DELETE|IMPORT).*_IN_PROGRESS} said=''
    while look 'does not exist' cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' &&
        [[ $answer =~ ^($passing)$ ]]; do
        [[ $said == "$answer" ]] || say "waiting for the stack $1: $answer"
        said=$answer && sleep 2
    done
}

# check_stack STACK fails if CloudFormation would refuse to change the stack, and says what to do about it.
check_stack() {
    local advice command
    settle "$1"
    case $answer in
    '' | CREATE_COMPLETE | UPDATE_COMPLETE | UPDATE_ROLLBACK_COMPLETE) return ;;
    # A dry run that was interrupted left it; there is nothing in it.
    REVIEW_IN_PROGRESS) delete_stack "$1" && return ;;
    DELETE_FAILED) fail "the stack $1 is DELETE_FAILED: only a part of it was deleted. Delete the rest with: $destroy" ;;
    UPDATE_ROLLBACK_FAILED) command=continue-update-rollback advice='Correct what is named above, then undo the update' ;;
    UPDATE_FAILED) command=rollback-stack advice='Undo the update' ;;
    *) command=delete-stack advice='It was never complete; delete it' ;;
    esac
    show_failures "$1"
    fail "the stack $1 is $answer. $advice with: $(quoted aws cloudformation "$command" --stack-name "$1")"$'\n'"then run" \
        "${0##*/} again"
}

# show_failures STACK prints the newest reasons that CloudFormation gives, in its own words.
show_failures() {
    local status=$answer
    ask cloudformation describe-stack-events --stack-name "$1" --query \
        "StackEvents[?ends_with(ResourceStatus, '_FAILED')] | [:5].[LogicalResourceId, ResourceStatusReason]"
    printf '%s\n' "$answer" >&2
    answer=$status
}

# change_stack STACK TEMPLATE PARAMETER=VALUE... shows what changes, and changes it unless this is a dry run. Parameters
# that are not given stay as they are.
change_stack() {
    local output change_set
    local command=(aws cloudformation deploy --stack-name "$1" --template-file "$2" --no-execute-changeset
        --no-fail-on-empty-changeset --capabilities CAPABILITY_NAMED_IAM --parameter-overrides "${@:3}")
    output=$("${command[@]}" 2>&1) || [[ $output == *'No updates are to be performed'* ]] ||
        { printf '%s\n' "$output" >&2 && fail "failed: $(quoted "${command[@]}")"; }
    change_set=$(grep -oE 'arn:[^ ]+:changeSet/[^ ]+' <<<"$output") || {
        say "the stack $1 is up to date"
        # CloudFormation keeps change sets that turned out to be empty.
        ask cloudformation list-change-sets --stack-name "$1" --query "Summaries[?Status=='FAILED'].[ChangeSetId]"
        for change_set in $answer; do
            ask cloudformation delete-change-set --change-set-name "$change_set"
        done
        return
    }
    ask cloudformation describe-change-set --change-set-name "$change_set" --query \
        "Changes[].ResourceChange.[Action, ResourceType, LogicalResourceId, join(',', Details[?Target.Name].Target.Name || \`[]\`)]"
    say "changes of the stack $1:" && printf '%s\n' "$answer"
    if ((dry_run)); then
        ask cloudformation delete-change-set --change-set-name "$change_set"
        settle "$1"
        [[ $answer != REVIEW_IN_PROGRESS ]] || delete_stack "$1"
        return
    fi
    ask cloudformation execute-change-set --change-set-name "$change_set"
    settle "$1" '.*_IN_PROGRESS'
    [[ $answer == CREATE_COMPLETE || $answer == UPDATE_COMPLETE ]] || { show_failures "$1" &&
        fail "the stack $1 is $answer, for the reasons above; ${0##*/} says at its next start what to do about it"; }
}

# delete_stack STACK
delete_stack() {
    ask cloudformation delete-stack --stack-name "$1"
    settle "$1" '[^D].*|DELETE_IN_PROGRESS'
    [[ -z $answer ]] || { show_failures "$1" && fail "the stack $1 is $answer. Correct what is named above, then run: $destroy"; }
}

# --- what stands in the way ---------------------------------------------------------------------------------

# Puts commands into `strangers` that delete what has a name of ours but belongs to none of our stacks. Sets role_name,
# and existing_role if the role that was asked for by name is somebody else's, which is used as it is.
find_strangers() {
    local name asked=$role_name owned
    existing_role=''
    list_resources "$repositories_stack"
    owned=$answer
    list_resources "$functions_stack"
    owned=$'\n'$owned$'\n'$answer$'\n'
    for name in "${functions[@]}"; do
        name=$(full_name "$name")
        look ResourceNotFoundException lambda get-function --function-name "$name" --query Configuration.FunctionName
        strange AWS::Lambda::Function "$name" lambda delete-function --function-name "$name"
        look RepositoryNotFoundException ecr describe-repositories --repository-names "$name" --query length\(@\)
        strange AWS::ECR::Repository "$name" ecr delete-repository --repository-name "$name" --force
        ask logs describe-log-groups --log-group-name-prefix "/aws/lambda/$name" \
            --query "logGroups[?logGroupName=='/aws/lambda/$name'].logGroupName"
        strange AWS::Logs::LogGroup "/aws/lambda/$name" logs delete-log-group --log-group-name "/aws/lambda/$name"
    done
    role_name=${role_name:-$(full_name "serverless-functions-$region")}
    look NoSuchEntity iam get-role --role-name "$role_name" --query "[Role.Arn, Role.Tags[?Key=='managed-by'] | [0].Value]"
    if [[ -n $asked && -n $answer && $answer != *$'\t'serverless-functions ]]; then
        existing_role=${answer%$'\t'*}
    elif [[ -n $answer && $owned != *$'\n'AWS::IAM::Role$'\t'"$role_name"$'\n'* ]]; then
        for name in $(aws iam list-attached-role-policies --role-name "$role_name" --query 'AttachedPolicies[].[PolicyArn]' --output text); do
            strange '' '' iam detach-role-policy --role-name "$role_name" --policy-arn "$name"
        done
        for name in $(aws iam list-role-policies --role-name "$role_name" --query 'PolicyNames[].[@]' --output text); do
            strange '' '' iam delete-role-policy --role-name "$role_name" --policy-name "$name"
        done
        strange AWS::IAM::Role "$role_name" iam delete-role --role-name "$role_name"
    fi
}

# strange TYPE NAME COMMAND... notes the command if `answer` shows that the thing is there, and no stack made it.
strange() {
    [[ -z $answer || $owned == *$'\n'"$1"$'\t'"$2"$'\n'* ]] || strangers+=("$(quoted aws "${@:3}")")
}
