#!/usr/bin/env python3
"""Writes CONFORMANCE.md: recorded answers of AWS, and those of lambda-local to the same requests.

The data is crates/lambda_local/tests/data/recorded_answers.json, by which a test drives lambda-local. With --check, writes
nothing, and fails if CONFORMANCE.md is not what it would be.
"""

import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DATA = "crates/lambda_local/tests/data/recorded_answers.json"
TEST = "crates/lambda_local/tests/lambda_local/conformance.rs::recorded_answers_of_aws"
DOCUMENT = ROOT / "CONFORMANCE.md"

HEAD = """# Conformance

How AWS Lambda answered, and how lambda-local answers the same request. {count} answers of AWS were found in public.
lambda-local gives {equal} of them, and {different} differ for the reason that is given.

`{test}` sends each request to lambda-local and
compares status, headers, body and log. `scripts/conformance.py` writes this document from the data of that test,
`{data}`.

`<arn>` stands for the beginning of a function's ARN, `<a*65>` for 65 times the letter, `<id>` for the id of the request,
`<number>` for a number, and `<any>` for any text. What a recording does not show is not compared. Left out are recordings
that say the same of another runtime, and recordings of what lambda-local does not emulate.

These things differ wherever they occur:

- AWS adds the header `x-amzn-remapped-content-length: 0`, which is a matter of its own network, and `x-amzn-trace-id`.
  lambda-local does not trace.
- AWS writes INIT_START lines for the runtimes that it manages. lambda-local has no such runtimes.
- AWS writes START after it has repeated a failed initialisation, and lambda-local before. An INIT_REPORT line of
  lambda-local ends with a tab, as REPORT lines do.

No recording was found of the response to a request with an unknown invocation type or log type, nor of a streamed
response on the wire. There lambda-local follows the model of Lambda's API that AWS publishes with its SDKs.

| case | AWS | lambda-local |
|---|---|---|
{rows}
"""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    text = document(json.loads((ROOT / DATA).read_text())["answers"])
    if not check:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        sys.exit("conformance.py: CONFORMANCE.md is not current; run scripts/conformance.py")


def document(answers):
    different = sum("here" in answer for answer in answers)
    head = HEAD.format(
        count=len(answers), equal=len(answers) - different, different=different, test=TEST, data=DATA, rows="\n".join(map(row, answers))
    )
    return "\n".join([head, *map(section, answers)])


def row(answer):
    case = capital(answer["case"])
    anchor = "".join(letter for letter in case.lower().replace(" ", "-") if letter.isalnum() or letter == "-")
    return f"| [{case}](#{anchor}) | {outcome(answer['aws'])} | {'differs' if 'here' in answer else 'the same'} |"


def outcome(answer):
    error = answer.get("headers", {}).get("x-amzn-errortype")
    failed = "x-amz-function-error" in answer.get("headers", {})
    return f"{answer['status']} {error or ('function error' if failed else '')}".strip()


def section(answer):
    lines = [f"## {capital(answer['case'])}", "", f"Recorded {answer['recorded']}: {answer['source']}.", ""]
    lines += ["```text", f"request: {request(answer['request'])}", *told(answer["aws"]), "```", ""]
    if "here" in answer:
        lines += [f"lambda-local differs. {answer['why']}", "", "```text", *told(answer["here"]), "```", ""]
    return "\n".join(lines)


def capital(text):
    return text[0].upper() + text[1:]


def request(request):
    if "call" in request:
        body = f", body {json.dumps(request['body'])}" if "body" in request else ""
        return request["call"] + body
    words = [f"{name}={show(request[name])}" for name in ("function", "qualifier", "type", "log", "context") if name in request]
    if "event" in request:
        words.append(f"event {json.dumps(request['event'])}")
    elif "event_base64" in request:
        words.append(f"event of these bytes in base64: {request['event_base64']}")
    else:
        words.append(f"event of {request['event_bytes']:,} bytes")
    return ", ".join(words)


def told(answer):
    """What an answer says, in lines of text."""
    yield f"status: {answer['status']}"
    for name, value in answer.get("headers", {}).items():
        yield f"{name}: {value}"
    for name, value in answer.get("fields", {}).items():
        yield f"field {name} of the body: {show(value)}"
    if "body" in answer:
        yield f"body: {answer['body'] or 'empty'}"
    if "log" in answer:
        yield "log:"
        yield from (f"    {show(line)}" for line in answer["log"].splitlines())


def show(text):
    """The text in one line."""
    return text.replace("\t", "\\t").replace("\n", "\\n")


if __name__ == "__main__":
    main()
