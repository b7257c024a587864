"""Access keys of the S3 API that are managed over HTTP."""

import json
import subprocess

import boto3
import cli_test
import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from conftest import Cluster, Node
from s3_test import KEY, READER, SECRET, connect, denied, lock, refused

PATH = "/v1/s3-keys"


def ask(node, method, path="", key=None, **body):
    """A request for keys, signed with one if it is given."""
    data = json.dumps(body) if body or method in ("POST", "PATCH") else ""
    request = AWSRequest(method, node.url + PATH + path, {}, data)
    if key:
        name, secret = key["access_key"], key["secret_key"]
        auth = S3SigV4Auth(Credentials(name, secret), "s3", "us-east-1")
        auth.add_auth(request)
    it = request.prepare()
    return requests.request(
        it.method, it.url, data=it.body, headers=dict(it.headers), timeout=30
    )


def made(node, key=None, **what):
    r = ask(node, "POST", key=key, **what)
    assert r.status_code == 200, r.text
    assert r.json()["secret_key"]
    return r.json()


def client(node, key):
    return connect(node.url, key["access_key"], key["secret_key"])


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    it = Cluster(tmp_path_factory.mktemp("wide"), proxies=1, targets=2)
    it.start()
    yield it
    it.stop()


def test_life_of_keys(wide):
    """Made at one node, good at all at once; and ended as soon."""
    first, *others = wide.nodes
    # The first key is an administrator's, or nobody could make more.
    r = ask(first, "POST", access="read")
    assert r.status_code == 400 and "admin" in r.text
    connect(first.url).create_bucket(Bucket="open-before")
    admin = made(first)
    for node in wide.nodes:
        denied(connect(node.url, signed=False).list_objects_v2, Bucket="open-before")
        client(node, admin).list_objects_v2(Bucket="open-before")
        assert ask(node, "GET").status_code == 403
        [shown] = ask(node, "GET", key=admin).json()
        assert shown["access_key"] == admin["access_key"] and shown["managed"]
        assert "secret_key" not in shown
    reader = made(others[0], admin, access="read", buckets=["open-*"])
    owner = made(others[1], admin, access="own", user="ann")
    client(first, admin).create_bucket(Bucket="closed")
    client(first, owner).create_bucket(Bucket="anns")
    for node in wide.nodes:
        at = client(node, reader)
        at.list_objects_v2(Bucket="open-before")
        denied(at.put_object, Bucket="open-before", Key="k")
        denied(at.list_objects_v2, Bucket="closed")
        denied(at.list_objects_v2, Bucket="anns")
        client(node, owner).put_object(Bucket="anns", Key=f"k{node.port}")
        for key in (reader, owner):
            assert ask(node, "GET", key=key).status_code == 403
            assert ask(node, "POST", key=key).status_code == 403
    # Switched off and on.
    path = "/" + reader["access_key"]
    for node, off in ((others[0], True), (others[1], False)):
        r = ask(node, "PATCH", path, admin, disabled=off)
        assert r.status_code == 200, r.text
        for x in wide.nodes:
            if off:
                refused(
                    "InvalidAccessKeyId",
                    client(x, reader).list_objects_v2,
                    Bucket="open-before",
                )
            else:
                client(x, reader).list_objects_v2(Bucket="open-before")
    # The last administrator stays while there are others.
    own = "/" + admin["access_key"]
    for r in (
        ask(first, "PATCH", own, admin, disabled=True),
        ask(first, "DELETE", own, admin),
    ):
        assert r.status_code == 400 and "admin" in r.text
    assert ask(first, "DELETE", path, admin).status_code == 200
    assert ask(first, "DELETE", path, admin).status_code == 404
    for node in wide.nodes:
        refused(
            "InvalidAccessKeyId",
            client(node, reader).list_objects_v2,
            Bucket="open-before",
        )
    for node in wide.nodes:
        node.kill()
    wide.start()
    for node in wide.nodes:
        client(node, owner).list_objects_v2(Bucket="anns")
        shown = {x["access_key"] for x in ask(node, "GET", key=admin).json()}
        assert shown == {admin["access_key"], owner["access_key"]}


def test_requests_that_are_refused(wide):
    node = wide.targets[0]
    for what in ({"access": "all"}, {"secret_key": "x"}, {"buckets": []}):
        assert ask(node, "POST", **what).status_code in (400, 403)
    assert ask(node, "PATCH").status_code in (400, 403)
    assert ask(node, "PUT").status_code == 405
    # Nowhere else are they told.
    for what in ("smap", "bmd", "cluster_config"):
        r = requests.get(f"{node.url}/v1/cluster?what={what}", timeout=30)
        assert "secret" not in r.text
    for what in ("config", "status", "snode"):
        r = requests.get(f"{node.url}/v1/daemon?what={what}", timeout=30)
        assert "secret_key" not in r.text


def test_beside_the_keys_of_the_file(tmp_path):
    node = Node(tmp_path)
    lock(node)
    node.start()
    operator = {"access_key": KEY, "secret_key": SECRET}
    assert ask(node, "GET").status_code == 403
    assert ask(node, "POST").status_code == 403
    reader = made(node, operator, access="read")
    shown = {x["access_key"]: x["managed"] for x in ask(node, "GET", key=operator).json()}
    assert shown[KEY] is False and shown[reader["access_key"]] is True
    r = ask(node, "DELETE", f"/{READER[0]}", operator)
    assert r.status_code == 404 and "s3.json" in r.text
    connect(node.url).create_bucket(Bucket="bck")
    client(node, reader).list_objects_v2(Bucket="bck")
    denied(client(node, reader).put_object, Bucket="bck", Key="k")
    altered = ask(node, "POST", key={**operator, "secret_key": "wrong"})
    assert altered.status_code == 403
    assert node.stop() == 0


def test_a_region_of_its_own(tmp_path):
    """Signatures for another region are refused, in headers, URLs and forms."""
    it = Node(tmp_path, more=["--s3-region", "eu-central-1"])
    lock(it)
    it.start()

    def of_region(region, **config):
        return boto3.client(
            "s3",
            endpoint_url=it.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name=region,
            config=Config(signature_version="s3v4", retries={"max_attempts": 1}, **config),
        )

    right, wrong = of_region("eu-central-1"), of_region("us-east-1")
    right.create_bucket(
        Bucket="bck", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    right.put_object(Bucket="bck", Key="k", Body=b"x")
    assert right.get_bucket_location(Bucket="bck")["LocationConstraint"] == "eu-central-1"
    head = right.head_bucket(Bucket="bck")["ResponseMetadata"]["HTTPHeaders"]
    assert head["x-amz-bucket-region"] == "eu-central-1"
    said = refused("AuthorizationHeaderMalformed", wrong.list_buckets)
    assert "expecting 'eu-central-1'" in said["Error"]["Message"]
    for s3, status in ((right, 200), (wrong, 400)):
        what = {"Bucket": "bck", "Key": "k"}
        r = requests.get(s3.generate_presigned_url("get_object", what), timeout=30)
        assert r.status_code == status, r.text
        form = s3.generate_presigned_post("bck", "f")
        r = requests.post(
            form["url"], data=form["fields"], files={"file": b"x"}, timeout=30
        )
        assert r.status_code == (204 if status == 200 else 400), r.text
    for region, code in (("eu-central-1", 0), ("us-east-1", 1)):
        mine = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        env = cli_test.environment(tmp_path, it.url)
        said = subprocess.run(
            ["ais", "s3", "keys", "ls"], env={**env, **mine, "AWS_REGION": region}
        )
        assert said.returncode == code
    assert it.stop() == 0
