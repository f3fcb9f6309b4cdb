#!/usr/bin/env bash
#
# Puts the functions on AWS Lambda.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/deploy.sh [FLAG...] [chameleon] [cnn_serving]

Deploys the functions that are named, or both, as container images: one stack of CloudFormation holds the image
repositories, another the functions, their logs and their role. Calls each function once, and writes a file for
awsinvoker. A second run changes nothing; an interrupted run is continued by the next. See docs/deployment.md.

Images are named by the commit and the architecture and deployed by digest, so everything has to be committed.
The flags state the whole configuration of the functions that are named: a flag that is not given again is back to its
default. The role and the architecture belong to all functions.

Flags:
  --region REGION             where to [default: as the AWS CLI]
  --prefix PREFIX             call everything PREFIX-..., to have several deployments side by side; in an account
                              that is shared, everybody needs one, since a deployment of the same name is updated
  --arch x86_64|arm64         what to build for and to run on [default: this machine's]
  --memory MB                 128 to 10240; 1769 give one CPU [default: 1769]
  --timeout SECONDS           1 to 900 [default: 60]
  --env KEY=VALUE             an environment variable for the functions, or KEY alone for the shell's value; repeatable
  --bucket NAME               a bucket that cnn_serving may read
  --role-name NAME            the functions' role [default: serverless-functions-REGION]; one that you made yourself
                              is used as it is
  --log-retention-days DAYS   how long logs are kept [default: 14]
  --build-arg KEY=VALUE       for docker build; repeatable
  --endpoints-file FILE       the file to write for awsinvoker [default: endpoints.json]; lists what this run deploys,
                              and what was there is kept as FILE.bak
  --dry-run                   change nothing; print what CloudFormation would change
  --help

Needs the AWS CLI (version 1 or 2) with credentials, Docker and git. scripts/destroy.sh removes everything again.
EOT
}

root=$(CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=lib/stacks.sh
source "$root/scripts/lib/stacks.sh"

# Those that CloudWatch knows.
readonly retentions='1|3|5|7|14|30|60|90|120|150|180|365|400|545|731|1096|1827|2192|2557|2922|3288|3653'

build_args=() arch=$(uname -m) memory=1769 timeout=60 log_retention_days=14 bucket='' endpoints_file=endpoints.json
declare -A variables=()

main() {
    local name key repositories=() parameters=()
    parse "$@"
    name_image
    find_place
    # Nothing is begun if it cannot be finished.
    check_stack "$repositories_stack"
    check_stack "$functions_stack"
    refuse_strangers
    check_architecture
    render_template
    for name in "${functions[@]}"; do
        repositories+=("${parameter_of[$name]}=true")
    done
    change_stack "$repositories_stack" "$root/scripts/cloudformation/repositories.yaml" "Prefix=${prefix:+$prefix-}" \
        "${repositories[@]}"
    for name in "${functions[@]}"; do
        ensure_image "$name" "$(full_name "$name")"
        key=${parameter_of[$name]}
        parameters+=("${key}Image=$image" "${key}Memory=$memory" "${key}Timeout=$timeout"
            "${key}LogRetentionDays=$log_retention_days")
    done
    ! is_wanted cnn_serving || parameters+=("Bucket=$bucket")
    change_stack "$functions_stack" "$scratch/functions.yaml" "Prefix=${prefix:+$prefix-}" "Architecture=$arch" \
        "RoleName=$role_name" "ExistingRole=$existing_role" "${parameters[@]}"
    ((!dry_run)) || exit 0
    for name in "${functions[@]}"; do
        smoke_test "$(full_name "$name")" "${payloads[$name]}"
    done
    write_endpoints
}

# --- command line -------------------------------------------------------------------------------------------

parse() {
    while (($#)); do
        [[ $1 != --*=* ]] || set -- "${1%%=*}" "${1#*=}" "${@:2}"
        case $1 in
        -h | --help) usage && exit ;;
        --dry-run) dry_run=1 && shift && continue ;;
        --region | --prefix | --role-name | --arch | --memory | --timeout | --log-retention-days | --endpoints-file | --bucket)
            set_flag "$@" ;;
        --env) set_flag "$@" && add_variable "$2" ;;
        --build-arg) set_flag "$@" && expect "$1" "$2" '[^=]+=.*' KEY=VALUE && build_args+=(--build-arg "$2") ;;
        -*) usage_error "unknown flag $1" ;;
        *) functions+=("$1") && shift && continue ;;
        esac
        shift 2
    done
    expect --arch "$arch" 'x86_64|arm64|aarch64' 'x86_64 or arm64'
    [[ $arch == x86_64 ]] && platform=linux/amd64 || arch=arm64 platform=linux/arm64
    expect_number --memory "$memory" 128 10240
    expect_number --timeout "$timeout" 1 900
    expect --log-retention-days "$log_retention_days" "$retentions" "one of: ${retentions//|/ }"
    expect --bucket "$bucket" '[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]' 'the name of a bucket'
    check_common
    [[ -z $bucket ]] || is_wanted cnn_serving || usage_error '--bucket is for cnn_serving alone'
    need_command git git
    need_command docker Docker
    docker version --format '{{.Server.Version}}' >/dev/null || fail 'Docker cannot be reached'
    check_endpoints_file
}

# add_variable KEY[=VALUE]
add_variable() {
    local key=${1%%=*} value=${1#*=}
    expect --env "$key" '[A-Za-z][A-Za-z0-9_]+' 'a name of letters, digits and _ that begins with a letter, at least two'
    [[ $1 == *=* ]] || value=$(printenv "$key") || usage_error "--env is $key, which is not set; expected KEY=VALUE"
    [[ $value != *[[:cntrl:]]* ]] || usage_error "--env $key: holds a control character, expected a single line"
    variables[$key]=$value
}

# --- what would not work ------------------------------------------------------------------------------------

# CloudFormation would find out half-way.
refuse_strangers() {
    find_strangers
    [[ -z $existing_role || -z $bucket ]] ||
        fail "role $role_name exists and is used as it is: let it read $bucket yourself, and leave --bucket out"
    ((${#strangers[@]} > 0)) || return 0
    say "some things exist already, but do not belong to the stacks $repositories_stack and $functions_stack:" \
        'an earlier version of this script made them (then they bear the tag managed-by=serverless-functions), late log' \
        'lines recreated a log group, or they are somebody else'\''s. If nobody needs them, delete them with:'
    printf '  %s\n' "${strangers[@]}" >&2
    fail 'nothing was changed: delete those, or choose another --prefix'
}

check_architecture() {
    look 'does not exist' cloudformation describe-stacks --stack-name "$functions_stack" \
        --query "Stacks[0].Parameters[?ParameterKey=='Architecture'].ParameterValue"
    [[ -z $answer || $answer == "$arch" ]] || fail "the functions are for $answer, and --arch is $arch: give" \
        "--arch $answer, choose another --prefix, or remove them with: $destroy"
}

# --- images -------------------------------------------------------------------------------------------------

# Sets commit and image_tag: the commit and whatever else decides what is in the image. A tag cannot be moved, so the
# image for another architecture or with other build arguments needs another one.
name_image() {
    local changes paths=(.) endpoints
    # What an earlier run wrote is no change.
    endpoints=$(realpath --canonicalize-missing --relative-to="$root" "$endpoints_file")
    [[ $endpoints == ../* ]] || paths+=(":(exclude,literal)$endpoints" ":(exclude,literal)$endpoints.bak")
    commit=$(git -C "$root" rev-parse --verify HEAD) || fail "$root: expected a git repository with a commit"
    changes=$(git -C "$root" status --porcelain --untracked-files=all -- "${paths[@]}") || fail 'failed: git status'
    [[ -z $changes ]] || { printf '%s\n' "$changes" >&2 && fail 'the files above are not committed, and images are named' \
        'by commit: commit them, or put them aside with: git stash --include-untracked'; }
    image_tag=$commit-$arch
    ((${#build_args[@]} == 0)) ||
        image_tag+=-$(printf '%s\n' "${build_args[@]}" | LC_ALL=C sort | git hash-object --stdin | cut -c 1-12)
}

# ensure_image FUNCTION REPOSITORY builds and pushes an image unless the repository has it; sets `image`, its digest.
ensure_image() {
    local uri
    look RepositoryNotFoundException ecr describe-repositories --repository-names "$2" \
        --query 'repositories[0].repositoryUri'
    uri=${answer:-$account.dkr.ecr.$region.amazonaws.com/$2}
    look_for_image "$2"
    if [[ -z $answer ]] && ((dry_run)); then
        say "$2: the image $image_tag would be built and pushed"
        answer=sha256:$(printf '%064d' 0)
    elif [[ -z $answer ]]; then
        build_image "$1" "$uri:$image_tag"
        push_image "$uri:$image_tag"
        look_for_image "$2"
        [[ -n $answer ]] || fail "the repository $2 does not show the image $image_tag that was pushed; run this again"
    fi
    image=$uri@$answer
}

# look_for_image REPOSITORY
look_for_image() {
    look '(Repository|Image)NotFoundException' ecr describe-images --repository-name "$1" \
        --image-ids "imageTag=$image_tag" --query 'imageDetails[0].imageDigest'
}

# build_image FUNCTION TAG
build_image() {
    local built
    say "$1: building for $platform"
    # Attestations would turn the image into a list of manifests, which Lambda refuses.
    BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --platform "$platform" --file "$root/$1/Dockerfile" --tag "$2" \
        --build-arg "REVISION=$commit" "${build_args[@]}" "$root" >&2 || fail "failed: docker build of $1." \
        'Where no image registry can be reached, docker/build.sh builds with stand-ins for the base images. To deploy' \
        "with them: base=\$(docker/base.sh); scripts/deploy.sh --build-arg RUST_IMAGE=\$base --build-arg PYTHON_IMAGE=\$base"
    built=$(docker image inspect --format '{{.Os}}/{{.Architecture}}' "$2") ||
        fail "$1: docker build left no image $2 in this engine; choose the builder with: docker buildx use default"
    [[ $built == "$platform" ]] || fail "$1: the image is for $built, expected $platform: build on such a machine," \
        'or with BuildKit and base images for it'
}

# push_image TAG
push_image() {
    # ECR's credential helper, where one is set up, would rather fail than not store the password. It needs none.
    local login=(env AWS_ECR_IGNORE_CREDS_STORAGE=true docker login --username AWS --password-stdin "${1%%/*}")
    ask ecr get-login-password
    printf '%s' "$answer" | "${login[@]}" >/dev/null ||
        say "failed: $(quoted "${login[@]}"): pushing with what Docker knows already"
    say "pushing $1"
    docker push "$1" >&2 || fail "failed: docker push $1"
}

# --- functions ----------------------------------------------------------------------------------------------

# Puts the variables of --env into a copy of the template; those of a function that is not named stay as they are.
render_template() {
    local name line wanted=''
    for name in $(printf '%s\n' "${!variables[@]}" | LC_ALL=C sort); do
        wanted+="${wanted:+, }\"$name\": \"$(escaped "${variables[$name]}")\""
    done
    look 'does not exist' cloudformation get-template --stack-name "$functions_stack" --query TemplateBody
    while IFS= read -r line; do
        name=${line##*\}  \# of }
        if [[ $name != "$line" ]] && is_wanted "$name"; then
            line="      Environment: {Variables: {$wanted}}  # of $name"
        elif [[ $name != "$line" && -n $answer ]]; then
            line=$(grep "}  # of $name\$" <<<"$answer")
        fi
        printf '%s\n' "$line"
    done <"$root/scripts/cloudformation/functions.yaml" >"$scratch/functions.yaml"
}

# escaped VALUE prints it for a quoted string of YAML, in ASCII: CloudFormation gives other characters back as `?`.
escaped() {
    local LC_ALL=C.UTF-8 i
    for ((i = 0; i < ${#1}; i++)); do
        [[ ${1:i:1} != [\"\\] && ${1:i:1} == [\ -~] ]] && printf %s "${1:i:1}" || printf '\\U%08x' "'${1:i:1}"
    done
}

# smoke_test NAME PAYLOAD calls the function once, as its users will, and shows what it says.
smoke_test() {
    local status error body
    printf '%s' "$2" >"$scratch/payload"
    # No time-out of its own: Lambda has one.
    local invoke=(lambda invoke --function-name "$1" --payload "fileb://$scratch/payload" --cli-read-timeout 0
        --query '[StatusCode, FunctionError]' "$scratch/body")
    # Lambda puts a function aside that was not called for weeks; the first call brings it back, but fails.
    look 'CodeArtifactUserPendingException|ResourceConflictException|ResourceNotReadyException' "${invoke[@]}"
    [[ -n $answer ]] || { aws lambda wait function-active-v2 --function-name "$1" && ask "${invoke[@]}"; }
    read -r status error <<<"$answer"
    body=$(head -c 2000 "$scratch/body" | tr -d '\0')
    [[ $status == 200 && $error == None ]] || { printf '%s\n' "$body" >&2 &&
        fail "function $1 was deployed, but answers $2 with status $status, error $error and the above"; }
    say "$1: answers $2 with ${body:0:100}"
}

write_endpoints() {
    local name
    for name in "${functions[@]}"; do
        printf '  {"hostname": "%s", "payload": %s},\n' "$(full_name "$name")" "${payloads[$name]}"
    done | write_endpoints_file "awsinvoker --region $region --endpoints-file $endpoints_file"
}

main "$@"
