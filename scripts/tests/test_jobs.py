"""The jobs in docker/jobs that send one load from several machines: whether Kubernetes and AWS Batch would take them.

The test of the job for Slurm runs it: test_slurm.py.
"""

import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import botocore.session
import botocore.validate
import kubernetes_validate
import yaml

from cloud import free_port, stop, wait_for
from manifests import KUBERNETES

JOBS = pathlib.Path(__file__).resolve().parents[2] / "docker/jobs"


def manifest(name):
    return yaml.safe_load((JOBS / "kubernetes" / name).read_text())


def document(name):
    return json.loads((JOBS / "batch" / name).read_text())


def flags(words):
    """The flags of a command line: each with its value, or alone."""
    return {word.partition("=")[0] for word in words if word.startswith("--")}


class Kubernetes(unittest.TestCase):
    def test_both_jobs_are_valid(self):
        for name in ("load.yaml", "merge.yaml"):
            kubernetes_validate.validate(manifest(name), KUBERNETES, strict=True)
        broken = manifest("load.yaml")
        broken["spec"]["parallelism"] = "four"
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(broken, KUBERNETES, strict=True)

    def test_all_shards_run_at_the_same_time_and_know_their_number(self):
        spec = manifest("load.yaml")["spec"]
        variables = spec["template"]["spec"]["containers"][0]["env"]
        shards = [it["value"] for it in variables if it["name"] == "AWSINVOKER_SHARDS"]
        self.assertEqual([str(spec["completions"])], shards)
        self.assertEqual(spec["parallelism"], spec["completions"])
        self.assertEqual(spec["completionMode"], "Indexed")

    def test_what_args_refer_to_is_there(self):
        pod = manifest("load.yaml")["spec"]["template"]["spec"]
        container = pod["containers"][0]
        self.assertIn("--start-at=$(START_AT)", container["args"])
        self.assertIn("--out=runs/$(START_AT)/$(POD)", container["args"])
        self.assertLessEqual({"START_AT", "POD"}, {it["name"] for it in container["env"]})
        mounts = {it["name"] for it in container["volumeMounts"]}
        self.assertEqual(mounts, {it["name"] for it in pod["volumes"]})

    def test_one_command_makes_both_jobs_and_the_merge_waits_longer_than_the_load_takes(self):
        self.assertEqual({path.name for path in (JOBS / "kubernetes").iterdir()}, {"load.yaml", "merge.yaml"})
        readme = (JOBS / "README.md").read_text()
        self.assertIn("kubectl apply -f docker/jobs/kubernetes\n", readme)
        [minutes] = re.findall(r"start-at=.*'([0-9]+) minutes'", readme)
        [wait] = re.findall(r"--timeout=([0-9]+)m job/awsinvoker-merge\n", readme)
        load, merge = (manifest(name)["spec"]["template"]["spec"]["containers"][0]["args"] for name in ("load.yaml", "merge.yaml"))
        [seconds], [within] = ([int(it.partition("=")[2]) for it in args if it.startswith(flag)]
                               for args, flag in ((load, "--time="), (merge, "--wait=")))
        self.assertGreaterEqual(within, 2 * (int(minutes) * 60 + seconds))
        self.assertGreaterEqual(int(wait) * 60, within)

    def test_the_merge_needs_no_rights_in_the_cluster(self):
        pod = manifest("merge.yaml")["spec"]["template"]["spec"]
        self.assertNotIn("serviceAccountName", pod)
        self.assertNotIn("initContainers", pod)

    def test_the_merge_takes_the_runs_of_one_load(self):
        load, merge = (manifest(name)["spec"]["template"]["spec"]["containers"][0] for name in ("load.yaml", "merge.yaml"))
        self.assertEqual(merge["args"][:4], ["merge", "runs/$(START_AT)", "--out", "merged/$(START_AT)"])
        start_at = [it for it in load["env"] if it["name"] == "START_AT"]
        self.assertEqual(merge["env"], start_at)


class Batch(unittest.TestCase):
    def check(self, operation, parameters):
        model = botocore.session.get_session().get_service_model("batch").operation_model(operation)
        return botocore.validate.ParamValidator().validate(parameters, model.input_shape).generate_report()

    def test_what_is_sent_is_what_the_service_takes(self):
        self.assertEqual(self.check("RegisterJobDefinition", document("job-definition.json")), "")
        for name in ("load.json", "merge.json"):
            self.assertEqual(self.check("SubmitJob", document(name)), "")
        self.assertIn("arrayProperties", self.check("SubmitJob", {**document("load.json"), "arrayProperties": 4}))

    def test_each_reference_has_a_parameter_and_the_jobs_have_their_definition(self):
        definition = document("job-definition.json")
        references = {word.removeprefix("Ref::") for word in definition["containerProperties"]["command"] if word.startswith("Ref::")}
        self.assertEqual(references, set(definition["parameters"]))
        for name in ("load.json", "merge.json"):
            self.assertEqual(document(name)["jobDefinition"], definition["jobDefinitionName"])


class BatchSubmits(unittest.TestCase):
    """submit.sh with the AWS CLI, against moto's server, which keeps jobs and runs none of them."""

    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.log = tempfile.TemporaryFile()
        cls.moto = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--port", str(port)], stdout=cls.log, stderr=cls.log
        )
        cls.url = f"http://127.0.0.1:{port}"
        wait_for(f"{cls.url}/moto-api/", cls.moto)
        request = urllib.request.Request(
            f"{cls.url}/moto-api/config", b'{"batch": {"use_docker": false}}', {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request).close()
        client = functools.partial(
            botocore.session.get_session().create_client, region_name="eu-central-1", endpoint_url=cls.url,
            aws_access_key_id="x", aws_secret_access_key="x",
        )
        cls.batch = client("batch")
        role = client("iam").create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        made = cls.batch.create_compute_environment(
            computeEnvironmentName="machines", type="UNMANAGED", state="ENABLED", serviceRole=role
        )
        order = [{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}]
        cls.batch.create_job_queue(jobQueueName="QUEUE", state="ENABLED", priority=1, computeEnvironmentOrder=order)

    @classmethod
    def tearDownClass(cls):
        stop(cls.moto)
        cls.log.close()

    def submit(self, *words):
        environment = {
            "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_PAGER": "",
        }
        command = [JOBS / "batch/submit.sh", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        return done.returncode, done.stdout, done.stderr

    def test_the_merge_is_submitted_with_the_load_and_depends_on_all_of_it(self):
        self.batch.register_job_definition(**document("job-definition.json"))
        code, told, errors = self.submit("--in", "60", "--with", "rps=70", "--with", "time=9")
        self.assertEqual((code, errors), (0, ""))
        [(array, start_at, merge)] = re.findall(r"^array (\S+) starts its load at (\S+); job (\S+) merges ", told)
        array, merge = self.batch.describe_jobs(jobs=[array, merge])["jobs"]
        self.assertEqual(array["arrayProperties"]["size"], document("load.json")["arrayProperties"]["size"])
        self.assertEqual(array["parameters"], {"rps": "70", "time": "9", "start_at": start_at})
        self.assertEqual(merge["dependsOn"], [{"jobId": array["jobId"]}])
        self.assertEqual(merge["container"]["command"], ["merge", "runs", "--out", "merged"])

    def test_wrong_flags_are_told(self):
        self.assertEqual(self.submit("--in", "x"), (2, "", "submit.sh: --in is 'x', expected seconds\n"))
        self.assertEqual(self.submit("--in"), (2, "", "submit.sh: --in is '', expected seconds\n"))
        self.assertEqual(self.submit("--with", "rps")[0], 2)
        self.assertEqual(self.submit("--with"), (2, "", "submit.sh: --with is '', expected NAME=VALUE without a comma\n"))
        self.assertEqual(self.submit("--shards", "4")[0], 2)


class CommandLines(unittest.TestCase):
    def test_awsinvoker_knows_their_flags(self):
        """All flags stand in the reference of the command line, which is generated from the program."""
        source = "".join(path.read_text() for path in (JOBS.parents[1] / "awsinvoker/src/cli").glob("*.rs"))
        words = manifest("load.yaml")["spec"]["template"]["spec"]["containers"][0]["args"]
        words += document("job-definition.json")["containerProperties"]["command"]
        for flag in flags(words):
            self.assertIn(f"pub {flag[2:].replace('-', '_')}:", source)


class Slurm(unittest.TestCase):
    def test_wrong_flags_are_told(self):
        def refused(*words):
            done = subprocess.run([JOBS / "slurm/submit.sh", *words], capture_output=True, text=True)
            return done.returncode, done.stderr

        self.assertEqual(refused("--shards", "x"), (2, "submit.sh: --shards is 'x', expected a number from 1\n"))
        self.assertEqual(refused("--shards", "2"), (2, "submit.sh: --runs is missing\n"))
        self.assertEqual(refused("--nodes")[0], 2)


if __name__ == "__main__":
    unittest.main()
