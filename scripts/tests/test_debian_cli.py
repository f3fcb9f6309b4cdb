"""The life of a deployment with version 2 of the AWS CLI, which Debian has as its package awscli."""

import os

os.environ["DEPLOY_TEST_DEBIAN_CLI"] = "1"

from test_life import Life  # noqa: E402,F401
