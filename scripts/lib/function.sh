# shellcheck shell=bash
#
# The role, the log group and the function itself. Used by deploy.sh after aws.sh.

readonly trust_policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}'

# --- role -------------------------------------------------------------------------------------------------

# Makes the role if it is not there, and sets role_arn. A role that is there keeps its trust policy, and one that is
# not ours everything.
ensure_role() {
    local partition policy trusting owner=$tag_value home attached=''
    # Not `aws` in China and in GovCloud.
    IFS=: read -r _ partition _ <<<"$caller"
    policy=arn:$partition:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole
    look_for_role
    if [[ -z $answer ]]; then
        say "creating the role $role_name"
        change aws iam create-role --role-name "$role_name" --assume-role-policy-document "$trust_policy" \
            --tags "Key=$tag_key,Value=$tag_value" "Key=$region_tag_key,Value=$region"
        role_arn=arn:$partition:iam::$account:role/$role_name
    else
        read -r role_arn trusting owner home <<<"$answer"
        ((trusting)) || fail "role $role_name exists, but its trust policy does not let lambda.amazonaws.com assume" \
            'it: correct it, or choose another --role-name'
        [[ $owner != "$tag_value" || $home == "$region" ]] || fail "role $role_name was made for functions in $home" \
            'and is removed with them: choose another --role-name'
        say "using the role $role_arn, which Lambda may assume"
        ask iam list-attached-role-policies --role-name "$role_name" --query 'AttachedPolicies[].PolicyArn'
        attached=$answer
    fi
    [[ " ${attached//[[:space:]]/ } " != *" $policy "* ]] || return 0
    if [[ $owner == "$tag_value" ]]; then
        say "attaching $policy"
        change aws iam attach-role-policy --role-name "$role_name" --policy-arn "$policy"
    else
        say "role $role_name exists without the tag $tag_key=$tag_value: it stays as it is, without $policy;" \
            'the functions need other leave to write logs'
    fi
}

# Puts the role's ARN, how many of its statements let Lambda assume it, and the values of our two tags into `answer`;
# empty if there is no role.
look_for_role() {
    # What may be a single value or a list is made a list.
    local statements='[Role.AssumeRolePolicyDocument.Statement][]'
    local service="contains([Principal.Service][], 'lambda.amazonaws.com')"
    local action="(contains([Action][], 'sts:AssumeRole') || contains([Action][], 'sts:*'))"
    look NoSuchEntity iam get-role --role-name "$role_name" \
        --query "[Role.Arn, length($statements | [?Effect=='Allow' && $service && $action]),
            Role.Tags[?Key=='$tag_key'] | [0].Value, Role.Tags[?Key=='$region_tag_key'] | [0].Value]"
}

# --- log group --------------------------------------------------------------------------------------------

# Made before the function: otherwise Lambda makes it, and keeps everything for ever.
# ensure_log_group NAME
ensure_log_group() {
    local group=/aws/lambda/$1 arn retention
    look_for_log_group "$group"
    if [[ -z $answer ]]; then
        say "$1: creating the log group $group, kept for $log_retention_days days"
        change aws logs create-log-group --log-group-name "$group" --tags "$tag_key=$tag_value"
        change aws logs put-retention-policy --log-group-name "$group" --retention-in-days "$log_retention_days"
        return
    fi
    read -r arn retention <<<"$answer"
    find_tag "$arn"
    if [[ $answer != "$tag_value" ]]; then
        say "$1: log group $group exists without the tag $tag_key=$tag_value: its retention stays as it is"
    elif [[ $retention != "$log_retention_days" ]]; then
        say "$1: keeping logs for $log_retention_days days"
        change aws logs put-retention-policy --log-group-name "$group" --retention-in-days "$log_retention_days"
    fi
}

# --- function ---------------------------------------------------------------------------------------------

# Sets function_exists and the now_ variables; fails if the function cannot be or must not be changed.
# inspect_function NAME
inspect_function() {
    local state update owner package architecture
    look_for_function "$1"
    function_exists=0
    [[ -n $answer ]] || return 0
    function_exists=1
    read -r state update owner package architecture _ <<<"$answer"
    [[ $owner == "$tag_value" ]] || {
        check_tags_readable "$1"
        fail "function $1 exists without the tag $tag_key=$tag_value: it is not changed; choose another --prefix"
    }
    [[ $package == Image ]] ||
        fail "function $1 is of package type $package, which cannot become Image; delete it or choose another --prefix"
    [[ $architecture == "$arch" ]] || fail "function $1 is for $architecture, and --arch is $arch: give --arch" \
        "$architecture, remove it with destroy.sh, or choose another --prefix"
    [[ $state != Failed ]] || report_reason "$1" State "remove it with destroy.sh and deploy again"
    settle_function "$1" "$state" "$update"
}

# Puts everything that is compared into `answer`: a line of fields, the names of the variables, and the values of those
# that are wanted.
# look_for_function NAME
look_for_function() {
    # shellcheck disable=SC2016 # the backquotes are JMESPath's
    local variables='(Configuration.Environment.Variables || `{}`)' wanted=''
    ((${#variable_names[@]} == 0)) || wanted=", $variables.[$(IFS=, && echo "${variable_names[*]}")]"
    look ResourceNotFoundException lambda get-function --function-name "$1" --query "[[Configuration.State,
        Configuration.LastUpdateStatus, Tags.\"$tag_key\", Configuration.PackageType,
        Configuration.Architectures[0], Code.ImageUri, Configuration.MemorySize, Configuration.Timeout,
        Configuration.Role], sort(keys($variables))$wanted]"
}

# Waits for what an interrupted run or somebody else began, because Lambda refuses changes until then.
# settle_function NAME STATE UPDATE
settle_function() {
    if [[ $2 == Pending ]]; then
        wait_for_function "$1" active
    elif [[ $3 == InProgress ]]; then
        wait_for_function "$1" updated
    else
        return 0
    fi
    look_for_function "$1"
}

# wait_for_function NAME active|updated
wait_for_function() {
    ((!dry_run)) || return 0
    say "$1: waiting until it is $2"
    aws lambda wait "function-$2-v2" --function-name "$1" && return
    case $2 in
    active) report_reason "$1" State 'remove it with destroy.sh and deploy again' ;;
    updated) report_reason "$1" LastUpdateStatus 'correct that and deploy again' ;;
    esac
}

# Says why a function is not what was waited for: it failed, or the waiting did.
# report_reason NAME FIELD ADVICE_IF_IT_FAILED
report_reason() {
    ask lambda get-function-configuration --function-name "$1" --query "[$2, $2Reason]"
    answer=${answer%$'\tNone'}
    [[ $answer == Failed* ]] || fail "function $1: $2 is still ${answer/$'\t'/: }; run this script again to continue"
    fail "function $1: $2 is ${answer/$'\t'/: }; $3"
}

# ensure_function NAME: creates it, or updates what differs.
ensure_function() {
    inspect_function "$1"
    if ((function_exists)); then
        update_function "$1"
        return
    fi
    say "$1: creating the function"
    change_with_role aws lambda create-function --function-name "$1" --package-type Image \
        --code "ImageUri=$image_uri" --architectures "$arch" --role "$role_arn" --memory-size "$memory" \
        --timeout "$timeout" --environment "file://$environment_file" --tags "$tag_key=$tag_value"
    wait_for_function "$1" active
}

# Code first: Lambda takes one update at a time.
update_function() {
    local update image settings
    read -r _ update _ _ _ image settings <<<"${answer%%$'\n'*}"
    settings+=${answer#"${answer%%$'\n'*}"}
    if [[ $image == "$image_uri" && $update != Failed ]]; then
        say "$1: code is up to date"
    else
        say "$1: updating the code to $image_uri"
        change aws lambda update-function-code --function-name "$1" --image-uri "$image_uri" --architectures "$arch"
        wait_for_function "$1" updated
    fi
    if [[ $settings == "$(wanted_settings)" ]]; then
        say "$1: configuration is up to date"
    else
        say "$1: updating the configuration"
        change_with_role aws lambda update-function-configuration --function-name "$1" --role "$role_arn" \
            --memory-size "$memory" --timeout "$timeout" --environment "file://$environment_file"
        wait_for_function "$1" updated
    fi
}

# Prints the configuration that is wanted in the form in which look_for_function shows the one that is there.
wanted_settings() {
    local name values=()
    printf '%s\t%s\t%s\n' "$memory" "$timeout" "$role_arn"
    ((${#variable_names[@]} > 0)) || return 0
    for name in "${variable_names[@]}"; do
        values+=("${variables[$name]}")
    done
    local IFS=$'\t'
    printf '%s\n%s\n' "${variable_names[*]}" "${values[*]}"
}

# Calls the function once, as its users will; shows what it says.
# smoke_test NAME PAYLOAD
smoke_test() {
    local status error body
    printf '%s' "$2" >"$scratch/payload"
    if ((dry_run)); then
        # Versions 1 and 2 of the CLI disagree on what --payload is, unless it is a file.
        printf '%s | %s\n' "$(quoted printf %s "$2")" \
            "$(quoted aws lambda invoke --function-name "$1" --payload fileb:///dev/stdin /dev/stdout)"
        return
    fi
    # No time-out of its own: Lambda has one.
    local invoke=(lambda invoke --function-name "$1" --payload "fileb://$scratch/payload" --cli-read-timeout 0
        --query '[StatusCode, FunctionError]' "$scratch/body")
    # Lambda puts a function aside that was not called for weeks; the first call brings it back, but fails.
    look 'CodeArtifactUserPendingException|ResourceConflictException|ResourceNotReadyException' "${invoke[@]}"
    [[ -n $answer ]] || { wait_for_function "$1" active && ask "${invoke[@]}"; }
    read -r status error <<<"$answer"
    body=$(head -c 2000 "$scratch/body" | tr -d '\0')
    [[ $status == 200 && $error == None ]] || {
        printf '%s\n' "$body" >&2
        fail "function $1 was deployed, but answers $2 with status $status, error $error and the above"
    }
    say "$1: answers $2 with ${body:0:100}"
}
