"""The real AWS CLI, loaded once: starting it takes a second, and the tests call it a thousand times.

`AwsCli` runs a process that has imported the CLI and makes a fork of itself for every call; the file `aws` in its
folder is what the scripts find in their PATH. It hands over its arguments, environment, folder and open files.
"""

import contextlib
import os
import socket
import subprocess
import sys
import time
import traceback

CLIENT = """#!{python} -IS
import os, socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect({path!r})
fields = [os.getcwd(), "\\0".join(sys.argv[1:])] + [f"{{key}}={{value}}" for key, value in os.environ.items()]
message = "\\1".join(fields).encode()
socket.send_fds(client, [len(message).to_bytes(4, "big")], [0, 1, 2])
client.sendall(message)
sys.exit(int(client.makefile().read() or 1))
"""


class AwsCli:
    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        path = folder / "socket"
        client = folder / "aws"
        client.write_text(CLIENT.format(python=sys.executable, path=str(path)))
        client.chmod(0o755)
        self._process = subprocess.Popen([sys.executable, __file__, str(path)], stdin=subprocess.DEVNULL)
        while not path.exists():
            if self._process.poll() is not None:
                raise RuntimeError(f"{__file__} ended with {self._process.returncode}")
            time.sleep(0.05)

    def close(self):
        self._process.terminate()
        self._process.wait(timeout=30)


def serve(path):
    import awscli.clidriver

    _import_everything(awscli.clidriver.main)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen()
    # Only now, so that whoever sees the file can connect.
    os.rename(f"{path}.new", path)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            # A child of the child makes the call, so that nobody has to wait for it here.
            if os.fork() == 0:
                listener.close()
                _serve_one(connection, awscli.clidriver.main)
            os._exit(0)
        os.wait()
        connection.close()


def _import_everything(main):
    """Makes a call that fails for want of a server."""
    endpoint = ["--endpoint-url", "http://127.0.0.1:1", "--region", "us-east-1", "--no-sign-request"]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        sys.argv = ["aws", "sts", "get-caller-identity", *endpoint]
        main()


def _serve_one(connection, main):
    length, files, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb", buffering=0) as stream:
        message = b""
        while len(message) < int.from_bytes(length, "big"):
            message += stream.read(65536)
    folder, arguments, *environment = message.decode().split("\1")
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    # Set when the CLI is imported.
    data = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}
    os.environ.clear()
    os.environ.update({**dict(field.split("=", 1) for field in environment), **data})
    sys.argv = ["aws", *arguments.split("\0")]
    code = 1
    try:
        code = main()
    except SystemExit as stop:
        code = stop.code
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(str(code or 0).encode())
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
