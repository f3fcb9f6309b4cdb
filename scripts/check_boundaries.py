#!/usr/bin/env python3
"""Checks boundaries of ARCHITECTURE.md that neither the crate graph nor a lint keeps.

Each rule names files and what their code must not mention. Comments, and code behind `#[cfg(test)]`, do not count. A rule
whose files do not exist is an error, so that a rule cannot be lost when a file moves. Exit code 1 if a rule is broken.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CLOCK = r"\bInstant\b|\bSystemTime\b|\bclock\b|\bClock\b"
OBSERVERS = ["durable", "intervals", "invitro", "latencies", "log", "progress", "requests", "samples", "tally"]

# What must hold, the files (a pattern, and those left out), and what their code must not mention.
RULES = [
    (
        "the core of a function does not depend on a platform",
        ["chameleon/src/**/*.rs", "cnn_serving/src/**/*.rs"],
        ["chameleon/src/main.rs", "cnn_serving/src/main.rs"],
        r"\bfunction_host\b|\blambda_runtime\b|\bAWS_LAMBDA",
    ),
    (
        "only awsinvoker's folder platform/ depends on platforms",
        ["awsinvoker/src/**/*.rs"],
        ["awsinvoker/src/platform/**/*.rs"],
        r"\baws_\w+::|\blambda::|\blocal::",
    ),
    ("the plan uses no clock", ["awsinvoker/src/plan/**/*.rs"], [], CLOCK),
    (
        "the load uses no histogram and no output",
        ["awsinvoker/src/load/**/*.rs"],
        [],
        r"\bHistogram\b|\bobserve::|\bTotals\b|\bformat::|\bSink\b",
    ),
    *(
        (
            "no observer uses another",
            [f"awsinvoker/src/observe/{name}.rs"],
            [],
            rf"\bsuper::(?:{'|'.join(other for other in OBSERVERS if other != name)})\b",
        )
        for name in OBSERVERS
    ),
    (
        "records and reports use no clock, no environment and no network",
        ["crates/run_record/src/**/*.rs", "crates/run_report/src/**/*.rs"],
        [],
        r"\bInstant\b|\bSystemTime::now\b|\bstd::env\b|\bstd::net\b|\btokio\b",
    ),
    (
        "an environment of lambda-local does not use the service",
        ["crates/lambda_local/src/environment/**/*.rs", "crates/lambda_local/src/backend/**/*.rs"],
        ["crates/lambda_local/src/environment/tests.rs"],
        r"\bservice::|\binvoke_api::",
    ),
]


def main():
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    broken = 0
    for what, patterns, left_out, forbidden in RULES:
        files = files_of(patterns) - files_of(left_out)
        for pattern in [*patterns, *left_out]:
            if not files_of([pattern]):
                broken += 1
                print(f"{pattern}: there is no such file, but the rule {what!r} names it")
        for path in sorted(files):
            for number, line in enumerate(code_of(path).splitlines(), 1):
                if found := re.search(forbidden, line):
                    broken += 1
                    print(f"{path.relative_to(ROOT)}:{number}: {found[0]!r}, but {what}")
    print(f"check_boundaries.py: {len(RULES)} rules, {broken} broken")
    sys.exit(1 if broken else 0)


def files_of(patterns):
    return {path for pattern in patterns for path in ROOT.glob(pattern)}


def code_of(path):
    """The code with its lines, without comments, and up to the unit tests, which stand at the end of a file."""
    code = re.split(r"^\s*#\[cfg\(test\)\]\s*\n\s*(?:pub(?:\(.*\))? )?mod \w+ \{", path.read_text(), flags=re.MULTILINE)[0]
    return re.sub(r"//[^\n]*", "", code)


if __name__ == "__main__":
    main()
