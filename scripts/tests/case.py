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
FUNCTIONS, REPOSITORIES = "serverless-functions", "serverless-repositories"
BOTH = ["chameleon", "cnn_serving"]
OWNED = {"managed-by": "serverless-functions"}
# What the scripts may do without changing anything: a change set alone changes nothing.
HARMLESS = re.compile("Get|List|Describe|Invoke|CreateChangeSet|DeleteChangeSet")
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
        return [action for action in self.calls if not HARMLESS.match(action)]

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

    def configuration(self, name="chameleon"):
        """Memory, time-out and variables."""
        one = self.function(name)["Configuration"]
        return one["MemorySize"], one["Timeout"], one.get("Environment", {}).get("Variables", {})

    def inventory(self):
        """The names of everything that a deployment consists of."""
        logs = self.aws("logs").describe_log_groups()["logGroups"]
        return {
            "functions": [one["FunctionName"] for one in self.aws("lambda").list_functions()["Functions"]],
            "repositories": [one["repositoryName"] for one in self.aws("ecr").describe_repositories()["repositories"]],
            "roles": [one["RoleName"] for one in self.aws("iam").list_roles()["Roles"]],
            "logs": {one["logGroupName"]: int(one.get("retentionInDays", 0)) for one in logs},
            "stacks": [one["StackName"] for one in self.aws("cloudformation").describe_stacks()["Stacks"]],
        }

    def make_role(self, name, tags=None):
        tags = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        self.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags)
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    def make_function(self, name, role):
        code = {"ImageUri": "elsewhere/image@sha256:" + 64 * "0"}
        self.aws("lambda").create_function(FunctionName=name, Role=role, PackageType="Image", Code=code, Tags=OWNED)

    def assertSays(self, done, *texts):
        for text in texts:
            self.assertIn(text, done.stderr)


NOTHING = {"functions": [], "repositories": [], "roles": [], "logs": {}, "stacks": []}


def make_checkout(folder):
    """The scripts as they are, and functions of one file each."""
    for name in ("scripts/deploy.sh", "scripts/destroy.sh", "scripts/lib", "scripts/cloudformation", ".gitignore"):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, target)
    for function in BOTH:
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
