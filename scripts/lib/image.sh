# shellcheck shell=bash
#
# From the sources to an image in ECR, known by its digest. Used by deploy.sh after aws.sh.

# Enough to go back to; who does, and then pushes ten others that never come into use, loses the one that is.
readonly lifecycle_policy='{"rules":[{"rulePriority":1,"description":"Keep the last 10 images","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}'

# Sets commit and image_tag: the commit and whatever else decides what is in the image. A tag cannot be moved, so the
# image for another architecture or with other build arguments needs another one.
name_image() {
    local changes paths=(.) endpoints
    # What an earlier run wrote is no change.
    endpoints=$(realpath --canonicalize-missing --relative-to="$root" "$endpoints_file")
    [[ $endpoints == ../* ]] || paths+=(":(exclude,literal)$endpoints" ":(exclude,literal)$endpoints.bak")
    commit=$(git -C "$root" rev-parse --verify HEAD) || fail "$root: expected a git repository with a commit"
    changes=$(git -C "$root" status --porcelain --untracked-files=all -- "${paths[@]}") ||
        fail "failed: git status"
    [[ -z $changes ]] || {
        printf '%s\n' "$changes" >&2
        fail 'the files above are not committed; images are named by commit: commit or stash them first'
    }
    image_tag=$commit-$arch
    ((${#build_args[@]} == 0)) || image_tag+=-$(
        printf '%s\n' "${build_args[@]}" | LC_ALL=C sort | git hash-object --stdin | cut -c 1-12
    )
}

# Puts what look_for_repository found into `repository`; fails if it must not be changed.
# inspect_repository NAME
inspect_repository() {
    local arn
    look_for_repository "$1"
    repository=$answer
    [[ -n $repository ]] || return 0
    read -r arn _ <<<"$repository"
    find_tag "$arn"
    [[ $answer == "$tag_value" ]] || fail "repository $1 exists without the tag $tag_key=$tag_value:" \
        'it is not changed; choose another --prefix'
}

# Makes the repository if it is not there, and sets repository_uri.
# ensure_repository NAME
ensure_repository() {
    local mutability scan
    inspect_repository "$1"
    if [[ -z $repository ]]; then
        say "$1: creating the repository"
        change aws ecr create-repository --repository-name "$1" --image-tag-mutability IMMUTABLE \
            --image-scanning-configuration scanOnPush=true --tags "Key=$tag_key,Value=$tag_value"
        # A dry run does not know what AWS will call it.
        answer='none <repositoryUri> IMMUTABLE True'
        ((dry_run)) || until_shown "the repository $1" look_for_repository "$1"
        repository=$answer
    fi
    read -r _ repository_uri mutability scan <<<"$repository"
    [[ $mutability == IMMUTABLE ]] ||
        change aws ecr put-image-tag-mutability --repository-name "$1" --image-tag-mutability IMMUTABLE
    [[ $scan == True ]] || change aws ecr put-image-scanning-configuration --repository-name "$1" \
        --image-scanning-configuration scanOnPush=true
    ensure_lifecycle_policy "$1"
}

ensure_lifecycle_policy() {
    answer=''
    [[ $repository_uri == '<'* ]] ||
        look LifecyclePolicyNotFoundException ecr get-lifecycle-policy --repository-name "$1" \
            --query lifecyclePolicyText
    # Spaces are not compared; there is none that matters but in the description.
    [[ ${answer//[[:space:]]/} == "${lifecycle_policy//[[:space:]]/}" ]] ||
        change aws ecr put-lifecycle-policy --repository-name "$1" --lifecycle-policy-text "$lifecycle_policy"
}

# Builds and pushes unless the tag is there, and sets image_uri, which names the image by its digest.
# ensure_image FUNCTION REPOSITORY
ensure_image() {
    look_for_image "$2"
    if [[ -n $answer ]]; then
        say "$2: image $image_tag is in the repository"
    else
        build_image "$1" "$repository_uri:$image_tag"
        push_image "$repository_uri:$image_tag"
        answer='<digest> single'
        ((dry_run)) || until_shown "the image $image_tag in the repository $2" look_for_image "$2"
    fi
    local digest media_type
    read -r digest media_type <<<"$answer"
    case $media_type in
    *index* | *manifest.list*) fail "$2: image $image_tag is $media_type, but Lambda takes the manifest of one" \
        'architecture: build without attestations, after deleting it with:' \
        "$(quoted aws ecr batch-delete-image --repository-name "$2" --image-ids "imageTag=$image_tag")" ;;
    esac
    image_uri=$repository_uri@$digest
}

# look_for_image REPOSITORY
look_for_image() {
    answer=''
    # A dry run may have no repository to look into.
    [[ $repository_uri == '<'* ]] || look ImageNotFoundException ecr describe-images --repository-name "$1" \
        --image-ids "imageTag=$image_tag" --query 'imageDetails[0].[imageDigest, imageManifestMediaType]'
}

# build_image FUNCTION TAG
build_image() {
    local arguments=(--build-arg "REVISION=$commit") argument built
    for argument in "${build_args[@]}"; do
        arguments+=(--build-arg "$argument")
    done
    say "$1: building for $platform"
    # Attestations would turn the image into a list of manifests, which Lambda refuses.
    change env BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --platform "$platform" \
        --file "$root/$1/Dockerfile" --tag "$2" "${arguments[@]}" "$root"
    ((!dry_run)) || return 0
    built=$(docker image inspect --format '{{.Os}}/{{.Architecture}}' "$2") ||
        fail "$1: docker build left no image $2 in this engine; choose the builder with: docker buildx use default"
    [[ $built == "$platform" ]] || fail "$1: the image is for $built, expected $platform: build on such a machine," \
        'or with BuildKit and base images for it'
}

# push_image TAG
push_image() {
    local password registry=${repository_uri%%/*} get_password=(aws ecr get-login-password)
    # ECR's credential helper, where one is set up, would rather fail than not store the password. It needs none.
    local login=(env AWS_ECR_IGNORE_CREDS_STORAGE=true docker login --username AWS --password-stdin "$registry")
    if ((dry_run)); then
        printf '%s | %s\n' "$(quoted "${get_password[@]}")" "$(quoted "${login[@]}")"
    else
        say "logging in to $registry"
        password=$("${get_password[@]}") || fail "failed: $(quoted "${get_password[@]}")"
        printf '%s' "$password" | "${login[@]}" >/dev/null ||
            say "failed: $(quoted "${login[@]}"): pushing with what Docker knows already"
    fi
    say "pushing $1"
    change docker push "$1"
}
