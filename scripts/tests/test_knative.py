"""The manifests for Knative, and the scripts that deploy and remove them.

The manifests are checked against the schema of Kubernetes and against ours of Knative. The scripts run with a real kubectl
and a stand-in for the API server. Of `kn` there is only a recorder.
"""

import copy
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

from knative_api import BROKEN, SLOW, Cluster
from manifests import problems

ROOT = pathlib.Path(__file__).resolve().parents[2]
GENERATOR = ROOT / "scripts/knative_manifests.py"
VARIANTS = [
    [], ["--platform", "gvisor"], ["--relay"], ["--platform", "gvisor", "--relay"],
    ["--platform", "firecracker", "--image-prefix", "registry.example:5000/team"],
    ["--memory", "128", "--timeout", "600", "--copies", "3", "--min-scale", "2", "--max-scale", "0", "--namespace", "a-1"],
]
URL = "http://chameleon-0.default.192.168.1.240.sslip.io"


def generated(*flags):
    done = subprocess.run([GENERATOR, *flags], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


class Manifests(unittest.TestCase):
    def test_the_committed_files_are_what_the_generator_writes(self):
        subprocess.run([GENERATOR, "--check"], check=True)
        files = sorted(str(path.relative_to(ROOT / "docker/knative")) for path in ROOT.glob("docker/knative/*/*"))
        self.assertEqual(files, [
            f"{folder}/{function}.yaml"
            for folder in ("firecracker", "gvisor", "knative", "relay") for function in ("chameleon", "cnn_serving")
        ])
        for path in files:
            self.assertEqual(problems(yaml.safe_load((ROOT / "docker/knative" / path).read_text())), [], path)

    def test_a_changed_file_is_found_and_written_again(self):
        with tempfile.TemporaryDirectory() as folder:
            copied = pathlib.Path(folder) / "scripts" / GENERATOR.name
            copied.parent.mkdir()
            shutil.copy2(GENERATOR, copied)
            shutil.copytree(ROOT / "docker/knative", pathlib.Path(folder) / "docker/knative")
            path = pathlib.Path(folder) / "docker/knative/relay/chameleon.yaml"
            path.write_text(path.read_text().replace("50000", "50001"))
            done = subprocess.run([copied, "--check"], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn("out of date: docker/knative/relay/chameleon.yaml;", done.stderr)
            subprocess.run([copied, "--write"], check=True)
            self.assertEqual(path.read_text(), (ROOT / "docker/knative/relay/chameleon.yaml").read_text())

    def test_every_variant_is_valid(self):
        for flags in VARIANTS:
            for manifest in generated(*flags):
                with self.subTest(flags, name=manifest["metadata"]["name"]):
                    self.assertEqual(problems(manifest), [])

    def test_what_knative_or_kubernetes_refuses_is_found(self):
        [valid] = generated("chameleon")
        container = ("spec", "template", "spec", "containers", 0)
        annotations = ("spec", "template", "metadata", "annotations")
        wrong = [
            ((*container, "prots"), [], "'prots' was unexpected"),
            (("spec", "template", "spec", "containerConcurency"), 1, "'containerConcurency' was unexpected"),
            (("spec", "tmplate"), {}, "'tmplate' was unexpected"),
            ((*annotations, "autoscaling.knative.dev/minscale"), "1", "'autoscaling.knative.dev/minscale'"),
            ((*annotations, "autoscaling.knative.dev/min-scale"), 1, "1 is not of type 'string'"),
            (("spec", "template", "spec", "containerConcurrency"), "1", "'1' is not of type 'integer'"),
            (("spec", "template", "spec", "timeoutSeconds"), 601, "601 is greater than the maximum of 600"),
            (("spec", "template", "spec", "hostNetwork"), True, "'hostNetwork' was unexpected"),
            ((*container, "ports"), [{"containerPort": 1}, {"containerPort": 2}], "is too long"),
            ((*container, "ports"), [{"containerPort": 50051, "name": "grpc"}], "'grpc' is not one of"),
            ((*container, "securityContext", "runAsUser"), "root", "'root' is not of type 'integer'"),
            ((*container, "securityContext", "privileged"), True, "False was expected"),
            ((*container, "env"), [{"name": "PORT", "value": 50051}], "50051 is not of type"),
            ((*container, "resources", "limits", "memory"), "1769MB", "'1769MB' does not match"),
            (("metadata", "name"), "cnn_serving-0", "'cnn_serving-0' does not match"),
        ]
        for path, value, message in wrong:
            with self.subTest(path, value=value):
                manifest = copy.deepcopy(valid)
                place = manifest
                for key in path[:-1]:
                    place = place[key]
                place[path[-1]] = value
                self.assertIn(message, "\n".join(problems(manifest)))

    def test_two_containers_have_one_port_and_one_probe(self):
        [valid] = generated("--relay", "chameleon")
        relay, function = valid["spec"]["template"]["spec"]["containers"]
        function["readinessProbe"] = {"tcpSocket": {"port": 50051}}
        self.assertIn("containers.1: False schema does not allow {'tcpSocket'", "\n".join(problems(valid)))
        del function["readinessProbe"]
        function["ports"] = relay["ports"]
        self.assertIn("Too many", "\n".join(problems(valid)))
        del function["ports"], relay["ports"]
        self.assertNotEqual(problems(valid), [])

    def test_an_instance_has_the_memory_and_the_cpu_of_a_lambda(self):
        for memory, cpu in {128: "72m", 512: "289m", 1769: "1", 1770: "1", 3538: "2", 10240: "5788m"}.items():
            with self.subTest(memory):
                [manifest] = generated("chameleon", "--memory", str(memory))
                resources = manifest["spec"]["template"]["spec"]["containers"][0]["resources"]
                expected = {"cpu": cpu, "memory": f"{memory}Mi"}
                self.assertEqual(resources, {"limits": expected, "requests": expected})

    def test_the_default_memory_and_timeout_are_those_on_lambda(self):
        template = (ROOT / "scripts/cloudformation/functions.yaml").read_text()
        for name in ("Chameleon", "CnnServing"):
            self.assertIn(f"  {name}Memory:\n    Type: Number\n    Default: 1769\n", template)
            self.assertIn(f"  {name}Timeout:\n    Type: Number\n    Default: 60\n", template)
        for manifest in generated():
            spec = manifest["spec"]["template"]["spec"]
            self.assertEqual(spec["timeoutSeconds"], 60)
            self.assertEqual(spec["containers"][0]["resources"]["limits"]["memory"], "1769Mi")

    def test_a_guest_is_named_to_the_stub_of_vhive(self):
        [manifest] = generated("cnn_serving", "--platform", "firecracker", "--image-prefix", "registry.example", "--tag", "v1")
        [stub] = manifest["spec"]["template"]["spec"]["containers"]
        # vHive knows the guest's container by this name.
        self.assertEqual(stub["name"], "user-container")
        self.assertEqual(stub["ports"], [{"name": "h2c", "containerPort": 50051}])
        self.assertEqual(stub["env"], [
            {"name": "GUEST_PORT", "value": "50051"},
            {"name": "GUEST_IMAGE", "value": "registry.example/cnn_serving:v1"},
        ])


class Scripts(unittest.TestCase):
    """Runs the scripts in a folder of their own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.endpoints = self.folder / "endpoints.json"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}

    def deploy(self, *arguments, code=0):
        return self.run_script("deploy_knative.sh", *arguments, code=code)

    def destroy(self, *arguments, code=0):
        return self.run_script("destroy_knative.sh", *arguments, code=code)

    def run_script(self, name, *arguments, code):
        done = subprocess.run(
            [ROOT / "scripts" / name, *arguments], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120,
        )
        self.assertEqual(done.returncode, code, done.stderr)
        return done


class Flags(Scripts):
    def test_wrong_flags(self):
        firecracker = ["--platform", "firecracker", "--image-prefix", "registry.example"]
        wrong = {
            ("--platform", "vhive"): "--platform is vhive, expected one of: knative firecracker gvisor",
            ("--memory", "127"): "--memory is 127, expected 128 to 10240",
            ("--timeout", "601"): "--timeout is 601, expected 1 to 600",
            ("--copies", "0"): "--copies is 0, expected 1 to 100",
            ("--copies", "01"): "--copies is 01, expected 1 to 100",
            ("--min-scale", "3", "--max-scale", "2"): "--max-scale is 2, expected 0 or at least --min-scale, which is 3",
            ("--namespace", "a_b"): "--namespace is a_b, expected a-z, 0-9 and -",
            **{
                ("--image-prefix", prefix): f"--image-prefix is {prefix}, expected a registry"
                for prefix in ["Registry/", "http://r/t", "r//t", "r/t:5000", "r:port/t", "r..x", "-r", "r/t-"]
            },
            ("--tag", "a b"): "--tag is a b, expected the tag of an image",
            ("--platform", "firecracker"): "--image-prefix is missing",
            # Giving the prefix would not help.
            ("--platform", "firecracker", "--memory", "512"): "--memory is 512, expected none with --platform firecracker",
            (*firecracker, "--memory", "128"): "--memory is 128, expected none with --platform firecracker",
            (*firecracker, "--relay"): "--relay does not go with --platform firecracker",
            ("--domain", "http://x"): "--domain is http://x, expected a domain",
            ("--domain", "-x"): "--domain is -x, expected a domain",
            ("--domain", "a.-x"): "--domain is a.-x, expected a domain",
            ("--domain", "x-"): "--domain is x-, expected a domain",
            ("--port", "65536"): "--port is 65536, expected 1 to 65535",
            ("--wait", "0"): "--wait is 0, expected 1 to 3600",
            ("--wait",): "--wait needs a value",
            ("--verbose",): "unknown flag --verbose",
            ("cnn-serving",): "function is cnn-serving, expected one of: chameleon cnn_serving",
        }
        for arguments, message in wrong.items():
            with self.subTest(arguments):
                self.assertIn(message, self.deploy("--dry-run", *arguments, code=2).stderr)
        self.assertIn("--namespace is A", self.destroy("--namespace", "A", code=2).stderr)
        self.assertIn("unknown flag --all", self.destroy("--all", code=2).stderr)

    def test_help(self):
        self.assertIn("--dry-run", self.deploy("--help").stdout)
        self.assertIn("--yes", self.destroy("--help").stdout)

    def test_a_dry_run_prints_the_manifests_and_needs_no_cluster(self):
        self.environment["KUBECONFIG"] = "/dev/null"
        done = self.deploy("--dry-run", "--copies", "2", "--memory=512", "chameleon")
        self.assertEqual(list(yaml.safe_load_all(done.stdout)), generated("--copies", "2", "--memory", "512", "chameleon"))
        self.assertEqual((done.stderr, list(self.folder.iterdir())), ("", []))


@unittest.skipUnless(shutil.which("kubectl"), "kubectl is not installed")
class Deployment(Scripts):
    """With a real kubectl."""

    def setUp(self):
        super().setUp()
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.environment["KUBECONFIG"] = str(self.folder / "kubeconfig")
        self.cluster.write_kubeconfig(self.folder / "kubeconfig")

    def generations(self):
        return {name: service["metadata"]["generation"] for (_, name), service in self.cluster.services.items()}

    def test_a_second_run_changes_nothing_and_a_changed_flag_makes_a_revision(self):
        self.deploy()
        self.assertEqual(json.loads(self.endpoints.read_text()), [
            {"hostname": "chameleon-0.default.192.168.1.240.sslip.io", "protocol": "greeter", "port": 80,
             "payload": {"num_of_rows": 10, "num_of_cols": 15}, "function": "chameleon", "system": "knative"},
            {"hostname": "cnn-serving-0.default.192.168.1.240.sslip.io", "protocol": "greeter", "port": 80,
             "payload": {"input_file_seq": 0}, "function": "cnn_serving", "system": "knative"},
        ])
        self.assertIn("endpoints.json is up to date", self.deploy().stderr)
        self.assertEqual(self.generations(), {"chameleon-0": 1, "cnn-serving-0": 1})
        self.deploy("--memory", "512", "chameleon")
        self.assertEqual(self.generations(), {"chameleon-0": 2, "cnn-serving-0": 1})
        self.assertEqual(len(json.loads(self.endpoints.read_text())), 1)
        self.assertEqual(len(json.loads((self.folder / "endpoints.json.bak").read_text())), 2)

    def test_it_waits_for_the_latest_change_and_says_why_a_service_is_broken(self):
        self.deploy("chameleon")
        self.endpoints.unlink()
        # For a moment, the status is still that of the change before, which was ready.
        self.cluster.lag = 1
        self.cluster.fates.update({"chameleon-0": BROKEN, "chameleon-1": SLOW})
        done = self.deploy("--tag", "missing", "--copies", "2", "chameleon", code=1)
        self.assertIn("chameleon-0: Ready=False RevisionFailed: no such", done.stderr)
        self.assertIn("chameleon-1: Ready=Unknown Deploying: still at it", done.stderr)
        self.assertIn("not ready: chameleon-0 chameleon-1; see above", done.stderr)
        self.assertFalse(self.endpoints.exists())
        # A repeated run goes on where the first one stopped.
        self.cluster.fates.clear()
        self.deploy("--tag", "missing", "--copies", "2", "chameleon")
        self.assertEqual(self.generations(), {"chameleon-0": 2, "chameleon-1": 1})

    def test_waiting_ends(self):
        self.cluster.fates["chameleon-0"] = SLOW
        done = self.deploy("--wait", "1", "chameleon", code=1)
        self.assertIn("not ready: chameleon-0", done.stderr)

    def test_hosts_ports_and_payloads_of_the_endpoints(self):
        self.cluster.scheme = "https"
        self.deploy("chameleon")
        [one] = json.loads(self.endpoints.read_text())
        self.assertEqual((one["port"], one["tls"]), (443, True))
        self.cluster.scheme = "http"
        flags = ["--domain", "10.0.0.1.nip.example", "--port", "31080", "--namespace", "lab"]
        self.deploy(*flags, "--relay", "--platform", "gvisor", "cnn_serving")
        [one] = json.loads(self.endpoints.read_text())
        # The relay replaces whatever it is sent by this.
        self.assertEqual(one, {
            "hostname": "cnn-serving-0.lab.10.0.0.1.nip.example", "protocol": "greeter", "port": 31080,
            "payload": "A unique message", "function": "cnn_serving", "system": "gvisor-relay",
        })

    def test_leftovers_are_named_with_the_command_that_removes_them(self):
        self.deploy("--copies", "11", "chameleon")
        hosts = [one["hostname"].partition(".")[0] for one in json.loads(self.endpoints.read_text())]
        self.assertEqual(hosts, [f"chameleon-{copy}" for copy in range(11)])
        done = self.deploy("--copies", "10")
        self.assertIn("remove with: kubectl delete services.serving.knative.dev --ignore-not-found --namespace default "
                      "chameleon-10\n", done.stderr)

    def test_the_services_of_others_are_left_alone(self):
        stranger = generated("chameleon")[0]
        stranger["metadata"]["labels"] = {"app.kubernetes.io/name": "chameleon"}
        self.assertIsNone(self.cluster.put(("default", "chameleon-0"), stranger))
        done = self.deploy(code=1)
        self.assertIn("service chameleon-0 is there already in the namespace default, and this script did not", done.stderr)
        self.assertIn("nothing to delete", self.destroy("--yes").stderr)
        self.assertEqual(self.cluster.changes, [])
        self.assertEqual(self.cluster.names(), ["chameleon-0"])

    def test_destroy_asks_removes_and_finds_nothing_the_second_time(self):
        self.deploy("--copies", "2")
        self.cluster.changes.clear()
        done = self.destroy(code=1)
        self.assertIn("to be deleted in the namespace default: chameleon-0 chameleon-1", done.stderr)
        self.assertIn("nothing was deleted: there is no terminal to ask on", done.stderr)
        self.assertEqual(self.cluster.changes, [])
        self.destroy("--yes", "cnn_serving")
        self.assertEqual(self.cluster.names(), ["chameleon-0", "chameleon-1"])
        self.destroy("--yes")
        self.assertEqual(self.cluster.names(), [])
        self.assertIn("nothing to delete", self.destroy("--yes").stderr)

    def test_a_cluster_that_cannot_be_reached_is_an_error(self):
        self.cluster.close()
        done = self.deploy(code=1)
        self.assertIn("failed: kubectl get services.serving.knative.dev --namespace default", done.stderr)


class Kn(Scripts):
    """With a recorder in the place of `kn`, and without kubectl."""

    def setUp(self):
        super().setUp()
        tools = self.folder / "tools"
        tools.mkdir()
        for name in ("bash", "cat", "cp", "dirname", "env", "grep", "mkdir", "mktemp", "rm", "sed", "sleep", "sort"):
            (tools / name).symlink_to(shutil.which(name))
        (tools / "python3").symlink_to(sys.executable)
        self.log, services = self.folder / "log", self.folder / "services"
        services.write_text(f"chameleon-0|serverless-functions|chameleon|1|1|True|{URL}\n")
        (tools / "kn").write_text(
            f'#!/usr/bin/env bash\nprintf "%s\\n" "$*" >>{self.log}\n[[ $2 != list ]] || ! grep -q apply {self.log} || '
            f"cat {services}\n"
        )
        (tools / "kn").chmod(0o755)
        self.environment["PATH"] = str(tools)

    def commands(self):
        return [line.partition(" jsonpath=")[0] for line in self.log.read_text().splitlines()]

    def test_kn_serves_where_there_is_no_kubectl(self):
        self.deploy("chameleon")
        *before, applied, after = self.commands()
        self.assertEqual([*before, after], 2 * ["service list --namespace default --output"])
        self.assertRegex(
            applied, r"^service apply chameleon-0 --namespace default --filename /\S+/chameleon-0.yaml --no-wait$"
        )
        self.assertIn(URL.removeprefix("http://"), self.endpoints.read_text())
        self.destroy("--yes")
        self.assertEqual(self.commands()[-1], "service delete --wait --namespace default chameleon-0")

    def test_without_either_the_script_says_what_to_install(self):
        (self.folder / "tools/kn").unlink()
        self.assertIn("kn is missing: install kubectl or kn", self.deploy(code=1).stderr)


if __name__ == "__main__":
    unittest.main()
