"""Stands between the AWS CLI and moto: plays what moto lacks, and keeps a list of the calls.

Images are answered for from a real registry. Functions can be Pending, roles can be too new, calls can fail.
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
    ("POST", r"/2015-03-31/functions/?", "CreateFunction"),
    ("GET", r"/2015-03-31/functions/?", "ListFunctions"),
    ("GET", r"/2015-03-31/functions/[^/]+", "GetFunction"),
    ("DELETE", r"/2015-03-31/functions/[^/]+", "DeleteFunction"),
    ("GET", r"/2015-03-31/functions/[^/]+/configuration", "GetFunctionConfiguration"),
    ("PUT", r"/2015-03-31/functions/[^/]+/configuration", "UpdateFunctionConfiguration"),
    ("PUT", r"/2015-03-31/functions/[^/]+/code", "UpdateFunctionCode"),
    ("POST", r"/2015-03-31/functions/[^/]+/invocations", "Invoke"),
    ("GET", r"/2017-03-31/tags/.+", "ListTags"),
]


class Faults:
    """What is to go wrong, or to take its time, in the rest of a test."""

    def __init__(self):
        self.role_refusals = []  # how functions are refused because of their role, one after the other
        self.pending_polls = 0  # so often is a function that was created seen Pending
        self.unseen_polls = 0  # so often is what was just made not shown
        self.in_progress_polls = 0  # so often is an update seen InProgress
        self.state = {}  # fields of a function's configuration that differ from moto's
        self.hidden_tags = False  # as for somebody who may not read a function's tags
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
        self.busy = {}  # field: how often it is still to be seen so

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

    # --- ECR: what was really pushed, a little late ---------------------------------------------------------

    def _ecr_CreateRepository(self, method, path, headers, body):
        self.busy["unseen"] = self.faults.unseen_polls
        return self.forward(method, path, headers, body)

    def _ecr_DescribeRepositories(self, method, path, headers, body):
        if self._is_busy("unseen"):
            self.busy["unseen"] -= 1
            return _error("ecr", 400, "RepositoryNotFoundException", "The repository does not exist")
        return self.forward(method, path, headers, body)

    def _ecr_DescribeImages(self, method, path, headers, body):
        request = json.loads(body)
        name, tag = request["repositoryName"], request["imageIds"][0]["imageTag"]
        known = json.dumps({"repositoryNames": [name]}).encode()
        headers = {**headers, "X-Amz-Target": headers["X-Amz-Target"].replace("DescribeImages", "DescribeRepositories")}
        status, kept, content = self.forward(method, path, {**headers, "Content-Length": str(len(known))}, known)
        if status != 200:
            return status, kept, content
        manifest = self.registry.manifest(name, tag)
        if manifest is None:
            return _error("ecr", 400, "ImageNotFoundException", f"The image with imageTag:'{tag}' does not exist")
        details = {"imageTags": [tag], "imageDigest": manifest[0], "imageManifestMediaType": manifest[1]}
        return _json({"imageDetails": [details]})

    def _ecr_DeleteRepository(self, method, path, headers, body):
        result = self.forward(method, path, headers, body)
        if result[0] == 200:
            self.registry.delete_all(json.loads(body)["repositoryName"])
        return result

    # --- Lambda: takes its time, and checks what moto does not ----------------------------------------------

    def _lambda_CreateFunction(self, method, path, headers, body):
        request = json.loads(body)
        problem = self._role_problem() or self._image_problem(request["Code"]["ImageUri"])
        if problem:
            return problem
        result = self.forward(method, path, headers, body)
        self.busy = {"State": self.faults.pending_polls}
        return result

    def _lambda_UpdateFunctionCode(self, method, path, headers, body):
        problem = self._conflict() or self._image_problem(json.loads(body)["ImageUri"])
        return problem or self._update(method, path, headers, body)

    def _lambda_UpdateFunctionConfiguration(self, method, path, headers, body):
        problem = self._conflict() or self._role_problem()
        return problem or self._update(method, path, headers, body)

    def _update(self, method, path, headers, body):
        result = self.forward(method, path, headers, body)
        self.faults.state.pop("LastUpdateStatus", None)
        self.busy = {"LastUpdateStatus": self.faults.in_progress_polls}
        return result

    def _lambda_GetFunction(self, method, path, headers, body):
        status, kept, content = self.forward(method, path, headers, body)
        if status != 200:
            return status, kept, content
        document = json.loads(content)
        document["Configuration"].update(self._state())
        if self.faults.hidden_tags:
            document.pop("Tags", None)
        return status, kept, json.dumps(document).encode()

    def _lambda_GetFunctionConfiguration(self, method, path, headers, body):
        status, kept, content = self.forward(method, path, headers, body)
        if status != 200:
            return status, kept, content
        return status, kept, json.dumps({**json.loads(content), **self._state()}).encode()

    def _lambda_Invoke(self, method, path, headers, body):
        if self.faults.state.get("State") == "Inactive":
            del self.faults.state["State"]
            self.busy = {"State": 2}
            message = "Lambda is initializing your function. It will be ready to invoke shortly."
            return _error("lambda", 409, "CodeArtifactUserPendingException", message)
        if self._is_busy("State"):
            return _error("lambda", 409, "ResourceConflictException", "The function is currently in: Pending")
        if self.faults.invoke_error is not None:
            return 200, {"X-Amz-Function-Error": "Unhandled"}, self.faults.invoke_error.encode()
        return self.forward(method, path, headers, body)

    def _state(self):
        """Fields to show; each look brings a function nearer to being ready."""
        state = dict(self.faults.state)
        for field, value in (("State", "Pending"), ("LastUpdateStatus", "InProgress")):
            if self._is_busy(field):
                self.busy[field] -= 1
                state[field] = value
        return state

    def _is_busy(self, field):
        return self.busy.get(field, 0) > 0

    def _conflict(self):
        if self._is_busy("State") or self._is_busy("LastUpdateStatus"):
            return _error("lambda", 409, "ResourceConflictException", "An update is in progress for the function")
        return None

    def _role_problem(self):
        if not self.faults.role_refusals:
            return None
        return _error("lambda", 400, "InvalidParameterValueException", self.faults.role_refusals.pop(0))

    def _image_problem(self, uri):
        name, _, digest = uri.removeprefix(self.registry.host + "/").partition("@")
        if digest and self.registry.manifest(name, digest):
            return None
        return _error("lambda", 400, "InvalidParameterValueException", f"Source image {uri} does not exist.")


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
    if service in ("iam", "sts"):
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
