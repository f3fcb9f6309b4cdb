#!/usr/bin/env python3
"""Measures what `awsinvoker merge` takes: time and memory, for the runs of so many shards. Measures `compare` and `report`
with a page on what it makes, too.

The runs are made up: one short real run of a shard against the server of `--url` is the pattern of all of them, and each
gets so many samples. All programs run with a limit of their address space, so that memory that grows with the number of
requests would end them. Prints one line for each program.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

ENDPOINTS = [{"hostname": name, "label": name, "function": "f", "system": name} for name in ("f", "g")]
ROUND = len(ENDPOINTS)
WINDOWS = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("awsinvoker", type=pathlib.Path, help="the program")
    parser.add_argument("--url", required=True, help="a lambda-local or another server that answers for the functions f and g")
    parser.add_argument("--shards", type=int, default=1000, help="how many runs are merged (default: 1000)")
    parser.add_argument("--requests", type=int, default=10_000, help="requests of each (default: 10000)")
    parser.add_argument("--memory", type=int, default=512, help="limit of the address space in MiB (default: 512)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pattern = make_pattern(args, folder)
        for index in range(args.shards):
            write_shard(folder / "runs" / f"{index:05}", pattern, index, args)
        requests = args.shards * args.requests
        # A window is a part of the load, of which each microsecond has a request.
        window_ms = max(1, requests // WINDOWS // 1000)
        measure(args, folder, ["merge", "runs", "--out", "merged"], f"requests: {requests}, ")
        measure(args, folder, ["compare", "merged", "--window", f"{window_ms}ms"], "windows of ")
        measure(args, folder, ["report", "merged", "--html", "page.html"], f"requests: {requests}, ")


def make_pattern(args, folder):
    """The files of a real run of two seconds."""
    (folder / "endpoints.json").write_text(json.dumps(ENDPOINTS))
    subprocess.run(
        [args.awsinvoker.resolve(), "--endpoint-url", args.url, "--rps", "100", "--time", "2", "--shard", "0/2", "--quiet", "--no-preflight", "--out", "pattern"],
        cwd=folder, stdout=subprocess.DEVNULL, check=False,
    )
    read = lambda name: (folder / "pattern" / name).read_text()
    header, *rows = read("samples.csv").splitlines()
    if not all(",ok," in row for row in rows):
        sys.exit(f"bench_merge.py: not all calls of the pattern succeeded: does a server answer at {args.url}?")
    log = read("latency.hlog").splitlines()
    return {
        "info": json.loads(read("run.json")), "summary": read("summary.json"), "header": header, "rows": rows,
        "log_header": [line for line in log if "HISTF" not in line], "log": [line for line in log if "HISTF" in line],
    }


def write_shard(folder, pattern, index, args):
    folder.mkdir(parents=True)
    together = args.shards * args.requests
    info = pattern["info"]
    info["configuration"]["shard"] = {"index": index, "total": args.shards, "rps_together": 1e6, "requests_together": together}
    info["clock"] |= {"start_at": info["start"], "late_ns": 0}
    info["end"] |= {"issued": args.requests, "sent_in_window": args.requests, "finished_ns": 1 << 60, "window_ns": together * 1000}
    (folder / "run.json").write_text(json.dumps(info))
    (folder / "summary.json").write_text(pattern["summary"])
    (folder / "samples.csv").write_text(samples(pattern, index, args))
    seconds = max(1, together // 1_000_000)
    log = [at_second(line, second) for second in range(seconds) for line in pattern["log"]]
    (folder / "latency.hlog").write_text("\n".join([*pattern["log_header"], *log]) + "\n")


def samples(pattern, index, args):
    """Rows of the real run with other numbers and times: a request a microsecond, over all shards."""
    columns = pattern["header"].split(",")
    times = [at for at, name in enumerate(columns) if name.endswith("_ns") and name in
             ("issued_ns", "ready_ns", "written_ns", "first_byte_ns", "done_ns")]
    by_endpoint = {}
    for row in pattern["rows"]:
        fields = row.split(",")
        by_endpoint.setdefault(fields[1], []).append(fields)
    choices, lines = random.Random(index), [pattern["header"]]
    for number in range(args.requests):
        sequence = (number // ROUND * args.shards + index) * ROUND + number % ROUND
        fields = list(choices.choice(by_endpoint[ENDPOINTS[sequence % ROUND]["hostname"]]))
        moved = sequence * 1000 - int(fields[3])
        for at in times:
            fields[at] = str(int(fields[at]) + moved) if fields[at] else ""
        fields[0], fields[3] = str(sequence), str(sequence * 1000)
        lines.append(",".join(fields))
    return "\n".join(lines) + "\n"


def at_second(line, second):
    """An interval of the real log, moved."""
    tag, _, rest = line.rpartition("Tag=")[2].partition(",") if line.startswith("Tag=") else ("", "", line)
    _, rest = rest.split(",", 1)
    return (f"Tag={tag}," if tag else "") + f"{second}.000,{rest}"


def measure(args, folder, words, expected):
    limit = args.memory << 20
    start = time.monotonic()
    with open(folder / "printed", "w+") as printed:
        process = subprocess.Popen(
            [args.awsinvoker.resolve(), *words], cwd=folder, stdout=printed, stderr=printed,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        )
        used = os.wait4(process.pid, 0)[2]
        seconds = time.monotonic() - start
        printed.seek(0)
        text = printed.read()
    if expected not in text:
        sys.exit(f"bench_merge.py: {words[0]} failed: {text}")
    requests = args.shards * args.requests
    size = sum(path.stat().st_size for path in (folder / "runs").glob("*/samples.csv"))
    processor = used.ru_utime + used.ru_stime
    print(
        f"{words[0]}: {args.shards} shards of {args.requests} requests, {size / 1e6:.0f} MB of samples: {seconds:.1f} s, "
        f"{requests / seconds / 1e3:.0f},000 requests a second, {processor:.1f} s of a processor, "
        f"{used.ru_maxrss >> 10} MiB at most", flush=True
    )


if __name__ == "__main__":
    main()
