"""Buckets are renamed; nothing is lost on the way."""

import threading

import pytest
import requests
from aistore.sdk import Client
from conftest import Cluster
from stored import TIMEOUT, check, content, patient, store

NAMES = [f"o{i:03}" for i in range(150)]


def move(node, old, new):
    return requests.post(
        f"{node.url}/v1/buckets/{old}?bck_to=ais/@%23/{new}/",
        json={"action": "move-bck"},
        timeout=TIMEOUT,
    )


def status(node, job):
    return requests.get(
        f"{node.url}/v1/cluster",
        params={"what": "status"},
        json={"id": job},
        timeout=TIMEOUT,
    ).json()


def buckets(node):
    r = requests.get(f"{node.url}/v1/buckets", json={"action": "list"}, timeout=TIMEOUT)
    assert r.ok, r.text
    return {b["name"] for b in r.json()}


def create(node, name, **props):
    msg = {"action": "create-bck", "value": props}
    r = requests.post(f"{node.url}/v1/buckets/{name}", json=msg, timeout=TIMEOUT)
    assert r.ok, r.text


def get(node, bucket, name):
    return requests.get(f"{node.url}/v1/objects/{bucket}/{name}", timeout=TIMEOUT)


def test_with_the_sdk(cluster):
    client = Client(cluster.proxies[1].url)
    bucket = client.bucket("old").create()
    for name in NAMES:
        bucket.object(name).get_writer().put_content(name.encode())
    patch = {"value": {"k": "v"}}
    url = f"{cluster.first.url}/v1/objects/old/{NAMES[0]}"
    assert requests.patch(url, json=patch, timeout=TIMEOUT).ok
    props = {"action": "set-bprops", "value": {"checksum": {"type": "md5"}}}
    url = f"{cluster.first.url}/v1/buckets/old"
    assert requests.patch(url, json=props, timeout=TIMEOUT).ok
    job = bucket.rename("new")
    assert client.job(job).wait(timeout=60).success
    for node in cluster.nodes:
        assert buckets(node) >= {"new"} and "old" not in buckets(node)
    assert sorted(x.name for x in client.bucket("new").list_all_objects()) == NAMES
    for name in NAMES:
        assert client.bucket("new").object(name).get_reader().read_all() == name.encode()
    r = requests.head(f"{cluster.first.url}/v1/objects/new/{NAMES[0]}", allow_redirects=True)
    assert r.headers["Ais-Custom-Md"] == "k=v"
    r = requests.head(f"{cluster.first.url}/v1/buckets/new")
    assert '"type":"md5"' in r.headers["Ais-Bucket-Props"]
    # The name is free again.
    create(cluster.first, "old")
    assert get(cluster.first, "old", NAMES[0]).status_code == 404


def test_refusals(fresh_node):
    fresh_node.start()
    for name in ("a", "b"):
        create(fresh_node, name)
    assert move(fresh_node, "a", "a").status_code == 400
    assert move(fresh_node, "a", "b").status_code == 409
    assert move(fresh_node, "none", "c").status_code == 404
    assert move(fresh_node, "a", "../c").status_code == 400
    r = requests.post(
        f"{fresh_node.url}/v1/buckets/a", json={"action": "move-bck"}, timeout=TIMEOUT
    )
    assert r.status_code == 400
    assert buckets(fresh_node) == {"a", "b"}


def test_stopped(fresh_node):
    """Both buckets stay with what they have; together it is all."""
    node = fresh_node.start()
    create(node, "b")
    names = [f"o{i:04}" for i in range(2000)]
    for name in names:
        assert store(node, name, b"x").ok
    job = move(node, "b", "c")
    assert job.ok, job.text
    r = requests.put(f"{node.url}/v1/objects/b/new", data=b"x", timeout=TIMEOUT)
    assert r.status_code in (404, 409), r.text
    stop = {"action": "stop", "value": {"ID": job.text}}
    assert requests.put(f"{node.url}/v1/cluster", json=stop, timeout=TIMEOUT).ok
    node.wait_until(lambda: status(node, job.text)["end_time"] > 0)
    assert "c" in buckets(node)
    if "b" in buckets(node):  # it was not quicker
        assert status(node, job.text)["aborted"]
        assert store(node, "new", b"x").ok
    for name in names:
        r = get(node, "c", name)
        assert r.ok or get(node, "b", name).ok, name


def test_a_write_under_way_is_not_lost(fresh_node):
    """It fails, or what it wrote is in the new bucket."""
    node = fresh_node.start()
    create(node, "b")
    for name in NAMES[:20]:
        assert store(node, name).ok
    half, go_on = threading.Event(), threading.Event()

    def slowly():
        yield b"x" * 100_000
        half.set()
        go_on.wait(TIMEOUT)
        yield b"y" * 100_000

    answers = []

    def upload():
        try:
            url = f"{node.url}/v1/objects/b/late"
            answers.append(requests.put(url, data=slowly(), timeout=TIMEOUT).ok)
        except requests.RequestException:
            answers.append(False)

    thread = threading.Thread(target=upload)
    thread.start()
    assert half.wait(TIMEOUT)
    job = move(node, "b", "c")
    assert job.ok, job.text
    node.wait_until(lambda: "b" not in buckets(node))
    go_on.set()
    thread.join()
    assert answers == [get(node, "c", "late").ok]
    assert status(node, job.text)["end_time"] > 0
    for name in NAMES[:20]:
        assert get(node, "c", name).content == content(name)


@pytest.mark.parametrize("victim", ["target", "primary", "all"])
def test_killed_in_the_middle(tmp_path, victim):
    cluster = Cluster(tmp_path, 3, 3).start()
    try:
        first = cluster.first
        create(first, "b")
        for name in NAMES:
            assert store(first, name).ok
        job = move(first, "b", "c")
        assert job.ok, job.text
        nodes = {
            "target": [cluster.targets[0]],
            "primary": [cluster.primary()],
            "all": cluster.nodes,
        }[victim]
        for node in nodes:
            node.kill()
        for node in nodes:
            node.start(wait=False)
        for node in nodes:
            node.wait_until(node.started)
        cluster.wait_healthy()
        first.wait_until(lambda: patient(list_of, first).ok and "b" not in buckets(first))
        for name in NAMES:
            r = patient(get, first, "c", name)
            assert r.content == content(name), (name, r.status_code)
        if victim == "primary":  # targets that live know of the job
            x = status(first, job.text)
            assert x["end_time"] > 0 and not x["err"] and not x["aborted"]
    finally:
        cluster.stop()


def list_of(node):
    return requests.get(
        f"{node.url}/v1/buckets", json={"action": "list"}, timeout=TIMEOUT
    )
