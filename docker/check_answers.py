#!/usr/bin/env python3
"""Checks what the functions' images answer, on the local Lambda and to its clients.

    docker/check_answers.py LAMBDA_LOCAL       the program lambda-local; needs the images chameleon and cnn_serving
"""

import json
import pathlib
import subprocess
import sys
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDENS = ROOT / "chameleon/tests/goldens"
EXPECTED = ROOT / "cnn_serving/model/expected.json"
SAMPLES = ["chelsea.png", "coffee.png", "camera.png", "rocket.jpg"]


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        return print(__doc__)
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not pathlib.Path(sys.argv[1]).is_file():
        sys.exit(f"check_answers.py: {sys.argv[1]}: no such program; expected the path of lambda-local")
    images = [f"--image={name}={name}" for name in ("chameleon", "cnn_serving")]
    command = [sys.argv[1], "--listen=127.0.0.1:0", "--exit-with-stdin", "--memory=1769", *images]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        url = address_of(server)
        check_tables(url)
        check_classes(url)
        server.stdin.close()


def address_of(server):
    said = []
    for line in server.stdout:
        said.append(line.strip())
        if line.startswith("listening on "):
            return line.removeprefix("listening on ").strip()
    sys.exit(f"lambda-local said {said} and ended; expected its address")


def check_tables(url):
    for rows, columns in [(1, 2), (10, 15), (15, 10), (2, 101)]:
        answer = invoke(url, "chameleon", {"num_of_rows": rows, "num_of_cols": columns})
        expect(f"{rows}x{columns}", answer["data"], (GOLDENS / f"{rows}x{columns}.html").read_text())


def check_classes(url):
    expected = json.loads(EXPECTED.read_text())
    for index, name in enumerate(SAMPLES):
        [found] = invoke(url, "cnn_serving", {"input_file_seq": index})["result"]
        # The last digits of a score depend on the CPU.
        classes = [prediction[:2] for prediction in found]
        expect(name, classes, [prediction[:2] for prediction in expected[name]])
        for (*_, score), (*_, wanted) in zip(found, expected[name], strict=True):
            if abs(float(score) - float(wanted)) > 1e-5:
                sys.exit(f"{name}: the score is {score}; expected {wanted}")


def invoke(url, function, event):
    address = f"{url}/2015-03-31/functions/{function}/invocations"
    with urllib.request.urlopen(address, json.dumps(event).encode(), timeout=60) as response:
        body = response.read()
        if response.headers["X-Amz-Function-Error"]:
            sys.exit(f"{function} failed on {event}: {body.decode()}")
        return json.loads(json.loads(body))


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: found {found!r}; expected {wanted!r}")


if __name__ == "__main__":
    main()
