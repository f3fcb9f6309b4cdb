"""The array job of Slurm in docker/jobs/slurm, run on a Slurm of four nodes on this machine, against a lambda-local.

Usage: test_slurm.py FOLDER_OF_PROGRAMS
"""

import collections
import contextlib
import csv
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

JOBS = pathlib.Path(__file__).resolve().parents[2] / "docker/jobs/slurm"
PROGRAMS = pathlib.Path(sys.argv.pop()).resolve()
NODES = 4
# A Slurm without accounts and without munge: whoever runs this test is who everything runs as.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SlurmdParameters=config_overrides
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports[1]}-{ports[2]}] CPUs=1 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=5 State=UP
"""
FUNCTIONS = "[functions.f]\nlatency.constant = { ms = 2 }\n[functions.g]\nlatency.constant = { ms = 3 }\n"
ENDPOINTS = [{"hostname": "f", "weight": 2}, {"hostname": "g"}]


def wait_until(is_so, what, seconds=40):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s in vain until {what}")


def free_ports(count):
    """A range of ports of which none is in use."""
    for first in range(26800, 32000, count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return list(range(first, first + count))
    raise AssertionError("no ports are free")


class Cluster:
    """Four nodes and a lambda-local, which end with this object."""

    def __init__(self, stack):
        self.folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        ports = free_ports(NODES + 2)
        self.url = f"http://127.0.0.1:{ports[-1]}"
        for name in ("state", *(f"spool/n{node + 1}" for node in range(NODES))):
            (self.folder / name).mkdir(parents=True)
        configuration = self.folder / "slurm.conf"
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        configuration.write_text(CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], user=user, folder=self.folder, nodes=NODES,
            ports=[ports[0], ports[1], ports[NODES]],
        ))
        (self.folder / "inject.toml").write_text(FUNCTIONS)
        (self.folder / "endpoints.json").write_text(json.dumps(ENDPOINTS))
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH", "AWS"))}
        self.environment = {**clean, "SLURM_CONF": str(configuration), "AWSINVOKER": str(PROGRAMS / "awsinvoker")}
        # What runs a job is no child of this process, so it is looked for at the end.
        stack.callback(self.kill_the_rest)
        for daemon in (["slurmctld", "-D"], *(["slurmd", "-D", "-N", f"n{node + 1}"] for node in range(NODES))):
            self.start(stack, daemon)
        stack.callback(self.cancel_all)
        self.start(stack, [PROGRAMS / "lambda-local", "--listen", self.url.removeprefix("http://"), "--inject", "inject.toml"])
        wait_until(lambda: self.run("sinfo", "-h", "-t", "idle", "-o", "%D", check=False).strip() == str(NODES), "all nodes are idle")

    def start(self, stack, command):
        log = stack.enter_context(open(self.folder / f"{pathlib.Path(command[0]).name}-{command[-1]}.out", "w"))
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)

        def stop():
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

        stack.callback(stop)

    def cancel_all(self):
        """Before the daemons end: what runs a job would be left behind otherwise."""
        self.run("scancel", "--user", str(os.getuid()), check=False)
        with contextlib.suppress(AssertionError):
            self.wait_for_jobs(10)

    def kill_the_rest(self):
        """Ends what this cluster started, which its environment tells."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                is_own = f"SLURM_CONF={self.folder}/".encode() in (process / "environ").read_bytes()
                if is_own and int(process.name) != os.getpid():
                    os.kill(int(process.name), signal.SIGKILL)

    def run(self, *command, check=True, **more):
        done = subprocess.run(
            command, cwd=self.folder, env={**self.environment, **more}, capture_output=True, text=True, timeout=60
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def states(self):
        """The states of the tasks that are not over, by index; the job that merges has none."""
        lines = self.run("squeue", "-h", "-r", "-o", "%K %t").split("\n")
        return dict(line.split() for line in lines if line and not line.startswith("N/A"))

    def wait_for_jobs(self, seconds=40):
        wait_until(lambda: self.run("squeue", "-h", check=False).strip() == "", "no job is left", seconds)

    def log(self, name):
        return (self.folder / name).read_text()

    def rows(self, name):
        return list(csv.DictReader(self.log(name).splitlines()))


def counts(summary):
    return {endpoint["name"]: sum(endpoint["outcomes"].values()) for endpoint in summary["endpoints"]}


class Slurm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        cls.cluster = Cluster(stack)
        cls.load = [
            "--endpoint-url", cls.cluster.url, "--endpoints-file", str(cls.cluster.folder / "endpoints.json"), "--seed", "7",
            "--rps", "200", "--time", "3", "--arrivals", "poisson", "--order", "shuffled", "--quiet",
        ]

    def submit(self, runs, seconds):
        return self.cluster.run(
            JOBS / "submit.sh", "--shards", str(NODES), "--in", str(seconds), "--runs", runs, "--", *self.load
        )

    def test_four_shards_send_one_schedule_although_one_is_killed(self):
        cluster = self.cluster
        array = self.submit("runs", 12).split()[1]
        wait_until(lambda: list(cluster.states().values()).count("R") == NODES, "all tasks run")
        folder = cluster.folder / "runs"
        cluster.run("scontrol", "requeue", f"{array}_2")
        wait_until(lambda: cluster.states().get("2") == "PD", "the task waits again")
        # Slurm would wait for two minutes.
        cluster.run("scontrol", "update", f"JobId={array}_2", "StartTime=now")
        single = cluster.run(
            PROGRAMS / "awsinvoker", *self.load, "--out", "single", "--latf", "single.csv", "--schedule-out", "schedule.csv",
            check=False,
        )
        cluster.wait_for_jobs()
        merged = cluster.log("runs/logs/merge.log")
        self.assertIn("results: ", merged, [merged, *(cluster.log(f"runs/logs/shard-{index}.log") for index in range(NODES))])

        info = json.loads((folder / "merged/run.json").read_text())
        samples = cluster.rows("runs/merged/samples.csv")
        samples.sort(key=lambda row: int(row["sequence"]))
        schedule = cluster.rows("schedule.csv")
        self.assertGreater(len(schedule), 500)
        self.assertEqual([int(row["sequence"]) for row in samples], list(range(len(schedule))))
        self.assertEqual([row["endpoint"] for row in samples], [row["endpoint"] for row in schedule])
        if all(shard["offset_ns"] == 0 for shard in info["merged_from"]):
            self.assertEqual([row["intended_ns"] for row in samples], [row["intended_ns"] for row in schedule])
        else:
            self.assertIn("later than --start-at asked for", merged)
        issued = [shard["issued"] for shard in info["merged_from"]]
        self.assertEqual(sum(issued), len(schedule))
        self.assertGreater(min(issued), 100)
        summary = json.loads((folder / "merged/summary.json").read_text())
        of_single = json.loads((cluster.folder / "single/summary.json").read_text())
        self.assertEqual((counts(summary), summary["target_rps"]), (counts(of_single), of_single["target_rps"]), single)

    def test_processes_that_srun_starts_are_shards_and_the_script_itself_is_none(self):
        cluster = self.cluster
        (cluster.folder / "step").mkdir()
        start_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 6))
        line = " ".join(map(str, [PROGRAMS / "awsinvoker", "--shard", "auto", "--start-at", start_at, *self.load]))
        script = cluster.folder / "step.sh"
        script.write_text(
            f"#!/bin/sh\n{line} --out step/none\n"
            f"srun --mpi=none sh -c '{line} --out step/$SLURM_PROCID --latf step.latencies/lat.csv'\n"
            f"{PROGRAMS}/awsinvoker merge step/* --out step.merged\n"
        )
        cluster.run("sbatch", f"--ntasks={NODES}", "--output=step.log", script)
        cluster.wait_for_jobs()
        log = cluster.log("step.log")
        self.assertIn("SLURM_PROCID=0 is set, and SLURM_STEP_ID is not; start awsinvoker with srun", log)
        self.assertEqual(sorted(folder.name for folder in (cluster.folder / "step").iterdir()), ["0", "1", "2", "3"], log)
        self.assertIn("results: step.merged", log)

    def test_what_cannot_be_merged_is_not_sent(self):
        cluster = self.cluster
        (cluster.folder / "used/merged").mkdir(parents=True)
        with self.assertRaisesRegex(AssertionError, "expected a new or an empty folder"):
            self.submit("used", 60)
        # The second call of sbatch, which submits the merge, fails.
        sbatch = cluster.folder / "bin/sbatch"
        sbatch.parent.mkdir()
        sbatch.write_text(f'#!/bin/sh\ncase "$*" in *afterany*) exit 1 ;; esac\nexec {shutil.which("sbatch")} "$@"\n')
        sbatch.chmod(0o755)
        path = f"{sbatch.parent}:{cluster.environment['PATH']}"
        with self.assertRaisesRegex(AssertionError, "so the array [0-9]+ was cancelled"):
            cluster.run(
                JOBS / "submit.sh", "--shards", str(NODES), "--in", "60", "--runs", "cancelled", "--", *self.load, PATH=path
            )
        cluster.wait_for_jobs(20)

    def test_a_throttled_array_is_refused(self):
        cluster = self.cluster
        (cluster.folder / "throttled").mkdir()
        common = ["sbatch", "--parsable", f"--array=0-{NODES - 1}%2", "--output=throttled/%a.log"]
        cluster.run(*common, JOBS / "load.sbatch", *self.load, RUNS="throttled", START_AT="2026-01-01T00:00:00Z")
        cluster.wait_for_jobs()
        for index in range(NODES):
            self.assertIn("the array is throttled (ArrayTaskThrottle=2)", cluster.log(f"throttled/{index}.log"))

        # Without that check, those that come too late measure nothing, and the others are not merged.
        start_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 4))
        line = [PROGRAMS / "awsinvoker", "--shard", "auto", "--start-at", start_at, *self.load]
        script = cluster.folder / "unchecked.sh"
        script.write_text(
            "#!/bin/sh\nexec " + " ".join(map(str, line)) + " --out throttled/$SLURM_ARRAY_TASK_ID --latf throttled/lat.csv\n"
        )
        cluster.run(*common, "--open-mode=append", script)
        cluster.wait_for_jobs()
        late = collections.Counter("the load would have been over" in cluster.log(f"throttled/{index}.log") for index in range(NODES))
        self.assertEqual(late, {True: 2, False: 2})
        made = [folder for folder in (cluster.folder / "throttled").iterdir() if (folder / "run.json").exists()]
        done = subprocess.run(
            [PROGRAMS / "awsinvoker", "merge", *made, "--out", cluster.folder / "unmerged"],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual((done.returncode, "2 of 4 shards are there" in done.stderr), (1, True), done.stderr)


if __name__ == "__main__":
    if shutil.which("slurmctld") is None:
        sys.exit("test_slurm.py: slurmctld is missing: apt-get install slurm-wlm")
    unittest.main()
