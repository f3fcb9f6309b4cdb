"""What the tests of deploy.sh and destroy.sh have in common."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import uuid

import boto3

from cloud import ACCOUNT, REGION, Cloud

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROLE = f"serverless-functions-{REGION}"
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
# How Lambda refuses a role that is too new: always, and if it encrypts the variables of a function.
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."
NO_GRANT = ("Lambda was unable to configure access to your environment variables because the KMS key is invalid for "
            "CreateGrant.")
OWNED = {"managed-by": "serverless-functions"}
READING = re.compile("(Get|List|Describe|Invoke)")
# Everything that is deployed, with images that are built in no time.
DOCKERFILE = "FROM scratch\nLABEL serverless.samples=image\nCOPY {0}/code /code\n"


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cloud = Cloud.shared()

    def setUp(self):
        self.cloud.reset()
        self.proxy = self.cloud.proxy
        self.environment = self.cloud.environment()
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.cloud.folder))
        self.addCleanup(shutil.rmtree, self.folder)
        self.checkout = make_checkout(self.folder / "checkout")
        self.endpoints = self.checkout / "endpoints.json"

    # --- the scripts ----------------------------------------------------------------------------------------

    def use_separate_cli(self):
        """Has the CLI started as its users start it: a process of its own, which takes signals."""
        self.environment["PATH"] = f"{ROOT / 'assets/venv/bin'}:{os.environ['PATH']}"

    def deploy(self, *arguments, **options):
        return self.run_script("deploy.sh", *arguments, **options)

    def destroy(self, *arguments, **options):
        return self.run_script("destroy.sh", *arguments, **options)

    def run_script(self, name, *arguments, code=0, environment=None):
        """Runs a script, which has to end with `code`. `calls` are then those that it made."""
        self.proxy.calls.clear()
        done = subprocess.run(
            [self.checkout / "scripts" / name, *arguments],
            cwd=self.checkout, env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300,
        )
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    @property
    def calls(self):
        return [action for _, action, _ in self.proxy.calls]

    @property
    def changes(self):
        return [action for action in self.calls if not READING.match(action)]

    def change_code(self, function="chameleon"):
        (self.checkout / function / "code").write_text(str(uuid.uuid4()))
        commit(self.checkout)

    @property
    def tag(self):
        return f"{git(self.checkout, 'rev-parse', 'HEAD')}-{ARCH}"

    # --- what is in the account -----------------------------------------------------------------------------

    def aws(self, service, region=REGION):
        return boto3.client(
            service, region_name=region, endpoint_url=self.cloud.moto_url,
            aws_access_key_id="test", aws_secret_access_key="test",
        )

    def function(self, name="chameleon", region=REGION):
        return self.aws("lambda", region).get_function(FunctionName=name)

    def function_names(self):
        return [function["FunctionName"] for function in self.aws("lambda").list_functions()["Functions"]]

    def role_names(self):
        return [role["RoleName"] for role in self.aws("iam").list_roles()["Roles"]]

    def repository_names(self):
        return [one["repositoryName"] for one in self.aws("ecr").describe_repositories()["repositories"]]

    def log_group_names(self):
        return [group["logGroupName"] for group in self.aws("logs").describe_log_groups()["logGroups"]]

    def policies(self, role):
        attached = self.aws("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        return [policy["PolicyArn"] for policy in attached]

    def make_role(self, name, service="lambda.amazonaws.com"):
        trust = '{"Statement": {"Effect": "Allow", "Principal": {"Service": "%s"}, "Action": ["sts:AssumeRole"]}}'
        self.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust % service)
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def make_function(self, name, tags=None, **options):
        if "somebody" not in self.role_names():
            self.make_role("somebody")
        if not options:
            options = {"PackageType": "Image", "Code": {"ImageUri": "elsewhere/image@sha256:" + 64 * "0"}}
        self.aws("lambda").create_function(
            FunctionName=name, Role=f"arn:aws:iam::{ACCOUNT}:role/somebody", Tags=tags or {}, **options
        )

    def assertSays(self, done, *texts):
        for text in texts:
            self.assertIn(text, done.stderr)


def make_checkout(folder):
    """The scripts as they are, and functions of one file each."""
    for name in ("scripts/deploy.sh", "scripts/destroy.sh", "scripts/lib", "scripts/cloudformation", ".gitignore"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, target)
    for function in ("chameleon", "cnn_serving"):
        (folder / function).mkdir()
        (folder / function / "Dockerfile").write_text(DOCKERFILE.format(function))
        (folder / function / "code").write_text(str(uuid.uuid4()))
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def commit(folder):
    git(folder, "add", ".")
    git(folder, "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message=Test")


def git(folder, *arguments):
    return subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True).stdout.strip()


ARCH = {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
OTHER_ARCH = {"arm64": "x86_64", "x86_64": "arm64"}[ARCH]
