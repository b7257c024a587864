"""The S3 API with clients that know nothing of this project: boto3 and plain
HTTP. Others, and whole trees of files: s3_clients_test.py."""

import base64
import datetime
import hashlib
import json
import os
import subprocess

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import Cluster, Node

KEY, SECRET = "AKTEST/1", "secret+/of=tests"
READER = ("AKREADER", "another-secret")
# Users who own buckets; the first one has two keys.
ALICE, ALICE_TOO, BOB = ("AKALICE", "a"), ("AKALICE2", "aa"), ("AKBOB", "b")


def connect(url, key=KEY, secret=SECRET, signed=True, **config):
    more = {} if signed else {"signature_version": UNSIGNED}
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            retries={"max_attempts": 1},
            **more,
            **config,
        ),
    )


def lock(node):
    """Gives a node access keys: nobody is let in without one."""
    (node.dir / "node").mkdir(exist_ok=True)
    (node.dir / "node" / "s3.json").write_text(
        json.dumps(
            {
                "anonymous": "none",
                "keys": [
                    {"access_key": KEY, "secret_key": SECRET},
                    {
                        "access_key": READER[0],
                        "secret_key": READER[1],
                        "access": "read",
                        "buckets": ["open-*"],
                    },
                    *(
                        {
                            "access_key": key,
                            "secret_key": secret,
                            "access": "own",
                            "user": user,
                        }
                        for user, (key, secret) in (
                            ("alice", ALICE),
                            ("alice", ALICE_TOO),
                            ("bob", BOB),
                        )
                    ),
                ],
            }
        )
    )


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A node with access keys."""
    node = Node(tmp_path_factory.mktemp("keyed"))
    lock(node)
    node.start()
    yield node
    assert node.stop() == 0


@pytest.fixture(scope="module")
def scattered(tmp_path_factory):
    """A proxy and three targets, all with the same access keys: whoever is
    asked, most objects are somewhere else."""
    it = Cluster(tmp_path_factory.mktemp("scattered"), proxies=1, targets=3)
    for node in it.nodes:
        lock(node)
    it.start()
    for node in it.nodes:
        node.wait_until(
            lambda: requests.get(f"{node.url}/s3", timeout=5).status_code == 403
        )
    yield it
    it.stop()
    for node in it.nodes:
        assert "second reply" not in node.log()


@pytest.fixture(params=["root", "/s3", "signed", "proxy", "target"])
def s3(request, node, keyed):
    """Clients of an open node, at both addresses, of one with keys, and of a
    cluster, by its proxy and by a target."""
    if request.param == "signed":
        return connect(keyed.url)
    if request.param in ("proxy", "target"):
        cluster = request.getfixturevalue("scattered")
        asked = {"proxy": cluster.proxies, "target": cluster.targets}
        return connect(asked[request.param][0].url)
    return connect(node.url + ("/s3" if request.param == "/s3" else ""))


@pytest.fixture
def name(request, s3):
    safe = "".join(c if c.isalnum() else "-" for c in request.node.name)
    bucket = safe[:50].strip("-").lower()
    s3.create_bucket(Bucket=bucket)
    yield bucket
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": x["Key"]} for x in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=bucket)


def refused(code, call, **kwargs):
    with pytest.raises(ClientError) as e:
        call(**kwargs)
    assert e.value.response["Error"]["Code"] == code, e.value.response
    return e.value.response


# -- buckets ----------------------------------------------------------------------


def test_bucket_life(s3, name):
    assert name in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket=name)
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    s3.create_bucket(Bucket=name)  # as in us-east-1: it is there
    refused("BucketAlreadyExists", s3.create_bucket, Bucket=name, ACL="public-read")
    refused("InvalidBucketName", s3.create_bucket, Bucket="Under_Score")
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=name)
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="there-is-none")
    refused("404", s3.head_bucket, Bucket="there-is-none")
    refused("NoSuchBucket", s3.put_object, Bucket="there-is-none", Key="k")


def test_what_is_not_there_says_so(s3, name):
    refused("NotImplemented", s3.get_bucket_replication, Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"content")
    refused("NotImplemented", s3.put_object_legal_hold, Bucket=name, Key="k")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"content"


# -- objects ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 5000, 65536, 65537, 3_000_000])
def test_put_get_head_delete(s3, name, size):
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    etag = f'"{hashlib.md5(content).hexdigest()}"'
    put = s3.put_object(Bucket=name, Key="a/b", Body=content)
    assert put["ETag"] == etag
    got = s3.get_object(Bucket=name, Key="a/b")
    assert got["Body"].read() == content and got["ETag"] == etag
    head = s3.head_object(Bucket=name, Key="a/b")
    assert head["ContentLength"] == size and head["ETag"] == etag
    assert head["AcceptRanges"] == "bytes"
    age = datetime.datetime.now(datetime.timezone.utc) - head["LastModified"]
    assert abs(age.total_seconds()) < 60
    s3.delete_object(Bucket=name, Key="a/b")
    s3.delete_object(Bucket=name, Key="a/b")
    refused("NoSuchKey", s3.get_object, Bucket=name, Key="a/b")
    refused("404", s3.head_object, Bucket=name, Key="a/b")


@pytest.mark.parametrize(
    "key",
    [
        "plain",
        "dir/",
        "a//b",
        "/leading",
        "with space+plus%percent",
        "quote'\"<&>",
        "ünïcödé/日本語",
        "~(tilde)*!",
        "a=b&c=d?e#f",
        "x" * 1024,
    ],
)
def test_keys(s3, name, key):
    s3.put_object(Bucket=name, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=name, Key=key)["Body"].read() == key.encode()
    listed = s3.list_objects_v2(Bucket=name)["Contents"]
    assert [x["Key"] for x in listed] == [key]
    s3.delete_object(Bucket=name, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=name)


def test_ranges(s3, name):
    content = bytes(range(200))
    s3.put_object(Bucket=name, Key="k", Body=content)

    def get(r):
        return s3.get_object(Bucket=name, Key="k", Range=r)

    part = get("bytes=10-19")
    assert part["Body"].read() == content[10:20]
    assert part["ContentRange"] == "bytes 10-19/200"
    assert get("bytes=190-")["Body"].read() == content[190:]
    assert get("bytes=-5")["Body"].read() == content[-5:]
    assert get("bytes=0-1,5-6")["Body"].read() == content
    assert get("bytes=9-3")["Body"].read() == content
    s3.put_object(Bucket=name, Key="empty")
    for key, r, size in (("k", "bytes=200-", "200"), ("empty", "bytes=0-99", "0")):
        e = refused("InvalidRange", s3.get_object, Bucket=name, Key=key, Range=r)
        # By these some clients learn that an object is empty.
        assert e["Error"]["ActualObjectSize"] == size
        assert e["Error"]["RangeRequested"] == r
        headers = e["ResponseMetadata"]["HTTPHeaders"]
        assert headers["content-range"] == f"bytes */{size}"


def test_metadata_and_headers(s3, name):
    headers = {
        "ContentType": "text/x-test",
        "CacheControl": "max-age=5",
        "ContentDisposition": 'attachment; filename="f"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "la",
    }
    s3.put_object(
        Bucket=name,
        Key="k",
        Body=b"x",
        Metadata={"label": "cat", "Mixed-Case": "V a l"},
        **headers,
    )
    for got in (
        s3.head_object(Bucket=name, Key="k"),
        s3.get_object(Bucket=name, Key="k"),
    ):
        assert got["Metadata"] == {"label": "cat", "mixed-case": "V a l"}
        assert {k: got[k] for k in headers} == headers
    got = s3.get_object(
        Bucket=name,
        Key="k",
        ResponseContentType="image/png",
        ResponseCacheControl="no-cache",
    )
    assert got["ContentType"] == "image/png"
    assert got["CacheControl"] == "no-cache"
    s3.put_object(Bucket=name, Key="bare", Body=b"x")
    bare = s3.head_object(Bucket=name, Key="bare")
    assert bare["ContentType"] == "binary/octet-stream"
    big = {"k": "v" * 2048}
    refused(
        "MetadataTooLarge",
        s3.put_object,
        Bucket=name,
        Key="big",
        Body=b"x",
        Metadata=big,
    )


def test_conditional_reads(s3, name):
    etag = s3.put_object(Bucket=name, Key="k", Body=b"x")["ETag"]
    at = {"Bucket": name, "Key": "k"}
    past = datetime.datetime(2020, 1, 1)
    future = datetime.datetime.now() + datetime.timedelta(days=2)
    for call, failed in ((s3.get_object, "PreconditionFailed"),
                         (s3.head_object, "412")):
        call(**at, IfMatch=etag)
        call(**at, IfNoneMatch='"other"')
        call(**at, IfModifiedSince=past)
        call(**at, IfUnmodifiedSince=future)
        refused(failed, call, **at, IfMatch='"other"')
        refused(failed, call, **at, IfUnmodifiedSince=past)
        refused("304", call, **at, IfNoneMatch=etag)
        refused("304", call, **at, IfModifiedSince=future)


def test_conditional_writes(s3, name):
    at = {"Bucket": name, "Key": "k"}
    refused("NoSuchKey", s3.put_object, **at, Body=b"0", IfMatch='"x"')
    etag = s3.put_object(**at, Body=b"1", IfNoneMatch="*")["ETag"]
    for size in (1, 100_000):  # one message, and streamed
        refused(
            "PreconditionFailed",
            s3.put_object,
            **at,
            Body=b"2" * size,
            IfNoneMatch="*",
        )
        refused(
            "PreconditionFailed",
            s3.put_object,
            **at,
            Body=b"2" * size,
            IfMatch='"other"',
        )
    assert s3.get_object(**at)["Body"].read() == b"1"
    s3.put_object(**at, Body=b"3", IfMatch=etag)
    assert s3.get_object(**at)["Body"].read() == b"3"


def test_content_md5(s3, name):
    def put(md5):
        s3.put_object(
            Bucket=name,
            Key="k",
            Body=b"content",
            ContentMD5=base64.b64encode(md5).decode(),
        )

    put(hashlib.md5(b"content").digest())
    refused("BadDigest", put, md5=hashlib.md5(b"other").digest())
    refused("InvalidDigest", put, md5=b"short")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums(s3, name, algorithm):
    content = b"some content " * 9000
    field = "Checksum" + algorithm
    put = s3.put_object(
        Bucket=name, Key="k", Body=content, ChecksumAlgorithm=algorithm
    )
    got = s3.get_object(Bucket=name, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == content  # boto3 compares, too
    assert put[field] == got[field]
    wrong = base64.b64encode(bytes(len(base64.b64decode(put[field])))).decode()
    refused(
        "BadDigest",
        s3.put_object,
        Bucket=name,
        Key="k",
        Body=content,
        **{field: wrong},
    )
    again = s3.head_object(Bucket=name, Key="k", ChecksumMode="ENABLED")
    assert again[field] == put[field]


def test_copy(s3, name):
    s3.put_object(
        Bucket=name,
        Key="from a+b",
        Body=b"payload",
        Metadata={"k": "v"},
        ContentType="text/a",
    )
    source = {"Bucket": name, "Key": "from a+b"}
    done = s3.copy_object(Bucket=name, Key="to", CopySource=source)
    etag = f'"{hashlib.md5(b"payload").hexdigest()}"'
    assert done["CopyObjectResult"]["ETag"] == etag
    got = s3.get_object(Bucket=name, Key="to")
    assert got["Body"].read() == b"payload" and got["Metadata"] == {"k": "v"}
    assert got["ContentType"] == "text/a"
    s3.copy_object(
        Bucket=name,
        Key="from a+b",
        CopySource=source,
        Metadata={"new": "1"},
        MetadataDirective="REPLACE",
    )
    assert s3.head_object(**source)["Metadata"] == {"new": "1"}
    itself = {**source, "CopySource": source}
    refused("InvalidRequest", s3.copy_object, **itself)
    other = {"Bucket": name, "Key": "none"}
    refused("NoSuchKey", s3.copy_object, Bucket=name, Key="x", CopySource=other)
    refused(
        "PreconditionFailed",
        s3.copy_object,
        Bucket=name,
        Key="x",
        CopySource=source,
        CopySourceIfMatch='"other"',
    )


def test_delete_many(s3, name):
    for i in range(5):
        s3.put_object(Bucket=name, Key=f"k{i}", Body=b"x")
    gone = s3.delete_objects(
        Bucket=name,
        Delete={"Objects": [{"Key": k} for k in ("k0", "k1", "never")]},
    )
    assert [x["Key"] for x in gone["Deleted"]] == ["k0", "k1", "never"]
    quiet = s3.delete_objects(
        Bucket=name, Delete={"Objects": [{"Key": "k2"}], "Quiet": True}
    )
    assert "Deleted" not in quiet and "Errors" not in quiet
    left = [x["Key"] for x in s3.list_objects_v2(Bucket=name)["Contents"]]
    assert left == ["k3", "k4"]


# -- listing ----------------------------------------------------------------------

NAMES = ["a", "a-b", "a/", "a/1", "a/2/x", "b/1", "b/2", "c|1", "c|2", "d e"]


@pytest.mark.parametrize("delimiter", ["", "/", "|", "/1"])
@pytest.mark.parametrize("prefix", ["", "a", "a/", "b/", "c", "nothing"])
def test_listing_is_what_s3_defines(s3, name, prefix, delimiter):
    for x in NAMES:
        s3.put_object(Bucket=name, Key=x, Body=b"x")
    keys, prefixes = [], []
    for x in sorted(NAMES, key=str.encode):
        if not x.startswith(prefix):
            continue
        rest = x[len(prefix):]
        if delimiter and delimiter in rest:
            common = prefix + rest[: rest.index(delimiter)] + delimiter
            if common not in prefixes:
                prefixes.append(common)
        else:
            keys.append(x)
    args = {"Bucket": name, "Prefix": prefix, "Delimiter": delimiter}
    for kind in ("list_objects_v2", "list_objects"):
        for size in (1000, 1, 2, 3):
            got_keys, got_prefixes = [], []
            pages = s3.get_paginator(kind).paginate(
                **args, PaginationConfig={"PageSize": size}
            )
            for page in pages:
                these = page.get("Contents", []), page.get("CommonPrefixes", [])
                got_keys += [x["Key"] for x in these[0]]
                got_prefixes += [x["Prefix"] for x in these[1]]
                assert len(these[0]) + len(these[1]) <= size
            assert (got_keys, got_prefixes) == (keys, prefixes), (kind, size)


def test_listing_details(s3, name):
    for x in NAMES:
        s3.put_object(Bucket=name, Key=x, Body=b"abc")
    page = s3.list_objects_v2(Bucket=name, StartAfter="b/1", FetchOwner=True)
    assert [x["Key"] for x in page["Contents"]] == NAMES[6:]
    first = page["Contents"][0]
    assert first["Size"] == 3 and first["StorageClass"] == "STANDARD"
    assert first["ETag"] == f'"{hashlib.md5(b"abc").hexdigest()}"'
    assert first["Owner"]["ID"]
    assert page["KeyCount"] == len(NAMES) - 6
    none = s3.list_objects_v2(Bucket=name, MaxKeys=0)
    assert none["KeyCount"] == 0 and not none["IsTruncated"]
    refused(
        "InvalidArgument",
        s3.list_objects_v2,
        Bucket=name,
        ContinuationToken="not-a-token",
    )
    versions = s3.list_object_versions(Bucket=name)["Versions"]
    assert [x["Key"] for x in versions] == NAMES


# -- multipart ----------------------------------------------------------------------

MIN = 5 << 20


def begin(s3, bucket, key="k", **more):
    made = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)
    return {"Bucket": bucket, "Key": key, "UploadId": made["UploadId"]}


def put_part(s3, up, number, body):
    return {
        "PartNumber": number,
        "ETag": s3.upload_part(**up, PartNumber=number, Body=body)["ETag"],
    }


def complete(s3, up, parts, **more):
    return s3.complete_multipart_upload(
        **up, MultipartUpload={"Parts": parts}, **more
    )


def test_multipart_out_of_order_and_sent_again(s3, name):
    up = begin(s3, name, "a b/ü", Metadata={"k": "v"}, ContentType="text/x")
    first, last = b"a" * MIN, b"end"
    three = put_part(s3, up, 10000, last)
    put_part(s3, up, 2, b"wrong" * MIN)
    two = put_part(s3, up, 2, first)
    put_part(s3, up, 7, b"never named")
    refused("NoSuchKey", s3.get_object, Bucket=name, Key="a b/ü")
    listed = s3.list_parts(**up)["Parts"]
    assert [(p["PartNumber"], p["Size"]) for p in listed] == [
        (2, MIN),
        (7, 11),
        (10000, 3),
    ]
    page = s3.list_parts(**up, MaxParts=1, PartNumberMarker=2)
    assert page["IsTruncated"] and page["Parts"][0]["PartNumber"] == 7
    done = complete(s3, up, [two, three])
    # Who did not get the answer asks again.
    again = complete(s3, up, [two, three])
    assert again["ETag"] == done["ETag"]
    refused("NoSuchUpload", complete, s3=s3, up=up, parts=[two])
    whole = hashlib.md5(
        hashlib.md5(first).digest() + hashlib.md5(last).digest()
    ).hexdigest()
    assert done["ETag"] == f'"{whole}-2"'
    got = s3.get_object(Bucket=name, Key="a b/ü")
    assert got["Body"].read() == first + last
    assert got["ETag"] == done["ETag"]
    assert got["Metadata"] == {"k": "v"} and got["ContentType"] == "text/x"
    refused("NoSuchUpload", s3.list_parts, **up)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=name)


def test_parts_of_objects(s3, name):
    bodies = {2: b"a" * MIN, 3: b"b" * MIN, 9: b"c" * MIN, 10: b"end"}
    at = {"Bucket": name, "Key": "k"}
    up = begin(s3, name, ChecksumAlgorithm="SHA256")
    parts = []
    for number, body in bodies.items():
        more = {"PartNumber": number, "ChecksumAlgorithm": "SHA256"}
        done = s3.upload_part(**up, Body=body, **more)
        kept = {k: done[k] for k in ("ETag", "ChecksumSHA256")}
        parts.append({"PartNumber": number, **kept})
    whole = complete(s3, up, parts)
    start, total = 0, sum(map(len, bodies.values()))
    for part, body in zip(parts, bodies.values()):
        number = part["PartNumber"]
        for ask in (s3.get_object, s3.head_object):
            got = ask(**at, PartNumber=number, ChecksumMode="ENABLED")
            assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert got["PartsCount"] == 4 and got["ETag"] == whole["ETag"]
            assert got["ContentLength"] == len(body)
            assert got["ChecksumSHA256"] == part["ChecksumSHA256"]
            assert got["ChecksumType"] == "COMPOSITE"
            if ask == s3.get_object:
                assert got["Body"].read() == body
                end = start + len(body) - 1
                assert got["ContentRange"] == f"bytes {start}-{end}/{total}"
        start += len(body)
    for number in (1, 4, 11, 10000):
        refused("InvalidPart", s3.get_object, **at, PartNumber=number)
    for number in (0, 10001):
        refused("InvalidArgument", s3.get_object, **at, PartNumber=number)
    refused("InvalidRequest", s3.get_object, **at, PartNumber=2, Range="bytes=0-1")
    wanted = ["ObjectParts", "ObjectSize", "Checksum", "ETag", "StorageClass"]
    got = s3.get_object_attributes(**at, ObjectAttributes=wanted)
    assert got["ObjectSize"] == total
    assert got["Checksum"]["ChecksumSHA256"] == whole["ChecksumSHA256"]
    shown = got["ObjectParts"]
    assert shown["TotalPartsCount"] == 4 and not shown["IsTruncated"]
    assert shown["Parts"] == [
        {
            "PartNumber": x["PartNumber"],
            "Size": len(bodies[x["PartNumber"]]),
            "ChecksumSHA256": x["ChecksumSHA256"],
        }
        for x in parts
    ]
    page = s3.get_object_attributes(
        **at, ObjectAttributes=["ObjectParts"], MaxParts=2, PartNumberMarker=2
    )["ObjectParts"]
    assert [x["PartNumber"] for x in page["Parts"]] == [3, 9]
    assert page["IsTruncated"] and page["NextPartNumberMarker"] == 9
    # The whole, and what has no parts.
    assert s3.get_object(**at)["ContentLength"] == total
    s3.put_object(**at, Body=b"one")
    got = s3.get_object(**at, PartNumber=1)
    assert got["Body"].read() == b"one" and "PartsCount" not in got
    refused("InvalidPart", s3.get_object, **at, PartNumber=2)
    got = s3.get_object_attributes(**at, ObjectAttributes=["ObjectParts"])
    assert "ObjectParts" not in got


def test_multipart_refusals(s3, name):
    up = begin(s3, name)
    one = put_part(s3, up, 1, b"small")
    two = put_part(s3, up, 2, b"small, too")
    refused("EntityTooSmall", complete, s3=s3, up=up, parts=[one, two])
    refused("InvalidPartOrder", complete, s3=s3, up=up, parts=[two, one])
    other = {**one, "ETag": two["ETag"]}
    refused("InvalidPart", complete, s3=s3, up=up, parts=[other])
    missing = {**one, "PartNumber": 3}
    refused("InvalidPart", complete, s3=s3, up=up, parts=[missing])
    refused("MalformedXML", complete, s3=s3, up=up, parts=[])
    for number in (0, 10001):
        refused("InvalidArgument", put_part, s3=s3, up=up, number=number, body=b"")
    elsewhere = {**up, "Key": "another"}
    refused("NoSuchUpload", put_part, s3=s3, up=elsewhere, number=1, body=b"")
    s3.put_object(Bucket=name, Key="k", Body=b"sooner")
    refused(
        "PreconditionFailed",
        s3.complete_multipart_upload,
        **up,
        MultipartUpload={"Parts": [one]},
        IfNoneMatch="*",
    )
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"sooner"
    s3.abort_multipart_upload(**up)
    refused("NoSuchUpload", s3.abort_multipart_upload, **up)
    refused("NoSuchUpload", put_part, s3=s3, up=up, number=1, body=b"x")


def test_multipart_listing(s3, name):
    keys = ["b", "a/1", "a/2", "a/1"]
    uploads = [begin(s3, name, k) for k in keys]
    listed = s3.list_multipart_uploads(Bucket=name)["Uploads"]
    assert [x["Key"] for x in listed] == sorted(keys)
    below = s3.list_multipart_uploads(Bucket=name, Prefix="a/", MaxUploads=1)
    assert below["IsTruncated"] and len(below["Uploads"]) == 1
    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=name, PaginationConfig={"PageSize": 1}
    )
    ids = [x["UploadId"] for page in pages for x in page["Uploads"]]
    assert sorted(ids) == sorted(x["UploadId"] for x in uploads)
    assert "Contents" not in s3.list_objects_v2(Bucket=name)
    assert len(s3.list_buckets()["Buckets"]) == len(
        {b["Name"] for b in s3.list_buckets()["Buckets"]}
    )
    for up in uploads:
        s3.abort_multipart_upload(**up)


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_of_parts(s3, name, algorithm, kind):
    asked = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    kinds = {"SHA1": "COMPOSITE", "SHA256": "COMPOSITE", "CRC64NVME": "FULL_OBJECT"}
    if kinds.get(algorithm, kind) != kind:
        refused("InvalidRequest", begin, s3=s3, bucket=name, **asked)
        return
    field = f"Checksum{algorithm}"
    plain = connect(
        s3.meta.endpoint_url, request_checksum_calculation="when_required"
    )

    def sum_of(body):
        """What the node computes; its digests have tests of their own."""
        other = begin(s3, name, "other", ChecksumAlgorithm=algorithm)
        done = plain.upload_part(**other, PartNumber=1, Body=body)
        s3.abort_multipart_upload(**other)
        return done[field]

    contents = [os.urandom(MIN), os.urandom(MIN + 1), b"end"]
    up = begin(s3, name, "k", **asked)
    sums, parts = [], []
    for n, body in enumerate(contents, 1):
        at = {**up, "PartNumber": n, "Body": body}
        if n == 2 or algorithm in ("CRC32C", "CRC64NVME"):  # not botocore's own
            done = plain.upload_part(**at)
        else:
            done = s3.upload_part(**at, ChecksumAlgorithm=algorithm)
            assert done[field] == sum_of(body)
        sums.append(done[field])
        parts.append({"PartNumber": n, "ETag": done["ETag"], field: done[field]})
    listed = s3.list_parts(**up)
    assert listed["ChecksumAlgorithm"] == algorithm
    assert listed["ChecksumType"] == kind
    assert [p[field] for p in listed["Parts"]] == sums
    if kind == "FULL_OBJECT":
        whole = sum_of(b"".join(contents))
    else:
        whole = sum_of(b"".join(base64.b64decode(x) for x in sums)) + "-3"
    wrong = [{**p} for p in parts]
    wrong[0][field] = sums[1]
    refused("InvalidPart", complete, s3=s3, up=up, parts=wrong)
    done = complete(s3, up, parts)
    assert done[field] == whole and done["ChecksumType"] == kind
    got = s3.get_object(Bucket=name, Key="k", ChecksumMode="ENABLED")
    assert got[field] == whole and got["ChecksumType"] == kind
    assert got["Body"].read() == b"".join(contents)
    seen = s3.get_object_attributes(
        Bucket=name,
        Key="k",
        ObjectAttributes=["ETag", "Checksum", "ObjectParts", "ObjectSize"],
    )
    assert seen["Checksum"] == {field: whole, "ChecksumType": kind}
    assert seen["ObjectParts"]["TotalPartsCount"] == 3
    assert seen["ObjectSize"] == 2 * MIN + 4
    assert f'"{seen["ETag"]}"' == done["ETag"]
    assert "StorageClass" not in seen


def test_parts_with_other_checksums(s3, name):
    up = begin(s3, name, "k", ChecksumAlgorithm="SHA256")
    refused(
        "InvalidRequest",
        s3.upload_part,
        **up,
        PartNumber=1,
        Body=b"x",
        ChecksumAlgorithm="CRC32",
    )
    one = s3.upload_part(**up, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    part = {"PartNumber": 1, "ETag": one["ETag"]}
    refused(
        "BadDigest",
        s3.complete_multipart_upload,
        **up,
        MultipartUpload={"Parts": [part]},
        ChecksumSHA256=one["ChecksumSHA256"],  # of the part, not of the parts
    )
    refused("NoSuchKey", s3.get_object, Bucket=name, Key="k")
    complete(s3, up, [part])
    attributes = ["StorageClass"]
    seen = s3.get_object_attributes(Bucket=name, Key="k", ObjectAttributes=attributes)
    assert seen["StorageClass"] == "STANDARD" and "ETag" not in seen
    refused(
        "InvalidArgument",
        s3.get_object_attributes,
        Bucket=name,
        Key="k",
        ObjectAttributes=["Strange"],
    )
    refused(
        "NoSuchKey",
        s3.get_object_attributes,
        Bucket=name,
        Key="none",
        ObjectAttributes=attributes,
    )


def copy_part(s3, up, number, source, span=None, **more):
    if span:
        more["CopySourceRange"] = f"bytes={span[0]}-{span[1]}"
    made = s3.upload_part_copy(**up, PartNumber=number, CopySource=source, **more)
    return {"PartNumber": number, "ETag": made["CopyPartResult"]["ETag"]}


def test_parts_that_are_copied(s3, name):
    content = bytes(range(256)) * (MIN // 256) + b"the rest"
    source = {"Bucket": name, "Key": "dir/a b+"}
    s3.put_object(Bucket=name, Key="dir/a b+", Body=content)
    s3.put_object(Bucket=name, Key="empty")
    up = begin(s3, name, "whole")
    parts = [
        copy_part(s3, up, 1, source),
        copy_part(s3, up, 2, source, (7, MIN + 6)),
        put_part(s3, up, 3, b"x" * MIN),
        copy_part(s3, up, 4, source, (len(content) - 4, len(content) - 1)),
    ]
    for part, raw in ((parts[1], content[7 : MIN + 7]), (parts[3], b"rest")):
        assert part["ETag"] == f'"{hashlib.md5(raw).hexdigest()}"'
    # Sent again, the last one counts.
    parts[3] = copy_part(s3, up, 4, {"Bucket": name, "Key": "empty"})
    parts[3] = copy_part(s3, up, 4, source, (0, 0))
    complete(s3, up, parts)
    got = s3.get_object(Bucket=name, Key="whole")["Body"].read()
    assert got == content + content[7 : MIN + 7] + b"x" * MIN + content[:1]


def test_copied_parts_that_are_refused(s3, name):
    made = s3.put_object(Bucket=name, Key="five", Body=b"12345")
    up = begin(s3, name)
    source = {"Bucket": name, "Key": "five"}
    one = {**up, "PartNumber": 1, "CopySource": source}
    for span in ("bytes=0-5", "bytes=5-5", "bytes=1000-2000"):
        refused("InvalidRange", s3.upload_part_copy, **one, CopySourceRange=span)
    for span in ("0-2", "bytes=0", "bytes=hello-world", "bytes=0-bar", "bytes=2-1"):
        refused("InvalidArgument", s3.upload_part_copy, **one, CopySourceRange=span)
    refused("InvalidArgument", s3.upload_part_copy, **{**one, "PartNumber": 10001})
    for key in ("Key", "Bucket"):
        absent = {**one, "CopySource": {**source, key: "not-there"}}
        refused(f"NoSuch{key}", s3.upload_part_copy, **absent)
    gone = {**one, "UploadId": up["UploadId"][:-1] + "x"}
    refused("NoSuchUpload", s3.upload_part_copy, **gone)
    tag = made["ETag"]
    refused("PreconditionFailed", s3.upload_part_copy, **one, CopySourceIfMatch="x")
    refused(
        "PreconditionFailed", s3.upload_part_copy, **one, CopySourceIfNoneMatch=tag
    )
    assert "Parts" not in s3.list_parts(**up)
    s3.upload_part_copy(**one, CopySourceIfMatch=tag, CopySourceIfNoneMatch="x")
    assert [x["Size"] for x in s3.list_parts(**up)["Parts"]] == [5]
    s3.abort_multipart_upload(**up)


def test_checksums_of_copied_parts(s3, name):
    s3.put_object(Bucket=name, Key="from", Body=b"0123456789")
    up = begin(s3, name, ChecksumAlgorithm="SHA256")
    made = s3.upload_part_copy(
        **up,
        PartNumber=1,
        CopySource={"Bucket": name, "Key": "from"},
        CopySourceRange="bytes=2-4",
    )["CopyPartResult"]
    raw = hashlib.sha256(b"234").digest()
    assert made["ChecksumSHA256"] == base64.b64encode(raw).decode()
    done = complete(s3, up, [{"PartNumber": 1, "ETag": made["ETag"]}])
    whole = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    assert done["ChecksumSHA256"] == f"{whole}-1"


def test_upload_and_download_of_large_files(s3, name, tmp_path):
    path = tmp_path / "large"
    path.write_bytes(os.urandom(20 << 20))
    s3.upload_file(str(path), name, "large")
    s3.download_file(name, "large", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == path.read_bytes()


def test_parts_survive_a_crash(fresh_node):
    fresh_node.start()
    s3 = connect(fresh_node.url)
    s3.create_bucket(Bucket="bck")
    up, other = begin(s3, "bck"), begin(s3, "bck", "other")
    parts = [put_part(s3, up, 1, b"a" * MIN)]
    put_part(s3, other, 1, b"x")
    fresh_node.kill()
    fresh_node.start()
    s3 = connect(fresh_node.url)
    assert len(s3.list_multipart_uploads(Bucket="bck")["Uploads"]) == 2
    parts.append(put_part(s3, up, 2, b"b"))
    complete(s3, up, parts)
    got = s3.get_object(Bucket="bck", Key="k")["Body"].read()
    assert got == b"a" * MIN + b"b"
    s3.abort_multipart_upload(**other)
    left = [
        p
        for p in fresh_node.dir.rglob("*")
        if p.is_file() and "@#s3-uploads" in str(p)
    ]
    assert left == []
    # Uploads go with their bucket.
    up = begin(s3, "bck")
    s3.delete_object(Bucket="bck", Key="k")
    s3.delete_bucket(Bucket="bck")
    s3.create_bucket(Bucket="bck")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="bck")
    refused("NoSuchUpload", s3.list_parts, **up)


def test_conditional_deletes(s3, name):
    at = {"Bucket": name, "Key": "k"}
    tag = s3.put_object(**at, Body=b"x")["ETag"]
    refused("PreconditionFailed", s3.delete_object, **at, IfMatch='"other"')

    def batch(etag):
        objects = [{"Key": "k", "ETag": etag}, {"Key": "other"}]
        return s3.delete_objects(Bucket=name, Delete={"Objects": objects})

    done = batch('"other"')
    assert [x["Code"] for x in done["Errors"]] == ["PreconditionFailed"]
    assert [x["Key"] for x in done["Deleted"]] == ["other"]
    assert s3.get_object(**at)["Body"].read() == b"x"
    assert "Errors" not in batch(tag)
    refused("NoSuchKey", s3.get_object, **at)
    assert "Errors" not in batch(tag)
    s3.delete_object(**at, IfMatch=tag)
    s3.put_object(**at, Body=b"y")
    s3.delete_object(**at, IfMatch="*")
    refused("NoSuchKey", s3.get_object, **at)


def test_deletes_by_size_and_time(s3, name):
    at = {"Bucket": name, "Key": "k"}
    past = datetime.datetime(2015, 1, 1, tzinfo=datetime.timezone.utc)
    s3.put_object(**at, Body=b"four")
    when = s3.head_object(**at)["LastModified"]
    bad = [{"Size": 5}, {"LastModifiedTime": past}, {"Size": 4, "LastModifiedTime": past}]
    for more in bad:
        asked = {f"IfMatch{k}": v for k, v in more.items()}
        refused("PreconditionFailed", s3.delete_object, **at, **asked)
        batch = {"Objects": [{"Key": "k", **more}]}
        [why] = s3.delete_objects(Bucket=name, Delete=batch)["Errors"]
        assert why["Code"] == "PreconditionFailed"
    assert s3.get_object(**at)["Body"].read() == b"four"
    good = {"Size": 4, "LastModifiedTime": when}
    done = s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "k", **good}]})
    assert "Errors" not in done
    refused("NoSuchKey", s3.get_object, **at)
    s3.delete_object(**at, IfMatchSize=9)  # what is not there is gone
    s3.put_object(**at, Body=b"")
    s3.delete_object(**at, IfMatchSize=0)
    refused("NoSuchKey", s3.get_object, **at)


# -- tags -------------------------------------------------------------------------


def tag_set(**tags):
    return [{"Key": k, "Value": v} for k, v in tags.items()]


def test_object_tags(s3, name):
    at = {"Bucket": name, "Key": "k"}
    refused("NoSuchKey", s3.get_object_tagging, **at)
    s3.put_object(**at, Body=b"x", Metadata={"m": "v"})
    before = s3.head_object(**at)
    assert s3.get_object_tagging(**at)["TagSet"] == [] and "TagCount" not in before
    tags = tag_set(a="1", b="", c="x=y&z +/ü")
    s3.put_object_tagging(**at, Tagging={"TagSet": tags})
    assert s3.get_object_tagging(**at)["TagSet"] == tags
    got = s3.get_object(**at)
    assert got["TagCount"] == 3 and got["Body"].read() == b"x"
    # Neither the content nor the rest has changed.
    for field in ("ETag", "LastModified", "Metadata"):
        assert got[field] == before[field]
    s3.put_object_tagging(**at, Tagging={"TagSet": tag_set(d="2")})
    assert s3.get_object_tagging(**at)["TagSet"] == tag_set(d="2")
    s3.delete_object_tagging(**at)
    assert s3.get_object_tagging(**at)["TagSet"] == []
    s3.delete_object_tagging(**at)


def test_tags_come_with_objects(s3, name):
    at = {"Bucket": name, "Key": "k"}
    s3.put_object(**at, Body=b"x", Tagging="a=1&b=two%20words")
    tags = tag_set(a="1", b="two words")
    assert s3.get_object_tagging(**at)["TagSet"] == tags
    source = f"{name}/k"

    def tags_of_copy(**more):
        s3.copy_object(Bucket=name, Key="copy", CopySource=source, **more)
        return s3.get_object_tagging(Bucket=name, Key="copy")["TagSet"]

    assert tags_of_copy() == tags
    assert tags_of_copy(MetadataDirective="REPLACE", Metadata={"n": "1"}) == tags
    assert tags_of_copy(Tagging="ignored=1") == tags
    new = tags_of_copy(TaggingDirective="REPLACE", Tagging="c=3")
    assert new == tag_set(c="3")
    assert tags_of_copy(TaggingDirective="REPLACE") == []
    s3.put_object(**at, Body=b"y")
    assert s3.get_object_tagging(**at)["TagSet"] == []
    up = begin(s3, name, "multi", Tagging="m=1")
    complete(s3, up, [put_part(s3, up, 1, b"part")])
    multi = s3.get_object_tagging(Bucket=name, Key="multi")["TagSet"]
    assert multi == tag_set(m="1")


def test_tags_that_are_refused(s3, name):
    at = {"Bucket": name, "Key": "k"}
    s3.put_object(**at, Body=b"x", Tagging="kept=1")
    for tags in (
        tag_set(**{f"k{i}": "v" for i in range(11)}),
        tag_set(**{"k" * 129: "v"}),
        tag_set(k="v" * 257),
        tag_set(a="1") + tag_set(a="2"),
        tag_set(**{"aws:x": "v"}),
        tag_set(**{f"{i}" * 120: "v" * 256 for i in range(10)}),  # too long
    ):
        refused("InvalidTag", s3.put_object_tagging, **at, Tagging={"TagSet": tags})
    long = tag_set(**{"ü" * 128: "€" * 256})
    s3.put_object_tagging(Bucket=name, Key="k", Tagging={"TagSet": long})
    assert s3.get_object_tagging(**at)["TagSet"] == long
    refused("InvalidTag", s3.put_object, **at, Body=b"new", Tagging="a=1&a=2")
    assert s3.get_object(**at)["Body"].read() == b"x"
    refused(
        "NoSuchKey",
        s3.put_object_tagging,
        Bucket=name,
        Key="none",
        Tagging={"TagSet": tag_set(a="1")},
    )


def test_bucket_tags(s3, name):
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=name)
    tags = tag_set(team="vision & sound", cost="<4711>")
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    many = tag_set(**{f"k{i}": "v" for i in range(51)})
    refused(
        "InvalidTag", s3.put_bucket_tagging, Bucket=name, Tagging={"TagSet": many}
    )
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=name)
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=name)
    refused("NoSuchBucket", s3.get_bucket_tagging, Bucket="there-is-none")


def test_tags_are_hidden_from_the_native_api(node, bucket):
    s3 = connect(node.url)
    url = f"{node.url}/v1/objects/{bucket}/k"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1", Metadata={"m": "v"})
    for r in (requests.get(url), requests.head(url), requests.head(url + "?props=custom")):
        assert "m=v" in r.headers["Ais-Custom-Md"]
        assert "s3:" not in r.headers["Ais-Custom-Md"]
    assert not requests.put(url, data=b"y", headers={"Ais-Custom-Md": "s3:tags=b"}).ok
    patch = {"action": "", "value": {"n": "w"}}
    assert requests.patch(url + "?set-new-custom=true", json=patch).ok
    patch["value"] = {"s3:tags": "b=2"}
    assert requests.patch(url, json=patch).status_code == 400
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"n": "w"}
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tag_set(a="1")


# -- browsers -----------------------------------------------------------------------


def test_cors(s3, name):
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=name)
    rules = [
        {
            "ID": "one",
            "AllowedOrigins": ["https://*.example.com"],
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["x-amz-*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": 60,
        }
    ]
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": rules})
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"] == rules
    s3.put_object(Bucket=name, Key="k", Body=b"content")
    page = "https://a.example.com"
    signer = connect(s3.meta.endpoint_url, signature_version="s3v4")
    url = signer.generate_presigned_url("get_object", {"Bucket": name, "Key": "k"})
    r = requests.get(url, headers={"Origin": page}, timeout=30)
    assert r.content == b"content"
    assert r.headers["Access-Control-Allow-Origin"] == page
    assert r.headers["Access-Control-Expose-Headers"] == "ETag"
    r = requests.get(url, headers={"Origin": "https://other.com"}, timeout=30)
    assert r.content == b"content"
    assert "Access-Control-Allow-Origin" not in r.headers

    # Nobody signs what a browser asks first.
    def ask(origin, method, headers="", key="/k"):
        asked = {"Origin": origin, "Access-Control-Request-Method": method}
        if headers:
            asked["Access-Control-Request-Headers"] = headers
        to = s3.meta.endpoint_url + f"/{name}{key}"
        return requests.options(to, headers=asked, timeout=30)

    for key in ("/k", "/none", ""):
        r = ask(page, "PUT", "X-Amz-Date", key)
        assert r.status_code == 200 and not r.content
        assert r.headers["Access-Control-Allow-Methods"] == "GET, PUT"
        assert r.headers["Access-Control-Allow-Headers"] == "x-amz-date"
        assert r.headers["Access-Control-Max-Age"] == "60"
    for args in ((page, "DELETE"), (page, "PUT", "range"), ("https://b.com", "GET")):
        r = ask(*args)
        assert r.status_code == 403 and b"AccessForbidden" in r.content
        assert "Access-Control-Allow-Origin" not in r.headers
    r = requests.options(f"{s3.meta.endpoint_url}/{name}/k", timeout=30)
    assert r.status_code == 400 and b"BadRequest" in r.content
    bad = [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]
    refused(
        "InvalidRequest",
        s3.put_bucket_cors,
        Bucket=name,
        CORSConfiguration={"CORSRules": bad},
    )
    assert s3.get_bucket_cors(Bucket=name)["CORSRules"] == rules
    s3.delete_bucket_cors(Bucket=name)
    refused("NoSuchCORSConfiguration", s3.get_bucket_cors, Bucket=name)
    assert ask(page, "GET").status_code == 403


# -- names --------------------------------------------------------------------------


def test_names_of_white_space(s3, name):
    for key in (" ", "\t", " a "):
        s3.put_object(Bucket=name, Key=key, Body=b"x")
    gone = {"Objects": [{"Key": k} for k in (" ", "\t", " a ")]}
    assert len(s3.delete_objects(Bucket=name, Delete=gone)["Deleted"]) == 3
    assert "Contents" not in s3.list_objects_v2(Bucket=name)


# -- clusters -----------------------------------------------------------------------


@pytest.fixture
def wide(scattered, bucket_name):
    """Clients of all nodes, and an empty bucket."""
    clients = [connect(node.url) for node in scattered.nodes]
    clients[0].create_bucket(Bucket=bucket_name)
    return clients, bucket_name


def owners(cluster, bucket, keys):
    """Which target answers for each key, by its own signed word."""
    out = {}
    for key in keys:
        for node in cluster.targets:
            s3 = connect(node.url)
            s3.meta.events.register(
                "before-sign.s3.*",
                lambda request, **_: request.headers.add_header(
                    "Ais-Relayed-By", "test"
                ),
            )
            try:
                s3.head_object(Bucket=bucket, Key=key)
                out[key] = node
            except ClientError as e:
                assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    return out


def test_every_node_serves_every_object(scattered, wide):
    clients, bucket = wide
    keys = [f"dir{i % 3}/key {i}ü" for i in range(24)]
    for i, key in enumerate(keys):
        clients[i % 4].put_object(
            Bucket=bucket, Key=key, Body=key.encode() * 1000, Metadata={"i": str(i)}
        )
    assert len(set(owners(scattered, bucket, keys).values())) == 3
    for s3 in clients:
        listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
        assert [x["Key"] for x in listed] == sorted(keys)
        below = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=2)
        assert [x["Prefix"] for x in below["CommonPrefixes"]] == ["dir0/", "dir1/"]
        for i, key in enumerate(keys):
            got = s3.get_object(Bucket=bucket, Key=key, Range="bytes=10-29")
            assert got["Body"].read() == (key.encode() * 1000)[10:30]
            head = s3.head_object(Bucket=bucket, Key=key)
            assert head["Metadata"] == {"i": str(i)}
            whole = hashlib.md5(key.encode() * 1000).hexdigest()
            assert head["ETag"] == f'"{whole}"'
    gone = [{"Key": k} for k in keys[:20]] + [{"Key": "never there"}]
    done = clients[2].delete_objects(Bucket=bucket, Delete={"Objects": gone})
    assert len(done["Deleted"]) == 21 and "Errors" not in done
    for s3 in clients:
        listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
        assert [x["Key"] for x in listed] == sorted(keys[20:])
    for s3, key in zip(clients, keys[20:]):
        s3.delete_object(Bucket=bucket, Key=key)
        refused("NoSuchKey", clients[0].get_object, Bucket=bucket, Key=key)
    clients[1].delete_bucket(Bucket=bucket)


def test_copies_between_targets(scattered, wide):
    clients, bucket = wide
    sources, others = [[f"{x}{i}" for i in range(12)] for x in ("from", "to")]
    keys = sources + others
    for key in sources:
        clients[0].put_object(
            Bucket=bucket,
            Key=key,
            Body=key.encode() * 50_000,
            Metadata={"k": key},
            ContentType="text/x",
            ChecksumAlgorithm="SHA256",
        )
    for key in others:
        clients[0].put_object(Bucket=bucket, Key=key, Body=b"before")
    assert len(set(owners(scattered, bucket, keys).values())) == 3
    pairs = [(s, others[(i + j) % 12]) for i, s in enumerate(sources) for j in range(3)]
    for i, (source, to) in enumerate(pairs):
        s3, other = clients[i % 4], clients[(i + 1) % 4]
        before = other.head_object(Bucket=bucket, Key=source, ChecksumMode="ENABLED")
        more = {}
        if i % 2:
            more = {
                "MetadataDirective": "REPLACE",
                "Metadata": {"k": "new"},
                "CopySourceIfMatch": before["ETag"],
            }
        copied = s3.copy_object(
            Bucket=bucket,
            Key=to,
            CopySource={"Bucket": bucket, "Key": source},
            **more,
        )
        assert copied["CopyObjectResult"]["ETag"] == before["ETag"]
        got = other.get_object(Bucket=bucket, Key=to, ChecksumMode="ENABLED")
        assert got["Body"].read() == source.encode() * 50_000
        assert got["ETag"] == before["ETag"]
        assert got["ChecksumSHA256"] == before["ChecksumSHA256"]
        assert got["Metadata"] == {"k": "new" if i % 2 else source}
        refused(
            "PreconditionFailed",
            s3.copy_object,
            Bucket=bucket,
            Key=to,
            CopySource={"Bucket": bucket, "Key": source},
            CopySourceIfNoneMatch=before["ETag"],
        )


def test_uploads_by_every_node(scattered, wide):
    clients, bucket = wide
    keys = [f"dir/key{i}" for i in range(8)]
    ups = [begin(clients[i % 4], bucket, k) for i, k in enumerate(keys)]
    for i, up in enumerate(ups):
        parts = [
            put_part(clients[(i + n) % 4], up, n, bytes([65 + n]) * (MIN if n < 3 else 9))
            for n in (3, 1, 2)
        ]
        for s3 in clients:
            listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
            assert [x["Key"] for x in listed] == keys[i:]
            assert len(s3.list_parts(**up)["Parts"]) == 3
        if i == 7:
            clients[2].abort_multipart_upload(**up)
            refused("NoSuchUpload", clients[1].list_parts, **up)
            continue
        parts.sort(key=lambda x: x["PartNumber"])
        complete(clients[(i + 3) % 4], up, parts)
        got = clients[i % 4].get_object(Bucket=bucket, Key=keys[i])["Body"].read()
        assert got == b"B" * MIN + b"C" * MIN + b"D" * 9
    assert "Uploads" not in clients[3].list_multipart_uploads(Bucket=bucket)
    left = [
        p
        for node in scattered.targets
        for p in node.dir.rglob("*")
        if p.is_file() and "@#s3-uploads" in str(p) and bucket in str(p)
    ]
    assert left == []


def test_parts_copied_between_targets(scattered, wide):
    clients, bucket = wide
    keys = [f"k{i}" for i in range(6)]
    content = {k: k.encode() * (MIN // 2 + 5) for k in keys}
    for key in keys:
        clients[0].put_object(Bucket=bucket, Key=key, Body=content[key])
    for i, to in enumerate(("to1", "to2", "to3")):
        up = begin(clients[i], bucket, to)
        parts = [
            copy_part(
                clients[(i + n) % 4],
                up,
                n + 1,
                {"Bucket": bucket, "Key": key},
                (n, n + MIN - 1),
            )
            for n, key in enumerate(keys)
        ]
        refused(
            "NoSuchKey",
            clients[i].upload_part_copy,
            **up,
            PartNumber=9,
            CopySource={"Bucket": bucket, "Key": f"never there {i}"},
        )
        complete(clients[3 - i], up, parts)
        got = clients[i].get_object(Bucket=bucket, Key=to)["Body"].read()
        assert got == b"".join(content[k][n : n + MIN] for n, k in enumerate(keys))


def test_the_bytes_of_a_copied_part_need_a_signature(scattered, wide):
    clients, bucket = wide
    clients[0].put_object(Bucket=bucket, Key="from", Body=b"secret")
    for node in scattered.nodes:
        r = requests.put(
            f"{node.url}/{bucket}/to?partNumber=1&uploadId=0",
            headers={
                "Ais-Relayed-By": "a target, or so it says",
                "Ais-Part-Source": "1",
                "x-amz-copy-source": f"{bucket}/from",
            },
            timeout=30,
        )
        assert r.status_code == 403 and b"secret" not in r.content


def test_the_owner_looks_at_signatures_itself(scattered, wide):
    clients, bucket = wide
    keys = [f"k{i}" for i in range(9)]
    for key in keys:
        clients[0].put_object(Bucket=bucket, Key=key, Body=b"secret")
    for key in keys:
        answers = []
        for node in scattered.targets:
            r = requests.get(
                f"{node.url}/{bucket}/{key}",
                headers={"Ais-Relayed-By": "a proxy, or so it says"},
                timeout=30,
            )
            assert b"secret" not in r.content
            answers.append(r.status_code)
        # Only the owner knows the object's list; the others pass nothing on.
        assert sorted(answers) == [403, 503, 503]


def test_redirects_are_for_who_wants_them(tmp_path):
    it = Cluster(tmp_path, proxies=1, targets=1, more=["--s3-redirect"]).start()
    proxy, target = it.proxies[0], it.targets[0]
    assert requests.put(f"{proxy.url}/s3/bck", timeout=30).ok
    url = f"{proxy.url}/s3/bck/a%20b?x-id=PutObject"
    r = requests.put(url, data=b"content", allow_redirects=False, timeout=30)
    assert r.status_code == 307
    assert r.headers["Location"] == f"{target.url}/s3/bck/a%20b?x-id=PutObject"
    assert b"<Code>TemporaryRedirect</Code>" in r.content
    assert requests.put(url, data=b"content", timeout=30).ok
    assert requests.get(url, timeout=30).content == b"content"
    it.stop()


def test_what_cannot_be_deleted_is_told(tmp_path):
    it = Cluster(tmp_path, proxies=1, targets=2).start()
    s3 = connect(it.proxies[0].url)
    s3.create_bucket(Bucket="bck")
    keys = [f"k{i}" for i in range(20)]
    for key in keys:
        s3.put_object(Bucket="bck", Key=key, Body=b"x")
    it.targets[1].kill()
    done = s3.delete_objects(
        Bucket="bck", Delete={"Objects": [{"Key": k} for k in keys]}
    )
    told = [x["Key"] for x in done["Deleted"]] + [x["Key"] for x in done["Errors"]]
    assert sorted(told) == sorted(keys) and done["Deleted"]
    assert {x["Code"] for x in done["Errors"]} <= {"ServiceUnavailable", "RequestTimeout"}
    it.targets[1].start()
    it.wait_healthy()
    listed = s3.list_objects_v2(Bucket="bck")["Contents"]
    there = {x["Key"] for x in listed}
    assert not there & {x["Key"] for x in done["Deleted"]}
    it.stop()


# -- one object, two views ----------------------------------------------------------


def test_both_apis_see_the_same(node, bucket):
    s3 = connect(node.url)
    url = f"{node.url}/v1/objects/{bucket}"
    s3.put_object(Bucket=bucket, Key="s", Body=b"from s3", Metadata={"l": "cat"})
    native = requests.get(f"{url}/s")
    assert native.content == b"from s3"
    assert "l=cat" in native.headers["Ais-Custom-Md"]
    r = requests.put(f"{url}/n", data=b"native", headers={"Ais-Custom-Md": "l=dog"})
    assert r.ok
    got = s3.get_object(Bucket=bucket, Key="n")
    assert got["Body"].read() == b"native" and got["Metadata"] == {"l": "dog"}
    # Its ETag stays, whoever asks and wherever it comes from.
    tags = {got["ETag"], s3.head_object(Bucket=bucket, Key="n")["ETag"]}
    tags.add(s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ETag"])
    assert len(tags) == 1
    # Overwritten and appended content has another one.
    before = s3.head_object(Bucket=bucket, Key="s")["ETag"]
    r = requests.put(f"{url}/s", params={"append_type": "append"}, data=b"+")
    handle = r.headers["Ais-Append-Handle"]
    flush = {"append_type": "flush", "append_handle": handle}
    assert requests.put(f"{url}/s", params=flush).ok
    assert s3.get_object(Bucket=bucket, Key="s")["Body"].read() == b"from s3+"
    assert s3.head_object(Bucket=bucket, Key="s")["ETag"] != before


def test_etag_survives_a_restart(fresh_node):
    fresh_node.start()
    base = fresh_node.url
    s3 = connect(base)
    s3.create_bucket(Bucket="bck")
    requests.put(f"{base}/v1/objects/bck/n", data=b"native")
    s3.put_object(Bucket="bck", Key="s", Body=b"x", Metadata={"k": "v"})
    before = [s3.head_object(Bucket="bck", Key=k) for k in ("n", "s")]
    fresh_node.kill()
    fresh_node.start()
    s3 = connect(fresh_node.url)
    after = [s3.head_object(Bucket="bck", Key=k) for k in ("n", "s")]
    for a, b in zip(before, after):
        for field in ("ETag", "LastModified", "Metadata"):
            assert a[field] == b[field]


# -- authentication -------------------------------------------------------------------


def test_keys_levels_and_scopes(keyed):
    admin = connect(keyed.url)
    for bucket in ("open-1", "closed"):
        admin.create_bucket(Bucket=bucket)
        admin.put_object(Bucket=bucket, Key="k", Body=b"x")
    reader = connect(keyed.url, *READER)
    assert reader.get_object(Bucket="open-1", Key="k")["Body"].read() == b"x"
    assert [b["Name"] for b in reader.list_buckets()["Buckets"]] == ["open-1"]
    refused("AccessDenied", reader.put_object, Bucket="open-1", Key="k")
    refused("AccessDenied", reader.delete_object, Bucket="open-1", Key="k")
    refused("AccessDenied", reader.get_object, Bucket="closed", Key="k")
    stranger = connect(keyed.url, "nobody", "x")
    refused("InvalidAccessKeyId", stranger.get_object, Bucket="closed", Key="k")
    wrong = connect(keyed.url, KEY, "wrong")
    refused("SignatureDoesNotMatch", wrong.get_object, Bucket="closed", Key="k")
    unsigned = connect(keyed.url, signed=False)
    refused("AccessDenied", unsigned.get_object, Bucket="closed", Key="k")
    r = requests.get(f"{keyed.url}/s3/closed/k")
    assert r.status_code == 403 and "<Code>AccessDenied</Code>" in r.text
    assert r.headers["x-amz-request-id"]
    for bucket in ("open-1", "closed"):
        admin.delete_object(Bucket=bucket, Key="k")
        admin.delete_bucket(Bucket=bucket)


def test_presigned(keyed):
    s3 = connect(keyed.url, signature_version="s3v4")
    s3.create_bucket(Bucket="signed-urls")
    at = {"Bucket": "signed-urls", "Key": "a b/ü+"}
    put = s3.generate_presigned_url("put_object", Params=at, ExpiresIn=60)
    assert requests.put(put, data=b"payload").status_code == 200
    get = s3.generate_presigned_url("get_object", Params=at, ExpiresIn=60)
    assert requests.get(get).content == b"payload"
    assert requests.put(get, data=b"").status_code == 403
    r = requests.get(get.replace("a%20b", "a%20c"))
    assert "<Code>SignatureDoesNotMatch</Code>" in r.text
    r = requests.get(get + "&response-content-type=text/html")
    assert "<Code>SignatureDoesNotMatch</Code>" in r.text
    s3.delete_object(**at)
    s3.delete_bucket(Bucket="signed-urls")


def sign(keyed, auth, path="/", method="GET", data=b""):
    """A request as botocore signs it."""
    request = AWSRequest(method, keyed.url + path, {}, data)
    auth.add_auth(request)
    return request.prepare()


def send(prepared, **headers):
    return requests.request(
        prepared.method,
        prepared.url,
        data=prepared.body,
        headers={**prepared.headers, **headers},
    )


@pytest.mark.parametrize("path", ["/", "/x?prefix=a%20b&list-type=2", "/%C3%BC"])
def test_botocore_signs_what_we_compute(keyed, path):
    """Any answer but a complaint about the signature."""
    auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", "eu-west-3")
    r = send(sign(keyed, auth, path))
    assert r.status_code in (200, 404), r.text
    altered = send(sign(keyed, auth, path), **{"X-Amz-Meta-New": "1"})
    assert "<Code>AccessDenied</Code>" in altered.text


def test_old_and_expired_requests(keyed, monkeypatch):
    import botocore.auth as botocore_auth

    past = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    past -= datetime.timedelta(hours=1)
    for source in ("get_current_datetime",):
        if hasattr(botocore_auth, source):
            monkeypatch.setattr(botocore_auth, source, lambda *a, **k: past)
    creds = Credentials(KEY, SECRET)
    r = send(sign(keyed, S3SigV4Auth(creds, "s3", "us-east-1")))
    assert "<Code>RequestTimeTooSkewed</Code>" in r.text, r.text
    query = S3SigV4QueryAuth(creds, "s3", "us-east-1", expires=60)
    r = send(sign(keyed, query))
    assert r.status_code == 403 and "expired" in r.text


def test_body_must_be_what_was_signed(keyed):
    s3 = connect(keyed.url)
    s3.create_bucket(Bucket="bodies")
    auth = S3SigV4Auth(Credentials(KEY, SECRET), "s3", "us-east-1")
    good = sign(keyed, auth, "/bodies/k", method="PUT", data=b"content")
    assert send(good).status_code == 200
    other = sign(keyed, auth, "/bodies/k", method="PUT", data=b"content")
    other.body = b"CONTENT"
    assert "XAmzContentSHA256Mismatch" in send(other).text
    assert s3.get_object(Bucket="bodies", Key="k")["Body"].read() == b"content"
    s3.delete_object(Bucket="bodies", Key="k")
    s3.delete_bucket(Bucket="bodies")


# -- owners, lists, policies ------------------------------------------------------------


class Users:
    """Clients of users who own buckets, of strangers, and of an administrator."""

    def __init__(self, urls, bucket):
        def client(n, *args, **more):
            return connect(urls[n % len(urls)], *args, **more)

        self.bucket = bucket
        self.alice = client(0, *ALICE)
        self.alice_too = client(1, *ALICE_TOO)
        self.bob = client(2, *BOB)
        self.nobody = client(3, signed=False)
        self.admin = client(4)
        self.reader = client(5, *READER)
        self.all = [self.alice, self.bob, self.nobody, self.admin, self.reader]
        self.strangers = [self.bob, self.nobody, self.reader]

    def read(self, who, key="k", **more):
        return who.get_object(Bucket=self.bucket, Key=key, **more)["Body"].read()

    def policy(self, *statements):
        for x in statements:
            x.setdefault("Principal", "*")
            x.setdefault("Effect", "Allow")
            x.setdefault("Resource", f"arn:aws:s3:::{self.bucket}/*")
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.alice.put_bucket_policy(Bucket=self.bucket, Policy=text)
        # Every node has it when the change is answered; see metasync.
        return text


@pytest.fixture(params=["keyed", "scattered"])
def users(request, bucket_name):
    """On a node alone, and where nearly every object is elsewhere."""
    where = request.getfixturevalue(request.param)
    urls = [node.url for node in getattr(where, "nodes", [where])]
    bucket = f"open-{bucket_name}"[:60]
    out = Users(urls, bucket)
    out.alice.create_bucket(Bucket=bucket)
    out.alice.put_object(Bucket=bucket, Key="k", Body=b"content")
    yield out
    out.alice.delete_bucket_policy(Bucket=bucket)
    for x in out.alice.list_objects_v2(Bucket=bucket).get("Contents", []):
        out.alice.delete_object(Bucket=bucket, Key=x["Key"])
    out.alice.delete_bucket(Bucket=bucket)


def denied(call, **kwargs):
    with pytest.raises(ClientError) as e:
        call(**kwargs)
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert e.value.response["Error"]["Code"] in ("AccessDenied", "403")


def test_buckets_are_their_owners(users):
    u, at = users, {"Bucket": users.bucket}
    for who in u.strangers:
        denied(who.head_bucket, **at)
        denied(who.list_objects_v2, **at)
        denied(who.list_objects, **at)
        denied(who.list_object_versions, **at)
        denied(who.list_multipart_uploads, **at)
        denied(who.get_bucket_acl, **at)
        denied(who.put_bucket_acl, **at, ACL="public-read")
        denied(who.get_bucket_policy, **at)
        denied(who.put_bucket_policy, **at, Policy="{}")
        denied(who.delete_bucket_policy, **at)
        denied(who.get_bucket_tagging, **at)
        denied(who.delete_bucket, **at)
        # There or not, they are told the same.
        for key in ("k", "not there"):
            denied(who.get_object, **at, Key=key)
            denied(who.head_object, **at, Key=key)
            denied(who.put_object, **at, Key=key)
            denied(who.delete_object, **at, Key=key)
            denied(who.get_object_acl, **at, Key=key)
            denied(who.put_object_acl, **at, Key=key, ACL="public-read")
            denied(who.get_object_tagging, **at, Key=key)
            denied(who.create_multipart_upload, **at, Key=key)
        denied(who.delete_objects, **at, Delete={"Objects": [{"Key": "k"}]})
        refused("NoSuchBucket", who.get_object, Bucket="open-none", Key="k")
    for who in (u.alice, u.alice_too, u.admin):
        assert u.read(who) == b"content"
        refused("NoSuchKey", who.get_object, **at, Key="not there")
        assert who.list_objects_v2(**at)["KeyCount"] == 1
    assert u.bucket in [x["Name"] for x in u.alice_too.list_buckets()["Buckets"]]
    for who in (u.bob, u.reader):
        assert u.bucket not in [x["Name"] for x in who.list_buckets()["Buckets"]]
    assert u.bucket in [x["Name"] for x in u.admin.list_buckets()["Buckets"]]
    assert u.alice.list_buckets()["Owner"]["ID"] == "alice"
    refused("BucketAlreadyExists", u.bob.create_bucket, **at)
    u.alice.create_bucket(**at)
    denied(u.alice.list_objects_v2, **at, ExpectedBucketOwner="bob")
    u.alice.list_objects_v2(**at, ExpectedBucketOwner="alice")


def test_who_owns_nothing_makes_nothing(users):
    denied(users.nobody.create_bucket, Bucket="open-anyone")
    denied(users.reader.create_bucket, Bucket="open-anyone")


def test_lists_of_buckets(users):
    u, at = users, {"Bucket": users.bucket}
    u.alice.put_bucket_acl(**at, ACL="public-read")
    for who in u.strangers:
        assert who.list_objects_v2(**at)["KeyCount"] == 1
        who.head_bucket(**at)
        denied(who.get_object, **at, Key="k")
        refused("NoSuchKey", who.get_object, **at, Key="not there")
        denied(who.put_object, **at, Key="new")
        denied(who.get_bucket_acl, **at)
    u.alice.put_bucket_acl(**at, ACL="authenticated-read")
    denied(u.nobody.list_objects_v2, **at)
    u.bob.list_objects_v2(**at)
    u.alice.put_bucket_acl(**at, ACL="public-read-write")
    for i, who in enumerate(u.strangers):
        who.put_object(**at, Key=f"new{i}", Body=b"theirs")
        gone = [{"Key": f"new{i}"}, {"Key": "never there"}]
        done = who.delete_objects(**at, Delete={"Objects": gone})
        assert len(done["Deleted"]) == 2
        denied(who.put_bucket_acl, **at, ACL="private")
        denied(who.delete_bucket, **at)
    u.alice.put_bucket_acl(**at, ACL="private")
    for who in u.strangers:
        denied(who.list_objects_v2, **at)
        denied(who.put_object, **at, Key="new")


def test_lists_of_objects(users):
    u, at = users, {"Bucket": users.bucket, "Key": "k"}
    u.alice.put_object(**at, Body=b"for all", ACL="public-read")
    for who in u.strangers:
        assert u.read(who) == b"for all"
        assert who.head_object(**at)["ContentLength"] == 7
        assert u.read(who, Range="bytes=4-") == b"all"
        denied(who.get_object_acl, **at)
        denied(who.get_object_tagging, **at)
        denied(who.put_object, **at, Body=b"mine")
        denied(who.delete_object, **at)
        denied(who.list_objects_v2, Bucket=u.bucket)
    # The list goes with what it came with.
    u.alice.put_object(**at, Body=b"private again")
    denied(u.bob.get_object, **at)
    u.alice.put_object_acl(**at, ACL="authenticated-read")
    assert u.read(u.bob) == b"private again"
    denied(u.nobody.get_object, **at)
    copy = {"Bucket": u.bucket, "Key": "copy"}
    u.alice.copy_object(**copy, CopySource=at)
    denied(u.bob.get_object, **copy)
    u.alice.copy_object(**copy, CopySource=at, ACL="public-read")
    assert u.read(u.nobody, "copy") == b"private again"
    u.alice.put_object_acl(**at, ACL="private")
    denied(u.bob.get_object, **at)
    up = begin(u.alice, u.bucket, "parts", ACL="public-read")
    complete(u.alice, up, [put_part(u.alice, up, 1, b"in parts")])
    assert u.read(u.nobody, "parts") == b"in parts"
    refused("InvalidArgument", u.alice.put_object, **at, ACL="public")
    denied(u.bob.put_object_acl, **at, ACL="public-read")


def test_grants(users):
    u, at = users, {"Bucket": users.bucket, "Key": "k"}
    acl = u.alice.get_object_acl(**at)
    me = {"ID": "alice", "DisplayName": "alice"}
    full = {"Grantee": {**me, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    assert acl["Owner"] == me and acl["Grants"] == [full]
    read = {"Grantee": {"Type": "CanonicalUser", "ID": "bob"}, "Permission": "READ"}
    policy = {"Owner": me, "Grants": [full, read]}
    u.alice.put_object_acl(**at, AccessControlPolicy=policy)
    assert u.read(u.bob) == b"content"
    denied(u.nobody.get_object, **at)
    denied(u.bob.get_object_acl, **at)
    u.alice.put_object_acl(**at, GrantWriteACP='id="bob"')
    denied(u.bob.get_object, **at)
    u.bob.put_object_acl(**at, GrantFullControl='id="bob"')
    assert u.bob.get_object_acl(**at)["Owner"] == me
    assert u.read(u.bob) == b"content" and u.read(u.alice) == b"content"
    refused("InvalidArgument", u.alice.put_object_acl, **at, GrantRead='id="none"')
    mail = {"Type": "AmazonCustomerByEmail", "EmailAddress": "a@example.com"}
    policy["Grants"] = [{"Grantee": mail, "Permission": "READ"}]
    refused(
        "UnresolvableGrantByEmailAddress",
        u.alice.put_object_acl,
        **at,
        AccessControlPolicy=policy,
    )
    policy = {"Owner": {"ID": "bob"}, "Grants": []}
    denied(u.alice.put_object_acl, **at, AccessControlPolicy=policy)
    u.alice.put_bucket_acl(Bucket=u.bucket, GrantRead='id="bob"')
    assert u.bob.list_objects_v2(Bucket=u.bucket)["Contents"][0]["Key"] == "k"
    denied(u.nobody.list_objects_v2, Bucket=u.bucket)


def test_copies_need_both_permissions(users):
    u = users
    at = {"Bucket": u.bucket, "Key": "k"}
    mine = {"Bucket": f"{u.bucket[:50]}-bob", "Key": "k"}
    u.bob.create_bucket(Bucket=mine["Bucket"])
    for key in ("k", "not there"):
        denied(u.bob.copy_object, **mine, CopySource={**at, "Key": key})
    up = begin(u.bob, mine["Bucket"])
    denied(u.bob.upload_part_copy, **up, PartNumber=1, CopySource=at)
    denied(u.alice.copy_object, **mine, CopySource=at)
    u.alice.put_object_acl(**at, ACL="public-read")
    u.bob.copy_object(**mine, CopySource=at)
    part = copy_part(u.bob, up, 1, at)
    complete(u.bob, up, [part])
    got = u.bob.get_object(**mine)["Body"].read()
    assert got == b"content"
    denied(u.alice.get_object, **mine)
    u.bob.delete_object(**mine)
    u.bob.delete_bucket(Bucket=mine["Bucket"])


def test_lists_outlive_restarts(fresh_node):
    lock(fresh_node)
    fresh_node.start()
    u = Users([fresh_node.url], "kept")
    u.alice.create_bucket(Bucket="kept", ACL="public-read")
    u.alice.put_object(Bucket="kept", Key="k", Body=b"x", ACL="public-read")
    u.policy({"Effect": "Deny", "Action": "s3:DeleteObject"})
    fresh_node.stop()
    fresh_node.start()
    u = Users([fresh_node.url], "kept")
    assert u.read(u.nobody) == b"x"
    denied(u.bob.get_bucket_acl, Bucket="kept")
    u.nobody.list_objects_v2(Bucket="kept")
    denied(u.alice.delete_object, Bucket="kept", Key="k")


def test_policies_as_bodies(users):
    u, at = users, {"Bucket": users.bucket}
    refused("NoSuchBucketPolicy", u.alice.get_bucket_policy, **at)
    u.alice.delete_bucket_policy(**at)
    text = u.policy({"Action": "s3:GetObject"})
    assert u.alice_too.get_bucket_policy(**at)["Policy"] == text
    assert u.alice.get_bucket_policy_status(**at)["PolicyStatus"]["IsPublic"]
    for bad in (
        "{}",
        "not JSON",
        text.replace("s3:GetObject", "s3:Fly"),
        text.replace(u.bucket, "another-bucket"),
        text.replace('"Principal"', '"NotPrincipal"'),
        text.replace("2012-10-17", "2013-01-01"),
        text[:-1] + " " * (20 << 10) + "}",
    ):
        refused("MalformedPolicy", u.alice.put_bucket_policy, **at, Policy=bad)
    assert u.alice.get_bucket_policy(**at)["Policy"] == text
    u.alice.delete_bucket_policy(**at)
    refused("NoSuchBucketPolicy", u.alice.get_bucket_policy, **at)
    assert not u.alice.get_bucket_policy_status(**at)["PolicyStatus"]["IsPublic"]


def test_policies_allow(users):
    u, at = users, {"Bucket": users.bucket, "Key": "k"}
    u.policy({"Action": "s3:GetObject"})
    for who in u.strangers:
        assert u.read(who) == b"content"
        denied(who.put_object, **at)
        denied(who.list_objects_v2, Bucket=u.bucket)
        # Who may not list is not told what there is.
        denied(who.get_object, Bucket=u.bucket, Key="not there")
    u.policy({"Action": ["s3:PutObject", "s3:DeleteObject"], "Principal": {"AWS": "bob"}})
    denied(u.nobody.put_object, **at)
    denied(u.bob.get_object, **at)
    u.bob.put_object(**at, Body=b"bob's")
    # A list and tags need permissions of their own.
    denied(u.bob.put_object, **at, ACL="public-read")
    denied(u.bob.put_object, **at, Tagging="a=b")
    assert u.read(u.alice) == b"bob's"
    u.bob.delete_object(**at)
    u.policy(
        {
            "Action": "s3:ListBucket",
            "Resource": f"arn:aws:s3:::{u.bucket}",
            "Condition": {"StringEquals": {"s3:prefix": "public/"}},
        }
    )
    u.nobody.list_objects_v2(Bucket=u.bucket, Prefix="public/")
    denied(u.nobody.list_objects_v2, Bucket=u.bucket)
    denied(u.nobody.list_objects_v2, Bucket=u.bucket, Prefix="private/")


def test_policies_deny(users):
    u, at = users, {"Bucket": users.bucket, "Key": "k"}
    u.alice.put_object_acl(**at, ACL="public-read")
    u.policy({"Effect": "Deny", "Action": "s3:*"}, {"Action": "s3:*"})
    for who in u.all:
        denied(who.get_object, **at)
        denied(who.put_object, **at)
    both = [f"arn:aws:s3:::{u.bucket}", f"arn:aws:s3:::{u.bucket}/*"]
    u.policy({"Effect": "Deny", "Action": "*", "Resource": both})
    denied(u.alice.list_objects_v2, Bucket=u.bucket)
    denied(u.bob.delete_bucket_policy, Bucket=u.bucket)
    u.admin.delete_bucket_policy(Bucket=u.bucket)
    assert u.read(u.nobody) == b"content"
    # Keys of a batch are judged one by one.
    u.alice.put_object(Bucket=u.bucket, Key="keep/this")
    u.policy(
        {"Action": "s3:DeleteObject", "Principal": {"AWS": "bob"}},
        {
            "Effect": "Deny",
            "Action": "s3:DeleteObject",
            "Resource": f"arn:aws:s3:::{u.bucket}/keep/*",
        },
    )
    gone = {"Objects": [{"Key": "k"}, {"Key": "keep/this"}]}
    for who, there in ((u.nobody, 2), (u.bob, 1)):
        done = who.delete_objects(Bucket=u.bucket, Delete=gone)
        assert [x["Code"] for x in done["Errors"]] == ["AccessDenied"] * there
        assert u.alice.list_objects_v2(Bucket=u.bucket)["KeyCount"] == there


def test_policies_look_at_addresses(users):
    """Of the client, whichever node he asks and whichever answers."""
    u, at = users, {"Bucket": users.bucket, "Key": "k"}

    def only(operator, address):
        u.policy(
            {
                "Action": "s3:GetObject",
                "Condition": {operator: {"aws:SourceIp": address}},
            }
        )

    only("IpAddress", ["127.0.0.0/8", "::1/128"])
    assert u.read(u.nobody) == b"content"
    denied(
        u.nobody.put_object, **at
    )
    only("IpAddress", "10.0.0.0/8")
    denied(u.nobody.get_object, **at)
    only("NotIpAddress", "127.0.0.0/8")
    denied(u.nobody.get_object, **at)
    for lie in ("10.0.0.1", "10.0.0.1 1795000000 proof", "10.0.0.1 0 "):
        r = requests.get(
            u.nobody.meta.endpoint_url + f"/{u.bucket}/k",
            headers={"Ais-Client": lie, "X-Forwarded-For": "10.0.0.1"},
        )
        assert r.status_code == 403, r.text


def test_policies_look_at_tags(users):
    u = users
    for key, tag in (("red", "colour=red"), ("blue", "colour=blue"), ("none", "")):
        u.alice.put_object(Bucket=u.bucket, Key=key, Body=b"x", Tagging=tag)
    red = {"StringEquals": {"s3:ExistingObjectTag/colour": "red"}}
    u.policy({"Action": ["s3:GetObject", "s3:GetObjectTagging"], "Condition": red})
    for who in u.strangers:
        assert u.read(who, "red") == b"x"
        assert who.get_object_tagging(Bucket=u.bucket, Key="red")["TagSet"]
        for key in ("blue", "none", "not there"):
            denied(who.get_object, Bucket=u.bucket, Key=key)
            denied(who.head_object, Bucket=u.bucket, Key=key)
            denied(who.get_object_tagging, Bucket=u.bucket, Key=key)
    u.policy({"Effect": "Deny", "Action": "s3:GetObject", "Condition": red})
    denied(u.alice.get_object, Bucket=u.bucket, Key="red")
    assert u.read(u.alice, "blue") == b"x"
    copy = {"Bucket": u.bucket, "Key": "copy"}
    source = {"Bucket": u.bucket, "Key": "red"}
    denied(u.alice.copy_object, **copy, CopySource=source)
    u.alice.copy_object(**copy, CopySource={**source, "Key": "blue"})


# -- forms ---------------------------------------------------------------------------


def send_form(who, bucket, fields, content, filename="f.txt", **more):
    """Posts a form as browsers do; fields keep their order."""
    body = [(k, (None, v)) for k, v in fields.items()]
    body.append(("file", (filename, content)))
    return requests.post(
        f"{who.meta.endpoint_url}/{bucket}",
        files=body,
        allow_redirects=False,
        timeout=30,
        **more,
    )


def signed_form(who, bucket, key, fields=None, conditions=None, v2=False, **more):
    """`who` are an access key and its secret."""
    signer = connect("http://any", *who, **({} if v2 else {"signature_version": "s3v4"}))
    return signer.generate_presigned_post(
        bucket, key, Fields=fields or {}, Conditions=conditions or [], **more
    )["fields"]


def test_forms(users):
    u = users
    big = bytes(range(256)) * (1 << 14) + b"\r\n--end"
    for i, (content, who) in enumerate(
        ((b"", u.alice), (b"small", u.bob), (b"\r\n--", u.nobody), (big, u.bob))
    ):
        # Whoever posts it, anywhere: it is alice who has signed.
        key = f"dir/up{i}"
        fields = signed_form(ALICE, u.bucket, key, v2=i % 2)
        r = send_form(who, u.bucket, fields, content)
        assert r.status_code == 204, r.text
        assert r.headers["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
        assert u.read(u.alice, key) == content
        denied(u.nobody.get_object, Bucket=u.bucket, Key=key)
    extra = {
        "acl": "public-read",
        "Content-Type": "text/x",
        "x-amz-meta-colour": "red",
        "success_action_status": "201",
        "tagging": "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag>"
        "</TagSet></Tagging>",
    }
    conditions = [{k: v} for k, v in extra.items()] + [["starts-with", "$key", "to/"]]
    fields = signed_form(ALICE, u.bucket, "to/${filename}", extra, conditions)
    r = send_form(u.nobody, u.bucket, fields, b"x", filename="my/dir/a b.txt")
    assert r.status_code == 201, r.text
    assert "<Key>to/a b.txt</Key>" in r.text
    got = u.nobody.get_object(Bucket=u.bucket, Key="to/a b.txt")
    assert got["Metadata"] == {"colour": "red"} and got["ContentType"] == "text/x"
    tags = u.alice.get_object_tagging(Bucket=u.bucket, Key="to/a b.txt")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}]
    extra = {"success_action_redirect": "http://example.com/done?x=1"}
    conditions = [["starts-with", "$success_action_redirect", "http://example"]]
    fields = signed_form(ALICE, u.bucket, "k", extra, conditions)
    r = send_form(u.nobody, u.bucket, fields, b"x")
    assert r.status_code == 303
    assert r.headers["Location"].startswith(
        f"http://example.com/done?x=1&bucket={u.bucket}&key=k&etag=%22"
    )


def test_forms_that_are_refused(users):
    u = users
    before = u.read(u.alice)

    def tried(code, fields, content=b"evil", who=u.nobody, **more):
        r = send_form(who, u.bucket, fields, content, **more)
        assert f"<Code>{code}</Code>" in r.text, r.text
        assert u.read(u.alice) == before
        return r.status_code

    good = signed_form(ALICE, u.bucket, "k")
    assert tried("AccessDenied", {"key": "k"}) == 403
    assert tried("AccessDenied", signed_form(BOB, u.bucket, "k")) == 403
    assert tried("AccessDenied", {**good, "acl": "public-read"}) == 403
    assert tried("AccessDenied", {**good, "key": "other"}) == 403
    assert tried("AccessDenied", signed_form(ALICE, "other", "k")) == 403
    other = signed_form(ALICE, u.bucket, "other")
    assert tried("SignatureDoesNotMatch", {**good, "policy": other["policy"]}) == 403
    for v2 in (False, True):
        wrong = signed_form((ALICE[0], "wrong"), u.bucket, "k", v2=v2)
        assert tried("SignatureDoesNotMatch", wrong) == 403
        strange = signed_form(("nobody", "x"), u.bucket, "k", v2=v2)
        assert tried("InvalidAccessKeyId", strange) == 403
    old = signed_form(ALICE, u.bucket, "k", ExpiresIn=-1)
    assert tried("AccessDenied", old) == 403
    for name in ("policy", "x-amz-signature"):
        assert tried("InvalidArgument", {**good, name: ""}) == 400
    sized = [["content-length-range", 2, 4]]
    fields = signed_form(ALICE, u.bucket, "k", conditions=sized)
    assert tried("EntityTooSmall", fields, b"x") == 400
    assert tried("EntityTooLarge", fields, b"x" * 5) == 400
    assert tried("EntityTooLarge", fields, b"x" * (1 << 20)) == 400
    assert tried("InvalidArgument", {"acl": "private"}) == 400
    assert tried("MaxPostPreDataLengthExceededError", {"a": "x" * (80 << 10)}) == 400
    url = f"{u.nobody.meta.endpoint_url}/{u.bucket}"
    kind = {"Content-Type": "multipart/form-data; boundary=XX"}
    for body, code in (
        (b"--XX\r\n", "IncompleteBody"),
        (b"", "IncompleteBody"),
        (b"--XX--\r\n", "InvalidArgument"),
        (b"--XXX\r\n\r\n", "MalformedPOSTRequest"),
    ):
        r = requests.post(url, data=body, headers=kind, timeout=30)
        assert f"<Code>{code}</Code>" in r.text, r.text
    # A body that ends before its file does leaves nothing.
    part = '--XX\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}'
    fields = {**good, "file": "half of it"}
    body = "\r\n".join(part.format(k, v) for k, v in fields.items())
    for end, status in (("", 400), ("\r\n--X", 400), ("\r\n--XX--\r\n", 204)):
        assert u.read(u.alice) == before
        r = requests.post(url, data=body + end, headers=kind, timeout=30)
        assert r.status_code == status, r.text
    before = b"half of it"
    assert u.read(u.alice) == before


def test_forms_of_nobody(users):
    """Where everybody may write, a form needs no signature."""
    u = users
    u.alice.put_bucket_acl(Bucket=u.bucket, ACL="public-read-write")
    r = send_form(u.nobody, u.bucket, {"key": "free", "acl": "public-read"}, b"free")
    assert r.status_code == 204, r.text
    assert u.read(u.nobody, "free") == b"free"


def test_buckets_without_an_owner_stay_the_operators(keyed):
    """Made by an administrator, or over the native API: levels of keys rule, and
    lists and policies add to them."""
    admin, reader = connect(keyed.url), connect(keyed.url, *READER)
    bob, nobody = connect(keyed.url, *BOB), connect(keyed.url, signed=False)
    at = {"Bucket": "open-to-all", "Key": "k"}
    admin.create_bucket(Bucket="open-to-all")
    admin.put_object(**at, Body=b"x")
    assert reader.get_object(**at)["Body"].read() == b"x"
    for who in (bob, nobody):
        denied(who.get_object, **at)
        denied(who.list_objects_v2, Bucket="open-to-all")
    admin.put_object_acl(**at, ACL="public-read")
    for who in (bob, nobody):
        assert who.get_object(**at)["Body"].read() == b"x"
    denied(reader.put_object_acl, **at, ACL="private")
    denied(reader.put_bucket_acl, Bucket="open-to-all", ACL="public-read")
    admin.delete_object(**at)
    admin.delete_bucket(Bucket="open-to-all")


# -- hosts ----------------------------------------------------------------------------


@pytest.fixture
def below(monkeypatch):
    """Hosts below these domains are this machine."""
    import socket

    real = socket.getaddrinfo

    def lookup(host, *args, **more):
        name = host.decode() if isinstance(host, bytes) else host
        here = name.endswith((".s3.test", ".two.test"))
        return real("127.0.0.1" if here else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def hosted(node, key=KEY, secret=SECRET, domain="x.s3.test"):
    """A client that names buckets as hosts."""
    return boto3.client(
        "s3",
        endpoint_url=f"http://{domain.removeprefix('x.')}:{node.url.rsplit(':', 1)[1]}",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "virtual"},
            signature_version="s3v4",
            retries={"max_attempts": 1},
        ),
    )


def test_buckets_as_hosts(tmp_path, below):
    more = ["--s3-domain", "s3.test", "--s3-domain", "Two.Test"]
    it = Cluster(tmp_path, proxies=1, targets=2, more=more)
    for node in it.nodes:
        lock(node)
    it.start()
    try:
        for node in it.nodes:
            node.wait_until(
                lambda: requests.get(f"{node.url}/s3", timeout=5).status_code == 403
            )
        clients = [hosted(x) for x in it.nodes] + [hosted(it.nodes[0], domain="two.test")]
        paths = connect(it.nodes[1].url)
        for bucket in ("plain", "with.dots"):
            clients[0].create_bucket(Bucket=bucket)
            # Names of the other API are keys like any other at such a host.
            keys = ["k", "dir/a b+ü", "v1/objects/x/y", "s3/x", "metrics", "//"]
            for i, key in enumerate(keys):
                at = {"Bucket": bucket, "Key": key}
                clients[i % 4].put_object(**at, Body=key.encode())
                for s3 in (*clients, paths):
                    assert s3.get_object(**at)["Body"].read() == key.encode()
                url = clients[i % 3].generate_presigned_url("get_object", Params=at)
                assert requests.get(url, timeout=30).content == key.encode()
                assert requests.get(url + "x", timeout=30).status_code == 403
                plain = requests.get(url.split("?")[0], timeout=30)
                assert plain.status_code == 403 and plain.content != key.encode()
            listed = clients[1].list_objects_v2(Bucket=bucket)["Contents"]
            assert [x["Key"] for x in listed] == sorted(keys)
            up = begin(clients[2], bucket, "parts")
            part = copy_part(clients[0], up, 1, {"Bucket": bucket, "Key": "k"})
            complete(clients[1], up, [part])
            gone = [{"Key": x} for x in (*keys, "parts")]
            clients[1].delete_objects(Bucket=bucket, Delete={"Objects": gone})
            clients[2].delete_bucket(Bucket=bucket)
            refused("NoSuchBucket", clients[0].list_objects_v2, Bucket=bucket)
        # The domain itself, and other hosts, are the node as ever.
        port = it.nodes[0].url.rsplit(":", 1)[1]
        for host in ("127.0.0.1", "s3.test", "bs3.test"):
            r = requests.get(
                f"http://127.0.0.1:{port}/v1/health", headers={"Host": f"{host}:{port}"}
            )
            assert r.status_code == 200
    finally:
        it.stop()


def test_domains_are_checked(fresh_node):
    done = subprocess.run(
        [os.environ["AISNODE"], "--s3-domain", "*.test", "--dir", str(fresh_node.dir)],
        capture_output=True,
        timeout=30,
    )
    assert done.returncode != 0 and b"s3.example.com" in done.stderr
