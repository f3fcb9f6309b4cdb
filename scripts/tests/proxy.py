"""Stands between the AWS CLI and moto: simulates what moto lacks, and keeps a list of the calls.

Images are answered for from a real registry. Stacks can be shown as failed, calls can fail.
"""

import contextlib
import http.client
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOTO_REGISTRY = re.compile(rb"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com")
HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}
LAMBDA_ACTIONS = [
    ("GET", r"/2015-03-31/functions/[^/]+", "GetFunction"),
    ("GET", r"/2015-03-31/functions/[^/]+/configuration", "GetFunctionConfiguration"),
    ("POST", r"/2015-03-31/functions/[^/]+/invocations", "Invoke"),
]


class Faults:
    """What is to go wrong in the rest of a test."""

    def __init__(self):
        self.statuses = {}  # stack: statuses to show instead of moto's, one after the other; the last stays
        self.undeletable = None  # a stack of which the deletion is accepted, but not done
        self.events = {}  # resource: why it failed
        self.inactive = False  # whether the functions were put aside
        self.invoke_error = None  # the body of a failing invocation
        self.errors = {}  # action: (HTTP status, code, message)
        self.during = {}  # action: what is done before it is answered


class Proxy:
    def __init__(self, moto_port, registry):
        self.moto_port = moto_port
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.reset(registry)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reset(self, registry):
        self.registry = registry
        self.faults = Faults()
        self.calls = []  # (service, action, body)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # --- what comes in --------------------------------------------------------------------------------------

    def answer(self, method, path, headers, body):
        service, action = _name_call(method, path, headers, body)
        self.calls.append((service, action, body))
        if action in self.faults.during:
            self.faults.during[action]()
        if action in self.faults.errors:
            return _error(service, *self.faults.errors[action])
        play = getattr(self, f"_{service}_{action}", None)
        return play(method, path, headers, body) if play else self.forward(method, path, headers, body)

    def forward(self, method, path, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.moto_port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = MOTO_REGISTRY.sub(self.registry.host.encode(), response.read())
            kept = {key: value for key, value in response.getheaders() if key.lower() not in HOP_BY_HOP}
            # The check sum no longer fits.
            kept.pop("x-amz-crc32", None)
            return response.status, kept, content
        finally:
            connection.close()

    # --- CloudFormation: stacks that failed -----------------------------------------------------------------

    def _cloudformation_DescribeStacks(self, method, path, headers, body):
        status, kept, content = self.forward(method, path, headers, body)
        for name, statuses in self.faults.statuses.items():
            if status == 200 and f"StackName={name}&".encode() in body + b"&":
                shown = statuses.pop(0) if len(statuses) > 1 else statuses[0]
                content = re.sub(rb"<StackStatus>\w+<", f"<StackStatus>{shown}<".encode(), content)
        return status, kept, content

    def _cloudformation_DeleteStack(self, method, path, headers, body):
        if self.faults.undeletable and self.faults.undeletable.encode() in body:
            return 200, {"Content-Type": "text/xml"}, b"<DeleteStackResponse/>"
        return self.forward(method, path, headers, body)

    def _cloudformation_DescribeStackEvents(self, method, path, headers, body):
        status, kept, content = self.forward(method, path, headers, body)
        for name, reason in self.faults.events.items():
            event = (f"<member><LogicalResourceId>{name}</LogicalResourceId><ResourceStatus>CREATE_FAILED</ResourceStatus>"
                     f"<ResourceStatusReason>{reason}</ResourceStatusReason></member>")
            content = content.replace(b"<StackEvents>", b"<StackEvents>" + event.encode(), 1)
        return status, kept, content

    # --- ECR: what was really pushed ------------------------------------------------------------------------

    def _ecr_DescribeImages(self, method, path, headers, body):
        request = json.loads(body)
        name, tag = request["repositoryName"], request["imageIds"][0]["imageTag"]
        if missing := self._missing_repository(headers, name):
            return missing
        manifest = self.registry.manifest(name, tag)
        if manifest is None:
            return _error("ecr", 400, "ImageNotFoundException", f"The image with imageTag:'{tag}' does not exist")
        details = {"imageTags": [tag], "imageDigest": manifest[0], "imageManifestMediaType": manifest[1]}
        return _json({"imageDetails": [details]})

    def _ecr_ListImages(self, method, path, headers, body):
        name = json.loads(body)["repositoryName"]
        images = [{"imageTag": tag, "imageDigest": self.registry.manifest(name, tag)[0]} for tag in self.registry.tags(name)]
        return self._missing_repository(headers, name) or _json({"imageIds": images})

    def _ecr_BatchDeleteImage(self, method, path, headers, body):
        request = json.loads(body)
        for image in request["imageIds"]:
            self.registry.delete(request["repositoryName"], image["imageDigest"])
        return _json({"imageIds": request["imageIds"], "failures": []})

    def _missing_repository(self, headers, name):
        """The error that moto answers if it has no such repository."""
        body = json.dumps({"repositoryNames": [name]}).encode()
        target = headers["X-Amz-Target"].partition(".")[0] + ".DescribeRepositories"
        answer = self.forward("POST", "/", {**headers, "X-Amz-Target": target, "Content-Length": str(len(body))}, body)
        return None if answer[0] == 200 else answer

    # --- Lambda: functions that do not answer ---------------------------------------------------------------

    def _lambda_Invoke(self, method, path, headers, body):
        if self.faults.inactive:
            self.faults.inactive = False
            message = "Lambda is initializing your function. It will be ready to invoke shortly."
            return _error("lambda", 409, "CodeArtifactUserPendingException", message)
        if self.faults.invoke_error is not None:
            return 200, {"X-Amz-Function-Error": "Unhandled"}, self.faults.invoke_error.encode()
        return self.forward(method, path, headers, body)


def _name_call(method, path, headers, body):
    credential = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("Authorization", ""))
    service = credential.group(1) if credential else "none"
    if "X-Amz-Target" in headers:
        return service, headers["X-Amz-Target"].partition(".")[2]
    if service == "lambda":
        path = path.partition("?")[0]
        fits = [name for verb, form, name in LAMBDA_ACTIONS if verb == method and re.fullmatch(form, path)]
        return service, fits[0] if fits else f"{method} {path}"
    action = re.search(rb"(?:^|&)Action=([A-Za-z]+)", body)
    return service, action.group(1).decode() if action else f"{method} {path}"


def _json(document, status=200):
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(document).encode()


def _error(service, status, code, message):
    if service in ("iam", "sts", "cloudformation"):
        xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        return status, {"Content-Type": "text/xml"}, xml.encode()
    status, headers, content = _json({"__type": code, "message": message}, status)
    return status, {**headers, "x-amzn-errortype": code}, content


def _handler(proxy):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = proxy.answer(self.command, self.path, dict(self.headers), body)
            # A CLI that was interrupted does not read its answer.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._send(*answer)

        def _send(self, status, headers, content):
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if status != 204:
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, *_):
            """Says nothing: the calls are kept."""

    return Handler
