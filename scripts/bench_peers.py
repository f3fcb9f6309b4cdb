#!/usr/bin/env python3
"""Measures awsinvoker beside other load generators: hey, oha, wrk and boto3, those that are installed.

All of them call the same server, one after the other, and the whole is done several times. The server is the stub of
awsinvoker's benchmark: it answers at once and costs little. awsinvoker and boto3 sign their requests, the others do not.
Prints a line for each tool and rate: the rate that was reached, the CPU time that a request cost the tool, and how often the
tool waited for each request (voluntary context switches). At the rate `most`, each tool sends as fast as it can over 16
connections; boto3 has one.

hey keeps a rate with 16 workers whose clocks tick together: 16 requests at once, and then none for 16 periods. Each wake-up
of an idle processor costs CPU time, and hey pays it for 16 requests together. awsinvoker sends requests when they are due,
one by one, and so does `hey -c 1`, which has one worker.

Builds what it measures of this project: awsinvoker and the stub, in release mode.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
PYTHON = ROOT / "assets" / "venv" / "bin" / "python"
CONNECTIONS = 16
FUNCTION = "string"
EVENT = '{"num_of_rows":1,"num_of_cols":3}'
MOST = "most"

BOTO3 = """
import sys, time
import boto3
from botocore.config import Config
url, seconds, event = sys.argv[1], float(sys.argv[2]), sys.argv[3]
client = boto3.client("lambda", endpoint_url=url, region_name="us-east-1", aws_access_key_id="local",
                      aws_secret_access_key="local", config=Config(retries={"total_max_attempts": 1}))
requests, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    client.invoke(FunctionName="string", Payload=event)["Payload"].read()
    requests += 1
print(requests)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", default="1000,3000", help="requests a second, by commas (default: 1000,3000)")
    parser.add_argument("--time", type=int, default=5, help="seconds for each measurement (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all is measured (default: 3)")
    args = parser.parse_args()
    awsinvoker, stub = build()
    peers = {
        "awsinvoker": lambda url, rate: run_awsinvoker(awsinvoker, url, rate, args.time),
        "hey": lambda url, rate: run_hey(url, rate, args.time, CONNECTIONS),
        "hey -c 1": lambda url, rate: run_hey_of_one(url, rate, args.time),
        "oha": lambda url, rate: run_oha(url, rate, args.time),
        "wrk": lambda url, rate: run_wrk(url, rate, args.time),
        "boto3": lambda url, rate: run_boto3(url, rate, args.time),
    }
    left_out = [name for name in peers if name not in ("awsinvoker", "boto3") and not shutil.which(name.split()[0])]
    left_out += [] if PYTHON.exists() else ["boto3"]
    rates = [int(rate) for rate in args.rates.split(",")] + [MOST]
    measured = {}
    for _ in range(args.rounds):
        for rate in rates:
            for name, run in peers.items():
                if name not in left_out and (figures := with_server(stub, rate, run)):
                    measured.setdefault((rate, name), []).append(figures)
    print(f"{'rate':>6}  {'tool':<11}{'reached':>10}{'CPU a request, of each round':>36}{'beside hey':>12}{'waits':>7}")
    for rate in rates:
        hey = median_cpu(measured.get((rate, "hey")))
        for name in peers:
            if figures := measured.get((rate, name)):
                print_line(rate, name, figures, hey)
    if left_out:
        print(f"left out, since they are not installed: {', '.join(left_out)}")


def print_line(rate, name, figures, hey):
    reached = statistics.median(rps for rps, _, _ in figures)
    rounds = " ".join(f"{cpu:.1f}" for _, cpu, _ in figures)
    ratio = f"{median_cpu(figures) / hey:.2f}" if hey else "-"
    waits = statistics.median(waits for _, _, waits in figures)
    print(f"{rate:>6}  {name:<11}{reached:>8.0f}/s{rounds:>33} µs{ratio:>12}{waits:>7.1f}")


def median_cpu(figures):
    return statistics.median(cpu for _, cpu, _ in figures) if figures else None


def build():
    """The program awsinvoker and the program with the stub."""
    # Of the whole workspace, because fewer packages would have fewer features, and be compiled again.
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--workspace", "--bin", "awsinvoker"]
    programs = executables([*command, "--message-format", "json"], "awsinvoker")
    command = ["cargo", "bench", "--quiet", "--locked", "--workspace", "--bench", "load", "--no-run"]
    return programs, executables([*command, "--message-format", "json"], "load")


def executables(command, name):
    """The executable of this name that a cargo command makes."""
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in output.splitlines()]
    return next(message["executable"] for message in messages
                if message.get("executable") and message["target"]["name"] == name)


def with_server(stub, rate, run):
    """What `run` returns, which calls a new stub."""
    server = subprocess.Popen([stub, "--stub"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        return run(f"http://{server.stdout.readline().strip()}", rate)
    finally:
        server.stdin.close()
        server.wait()


def measure(command, requests, **options):
    """Runs a command. Returns the rate, and the microseconds of CPU and the voluntary context switches of a request.
    `requests` reads from its output how many requests there were, and the rate."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 4):
        sys.exit(f"{command[0]} failed with exit code {done.returncode}: {done.stderr.strip()}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    count, rate = requests(done.stdout)
    return rate, cpu * 1e6 / count, (after.ru_nvcsw - before.ru_nvcsw) / count


def run_awsinvoker(program, url, rate, seconds):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "endpoints.json").write_text(f'[{{"hostname": "{FUNCTION}", "payload": {EVENT}}}]')
        load = ["--concurrency", str(CONNECTIONS)] if rate == MOST else ["--rps", str(rate)]
        command = [program, *load, "--time", str(seconds), "--endpoint-url", url, "--out", "run"]

        def requests(_):
            summary = json.loads((folder / "run" / "summary.json").read_text())
            return summary["issued"], summary["issued"] / seconds

        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return measure(command, requests, cwd=folder, env=environment)


def path(url):
    return f"{url}/2015-03-31/functions/{FUNCTION}/invocations"


def run_hey(url, rate, seconds, workers):
    # The rate of hey is that of each worker.
    limit = [] if rate == MOST else ["-q", str(rate / workers)]
    command = ["hey", "-z", f"{seconds}s", "-c", str(workers), *limit, "-m", "POST", "-d", EVENT, path(url)]

    def requests(output):
        count = sum(int(count) for count in re.findall(r"\[\d+\]\s+(\d+) responses", output))
        return count, float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])

    return measure(command, requests)


def run_hey_of_one(url, rate, seconds):
    """At the highest rate, one worker would be one connection, and not the 16 of the others."""
    return None if rate == MOST else run_hey(url, rate, seconds, 1)


def run_oha(url, rate, seconds):
    limit = [] if rate == MOST else ["-q", str(rate)]
    command = ["oha", "--no-tui", "--output-format", "json", "-z", f"{seconds}s", "-c", str(CONNECTIONS), *limit,
               "-m", "POST", "-d", EVENT, path(url)]

    def requests(output):
        result = json.loads(output)
        return sum(result["statusCodeDistribution"].values()), result["summary"]["requestsPerSec"]

    return measure(command, requests)


def run_wrk(url, rate, seconds):
    """wrk cannot keep a rate."""
    if rate != MOST:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"wrk.method = 'POST'\nwrk.body = '{EVENT}'\n")
        script.flush()
        command = ["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "-s", script.name, path(url)]

        def requests(output):
            return int(re.search(r"(\d+) requests in", output)[1]), float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])

        return measure(command, requests)


def run_boto3(url, rate, seconds):
    """One call after the other: boto3 keeps no rate by itself."""
    if rate != MOST:
        return None

    def requests(output):
        return int(output), int(output) / seconds

    return measure([PYTHON, "-c", BOTO3, url, str(seconds), EVENT], requests)


if __name__ == "__main__":
    main()
