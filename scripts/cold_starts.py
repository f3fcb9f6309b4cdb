#!/usr/bin/env python3
"""Measures whether cold starts of lambda-local depend on how much memory it has used.

Starts lambda-local with a function, and measures cold starts; then lets it carry many answers of 1 MB, and measures cold
starts again. Prints the medians and the resident memory of lambda-local. Exit code 1 if the median Init Duration grew by
more than 20 %, or if more than 64 MB stay resident. Build both programs first:

  cargo build --release -p lambda_local --bins --example test_function
"""

import argparse
import base64
import concurrent.futures
import http.client
import json
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time

RELEASE = pathlib.Path(__file__).resolve().parents[1] / "target" / "release"
CLIENTS = 100
MAX_RATIO = 1.2
MAX_RESIDENT_MB = 64
INIT = re.compile(r"Init Duration: ([\d.]+) ms")


class Server:
    """A lambda-local with the test function."""

    def __init__(self, program, function):
        command = [program, "--listen", "127.0.0.1:0", "--function", f"test={function}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.local = threading.local()

    def call(self, event):
        """Calls the function on a connection of this thread. Returns the Init Duration in ms, or None."""
        if not hasattr(self.local, "connection"):
            self.local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        path = "/2015-03-31/functions/test/invocations"
        self.local.connection.request("POST", path, json.dumps(event), {"X-Amz-Log-Type": "Tail"})
        answer = self.local.connection.getresponse()
        answer.read()
        if answer.status != 200:
            sys.exit(f"the status of an answer is {answer.status}; expected 200")
        found = INIT.search(base64.b64decode(answer.headers["X-Amz-Log-Result"]).decode(errors="replace"))
        return float(found[1]) if found else None

    def cold_starts(self, count):
        """The Init Durations of cold starts: before each, the idle environment exits."""
        durations = []
        while len(durations) < count:
            duration = self.call({})
            if duration is not None:
                durations.append(duration)
            self.call({"do": "exit", "code": 1})
        return durations

    def resident_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lambda-local", default=RELEASE / "lambda-local", help="the program lambda-local")
    parser.add_argument("--function", default=RELEASE / "examples" / "test_function", help="the test function")
    parser.add_argument("--answers", type=int, default=2000, help="how many answers of 1 MB (default: 2000)")
    parser.add_argument("--cold-starts", type=int, default=100, help="before and after them (default: 100)")
    args = parser.parse_args()
    server = Server(args.lambda_local, args.function)
    try:
        fresh = statistics.median(server.cold_starts(args.cold_starts))
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(server.call, [{"do": "large", "bytes": 1 << 20}] * args.answers))
            time.sleep(1)
            resident = server.resident_mb()
            # The environments that are left end, so that the next ones are cold.
            list(clients.map(server.call, [{"do": "exit", "code": 1}] * CLIENTS))
        later = statistics.median(server.cold_starts(args.cold_starts))
    finally:
        server.process.terminate()
        server.process.wait()
    print(f"Init Duration p50: {fresh:.2f} ms fresh, {later:.2f} ms after {args.answers} answers of 1 MB "
          f"(factor {later / fresh:.2f}); {resident:.0f} MB resident after them")
    sys.exit(later > MAX_RATIO * fresh or resident > MAX_RESIDENT_MB)


if __name__ == "__main__":
    main()
