#!/usr/bin/env bash
#
# Checks the images chameleon, cnn_serving and awsinvoker, which docker/build.sh has built.

set -euo pipefail

usage() {
    cat <<'EOF'
Usage: docker/test.sh [--help]

Checks the images chameleon, cnn_serving and awsinvoker as docker/build.sh leaves them: size, labels, files, the
version of glibc; that the functions run on a read-only file system, as any user, without a network, and serve gRPC
there; that a change of the code does not rebuild the dependencies; that the functions answer as they should on
lambda-local, and to Knative as their manifests start them; that docker/compose.yaml works; and that every builder on
this machine builds chameleon. Leaves no container behind. Needs Docker, its Compose tool, objdump, curl, and the Python
environment that scripts/setup.sh makes.

Environment:
  LAMBDA_LOCAL   the program lambda-local (default: debug/lambda-local in cargo's target directory)
EOF
}

readonly functions=(chameleon cnn_serving)
readonly images=("${functions[@]}" awsinvoker)
# In bytes, not compressed.
readonly -A limits=([chameleon]=3000000 [cnn_serving]=50000000)
readonly label=serverless.test
readonly tag=test-$$

main() {
    case ${1-} in
    '') ;;
    -h | --help) usage && exit ;;
    *) fail "unknown argument $1; see docker/test.sh --help" ;;
    esac
    cd "$(dirname "${BASH_SOURCE[0]}")/.."
    # shellcheck source=scripts/lib/cargo.sh
    source scripts/lib/cargo.sh
    command -v objdump >/dev/null || fail 'objdump is missing: apt-get install binutils'
    command -v curl >/dev/null || fail 'curl is missing: apt-get install curl'
    compose=(docker compose)
    docker compose version >/dev/null 2>&1 || compose=(docker-compose)
    command -v "${compose[0]}" >/dev/null || fail "Docker's Compose tool is missing: apt-get install docker-compose"
    work=$(mktemp --directory)
    # Here already, so that it is not Docker's daemon that makes it, as root.
    mkdir --parents "$work/context/runs"
    compose+=(--project-name "serverless-$tag" -f "$work/context/docker/compose.yaml")
    trap clean_up EXIT
    local image
    for image in "${images[@]}"; do
        unpack "$image"
        check_labels "$image"
        check_files "$image"
        check_glibc "$image"
    done
    for image in "${functions[@]}"; do
        check_size "$image"
        check_restricted_run "$image"
        check_grpc "$image"
    done
    printf '    answers, on lambda-local\n'
    ./docker/check_answers.py "${LAMBDA_LOCAL:-$(target_directory)/debug/lambda-local}"
    printf '    as on Knative\n'
    ./docker/check_knative.py "$label=$$"
    copy_sources
    check_compose
    check_layers
    check_builders
}

fail() {
    printf 'docker/test.sh: %s\n' "$*" >&2
    exit 1
}

clean_up() {
    docker ps --all --quiet --filter "label=$label=$$" | xargs --no-run-if-empty docker rm --force >/dev/null
    # By its name, since it may be the same image as another.
    docker image rm --force "chameleon:$tag" >/dev/null 2>&1 || true
    docker image ls --quiet --no-trunc --filter "label=$label=$$" | sort --unique |
        xargs --no-run-if-empty docker image rm --force >/dev/null
    # What is left of a run that failed or was interrupted.
    [[ ! -e $work/context/docker ]] || "${compose[@]}" down >/dev/null 2>&1 || true
    rm -rf "$work" || printf 'docker/test.sh: %s remains: what the containers made is root'"'"'s\n' "$work" >&2
}

# --- what an image holds ----------------------------------------------------------------------------------

unpack() {
    mkdir "$work/$1"
    docker create --label "$label=$$" "$1" >"$work/id" || fail "there is no image $1: run docker/build.sh"
    docker export "$(<"$work/id")" | tar --extract --directory "$work/$1"
    # Docker puts these into every container.
    rm -rf "${work:?}/$1"/{.dockerenv,dev,proc,sys} "$work/$1"/etc/{hostname,hosts,mtab,resolv.conf}
}

check_size() {
    local size
    size=$(docker image inspect --format '{{.Size}}' "$1")
    ((size <= limits[$1])) || fail "the image $1 has $size bytes; expected at most ${limits[$1]}"
    printf '    %s: %d bytes\n' "$1" "$size"
}

check_labels() {
    local name value
    for name in title description licenses revision; do
        value=$(docker image inspect --format "{{index .Config.Labels \"org.opencontainers.image.$name\"}}" "$1")
        [[ -n $value ]] || fail "the image $1 has no label org.opencontainers.image.$name"
    done
}

# Lambda runs the image as a user of its own, who must be able to read everything.
check_files() {
    local hidden
    hidden=$(find "$work/$1" \( -type f ! -perm -o=r -o -type d ! -perm -o=rx \) -printf '/%P\n')
    [[ -z $hidden ]] || fail "the image $1 has files that not every user can read: $hidden"
    local programs
    programs=$(find "$work/$1" -type f -perm /111 ! -name '*.so*' -printf '%f ')
    case $1 in
    awsinvoker) [[ $programs == 'awsinvoker lambda-local ' || $programs == 'lambda-local awsinvoker ' ]] ;;
    *) [[ $programs == "$1 " ]] ;;
    esac || fail "the image $1 has the programs $programs; expected its own only"
}

# --- glibc ------------------------------------------------------------------------------------------------

check_glibc() {
    local libc file needed provided
    libc=$(find "$work/$1" -name libc.so.6)
    provided=
    [[ -z $libc ]] || {
        provided=$(symbols "$libc" | grep --invert-match '\*UND\*' | newest_version)
        [[ -n $provided ]] || fail "objdump finds no version of glibc in ${libc#"$work"}"
    }
    while read -r file; do
        [[ $(head --bytes=4 "$file") == $'\x7fELF' ]] || continue
        check_libraries "$1" "$file"
        needed=$(symbols "$file" | { grep '\*UND\*' || true; } | newest_version)
        [[ -z $needed || $(printf '%s\n' "$needed" "$provided" | sort --version-sort | tail --lines=1) == "$provided" ]] ||
            fail "${file#"$work"} needs glibc $needed; the image $1 has ${provided:-none}"
    done < <(find "$work/$1" -type f)
}

# The dynamic symbols; a program that is linked statically has none.
symbols() {
    objdump -T "$1" 2>/dev/null || true
}

# The newest version of glibc in lines of symbols.
newest_version() {
    { grep --only-matching 'GLIBC_[0-9.]*' || true; } | sed 's/GLIBC_//' | sort --version-sort | tail --lines=1
}

check_libraries() {
    local library
    while read -r library; do
        [[ -n $(find "$work/$1" -name "$library") ]] || fail "${2#"$work"} needs $library, which the image $1 lacks"
    done < <(objdump -p "$2" | sed -n 's/^ *NEEDED *//p')
}

# --- running it -------------------------------------------------------------------------------------------

# Runs the function on a local Lambda inside its own image, and loads it there: no network is needed for that. The
# programs for it come from the image awsinvoker. So do their libraries and loader, if the image of the function has none.
check_restricted_run() {
    local folder id output volumes=(--volume "$work/awsinvoker:/tools:ro")
    for folder in lib lib64; do
        [[ ! -d $work/awsinvoker/$folder || -d $work/$1/$folder ]] ||
            volumes+=(--volume "$work/awsinvoker/$folder:/$folder:ro")
    done
    printf '[{"hostname": "%s"}]' "$1" >"$work/awsinvoker/endpoints.json"
    id=$(docker run --detach --label "$label=$$" --network none --read-only --tmpfs /tmp --user 54321:12345 \
        --cap-drop ALL --security-opt no-new-privileges "${volumes[@]}" --entrypoint /tools/usr/bin/lambda-local "$1" \
        --listen 127.0.0.1:9000 --function "$1=/var/task/$1")
    wait_for_line "$id" 'listening on'
    output=$(docker exec --workdir /tmp "$id" /tools/usr/bin/awsinvoker --rps 10 --time 1 \
        --endpoint-url http://127.0.0.1:9000 --endpoints-file /tools/endpoints.json 2>&1) || is_late $? || fail "$1: $output"
    [[ $output == *'Issued / completed requests: 10, 10'* ]] || fail "$1 does not run restricted: $output"
    docker rm --force "$id" >/dev/null
}

# Without Lambda's variable, the function serves gRPC where the image says. A signal ends it in order.
check_grpc() {
    local id code
    id=$(docker run --detach --label "$label=$$" --publish 127.0.0.1::50051 --read-only --user 54321:12345 \
        --cap-drop ALL --security-opt no-new-privileges "$1")
    wait_for_line "$id" 'listening on .*:50051'
    assets/venv/bin/python - "$(docker port "$id" 50051/tcp)" <<'EOF' || fail "$1 does not serve gRPC: $(docker logs "$id" 2>&1)"
import sys, grpc

name, greeting = b"record", b"Hello, record_response!"
call = grpc.insecure_channel(sys.argv[1]).unary_unary("/helloworld.Greeter/SayHello")
reply = call(bytes([10, len(name)]) + name, timeout=60)
sys.exit(reply != bytes([10, len(greeting)]) + greeting)
EOF
    docker stop --time 60 "$id" >/dev/null
    code=$(docker inspect --format '{{.State.ExitCode}}' "$id")
    [[ $code == 0 ]] || fail "$1 ends with $code when it is stopped; expected 0"
    docker rm "$id" >/dev/null
}

# Whether awsinvoker's exit code says that it was late, as it may be on a busy machine: is_late CODE
is_late() {
    [[ $1 == 4 ]]
}

# wait_for_line CONTAINER TEXT
wait_for_line() {
    local _
    for _ in {1..200}; do
        docker logs "$1" 2>&1 | grep --quiet "$2" && return
        sleep 0.1
    done
    fail "the container does not say '$2': $(docker logs "$1" 2>&1)"
}

# --- builders ---------------------------------------------------------------------------------------------

copy_sources() {
    git ls-files -z --cached --others --exclude-standard | xargs -0 cp --no-dereference --parents --target-directory "$work/context"
}

# The one command of compose.yaml leaves the results of a run in which every request was answered.
check_compose() {
    local output
    printf '    %s up\n' "${compose[0]}"
    output=$(RPS=10 TIME=3 "${compose[@]}" up --no-color --abort-on-container-exit --exit-code-from awsinvoker 2>&1) ||
        is_late $? || fail "compose: $output"
    "${compose[@]}" down >/dev/null 2>&1
    [[ $output == *'Issued / completed requests: 30, 30'* ]] || fail "not every request was answered: $output"
    [[ -n $(find "$work/context/runs" -name summary.json) ]] || fail "compose left no results: $output"
}

# A change of the code leaves the layer of the dependencies as it is.
check_layers() {
    local log
    echo '// A change.' >>"$work/context/chameleon/src/main.rs"
    log=$("$work/context/docker/build.sh" --verbose --tag "$tag" chameleon)
    # What Docker's older builder says, and what BuildKit says.
    [[ $(grep --after-context=1 'RUN ./skeleton.sh' <<<"$log") == *'Using cache'* ||
        $(grep --after-context=1 'RUN ./skeleton.sh' <<<"$log") == *CACHED* ]] ||
        fail "a change of chameleon builds its dependencies anew: $log"
}

# One builder has built the images; whichever others are on this machine must be able to build one, too.
check_builders() {
    local client buildkit
    for client in $(type -ap docker | xargs --max-args 1 readlink --canonicalize | sort --unique); do
        for buildkit in 0 1; do
            printf 'FROM scratch\nLABEL %s=%s\n' "$label" "$$" |
                DOCKER_BUILDKIT=$buildkit "$client" build --tag "chameleon:$tag" - >/dev/null 2>&1 || continue
            printf '    %s with DOCKER_BUILDKIT=%s\n' "$client" "$buildkit"
            DOCKER=$client DOCKER_BUILDKIT=$buildkit ./docker/build.sh --tag "$tag" chameleon
        done
    done
}

main "$@"
