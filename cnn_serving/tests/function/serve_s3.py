"""moto's S3 with the objects of the tests. Ends when standard input does, so also when the test process dies.

Usage: serve_s3.py IMAGES [strict]

Prints its address and, if `strict`, where requests need permission, the access key of a user without any.
"""

import pathlib
import sys
import urllib.request

import boto3
from moto.server import ThreadedMotoServer

MAX_FILE_BYTES = 32 << 20


def main(images, strict=None):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    account = {"endpoint_url": url, "region_name": "us-east-1"}
    owner = {"aws_access_key_id": "owner", "aws_secret_access_key": "secret"}
    put_objects(boto3.client("s3", **account, **owner), pathlib.Path(images))
    print(url)
    if strict:
        print(*forbid(boto3.client("iam", **account, **owner), url))
    sys.stdout.flush()
    sys.stdin.read()


def put_objects(s3, images):
    cat = (images / "chelsea.png").read_bytes()
    objects = {
        "cats/chelsea ä+%20.png": cat,
        "rocket.jpg": (images / "rocket.jpg").read_bytes(),
        "cut.png": cat[: len(cat) // 2],
        "text.txt": b"not an image",
        "empty": b"",
        "long.png": cat.ljust(MAX_FILE_BYTES + 1, b"\0"),
    }
    s3.create_bucket(Bucket="pictures")
    for key, body in objects.items():
        s3.put_object(Bucket="pictures", Key=key, Body=body)


def forbid(iam, url):
    """Makes a user without permissions, and returns the access key."""
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    # From now on, after 0 requests more, permissions count.
    headers = {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", headers)).close()
    return key["AccessKeyId"], key["SecretAccessKey"]


main(*sys.argv[1:])
