"""A function in an account that moto simulates: `account.py URL make` makes it, `account.py URL show` prints it as JSON."""

import io
import json
import sys
import urllib.request
import zipfile

import boto3

url, command = sys.argv[1:3]
credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
functions = boto3.client("lambda", endpoint_url=url, **credentials)

if command == "make":
    settings = json.dumps({"lambda": {"use_docker": False}}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/config", settings, method="POST"))
    roles = boto3.client("iam", endpoint_url=url, **credentials)
    role = roles.create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("bootstrap", "")
    functions.create_function(
        FunctionName="f", Runtime="provided.al2023", Role=role, Handler="f", Code={"ZipFile": code.getvalue()},
        MemorySize=512, Environment={"Variables": {"OWN": "1"}},
    )

configuration = functions.get_function_configuration(FunctionName="f")
aliases = functions.list_aliases(FunctionName="f")["Aliases"]
versions = functions.list_versions_by_function(FunctionName="f")["Versions"]
print(json.dumps({
    "memory_mb": configuration["MemorySize"],
    "variables": configuration["Environment"]["Variables"],
    "versions": {version["Version"]: version["MemorySize"] for version in versions if version["Version"] != "$LATEST"},
    "aliases": {alias["Name"]: alias["FunctionVersion"] for alias in aliases},
}))
