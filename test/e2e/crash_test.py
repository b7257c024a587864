"""kill -9 at every labelled point, and in the middle of everything else."""

import os
import re
import threading

import pytest
import requests
from conftest import ROOT

SOURCES = [p for d in ("storage", "actors") for p in (ROOT / d).rglob("*.cpp")]
POINTS = sorted(
    {
        point
        for path in SOURCES
        for point in re.findall(r'AIS_CRASH_POINT\("([\w.]+)"\)', path.read_text())
        # Of moves and copies: move_test, rebalance_test, mountpath_test, mirror_test.
        if not point.startswith(("stream.", "rebalance.", "resilver.", "mirror."))
    }
)

OLD, NEW = b"old content " * 100, b"new content, longer " * 200


def bucket(node, name, action="create-bck", method="POST"):
    return requests.request(
        method, f"{node.url}/v1/buckets/{name}", json={"action": action}, timeout=30
    )


def put(node, name, content, bck="b"):
    return requests.put(
        f"{node.url}/v1/objects/{bck}/{name}", data=content, timeout=30
    ).status_code


def get(node, name, bck="b"):
    r = requests.get(f"{node.url}/v1/objects/{bck}/{name}", timeout=30)
    return r.content if r.ok else r.status_code


def versioned_put(node, name, content):
    """The id of the new version."""
    r = requests.put(f"{node.url}/s3/v/{name}", data=content, timeout=30)
    assert r.ok, r.text
    return r.headers["x-amz-version-id"]


def get_version(node, name, version):
    r = requests.get(f"{node.url}/s3/v/{name}?versionId={version}", timeout=30)
    return r.content if r.ok else r.status_code


def works(node, covered):
    """The operations of this test, each with what it may leave behind. `covered`:
    the version that goes for good."""
    yield "put", lambda: put(node, "fresh", NEW)
    yield "overwrite", lambda: put(node, "there", NEW)
    yield "convert", lambda: put(node, "there/below", NEW)
    yield "attrs", lambda: requests.patch(
        f"{node.url}/v1/objects/b/there", json={"value": {"k": "v"}}, timeout=30
    ).status_code
    yield "delete", lambda: requests.delete(
        f"{node.url}/v1/objects/b/doomed", timeout=30
    ).status_code
    yield "replace", lambda: put(node, "kept", NEW, "v")
    yield "uncover", lambda: requests.delete(
        f"{node.url}/s3/v/covered?versionId={covered}", timeout=30
    ).status_code
    yield "create", lambda: bucket(node, "made").status_code
    yield "destroy", lambda: bucket(
        node, "doomed", "destroy-bck", "DELETE"
    ).status_code


def has_hooks(node):
    """Crash points exist in test builds only."""
    with open(node.command()[0], "rb") as f:
        return b"AIS_CRASH_AT" in f.read()


def test_there_are_enough_points():
    assert len(POINTS) >= 20, POINTS


@pytest.mark.parametrize("point", POINTS)
def test_kill_at(fresh_node, point):
    node = fresh_node.start()
    if not has_hooks(node):
        pytest.skip("this build has no crash points")
    assert bucket(node, "b").ok and bucket(node, "doomed").ok
    for name in ("there", "doomed", "bystander"):
        assert put(node, name, OLD) == 200
    assert put(node, "o", OLD, "doomed") == 200
    assert bucket(node, "v").ok
    r = requests.put(
        f"{node.url}/s3/v?versioning",
        data="<VersioningConfiguration><Status>Enabled</Status>"
        "</VersioningConfiguration>",
        timeout=30,
    )
    assert r.ok, r.text
    first = {name: versioned_put(node, name, OLD) for name in ("kept", "covered")}
    covered = versioned_put(node, "covered", NEW)
    assert node.stop() == 0

    # Start-up saves the new epoch and its first state, and looks at all buckets
    # (that of former versions is one): let that pass.
    startup = 2 if point.startswith("meta.") else 0
    startup = 4 if point.startswith("bucket.create.") else startup
    node.start(env={"AIS_CRASH_AT": f"{point}:{startup + 1}"})
    acked = {}
    for name, work in works(node, covered):
        try:
            acked[name] = work() in (200, 204)
        except requests.RequestException:
            break
    assert len(acked) < 9, f"{point} was never reached"
    assert node.process.wait(timeout=30) == -9

    node.start()
    assert get(node, "bystander") == OLD
    for name, key, before in (
        ("put", "fresh", 404),
        ("overwrite", "there", OLD),
        ("convert", "there/below", 404),
    ):
        now = get(node, key)
        assert now == NEW if acked.get(name) else now in (before, NEW), (name, now)
    doomed = get(node, "doomed")
    assert doomed == 404 if acked.get("delete") else doomed in (404, OLD)
    buckets = [b["name"] for b in requests.get(f"{node.url}/v1/buckets").json()]
    assert "b" in buckets
    if acked.get("create"):
        assert "made" in buckets
    if acked.get("destroy"):
        assert "doomed" not in buckets
    if "doomed" in buckets:
        assert get(node, "o", "doomed") == OLD
    kept = get(node, "kept", "v")
    assert kept == NEW if acked.get("replace") else kept in (OLD, NEW)
    seen = get(node, "covered", "v")
    assert seen == OLD if acked.get("uncover") else seen in (OLD, NEW)
    for name, version in first.items():
        assert get_version(node, name, version) == OLD, name
    if seen == OLD:
        assert get_version(node, "covered", covered) == 404
    assert node.work_files() == []
    # Whatever was there before, the node is fully usable.
    assert put(node, "after", NEW) == 200 and get(node, "after") == NEW
    listed = requests.get(f"{node.url}/v1/buckets/b").json()["entries"]
    assert {"after", "bystander"} <= {e["name"] for e in listed}
    assert node.stop() == 0


@pytest.mark.parametrize("first", [True, False], ids=["first start", "restart"])
@pytest.mark.parametrize("point", [p for p in POINTS if p.startswith("meta.")])
def test_kill_while_starting(fresh_node, point, first):
    node = fresh_node
    if not first:
        assert bucket(node.start(), "b").ok and put(node, "x", OLD) == 200
        assert node.stop() == 0
    saves = 0
    while True:
        saves += 1
        node.start(env={"AIS_CRASH_AT": f"{point}:{saves}"}, wait=False)
        node.wait_until(lambda: node.started() or not node.alive())
        if node.alive():
            break
        assert node.process.wait(timeout=30) == -9
    assert saves > 2, "start-up saves the epoch and the state"
    node.kill()
    node.start()
    if not first:
        assert get(node, "x") == OLD
    assert bucket(node, "after").ok and put(node, "y", NEW, "after") == 200
    assert node.stop() == 0


def test_kill_during_many_writers(fresh_node):
    node = fresh_node.start()
    assert bucket(node, "b").ok
    acked, lock, enough = {}, threading.Lock(), threading.Event()

    def writer(k):
        session = requests.Session()
        for i in range(10_000):
            content = f"{k}-{i}-".encode() * (i % 400 + 1)
            try:
                r = session.put(
                    f"{node.url}/v1/objects/b/w{k}/o{i % 50}", data=content
                )
            except requests.RequestException:
                return
            if r.ok:
                with lock:
                    acked[f"w{k}/o{i % 50}"] = (i, content)
                    if len(acked) >= 300:
                        enough.set()

    threads = [threading.Thread(target=writer, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    assert enough.wait(timeout=60)
    node.kill()
    for t in threads:
        t.join()
    node.start()
    for name, (i, content) in acked.items():
        now = get(node, name)
        k = name[1 : name.index("/")]
        # The write under way at the kill may have made it, too.
        later = f"{k}-{i + 50}-".encode() * ((i + 50) % 400 + 1)
        assert now in (content, later), name
    assert node.work_files() == []


def test_graceful_stop_finishes_a_running_upload(fresh_node):
    import http.client

    node = fresh_node.start()
    assert bucket(node, "b").ok
    c = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    c.putrequest("PUT", "/v1/objects/b/slow")
    c.putheader("Content-Length", "200000")
    c.endheaders(b"a" * 100_000)
    # The node has begun the upload when its work file is there.
    while not node.work_files():
        assert node.alive()
    node.process.terminate()
    while "stopping" not in node.log():
        assert node.alive()
    c.send(b"a" * 100_000)
    assert c.getresponse().status == 200
    assert node.process.wait(timeout=60) == 0
    node.start()
    assert get(node, "slow") == b"a" * 200_000


def test_a_directory_serves_one_node_at_a_time(fresh_node, tmp_path):
    from conftest import Node

    fresh_node.start()
    second = Node(tmp_path / "second")
    second.dir.mkdir()
    (second.dir / "node").symlink_to(fresh_node.dir / "node")
    second.start(wait=False)
    assert second.process.wait(timeout=30) != 0
    assert "in use by another aisnode" in second.stderr()


def test_a_port_in_use_is_one_clear_sentence(fresh_node, tmp_path):
    from conftest import Node

    fresh_node.start()
    second = Node(tmp_path / "second")
    second.dir.mkdir()
    second.port = fresh_node.port
    second.start(wait=False)
    assert second.process.wait(timeout=30) != 0
    text = second.stderr()
    assert "in use" in text and "--port" in text and text.count("\n") == 1
