"""An AWS account on this machine: moto's server, Debian's docker-registry, and the proxy that joins them."""

import atexit
import base64
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from aws_cli import AwsCli
from proxy import Proxy

ACCOUNT = "123456789012"
REGION = "eu-central-1"
# What moto gives out as ECR's password, and its bcrypt hash.
PASSWORD = f"{ACCOUNT}-auth-token"
HTPASSWD = "AWS:$2b$05$abcdefghijklmnopqrstuu/4ofrUS75HrKu6f.iuRo0I/XlrmpqlC\n"
MANIFESTS = ", ".join(
    f"application/vnd.{form}+json"
    for form in (
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "oci.image.index.v1",
    )
)


class Cloud:
    _shared = None

    @classmethod
    def shared(cls):
        """One for all tests, because starting it takes seconds; it ends with the program."""
        if cls._shared is None:
            cls._shared = cls()
            atexit.register(cls._shared.close)
        return cls._shared

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="deploy-tests-"))
        self._parts = []
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        moto_port = free_port()
        log = open(self.folder / "moto.log", "wb")
        command = [sys.executable, "-B", pathlib.Path(__file__).with_name("account.py"), str(moto_port)]
        moto = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
        )
        log.close()
        self._parts.append(lambda: stop(moto))
        self.moto_url = f"http://127.0.0.1:{moto_port}"
        wait_for(f"{self.moto_url}/moto-api/", moto)
        self.registry = self.start_registry("registry")
        self.proxy = Proxy(moto_port, self.registry)
        self._parts.append(self.proxy.close)
        if "DEPLOY_TEST_DEBIAN_CLI" in os.environ:
            self.cli = DebianCli(self.folder / "cli")
        else:
            self.cli = AwsCli(self.folder / "cli")
            self._parts.append(self.cli.close)

    def start_registry(self, name, read_only=False):
        registry = Registry(self.folder / name, read_only)
        self._parts.append(registry.close)
        return registry

    def reset(self):
        """An empty account. The registry keeps what it has: every test builds images of its own."""
        self.proxy.reset(self.registry)
        post(f"{self.moto_url}/moto-api/reset", b"")
        post(f"{self.moto_url}/moto-api/config", json.dumps({"lambda": {"use_docker": False}}).encode())

    def environment(self):
        """What a user has who is signed in: no more of the caller's environment than programs need."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "DEPLOY_"))}
        docker_config = self.folder / "docker"
        docker_config.mkdir(exist_ok=True)
        return {
            **kept,
            "PATH": f"{self.cli.folder}:{os.environ['PATH']}",
            "DOCKER_CONFIG": str(docker_config),
            "AWS_ENDPOINT_URL": self.proxy.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_CONFIG_FILE": str(self.folder / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, command, environment):
        """Runs a command of the AWS CLI that a script printed."""
        subprocess.run(["bash", "-c", command], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=60)

    def close(self):
        for part in reversed(self._parts):
            part()
        shutil.rmtree(self.folder, ignore_errors=True)


class DebianCli:
    """Debian's awscli, version 2: a process for every call, as it cannot be forked. It is from before AWS_ENDPOINT_URL."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        (folder / "aws").write_text('#!/bin/sh\nexec /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"\n')
        (folder / "aws").chmod(0o755)


class Registry:
    def __init__(self, folder, read_only):
        folder.mkdir()
        port = free_port()
        self.host = f"127.0.0.1:{port}"
        (folder / "htpasswd").write_text(HTPASSWD)
        configuration = {
            "version": 0.1,
            "storage": {
                "filesystem": {"rootdirectory": str(folder / "data")},
                "delete": {"enabled": True},
                "maintenance": {"readonly": {"enabled": read_only}},
            },
            "http": {"addr": self.host},
            "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
        }
        # JSON is YAML.
        (folder / "config.yml").write_text(json.dumps(configuration))
        self._log = folder / "log"
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
            )
        try:
            wait_for(f"http://{self.host}/", self._process)
        except BaseException:
            stop(self._process)
            raise

    def manifest(self, name, reference):
        """The digest and the media type of a manifest, or None."""
        try:
            with self._request("HEAD", f"{name}/manifests/{reference}") as response:
                return response.headers["Docker-Content-Digest"], response.headers["Content-Type"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def tags(self, name):
        try:
            with self._request("GET", f"{name}/tags/list") as response:
                tags = json.load(response)["tags"] or []
        except urllib.error.HTTPError:
            return []
        # The list may still hold tags of which the manifest is gone.
        return [tag for tag in tags if self.manifest(name, tag)]

    def delete(self, name, digest):
        self._request("DELETE", f"{name}/manifests/{digest}").close()

    def pushes(self):
        """How many manifests were put here."""
        return len(re.findall(r'"PUT /v2/\S+/manifests/\S+ HTTP/1.1" 201', self._log.read_text()))

    def _request(self, method, path):
        request = urllib.request.Request(f"http://{self.host}/v2/{path}", method=method)
        request.add_header("Accept", MANIFESTS)
        request.add_header("Authorization", "Basic " + base64.b64encode(f"AWS:{PASSWORD}".encode()).decode())
        return urllib.request.urlopen(request, timeout=30)

    def close(self):
        stop(self._process)
        remove_images(self.host)


def remove_images(host):
    images = subprocess.run(
        ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={host}/*"],
        capture_output=True, text=True, check=True,
    ).stdout.split()
    if images:
        subprocess.run(["docker", "image", "rm", *images], stdout=subprocess.DEVNULL, check=True)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(url, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not come up")


def stop(process):
    process.terminate()
    process.wait(timeout=30)


def post(url, body):
    urllib.request.urlopen(urllib.request.Request(url, data=body, method="POST"), timeout=60).close()
