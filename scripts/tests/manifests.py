"""Whether a manifest is one that Knative would take."""

import json
import pathlib

import jsonschema
import kubernetes_validate

KUBERNETES = "1.37"
SCHEMA = json.loads(pathlib.Path(__file__).with_name("knative_schema.json").read_text())
# What is in the template of a revision, but not in a pod.
OF_KNATIVE = ["containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds", "idleTimeoutSeconds"]


def problems(manifest):
    """What is wrong with a service; nothing if Knative and Kubernetes would both take it."""
    found = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(manifest)
    ]
    template = manifest.get("spec", {}).get("template", {})
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": template.get("metadata", {}), "spec": pod_spec(template)}
    try:
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        found.append(f"template.{'.'.join(map(str, error.path))}: {error.message}")
    return found


def pod_spec(template):
    return {key: value for key, value in template.get("spec", {}).items() if key not in OF_KNATIVE}
