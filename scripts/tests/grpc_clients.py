#!/usr/bin/env python3
"""Calls the functions with gRPC's own client for Python, over the protocol that vHive's functions speak.

    assets/venv/bin/python scripts/tests/grpc_clients.py PROGRAMS_DIR [TEST...]

PROGRAMS_DIR is the folder of the built programs, like target/debug. TEST selects tests, as `unittest` does.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "chameleon/tests/goldens"
SECONDS = 60
MAX_CALLS = 1024
SERVICES = [
    "faas.Executor",
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "helloworld.Greeter",
]
# The protocol as vHive and invitro have it: fields with their numbers and types.
STRING, BYTES, UINT32 = (
    descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
)
MESSAGES = {
    "helloworld": {
        "HelloRequest": [("name", 1, STRING), ("vHiveMetadata", 15, BYTES)],
        "HelloReply": [("message", 1, STRING)],
    },
    "faas": {
        "FaasRequest": [("message", 1, STRING), ("runtimeInMilliSec", 2, UINT32), ("memoryInMebiBytes", 3, UINT32)],
        "FaasReply": [("message", 1, STRING), ("durationInMicroSec", 2, UINT32), ("memoryUsageInKb", 3, UINT32)],
    },
}
PROGRAMS = pathlib.Path("target/debug")


def make_messages():
    pool = descriptor_pool.DescriptorPool()
    classes = {}
    for package, messages in MESSAGES.items():
        file = descriptor_pb2.FileDescriptorProto(name=f"test/{package}.proto", package=package, syntax="proto3")
        for name, fields in messages.items():
            message = file.message_type.add(name=name)
            for field, number, kind in fields:
                message.field.add(name=field, number=number, type=kind, label=1)
        pool.Add(file)
        for name in messages:
            classes[name] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
    return classes


CLASSES = make_messages()


class Server:
    """A function that serves gRPC."""

    def __init__(self, name, *arguments, **variables):
        command = [PROGRAMS / name, "--addr", "127.0.0.1:0", *arguments]
        environment = {"CNN_SERVING_ASSETS": str(ROOT / "assets"), **variables}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (127\.0\.0\.1:\d+)\n", line)
        if not found:
            raise AssertionError(f"{name} said {line!r} and ended with {self.process.wait()}")
        self.address = found[1]
        size = [(f"grpc.max_{way}_message_length", 16 << 20) for way in ("send", "receive")]
        self.channel = grpc.insecure_channel(self.address, options=size)
        self.hello = self.unary("helloworld.Greeter/SayHello", "HelloRequest", "HelloReply")
        self.spin = self.unary("faas.Executor/Execute", "FaasRequest", "FaasReply")
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def unary(self, path, request, reply):
        return self.channel.unary_unary(
            f"/{path}",
            request_serializer=CLASSES[request].SerializeToString,
            response_deserializer=CLASSES[reply].FromString,
        )

    def greet(self, name, **options):
        """The message, and the trailing metadata."""
        reply, call = self.hello.with_call(CLASSES["HelloRequest"](name=name), timeout=SECONDS, **options)
        return reply.message, dict(call.trailing_metadata())

    def start_spin(self, milliseconds):
        return self.spin.future(CLASSES["FaasRequest"](runtimeInMilliSec=milliseconds), timeout=SECONDS)

    def wait_until_busy(self):
        """Until calls that were started before this one have arrived."""
        check(self)

    def stop(self, number=signal.SIGTERM):
        """Sends the signal, and returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def close(self):
        self.channel.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def check(server, service=""):
    request = health_pb2.HealthCheckRequest(service=service)
    return server.health.Check(request, timeout=SECONDS).status


def times(metadata):
    """When the handler began and ended, counted in ns from when the instance was ready."""
    begun = int(metadata["function-ready-ns"]) + int(metadata["function-queue-ns"])
    return begun, begun + int(metadata["function-handler-ns"])


class Case(unittest.TestCase):
    def serve(self, *arguments, name="chameleon", **variables):
        server = Server(name, *arguments, **variables)
        self.addCleanup(server.close)
        return server

    def refused(self, call):
        """The error that the call ends with."""
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        return caught.exception


class Answers(Case):
    def test_names_are_answered_as_by_vhive(self):
        for function in ["chameleon", "cnn_serving"]:
            server = self.serve(name=function)
            for name, greeting in [
                ("record", "Hello, record_response!"),
                ("replay", "Hello, replay_response!"),
                ("Invoke relay", "Hello, Invoke relay!"),
                ("", "Hello, !"),
                ("ä", "Hello, ä!"),
            ]:
                with self.subTest(function=function, name=name):
                    message, metadata = server.greet(name)
                    self.assertEqual(message, greeting)
                    # The handler has really run.
                    self.assertGreater(int(metadata["function-handler-ns"]), 0)

    def test_an_event_has_the_answer_of_lambda(self):
        server = self.serve()
        for rows, columns in [(1, 2), (10, 15), (15, 10), (2, 101)]:
            message, _ = server.greet(f' {{"num_of_rows": {rows}, "num_of_cols": {columns}}}\n')
            answer = json.loads(json.loads(message))
            self.assertEqual(list(answer), ["latency", "data"])
            self.assertEqual(answer["data"], (GOLDENS / f"{rows}x{columns}.html").read_text())
            seconds = repr(answer["latency"])
            self.assertTrue(message.startswith(f'"{{\\"latency\\": {seconds}, \\"data\\": \\"'), message[:80])

    def test_pictures_are_classified(self):
        server = self.serve(name="cnn_serving")
        expected = json.loads((ROOT / "cnn_serving/model/expected.json").read_text())
        for index, picture in enumerate(["chelsea.png", "coffee.png", "camera.png", "rocket.jpg"]):
            message, _ = server.greet(json.dumps({"input_file_seq": index}))
            [found] = json.loads(json.loads(message))["result"]
            self.assertEqual([row[:2] for row in found], [row[:2] for row in expected[picture]])

    def test_an_error_has_a_status_and_its_name(self):
        server = self.serve()
        for event, name, message in [
            ('{"num_of_rows": 2.0}', "InvalidEvent", "`num_of_rows` is 2.0; expected an integer"),
            ("{broken", "InvalidEvent", "the event is {broken; expected a JSON object"),
            ('{"num_of_cols": 1000000000}', "ResponseTooLarge", None),
        ]:
            error = self.refused(lambda: server.greet(event))
            self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
            metadata = dict(error.trailing_metadata())
            self.assertEqual(metadata["function-error-type"], name)
            self.assertIn("function-request", metadata)
            self.assertTrue(error.details().startswith(f"{name}: {message or ''}"), error.details())
        self.assertEqual(server.greet("record")[0], "Hello, record_response!")

    def test_the_executor_is_busy_for_the_time_asked_for(self):
        server = self.serve()
        request = CLASSES["FaasRequest"](message="x", runtimeInMilliSec=30, memoryInMebiBytes=64)
        reply, call = server.spin.with_call(request, timeout=SECONDS)
        self.assertGreaterEqual(reply.durationInMicroSec, 30_000)
        self.assertEqual((reply.message, reply.memoryUsageInKb), ("", 65_536))
        handler = int(dict(call.trailing_metadata())["function-handler-ns"])
        self.assertEqual(reply.durationInMicroSec, handler // 1000)
        self.assertEqual(server.start_spin(0).result().memoryUsageInKb, 0)
        error = self.refused(lambda: server.start_spin(900_001).result())
        self.assertEqual(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(dict(error.trailing_metadata())["function-error-type"], "InvalidEvent")

    def test_metadata_is_accepted_and_told(self):
        server = self.serve()
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        seen = []
        for number in range(1, 4):
            request = CLASSES["HelloRequest"](name="record", vHiveMetadata=b'{"WorkflowId": "w"}')
            _, call = server.hello.with_call(request, timeout=SECONDS, metadata=[("traceparent", parent)])
            metadata = dict(call.trailing_metadata())
            self.assertEqual(metadata["traceparent"], parent)
            self.assertEqual(metadata["function-request"], str(number))
            for name in ["init", "ready", "queue", "handler"]:
                self.assertRegex(metadata[f"function-{name}-ns"], r"^\d+$")
            seen.append(metadata)
        self.assertEqual(len({metadata["function-instance"] for metadata in seen}), 1)
        self.assertEqual(len({metadata["function-init-ns"] for metadata in seen}), 1)
        self.assertLess(times(seen[0])[1], times(seen[1])[0])
        self.assertNotIn("traceparent", server.greet("record")[1])
        other = self.serve().greet("record")[1]
        self.assertNotEqual(other["function-instance"], seen[0]["function-instance"])
        self.assertEqual(other["function-request"], "1")


class Protocol(Case):
    def test_health(self):
        server = self.serve()
        for service in ["", "helloworld.Greeter", "faas.Executor"]:
            self.assertEqual(check(server, service), health_pb2.HealthCheckResponse.SERVING)
        error = self.refused(lambda: check(server, "other"))
        self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)

    def test_health_is_told_while_the_function_is_busy(self):
        server = self.serve()
        busy = server.start_spin(5000)
        self.assertEqual(check(server), health_pb2.HealthCheckResponse.SERVING)
        self.assertFalse(busy.done())

    def test_reflection(self):
        server = self.serve()
        database = ProtoReflectionDescriptorDatabase(server.channel)
        self.assertEqual(sorted(database.get_services()), SERVICES)
        pool = descriptor_pool.DescriptorPool(database)
        for package, messages in MESSAGES.items():
            for name, fields in messages.items():
                found = pool.FindMessageTypeByName(f"{package}.{name}").fields
                self.assertEqual([(field.name, field.number, field.type) for field in found], fields)
        method = pool.FindMethodByName("helloworld.Greeter.SayHello")
        self.assertFalse(method.server_streaming or method.client_streaming)

    def test_reflection_in_both_versions(self):
        server = self.serve()
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        for version in ["v1", "v1alpha"]:
            call = server.channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )
            [reply] = call(iter([request]), timeout=SECONDS)
            self.assertEqual(sorted(s.name for s in reply.list_services_response.service), SERVICES)

    def test_unknown_methods_are_unimplemented(self):
        server = self.serve()
        for path in ["helloworld.Greeter/SayGoodbye", "fibonacci.Greeter/SayHello"]:
            call = server.unary(path, "HelloRequest", "HelloReply")
            error = self.refused(lambda: call(CLASSES["HelloRequest"](), timeout=SECONDS))
            self.assertEqual(error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_large_messages(self):
        server = self.serve()
        event = json.dumps({"num_of_rows": 6000, "num_of_cols": 15, "x": "x" * (4 << 20)})
        message, _ = server.greet(event)
        self.assertGreater(len(message), 4 << 20)
        self.assertEqual(len(json.loads(json.loads(message))["data"]), 53 + 6000 * (11 + 41 * 15 + 2 * 21))

    def test_messages_that_are_too_large_are_refused(self):
        server = self.serve()
        largest = (6 << 20) + (64 << 10)
        overhead = 5 + len('{"x":""}')
        self.assertEqual(server.greet(f'{{"x":"{"x" * (largest - overhead)}"}}')[1]["function-request"], "1")
        error = self.refused(lambda: server.greet(f'{{"x":"{"x" * (largest - overhead + 1)}"}}'))
        self.assertEqual(error.code(), grpc.StatusCode.OUT_OF_RANGE)
        self.assertEqual(server.greet("record")[1]["function-request"], "2")


class Order(Case):
    def test_200_concurrent_calls_are_served_one_by_one_in_order(self):
        server = self.serve()
        calls = [server.start_spin(1) for _ in range(200)]
        seen = []
        for call in calls:
            self.assertGreaterEqual(call.result().durationInMicroSec, 1000)
            seen.append(dict(call.trailing_metadata()))
        seen.sort(key=lambda metadata: int(metadata["function-request"]))
        self.assertEqual([int(metadata["function-request"]) for metadata in seen], list(range(1, 201)))
        for one, next_one in zip(seen, seen[1:]):
            self.assertLessEqual(int(one["function-ready-ns"]), int(next_one["function-ready-ns"]))
            self.assertLessEqual(times(one)[1], times(next_one)[0])

    def test_more_handlers_serve_at_the_same_time(self):
        server = self.serve("--concurrency", "2")
        long = server.start_spin(50_000)
        server.wait_until_busy()
        # Calls begin in the order of arrival. With a single handler, these would wait until the long one is over.
        for _ in range(3):
            self.assertGreaterEqual(server.start_spin(1).result().durationInMicroSec, 1000)
        self.assertFalse(long.done(), "the long call is still served")

    def test_cancelled_calls_are_not_begun(self):
        server = self.serve()
        first = server.start_spin(500)
        server.wait_until_busy()
        cancelled = [server.start_spin(10_000) for _ in range(100)]
        server.wait_until_busy()
        for call in cancelled:
            call.cancel()
        last = server.start_spin(0)
        first.result()
        # A thousand seconds after the first, if the others were begun.
        last.result()
        self.assertEqual(dict(last.trailing_metadata())["function-request"], "102")

    def test_a_deadline_ends_the_wait(self):
        server = self.serve()
        busy = server.start_spin(2000)
        server.wait_until_busy()
        error = self.refused(lambda: server.hello(CLASSES["HelloRequest"](name="record"), timeout=0.1))
        self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        busy.result()
        self.assertEqual(server.greet("record")[0], "Hello, record_response!")

    def test_too_many_calls_are_refused(self):
        server = self.serve()
        busy = server.start_spin(50_000)
        server.wait_until_busy()
        calls = [server.start_spin(0) for _ in range(MAX_CALLS + 99)]
        server.wait_until_busy()
        deadline = time.monotonic() + SECONDS
        while sum(call.done() for call in calls) < 100 and time.monotonic() < deadline:
            time.sleep(0.01)
        refused = [call for call in calls if call.done()]
        self.assertEqual(len(refused), 100)
        self.assertEqual({call.code() for call in refused}, {grpc.StatusCode.RESOURCE_EXHAUSTED})
        self.assertFalse(busy.done())
        # Places are free again when their callers have gone, and the queue has come to them.
        for call in calls:
            call.cancel()


class Ending(Case):
    def test_a_signal_lets_the_call_in_flight_end(self):
        for number in [signal.SIGTERM, signal.SIGINT]:
            server = self.serve()
            watch = server.health.Watch(health_pb2.HealthCheckRequest(), timeout=SECONDS)
            self.assertEqual(next(watch).status, health_pb2.HealthCheckResponse.SERVING)
            call = server.start_spin(2000)
            server.wait_until_busy()
            self.assertEqual(server.stop(number), 0)
            self.assertGreaterEqual(call.result().durationInMicroSec, 2_000_000)
            self.assertEqual([reply.status for reply in watch], [health_pb2.HealthCheckResponse.NOT_SERVING])

    def test_a_signal_ends_an_idle_function(self):
        server = self.serve()
        server.greet("record")
        self.assertEqual(server.stop(), 0)

    def test_a_call_that_does_not_end_is_given_up(self):
        server = self.serve()
        call = server.start_spin(50_000)
        server.wait_until_busy()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(call.code(), grpc.StatusCode.UNAVAILABLE)


class CommandLine(Case):
    def run_program(self, *arguments, **variables):
        return subprocess.run(
            [PROGRAMS / "chameleon", *arguments], env=variables, capture_output=True, text=True, timeout=SECONDS
        )

    def test_wrong_arguments_end_with_2(self):
        for arguments, variables, message in [
            (["--adr", "x"], {}, 'unknown argument "--adr"'),
            (["--port", "x"], {}, '--port is "x"; expected a whole number from 0 to 65535'),
            ([], {"PORT": "http"}, 'PORT is "http"; expected a whole number from 0 to 65535'),
        ]:
            done = self.run_program(*arguments, **variables)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(message, done.stderr)

    def test_an_address_in_use_is_an_error(self):
        server = self.serve()
        done = self.run_program("--addr", server.address)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot listen on {server.address}: Address already in use", done.stderr)

    def test_help(self):
        done = self.run_program("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(done.stdout.startswith("Usage: "))

    def test_a_function_that_cannot_be_initialised_opens_no_port(self):
        environment = {"CNN_SERVING_ASSETS": "/nonexistent"}
        done = subprocess.run(
            [PROGRAMS / "cnn_serving", "--port", "0"], env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("InitFailed", done.stderr)

    def test_an_idle_function_has_a_thread_for_gRPC_and_one_for_the_handler(self):
        server = self.serve()
        server.greet("record")
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        self.assertEqual(re.search(r"^Threads:\s+(\d+)", status, re.MULTILINE)[1], "2")
        print(re.search(r"^VmRSS:.*", status, re.MULTILINE)[0], "after one call")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        sys.exit(sys.argv[1:] not in (["-h"], ["--help"]))
    PROGRAMS = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
