"""deploy.sh and destroy.sh, as their users meet them: from an empty account to an empty account."""

import contextlib
import json
import os
import re
import signal
import subprocess
import unittest

from case import ARCH, BOTH, FUNCTIONS, NOTHING, REPOSITORIES, ROLE, ROOT, Case, git
from cloud import ACCOUNT, REGION

DEFAULTS = (1769, 60, {})


class Life(Case):
    def test_a_deployment_is_made_repeated_changed_and_removed(self):
        if "DEPLOY_TEST_DEBIAN_CLI" in os.environ:
            version = subprocess.run(["aws", "--version"], env=self.environment, capture_output=True, text=True).stdout
            self.assertRegex(version, "^aws-cli/2")
        for part in (self.before, self.fresh, self.again, self.changed, self.one_function, self.removed):
            with self.subTest(part.__name__):
                part()

    def before(self):
        done = self.deploy("--dry-run", "--env", "SECRET=hush")
        for line in ("Add\tAWS::ECR::Repository\tChameleonRepository", "Add\tAWS::Lambda::Function\tCnnServing"):
            self.assertIn(line, done.stdout)
        self.assertNotIn("hush", done.stdout + done.stderr)
        self.assertNotIn("ExecuteChangeSet", self.calls)
        self.assertFalse(self.endpoints.exists())
        self.assertEqual(self.inventory(), NOTHING)

    def fresh(self):
        self.assertSays(self.deploy(), f"account {ACCOUNT}, region {REGION}", "chameleon: answers")
        self.assertEqual(self.inventory(), {
            "functions": BOTH, "repositories": BOTH, "roles": [ROLE],
            "logs": {"/aws/lambda/chameleon": 14, "/aws/lambda/cnn_serving": 14}, "stacks": [REPOSITORIES, FUNCTIONS],
        })
        for name in BOTH:
            self.check_repository(name)
            self.assertEqual(self.function(name)["Code"]["ImageUri"], self.pushed(name))
            self.assertEqual(self.configuration(name), DEFAULTS)
            self.assertEqual(self.function(name)["Configuration"]["Architectures"], [ARCH])
        self.check_role()
        self.check_endpoints()

    def check_repository(self, name):
        ecr = self.aws("ecr")
        [repository] = ecr.describe_repositories(repositoryNames=[name])["repositories"]
        self.assertEqual(repository["imageTagMutability"], "IMMUTABLE")
        self.assertEqual(repository["imageScanningConfiguration"], {"scanOnPush": True})
        policy = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])
        self.assertEqual([rule["action"] for rule in policy["rules"]], [{"type": "expire"}])

    def check_role(self):
        iam = self.aws("iam")
        [statement] = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(statement["Principal"], {"Service": "lambda.amazonaws.com"})
        attached = iam.list_attached_role_policies(RoleName=ROLE)["AttachedPolicies"]
        self.assertEqual([policy["PolicyName"] for policy in attached], ["AWSLambdaBasicExecutionRole"])
        self.assertEqual(iam.list_role_policies(RoleName=ROLE)["PolicyNames"], [])

    def check_endpoints(self):
        self.assertEqual(json.loads(self.endpoints.read_text()), [
            {"hostname": "chameleon", "payload": {"num_of_rows": 10, "num_of_cols": 15}},
            {"hostname": "cnn_serving", "payload": {"input_file_seq": 0}},
        ])
        if "AWSINVOKER" not in os.environ:
            return
        run = subprocess.run(
            [os.environ["AWSINVOKER"], "--endpoints-file", self.endpoints, "--endpoint-url", self.proxy.url,
             "--rps", "4", "--time", "1", "--out", self.folder / "run"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True,
        )
        summary = json.loads((self.folder / "run/summary.json").read_text())
        self.assertEqual([one["name"] for one in summary["endpoints"]], BOTH, run.stderr)

    def pushed(self, name):
        """The image as the registry has it, by digest."""
        digest, _ = self.cloud.registry.manifest(name, self.tag)
        return f"{self.cloud.registry.host}/{name}@{digest}"

    def again(self):
        before = self.endpoints.stat().st_mtime_ns, self.cloud.registry.pushes()
        done = self.deploy()
        self.assertEqual(self.changes, [])
        self.assertEqual((self.endpoints.stat().st_mtime_ns, self.cloud.registry.pushes()), before)
        for stack in (REPOSITORIES, FUNCTIONS):
            self.assertSays(done, f"the stack {stack} is up to date")
            sets = self.aws("cloudformation").list_change_sets(StackName=stack)["Summaries"]
            self.assertNotIn("FAILED", [one["Status"] for one in sets])
        self.assertEqual(self.deploy("--dry-run").stdout, "")

    def changed(self):
        odd = {"AB": 'a "quote", a \\ and = ', "EMPTY": "", "ZW": "zwölf # {x}", "FROM_SHELL": "shell"}
        flags = ["--memory=512", "--timeout", "30", "--log-retention-days", "7", "--bucket=pictures", "--env=FROM_SHELL",
                 *(f"--env={key}={value}" for key, value in odd.items() if key != "FROM_SHELL")]
        shell = {"environment": {"FROM_SHELL": "shell"}}
        self.assertIn("Modify\tAWS::Lambda::Function\tChameleon", self.deploy(*flags, "--dry-run", **shell).stdout)
        self.assertEqual(self.configuration(), DEFAULTS)
        self.deploy(*flags, **shell)
        self.assertEqual(self.changes, ["ExecuteChangeSet"])
        self.assertEqual(self.configuration(), (512, 30, odd))
        self.assertEqual(self.inventory()["logs"], {"/aws/lambda/chameleon": 7, "/aws/lambda/cnn_serving": 7})
        policy = self.aws("iam").get_role_policy(RoleName=ROLE, PolicyName="read-bucket")["PolicyDocument"]
        resources = [(one["Action"], one["Resource"]) for one in policy["Statement"]]
        self.assertEqual(resources, [("s3:GetObject", "arn:aws:s3:::pictures/*"), ("s3:ListBucket", "arn:aws:s3:::pictures")])
        self.deploy(*flags, **shell)
        self.assertEqual(self.changes, [])

    def one_function(self):
        """What is not named stays; what is named and not given again goes back to its default."""
        other, pushes = self.configuration("cnn_serving"), self.cloud.registry.pushes()
        self.change_code()
        self.deploy("chameleon", "--env", "ZW=x")
        self.assertEqual(self.function()["Code"]["ImageUri"], self.pushed("chameleon"))
        self.assertEqual(self.cloud.registry.pushes(), pushes + 1)
        self.assertEqual(self.configuration(), (1769, 60, {"ZW": "x"}))
        self.assertEqual(self.configuration("cnn_serving"), other)
        self.assertEqual(self.aws("iam").list_role_policies(RoleName=ROLE)["PolicyNames"], ["read-bucket"])
        self.deploy("cnn_serving")
        self.assertEqual(self.configuration("cnn_serving"), DEFAULTS)
        self.assertEqual(self.aws("iam").list_role_policies(RoleName=ROLE)["PolicyNames"], [])

    def removed(self):
        self.assertSays(self.destroy("--yes", "chameleon"), f"the stack {FUNCTIONS} stays, for cnn_serving")
        self.assertEqual(self.cloud.registry.tags("chameleon"), [])
        left = self.inventory()
        self.assertEqual((left["functions"], left["repositories"], left["roles"]), (["cnn_serving"], ["cnn_serving"], [ROLE]))
        self.destroy("--yes")
        self.assertEqual(self.inventory(), NOTHING)
        self.assertSays(self.destroy("--yes"), "nothing to delete")
        self.assertEqual(self.changes, [])


class Interrupted(Case):
    def test_ctrl_c_while_a_stack_is_made_and_then_again(self):
        def interrupt():
            if "ExecuteChangeSet" in self.calls:
                os.killpg(script.pid, signal.SIGINT)

        self.proxy.faults.during["DescribeStacks"] = interrupt
        self.proxy.faults.statuses[REPOSITORIES] = ["CREATE_IN_PROGRESS"]
        # Whoever runs the tests in the background may have it ignored.
        heeding = ["env", "--default-signal=INT", self.checkout / "scripts/deploy.sh", "chameleon"]
        with subprocess.Popen(
            heeding, cwd=self.checkout, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        ) as script:
            try:
                script.communicate(timeout=60)
            finally:
                # If it did not stop: what is left must not outlive the test.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(script.pid, signal.SIGKILL)
        self.assertNotEqual(script.returncode, 0)
        self.assertFalse(self.endpoints.exists())
        self.proxy.faults.during.clear()
        self.proxy.faults.statuses[REPOSITORIES] = ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
        self.assertSays(self.deploy("chameleon"), f"waiting for the stack {REPOSITORIES}: CREATE_IN_PROGRESS")
        self.assertTrue(self.endpoints.exists())


@unittest.skipUnless("DEPLOY_TEST_IMAGES" in os.environ, "only with --images")
class RealImage(Case):
    def test_chameleon_as_it_is(self):
        self.checkout = self.folder / "clone"
        git(ROOT, "clone", "--quiet", "--no-hardlinks", ROOT, self.checkout)
        self.deploy("chameleon", *base_image(), "--endpoints-file", "/dev/null")
        [tag] = self.cloud.registry.tags("chameleon")
        digest, _ = self.cloud.registry.manifest("chameleon", tag)
        self.assertTrue(self.function()["Code"]["ImageUri"].endswith(f"/chameleon@{digest}"))


def base_image():
    """The flags for a base that is there, as docker/build.sh chooses it."""
    [default] = re.findall(r"^ARG RUST_IMAGE=(.*)$", (ROOT / "chameleon/Dockerfile").read_text(), re.MULTILINE)
    if subprocess.run(["docker", "image", "inspect", default], capture_output=True).returncode == 0:
        return []
    base = subprocess.run([ROOT / "docker/base.sh"], check=True, capture_output=True, text=True).stdout.strip()
    return ["--build-arg", f"RUST_IMAGE={base}", "--build-arg", f"PYTHON_IMAGE={base}"]
