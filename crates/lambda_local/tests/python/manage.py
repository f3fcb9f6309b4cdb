"""Checks with boto3 how a running lambda-local manages functions: manage.py ADDRESS PROGRAM.

Functions: `one` (PROGRAM with the arguments `--flag app.handler`) and `two` (PROGRAM, 1769 MB, 3 s, WHO=two), of an
account with a concurrency of 1000.
"""

import base64
import hashlib
import json
import sys
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ADDRESS, PROGRAM = sys.argv[1:]
ARN = "arn:aws:lambda:us-east-1:123456789012:function:"

client = boto3.client(
    "lambda",
    endpoint_url=f"http://{ADDRESS}",
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",
    config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
)


def expect(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def refusal(status, code, message, call, **request):
    try:
        call(**request)
    except ClientError as error:
        expect(error.response["ResponseMetadata"]["HTTPStatusCode"], status)
        expect(error.response["Error"], {"Code": code, "Message": message})
        return
    raise AssertionError(f"{call} {request} was not refused")


def invoke(function, event):
    answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
    expect("FunctionError" in answer, False)
    return json.loads(answer["Payload"].read())


def environment(function):
    """The variables that the function has."""
    return invoke(function, {"do": "describe"})["environment"]


def check_configurations():
    sha256 = hashlib.sha256(open(PROGRAM, "rb").read())
    two = client.get_function_configuration(FunctionName="two")
    expect(two["ResponseMetadata"]["HTTPStatusCode"], 200)
    expect(len(two["ResponseMetadata"]["RequestId"]), 36)
    expected = {
        "FunctionName": "two", "FunctionArn": ARN + "two", "MemorySize": 1769, "Timeout": 3, "Version": "$LATEST",
        "Environment": {"Variables": {"WHO": "two"}}, "State": "Active", "LastUpdateStatus": "Successful",
        "PackageType": "Zip", "Handler": PROGRAM.rpartition("/")[2], "Description": "",
        "CodeSha256": base64.b64encode(sha256.digest()).decode(),
    }
    expect({key: two[key] for key in expected}, expected)
    time.strptime(two["LastModified"], "%Y-%m-%dT%H:%M:%S.%f+0000")
    one = client.get_function(FunctionName=ARN + "one")
    expect(one["Code"], {"RepositoryType": "File", "Location": f"file://{PROGRAM}"})
    configuration = one["Configuration"]
    expect((configuration["Handler"], configuration["MemorySize"], configuration["Timeout"]), ("app.handler", 512, 30))
    expect("Concurrency" in one, False)
    expect(client.get_function(FunctionName="one", Qualifier="$LATEST")["Configuration"]["FunctionArn"], ARN + "one:$LATEST")
    # What AWS's clients do not show.
    with urllib.request.urlopen(f"http://{ADDRESS}/2015-03-31/functions/one/configuration") as answer:
        own = json.load(answer)["LambdaLocal"]
    expect((own["Kind"], own["Program"], own["Arguments"]), ("process", PROGRAM, ["--flag", "app.handler"]))
    expect(own["Sha256"], sha256.hexdigest())


def check_lists():
    listed = client.list_functions()["Functions"]
    expect([function["FunctionName"] for function in listed], ["one", "two"])
    # As on Lambda, a list does not tell the state.
    expect("State" in listed[0], False)
    first = client.list_functions(MaxItems=1)
    expect((first["NextMarker"], len(first["Functions"])), ("two", 1))
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
    expect([[function["FunctionName"] for function in page["Functions"]] for page in pages], [["one"], ["two"]])
    versions = client.list_functions(FunctionVersion="ALL")["Functions"]
    expect(versions[0]["FunctionArn"], ARN + "one:$LATEST")


def check_waiters():
    for waiter in ("function_active", "function_active_v2", "function_exists", "function_updated", "function_updated_v2"):
        client.get_waiter(waiter).wait(FunctionName="one", WaiterConfig={"MaxAttempts": 1})


def check_updates():
    before = invoke("one", {})["pid"]
    expect(environment("one").get("NEW"), None)
    revision = client.get_function_configuration(FunctionName="one")["RevisionId"]
    updated = client.update_function_configuration(
        FunctionName="one", MemorySize=256, Timeout=2, Description="changed", RevisionId=revision,
        Environment={"Variables": {"NEW": "1"}},
    )
    expect((updated["MemorySize"], updated["Timeout"], updated["Description"]), (256, 2, "changed"))
    expect(updated["Environment"], {"Variables": {"NEW": "1"}})
    assert updated["RevisionId"] != revision
    # The environment that was idle is not used any more.
    assert invoke("one", {})["pid"] != before
    after = environment("one")
    expect((after["NEW"], after["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]), ("1", "256"))
    late = client.invoke(FunctionName="one", Payload=json.dumps({"do": "sleep", "ms": 2500}))
    expect(json.loads(late["Payload"].read())["errorType"], "Sandbox.Timedout")
    # What is not named stays.
    updated = client.update_function_configuration(FunctionName="one", Timeout=30)
    expect((updated["MemorySize"], updated["Timeout"], updated["Description"]), (256, 30, "changed"))
    stays = environment("one")
    expect((stays["NEW"], stays["AWS_ACCESS_KEY_ID"]), ("1", "of-lambda-local"))
    expect(client.get_function_configuration(FunctionName="one")["Environment"], {"Variables": {"NEW": "1"}})
    expect(client.get_function_configuration(FunctionName="two")["MemorySize"], 1769)
    update = client.update_function_configuration
    refusal(
        412, "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
        "the latest Revision Id",
        update, FunctionName="one", RevisionId=revision, Timeout=1,
    )
    refusal(
        400, "ValidationException",
        "1 validation error detected: Value '64' at 'memorySize' failed to satisfy constraint: Member must have value "
        "greater than or equal to 128",
        update, FunctionName="one", MemorySize=64,
    )
    refusal(
        413, "RequestEntityTooLargeException",
        "Request must be smaller than 5120 bytes for the UpdateFunctionConfiguration operation",
        update, FunctionName="one", Environment={"Variables": {"LARGE": "x" * 6000}},
    )
    refusal(
        501, "NotEmulatedException", "lambda-local does not emulate Role of UpdateFunctionConfiguration",
        update, FunctionName="one", Role="arn:aws:iam::123456789012:role/other",
    )
    expect(client.get_function_configuration(FunctionName="one")["Timeout"], 30)


def check_reserved_concurrency():
    limit = client.get_account_settings()["AccountLimit"]
    expect((limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]), (1000, 1000))
    expect(client.get_account_settings()["AccountUsage"]["FunctionCount"], 2)
    reserve, reserved = client.put_function_concurrency, client.get_function_concurrency
    expect("ReservedConcurrentExecutions" in reserved(FunctionName="one"), False)
    expect(reserve(FunctionName="one", ReservedConcurrentExecutions=0)["ReservedConcurrentExecutions"], 0)
    try:
        client.invoke(FunctionName="one", Payload="{}")
        raise AssertionError("it was served")
    except ClientError as error:
        expect(error.response["Error"]["Code"], "TooManyRequestsException")
        expect(error.response["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
    environment("two")
    expect(reserve(FunctionName="one", ReservedConcurrentExecutions=5)["ReservedConcurrentExecutions"], 5)
    expect(reserved(FunctionName="one")["ReservedConcurrentExecutions"], 5)
    expect(client.get_function(FunctionName="one")["Concurrency"], {"ReservedConcurrentExecutions": 5})
    expect(client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"], 995)
    environment("one")
    refusal(
        400, "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
        "minimum value of [100].",
        reserve, FunctionName="two", ReservedConcurrentExecutions=900,
    )
    refusal(
        400, "InvalidParameterValueException",
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please "
        "specify either a function name or an unqualified function ARN.",
        reserve, FunctionName=ARN + "one:$LATEST", ReservedConcurrentExecutions=0,
    )
    refusal(
        404, "ResourceNotFoundException", f"Function not found: {ARN}nobody:$LATEST",
        reserve, FunctionName="nobody", ReservedConcurrentExecutions=1,
    )
    expect(client.delete_function_concurrency(FunctionName="one")["ResponseMetadata"]["HTTPStatusCode"], 204)
    expect("ReservedConcurrentExecutions" in reserved(FunctionName="one"), False)


def log_of(function):
    answer = client.invoke(FunctionName=function, Payload=json.dumps({"do": "sleep", "ms": 300}), LogType="Tail")
    expect("FunctionError" in answer, False)
    return base64.b64decode(answer["LogResult"]).decode()


def check_provisioned_concurrency():
    latest = {"FunctionName": "two", "Qualifier": "$LATEST"}
    get, put = client.get_provisioned_concurrency_config, client.put_provisioned_concurrency_config
    none = "No Provisioned Concurrency Config found for this function"
    refusal(404, "ProvisionedConcurrencyConfigNotFoundException", none, get, **latest)
    answer = put(**latest, ProvisionedConcurrentExecutions=2)
    expect(answer["ResponseMetadata"]["HTTPStatusCode"], 202)
    expect(answer["RequestedProvisionedConcurrentExecutions"], 2)
    deadline = time.monotonic() + 20
    while (state := get(**latest))["Status"] != "READY":
        assert time.monotonic() < deadline, state
        time.sleep(0.01)
    expect((state["AvailableProvisionedConcurrentExecutions"], state["AllocatedProvisionedConcurrentExecutions"]), (2, 2))
    listed = client.list_provisioned_concurrency_configs(FunctionName="two")["ProvisionedConcurrencyConfigs"]
    expect([(config["FunctionArn"], config["Status"]) for config in listed], [(ARN + "two:$LATEST", "READY")])
    log = log_of("two")
    assert "Init Duration" not in log and "REPORT RequestId" in log, log
    expect(environment("two")["AWS_LAMBDA_INITIALIZATION_TYPE"], "provisioned-concurrency")
    expect(client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"], 998)
    refusal(
        400, "InvalidParameterValueException",
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].",
        client.put_function_concurrency, FunctionName="two", ReservedConcurrentExecutions=1,
    )
    refusal(
        400, "ValidationException",
        "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: Member "
        "must have value greater than or equal to 1",
        put, **latest, ProvisionedConcurrentExecutions=0,
    )
    for qualifier, message in (("10", f"Function not found: {ARN}two:10"), ("live", f"Cannot find alias arn: {ARN}two:live")):
        refusal(404, "ResourceNotFoundException", message, get, FunctionName="two", Qualifier=qualifier)
    expect(client.delete_provisioned_concurrency_config(**latest)["ResponseMetadata"]["HTTPStatusCode"], 204)
    expect(client.delete_provisioned_concurrency_config(**latest)["ResponseMetadata"]["HTTPStatusCode"], 204)
    refusal(404, "ProvisionedConcurrencyConfigNotFoundException", none, get, **latest)


def check_refusals():
    get = client.get_function_configuration
    refusal(404, "ResourceNotFoundException", f"Function not found: {ARN}nobody", get, FunctionName="nobody")
    refusal(404, "ResourceNotFoundException", f"Function not found: {ARN}one:5", get, FunctionName="one", Qualifier="5")
    refusal(
        400, "ValidationException",
        "1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must "
        "satisfy enum value set: [ALL]",
        client.list_functions, FunctionVersion="invalid",
    )
    refusal(
        501, "NotEmulatedException", "lambda-local does not emulate DELETE /2015-03-31/functions/one",
        client.delete_function, FunctionName="one",
    )


check_configurations()
check_lists()
check_waiters()
check_updates()
check_reserved_concurrency()
check_provisioned_concurrency()
check_refusals()
print("all checks passed")
