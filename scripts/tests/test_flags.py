"""The flags of deploy.sh, and what it makes of roles that exist."""

import json

from case import ACCOUNT, ARCH, BASIC_EXECUTION, Case
from cloud import REGION


class Flags(Case):
    def test_every_flag(self):
        flags = ["--region", "us-east-2", "--prefix", "team-a", "--arch", ARCH, "--memory", "256", "--timeout", "9",
                 "--env", "KEY=value", "--role-name", "my-role", "--log-retention-days", "1",
                 "--build-arg", "BASE=x", "--endpoints-file", "elsewhere.json", "chameleon"]
        self.deploy(*flags, "--dry-run")
        self.assertEqual(self.changes, [])
        self.deploy(*flags)
        function = self.function("team-a-chameleon", "us-east-2")
        configuration = function["Configuration"]
        self.assertEqual((configuration["MemorySize"], configuration["Timeout"]), (256, 9))
        self.assertEqual(configuration["Environment"]["Variables"], {"KEY": "value"})
        self.assertEqual(configuration["Role"], f"arn:aws:iam::{ACCOUNT}:role/my-role")
        [group] = self.aws("logs", "us-east-2").describe_log_groups()["logGroups"]
        self.assertEqual((group["logGroupName"], group["retentionInDays"]), ("/aws/lambda/team-a-chameleon", 1))
        [endpoint] = json.loads((self.checkout / "elsewhere.json").read_text())
        self.assertEqual(endpoint["hostname"], "team-a-chameleon")
        [tag] = self.cloud.registry.tags("team-a-chameleon")
        self.assertRegex(tag, f"^{self.tag}-[0-9a-f]{{12}}$")
        self.deploy(*flags)
        self.assertEqual(self.changes, [])
        # Another image, so another name.
        self.deploy(*flags, "--build-arg", "BASE=y")
        self.assertEqual(len(self.cloud.registry.tags("team-a-chameleon")), 2)
        self.destroy("--yes", "--region", "us-east-2", "--prefix", "team-a", "--role-name", "my-role")
        self.assertEqual(self.changes, ["DeleteFunction", "DeleteRepository", "DetachRolePolicy", "DeleteRole",
                                        "DeleteLogGroup"])

    def test_dry_run_shows_the_changes_and_makes_none(self):
        done = self.deploy("--dry-run", "--env", "SECRET=hush")
        self.assertEqual((self.changes, self.calls.count("Invoke")), ([], 0))
        self.assertFalse(self.endpoints.exists())
        commands = [" ".join(line.split()[:3]) for line in done.stdout.splitlines()]
        for_each = ["aws ecr create-repository", "aws ecr put-lifecycle-policy", "env BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker",
                    "aws ecr get-login-password", "docker push <repositoryUri>:" + self.tag,
                    "aws logs create-log-group", "aws logs put-retention-policy", "aws lambda create-function",
                    "printf %s {\"num_of_rows\":10,\"num_of_cols\":15}"]
        self.assertEqual([command.replace("'", "") for command in commands],
                         ["aws iam create-role", "aws iam attach-role-policy", *for_each, *for_each[:-1],
                          "printf %s {\"input_file_seq\":0}"])
        for line in done.stdout.splitlines():
            self.assertEqual("aws " in line, f"--region {REGION}" in line, line)
        self.assertNotIn("hush", done.stdout + done.stderr)

    def test_wrong_flags(self):
        wrong = {
            ("--memory", "127"): "--memory is 127, expected 128 to 10240",
            ("--memory", "1e3"): "--memory is 1e3, expected 128 to 10240",
            ("--timeout", "901"): "--timeout is 901, expected 1 to 900",
            ("--timeout", "08"): "--timeout is 08, expected 1 to 900",
            ("--timeout",): "--timeout needs a value",
            ("--region=",): "--region is empty",
            ("--region", "Frankfurt"): "--region is Frankfurt, expected the like of eu-central-1",
            ("--arch", "riscv64"): "--arch is riscv64, expected x86_64 or arm64",
            ("--prefix", "Team"): "--prefix is Team, expected at most 20",
            ("--prefix", "a--b"): "--prefix is a--b",
            ("--role-name", "a/b"): "--role-name is a/b, expected 1 to 64",
            ("--log-retention-days", "2"): "--log-retention-days is 2, expected one of: 1 3 5",
            ("--log-retention-days", "1 3"): "--log-retention-days is 1 3, expected one of: 1 3 5",
            ("--env", "1A=b"): "--env 1A: expected a name",
            ("--env", "NOT_SET_ANYWHERE"): "--env NOT_SET_ANYWHERE: not set in the environment",
            ("--env", "AB=two\nlines"): "--env AB: holds a control character",
            ("--build-arg", "KEY"): "--build-arg is KEY, expected KEY=VALUE",
            ("--verbose",): "unknown flag --verbose",
            ("camelion",): "function camelion is unknown, expected one of: chameleon cnn_serving",
        }
        for arguments, message in wrong.items():
            with self.subTest(arguments):
                self.assertSays(self.deploy(*arguments, code=2), message, "see deploy.sh --help")
                self.assertEqual(self.calls, [])

    def test_help(self):
        self.assertIn("--dry-run", self.deploy("--help").stdout)
        self.assertIn("--yes", self.destroy("--help").stdout)


class Roles(Case):
    def test_a_role_and_a_log_group_that_exist_are_used_and_left_as_they_are(self):
        arn = self.make_role("theirs")
        self.aws("logs").create_log_group(logGroupName="/aws/lambda/chameleon")
        done = self.deploy("chameleon", "--role-name", "theirs")
        self.assertSays(done, f"using the role {arn}", f"it stays as it is, without {BASIC_EXECUTION}",
                        "its retention stays as it is")
        self.assertNotIn("CreateRole", self.calls)
        self.assertNotIn("PutRetentionPolicy", self.calls)
        self.assertEqual(self.policies("theirs"), [])
        self.assertEqual(self.function()["Configuration"]["Role"], arn)
        done = self.destroy("--yes", "--role-name", "theirs")
        self.assertSays(done, "leaving role theirs: it lacks the tag")
        self.assertEqual((self.function_names(), self.role_names()), ([], ["theirs"]))
        self.assertEqual(self.log_group_names(), ["/aws/lambda/chameleon"])

    def test_a_role_belongs_to_the_functions_of_one_region(self):
        self.deploy("chameleon", "--role-name", "ours")
        other = ["--region", "us-east-2", "--role-name", "ours"]
        self.assertSays(self.deploy("chameleon", *other, code=1), f"role ours was made for functions in {REGION}")
        self.assertEqual(self.changes, [])
        self.assertSays(self.destroy("--yes", *other), f"leaving role ours: made for functions in {REGION}")
        self.assertEqual(self.changes, [])

    def test_a_role_that_lambda_may_not_assume_is_not_loosened(self):
        self.make_role("theirs", "ec2.amazonaws.com")
        done = self.deploy("chameleon", "--role-name", "theirs", code=1)
        self.assertSays(done, "role theirs exists, but its trust policy does not let lambda.amazonaws.com assume it")
        self.assertEqual(self.changes, [])
