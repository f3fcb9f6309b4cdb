#!/usr/bin/env python3
"""Pins the Python packages of a requirements file, and all that they need, by version and hash.

    scripts/lock_requirements.py scripts/requirements.in     writes scripts/requirements.txt

Run it after changing a `.in` file. The result serves every Python and platform listed below.
"""

import collections
import json
import pathlib
import subprocess
import sys

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
MACHINES = ["x86_64", "aarch64"]
# Packages without a wheel for every machine; there, pip builds them from source.
ALSO_AS_SOURCE = {"hdrhistogram"}


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        return print(__doc__)
    if len(sys.argv) != 2 or not sys.argv[1].endswith(".in"):
        sys.exit(__doc__)
    source = pathlib.Path(sys.argv[1])
    lines = [line.strip() for line in source.read_text().splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    target = source.with_suffix(".txt")
    target.write_text(render(source.name, lock(wanted)))


def lock(wanted):
    """The hashes of all the files that may be installed, by `name==version`."""
    hashes = collections.defaultdict(set)
    for python in PYTHONS:
        for pin, digest in resolve(wanted, wheels(python, MACHINES[0])):
            hashes[pin].add(digest)
    for python in PYTHONS:
        for machine in MACHINES[1:]:
            pins = [pin for pin in hashes if name(pin) not in ALSO_AS_SOURCE]
            for pin, digest in resolve(pins, ["--no-deps", *wheels(python, machine)]):
                hashes[pin].add(digest)
    for pin in filter(lambda pin: name(pin) in ALSO_AS_SOURCE, list(hashes)):
        for _, digest in resolve([pin], ["--no-deps", "--no-binary", name(pin)]):
            hashes[pin].add(digest)
    check_one_version_each(hashes)
    return hashes


def wheels(python, machine):
    tags = ["manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1"]
    platforms = [f"--platform={tag}_{machine}" for tag in tags]
    return [*platforms, f"--python-version={python}", "--only-binary=:all:", "--target=/nonexistent"]


def resolve(wanted, options):
    """What pip would install: pairs of `name==version` and sha256."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    result = subprocess.run([*command, "--report=-", *options, *wanted], check=True, stdout=subprocess.PIPE)
    for item in json.loads(result.stdout)["install"]:
        pin = "{name}=={version}".format(**item["metadata"])
        yield pin, item["download_info"]["archive_info"]["hashes"]["sha256"]


def check_one_version_each(pins):
    counts = collections.Counter(name(pin) for pin in pins)
    if several := [package for package, count in counts.items() if count > 1]:
        sys.exit(f"several versions, depending on the platform, of: {', '.join(several)}; pin one")


def name(pin):
    return pin.partition("==")[0]


def render(source, hashes):
    lines = [f"# Made from {source} by scripts/lock_requirements.py."]
    for pin in sorted(hashes, key=str.lower):
        lines.append(" \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in sorted(hashes[pin]))]))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
