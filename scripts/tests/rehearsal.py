"""What scripts/rehearse.sh runs: a deployment to a stand-in for AWS, from an empty account to an empty account."""

import shlex
import signal
import subprocess
import sys

from case import ROOT, git, make_checkout
from cloud import Cloud
from test_life import base_image

BEFORE = """\
This is a rehearsal. On this machine, moto simulates AWS, and docker-registry takes the place of its image registry. The
AWS CLI, Docker and the scripts are the real ones. moto accepts most of what AWS accepts, and records it. It checks no
permissions, runs no function (it answers an invocation with the payload), takes no time, and never fails half-way.
"""
AFTER = """\
The rehearsal succeeded, and everything it made is gone. It shows that your flags, Docker and the scripts work together.
It does not show that your AWS account has the permissions and quotas, that the functions run there, or what it costs.
"""


def main():
    flags = sys.argv[1:]
    images = "--images" in flags
    flags = [flag for flag in flags if flag != "--images"]
    print(BEFORE, flush=True)
    # So that everything is removed whatever ends the rehearsal.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cloud = Cloud()
    try:
        cloud.reset()
        checkout = clone(cloud.folder / "checkout") if images else make_checkout(cloud.folder / "checkout")
        if images:
            flags += base_image()
        # The flags of deploy.sh that destroy.sh has as well.
        shared = [word for flag in ("--region", "--prefix", "--role-name") for word in value_of(flag, flags)]
        for command in (["deploy.sh", "--dry-run", *flags], ["deploy.sh", *flags], ["deploy.sh", *flags],
                        ["destroy.sh", "--yes", *shared]):
            print(f"\n$ scripts/{shlex.join(command)}", flush=True)
            done = subprocess.run([checkout / "scripts" / command[0], *command[1:]], cwd=checkout, env=cloud.environment())
            if done.returncode != 0:
                sys.exit(f"\nThe rehearsal failed: the last command ended with {done.returncode}.")
        print(f"\n{AFTER}", end="")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        cloud.close()


def clone(folder):
    git(ROOT, "clone", "--quiet", "--no-hardlinks", ROOT, folder)
    return folder


def value_of(flag, flags):
    """The flag and its value, as it was given, or nothing."""
    for number, word in enumerate(flags):
        if word == flag:
            return flags[number:number + 2]
        if word.startswith(f"{flag}="):
            return [word]
    return []


if __name__ == "__main__":
    main()
