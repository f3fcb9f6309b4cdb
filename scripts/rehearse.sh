#!/usr/bin/env bash
#
# Rehearses a deployment on this machine, without an AWS account.

set -euo pipefail

usage() {
    cat <<'EOT'
Usage: scripts/rehearse.sh [--images] [FLAG...] [chameleon] [cnn_serving]

Starts a stand-in for an AWS account (moto) and a Docker registry on this machine, and runs against them what you would
run against AWS, with the real AWS CLI and Docker: deploy.sh --dry-run, deploy.sh, deploy.sh again, destroy.sh. FLAG and
the functions are given to deploy.sh; see scripts/deploy.sh --help. Everything is removed at the end.

Works on a copy of the scripts and templates as they are, committed or not. Your AWS credentials are not used, and your
checkout, its endpoints file and your Docker login are not touched.

  --images   build and deploy the real images of the last commit, which takes minutes; otherwise the images hold one
             small file and nothing that could run
  --help

Needs Docker, docker-registry (apt-get install docker-registry), git and what scripts/setup.sh makes.
EOT
}

case ${1-} in
-h | --help) usage && exit ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for tool in docker docker-registry git assets/venv/bin/python; do
    command -v "$tool" >/dev/null || {
        printf 'rehearse.sh: %s is missing: install it (apt-get install docker-registry), or run scripts/setup.sh\n' "$tool" >&2
        exit 1
    }
done
exec assets/venv/bin/python -B scripts/tests/rehearsal.py "$@"
