"""Former versions of objects: S3 versioning, by boto3, on a node of its own and on
a cluster whose members come and go."""

import concurrent.futures
import uuid

import pytest
import requests
from botocore.exceptions import ClientError
from conftest import Cluster, Node
from rebalance_test import act, id_of, moves_end
from s3_test import connect


def switch(s3, bucket, status):
    s3.put_bucket_versioning(
        Bucket=bucket, VersioningConfiguration={"Status": status}
    )


def put(s3, bucket, key, body, **more):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **more)["VersionId"]


def get(s3, bucket, key, version=None):
    more = {"VersionId": version} if version else {}
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def listed(s3, bucket, **query):
    """[(key, version id, is latest, size; None: a mark)] in order of the reply."""
    out = []
    query = {"Bucket": bucket, **query}
    while True:
        r = s3.list_object_versions(**query)
        page = [
            (x["Key"], x["VersionId"], x["IsLatest"], x.get("Size"))
            for kind in ("Versions", "DeleteMarkers")
            for x in r.get(kind, [])
        ]
        out += page
        if not r["IsTruncated"]:
            return out
        assert page or r.get("CommonPrefixes")
        query["KeyMarker"] = r["NextKeyMarker"]
        query.pop("VersionIdMarker", None)
        if "NextVersionIdMarker" in r:
            query["VersionIdMarker"] = r["NextVersionIdMarker"]


def fails(code, call, *args, **kw):
    with pytest.raises(ClientError) as e:
        call(*args, **kw)
    assert e.value.response["Error"]["Code"] == code
    return e.value.response["ResponseMetadata"]["HTTPHeaders"]


@pytest.fixture(scope="module", params=["node", "cluster"])
def server(request, tmp_path_factory):
    dir = tmp_path_factory.mktemp(request.param)
    if request.param == "node":
        it = Node(dir).start()
        yield it
        assert it.stop() == 0
    else:
        it = Cluster(dir, 2, 3).start()
        yield it.proxies[-1]
        it.stop()


@pytest.fixture
def s3(server):
    return connect(server.url)


@pytest.fixture
def bucket(s3):
    name = "v-" + uuid.uuid4().hex[:8]
    s3.create_bucket(Bucket=name)
    switch(s3, name, "Enabled")
    return name


def test_the_switch(s3):
    name = "v-" + uuid.uuid4().hex[:8]
    s3.create_bucket(Bucket=name)
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)
    for status in ("Suspended", "Enabled", "Suspended"):
        switch(s3, name, status)
        assert s3.get_bucket_versioning(Bucket=name)["Status"] == status
    fails("IllegalVersioningConfigurationException", switch, s3, name, "On")
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]].count(name) == 1
    s3.delete_bucket(Bucket=name)


@pytest.mark.parametrize("key", ["k", "dir/k", "dir/", "ü ü+%#", "l" * 900])
def test_put_delete_and_back(s3, bucket, key):
    one = put(s3, bucket, key, b"one", Metadata={"n": "1"})
    two = put(s3, bucket, key, b"second")
    assert one != two
    assert get(s3, bucket, key) == b"second" == get(s3, bucket, key, two)
    old = s3.get_object(Bucket=bucket, Key=key, VersionId=one)
    assert old["Body"].read() == b"one"
    assert old["VersionId"] == one and old["Metadata"] == {"n": "1"}
    assert s3.head_object(Bucket=bucket, Key=key, VersionId=one)["ContentLength"] == 3
    assert listed(s3, bucket) == [(key, two, True, 6), (key, one, False, 3)]

    gone = s3.delete_object(Bucket=bucket, Key=key)
    assert gone["DeleteMarker"] is True
    headers = fails("NoSuchKey", get, s3, bucket, key)
    assert headers["x-amz-delete-marker"] == "true"
    assert headers["x-amz-version-id"] == gone["VersionId"]
    headers = fails("MethodNotAllowed", get, s3, bucket, key, gone["VersionId"])
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert listed(s3, bucket) == [
        (key, two, False, 6),
        (key, one, False, 3),
        (key, gone["VersionId"], True, None),
    ]
    assert get(s3, bucket, key, two) == b"second"

    back = s3.delete_object(Bucket=bucket, Key=key, VersionId=gone["VersionId"])
    assert back["DeleteMarker"] is True
    assert get(s3, bucket, key) == b"second"
    s3.delete_object(Bucket=bucket, Key=key, VersionId=two)
    assert get(s3, bucket, key) == b"one"
    fails("NoSuchVersion", get, s3, bucket, key, two)
    fails("NoSuchVersion", get, s3, bucket, key, "garbage")
    fails("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key=key, VersionId=one)
    assert listed(s3, bucket) == []
    s3.delete_bucket(Bucket=bucket)


def test_suspended(s3, bucket):
    one = put(s3, bucket, "k", b"one")
    switch(s3, bucket, "Suspended")
    assert put(s3, bucket, "k", b"two") == "null"
    assert put(s3, bucket, "k", b"three") == "null"
    assert listed(s3, bucket) == [("k", "null", True, 5), ("k", one, False, 3)]
    gone = s3.delete_object(Bucket=bucket, Key="k")
    assert gone["VersionId"] == "null" and gone["DeleteMarker"] is True
    assert listed(s3, bucket) == [("k", one, False, 3), ("k", "null", True, None)]
    switch(s3, bucket, "Enabled")
    four = put(s3, bucket, "k", b"four")
    assert [x[1] for x in listed(s3, bucket)] == [four, one, "null"]


def test_listing_by_pages(s3, bucket):
    keys = [f"{d}{i}" for d in ("a/", "a", "b/c/", "z") for i in range(4)]
    made = {}
    for round in range(3):
        for key in keys:
            made.setdefault(key, []).insert(0, put(s3, bucket, key, b"x" * round))
    gone = {
        key: s3.delete_object(Bucket=bucket, Key=key)["VersionId"] for key in keys[::3]
    }
    wanted = [
        (key, id, i == 0 and key not in gone, 2 - i)
        for key in sorted(keys)
        for i, id in enumerate(made[key])
    ]
    marks = [(key, gone[key], True, None) for key in sorted(gone)]
    for count in (1, 2, 7, 1000):
        got = listed(s3, bucket, MaxKeys=count)
        assert [x for x in got if x[3] is not None] == wanted, count
        assert [x for x in got if x[3] is None] == marks, count
    got = listed(s3, bucket, Prefix="b/", MaxKeys=5)
    assert {x[0] for x in got} == {k for k in keys if k.startswith("b/")}
    prefixes, query = [], {"Bucket": bucket, "Delimiter": "/", "MaxKeys": 3}
    names = []
    while True:
        r = s3.list_object_versions(**query)
        prefixes += [x["Prefix"] for x in r.get("CommonPrefixes", [])]
        names += [x["VersionId"] for x in r.get("Versions", [])]
        if not r["IsTruncated"]:
            break
        query["KeyMarker"] = r["NextKeyMarker"]
        query["VersionIdMarker"] = r.get("NextVersionIdMarker", "")
        if not query["VersionIdMarker"]:
            del query["VersionIdMarker"]
    assert prefixes == ["a/", "b/"]
    assert sorted(names) == sorted(id for k, x in made.items() if "/" not in k for id in x)


def test_copies_and_deletions_by_version(s3, bucket):
    one = put(s3, bucket, "k", b"one")
    two = put(s3, bucket, "k", b"two")
    source = {"Bucket": bucket, "Key": "k", "VersionId": one}
    r = s3.copy_object(Bucket=bucket, Key="k", CopySource=source)
    assert r["CopySourceVersionId"] == one
    three = r["VersionId"]
    assert get(s3, bucket, "k") == b"one"
    s3.copy_object(Bucket=bucket, Key="other", CopySource=source)
    assert get(s3, bucket, "other") == b"one"
    up = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    at = {"Bucket": bucket, "Key": "k", "UploadId": up}
    part = s3.upload_part_copy(PartNumber=1, CopySource=source, **at)
    done = s3.complete_multipart_upload(
        MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
        },
        **at,
    )
    assert [x[1] for x in listed(s3, bucket, Prefix="k")] == [
        done["VersionId"],
        three,
        two,
        one,
    ]
    s3.put_object_tagging(
        Bucket=bucket,
        Key="k",
        VersionId=two,
        Tagging={"TagSet": [{"Key": "a", "Value": "b"}]},
    )
    assert s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=two)["TagSet"]
    assert not s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=one)["TagSet"]
    r = s3.delete_objects(
        Bucket=bucket,
        Delete={
            "Objects": [
                {"Key": "k", "VersionId": two},
                {"Key": "k", "VersionId": done["VersionId"]},
                {"Key": "other"},
                {"Key": "never there"},
            ]
        },
    )
    assert "Errors" not in r
    marks = {x["Key"]: x.get("DeleteMarkerVersionId") for x in r["Deleted"]}
    assert marks["other"] and marks["never there"]
    assert get(s3, bucket, "k") == b"one"
    assert [x[1] for x in listed(s3, bucket, Prefix="k")] == [three, one]
    assert fails("NoSuchKey", get, s3, bucket, "other")["x-amz-version-id"] == (
        marks["other"]
    )


def test_the_native_api_keeps_versions_too(server, s3, bucket):
    url = f"{server.url}/v1/objects/{bucket}/k"
    for content in (b"one", b"two"):
        assert requests.put(url, data=content, timeout=60).ok
    # The same bytes again are a version of their own.
    assert requests.put(url, data=b"two", timeout=60).ok
    assert requests.delete(url, timeout=60).ok
    assert requests.get(url, timeout=60).status_code == 404
    history = listed(s3, bucket)
    assert [x[3] for x in history] == [3, 3, 3, None]
    assert get(s3, bucket, "k", history[-2][1]) == b"one"
    r = requests.get(f"{server.url}/v1/buckets/{bucket}", timeout=60)
    assert not r.json().get("entries")


def test_a_bucket_made_again_has_no_history(server, s3, bucket):
    put(s3, bucket, "k", b"one")
    put(s3, bucket, "k", b"two")
    r = requests.delete(
        f"{server.url}/v1/buckets/{bucket}", json={"action": "destroy-bck"}, timeout=60
    )
    assert r.ok, r.text
    s3.create_bucket(Bucket=bucket)
    switch(s3, bucket, "Enabled")
    assert listed(s3, bucket) == []
    three = put(s3, bucket, "k", b"three")
    assert listed(s3, bucket) == [("k", three, True, 5)]


def test_versions_move_with_their_objects(tmp_path):
    it = Cluster(tmp_path, 1, 2).start()
    try:
        s3 = connect(it.first.url)
        s3.create_bucket(Bucket="moved")
        switch(s3, "moved", "Enabled")
        keys = [f"k{i:02}" for i in range(40)]
        made = {}

        def fill(key):
            made[key] = [put(s3, "moved", key, f"{key} {i}".encode()) for i in range(3)]

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(fill, keys))
        late = it.make("late", "target")
        it.targets.append(late)
        late.start()
        # While they move, and after.
        for moment in ("meanwhile", "after"):
            for key in keys:
                assert get(s3, "moved", key) == f"{key} 2".encode(), moment
                for i, id in enumerate(made[key]):
                    assert get(s3, "moved", key, id) == f"{key} {i}".encode(), moment
            moves_end(it)
        assert any((late.dir).rglob("@#s3-versions/moved/%ob/*/k*"))
        wanted = [
            (key, id, i == 2, 5)
            for key in keys
            for i, id in reversed(list(enumerate(made[key])))
        ]
        assert listed(s3, "moved", MaxKeys=50) == wanted
        # What has moved can be uncovered.
        for key in keys:
            s3.delete_object(Bucket="moved", Key=key, VersionId=made[key][2])
            assert get(s3, "moved", key) == f"{key} 1".encode()
        r = act(it.first, "start-maintenance", {"sid": id_of(it, late)})
        assert r.ok, r.text
        for key in keys:
            assert get(s3, "moved", key) == f"{key} 1".encode()
        moves_end(it)
        assert [x[:2] for x in listed(s3, "moved")] == [
            (key, id) for key in keys for id in reversed(made[key][:2])
        ]
        it.first.kill()
        it.first.start()
        assert get(s3, "moved", keys[0], made[keys[0]][0]) == f"{keys[0]} 0".encode()
    finally:
        it.stop()
