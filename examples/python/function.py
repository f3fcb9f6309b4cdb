"""A function in Python, with AWS's runtime: pip install awslambdaric

cd examples/python && lambda-local --function "hello=python3 -m awslambdaric function.handler"
"""

import time


def handler(event, context):
    start = time.perf_counter()
    greeting = f"hello, {event.get('name', 'world')}"
    return {"latency": time.perf_counter() - start, "greeting": greeting, "request": context.aws_request_id}
