"""Reads over S3 that are answered without asking the object's shard: they say what
the others say, and nobody gets more by them."""

import datetime
import json

import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import Node
from s3_test import (  # noqa: F401 (fixtures)
    ALICE,
    BOB,
    KEY,
    READER,
    SECRET,
    connect,
    keyed,
    lock,
    scattered,
    users,
)


def at_once(r):
    """Whether no coroutine was needed: such replies have their Date behind the
    headers that stay the same."""
    names = [x for x in r.headers if x != "X-Request-Id"]
    return names[-1] == "Date"


def get(node, path, who=(KEY, SECRET), headers=(), change=None):
    """A signed GET; `change` alters the headers after they were signed."""
    request = AWSRequest("GET", node.url + path, dict(headers))
    if who:
        S3SigV4Auth(Credentials(*who), "s3", "us-east-1").add_auth(request)
    it = dict(request.prepare().headers)
    if change:
        change(it)
    return requests.get(node.url + path, headers=it, timeout=30)


def shown(r):
    changing = ("Date", "x-amz-request-id")
    return r.status_code, r.content, {
        k: v for k, v in r.headers.items() if k not in changing
    }


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A node with access keys; what one of its threads holds, all requests find."""
    node = Node(tmp_path_factory.mktemp("one"), more=["--threads", "1"])
    lock(node)
    node.start()
    yield node
    assert node.stop() == 0


@pytest.fixture
def warm(one, bucket_name):
    """A bucket whose object k is held."""
    bucket = "open-" + bucket_name[:40]
    s3 = connect(one.url)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"content",
        ContentType="text/x",
        Metadata={"a": "b"},
        ChecksumAlgorithm="SHA256",
        Tagging="x=y",
    )
    path = f"/{bucket}/k"
    assert not at_once(get(one, path))
    r = get(one, path)
    assert r.content == b"content" and at_once(r)
    yield bucket
    s3.delete_object(Bucket=bucket, Key="k")
    left = s3.list_object_versions(Bucket=bucket)
    for x in left.get("Versions", []) + left.get("DeleteMarkers", []):
        s3.delete_object(Bucket=bucket, Key="k", VersionId=x["VersionId"])
    s3.delete_bucket(Bucket=bucket)


def test_replies_are_the_same(one, warm):
    path = f"/{warm}/k"
    for form in (path, "/s3" + path, path + "?x-id=GetObject"):
        for headers in ({}, {"x-amz-checksum-mode": "ENABLED"}):
            fast = get(one, form, headers=headers)
            # A parameter of no meaning takes the slow way.
            slow = get(one, path + "?x-ignored=1", headers=headers)
            assert at_once(fast) and not at_once(slow)
            assert shown(fast) == shown(slow)
            assert fast.headers["x-amz-meta-a"] == "b"
            assert ("x-amz-checksum-sha256" in fast.headers) == bool(headers)
            assert fast.headers["x-amz-request-id"] != slow.headers["x-amz-request-id"]
    named = get(one, path, headers={"X-Request-Id": "mine"})
    assert named.headers["X-Request-Id"] == named.headers["x-amz-request-id"] == "mine"


@pytest.mark.parametrize("size", [0, 4096, 16 << 10, 300_000])
def test_sizes(one, warm, size):
    s3, at = connect(one.url), {"Bucket": warm, "Key": "k"}
    for fill in (b"a", b"b"):
        s3.put_object(**at, Body=fill * size)
        for _ in range(3):
            assert get(one, f"/{warm}/k").content == fill * size


def test_what_is_asked_for_beside_the_bytes(one, warm):
    path = f"/{warm}/k"
    whole = get(one, path)
    assert get(one, path, headers={"Range": "bytes=1-2"}).content == b"on"
    etag = {"If-None-Match": whole.headers["ETag"]}
    assert get(one, path, headers=etag).status_code == 304
    assert get(one, path, headers={"If-Match": '"x"'}).status_code == 412
    since = {"If-Modified-Since": whole.headers["Last-Modified"]}
    assert get(one, path, headers=since).status_code == 304
    owner = {"x-amz-expected-bucket-owner": "nobody"}
    assert get(one, path, headers=owner).status_code == 403
    kind = get(one, path + "?response-content-type=text%2Fy")
    assert kind.headers["Content-Type"] == "text/y"
    assert get(one, path + "?versionId=none").status_code == 404
    assert get(one, path + "?partNumber=2").status_code == 400


def test_signatures_are_looked_at(one, warm, monkeypatch):
    path = f"/{warm}/k"

    def other_signature(h):
        last = h["Authorization"][-1]
        h["Authorization"] = h["Authorization"][:-1] + ("0" if last != "0" else "1")

    def other_day(h):
        h["X-Amz-Date"] = "20200101T000000Z"

    def more(h):
        h["x-amz-user-agent"] = "not signed"

    for change in (other_signature, other_day, more):
        assert get(one, path, change=change).status_code in (400, 403)
    # Those of another key's, path's or method's request do not fit.
    signed = AWSRequest("GET", one.url + f"/{warm}/other", {})
    S3SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1").add_auth(signed)
    assert (
        requests.get(
            one.url + path, headers=dict(signed.prepare().headers), timeout=30
        ).status_code
        == 403
    )
    for who in ((KEY, "wrong"), ("AKNOBODY", SECRET), (KEY, READER[1]), None):
        assert get(one, path, who).status_code == 403
    # Signed too long ago, or ahead of time.
    import botocore.auth

    real = datetime.datetime.now(datetime.timezone.utc)
    for minutes in (-20, 20):
        then = real + datetime.timedelta(minutes=minutes)
        monkeypatch.setattr(
            botocore.auth, "get_current_datetime", lambda then=then: then.replace(tzinfo=None)
        )
        assert get(one, path).status_code == 403
    monkeypatch.undo()
    assert at_once(get(one, path))


def test_rights_are_judged(one, warm):
    """READER reads open-*; owners of buckets have no right in this one."""
    path = f"/{warm}/k"
    s3 = connect(one.url)
    r = get(one, path, READER)
    assert r.status_code == 200 and at_once(r)
    for who in (ALICE, BOB):
        assert get(one, path, who).status_code == 403
    deny = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"arn:aws:s3:::{warm}/k",
            }
        ],
    }
    s3.put_bucket_policy(Bucket=warm, Policy=json.dumps(deny))
    assert get(one, path, READER).status_code == 403
    s3.delete_bucket_policy(Bucket=warm)
    assert get(one, path, READER).status_code == 200


def test_owners_objects(users):
    """Lists of objects count, however often the object was read."""
    u = users
    for _ in range(3):
        assert u.read(u.alice) == u.read(u.alice)
        for who in u.strangers:
            with pytest.raises(Exception, match="AccessDenied"):
                u.read(who)


def test_changes_are_seen(one, warm):
    s3, at, path = connect(one.url), {"Bucket": warm, "Key": "k"}, f"/{warm}/k"
    s3.copy_object(
        **at, CopySource=at, MetadataDirective="REPLACE", Metadata={"a": "changed"}
    )
    for _ in range(3):
        assert get(one, path).headers["x-amz-meta-a"] == "changed"
    s3.delete_object_tagging(**at)
    for _ in range(3):
        assert "x-amz-tagging-count" not in get(one, path).headers
    rule = {
        "ID": "r",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 3},
    }
    s3.put_bucket_lifecycle_configuration(
        Bucket=warm, LifecycleConfiguration={"Rules": [rule]}
    )
    assert "x-amz-expiration" in get(one, path).headers
    s3.delete_bucket_lifecycle(Bucket=warm)
    assert "x-amz-expiration" not in get(one, path).headers
    switch = {"Bucket": warm, "VersioningConfiguration": {"Status": "Enabled"}}
    s3.put_bucket_versioning(**switch)
    version = s3.put_object(**at, Body=b"second")["VersionId"]
    for _ in range(3):
        assert get(one, path).headers["x-amz-version-id"] == version
    s3.delete_object(**at)
    assert get(one, path).status_code == 404
    for x in ("Versions", "DeleteMarkers"):
        for v in s3.list_object_versions(Bucket=warm).get(x, []):
            s3.delete_object(**at, VersionId=v["VersionId"])
