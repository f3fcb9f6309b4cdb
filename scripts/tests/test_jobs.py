"""The jobs in docker/jobs that send one load from several machines: whether Kubernetes and AWS Batch would take them.

The test of the job for Slurm runs it: test_slurm.py.
"""

import json
import pathlib
import subprocess
import unittest

import botocore.session
import botocore.validate
import kubernetes_validate
import yaml

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


    def test_the_merge_takes_the_runs_of_one_load(self):
        load, merge = (manifest(name)["spec"]["template"]["spec"]["containers"][0] for name in ("load.yaml", "merge.yaml"))
        self.assertEqual(merge["args"], ["merge", "runs/$(START_AT)", "--out", "merged/$(START_AT)"])
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
