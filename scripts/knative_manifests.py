#!/usr/bin/env python3
"""Writes the manifests of the functions for Knative, for vHive on Firecracker, and for gVisor.

    scripts/knative_manifests.py --platform gvisor chameleon     prints one manifest
    scripts/knative_manifests.py --write                         writes docker/knative/ again
    scripts/knative_manifests.py --check                         fails if docker/knative/ is out of date

scripts/deploy_knative.sh applies what this program prints. This program is the only place that knows the manifests.
It needs nothing but Python. docs/knative.md gives the reasons for the values.
"""

import argparse
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docker/knative"
FUNCTIONS = ["chameleon", "cnn_serving"]
PLATFORMS = ["knative", "firecracker", "gvisor"]
# By this, deploy_knative.sh and destroy_knative.sh know their own services.
OWNER = "serverless-functions"
# Knative takes images with this prefix from the nodes.
IMAGE_PREFIX = "dev.local"
PORT = 50051
RELAY_PORT = 50000
RELAY_IMAGE = "docker.io/vhiveease/relay:latest"
# vHive's image that stands for the guest in a pod. The guest itself runs beside the pod, in a microVM.
STUB_IMAGE = "ghcr.io/vhive-serverless/crccheck-hello-world:latest"
# vHive gives every microVM one CPU and so much memory, whatever the manifest says.
GUEST_CPU_MILLIS, GUEST_MEMORY_MB = 1000, 512
# Lambda gives a whole CPU at this memory, and a share in proportion below and above.
MEMORY_MB_OF_ONE_CPU = 1769
# Any user but root will do: the images have no user of their own.
USER = 65532

# The name of a namespace.
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# A part of the name of an image.
PART = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
# What a reader of YAML takes for a boolean or for nothing.
WORDS_OF_YAML = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]

# The committed files: the folder, and the flags that make what is in it. A name in the top-level domain `example` is
# nobody's: a guest's image has to come from a registry, and only its owner knows which.
COMMITTED = {
    "knative": ["--platform", "knative"],
    "firecracker": ["--platform", "firecracker", "--image-prefix", "registry.example"],
    "gvisor": ["--platform", "gvisor"],
    "relay": ["--platform", "knative", "--relay"],
}


def main():
    args = arguments(sys.argv[1:])
    if args.write or args.check:
        return committed(check=args.check)
    wanted = manifests(args)
    if args.out is None:
        print("---\n".join(rendered(manifest) for manifest in wanted), end="")
        return None
    for manifest in wanted:
        (args.out / f"{manifest['metadata']['name']}.yaml").write_text(rendered(manifest))
    return None


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, as the scripts beside this one have it."""
        message = re.sub(r"^argument ([^:]+): ", r"\1 ", message)
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def arguments(words):
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help="chameleon, cnn_serving [default: both]")
    parser.add_argument(
        "--platform", type=one_of(PLATFORMS), default="knative", help=f"{', '.join(PLATFORMS)} [default: %(default)s]"
    )
    parser.add_argument("--namespace", type=like(LABEL, "a-z, 0-9 and - between them"), default="default")
    parser.add_argument("--copies", type=number(1, 100), default=1, metavar="N", help="services of each [default: 1]")
    parser.add_argument(
        "--image-prefix", type=like(rf"{PART}(:[0-9]{{1,5}})?(/{PART})*", "a registry such as registry.example/team, without a scheme"),
        metavar="PREFIX", help=f"the images are PREFIX/NAME:TAG [default: {IMAGE_PREFIX}; firecracker has none]",
    )
    parser.add_argument("--tag", type=like(r"\w[\w.-]{0,127}", "the tag of an image"), default="latest")
    parser.add_argument("--memory", type=number(128, 10240), metavar="MB", help="as for a Lambda [default: 1769]")
    parser.add_argument("--timeout", type=number(1, 600), default=60, metavar="SECONDS", help="[default: %(default)s]")
    parser.add_argument("--min-scale", type=number(0, 1000), default=0, metavar="N", help="[default: %(default)s]")
    parser.add_argument("--max-scale", type=number(0, 1000), default=200, metavar="N", help="[default: %(default)s]")
    parser.add_argument("--relay", action="store_true", help="put vSwarm's relay in front")
    parser.add_argument("--out", type=pathlib.Path, metavar="FOLDER", help="write NAME.yaml each instead of printing")
    parser.add_argument("--write", action="store_true", help="write docker/knative/ again")
    parser.add_argument("--check", action="store_true", help="fail if docker/knative/ is out of date")
    args = parser.parse_args(words)
    if unknown := [name for name in args.functions if name not in FUNCTIONS]:
        parser.error(f"function is {unknown[0]}, expected one of: {' '.join(FUNCTIONS)}")
    if args.out is not None and not args.out.is_dir():
        parser.error(f"--out is {args.out}, expected a folder")
    if problem := contradiction(args):
        parser.error(problem)
    args.memory = args.memory or MEMORY_MB_OF_ONE_CPU
    args.image_prefix = args.image_prefix or IMAGE_PREFIX
    args.functions = [name for name in FUNCTIONS if name in (args.functions or FUNCTIONS)]
    return args


def contradiction(args):
    """What is wrong with the flags together; None if nothing is."""
    if args.platform == "firecracker" and args.memory is not None:
        return (
            f"--memory is {args.memory}, expected none with --platform firecracker: "
            f"vHive gives every microVM 1 CPU and {GUEST_MEMORY_MB} MB"
        )
    if args.platform == "firecracker" and args.relay:
        return "--relay does not go with --platform firecracker: vHive's microVM is for one container"
    if args.platform == "firecracker" and args.image_prefix is None:
        return "--image-prefix is missing, expected the registry from which vHive takes the images of its microVMs"
    if args.max_scale and args.max_scale < args.min_scale:
        return f"--max-scale is {args.max_scale}, expected 0 or at least --min-scale, which is {args.min_scale}"
    return None


def number(least, most):
    def parse(text):
        if not re.fullmatch(r"0|[1-9][0-9]{0,5}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"is {text}, expected {least} to {most}")
        return int(text)

    return parse


def one_of(words):
    return like("|".join(words), f"one of: {' '.join(words)}")


def like(pattern, expected):
    def parse(text):
        if not re.fullmatch(pattern, text, re.ASCII):
            raise argparse.ArgumentTypeError(f"is {text}, expected {expected}")
        return text

    return parse


# --- the manifests --------------------------------------------------------------------------------------------


def manifests(args):
    return [service(args, name, copy) for name in args.functions for copy in range(args.copies)]


def service(args, function, copy):
    spec = {
        "containerConcurrency": 1,
        "timeoutSeconds": args.timeout,
        # The functions do not call Kubernetes.
        "automountServiceAccountToken": False,
        "containers": containers(args, function),
    }
    if args.platform == "gvisor":
        spec = {"runtimeClassName": "gvisor", **spec}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            # The name of a service has no underscore.
            "name": f"{function.replace('_', '-')}-{copy}",
            "namespace": args.namespace,
            "labels": {"app.kubernetes.io/managed-by": OWNER, "app.kubernetes.io/name": function},
        },
        "spec": {"template": {"metadata": {"annotations": scaling(args)}, "spec": spec}},
    }


def scaling(args):
    """Annotations are strings, also where they hold numbers."""
    prefix = "autoscaling.knative.dev"
    return {
        f"{prefix}/metric": "concurrency",
        f"{prefix}/target": "1",
        f"{prefix}/min-scale": str(args.min_scale),
        f"{prefix}/max-scale": str(args.max_scale),
        # Every request goes through the activator, which holds it until an instance is free.
        f"{prefix}/target-burst-capacity": "-1",
    }


def containers(args, function):
    image = f"{args.image_prefix}/{function}:{args.tag}"
    if args.platform == "firecracker":
        return [stub(image)]
    # A tag that Knative has resolved is a digest: what the node has under it is right.
    container = {"name": "function", "image": image, "imagePullPolicy": "IfNotPresent"}
    rest = {
        "resources": resources(cpu_millis(args.memory), args.memory),
        "securityContext": security_context(),
    }
    if not args.relay:
        return [{**container, "ports": ports(PORT), **rest}]
    return [relay(function), {**container, "args": [f"--addr=0.0.0.0:{PORT}"], **rest}]


def stub(image):
    """vHive starts GUEST_IMAGE in a microVM and sends the requests for this container there, to GUEST_PORT."""
    return {
        "name": "user-container",
        "image": STUB_IMAGE,
        "ports": ports(PORT),
        "env": [{"name": "GUEST_PORT", "value": str(PORT)}, {"name": "GUEST_IMAGE", "value": image}],
        # They do not limit the guest. They keep Kubernetes from starting more guests on a node than it has room for.
        "resources": resources(GUEST_CPU_MILLIS, GUEST_MEMORY_MB),
    }


def relay(function):
    arguments_of_relay = {
        "addr": f"0.0.0.0:{RELAY_PORT}",
        "function-name": function,
        "function-endpoint-url": "127.0.0.1",
        "function-endpoint-port": PORT,
    }
    return {
        "name": "relay",
        "image": RELAY_IMAGE,
        "ports": ports(RELAY_PORT),
        "args": [f"--{name}={value}" for name, value in arguments_of_relay.items()],
        "securityContext": security_context(),
    }


def ports(number_of_port):
    """Exactly one port in a service. The name says HTTP/2 without TLS, which gRPC needs."""
    return [{"name": "h2c", "containerPort": number_of_port}]


def cpu_millis(memory_mb):
    return memory_mb * 1000 // MEMORY_MB_OF_ONE_CPU


def resources(millis, memory_mb):
    """Requests equal limits: an instance has neither more nor less, whoever else is on the node."""
    # As Kubernetes writes them itself, so that a second apply finds no difference.
    amounts = {"cpu": str(millis // 1000) if millis % 1000 == 0 else f"{millis}m", "memory": f"{memory_mb}Mi"}
    return {"requests": dict(amounts), "limits": dict(amounts)}


def security_context():
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


# --- YAML -----------------------------------------------------------------------------------------------------


def rendered(manifest):
    return "".join(f"{line}\n" for line in yaml_lines(manifest))


def yaml_lines(value, indent=""):
    """The lines of a mapping. Whatever a reader of YAML could take for something else is quoted."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield f"{indent}{key}:"
            yield from yaml_lines(item, indent + "  ")
        elif isinstance(item, list):
            yield f"{indent}{key}:"
            for element in item:
                yield from listed(element, indent + "  ")
        else:
            yield f"{indent}{key}: {scalar(item)}"


def listed(element, indent):
    if isinstance(element, dict):
        first, *others = yaml_lines(element, indent + "  ")
        yield f"{indent}- {first.strip()}"
        yield from others
    else:
        yield f"{indent}- {scalar(element)}"


def scalar(value):
    is_word = isinstance(value, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*(:[A-Za-z0-9_.-]+)?", value)
    return value if is_word and value.lower() not in WORDS_OF_YAML else json.dumps(value)


# --- the committed files --------------------------------------------------------------------------------------


def committed(check):
    """Writes the committed files, or compares them with what would be written."""
    files = {}
    for folder, flags in COMMITTED.items():
        for function in FUNCTIONS:
            [manifest] = manifests(arguments([*flags, function]))
            files[FOLDER / folder / f"{function}.yaml"] = heading(flags) + rendered(manifest)
    differences = [path for path in sorted(FOLDER.rglob("*.yaml")) if path not in files]
    for path, text in files.items():
        if not path.is_file() or path.read_text() != text:
            differences.append(path)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    if check and differences:
        names = ", ".join(str(path.relative_to(ROOT)) for path in differences)
        return f"out of date: {names}; write them again with: scripts/knative_manifests.py --write"
    return None


def heading(flags):
    return f"# Written by scripts/knative_manifests.py --write: {' '.join(flags)}\n"


if __name__ == "__main__":
    sys.exit(main())
