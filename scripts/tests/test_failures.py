"""Every way in which deploy.sh can fail: each names its cause, and the next run continues."""

import json
from unittest import mock

from case import NOT_ASSUMABLE, OTHER_ARCH, OWNED, REGION, Case, commit
from cloud import PASSWORD, remove_images


class Failures(Case):
    def test_no_credentials(self):
        environment = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        self.assertSays(self.deploy(code=1, environment=environment), "Unable to locate credentials")

    def test_no_region(self):
        self.assertSays(self.deploy(code=1, environment={"AWS_REGION": ""}), "no region: give --region")

    def test_the_region_comes_from_the_environment_or_the_configuration(self):
        (self.folder / "config").write_text("[default]\nregion = eu-west-3\n")
        places = [({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
                  ({"AWS_CONFIG_FILE": str(self.folder / "config")}, "eu-west-3")]
        for environment, region in places:
            with self.subTest(region):
                done = self.destroy("--yes", environment={"AWS_REGION": "", **environment})
                self.assertSays(done, f"region {region}")

    def test_missing_tools(self):
        folder = self.folder / "bin"
        folder.mkdir()
        for name in ("bash", "env", "dirname", "mktemp", "rm", "uname"):
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
        self.assertSays(self.deploy(code=1), "?? new", "the files above are not committed")
        self.assertEqual(self.calls, [])

    def test_a_failed_build(self):
        (self.checkout / "chameleon/Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
        commit(self.checkout)
        self.assertSays(self.deploy("chameleon", code=1), "nothing", "failed: env BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build")
        self.assertNotIn("CreateFunction", self.calls)

    def test_a_failed_push(self):
        self.proxy.registry = self.cloud.start_registry("read-only", read_only=True)
        self.assertSays(self.deploy("chameleon", code=1), "failed: docker push")
        self.assertNotIn("CreateFunction", self.calls)
        self.assertFalse(self.endpoints.exists())
        self.proxy.registry = self.cloud.registry
        self.deploy("chameleon")
        self.assertEqual(self.changes, ["CreateLogGroup", "PutRetentionPolicy", "CreateFunction"])

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
        self.assertSays(done, "not implemented", "pushing with what Docker knows already")
        self.assertIn("CreateFunction", self.changes)

    def test_an_image_of_several_architectures(self):
        listed = mock.Mock(host=self.cloud.registry.host)
        listed.manifest = lambda *_: ("sha256:" + 64 * "0", "application/vnd.oci.image.index.v1+json")
        self.proxy.registry = listed
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, "is application/vnd.oci.image.index.v1+json, but Lambda takes")

    def test_a_role_that_never_becomes_usable(self):
        self.proxy.faults.role_refusals = 1000 * [NOT_ASSUMABLE]
        done = self.deploy("chameleon", code=1, environment={"DEPLOY_ROLE_SECONDS": "1"})
        self.assertSays(done, "The role defined for the function cannot be assumed by Lambda.",
                        "failed: aws lambda create-function")

    def test_any_other_error_of_lambda_ends_it_at_once(self):
        message = "Lambda does not have permission to access the ECR image."
        self.proxy.faults.errors["CreateFunction"] = (403, "AccessDeniedException", message)
        self.assertSays(self.deploy("chameleon", code=1), "(AccessDeniedException)", message)
        self.assertEqual(self.calls.count("CreateFunction"), 1)

    def test_a_repository_that_is_never_shown(self):
        self.proxy.faults.unseen_polls = 1000
        self.assertSays(self.deploy("chameleon", code=1), "AWS does not show the repository chameleon, which was just made")

    def test_errors_while_reading(self):
        self.proxy.faults.errors["DescribeRepositories"] = (400, "AccessDeniedException", "not you")
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, "(AccessDeniedException)", "not you", "failed: aws ecr describe-repositories",
                        f"--region {REGION}")
        self.assertNotIn("CreateRepository", self.calls)

    def test_a_function_error_in_the_first_call(self):
        self.proxy.faults.invoke_error = '{"errorType":"Runtime.ExitError","errorMessage":"exit status 127"}'
        done = self.deploy("chameleon", code=1)
        self.assertSays(done, self.proxy.faults.invoke_error, "function chameleon was deployed, but answers",
                        "error Unhandled")
        self.assertFalse(self.endpoints.exists())
        self.proxy.faults.invoke_error = None
        self.deploy("chameleon")
        self.assertEqual(self.changes, [])

    def test_things_that_are_not_ours_are_not_changed(self):
        with self.subTest("function"):
            self.make_function("chameleon")
            done = self.deploy("chameleon", code=1)
            self.assertSays(done, "function chameleon exists without the tag managed-by=serverless-functions")
            self.assertEqual(self.changes, [])
        with self.subTest("repository"):
            self.aws("ecr").create_repository(repositoryName="cnn_serving")
            done = self.deploy("cnn_serving", code=1)
            self.assertSays(done, "repository cnn_serving exists without the tag")
            self.assertEqual(self.changes, [])

    def test_functions_that_cannot_become_what_is_asked_for(self):
        code = {"Code": {"ZipFile": b"PK"}, "Runtime": "python3.12", "Handler": "a.b"}
        self.make_function("chameleon", OWNED, **code)
        self.assertSays(self.deploy("chameleon", code=1), "is of package type Zip, which cannot become Image")
        self.make_function("cnn_serving", OWNED)
        self.proxy.faults.state = {"Architectures": [OTHER_ARCH]}
        self.assertSays(self.deploy("cnn_serving", code=1), f"function cnn_serving is for {OTHER_ARCH}, and --arch is")
        self.assertEqual(self.changes, [])

    def test_a_function_that_failed(self):
        self.make_function("chameleon", OWNED)
        self.proxy.faults.state = {"State": "Failed", "StateReason": "the image is gone"}
        self.assertSays(self.deploy("chameleon", code=1), "State is Failed: the image is gone; remove it")

    def test_a_function_that_was_put_aside(self):
        self.deploy("chameleon")
        self.proxy.faults.state = {"State": "Inactive"}
        self.assertSays(self.deploy("chameleon"), "waiting until it is active", "answers")
        self.assertEqual(self.calls.count("Invoke"), 2)

    def test_an_endpoints_file_that_exists_is_kept(self):
        self.endpoints.write_text("mine")
        self.assertSays(self.deploy("chameleon"), "keeping that as endpoints.json.bak")
        self.assertEqual((self.checkout / "endpoints.json.bak").read_text(), "mine")
        self.deploy("chameleon", "--endpoints-file", "other.json")
        self.deploy("cnn_serving", "--endpoints-file", "other.json")
        self.assertSays(self.deploy("cnn_serving", "--endpoints-file", "other.json"), "other.json is up to date")

    def test_an_endpoints_file_that_cannot_be_written(self):
        for file in (".", "missing/endpoints.json"):
            done = self.deploy("--endpoints-file", file, code=1)
            self.assertSays(done, f"--endpoints-file {file}: cannot write {file}, expected a file that can be written")
            self.assertEqual(self.calls, [])
        self.endpoints.write_text("mine")
        (self.checkout / "endpoints.json.bak").mkdir()
        self.assertSays(self.deploy(code=1), "--endpoints-file endpoints.json: cannot write endpoints.json.bak")
        self.assertEqual(self.calls, [])

    def test_an_update_that_fails(self):
        self.deploy("chameleon")
        self.proxy.faults.state = {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no such image"}
        self.deploy("chameleon")
        self.assertEqual(self.changes, ["UpdateFunctionCode"])
