"""AIStore's own Python SDK, unmodified, against this node."""

import io

import pytest
from aistore.sdk import Client, ListObjectFlag
from aistore.sdk.errors import (
    AISError,
    ErrBckAlreadyExists,
    ErrBckNotFound,
    ErrObjNotFound,
)


@pytest.fixture(scope="session")
def client(node):
    return Client(node.url)


@pytest.fixture
def bck(client, bucket):
    return client.bucket(bucket)


# -- cluster --------------------------------------------------------------------


def test_cluster_is_ready_and_describes_itself(client, node):
    cluster = client.cluster()
    assert cluster.is_ready()
    info = cluster.get_info()
    assert len(info.tmap) == 1 and len(info.pmap) == 1
    assert info.proxy_si.public_net.direct_url == node.url
    assert cluster.get_uuid() == info.uuid
    assert cluster.get_primary_url() == node.url


def test_cluster_performance_and_jobs(client):
    cluster = client.cluster()
    performance = cluster.get_performance()
    assert len(performance) == 1
    assert cluster.list_running_jobs() == []
    assert all(job.end_time > 0 for job in cluster.list_jobs_status())


# -- buckets ----------------------------------------------------------------------


def test_bucket_life(client, bucket_name):
    bucket = client.bucket(bucket_name)
    bucket.create()
    names = [b.name for b in client.cluster().list_buckets("ais")]
    assert bucket_name in names
    with pytest.raises(ErrBckAlreadyExists):
        bucket.create(exist_ok=False)
    bucket.create(exist_ok=True)
    bucket.delete()
    assert bucket_name not in [b.name for b in client.cluster().list_buckets()]
    with pytest.raises(AISError):
        bucket.head()
    with pytest.raises(ErrBckNotFound):
        bucket.delete()
    bucket.delete(missing_ok=True)


def test_bucket_props(bck):
    import json

    props = json.loads(bck.head()["Ais-Bucket-Props"])
    assert props["provider"] == "ais"
    assert props["checksum"]["type"] == "xxhash2"
    assert props["access"] == "18446744073709551615"


def test_bucket_summary_and_info(bck):
    assert bck.summary()["ObjCount"]["obj_count_present"] == "0"
    for i in range(12):
        bck.object(f"dir/o{i}").get_writer().put_content(b"x" * (i + 1))
    summary = bck.summary()
    assert summary["ObjCount"]["obj_count_present"] == "12"
    assert summary["TotalSize"]["size_all_present_objs"] == "78"
    assert summary["ObjSize"]["obj_max_size"] == 12
    assert bck.summary(prefix="dir/o1")["ObjCount"]["obj_count_present"] == "3"
    props, info = bck.info()
    assert info["ObjCount"]["obj_count_present"] == "12"


# -- objects ----------------------------------------------------------------------


def test_put_and_get_bytes(bck):
    obj = bck.object("a/b.bin")
    content = bytes(range(256)) * 100
    obj.get_writer().put_content(content)
    assert obj.get_reader().read_all() == content
    assert b"".join(obj.get_reader(chunk_size=1000)) == content
    assert obj.get_reader(byte_range="bytes=10-19").read_all() == content[10:20]
    assert obj.get_reader(byte_range="bytes=-7").read_all() == content[-7:]


def test_put_file(bck, tmp_path):
    path = tmp_path / "big"
    content = b"0123456789abcdef" * 200_000
    path.write_bytes(content)
    obj = bck.object("big")
    obj.get_writer().put_file(path)
    assert obj.get_reader().read_all() == content
    assert obj.head().size == len(content)


def test_empty_object(bck):
    obj = bck.object("empty")
    obj.get_writer().put_content(b"")
    assert obj.get_reader().read_all() == b""
    assert obj.props.size == 0


def test_object_file_reader(bck):
    content = b"line one\nline two\nline three\n" * 5000
    obj = bck.object("text")
    obj.get_writer().put_content(content)
    with obj.get_reader().as_file() as f:
        assert f.read(9) == b"line one\n"
        assert f.read() == content[9:]


def test_direct_reads_find_the_object(bck):
    for i in range(20):
        obj = bck.object(f"direct/{i}")
        obj.get_writer().put_content(str(i).encode())
        assert obj.get_reader(direct=True).read_all() == str(i).encode()


def test_object_props_and_versions(bck):
    obj = bck.object("o")
    writer = obj.get_writer()
    writer.put_content(b"one")
    assert obj.props.obj_version == "1"
    writer.put_content(b"three")
    props = obj.props
    assert props.obj_version == "2"
    assert props.size == 5
    assert props.checksum_type == "xxhash2"
    assert len(props.checksum_value) == 16
    assert int(props.access_time) > 1_600_000_000_000_000_000
    assert props.location.startswith("t[")


def test_custom_props(bck):
    obj = bck.object("o")
    writer = obj.get_writer()
    writer.put_content(b"x")
    writer.set_custom_props({"label": "cat", "split": "train"})
    assert obj.props.custom_metadata == {"label": "cat", "split": "train"}
    writer.set_custom_props({"label": "dog"})
    assert obj.props.custom_metadata == {"label": "dog", "split": "train"}
    writer.set_custom_props({"only": "this"}, replace_existing=True)
    assert obj.props.custom_metadata == {"only": "this"}
    assert obj.props.obj_version == "1"


def test_append(bck):
    obj = bck.object("log")
    writer = obj.get_writer()
    handle = writer.append_content(b"one,")
    handle = writer.append_content(b"two,", handle=handle)
    with pytest.raises(AISError):
        obj.head()
    writer.append_content(b"", handle=handle, flush=True)
    assert obj.get_reader().read_all() == b"one,two,"
    handle = writer.append_content(b"three")
    writer.append_content(b"", handle=handle, flush=True)
    assert obj.get_reader().read_all() == b"one,two,three"
    assert obj.props.obj_version == "2"


def test_writer_as_file(bck):
    obj = bck.object("written")
    with obj.get_writer().as_file(mode="w") as f:
        f.write(b"first ")
        f.write(b"second")
    assert obj.get_reader().read_all() == b"first second"
    with obj.get_writer().as_file(mode="a") as f:
        f.write(b" third")
    assert obj.get_reader().read_all() == b"first second third"


def test_copy(client, bck, bucket_name):
    bck.object("src").get_writer().put_content(b"payload")
    bck.object("src").get_writer().set_custom_props({"k": "v"})
    bck.object("src").copy(bck.object("dir/dst"))
    copy = bck.object("dir/dst")
    assert copy.get_reader().read_all() == b"payload"
    assert copy.props.custom_metadata == {"k": "v"}


def test_delete(bck):
    obj = bck.object("gone")
    obj.get_writer().put_content(b"x")
    obj.delete()
    with pytest.raises(ErrObjNotFound):
        obj.get_reader().read_all()
    with pytest.raises(ErrObjNotFound):
        obj.delete()


def test_object_of_a_missing_bucket(client):
    with pytest.raises(ErrBckNotFound):
        client.bucket("no-such-bucket").object("o").get_reader().read_all()


# -- listing ------------------------------------------------------------------------


def test_list_pages(bck):
    names = sorted(f"d{i % 7}/o{i:04}" for i in range(250))
    for name in names:
        bck.object(name).get_writer().put_content(name.encode())
    page = bck.list_objects(page_size=100)
    seen = [e.name for e in page.entries]
    assert len(seen) == 100 and page.continuation_token
    while page.continuation_token:
        page = bck.list_objects(
            page_size=100,
            uuid=page.uuid,
            continuation_token=page.continuation_token,
        )
        seen += [e.name for e in page.entries]
    assert seen == names
    assert [e.name for e in bck.list_all_objects()] == names
    assert [e.name for e in bck.list_objects_iter(page_size=33)] == names
    assert [e.name for e in bck.list_all_objects(prefix="d3/")] == [
        n for n in names if n.startswith("d3/")
    ]
    after = bck.list_objects(start_after="d5/")
    assert [e.name for e in after.entries] == [n for n in names if n > "d5/"]


def test_list_props(bck):
    bck.object("o").get_writer().put_content(b"12345")
    (entry,) = bck.list_all_objects(
        props="name,size,version,checksum,atime,location,copies"
    )
    assert (entry.name, entry.size, entry.v, entry.c) == ("o", 5, "1", 1)
    assert len(entry.cs) == 16 and entry.a and entry.t.startswith("t[")
    assert entry.is_cached()


def test_list_without_recursion(bck):
    for name in ("a", "b/c", "b/d/e", "f/g"):
        bck.object(name).get_writer().put_content(b"x")
    entries = bck.list_all_objects(flags=[ListObjectFlag.NO_RECURSION])
    assert [e.name for e in entries] == ["a", "b/", "f/"]
    entries = bck.list_all_objects(
        prefix="b/", flags=[ListObjectFlag.NO_RECURSION]
    )
    assert [e.name for e in entries] == ["b/c", "b/d/"]


def test_an_empty_bucket_lists_nothing(bck):
    assert bck.list_all_objects() == []
