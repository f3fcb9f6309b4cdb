"""The flags of deploy.sh."""

import json

from case import ACCOUNT, ARCH, NOTHING, Case


class Flags(Case):
    def test_every_flag(self):
        flags = ["--region", "us-east-2", "--prefix", "team_a", "--arch", ARCH, "--memory", "256", "--timeout", "9",
                 "--env", "KEY=value", "--role-name", "my-role", "--log-retention-days", "1",
                 "--build-arg", "BASE=x", "--endpoints-file", "elsewhere.json", "chameleon"]
        self.deploy(*flags, "--dry-run")
        self.assertEqual(self.inventory(), NOTHING)
        self.deploy(*flags)
        configuration = self.function("team_a-chameleon", "us-east-2")["Configuration"]
        self.assertEqual((configuration["MemorySize"], configuration["Timeout"]), (256, 9))
        self.assertEqual(configuration["Environment"]["Variables"], {"KEY": "value"})
        self.assertEqual(configuration["Role"], f"arn:aws:iam::{ACCOUNT}:role/my-role")
        [group] = self.aws("logs", "us-east-2").describe_log_groups()["logGroups"]
        self.assertEqual((group["logGroupName"], int(group["retentionInDays"])), ("/aws/lambda/team_a-chameleon", 1))
        [endpoint] = json.loads((self.checkout / "elsewhere.json").read_text())
        self.assertEqual(endpoint["hostname"], "team_a-chameleon")
        [tag] = self.cloud.registry.tags("team_a-chameleon")
        self.assertRegex(tag, f"^{self.tag}-[0-9a-f]{{12}}$")
        self.deploy(*flags)
        self.assertEqual(self.changes, [])
        # Another image, so another name.
        self.deploy(*flags, "--build-arg", "BASE=y")
        self.assertEqual(len(self.cloud.registry.tags("team_a-chameleon")), 2)
        self.destroy("--yes", "--region", "us-east-2", "--prefix", "team_a", "--role-name", "my-role")
        self.assertEqual(self.inventory(), NOTHING)

    def test_wrong_flags(self):
        wrong = {
            ("--memory", "127"): "--memory is 127, expected 128 to 10240",
            ("--memory", "1e3"): "--memory is 1e3, expected 128 to 10240",
            ("--timeout", "901"): "--timeout is 901, expected 1 to 900",
            ("--timeout", "08"): "--timeout is 08, expected 1 to 900",
            ("--timeout",): "--timeout needs a value",
            ("--region=",): "--region needs a value",
            ("--region", "Frankfurt"): "--region is Frankfurt, expected a region such as eu-central-1",
            ("--arch", "riscv64"): "--arch is riscv64, expected x86_64 or arm64",
            ("--prefix", "Team"): "--prefix is Team, expected a-z, 0-9",
            ("--prefix", "a--b"): "--prefix is a--b",
            ("--prefix", 21 * "a"): "expected at most 20 characters",
            ("--role-name", "a/b"): "--role-name is a/b, expected 1 to 64",
            ("--log-retention-days", "2"): "--log-retention-days is 2, expected one of: 1 3 5",
            ("--log-retention-days", "1 3"): "--log-retention-days is 1 3, expected one of: 1 3 5",
            ("--env", "1A=b"): "--env is 1A, expected a name",
            ("--env", "NOT_SET_ANYWHERE"): "--env is NOT_SET_ANYWHERE, which is not set",
            ("--env", "AB=two\nlines"): "--env AB: holds a control character",
            ("--bucket", "No_Bucket"): "--bucket is No_Bucket, expected the name of a bucket",
            ("--bucket", "pictures", "chameleon"): "--bucket is for cnn_serving alone",
            ("--build-arg", "KEY"): "--build-arg is KEY, expected KEY=VALUE",
            ("--verbose",): "unknown flag --verbose",
            ("camelion",): "function is camelion, expected one of: chameleon cnn_serving",
        }
        for arguments, message in wrong.items():
            with self.subTest(arguments):
                self.assertSays(self.deploy(*arguments, code=2), message, "see deploy.sh --help")
                self.assertEqual(self.calls, [])

    def test_help(self):
        self.assertIn("--dry-run", self.deploy("--help").stdout)
        self.assertIn("--yes", self.destroy("--help").stdout)
