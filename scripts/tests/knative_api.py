"""A stand-in for the API server of a cluster with Knative, for a real kubectl.

It keeps services in memory, refuses manifests that are not valid, fills in defaults as Knative's webhook does, and counts
generations. Its controller is in the tests: they say what becomes of each service.
"""

import collections
import copy
import http.server
import json
import re
import threading

from manifests import problems

GROUP = "serving.knative.dev"
READY, BROKEN, SLOW = "ready", "broken", "slow"


class Cluster:
    """The services of all namespaces, and a server for them on a free port."""

    def __init__(self):
        self.services = {}
        # What becomes of services, by name.
        self.fates = collections.defaultdict(lambda: READY)
        self.scheme = "http"
        # For how many reads after a change the status is that of the generation before.
        self.lag = 0
        # The methods and names of requests that change something.
        self.changes = []
        self.lock = threading.Lock()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def write_kubeconfig(self, path):
        address = f"http://127.0.0.1:{self.server.server_address[1]}"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": address}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "users": [{"name": "test", "user": {}}],
        }))

    def names(self, namespace="default"):
        return sorted(name for place, name in self.services if place == namespace)

    # --- what the API does ----------------------------------------------------------------------------------

    def get(self, key):
        service = self.services.get(key)
        if service:
            self.reconcile(service)
        return service

    def list(self, namespace):
        return [self.get(key) for key in sorted(self.services) if key[0] == namespace]

    def put(self, key, service):
        """Creates or changes a service. Returns what is wrong with it; None if nothing is."""
        if found := problems(as_sent(service)):
            return "; ".join(found)
        for container in service["spec"]["template"]["spec"]["containers"]:
            if "ports" in container:
                container.setdefault("readinessProbe", {"successThreshold": 1, "tcpSocket": {"port": 0}})
        before = self.services.get(key)
        changed = before is None or before["spec"] != service["spec"]
        generation = before["metadata"]["generation"] if before else 0
        service["metadata"].update(generation=generation + changed, uid="-".join(key))
        service["status"] = before["status"] if before else {}
        service["lag"] = self.lag if changed else 0
        self.services[key] = service
        return None

    def delete(self, key):
        return self.services.pop(key, None)

    def reconcile(self, service):
        if service["lag"]:
            service["lag"] -= 1
            return
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        fate = self.fates[name]
        condition = {
            READY: {"type": "Ready", "status": "True"},
            SLOW: {"type": "Ready", "status": "Unknown", "reason": "Deploying", "message": "still at it"},
            BROKEN: {"type": "Ready", "status": "False", "reason": "RevisionFailed", "message": "no such\nimage"},
        }[fate]
        service["status"] = {"observedGeneration": service["metadata"]["generation"], "conditions": [condition]}
        if fate == READY:
            service["status"]["url"] = f"{self.scheme}://{name}.{namespace}.192.168.1.240.sslip.io"


def as_sent(service):
    """Without what kubectl and the server add."""
    kept = {key: value for key, value in service.items() if key not in ("status", "lag")}
    added = ("generation", "uid", "resourceVersion", "creationTimestamp")
    kept["metadata"] = {key: value for key, value in service["metadata"].items() if key not in added}
    return kept


def merged(target, patch):
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {
        "kind": "APIGroupList", "apiVersion": "v1",
        "groups": [{
            "name": GROUP, "versions": [{"groupVersion": f"{GROUP}/v1", "version": "v1"}],
            "preferredVersion": {"groupVersion": f"{GROUP}/v1", "version": "v1"},
        }],
    },
    f"/apis/{GROUP}/v1": {
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/v1",
        "resources": [{
            "name": "services", "singularName": "service", "namespaced": True, "kind": "Service", "shortNames": ["ksvc"],
            "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }],
    },
    "/openapi/v3": {"paths": {}},
}


def handler(cluster):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = self.path.partition("?")[0]
            if path in DISCOVERY:
                return self.answer(200, DISCOVERY[path])
            if path == "/openapi/v2":
                # An empty document in protobuf: kubectl then leaves validation to the server.
                return self.answer(200, None)
            with cluster.lock:
                namespace, name = self.place()
                if name:
                    return self.answer_service(cluster.get((namespace, name)))
                items = [visible(service) for service in cluster.list(namespace)]
                return self.answer(200, {"kind": "ServiceList", "apiVersion": f"{GROUP}/v1", "metadata": {}, "items": items})

        def do_POST(self):
            service = self.body()
            self.change((self.place()[0], service["metadata"]["name"]), service, 201)

        def do_PATCH(self):
            key, patch = self.place(), self.body()
            with cluster.lock:
                before = copy.deepcopy(cluster.services[key])
            self.change(key, merged(before, patch), 200)

        def do_DELETE(self):
            self.body()
            with cluster.lock:
                cluster.changes.append(("DELETE", self.place()[1]))
                self.answer_service(cluster.delete(self.place()))

        def change(self, key, service, code):
            with cluster.lock:
                cluster.changes.append((self.command, key[1]))
                if problem := cluster.put(key, service):
                    return self.fail(422, "Invalid", problem)
                return self.answer(code, visible(service))

        def place(self):
            found = re.match(rf"/apis/{GROUP}/v1/namespaces/([^/?]+)/services(?:/([^/?]+))?", self.path)
            return found.groups() if found else (None, None)

        def body(self):
            return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")

        def answer_service(self, service):
            if service is None:
                return self.fail(404, "NotFound", "not found")
            return self.answer(200, visible(service))

        def fail(self, code, reason, message):
            self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                               "message": message})

        def answer(self, code, content):
            data = b"" if content is None else json.dumps(content).encode()
            self.send_response(code)
            kind = "com.github.proto-openapi.spec.v2.v1.0+protobuf" if content is None else "json"
            self.send_header("Content-Type", f"application/{kind}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    return Handler


def visible(service):
    return {key: value for key, value in service.items() if key != "lag"}
