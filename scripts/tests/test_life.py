"""deploy.sh and destroy.sh, as their users meet them: from an empty account to an empty account."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import unittest

from case import (
    ACCOUNT, ARCH, BASIC_EXECUTION, NO_GRANT, NOT_ASSUMABLE, OWNED, REGION, ROLE, ROOT, Case, git,
)

BOTH = ("chameleon", "cnn_serving")


class Life(Case):
    def test_a_deployment_is_made_repeated_changed_and_removed(self):
        with self.subTest("fresh"):
            self.fresh()
        with self.subTest("again"):
            self.again()
        with self.subTest("new code"):
            self.new_code()
        with self.subTest("changed configuration"):
            self.changed_configuration()
        with self.subTest("destroy"):
            self.removed()

    def fresh(self):
        faults = self.proxy.faults
        faults.role_refusals, faults.pending_polls, faults.unseen_polls = [NOT_ASSUMABLE, NO_GRANT], 2, 1
        done = self.deploy()
        self.assertSays(done, f"account {ACCOUNT}, region {REGION}", "Lambda cannot use the role yet")
        self.assertEqual(self.calls.count("CreateFunction"), 2 + 2)
        for name in BOTH:
            self.check_repository(name)
            function = self.function(name)
            self.assertEqual(function["Code"]["ImageUri"], self.pushed(name))
            configuration = function["Configuration"]
            self.assertEqual((configuration["MemorySize"], configuration["Timeout"]), (1769, 60))
            self.assertEqual(configuration["Architectures"], [ARCH])
            self.assertEqual(configuration["Role"], f"arn:aws:iam::{ACCOUNT}:role/{ROLE}")
            self.assertEqual(function["Tags"], OWNED)
        groups = self.aws("logs").describe_log_groups()["logGroups"]
        self.assertEqual({group["logGroupName"]: group["retentionInDays"] for group in groups},
                         {"/aws/lambda/chameleon": 14, "/aws/lambda/cnn_serving": 14})
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
        role = self.aws("iam").get_role(RoleName=ROLE)["Role"]
        [statement] = role["AssumeRolePolicyDocument"]["Statement"]
        self.assertEqual(statement, {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"},
                                     "Action": "sts:AssumeRole"})
        self.assertEqual(self.policies(ROLE), [BASIC_EXECUTION])
        self.assertEqual(self.aws("iam").list_role_policies(RoleName=ROLE)["PolicyNames"], [])

    def check_endpoints(self):
        self.assertEqual(json.loads(self.endpoints.read_text()), [
            {"hostname": "chameleon", "payload": {"num_of_rows": 10, "num_of_cols": 15}},
            {"hostname": "cnn_serving", "payload": {"input_file_seq": 0}},
        ])
        run = subprocess.run(
            [os.environ["AWSINVOKER"], "--endpoints-file", self.endpoints, "--endpoint-url", self.proxy.url,
             "--rps", "4", "--time", "1", "--out", self.folder / "run"],
            cwd=self.folder, env=self.environment, capture_output=True, text=True,
        )
        summary = json.loads((self.folder / "run/summary.json").read_text())
        self.assertEqual([one["name"] for one in summary["endpoints"]], list(BOTH), run.stderr)

    def pushed(self, name):
        """The image as the registry has it, by digest."""
        digest, _ = self.cloud.registry.manifest(name, self.tag)
        return f"{self.cloud.registry.host}/{name}@{digest}"

    def again(self):
        before = self.endpoints.stat().st_mtime_ns, self.cloud.registry.pushes()
        done = self.deploy()
        self.assertEqual(self.changes, [])
        self.assertEqual(self.calls.count("Invoke"), 2)
        self.assertEqual((self.endpoints.stat().st_mtime_ns, self.cloud.registry.pushes()), before)
        self.assertSays(done, "code is up to date", "configuration is up to date", "endpoints.json is up to date")

    def new_code(self):
        old, pushes = self.function()["Code"]["ImageUri"], self.cloud.registry.pushes()
        self.change_code()
        self.proxy.faults.in_progress_polls = 2
        self.deploy("chameleon", "--memory", "1770")
        # Each update only when the one before was done: the stand-in for Lambda refuses it otherwise.
        self.assertEqual(self.changes, ["UpdateFunctionCode", "UpdateFunctionConfiguration"])
        self.assertEqual(self.function()["Code"]["ImageUri"], self.pushed("chameleon"))
        self.assertNotEqual(self.function()["Code"]["ImageUri"], old)
        self.assertEqual(self.cloud.registry.pushes(), pushes + 1)

    def changed_configuration(self):
        odd = {"AB": 'a "quote", a \\ and = ', "EMPTY": "", "ZW": "zwölf", "FROM_SHELL": "shell"}
        flags = ["chameleon", "--memory=512", "--timeout", "30", "--log-retention-days", "7", "--env=FROM_SHELL",
                 *(f"--env={key}={value}" for key, value in odd.items() if key != "FROM_SHELL")]
        ecr = self.aws("ecr")
        ecr.put_image_tag_mutability(repositoryName="chameleon", imageTagMutability="MUTABLE")
        ecr.put_image_scanning_configuration(
            repositoryName="chameleon", imageScanningConfiguration={"scanOnPush": False})
        ecr.delete_lifecycle_policy(repositoryName="chameleon")
        self.deploy(*flags, environment={"FROM_SHELL": "shell"})
        self.assertEqual(self.changes, ["PutImageTagMutability", "PutImageScanningConfiguration", "PutLifecyclePolicy",
                                        "PutRetentionPolicy", "UpdateFunctionConfiguration"])
        self.check_repository("chameleon")
        configuration = self.function()["Configuration"]
        self.assertEqual((configuration["MemorySize"], configuration["Timeout"]), (512, 30))
        self.assertEqual(configuration["Environment"]["Variables"], odd)
        self.deploy(*flags, environment={"FROM_SHELL": "shell"})
        self.assertEqual(self.changes, [])
        # What is not given again does not stay.
        self.deploy("chameleon", "--memory=512", "--timeout", "30", "--log-retention-days", "7", "--env", "ZW=x")
        self.assertEqual(self.changes, ["UpdateFunctionConfiguration"])
        self.assertEqual(self.function()["Configuration"]["Environment"]["Variables"], {"ZW": "x"})

    def removed(self):
        done = self.destroy("--yes", "chameleon")
        self.assertSays(done, f"leaving role {ROLE}: used by cnn_serving")
        self.assertEqual((self.function_names(), self.repository_names()), (["cnn_serving"], ["cnn_serving"]))
        self.assertEqual(self.cloud.registry.tags("chameleon"), [])
        self.destroy("--yes")
        self.assertEqual((self.function_names(), self.repository_names()), ([], []))
        self.assertEqual((self.log_group_names(), self.role_names()), ([], []))
        self.assertSays(self.destroy("--yes"), "nothing to delete")
        self.assertEqual(self.changes, [])


class Interrupted(Case):
    def test_ctrl_c_while_waiting_and_then_again(self):
        self.use_separate_cli()
        self.interrupt_and_deploy_again("GetFunction", os.killpg)

    def test_ctrl_c_that_the_cli_does_not_heed(self):
        self.interrupt_and_deploy_again("CreateFunction", os.kill)

    def interrupt_and_deploy_again(self, action, kill):
        """Sends the signal while the call is being answered; looks at functions before one is made do not count."""

        def interrupt():
            if "CreateFunction" in self.calls:
                kill(script.pid, signal.SIGINT)

        self.proxy.faults.during[action] = interrupt
        self.proxy.faults.pending_polls = 1000
        # Whoever runs the tests in the background may have it ignored.
        heeding = ["env", "--default-signal=INT", self.checkout / "scripts/deploy.sh", "chameleon"]
        with subprocess.Popen(
            heeding, cwd=self.checkout, env=self.environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        ) as script:
            try:
                script.communicate(timeout=60)
            finally:
                # If it did not stop: what is left must not outlive the test.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(script.pid, signal.SIGKILL)
        self.proxy.faults.during.clear()
        self.assertNotEqual(script.returncode, 0)
        self.assertFalse(self.endpoints.exists())
        self.proxy.busy = {"State": 2}
        self.assertSays(self.deploy("chameleon"), "waiting until it is active")
        self.assertEqual(self.changes, [])
        self.assertTrue(self.endpoints.exists())


@unittest.skipUnless("DEPLOY_TEST_IMAGES" in os.environ, "only with --images")
class RealImage(Case):
    def test_chameleon_as_it_is(self):
        self.checkout = self.folder / "clone"
        git(ROOT, "clone", "--quiet", "--no-hardlinks", ROOT, self.checkout)
        flags = ["chameleon", *base_image(), "--endpoints-file", "/dev/null"]
        self.use_separate_cli()
        self.deploy(*flags)
        [tag] = self.cloud.registry.tags("chameleon")
        digest, _ = self.cloud.registry.manifest("chameleon", tag)
        self.assertTrue(self.function()["Code"]["ImageUri"].endswith(f"/chameleon@{digest}"))


def base_image():
    """The flags for a base that is there, as docker/build.sh chooses it."""
    [default] = re.findall(r"^ARG RUST_IMAGE=(.*)$", (ROOT / "chameleon/Dockerfile").read_text(), re.MULTILINE)
    if subprocess.run(["docker", "image", "inspect", default], capture_output=True).returncode == 0:
        return []
    base = subprocess.run([ROOT / "docker/base.sh"], check=True, capture_output=True, text=True).stdout.strip()
    return ["--build-arg", f"RUST_IMAGE={base}"]
