#!/usr/bin/env bash
#
# Puts the functions on AWS Lambda.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/deploy.sh [FLAG...] [chameleon] [cnn_serving]

Deploys the functions that are named, or both, as container images: builds and pushes them to ECR, makes a role that
may write logs and nothing else, creates or updates the functions, and calls each once. Ends with a file for
awsinvoker. What is as it should be stays untouched: a second run changes nothing, and a run that was interrupted is
continued by the next.

Images are named by the commit and the architecture and deployed by digest, so everything has to be committed.
The flags state the whole configuration: what was set by an earlier run and is not given again is back to its default.

Flags:
  --region REGION             where to [default: as the AWS CLI]
  --prefix PREFIX             call everything PREFIX-..., to have several deployments side by side; in an account
                              that is shared, everybody needs one, since a deployment of the same name is updated
  --arch x86_64|arm64         what to build for and to run on [default: this machine's]
  --memory MB                 128 to 10240; 1769 give one CPU [default: 1769]
  --timeout SECONDS           1 to 900 [default: 60]
  --env KEY=VALUE             an environment variable for the functions, or KEY alone for the shell's value; repeatable
  --role-name NAME            the functions' role [default: serverless-functions-REGION]
  --log-retention-days DAYS   how long logs are kept [default: 14]
  --build-arg KEY=VALUE       for docker build; repeatable
  --endpoints-file FILE       the file to write for awsinvoker [default: endpoints.json]; lists what this run deploys,
                              and what was there is kept as FILE.bak
  --dry-run                   only read; print the commands that would change something (environment variables are
                              in a file that is gone afterwards)
  --help

Environment:
  DEPLOY_ROLE_SECONDS   how long Lambda may refuse a role because it is new [default: 60]
  as well as that of the AWS CLI (AWS_PROFILE, AWS_REGION, ...) and of Docker (DOCKER_CONFIG, DOCKER_HOST, ...)

Needs the AWS CLI (version 1 or 2) with credentials, Docker and git. scripts/destroy.sh removes everything again.
EOT
}

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root
# shellcheck source=lib/aws.sh
source "$root/scripts/lib/aws.sh"
# shellcheck source=lib/image.sh
source "$root/scripts/lib/image.sh"
# shellcheck source=lib/function.sh
source "$root/scripts/lib/function.sh"

# What is sent to try a function, and what awsinvoker sends.
declare -rA payloads=(
    [chameleon]='{"num_of_rows":10,"num_of_cols":15}'
    [cnn_serving]='{"input_file_seq":0}'
)
# Those that CloudWatch knows.
readonly retentions=' 1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653 '

functions=()
region='' prefix='' role_name='' arch=''
memory=1769 timeout=60 log_retention_days=14
endpoints_file=endpoints.json
build_args=()
declare -A variables=()
dry_run=0

main() {
    local name
    parse "$@"
    check_settings
    check_tools
    mapfile -t functions < <(choose_functions "${functions[@]}")
    write_environment
    name_image
    find_place
    ((!dry_run)) || say 'dry run: nothing is changed; what would be run is on stdout'
    # Nothing is begun if one of them cannot be finished.
    for name in "${functions[@]}"; do
        inspect_function "$(full_name "$name")"
        inspect_repository "$(full_name "$name")"
    done
    # First, because a new role takes some seconds to become usable.
    ensure_role
    for name in "${functions[@]}"; do
        deploy "$name" "$(full_name "$name")"
    done
    write_endpoints
}

# deploy FUNCTION FULL_NAME
deploy() {
    ensure_repository "$2"
    ensure_image "$1" "$2"
    ensure_log_group "$2"
    ensure_function "$2"
    smoke_test "$2" "${payloads[$1]}"
}

# --- command line -----------------------------------------------------------------------------------------

parse() {
    while (($#)); do
        [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
        case $1 in
        -h | --help) usage && exit ;;
        --dry-run) dry_run=1 && shift && continue ;;
        -*) parse_flag "$@" && shift 2 ;;
        *) add_function "$1" && shift ;;
        esac
    done
}

# parse_flag FLAG [VALUE]...
parse_flag() {
    case $1 in
    --region | --prefix | --role-name | --arch | --memory | --timeout | --log-retention-days | --endpoints-file)
        need_value "$@"
        local name=${1#--}
        printf -v "${name//-/_}" '%s' "$2"
        ;;
    --env) need_value "$@" && add_variable "$2" ;;
    --build-arg)
        need_value "$@"
        [[ $2 == ?*=* ]] || usage_error "--build-arg is $2, expected KEY=VALUE"
        build_args+=("$2")
        ;;
    *) usage_error "unknown flag $1" ;;
    esac
}

# add_variable KEY[=VALUE]
add_variable() {
    local key=${1%%=*} value
    [[ $key =~ ^[A-Za-z][A-Za-z0-9_]+$ ]] ||
        usage_error "--env $key: expected a name of letters, digits and _ that begins with a letter, at least two"
    if [[ $1 == *=* ]]; then
        value=${1#*=}
    else
        value=$(printenv "$key") ||
            usage_error "--env $key: not set in the environment; expected KEY=VALUE or a variable that is set"
    fi
    [[ $value != *[[:cntrl:]]* ]] || usage_error "--env $key: holds a control character, expected a single line"
    variables[$key]=$value
}

check_settings() {
    check_names
    [[ -n $arch ]] || arch=$(uname -m)
    case $arch in
    x86_64) platform=linux/amd64 ;;
    arm64 | aarch64) arch=arm64 platform=linux/arm64 ;;
    *) usage_error "--arch is $arch, expected x86_64 or arm64" ;;
    esac
    check_number --memory "$memory" 128 10240
    check_number --timeout "$timeout" 1 900
    check_number DEPLOY_ROLE_SECONDS "${DEPLOY_ROLE_SECONDS:-60}" 0 3600
    [[ $log_retention_days != *' '* && $retentions == *" $log_retention_days "* ]] ||
        usage_error "--log-retention-days is $log_retention_days, expected one of:$retentions"
}

# check_number FLAG VALUE MIN MAX
check_number() {
    if [[ ! $2 =~ ^(0|[1-9][0-9]{0,5})$ ]] || (($2 < $3 || $2 > $4)); then
        usage_error "$1 is $2, expected $3 to $4"
    fi
}

check_tools() {
    need_command aws 'install the AWS CLI, version 1 or 2'
    need_command git 'install git'
    need_command docker 'install Docker'
    docker version --format '{{.Server.Version}}' >/dev/null || fail 'Docker cannot be reached'
    check_writable "$endpoints_file"
    ! has_earlier_endpoints || check_writable "$endpoints_file.bak"
}

# check_writable FILE
check_writable() {
    [[ ! -d $1 && -w $([[ -e $1 ]] && echo "$1" || dirname "$1") ]] ||
        fail "--endpoints-file $endpoints_file: cannot write $1, expected a file that can be written"
}

# Whether there is something in the endpoints file that is to be kept.
has_earlier_endpoints() {
    [[ -s $endpoints_file && -f $endpoints_file ]]
}

# --- changes ----------------------------------------------------------------------------------------------

# change COMMAND... runs what changes something; a dry run prints it instead.
change() {
    if ((dry_run)); then
        quoted "$@"
    elif [[ $1 == aws ]]; then
        "$@" >/dev/null || fail "failed: $(quoted "$@")"
    else
        "$@" >&2 || fail "failed: $(quoted "$@")"
    fi
}

# change_with_role COMMAND... is change for a command of the AWS CLI that fails as long as a role is too new.
change_with_role() {
    local deadline=$((SECONDS + ${DEPLOY_ROLE_SECONDS:-60}))
    ((!dry_run)) || { change "$@" && return; }
    until "$@" >/dev/null 2>"$scratch/stderr"; do
        # The second is what Lambda says if it encrypts variables, with a key that the role may use a moment later.
        if ! failed_with 'cannot be assumed by Lambda|KMS key is invalid for CreateGrant' ||
            ((SECONDS >= deadline)); then
            report_failure "$@"
        fi
        say 'Lambda cannot use the role yet; trying again'
        sleep 2
    done
}

# --- files ------------------------------------------------------------------------------------------------

# The variables go to AWS in a file, because other users see command lines. Sets environment_file and variable_names.
write_environment() {
    local name separator='' value
    environment_file=$scratch/environment.json
    mapfile -t variable_names < <(((${#variables[@]} == 0)) || printf '%s\n' "${!variables[@]}" | LC_ALL=C sort)
    {
        printf '{"Variables":{'
        for name in "${variable_names[@]}"; do
            value=${variables[$name]//\\/\\\\}
            printf '%s"%s":"%s"' "$separator" "$name" "${value//\"/\\\"}"
            separator=,
        done
        printf '}}\n'
    } >"$environment_file"
    ((${#variable_names[@]} == 0)) || say "environment variables: ${variable_names[*]}"
}

write_endpoints() {
    local content
    content=$(endpoints)
    if [[ -f $endpoints_file && $(<"$endpoints_file") == "$content" ]]; then
        say "$endpoints_file is up to date"
    elif ((dry_run)); then
        say "$endpoints_file would be written"
    else
        if has_earlier_endpoints; then
            say "$endpoints_file was another: keeping that as $endpoints_file.bak"
            cp -- "$endpoints_file" "$endpoints_file.bak"
        fi
        printf '%s\n' "$content" >"$endpoints_file"
        say "wrote $endpoints_file for ${functions[*]}: awsinvoker --region $region --endpoints-file $endpoints_file"
    fi
}

endpoints() {
    local name separator='['
    for name in "${functions[@]}"; do
        printf '%s\n  {"hostname": "%s", "payload": %s}' "$separator" "$(full_name "$name")" "${payloads[$name]}"
        separator=,
    done
    printf '\n]\n'
}

main "$@"
