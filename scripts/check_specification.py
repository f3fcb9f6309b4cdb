#!/usr/bin/env python3
"""Checks that every test which SPECIFICATION.md names exists.

A promise is a list item: its text, a colon, and the tests in backticks, separated by commas. A test is `path::name` (a
function of this name in a Rust, Python or Bash file), or a path alone: an executable script, or a Python module with tests.
Items of the section "Promises without a test" name no test. Exit code 1 if a promise has no test, or if a test does not
exist; what is missing is printed.
"""

import argparse
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
WITHOUT = "Promises without a test"
# The tests are the backticked words after the last colon that is followed by a backtick.
PROMISE = re.compile(r"- (?P<promise>.+?): (?P<tests>`[^`\s]*[/.][^`\s]*`(?:, `[^`\s]+`)*)$")
DEFINITIONS = {
    ".rs": r"^\s*(?:pub(?:\([\w ]+\))? )?(?:async )?fn {}\b",
    ".py": r"^\s*(?:async )?def {}\b",
    ".sh": r"^(?:function )?{}\s*\(\)",
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "file", nargs="?", type=pathlib.Path, default=ROOT / "SPECIFICATION.md", help="instead of SPECIFICATION.md"
    )
    path = parser.parse_args().file
    promises, tests, without, problems = 0, set(), 0, []
    section = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("## "):
            section = line[3:]
        if not line.startswith("- "):
            continue
        if section == WITHOUT:
            without += 1
            continue
        promises += 1
        found = PROMISE.match(line)
        if not found:
            problems.append(f"{path.name}:{number}: the promise names no test: {line[2:]}")
            continue
        for test in re.findall(r"`([^`]+)`", found["tests"]):
            tests.add(test)
            if problem := missing(test):
                problems.append(f"{path.name}:{number}: {test}: {problem}")
    print("\n".join([*problems, f"check_specification.py: {promises} promises with {len(tests)} tests, "
                     f"{without} without a test, {len(problems)} problems"]))
    sys.exit(1 if problems or not promises else 0)


def missing(test):
    """What is missing of a test; None if it exists."""
    place, _, name = test.partition("::")
    path = ROOT / place
    if not path.is_file():
        return "there is no such file"
    text = path.read_text()
    if name:
        definition = DEFINITIONS.get(path.suffix)
        if definition is None:
            return f"expected a file whose name ends in {', '.join(DEFINITIONS)}"
        if not re.search(definition.format(re.escape(name)), text, re.MULTILINE):
            return "the file has no such function"
        return None
    if not os.access(path, os.X_OK) and not path.name.startswith("test_"):
        return "expected an executable script, a module test_*.py, or PATH::NAME"
    return None


if __name__ == "__main__":
    main()
