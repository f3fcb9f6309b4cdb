#!/usr/bin/env python3
"""Runs the commands of README.md, CONTRIBUTING.md and docs/*.md, so that each works as it stands there.

A command is a fenced block with the language `sh`. Further words after `sh`, which no reader sees, name what the block
needs:

  sh              runs with `bash -euo pipefail`; the test fails if a command fails
  sh server       starts a server, which runs until the end of the file; a later one with the same address replaces it
  sh tool:NAME    as `sh`, but only if the program NAME is in PATH
  sh python:NAME  as `sh`, but only if python3 can import NAME
  sh images       as `sh`, but only if Docker has the images of both functions
  sh slow         is only checked: the block compiles or runs for minutes
  sh install      is only checked: the block changes the machine
  sh docker       is only checked: docker/test.sh builds the images
  sh aws          is only checked: the block needs an AWS account
  sh cluster      is only checked: the block needs a Kubernetes cluster with Knative

Checked means: bash accepts the syntax, and every script, flag, package, Dockerfile and just recipe exists.

All blocks of a file run in the same working folder, which is temporary and holds links to everything in this checkout.
The blocks find the programs of PROGRAMS_DIR first, also as target/release. They have an empty HOME and no AWS
credentials. The test ends all processes that a block started.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
ONLY_CHECKED = {
    "slow": "the block compiles or runs for minutes",
    "install": "the block changes the machine",
    "docker": "docker/test.sh builds the images",
    "aws": "the block needs an AWS account",
    "cluster": "the block needs a Kubernetes cluster with Knative",
}
IMAGES = ["chameleon:latest", "cnn_serving:latest"]
# Left by earlier runs in the checkout; a block must not find them.
NOT_LINKED = ["runs", "target", "endpoints.json", "endpoints.json.bak", "rps*_*.csv", ".git"]
BLOCK_SECONDS = 60
SERVER_SECONDS = 20
# awsinvoker's exit code 4 says that the load generator was late, as it may be here; the commands are right all the same.
BUSY = 'awsinvoker() { command awsinvoker "$@" || [ $? -eq 4 ]; }; '
# Where the documents find programs, which PROGRAMS_DIR stands for.
BUILT = "target/release/"
DEFAULT_LISTEN = "127.0.0.1:9000"


class Problem(Exception):
    """Why a block fails the test."""


class Missing(Exception):
    """What this machine lacks for a block."""


class Block:
    """A fenced block with commands."""

    def __init__(self, path, line, needs, text):
        self.place = f"{path.relative_to(ROOT)}:{line}"
        self.needs = needs
        self.text = text

    @property
    def kind(self):
        kinds = [need for need in self.needs if need in ONLY_CHECKED or need in ("server", "images")]
        return kinds[0] if kinds else "run"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "programs", metavar="PROGRAMS_DIR", type=pathlib.Path, help="the folder of the built programs"
    )
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="Markdown files, instead of all")
    parser.add_argument(
        "--strict", action="store_true", help="fail if a block cannot run because this machine lacks something"
    )
    args = parser.parse_args()
    if not args.programs.is_dir():
        parser.error(f"{args.programs} is not a folder; expected one like target/debug")
    files = args.files or [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    started = time.monotonic()
    run, checked, left_out, failed = 0, 0, 0, 0
    for path in files:
        found, unseen = blocks(path.resolve())
        failed += len(unseen)
        print("".join(f"{problem}\n" for problem in unseen), end="")
        with Session(args.programs.resolve()) as session:
            for block in found:
                try:
                    reason = session.take(block)
                    run, checked = run + (reason is None), checked + (reason is not None)
                    print(f"{block.place}: " + ("ran" if reason is None else f"checked, not run: {reason}"))
                except Missing as missing:
                    left_out += 1
                    print(f"{block.place}: left out: {missing}")
                except Problem as problem:
                    failed += 1
                    print(f"{block.place}: FAILED: {problem}\n{indented(block.text)}")
    seconds = time.monotonic() - started
    print(f"commands.py: {run} blocks ran, {checked} checked, {left_out} left out, {failed} failed in {seconds:.0f} s")
    sys.exit(1 if failed or (args.strict and left_out) else 0)


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def shortened(text):
    return text if len(text) < 4000 else f"{text[:2000]}\n[...]\n{text[-2000:]}"


# --- reading --------------------------------------------------------------------------------------------------


def blocks(path):
    """The blocks of a file, and a message for each that this test would not see or understand."""
    found, unseen, start, info, lines = [], [], None, [], []
    previous, in_list = "", False

    def complain(number, what):
        unseen.append(f"{path.relative_to(ROOT)}:{number}: FAILED: {what}")

    for number, line in enumerate(path.read_text().splitlines(), 1):
        if start is None and line.startswith("```"):
            start, info, lines = number, line[3:].split(), []
            if not info:
                complain(number, "a block without a language; expected ```sh or ```text")
        elif start is not None and line.startswith("```"):
            if info[:1] == ["sh"]:
                for need in filter(is_unknown, info[1:]):
                    complain(start, f"unknown word {need!r} after ```sh; see commands.py --help")
                found.append(Block(path, start + 1, info[1:], "\n".join(lines) + "\n"))
            start = None
        elif start is not None:
            lines.append(line)
        else:
            in_list = bool(re.match(r"\s*([-*]|\d+\.) ", line)) or (in_list and (not line or line[0] == " "))
            if line.startswith("    ") and not previous and not in_list:
                complain(number, "an indented block, which this test does not run; expected ```sh or ```text")
            previous = line
    if start is not None:
        complain(start, "the block has no end")
    return found, unseen


def is_unknown(need):
    return not (need in ONLY_CHECKED or need in ("server", "images") or need.startswith(("tool:", "python:")))


# --- running --------------------------------------------------------------------------------------------------


class Session:
    """The working folder of one file's blocks, and the servers that these started."""

    def __init__(self, programs):
        self.programs = programs
        self.stack = contextlib.ExitStack()
        # By address.
        self.servers = {}
        # Addresses of servers that could not be started here.
        self.absent = {}

    def __enter__(self):
        base = pathlib.Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="commands.")))
        self.folder, home = base / "work", base / "home"
        self.folder.mkdir()
        home.mkdir()
        for entry in ROOT.iterdir():
            if not any(entry.match(pattern) for pattern in NOT_LINKED):
                (self.folder / entry.name).symlink_to(entry)
        # The documents name release builds. The programs stand for them, however they were built.
        for profile in ("debug", "release"):
            (self.folder / "target").mkdir(exist_ok=True)
            (self.folder / "target" / profile).symlink_to(self.programs)
        path = [self.programs, ROOT / "assets/venv/bin", pathlib.Path(sys.executable).parent]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RUST_"))},
            "HOME": str(home),
            "PATH": os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            end(server)
        self.stack.close()

    def take(self, block):
        """Runs a block. Returns why it was only checked, if it was."""
        if block.kind in ONLY_CHECKED:
            Checker(self.programs, self.environment).check(block.text)
            return ONLY_CHECKED[block.kind]
        try:
            self.require(block)
            if block.kind == "server":
                self.start_server(block)
            else:
                self.run(block)
        except Missing as missing:
            if block.kind == "server":
                self.absent[address(block.text)] = missing
            raise
        return None

    def require(self, block):
        for need in block.needs:
            what, _, name = need.partition(":")
            if what == "tool" and not shutil.which(name, path=self.environment["PATH"]):
                raise Missing(f"{name} is not in PATH")
            if what == "python" and self.quiet("python3", "-c", f"import {name}"):
                raise Missing(f"python3 cannot import {name}")
            if what == "images" and self.quiet("docker", "image", "inspect", *IMAGES):
                raise Missing(f"Docker does not run here, or lacks {' or '.join(IMAGES)}")
        for absent, missing in self.absent.items():
            if absent in block.text:
                raise Missing(f"the server at {absent} was left out: {missing}")

    def quiet(self, *command):
        """The exit code of a command, whatever it prints."""
        try:
            return subprocess.run(command, env=self.environment, capture_output=True, timeout=20).returncode
        except (OSError, subprocess.TimeoutExpired):
            return 1

    def bash(self, text, output):
        command = ["bash", "-euo", "pipefail", "-c", BUSY + text]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, block):
        with tempfile.TemporaryFile("w+") as output:
            process = self.bash(block.text, output)
            try:
                code = process.wait(BLOCK_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                end(process)
            if code != 0:
                output.seek(0)
                what = f"exit code {code}" if code is not None else f"it takes longer than {BLOCK_SECONDS} s"
                raise Problem(f"{what}\n{indented(shortened(output.read()))}")

    def start_server(self, block):
        earlier = self.servers.pop(address(block.text), None)
        if earlier:
            end(earlier)
        server = self.bash(block.text, subprocess.PIPE)
        self.servers[address(block.text)] = server
        listening, lines = threading.Event(), []

        def follow(pipe):
            for line in pipe:
                lines.append(line.decode(errors="replace"))
                if lines[-1].startswith("listening on "):
                    listening.set()

        threading.Thread(target=follow, args=[server.stdout], daemon=True).start()
        deadline = time.monotonic() + SERVER_SECONDS
        while not listening.wait(0.05):
            if server.poll() is not None or time.monotonic() > deadline:
                time.sleep(0.2)
                raise Problem(f"the server does not listen\n{indented(shortened(''.join(lines)))}")

def address(text):
    listen = re.search(r"--(?:listen|addr)[ =](\S+)", text)
    return listen[1] if listen else DEFAULT_LISTEN


def end(process):
    """Ends all processes that a block has started, first by asking."""
    for number, seconds in [(signal.SIGTERM, 30), (signal.SIGKILL, 2)]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            process.poll()
            try:
                os.killpg(process.pid, 0)
            except (ProcessLookupError, PermissionError):
                return
            time.sleep(0.02)


# --- checking -------------------------------------------------------------------------------------------------


class Checker:
    """Looks whether what a block names exists."""

    def __init__(self, programs, environment):
        self.programs = programs
        self.environment = environment

    def check(self, text):
        syntax = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
        if syntax.returncode:
            raise Problem(syntax.stderr.strip())
        for words in commands(text):
            self.check_command(words)

    def check_command(self, words):
        program, arguments = words[0], words[1:]
        if program == "cargo":
            check_cargo(arguments)
        elif program == "docker":
            for flag, value in zip(arguments, arguments[1:]):
                if flag in ("-f", "--file") and not (ROOT / value).is_file():
                    raise Problem(f"there is no file {value}")
        elif program == "just":
            recipes = re.findall(r"^([a-z][\w-]*)[^\n=]*:(?!=)", (ROOT / "justfile").read_text(), re.MULTILINE)
            for recipe in [argument for argument in arguments if not argument.startswith("-")][:1]:
                if recipe not in recipes:
                    raise Problem(f"the justfile has no recipe {recipe}")
        elif "/" in program:
            file = self.programs / program.removeprefix(BUILT) if program.startswith(BUILT) else ROOT / program
            if not os.access(file, os.X_OK) or not file.is_file():
                raise Problem(f"{program} is not an executable file")
            self.check_flags(str(file), arguments)
        elif (self.programs / program).is_file():
            self.check_flags(str(self.programs / program), arguments)

    def check_flags(self, program, arguments):
        flags = [argument.split("=")[0] for argument in arguments if argument.startswith("--")]
        if not flags:
            return
        known = subprocess.run(
            [program, "--help"], env=self.environment, capture_output=True, text=True, timeout=20, cwd=ROOT
        )
        for flag in flags:
            if not re.search(rf"(?<![\w-]){flag}(?![\w-])", known.stdout):
                raise Problem(f"{pathlib.Path(program).name} --help does not mention {flag}")


def commands(text):
    """The simple commands of a script, as words. Variables stay as they are."""
    text = re.sub(r"(^|\s)#.*", r"\1", text).replace("\\\n", " ").replace("\n", " ; ")
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split, lexer.commenters = True, ""
    words = []
    for word in lexer:
        if set(word) <= set(";&|"):
            if words:
                yield words
            words = []
        elif words or not re.match(r"\w+=", word):
            words.append(word)
    if words:
        yield words


def check_cargo(arguments):
    packages = {}
    for manifest in [*ROOT.glob("*/Cargo.toml"), *ROOT.glob("*/*/Cargo.toml")]:
        packages[tomllib.loads(manifest.read_text()).get("package", {}).get("name")] = manifest
    package = None
    for flag, value in zip(arguments, arguments[1:]):
        if flag == "--":
            break
        if flag == "--path" and not any(manifest.parent == ROOT / value for manifest in packages.values()):
            raise Problem(f"cargo: {value} is not the folder of a package")
        if flag in ("-p", "--package"):
            package = packages.get(value)
            if not package:
                raise Problem(f"cargo: there is no package {value}")
        if flag == "--bin" and not any(value in binaries(manifest) for manifest in packages.values()):
            raise Problem(f"cargo: no package has a binary {value}")
        folders = {"--example": "examples", "--bench": "benches", "--test": "tests"}
        if flag in folders and package and not list((package.parent / folders[flag]).glob(f"{value}*")):
            raise Problem(f"cargo: {package.parent.name} has no {folders[flag]}/{value}")


def binaries(manifest):
    content = tomllib.loads(manifest.read_text())
    named = [binary["name"] for binary in content.get("bin", [])]
    return named or [content.get("package", {}).get("name")]


if __name__ == "__main__":
    main()
