"""Checks a running lambda-local with boto3: check.py ADDRESS.

Functions: `python` (app.py on AWS's Python runtime), `rust` and `streaming` (on AWS's Rust runtime), and `broken` (app.py
with a handler that does not exist).
"""

import base64
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"

client = boto3.client(
    "lambda",
    endpoint_url=f"http://{sys.argv[1]}",
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",
    config=Config(retries={"total_max_attempts": 1}),
)


def invoke(function, event, **options):
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event), **options)
    answer["Payload"] = answer["Payload"].read()
    return answer


def expect(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def refusal(status, code, call=client.invoke, **request):
    try:
        call(**request)
    except ClientError as error:
        expect(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
        expect(error.response["Error"]["Code"], code)
        return error.response
    raise AssertionError(f"{request} was not refused")


def check_answers():
    for function in ("python", "rust"):
        for event in ({}, {"ä": ["ö", 1.5, None, True]}, [1], "text", 7, None):
            answer = invoke(function, event)
            expect(answer["StatusCode"], 200)
            expect(answer["ExecutedVersion"], "$LATEST")
            expect("FunctionError" in answer, False)
            expect(json.loads(answer["Payload"])["event"], event)
    headers = invoke("rust", {})["ResponseMetadata"]["HTTPHeaders"]
    expect(headers["content-type"], "application/json")
    expect(len(headers["x-amzn-requestid"]), 36)
    expect("x-amz-log-result" in headers, False)


def check_context():
    context = json.dumps({"custom": {"k": "ä"}, "env": {}, "client": {}}, ensure_ascii=False, indent=2)
    context = base64.b64encode(context.encode()).decode()
    answer = invoke("python", {"do": "context"}, ClientContext=context)
    seen = json.loads(answer["Payload"])
    expect(seen["request_id"], answer["ResponseMetadata"]["RequestId"])
    expect(seen["arn"], ARN + "python")
    expect(seen["name"], "python")
    expect(seen["memory"], "512")
    expect(seen["log_group"], "/aws/lambda/python")
    expect(seen["custom"], {"k": "ä"})
    assert 0 < seen["remaining_ms"] <= 30_000, seen
    assert seen["trace"].startswith("Root=1-"), seen


def check_function_errors():
    raised = invoke("python", {"do": "raise"})
    expect(raised["StatusCode"], 200)
    expect(raised["FunctionError"], "Unhandled")
    error = json.loads(raised["Payload"])
    expect((error["errorType"], error["errorMessage"]), ("Refused", "as the event asked"))
    assert error["stackTrace"], error
    expect(json.loads(invoke("python", {"do": "unserialisable"})["Payload"])["errorType"], "Runtime.MarshalError")
    exited = json.loads(invoke("python", {"do": "exit"})["Payload"])
    expect(exited["errorType"], "Runtime.ExitError")
    assert exited["errorMessage"].endswith(" Error: Runtime exited with error: exit status 3"), exited
    broken = json.loads(invoke("broken", {})["Payload"])
    expect(broken["errorType"], "Runtime.HandlerNotFound")


def check_log():
    answer = invoke("python", {"do": "print"}, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert f"START RequestId: {request_id} Version: $LATEST\nhandling print\nEND RequestId: {request_id}\n" in log, log


def stream(function, event):
    """The chunks of a streamed response, and its end."""
    answer = client.invoke_with_response_stream(FunctionName=function, Payload=json.dumps(event), LogType="Tail")
    expect((answer["StatusCode"], answer["ExecutedVersion"]), (200, "$LATEST"))
    *chunks, end = answer["EventStream"]
    return [chunk["PayloadChunk"]["Payload"] for chunk in chunks], end["InvokeComplete"]


def check_streaming():
    chunks, end = stream("streaming", {"chunks": 3, "bytes": 100_000, "ms": 1})
    _prelude, written = b"".join(chunks).split(b"\0" * 8)
    expect(written, b"x" * 300_000)
    expect(list(end), ["LogResult"])
    assert b"REPORT RequestId: " in base64.b64decode(end["LogResult"]), end
    chunks, end = stream("python", {"do": "raise"})
    expect((chunks, end["ErrorCode"]), ([], "Unhandled"))
    expect(json.loads(end["ErrorDetails"])["errorType"], "Refused")
    chunks, _end = stream("python", {"n": 1})
    expect((len(chunks), json.loads(chunks[0])["event"]), (1, {"n": 1}))


def check_other_invocation_types():
    accepted = invoke("python", {}, InvocationType="Event")
    expect((accepted["StatusCode"], accepted["Payload"]), (202, b""))
    dry = invoke("python", {}, InvocationType="DryRun")
    expect((dry["StatusCode"], dry["Payload"]), (204, b""))


def check_refusals():
    missing = refusal(404, "ResourceNotFoundException", FunctionName="nobody")
    expect(missing["Message"], f"Function not found: {ARN}nobody:$LATEST")
    expect(missing["Type"], "User")
    refusal(404, "ResourceNotFoundException", FunctionName="python", Qualifier="5")
    refusal(400, "InvalidRequestContentException", FunctionName="python", Payload=b"{")
    refusal(413, "RequestEntityTooLargeException", FunctionName="python", Payload=b" " * 6_291_457)
    large = refusal(
        413, "RequestEntityTooLargeException", FunctionName="python", Payload=b" " * 1_048_577, InvocationType="Event"
    )
    expect(
        large["Error"]["Message"], "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
    )
    refusal(501, "NotEmulatedException", call=client.list_layers)


check_answers()
check_context()
check_function_errors()
check_log()
check_streaming()
check_other_invocation_types()
check_refusals()
print("all checks passed")
