"""The S3 API with the programs and libraries people use, as they are: each keeps a
tree of odd names in a bucket, signed. What a second run moves, the servers count.

Whatever is said to one node of a cluster is answered by another one."""

import concurrent.futures
import dataclasses
import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest
import requests
from boto3.s3.transfer import TransferConfig
from conftest import Cluster, Node
from s3_test import KEY, SECRET, connect, keyed, scattered  # noqa: F401 (fixtures)

LARGE = {"large 5M+1": (5 << 20) + 1, "dir #1/large 16M": 16 << 20, "+64M": 64 << 20}
SMALL = [0, 1, 7, 100, 1000, 5000]  # [bytes], in turn

# What names of files may have; "{}" makes them different.
ODD = [
    "plain{}",
    "with space {}",
    "plus+{}",
    "percent%20{}",
    "percent%{}%",
    "hash#{}",
    "question?{}&x=1",
    "ünï-日本-🙂 {}",
    "e\u0301 {}",  # not the same as é
    "semi;colon:{}",
    "quotes'\"{}",
    "[brackets]{{{}}}",
    "star*{}",
    "~tilde{}",
    ".hidden{}",
    "comma,{}",
    "<xml>&amp;{}",
    "equal={}",
    "back\\slash{}",
    "x" * 200 + "{}",
]
DIRS = ["", "dir", "dir #1", "dir+2/sub dir", "dir%2Fx", "日本/ü", "a/b/c/d/e/f", ".dot"]


def make_tree(root, count, large):
    """`count` small files, and large ones."""
    for i in range(count):
        path = root / DIRS[i % len(DIRS)] / ODD[i % len(ODD)].format(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((f"{i} " * 2500).encode()[: SMALL[i % len(SMALL)]])
    for name, size in large.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(1 << 20) * (size >> 20) + b"x" * (size % (1 << 20)))
    # Clients compare times of full seconds: files are older than their objects.
    for path in root.rglob("*"):
        os.utime(path, (1.7e9, 1.7e9))
    return root


@pytest.fixture(scope="module")
def big_tree(tmp_path_factory):
    return make_tree(tmp_path_factory.mktemp("big") / "t", 1000, LARGE)


@pytest.fixture(scope="module")
def small_tree(tmp_path_factory):
    large = {k: v for k, v in LARGE.items() if v < 32 << 20}
    return make_tree(tmp_path_factory.mktemp("small") / "t", 60, large)


def files(root):
    return {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}


def same(one, other):
    """All files of two trees, and what is in them."""
    here, there = files(one), files(other)
    assert sorted(here) == sorted(there)
    for name, path in here.items():
        assert path.read_bytes() == there[name].read_bytes(), name


def sizes(root):
    return {name: path.stat().st_size for name, path in files(root).items()}


@dataclasses.dataclass
class Service:
    """Where a client is sent, and what all nodes there have done."""

    url: str
    nodes: list

    @property
    def host(self):
        return self.url.removeprefix("http://")

    @property
    def s3(self):
        return connect(self.url)

    def moved(self):
        """Objects written, and read, so far."""
        total = {"put": 0, "get": 0}
        for node in self.nodes:
            for line in requests.get(f"{node.url}/metrics", timeout=30).text.split("\n"):
                for what in total:
                    if line.startswith(f"ais_target_{what}_count"):
                        total[what] += int(float(line.split()[-1]))
        return total

    def keys(self, bucket, **more):
        """Sizes of all keys."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more)
        return {x["Key"]: x["Size"] for p in pages for x in p.get("Contents", [])}


@pytest.fixture(params=["node", "cluster"])
def service(request):
    if request.param == "node":
        node = request.getfixturevalue("keyed")
        return Service(node.url, [node])
    cluster = request.getfixturevalue("scattered")
    return Service(cluster.proxies[0].url, cluster.nodes)


@pytest.fixture
def tree(request, service):
    """1,000 files for the cluster, fewer for the node: the code is the same."""
    return request.getfixturevalue("big_tree" if len(service.nodes) > 1 else "small_tree")


@pytest.fixture
def bucket(request, service):
    """Its name; the client makes and removes it."""
    return request.node.originalname.removeprefix("test_").replace("_", "-")


def run(*command, **more):
    """@returns what it has printed."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    env |= more.pop("env", {})
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=env, **more
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def needs(program):
    return pytest.mark.skipif(
        not shutil.which(program), reason=f"{program} is not installed"
    )


def needs_module(name):
    return pytest.mark.skipif(
        not importlib.util.find_spec(name), reason=f"Python's {name} is not installed"
    )


def fetched(url):
    """As curl gets it; a change of the URL's signature gets nothing."""
    wrong = url[:-1] + ("0" if url[-1] != "0" else "1")
    code = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", wrong)
    assert code == "403"
    return run("curl", "-sf", url)


def still(service, *commands):
    """Commands that find nothing to do."""
    before = service.moved()
    for command in commands:
        run(*command)
    assert service.moved() == before


def changed(tree, tmp_path):
    """A copy in which one file is another, one is new and one is gone."""
    out = tmp_path / "changed"
    shutil.copytree(tree, out)
    names = sorted(n for n, p in files(out).items() if 0 < p.stat().st_size < 4096)
    (out / names[0]).write_bytes(b"new content")
    (out / names[1]).unlink()
    (out / "dir" / "new file").write_bytes(b"new file")
    return out


# -- boto3 ---------------------------------------------------------------------------


def test_boto3(service, tree, bucket, tmp_path):
    s3 = service.s3
    s3.create_bucket(Bucket=bucket)
    config = TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=8 << 20)
    back = tmp_path / "back"

    def up(item):
        s3.upload_file(str(item[1]), bucket, "t/" + item[0], Config=config)

    def down(name):
        to = back / name
        to.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, "t/" + name, str(to), Config=config)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(up, files(tree).items()))
        keys = {"t/" + name: size for name, size in sizes(tree).items()}
        assert service.keys(bucket) == keys
        list(pool.map(down, files(tree)))
    same(tree, back)
    levels = {}
    todo = ["t/"]
    while todo:
        at = todo.pop()
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=at, Delimiter="/", PaginationConfig={"PageSize": 7}
        )
        for page in pages:
            levels |= {x["Key"]: x["Size"] for x in page.get("Contents", [])}
            todo += [x["Prefix"] for x in page.get("CommonPrefixes", [])]
    assert levels == keys
    # What no file system holds side by side.
    for key in ("a", "a/b", "a/", "a//b", "/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in ("a", "a/b", "a/", "a//b", "/a"):
        at = {"Bucket": bucket, "Key": key}
        assert s3.get_object(**at)["Body"].read() == key.encode()
        assert fetched(s3.generate_presigned_url("get_object", Params=at)) == key
    size, name = max((size, name) for name, size in sizes(tree).items())
    source = {"Bucket": bucket, "Key": "t/" + name}
    s3.copy(source, bucket, "copy of large", Config=config)  # in parts
    assert s3.head_object(Bucket=bucket, Key="copy of large")["ContentLength"] == size
    empty(s3, bucket)
    s3.delete_bucket(Bucket=bucket)


def empty(s3, bucket):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        gone = [{"Key": x["Key"]} for x in page.get("Contents", [])]
        if gone:
            failed = s3.delete_objects(Bucket=bucket, Delete={"Objects": gone})
            assert "Errors" not in failed


# -- s3cmd ---------------------------------------------------------------------------


@needs("s3cmd")
def test_s3cmd(service, small_tree, bucket, tmp_path):
    """One file after the other: fewer of them."""
    tree, host = small_tree, service.host
    config = tmp_path / "s3cfg"
    config.write_text(
        f"[default]\naccess_key = {KEY}\nsecret_key = {SECRET}\n"
        f"host_base = {host}\nhost_bucket = {host}\nuse_https = False\n"
        "multipart_chunk_size_mb = 5\n"
    )
    cmd = ["s3cmd", "-c", str(config)]
    top = f"s3://{bucket}"
    run(*cmd, "mb", top)
    run(*cmd, "sync", f"{tree}/", f"{top}/t/")
    assert service.keys(bucket) == {"t/" + k: v for k, v in sizes(tree).items()}
    back = tmp_path / "back"
    back.mkdir()
    down = [*cmd, "sync", f"{top}/t/", f"{back}/"]
    run(*down)
    same(tree, back)
    still(service, [*cmd, "sync", f"{tree}/", f"{top}/t/"], down)
    other = changed(tree, tmp_path)
    run(*cmd, "sync", "--delete-removed", f"{other}/", f"{top}/t/")
    assert service.keys(bucket) == {"t/" + k: v for k, v in sizes(other).items()}
    run(*down, "--delete-removed")
    same(other, back)
    listed = run(*cmd, "ls", f"{top}/t/")
    assert f"DIR  {top}/t/dir #1/\n" in listed and "large 5M+1" in listed
    assert "large 16M" not in listed
    assert str(LARGE["large 5M+1"]) in run(*cmd, "info", f"{top}/t/large 5M+1")
    run(*cmd, "cp", f"{top}/t/dir/new file", f"{top}/copy+ü")
    run(*cmd, "mv", f"{top}/copy+ü", f"{top}/moved #1")
    soon = str(int(time.time()) + 600)
    url = run(*cmd, "signurl", f"{top}/moved #1", soon).strip()
    assert fetched(url) == "new file"
    run(*cmd, "del", "--recursive", "--force", top)
    run(*cmd, "rb", top)


# -- rclone --------------------------------------------------------------------------


@needs("rclone")
def test_rclone(service, tree, bucket, tmp_path):
    remote = (
        f":s3,provider=Other,access_key_id='{KEY}',secret_access_key='{SECRET}',"
        f"endpoint='{service.url}',force_path_style=true,"
        f"upload_cutoff=5Mi,chunk_size=5Mi:{bucket}"
    )
    cmd = ["rclone", "--config", str(tmp_path / "none"), "--retries", "1"]
    cmd += ["--low-level-retries", "1", "--transfers", "8", "--checkers", "8"]
    up = [*cmd, "sync", str(tree), remote + "/t"]
    run(*cmd, "mkdir", remote)
    run(*up)
    assert service.keys(bucket) == {"t/" + k: v for k, v in sizes(tree).items()}
    back = tmp_path / "back"
    down = [*cmd, "sync", remote + "/t", str(back)]
    run(*down)
    same(tree, back)
    still(service, up, down, [*up, "--fast-list"])
    other = changed(tree, tmp_path)
    run(*cmd, "sync", str(other), remote + "/t")
    run(*cmd, "check", "--fast-list", str(other), remote + "/t")
    run(*down)
    same(other, back)
    listed = run(*cmd, "lsf", remote + "/t/").split("\n")
    assert "dir #1/" in listed and "large 5M+1" in listed
    run(*cmd, "copyto", remote + "/t/dir/new file", remote + "/copy+ü")
    run(*cmd, "moveto", remote + "/copy+ü", remote + "/moved #1")
    assert run(*cmd, "cat", remote + "/moved #1") == "new file"
    url = run(*cmd, "link", "--expire", "10m", remote + "/moved #1").strip()
    assert fetched(url) == "new file"
    run(*cmd, "deletefile", remote + "/moved #1")
    run(*cmd, "purge", remote)


# -- aws ------------------------------------------------------------------------------


def aws_program():
    """That of the tests' own Python, or what is installed."""
    beside = pathlib.Path(sys.executable).parent / "aws"
    return str(beside) if beside.exists() else shutil.which("aws")


@pytest.mark.skipif(not aws_program(), reason="aws is not installed")
def test_aws(service, tree, bucket, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  addressing_style = path\n"
                      "  signature_version = s3v4\n")
    env = {
        "AWS_CONFIG_FILE": str(config),
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def aws(*args):
        return run(aws_program(), "--endpoint-url", service.url, *args, env=env)

    top = f"s3://{bucket}"
    aws("s3", "mb", top)
    up = ["s3", "sync", "--only-show-errors", str(tree), f"{top}/t"]
    aws(*up)
    assert service.keys(bucket) == {"t/" + k: v for k, v in sizes(tree).items()}
    back = tmp_path / "back"
    down = ["s3", "sync", "--only-show-errors", f"{top}/t", str(back)]
    aws(*down)
    same(tree, back)
    before = service.moved()
    aws(*up)
    aws(*down)
    assert service.moved() == before
    other = changed(tree, tmp_path)
    aws("s3", "sync", "--only-show-errors", "--delete", str(other), f"{top}/t")
    assert service.keys(bucket) == {"t/" + k: v for k, v in sizes(other).items()}
    listed = aws("s3", "ls", f"{top}/t/")
    assert "PRE dir #1/\n" in listed and "large 5M+1" in listed
    assert "large 16M" not in listed
    aws("s3", "cp", f"{top}/t/dir/new file", f"{top}/copy+ü")
    aws("s3", "mv", f"{top}/copy+ü", f"{top}/moved #1")
    assert fetched(aws("s3", "presign", f"{top}/moved #1").strip()) == "new file"
    aws("s3", "cp", f"{top}/t/dir #1/large 16M", f"{top}/large copy")  # in parts
    assert service.keys(bucket, Prefix="large")["large copy"] == 16 << 20
    aws("s3", "rb", "--force", top)


# -- data sets ------------------------------------------------------------------------

# The client below s3torchconnector; it reads whole objects by ranges.
MOUNTPOINT = """
import hashlib, json, sys
from s3torchconnectorclient._mountpoint_s3_client import MountpointS3Client
url, bucket = sys.argv[1:]
client = MountpointS3Client(
    "us-east-1", endpoint=url, force_path_style=True, part_size=5 << 20, max_attempts=1)
with_parts = client.put_object(bucket, "t/written +1")
for _ in range(12):
    with_parts.write(b"0123456789abcdef" * (1 << 16))
with_parts.close()
found = {}
for page in client.list_objects(bucket, "t/", max_keys=7):
    for x in page.object_info:
        assert client.head_object(bucket, x.key).size == x.size
        body = b"".join(client.get_object(bucket, x.key))
        assert len(body) == x.size
        found[x.key] = hashlib.md5(body).hexdigest()
        if x.size > 10:
            part = b"".join(client.get_object(bucket, x.key, 3, 9))
            assert part == body[3:9]
top = [p for page in client.list_objects(bucket, "t/", "/") for p in page.common_prefixes]
assert "t/dir #1/" in top
# It cannot copy from names that need escapes.
client.copy_object(bucket, "t/plain40", bucket, "copy")
assert client.head_object(bucket, "copy").size == 1000
client.delete_object(bucket, "copy")
print(json.dumps(found))
"""

# Map style and iterable, two workers.
DATASET = """
import hashlib, json, sys
from s3torchconnector import S3ClientConfig, S3IterableDataset, S3MapDataset
from torch.utils.data import DataLoader
url, bucket = sys.argv[1:]
def sample(x):
    return x.key, hashlib.md5(x.read()).hexdigest()
more = dict(region="us-east-1", endpoint=url, transform=sample,
            s3client_config=S3ClientConfig(force_path_style=True))
mapped = S3MapDataset.from_prefix(f"s3://{bucket}/t/", **more)
by_index = {k: v for k, v in (mapped[i] for i in range(len(mapped)))}
streamed = S3IterableDataset.from_prefix(f"s3://{bucket}/t/", enable_sharding=True, **more)
found = {}
for keys, sums in DataLoader(streamed, batch_size=8, num_workers=2):
    found |= dict(zip(keys, sums))
assert found == by_index
print(json.dumps(found))
"""


def read_set(script, service, bucket):
    """@returns what the script has read: keys and MD5s."""
    env = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    command = [sys.executable, "-c", script, service.url, bucket]
    return json.loads(run(*command, env=env | {"AWS_EC2_METADATA_DISABLED": "true"}))


@pytest.fixture
def data_set(service, small_tree, bucket):
    """A bucket that holds the small tree, as MD5s by key."""
    s3 = service.s3
    s3.create_bucket(Bucket=bucket)
    out = {}
    for name, path in files(small_tree).items():
        body = path.read_bytes()
        s3.put_object(Bucket=bucket, Key="t/" + name, Body=body)
        out["t/" + name] = hashlib.md5(body).hexdigest()
    yield out
    empty(s3, bucket)
    s3.delete_bucket(Bucket=bucket)


@needs_module("s3torchconnectorclient")
def test_mountpoint_client(service, bucket, data_set):
    written = hashlib.md5(b"0123456789abcdef" * (12 << 16)).hexdigest()
    found = read_set(MOUNTPOINT, service, bucket)
    assert found == data_set | {"t/written +1": written}


@needs_module("s3torchconnector")
def test_torch_data_set(service, bucket, data_set):
    assert read_set(DATASET, service, bucket) == data_set


# -- s3fs ------------------------------------------------------------------------------


def mountable():
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
        return True
    except OSError:
        return False


@needs("s3fs")
@pytest.mark.skipif(not mountable(), reason="/dev/fuse cannot be opened")
def test_s3fs(service, bucket, tmp_path):
    """A bucket as a folder: a request for each look at a file, so fewer of them."""
    tree = make_tree(tmp_path / "t", 20, {"large 5M+1": LARGE["large 5M+1"]})
    service.s3.create_bucket(Bucket=bucket)
    mount, passwd = tmp_path / "mount", tmp_path / "passwd"
    mount.mkdir()
    passwd.write_text(f"{KEY}:{SECRET}\n")
    passwd.chmod(0o600)
    process = subprocess.Popen(
        ["s3fs", bucket, str(mount), "-f", "-o", f"passwd_file={passwd}"]
        + ["-o", f"url={service.url}", "-o", "use_path_request_style"]
        + ["-o", "multipart_size=5,retries=1,sigv4,endpoint=us-east-1"],
        stdout=(tmp_path / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 30
        while not os.path.ismount(mount):
            text = (tmp_path / "log").read_text()
            if process.poll() is not None and "fuse:" in text:
                pytest.skip("FUSE may not mount here: " + text[-200:])
            assert process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.01)
        top = mount / "t"
        shutil.copytree(tree, top)
        same(tree, top)
        keys = service.keys(bucket)
        objects = {k.removeprefix("t/"): v for k, v in keys.items() if k[-1] != "/"}
        assert objects == sizes(tree)
        service.s3.put_object(Bucket=bucket, Key="from outside", Body=b"x")
        assert (mount / "from outside").read_bytes() == b"x"
        (top / "large 5M+1").rename(top / "moved #1")  # a copy
        assert (top / "moved #1").stat().st_size == LARGE["large 5M+1"]
        with (top / "moved #1").open("r+b") as f:
            f.seek(1 << 20)
            f.write(b"changed")
        at = {"Bucket": bucket, "Key": "t/moved #1"}
        body = service.s3.get_object(**at)["Body"].read()
        was = (tree / "large 5M+1").read_bytes()
        assert body == was[: 1 << 20] + b"changed" + was[(1 << 20) + 7 :]
        shutil.rmtree(top)
        assert [*service.keys(bucket)] == ["from outside"]
    finally:
        if os.path.ismount(mount):
            subprocess.run(["umount", "-l", str(mount)], check=True)
        process.terminate()
        process.wait(timeout=60)
    empty(service.s3, bucket)
    service.s3.delete_bucket(Bucket=bucket)
