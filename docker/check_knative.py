#!/usr/bin/env python3
"""Runs the functions' images as their manifests for Knative say, and does to them what Knative does.

    docker/check_knative.py [LABEL]      needs the images chameleon and cnn_serving, Docker, and curl with HTTP/2

Each container gets the user, the limits, the arguments and the variables of its manifest. Its port is probed until it is
open. The first call comes at once after that, and has to succeed. Then the container gets SIGTERM, and has to end with 0.
The containers have the label LABEL while they run; the check removes them.
"""

import contextlib
import json
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
sys.dont_write_bytecode = True

import knative_manifests  # noqa: E402

# How often Knative probes a port.
PROBE_SECONDS = 0.05
START_SECONDS = 60
EVENTS = {"chameleon": '{"num_of_rows":10,"num_of_cols":15}', "cnn_serving": '{"input_file_seq":0}'}
# What vHive's kernels are without.
NO_IPV6 = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=1"]


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        return print(__doc__)
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    label = sys.argv[1] if len(sys.argv) == 2 else "serverless.test"
    for function in EVENTS:
        for name, options, arguments, port in variants(function):
            with container(label, function, options, arguments) as identifier:
                check(f"{function}, {name}", function, identifier, port)
    return None


def variants(function):
    """Name, options of Docker, arguments of the function, and port, of each way in which it is started."""
    own = containers(function)[0]
    port = own["ports"][0]["containerPort"]
    yield "Knative", [*limits(own), *variables(port)], [], port
    # Another port than the default, as a cluster may choose.
    yield "Knative with another port", [*limits(own), *variables(8080)], [], 8080
    behind = containers(function, "--relay")[1]
    yield "behind a relay", limits(behind), behind["args"], port
    stub = containers(function, "--platform", "firecracker", "--image-prefix", "registry.example")[0]
    given = [f"{one['name']}={one['value']}" for one in stub["env"]]
    yield "guest of vHive", [*NO_IPV6, *variables(port, *given)], [], port


def containers(function, *flags):
    [manifest] = knative_manifests.manifests(knative_manifests.arguments([function, *flags]))
    return manifest["spec"]["template"]["spec"]["containers"]


def limits(manifest):
    """The options of Docker for the security context and the resources of a container."""
    security, amounts = manifest["securityContext"], manifest["resources"]["limits"]
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    return [
        "--read-only", "--security-opt=no-new-privileges", f"--user={security['runAsUser']}",
        *(f"--cap-drop={name}" for name in security["capabilities"]["drop"]),
        f"--memory={amounts['memory'].removesuffix('i')}", f"--cpus={amounts['cpu']}",
    ]


def variables(port, *others):
    names = ("K_SERVICE", "K_REVISION", "K_CONFIGURATION")
    return [f"--env={one}" for one in (f"PORT={port}", *(f"{name}=test" for name in names), *others)]


@contextlib.contextmanager
def container(label, image, options, arguments):
    identifier = docker("run", "--detach", f"--label={label}", *options, image, *arguments)
    try:
        yield identifier
    finally:
        docker("rm", "--force", identifier)


def check(name, function, identifier, port):
    address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", identifier)
    started = time.monotonic()
    while not is_open(address, port):
        state = docker("inspect", "--format", "{{.State.Status}}", identifier)
        if state != "running" or time.monotonic() > started + START_SECONDS:
            sys.exit(f"{name}: the port {port} is not open, the container is {state}: {logs(identifier)}")
        time.sleep(PROBE_SECONDS)
    answer = json.loads(json.loads(call(name, f"{address}:{port}", EVENTS[function])))
    if "latency" not in answer:
        sys.exit(f"{name}: the answer is {answer}; expected one with a latency")
    docker("stop", "--time=30", identifier)
    code = docker("inspect", "--format", "{{.State.ExitCode}}", identifier)
    if code != "0":
        sys.exit(f"{name}: after SIGTERM, the exit code is {code}; expected 0: {logs(identifier)}")
    print(f"    {name}: answers, and ends with 0")


def is_open(address, port):
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False


def call(name, address, event):
    """The message that helloworld.Greeter/SayHello answers to an event."""
    request = field(event.encode())
    command = [
        "curl", "--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "30", "--dump-header", "/dev/stderr",
        "--header", "content-type: application/grpc", "--header", "te: trailers", "--data-binary", "@-",
        f"http://{address}/helloworld.Greeter/SayHello",
    ]
    done = subprocess.run(command, input=frame(request), capture_output=True, timeout=60)
    headers = done.stderr.decode()
    if done.returncode or "grpc-status: 0" not in headers:
        sys.exit(f"{name}: the call failed, curl's exit code is {done.returncode}: {headers}")
    return message(done.stdout)


def frame(content):
    """A message of gRPC: not compressed, then its length."""
    return b"\0" + len(content).to_bytes(4, "big") + content


def field(content):
    """Field 1 of a message, a string of less than 128 bytes."""
    assert len(content) < 128
    return bytes([0x0A, len(content)]) + content


def message(answer):
    """Field 1 of the only message."""
    length, position, shift = 0, 6, 0
    while True:
        length |= (answer[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if answer[position - 1] < 0x80:
            return answer[position:position + length].decode()


def docker(*arguments):
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"docker {' '.join(arguments)}: {done.stderr}")
    return done.stdout.strip()


def logs(identifier):
    done = subprocess.run(["docker", "logs", identifier], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()[-2000:]


if __name__ == "__main__":
    main()
