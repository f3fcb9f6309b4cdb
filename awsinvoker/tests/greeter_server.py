"""A server like vHive's functions in Python: it greets, and tells nothing of itself. Prints its port, and at the end of
standard input what it has counted. A name `fail CODE` fails with this code of gRPC."""

import collections
import concurrent.futures
import json
import sys
import threading

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = descriptor_pb2.FieldDescriptorProto
MESSAGES = {
    "HelloRequest": [("name", 1, Field.TYPE_STRING), ("vHiveMetadata", 15, Field.TYPE_BYTES)],
    "HelloReply": [("message", 1, Field.TYPE_STRING)],
}


def make_messages():
    file = descriptor_pb2.FileDescriptorProto(name="helloworld.proto", package="helloworld", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            message.field.add(name=field, number=number, type=kind, label=Field.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"helloworld.{name}")) for name in MESSAGES]


HelloRequest, HelloReply = make_messages()
names, peers, lock = collections.Counter(), set(), threading.Lock()


def say_hello(request, context):
    with lock:
        names[request.name] += 1
        peers.add(context.peer())
    if request.name.startswith("fail "):
        code = int(request.name.removeprefix("fail "))
        context.abort(next(status for status in grpc.StatusCode if status.value[0] == code), "as asked for")
    return HelloReply(message=f"Hello, {request.name}!")


def main():
    method = grpc.unary_unary_rpc_method_handler(say_hello, HelloRequest.FromString, HelloReply.SerializeToString)
    handler = grpc.method_handlers_generic_handler("helloworld.Greeter", {"SayHello": method})
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=4))
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None).wait()
    print(json.dumps({"names": names, "connections": len(peers)}), flush=True)


main()
