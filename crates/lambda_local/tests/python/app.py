"""A Lambda function on AWS's own Python runtime that does what its event asks for."""

import os
import sys

invocations = 0


class Refused(Exception):
    pass


def handler(event, context):
    global invocations
    invocations += 1
    action = event.get("do") if isinstance(event, dict) else None
    if action == "raise":
        raise Refused("as the event asked")
    if action == "exit":
        sys.exit(3)
    if action == "unserialisable":
        return object()
    if action == "context":
        return {
            "request_id": context.aws_request_id,
            "arn": context.invoked_function_arn,
            "name": context.function_name,
            "memory": context.memory_limit_in_mb,
            "log_group": context.log_group_name,
            "remaining_ms": context.get_remaining_time_in_millis(),
            "custom": context.client_context.custom if context.client_context else None,
            "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        }
    print("handling", action)
    return {
        "event": event,
        "invocations": invocations,
        "pid": os.getpid(),
        "handler": os.environ["_HANDLER"],
        "folder": os.getcwd(),
    }
