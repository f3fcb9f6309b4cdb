#!/usr/bin/env python3
"""Measures what lambda-local does with a burst: many requests a second for a function that nobody has called yet.

The function takes 15 ms to initialise, and the start of its program. awsinvoker sends the requests at a fixed rate. Prints
how many environments were started, what became of the requests, and the response time p99. Exit code 1 if there were 50
environments or more, if not all requests were served, or if the p99 is 1 s or more. Build the programs first:

  cargo build --release -p lambda_local -p awsinvoker --bins
  cargo build --release -p lambda_local --example test_function
"""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

RELEASE = pathlib.Path(__file__).resolve().parents[1] / "target" / "release"
MAX_ENVIRONMENTS = 50
MAX_P99_S = 1
EVENT = {"do": "answer", "value": {"latency": 0}}


def children(process):
    """The numbers of the processes that `process` has started and that still run."""
    lists = pathlib.Path(f"/proc/{process}/task").glob("*/children")
    return [int(number) for list_ in lists for number in list_.read_text().split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lambda-local", default=RELEASE / "lambda-local", help="the program lambda-local")
    parser.add_argument("--awsinvoker", default=RELEASE / "awsinvoker", help="the program awsinvoker")
    parser.add_argument("--function", default=RELEASE / "examples" / "test_function", help="the test function")
    parser.add_argument("--rps", type=int, default=300, help="requests a second (default: 300)")
    parser.add_argument("--time", type=int, default=10, help="how many seconds (default: 10)")
    args = parser.parse_args()
    program = f"sleep 0.015; exec {shlex.quote(str(pathlib.Path(args.function).resolve()))}"
    command = [args.lambda_local, "--listen", "127.0.0.1:0", "--function", f"f=sh -c {shlex.quote(program)}"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            endpoints = folder / "endpoints.json"
            endpoints.write_text(json.dumps([{"hostname": "f", "payload": EVENT}]))
            load = [args.awsinvoker, "--endpoints-file", endpoints, "--endpoint-url", url, "--rps", str(args.rps),
                    "--time", str(args.time), "--out", folder / "run", "--latf", folder / "latencies.csv"]
            code = subprocess.run(load, stdout=subprocess.DEVNULL).returncode
            # 4: the load generator was late. How much so is printed.
            if code not in (0, 4):
                sys.exit(code)
            summary = json.loads((folder / "run" / "summary.json").read_text())
        # Environments that were started for requests which others have served are still on their way.
        time.sleep(1)
        # Those that nothing was left for wait for their idle time-out.
        environments = sum(len(children(spawner)) for spawner in children(server.pid))
    finally:
        server.terminate()
        server.wait()
    outcomes = {name: count for name, count in summary["endpoints"][0]["outcomes"].items() if count}
    response = summary["endpoints"][0]["views"]["response"]
    # Too few answers carry no p99. The slowest one is no faster.
    p99 = float("inf") if response["max"] is None else (response["p99"] or response["max"]) / 1e6
    print(f"{args.rps} requests/s for {args.time} s: {environments} environments, outcomes {outcomes}, "
          f"response p99 {p99:.3f} s (p99 of the load generator's own lag: {summary['schedule_lag_us']['p99'] / 1e6:.3f} s)")
    sys.exit(environments >= MAX_ENVIRONMENTS or set(outcomes) != {"ok"} or p99 >= MAX_P99_S)


if __name__ == "__main__":
    main()
