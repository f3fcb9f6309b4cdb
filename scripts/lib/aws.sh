# shellcheck shell=bash
#
# What deploy.sh and destroy.sh share: what things are called, where they are, and how AWS is asked.
#
# Only commands and options that versions 1 and 2 of the AWS CLI have in common are used.

((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || {
    printf '%s: this is bash %s; expected 4.4 or newer\n' "${0##*/}" "$BASH_VERSION" >&2
    exit 1
}

# In the order in which they are deployed and listed.
readonly known_functions=(chameleon cnn_serving)

# What deploy.sh makes carries this tag; what does not carry it is neither changed nor deleted.
readonly tag_key=managed-by
readonly tag_value=serverless-functions
# On the role, which is the account's: the region of the functions that it was made for.
readonly region_tag_key=region

# No pager, no prompts, and files read the same way whatever the version and the locale.
export AWS_PAGER='' AWS_CLI_AUTO_PROMPT=off AWS_CLI_FILE_ENCODING=UTF-8

# Readable by the user alone: it may hold the variables of a function.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Without this, Bash goes on if the command that runs took the signal as well and yet succeeded.
trap 'exit 130' INT

# --- messages ---------------------------------------------------------------------------------------------

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

usage_error() {
    say "$*; see ${0##*/} --help"
    exit 2
}

# quoted COMMAND... as it would be typed, by somebody whose AWS CLI may have another region
quoted() {
    local word line=''
    [[ $1 != aws ]] || set -- "$@" --region "$region"
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=@,+-]+$ ]] || word=${word@Q}
        line+=" $word"
    done
    printf '%s\n' "${line# }"
}

# --- command line -----------------------------------------------------------------------------------------

# need_value FLAG [VALUE]...
need_value() {
    (($# >= 2)) || usage_error "$1 needs a value"
    [[ -n $2 ]] || usage_error "$1 is empty, expected a value"
}

# add_function NAME adds to the list of functions that were asked for.
add_function() {
    [[ " ${known_functions[*]} " == *" $1 "* ]] ||
        usage_error "function $1 is unknown, expected one of: ${known_functions[*]}"
    functions+=("$1")
}

# choose_functions NAME... prints those that were asked for, each once, or all.
choose_functions() {
    local name
    for name in "${known_functions[@]}"; do
        (($# == 0)) || [[ " $* " == *" $name "* ]] || continue
        printf '%s\n' "$name"
    done
}

check_names() {
    [[ -z $prefix || ($prefix =~ ^[a-z0-9]+([_-][a-z0-9]+)*$ && ${#prefix} -le 20) ]] ||
        usage_error "--prefix is $prefix, expected at most 20 of a-z, 0-9 and single - or _ between them"
    [[ -z $role_name || $role_name =~ ^[A-Za-z0-9_+=,.@-]{1,64}$ ]] ||
        usage_error "--role-name is $role_name, expected 1 to 64 of A-Z, a-z, 0-9 and _+=,.@-"
    [[ -z $region || $region =~ ^[a-z]+(-[a-z]+)+-[0-9]+$ ]] ||
        usage_error "--region is $region, expected the like of eu-central-1"
}

# need_command NAME HOW_TO_INSTALL
need_command() {
    command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

# --- names and places -------------------------------------------------------------------------------------

# One name serves for the function and its repository: it obeys the rules of both.
# full_name FUNCTION
full_name() {
    printf '%s\n' "${prefix:+$prefix-}$1"
}

# Sets region, account, caller and role_name for everything that follows.
find_place() {
    [[ -n $region ]] || region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
    [[ -n $region ]] || fail 'no region: give --region, set AWS_REGION, or run: aws configure set region REGION'
    # Version 1 of the CLI reads only the second.
    export AWS_REGION=$region AWS_DEFAULT_REGION=$region
    ask sts get-caller-identity --query '[Account, Arn]'
    read -r account caller <<<"$answer"
    # The region is part of the name because roles are the account's: removing one deployment leaves the others.
    [[ -n $role_name ]] || role_name=$(full_name "serverless-functions-$region")
    say "account $account, region $region, as $caller"
}

# --- AWS --------------------------------------------------------------------------------------------------

# ask COMMAND... puts what a reading command of the AWS CLI prints into `answer`.
ask() {
    answer=$(aws "$@" --output text) || fail "failed: $(quoted aws "$@")"
}

# look ERROR COMMAND... is ask, but leaves `answer` empty if the command fails with ERROR, a regular expression: there
# is no such thing.
look() {
    local error=$1
    shift
    if answer=$(aws "$@" --output text 2>"$scratch/stderr"); then
        cat "$scratch/stderr" >&2
        return
    fi
    failed_with "$error" || report_failure aws "$@"
    answer=''
}

# until_shown THING COMMAND... looks for a thing that was just made, which AWS may show only after a moment.
until_shown() {
    local try
    for try in 1 2 3 4 5; do
        "${@:2}"
        [[ -z $answer ]] || return 0
        ((try == 5)) || sleep 1
    done
    fail "AWS does not show $1, which was just made; run this script again to continue"
}

# failed_with REGULAR_EXPRESSION
failed_with() {
    grep -qE -- "$1" "$scratch/stderr"
}

# report_failure COMMAND... of which the messages were kept
report_failure() {
    cat "$scratch/stderr" >&2
    fail "failed: $(quoted "$@")"
}

# Lambda leaves the tags of a function out, without an error, if they may not be read; here that is one.
# check_tags_readable FUNCTION
check_tags_readable() {
    ask lambda get-function-configuration --function-name "$1" --query FunctionArn
    ask lambda list-tags --resource "$answer" --query Tags
}

# Puts the ARN of a log group and its retention in days into `answer`; empty if there is none.
look_for_log_group() {
    ask logs describe-log-groups --log-group-name-prefix "$1" \
        --query "logGroups[?logGroupName=='$1'].[arn, retentionInDays]"
    answer=${answer/:\*/}
}

# Puts the repository's ARN, URI, tag mutability and scan on push into `answer`; empty if there is none.
look_for_repository() {
    look RepositoryNotFoundException ecr describe-repositories --repository-names "$1" \
        --query 'repositories[0].[repositoryArn, repositoryUri, imageTagMutability, imageScanningConfiguration.scanOnPush]'
}

# Puts the value of our tag on a log group or a repository into `answer`.
# find_tag ARN
find_tag() {
    case $1 in
    *:logs:*) ask logs list-tags-for-resource --resource-arn "$1" --query "tags.\"$tag_key\"" ;;
    *:ecr:*) ask ecr list-tags-for-resource --resource-arn "$1" --query "tags[?Key=='$tag_key'] | [0].Value" ;;
    esac
}
