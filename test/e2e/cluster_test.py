"""Clusters of real processes: joining, serving, dying, coming back."""

import io
import os
import signal
import tarfile
import threading
import time

import pytest
import requests
from aistore.sdk import Client


def put(node, name, content, bck="b"):
    return requests.put(f"{node.url}/v1/objects/{bck}/{name}", data=content, timeout=30)


def get(node, name, bck="b"):
    return requests.get(f"{node.url}/v1/objects/{bck}/{name}", timeout=30)


def create(node, bck="b"):
    return requests.post(
        f"{node.url}/v1/buckets/{bck}", json={"action": "create-bck"}, timeout=30
    )


def test_any_node_serves_any_request(cluster):
    assert create(cluster.targets[1]).status_code == 200
    for i, node in enumerate(cluster.nodes * 3):
        assert put(node, f"dir/o{i}", f"content {i}".encode()).status_code == 200
    for i in range(len(cluster.nodes) * 3):
        for node in cluster.nodes:
            r = get(node, f"dir/o{i}")
            assert r.content == f"content {i}".encode(), (node.url, r.text)
    # All targets have some of it, and every listing has all of it.
    for target in cluster.targets:
        assert list(target.dir.rglob("%ob/dir/o*"))
    names = sorted(f"dir/o{i}" for i in range(len(cluster.nodes) * 3))
    for node in cluster.nodes:
        client = Client(node.url)
        listed = client.bucket("b").list_all_objects(page_size=4)
        assert [x.name for x in listed] == names


def test_redirects_are_what_clients_expect(cluster):
    assert create(cluster.proxies[0]).ok
    url = f"{cluster.proxies[1].url}/v1/objects/b/a%20b%3F?x=1"
    r = requests.put(url, data=b"x", allow_redirects=False)
    assert r.status_code == 307
    where = r.headers["Location"]
    assert "/v1/objects/b/a%20b%3F?x=1&pid=" in where and "&utm=" in where
    assert requests.put(where, data=b"content").ok
    r = requests.get(url, allow_redirects=False)
    assert r.status_code == 301 and "Cache-Control" not in r.headers
    assert requests.get(url).content == b"content"
    big = os.urandom(8 << 20)
    for node in cluster.nodes:
        assert put(node, "big", big).ok
        assert get(node, "big").content == big


def test_the_sdk_reads_directly(cluster):
    client = Client(cluster.proxies[0].url)
    bucket = client.bucket("direct").create()
    for i in range(20):
        bucket.object(f"o{i}").get_writer().put_content(f"{i}".encode())
    for i in range(20):
        reader = bucket.object(f"o{i}").get_reader(direct=True)
        assert reader.read_all() == f"{i}".encode()


def test_questions_about_all_nodes(cluster):
    smap = cluster.smap(cluster.targets[0])
    assert len(smap["pmap"]) == 3 and len(smap["tmap"]) == 3
    for node in (cluster.proxies[2], cluster.targets[0]):
        for id, si in {**smap["pmap"], **smap["tmap"]}.items():
            r = requests.get(
                f"{node.url}/v1/reverse/daemon?what=node_status",
                headers={"Ais-Node-Id": id},
            )
            assert r.status_code == 200, r.text
            assert r.json()["snode"]["daemon_id"] == id
            assert r.json()["cluster"]["flags"] == 6
        stats = requests.get(f"{node.url}/v1/cluster?what=node_stats").json()
        assert set(stats["target"]) == set(smap["tmap"])
        info = requests.get(f"{node.url}/v1/cluster?what=sysinfo").json()
        assert set(info["proxy"]) == set(smap["pmap"])
        assert set(info["target"]) == set(smap["tmap"])
    # One node's configuration, through another.
    id = next(iter(smap["tmap"]))
    url = f"{cluster.proxies[1].url}/v1/reverse/daemon"
    ask = {"headers": {"Ais-Node-Id": id}}
    assert requests.put(f"{url}/set-config?log.level=4", **ask).ok
    config = requests.get(f"{url}?what=config", **ask).json()
    assert config["log"]["level"] == "4"
    # The cluster's, through a node that is not primary.
    other = cluster.targets[2].url
    assert requests.put(f"{other}/v1/cluster/set-config?mirror.copies=3").ok
    for node in cluster.nodes:
        shown = requests.get(f"{node.url}/v1/cluster?what=cluster_config").json()
        assert shown["mirror"]["copies"] == 3


def test_log_archives_come_from_their_nodes(cluster):
    smap = cluster.smap(cluster.proxies[0])
    for id, si in {**smap["pmap"], **smap["tmap"]}.items():
        r = requests.get(
            f"{cluster.proxies[1].url}/v1/reverse/daemon?what=log&all=true",
            headers={"Ais-Node-Id": id},
            timeout=30,
        )
        assert r.status_code == 200, r.text
        with tarfile.open(fileobj=io.BytesIO(r.content), mode="r:gz") as tar:
            text = b"".join(tar.extractfile(m).read() for m in tar.getmembers())
        assert id.encode() in text


def test_kill_the_primary(cluster):
    assert create(cluster.proxies[0]).ok
    assert put(cluster.proxies[1], "x", b"before").ok
    old = cluster.primary()
    old.kill()
    others = [n for n in cluster.nodes if n is not old]
    begin = time.monotonic()
    others[0].wait_until(lambda: create(others[-1], "after").status_code in (200, 409))
    print(f"next change after {time.monotonic() - begin:.3f} s")
    for node in others:
        assert get(node, "x").content == b"before"
        assert put(node, "y", b"after").ok
    cluster.wait_healthy()
    assert cluster.primary() is not old
    old.start()
    cluster.wait_healthy()
    assert cluster.primary() is not old
    assert get(old, "y").content == b"after"


def test_kill_a_target(cluster):
    assert create(cluster.proxies[0]).ok
    for i in range(30):
        assert put(cluster.proxies[0], f"o{i}", b"x" * i).ok
    dead = cluster.targets[0]
    dead.kill()
    cluster.wait_healthy()
    seen = set()
    for i in range(30):
        try:
            r = get(cluster.proxies[1], f"o{i}")
            assert r.ok and r.content == b"x" * i
            seen.add("served")
        except requests.ConnectionError:
            seen.add("refused")  # redirected to where nobody listens
    assert seen == {"served", "refused"}
    # Metadata changes go on without it, and it catches up.
    assert create(cluster.proxies[2], "meanwhile").ok
    assert requests.delete(
        f"{cluster.proxies[1].url}/v1/buckets/meanwhile", json={"action": "destroy-bck"}
    ).ok
    assert create(cluster.proxies[2], "more").ok
    dead.start()
    cluster.wait_healthy()
    for i in range(30):
        assert get(dead, f"o{i}").content == b"x" * i
    assert put(dead, "new", b"1", bck="more").ok


def test_a_paused_primary_is_replaced_and_steps_down(cluster):
    assert create(cluster.proxies[0]).ok
    old = cluster.primary()
    old.process.send_signal(signal.SIGSTOP)
    others = [n for n in cluster.proxies if n is not old]

    def changed():
        try:
            return create(others[0], "while-paused").status_code in (200, 409)
        except requests.RequestException:
            return False

    others[0].wait_until(changed)
    old.process.send_signal(signal.SIGCONT)
    cluster.wait_healthy()
    assert cluster.primary() in others
    r = requests.get(f"{old.url}/v1/buckets").json()
    assert "while-paused" in [b["name"] for b in r]


def test_restart_of_all(cluster):
    assert create(cluster.proxies[0]).ok
    for i in range(20):
        assert put(cluster.proxies[0], f"o{i}", b"y" * i).ok
    for node in cluster.nodes:
        node.kill()
    cluster.start()
    for i in range(20):
        for node in cluster.nodes:
            assert get(node, f"o{i}").content == b"y" * i


@pytest.mark.parametrize("victims", ["primary", "target", "both"])
def test_nothing_acknowledged_is_lost(cluster, victims):
    assert create(cluster.proxies[0]).ok
    acked, lock, stop = {}, threading.Lock(), threading.Event()

    def writer(k):
        i = 0
        while not stop.is_set():
            i += 1
            node = cluster.nodes[(i + k) % len(cluster.nodes)]
            name, content = f"w{k}/o{i % 40}", f"{k}-{i}".encode()
            try:
                ok = put(node, name, content).ok
            except requests.RequestException:
                ok = None  # it may have happened
            with lock:
                if ok:
                    acked[name] = {content}
                elif name in acked:
                    acked[name].add(content)

    def progress(n):
        with lock:
            have = len(acked)
        return have >= n

    threads = [threading.Thread(target=writer, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    try:
        cluster.nodes[0].wait_until(lambda: progress(40))
        dead = []
        if victims in ("primary", "both"):
            dead.append(cluster.primary())
        if victims in ("target", "both"):
            dead.append(cluster.targets[1])
        for node in dead:
            node.kill()
        cluster.nodes[0].wait_until(lambda: progress(100))
        for node in dead:
            node.start(wait=False)
        cluster.wait_healthy()
    finally:
        stop.set()
        for t in threads:
            t.join()
    for name, contents in acked.items():
        r = get(cluster.proxies[0], name)
        assert r.content in contents, (name, r.text, contents)


def test_who_must_not_join_is_told_why(cluster, tmp_path):
    from conftest import Node, own_ports

    # The same identity at another address, while the first one lives.
    twin = Node(tmp_path / "twin", (), ["--role", "proxy"])
    twin.more += [*own_ports(), "--join", cluster.first.url]
    twin.dir.mkdir()
    (twin.dir / "node").mkdir()
    source = cluster.proxies[2].dir / "node"
    for sub in ("conf", "conf.copy"):
        (twin.dir / "node" / sub).mkdir()
        for f in (source / sub).iterdir():
            if f.is_file():
                (twin.dir / "node" / sub / f.name).write_bytes(f.read_bytes())
    twin.start(wait=False)
    assert twin.process.wait(timeout=60) != 0
    assert "duplicate node id" in twin.stderr()
    # A node of another cluster.
    foreign = Node(tmp_path / "foreign", (), own_ports())
    foreign.dir.mkdir()
    assert foreign.start().stop() == 0
    foreign.more += ["--join", cluster.first.url]
    foreign.start(wait=False)
    assert foreign.process.wait(timeout=60) != 0
    assert "cie#" in foreign.stderr()
    cluster.wait_healthy()
