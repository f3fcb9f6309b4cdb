# shellcheck shell=bash
#
# From the sources to an image in ECR, known by its digest. Used by deploy.sh after aws.sh.

# The image that was pushed last is the one in use, so the last ten leave enough to go back to.
readonly lifecycle_policy='{"rules":[{"rulePriority":1,"description":"Keep the last 10 images","selection":{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":10},"action":{"type":"expire"}}]}'

# Sets commit and image_tag: the commit and whatever else decides what is in the image. A tag cannot be moved, so the
# image for another architecture or with other build arguments needs another one.
name_image() {
    local changes paths=(.) endpoints
    # What an earlier run wrote is no change.
    endpoints=$(realpath --canonicalize-missing --relative-to="$root" "$endpoints_file")
    [[ $endpoints == ../* ]] || paths+=(":(exclude,literal)$endpoints")
    commit=$(git -C "$root" rev-parse --verify HEAD) || fail "$root: expected a git repository with a commit"
    changes=$(git -C "$root" status --porcelain -- "${paths[@]}") || fail "failed: git status"
    [[ -z $changes ]] || {
        printf '%s\n' "$changes" >&2
        fail 'the files above are not committed; images are named by commit: commit or stash them first'
    }
    image_tag=$commit-$arch
    ((${#build_args[@]} == 0)) || image_tag+=-$(
        printf '%s\n' "${build_args[@]}" | LC_ALL=C sort | git hash-object --stdin | cut -c 1-12
    )
}

# Makes the repository if it is not there, and sets repository_uri.
# ensure_repository NAME
ensure_repository() {
    look_for_repository "$1"
    if [[ -z $answer ]]; then
        say "$1: creating the repository"
        change aws ecr create-repository --repository-name "$1" --image-tag-mutability IMMUTABLE \
            --image-scanning-configuration scanOnPush=true --tags "Key=$tag_key,Value=$tag_value"
        ((dry_run)) || look_for_repository "$1"
    fi
    local arn mutability scan
    # A dry run does not know what AWS will call a new repository.
    read -r arn repository_uri mutability scan <<<"${answer:-none <repositoryUri> IMMUTABLE True}"
    [[ $arn == none ]] || {
        find_tag "$arn"
        [[ $answer == "$tag_value" ]] || fail "repository $1 exists without the tag $tag_key=$tag_value:" \
            'it is not changed; choose another --prefix'
    }
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
        ((dry_run)) || look_for_image "$2"
    fi
    local digest media_type
    read -r digest media_type <<<"${answer:-<digest> single}"
    [[ $digest != None ]] || fail "$2: image $image_tag is not in the repository after the push"
    case $media_type in
    *index* | *manifest.list*) fail "$2: image $image_tag is $media_type, but Lambda takes the manifest of one" \
        'architecture: build without attestations, after deleting it with:' \
        "aws ecr batch-delete-image --repository-name $2 --image-ids imageTag=$image_tag" ;;
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
    local password registry=${repository_uri%%/*}
    if ((dry_run)); then
        printf '%s | %s\n' 'aws ecr get-login-password' \
            "$(quoted docker login --username AWS --password-stdin "$registry")"
    else
        say "logging in to $registry"
        password=$(aws ecr get-login-password) || fail 'failed: aws ecr get-login-password'
        printf '%s' "$password" | docker login --username AWS --password-stdin "$registry" >/dev/null ||
            fail "failed: docker login $registry"
    fi
    say "pushing $1"
    change docker push "$1"
}
