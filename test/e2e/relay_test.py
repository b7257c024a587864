"""Requests that nodes pass on to the owner, and signed redirects."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from aistore.sdk import Client
from conftest import Cluster

NAMES = ["plain", "a b?#%2F", "dir//x", "ü+&=;"]


@pytest.fixture(scope="module")
def relaying(tmp_path_factory):
    """Nodes that never redirect."""
    dir = tmp_path_factory.mktemp("relay")
    it = Cluster(dir, proxies=2, targets=2, more=["--no-redirect"]).start()
    assert bucket(it.proxies[0], "b").ok
    yield it
    it.stop()
    for node in it.nodes:
        assert "second reply" not in node.log()


def bucket(node, name):
    return requests.post(
        f"{node.url}/v1/buckets/{name}", json={"action": "create-bck"}, timeout=30
    )


def url(node, name, bck="b"):
    return f"{node.url}/v1/objects/{bck}/{requests.utils.quote(name, safe='')}"


def ask(method, node, name, bck="b", **more):
    """Exactly one hop."""
    more.setdefault("timeout", 60)
    r = requests.request(
        method, url(node, name, bck), allow_redirects=False, **more
    )
    assert r.status_code not in (301, 307)
    return r


def owner(cluster, name):
    """The target that answers for itself: it relays nothing."""
    mark = {"Ais-Relayed-By": "test"}
    for node in cluster.targets:
        if requests.head(url(node, name), headers=mark, timeout=30).status_code != 503:
            return node
    raise AssertionError("nobody owns " + name)


def shown(r):
    """What must be the same, whoever is asked."""
    drop = ("Date", "Ais-Atime", "X-Request-Id")
    return r.status_code, {k: v for k, v in r.headers.items() if k not in drop}


@pytest.mark.parametrize("size", [0, 1, 5_000, 300_000, 9_000_000])
def test_all_verbs(relaying, size):
    content = os.urandom(size)
    for name in NAMES:
        name = f"{name}-{size}"
        for node in relaying.nodes:
            meta = {"Ais-Custom-Md": "k=v"}
            assert ask("PUT", node, name, data=content, headers=meta).ok
        home = owner(relaying, name)
        for node in relaying.nodes:
            r = ask("GET", node, name)
            assert r.content == content
            assert shown(r) == shown(ask("GET", home, name))
            r = ask("HEAD", node, name)
            assert shown(r) == shown(ask("HEAD", home, name))
            assert r.headers["Ais-Custom-Md"] == "k=v"
            for wanted in ("bytes=0-0", "bytes=5-", "bytes=-3", "bytes=9-1"):
                r = ask("GET", node, name, headers={"Range": wanted})
                same = ask("GET", home, name, headers={"Range": wanted})
                assert shown(r) == shown(same)
                if r.status_code == 206:
                    assert r.content == same.content
                    assert r.headers["Content-Range"]
        via = relaying.nodes[size % len(relaying.nodes)]
        patch = {"value": {"k2": "v2"}}
        assert ask("PATCH", via, name, json=patch).ok
        assert "k2=v2" in ask("HEAD", via, name).headers["Ais-Custom-Md"]
        move = {"action": "rename-obj", "name": name + "-new"}
        assert ask("POST", via, name, json=move).ok
        assert ask("GET", via, name).status_code == 404
        assert ask("GET", via, name + "-new").content == content
        assert ask("DELETE", via, name + "-new").ok
        assert ask("DELETE", via, name + "-new").status_code == 404


def test_errors_are_the_owners(relaying):
    for node in relaying.nodes:
        r = ask("GET", node, "missing")
        home = owner(relaying, "missing")
        assert r.status_code == 404
        assert r.json()["message"] == ask("GET", home, "missing").json()["message"]
        assert r.json()["node"].startswith("t[")
        assert "Hdr-Error" in ask("HEAD", node, "missing").headers
        wrong = {"Ais-Checksum-Type": "md5", "Ais-Checksum-Value": "0" * 32}
        r = ask("PUT", node, "missing", data=b"x" * 200_000, headers=wrong)
        assert r.status_code == 400 and r.json()["tcode"] == "ErrBadCksum"
        assert ask("PUT", node, "x", "nowhere", data=b"x" * 200_000).status_code == 404


def test_chunked_bodies(relaying):
    pieces = [os.urandom(n) for n in (1, 70_000, 300_000, 5)]
    for node in relaying.nodes:
        assert ask("PUT", node, "chunked", data=iter(pieces)).ok
        assert ask("GET", node, "chunked").content == b"".join(pieces)


def test_many_clients_on_few_connections(relaying):
    contents = {f"many{i}": os.urandom(1000 * i) for i in range(40)}

    def work(k):
        with requests.Session() as s:
            for name, content in contents.items():
                node = relaying.nodes[(k + len(name)) % len(relaying.nodes)]
                assert s.put(url(node, name), data=content, timeout=60).ok
                assert s.get(url(node, name), timeout=60).content == content

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(12)))


def test_the_owner_refuses_before_the_body(relaying):
    head = (
        "PUT /v1/objects/nowhere/x HTTP/1.1\r\nHost: x\r\n"
        "Content-Length: 50000000\r\nExpect: 100-continue\r\n\r\n"
    )
    for node in relaying.nodes:
        with socket.create_connection(("127.0.0.1", node.port), timeout=30) as s:
            s.sendall(head.encode())
            assert s.recv(100).startswith(b"HTTP/1.1 404")


def test_memory_is_bounded(relaying):
    def resident(node):
        with open(f"/proc/{node.process.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    node = relaying.proxies[1]
    ask("PUT", node, "warm", data=bytes(1_000_000))
    before = resident(node)
    size = 150_000_000
    piece = os.urandom(1_000_000)
    for k in range(2):
        assert ask("PUT", node, f"large{k}", data=(piece for _ in range(150))).ok
        with requests.get(url(node, f"large{k}"), stream=True, timeout=60) as r:
            assert sum(len(x) for x in r.iter_content(1 << 20)) == size
        assert ask("DELETE", node, f"large{k}").ok
    assert resident(node) - before < 30_000_000


def test_clients_that_leave_leave_nothing(relaying):
    home = owner(relaying, "left")
    for node in relaying.proxies:
        for framing in ("Content-Length: 5000000", "Transfer-Encoding: chunked"):
            with socket.create_connection(("127.0.0.1", node.port)) as s:
                text = f"PUT /v1/objects/b/left HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n"
                s.sendall(text.encode() + b"fffff\r\n" + bytes(300_000))
        home.wait_until(lambda: home.work_files() == [], 60)
        assert ask("GET", node, "left").status_code == 404
    for node in relaying.proxies:
        assert ask("PUT", node, "left", data=bytes(20_000_000)).ok
        with requests.get(url(node, "left"), stream=True, timeout=60) as r:
            r.raw.read(1000)
    assert ask("DELETE", node, "left").ok


def test_never_in_a_circle(relaying, cluster):
    """Whose map differs refuses, instead of passing on what was passed on."""
    home = owner(relaying, "o")
    other = next(t for t in relaying.targets if t is not home)
    r = ask("GET", other, "o", headers={"Ais-Relayed-By": "p1"})
    assert r.status_code == 503 and "try again" in r.json()["message"]
    # Redirects may follow each other, for a while; from the second on the node
    # looks whether it gets another map first.
    assert bucket(cluster.proxies[0], "b").ok
    node, sent, pauses = cluster.proxies[0], [], []
    for before in range(9):
        marks = "&".join(f"pid={i}&utm={i}" for i in range(before))
        begin = time.monotonic()
        r = requests.get(f"{url(node, 'o')}?{marks}", allow_redirects=False, timeout=30)
        sent.append(r.status_code)
        pauses.append(time.monotonic() - begin >= 0.2)
    assert sent == [301] * 8 + [503]
    assert all(pauses[2:])


def test_the_owner_dies(tmp_path):
    it = Cluster(tmp_path, proxies=1, targets=2, more=["--no-redirect"]).start()
    try:
        proxy = it.proxies[0]
        assert bucket(proxy, "b").ok
        content = os.urandom(60_000_000)
        assert ask("PUT", proxy, "o", data=content).ok
        home = owner(it, "o")
        with requests.get(url(proxy, "o"), stream=True, timeout=60) as r:
            got = r.raw.read(1000)
            home.kill()
            with pytest.raises(Exception):
                while piece := r.raw.read(1 << 20):
                    got += piece
                assert len(got) == len(content)
        r = ask("GET", proxy, "o")
        assert r.status_code == 503 and "nobody answers" in r.json()["message"]
        assert ask("PUT", proxy, "o", data=b"x" * 100_000).status_code == 503
        home.start()
        it.wait_healthy()
        assert ask("GET", proxy, "o").content == content
    finally:
        it.stop()


# -- signed redirects ----------------------------------------------------------


def configure(node, setting):
    assert requests.put(f"{node.url}/v1/cluster/set-config?{setting}", timeout=30).ok


def test_signed_redirects(cluster):
    proxy, target = cluster.proxies[2], cluster.targets[0]
    assert bucket(proxy, "b").ok
    name = next(
        f"o{i}"
        for i in range(100)
        if f":{target.port}/"
        in requests.head(url(proxy, f"o{i}"), timeout=30, allow_redirects=False).headers[
            "Location"
        ]
    )
    assert requests.put(url(target, name), data=b"content", timeout=30).ok
    for _ in range(3):  # from a lease, too
        assert requests.get(url(target, name), timeout=30).content == b"content"

    configure(proxy, "auth.intra_cluster.request_auth=true")

    def signed(method="GET"):
        r = requests.request(
            method, url(proxy, name), timeout=30, allow_redirects=False
        )
        return r.headers["Location"]

    target.wait_until(lambda: requests.get(url(target, name)).status_code == 403, 30)
    assert "&u=" in signed()
    for method, status in (
        ("GET", 403),
        ("HEAD", 403),
        ("PUT", 400),
        ("DELETE", 400),
        ("PATCH", 400),
        ("POST", 400),
    ):
        r = requests.request(method, url(target, name), timeout=30)
        assert r.status_code == status, method
        if status == 400:
            assert "expected to be redirected" in r.json()["message"]
    # Clients notice nothing.
    assert requests.get(url(proxy, name), timeout=30).content == b"content"
    for node in cluster.proxies:
        client = Client(node.url)
        obj = client.bucket("b").object(f"dir {node.port}/ü?")
        obj.get_writer().put_content(b"by the SDK")
        assert obj.get_reader().read_all() == b"by the SDK"
        obj.delete()
    # Altered, and for something else.
    where = signed()
    assert requests.get(where, timeout=30).content == b"content"
    assert requests.put(where, data=b"x", timeout=30).status_code == 403
    assert requests.get(where.replace(name, name + "0"), timeout=30).status_code == 403
    assert requests.get(where.replace("?", "?x=1&"), timeout=30).status_code == 403
    assert requests.get(where + "A", timeout=30).status_code == 403
    assert requests.get(where.split("&u=")[0], timeout=30).status_code == 403
    put = signed("PUT")
    assert requests.put(put, data=b"content", timeout=30).ok
    # Copies between targets are no clients' requests.
    copied = requests.put(
        url(proxy, name), params={"object_to": "ais/@#/b/copy"}, timeout=30
    )
    assert copied.ok

    # A short life.
    configure(proxy, "auth.intra_cluster.nonce_window=1s")
    where, begin = signed(), time.monotonic()
    target.wait_until(lambda: requests.get(where).status_code == 403, 30)
    assert time.monotonic() - begin > 0.5
    assert "expired" in requests.get(where, timeout=30).json()["message"]

    configure(proxy, "auth.intra_cluster.request_auth=false")
    target.wait_until(lambda: requests.get(url(target, name)).ok, 30)
    assert "&u=" not in signed()


def test_relays_are_signed_too(relaying):
    proxy = relaying.proxies[0]
    configure(proxy, "auth.intra_cluster.request_auth=true")
    try:
        home = owner_after_signing(relaying, "signed")
        for node in relaying.proxies:
            assert ask("PUT", node, "signed", data=b"content").ok
            assert ask("GET", node, "signed").content == b"content"
        assert ask("GET", home, "signed").status_code == 403
    finally:
        configure(proxy, "auth.intra_cluster.request_auth=false")


def owner_after_signing(cluster, name):
    target = cluster.targets[0]
    target.wait_until(lambda: ask("GET", target, name).status_code == 403, 30)
    return target
