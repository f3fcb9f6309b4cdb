"""Every way in which deploy.sh can fail: each names its cause, and the next run continues."""

import json
from unittest import mock

from case import BOTH, FUNCTIONS, OTHER_ARCH, OWNED, REGION, REPOSITORIES, ROLE, Case, commit
from cloud import PASSWORD, remove_images


class Failures(Case):
    def test_no_credentials(self):
        environment = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        self.assertSays(self.deploy(code=1, environment=environment), "Unable to locate credentials")

    def test_the_region(self):
        self.assertSays(self.deploy(code=1, environment={"AWS_REGION": ""}), "no region: give --region")
        (self.folder / "config").write_text("[default]\nregion = eu-west-3\n")
        for environment, region in [({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
                                    ({"AWS_CONFIG_FILE": str(self.folder / "config")}, "eu-west-3")]:
            done = self.destroy("--yes", environment={"AWS_REGION": "", **environment})
            self.assertSays(done, f"region {region}")

    def test_missing_tools(self):
        folder = self.folder / "bin"
        folder.mkdir()
        for name in ("bash", "env", "dirname", "mktemp", "rm", "uname", "sort"):
            (folder / name).symlink_to(f"/usr/bin/{name}")
        for name in ("aws", "git", "docker"):
            done = self.deploy(code=1, environment={"PATH": str(folder)})
            self.assertSays(done, f"{name} is missing: install")
            (folder / name).symlink_to("/usr/bin/true")

    def test_docker_is_not_reachable(self):
        done = self.deploy(code=1, environment={"DOCKER_HOST": "tcp://127.0.0.1:1"})
        self.assertSays(done, "Cannot connect to the Docker daemon", "Docker cannot be reached")

    def test_what_is_not_committed(self):
        (self.checkout / "new").touch()
        for flags in ([], ["--dry-run"]):
            done = self.deploy(*flags, code=1)
            self.assertSays(done, "?? new", "the files above are not committed", "git stash --include-untracked")
            self.assertEqual(self.calls, [])

    def test_a_failed_build(self):
        (self.checkout / "chameleon/Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
        commit(self.checkout)
        self.assertSays(self.deploy("chameleon", code=1), "failed: docker build of chameleon", "docker/build.sh builds with "
                        "stand-ins for the base images", "base=$(docker/base.sh)")
        self.assertEqual(self.changes, ["ExecuteChangeSet"])

    def test_a_failed_push(self):
        self.proxy.registry = self.cloud.start_registry("read-only", read_only=True)
        self.assertSays(self.deploy("chameleon", code=1), "failed: docker push")
        self.assertEqual(self.inventory()["stacks"], [REPOSITORIES])
        self.assertFalse(self.endpoints.exists())
        self.proxy.registry = self.cloud.registry
        self.assertSays(self.deploy("chameleon"), f"the stack {REPOSITORIES} is up to date")

    def test_a_failed_login(self):
        self.proxy.registry = mock.Mock(host="127.0.0.1:1", manifest=lambda *_: None)
        self.addCleanup(remove_images, "127.0.0.1:1")
        self.assertSays(self.deploy("chameleon", code=1), "refused", "docker login --username AWS --password-stdin "
                        "127.0.0.1:1: pushing with what Docker knows already", "failed: docker push")

    def test_a_login_that_is_not_needed(self):
        """A credential helper that stores nothing, but knows the password, as ECR's does."""
        host = self.cloud.registry.host
        helper = self.folder / "bin/docker-credential-fixed"
        helper.parent.mkdir()
        helper.write_text(f"""#!/bin/sh
            case $1 in
            store) echo "not implemented" && exit 1 ;;
            get) printf '{{"ServerURL":"{host}","Username":"AWS","Secret":"{PASSWORD}"}}' ;;
            esac
            """)
        helper.chmod(0o755)
        (self.folder / "config.json").write_text(json.dumps({"credHelpers": {host: "fixed"}}))
        path = f"{helper.parent}:{self.environment['PATH']}"
        done = self.deploy("chameleon", environment={"PATH": path, "DOCKER_CONFIG": str(self.folder)})
        self.assertSays(done, "not implemented", "pushing with what Docker knows already", "chameleon: answers")

    def test_errors_of_aws_are_shown_with_the_command(self):
        self.proxy.faults.errors["DescribeRepositories"] = (400, "AccessDeniedException", "not you")
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, "(AccessDeniedException)", "not you", "failed: aws ecr describe-repositories",
                        f"--region {REGION}")
        self.proxy.faults.errors = {"CreateChangeSet": (400, "ValidationError", "a parameter is wrong")}
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, "a parameter is wrong", f"failed: aws cloudformation deploy --stack-name {REPOSITORIES}")
        self.assertEqual(self.changes, [])

    def test_a_function_error_in_the_first_call(self):
        self.proxy.faults.invoke_error = '{"errorType":"Runtime.ExitError","errorMessage":"exit status 127"}'
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, self.proxy.faults.invoke_error, "function chameleon was deployed, but answers",
                        "error Unhandled")
        self.assertFalse(self.endpoints.exists())
        self.proxy.faults.invoke_error = None
        self.deploy("chameleon")
        self.assertEqual(self.changes, [])

    def test_what_is_there_already(self):
        self.deploy("chameleon")
        with self.subTest("another architecture"):
            done = self.deploy("chameleon", "--arch", OTHER_ARCH, code=1)
            self.assertSays(done, f"--arch is {OTHER_ARCH}: give --arch")
            self.assertEqual(self.changes, [])
        with self.subTest("a function that was put aside"):
            self.proxy.faults.inactive = True
            self.deploy("chameleon")
            self.assertEqual(self.calls.count("Invoke"), 2)
        with self.subTest("an endpoints file"):
            self.endpoints.write_text("mine")
            self.assertSays(self.deploy("chameleon"), "keeping that as endpoints.json.bak")
            self.assertEqual((self.checkout / "endpoints.json.bak").read_text(), "mine")

    def test_an_endpoints_file_that_cannot_be_written(self):
        for file in (".", "missing/endpoints.json"):
            done = self.deploy("--endpoints-file", file, code=1)
            self.assertSays(done, f"--endpoints-file {file}: cannot write {file}, expected a file that can be written")
            self.assertEqual(self.calls, [])
        self.endpoints.write_text("mine")
        (self.checkout / "endpoints.json.bak").mkdir()
        self.assertSays(self.deploy(code=1), "--endpoints-file endpoints.json: cannot write endpoints.json.bak")
        self.assertEqual(self.calls, [])


class FailedStacks(Case):
    """States that moto never reaches, as AWS's documentation describes them."""

    def test_a_stack_that_failed_is_told_with_the_next_command(self):
        self.deploy("chameleon")
        for status, command in {
            "ROLLBACK_COMPLETE": f"aws cloudformation delete-stack --stack-name {FUNCTIONS}",
            "ROLLBACK_FAILED": f"aws cloudformation delete-stack --stack-name {FUNCTIONS}",
            "CREATE_FAILED": f"aws cloudformation delete-stack --stack-name {FUNCTIONS}",
            "UPDATE_FAILED": f"aws cloudformation rollback-stack --stack-name {FUNCTIONS}",
            "UPDATE_ROLLBACK_FAILED": f"aws cloudformation continue-update-rollback --stack-name {FUNCTIONS}",
            "DELETE_FAILED": f"scripts/destroy.sh --region {REGION}",
        }.items():
            with self.subTest(status):
                self.proxy.faults.statuses[FUNCTIONS] = [status]
                self.assertSays(self.deploy("chameleon", code=1), f"the stack {FUNCTIONS} is {status}", command)
                self.assertEqual(self.changes, [])

    def test_what_failed_is_shown_in_the_words_of_cloudformation(self):
        reason = "Resource handler returned message: not allowed"
        self.proxy.faults.statuses[FUNCTIONS] = ["ROLLBACK_COMPLETE"]
        self.proxy.faults.events = {"ChameleonLogs": reason}
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, reason, f"the stack {FUNCTIONS} is ROLLBACK_COMPLETE, for the reasons above")

    def test_what_an_interrupted_dry_run_left_is_removed(self):
        cloudformation = self.aws("cloudformation")
        template = (self.checkout / "scripts/cloudformation/repositories.yaml").read_text()
        cloudformation.create_change_set(StackName=REPOSITORIES, ChangeSetName="left", ChangeSetType="CREATE",
                                         TemplateBody=template)
        self.deploy("chameleon")
        self.assertEqual(self.inventory()["stacks"], [REPOSITORIES, FUNCTIONS])


class EarlierScripts(Case):
    def test_what_they_made_is_named_with_the_commands_that_remove_it(self):
        role = self.make_role(ROLE, OWNED)
        iam = self.aws("iam")
        policy = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=policy)
        document = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}}'
        iam.put_role_policy(RoleName=ROLE, PolicyName="read-images", PolicyDocument=document)
        self.make_function("chameleon", role)
        self.aws("ecr").create_repository(repositoryName="chameleon")
        self.aws("logs").create_log_group(logGroupName="/aws/lambda/chameleon")
        done = self.deploy(code=1)
        self.assertSays(done, "an earlier version of this script made them", "nothing was changed")
        commands = [line.strip() for line in done.stderr.splitlines() if line.startswith("  aws ")]
        self.assertEqual([" ".join(command.split()[1:3]) for command in commands], [
            "lambda delete-function", "ecr delete-repository", "logs delete-log-group", "iam detach-role-policy",
            "iam delete-role-policy", "iam delete-role"])
        self.assertEqual(self.changes, [])
        # The commands are right: what they leave can be deployed to.
        for command in commands:
            self.cloud.run(command, self.environment)
        self.deploy()
        self.assertEqual(self.inventory()["functions"], BOTH)

    def test_a_role_of_somebody_is_used_if_it_is_asked_for(self):
        arn = self.make_role("theirs")
        self.deploy("chameleon", "--role-name", "theirs")
        self.assertEqual(self.function()["Configuration"]["Role"], arn)
        done = self.deploy("--role-name", "theirs", "--bucket", "pictures", code=1)
        self.assertSays(done, "let it read pictures yourself")
        self.destroy("--yes")
        self.assertEqual(self.inventory()["roles"], ["theirs"])
