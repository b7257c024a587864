"""Objects between targets: copy, rename, and what must not get in."""

import os
import re
import resource
import select
import socket
import struct

import pytest
import requests
import xxhash
from conftest import ROOT, Cluster

POINTS = sorted(
    {
        point
        for path in (ROOT / "actors" / "mover").glob("*.cpp")
        for point in re.findall(r'AIS_CRASH_POINT\("([\w.]+)"\)', path.read_text())
    }
)
RECEIVERS = {"stream.admitted", "stream.filled", "stream.committed"}


@pytest.fixture
def pair(tmp_path):
    """A proxy and two targets."""
    it = Cluster(tmp_path, proxies=1, targets=2).start()
    assert bucket(it.proxies[0], "b").ok
    yield it
    it.stop()


def bucket(node, name):
    return requests.post(
        f"{node.url}/v1/buckets/{name}", json={"action": "create-bck"}, timeout=30
    )


def url(node, name, bck="b"):
    return f"{node.url}/v1/objects/{bck}/{name}"


def put(node, name, content, **more):
    return requests.put(url(node, name), data=content, timeout=60, **more)


def get(node, name, bck="b"):
    return requests.get(url(node, name, bck), timeout=60)


def copy(node, name, to, bck="b"):
    uname = f"ais/@#/{bck}/{to}"
    return requests.put(url(node, name), params={"object_to": uname}, timeout=60)


def rename(node, name, to):
    action = {"action": "rename-obj", "name": to}
    return requests.post(url(node, name), json=action, timeout=60)


def owner(cluster, name):
    """The target that keeps an object."""
    r = requests.get(url(cluster.proxies[0], name), allow_redirects=False, timeout=30)
    port = int(re.search(r":(\d+)/", r.headers["Location"])[1])
    return next(t for t in cluster.targets if t.port == port)


def names(cluster, prefix, home, n=1):
    """Names of objects that belong to the target `home`."""
    out = []
    i = 0
    while len(out) < n:
        i += 1
        if owner(cluster, f"{prefix}{i}") is home:
            out.append(f"{prefix}{i}")
    return out


def work_files(cluster):
    return [f for node in cluster.nodes for f in node.work_files()]


def test_copy_and_rename(cluster):
    proxy = cluster.proxies[1]
    assert bucket(proxy, "b").ok and bucket(proxy, "other").ok
    a, b = cluster.targets[:2]
    sources = names(cluster, "from", a, 5)
    targets = names(cluster, "dir/to", b, 5)
    sizes = (0, 5, 70_000, 1_000_000, 9_000_000)
    contents = [os.urandom(n) for n in sizes]
    for node, name, to, content in zip(cluster.nodes, sources, targets, contents):
        meta = {"Ais-Custom-Md": "k=v"}
        assert put(node, name, content, headers=meta).ok
        r = copy(node, name, to)
        assert r.status_code == 200, r.text
        digest = xxhash.xxh64(content, seed=0).hexdigest()
        assert r.headers["Ais-Checksum-Value"] == digest
        for where in (name, to):
            r = get(node, where)
            assert r.content == content
            assert r.headers["Ais-Custom-Md"] == "k=v"
            assert r.headers["Ais-Checksum-Value"] == digest
            assert r.headers["Ais-Version"] == "1"
        # Once more over what is there: a new version of it.
        assert copy(node, name, to).headers["Ais-Version"] == "2"
        assert copy(node, name, "", "other").ok
        assert get(node, name, "other").content == content
    for node, name, to, content in zip(cluster.nodes, sources, targets, contents):
        assert rename(node, name, to + ".new").status_code == 200
        assert get(proxy, name).status_code == 404
        assert get(proxy, to + ".new").content == content
        assert rename(node, name, to).status_code == 404
        assert get(proxy, to).content == content
    assert copy(proxy, "missing", targets[0]).status_code == 404
    assert copy(proxy, targets[0], "x", "nowhere").status_code == 404
    assert work_files(cluster) == []
    for target in cluster.targets:
        text = requests.get(target.url + "/metrics", timeout=30).text
        assert "stream_in_count" in text and "stream_out_count" in text


def test_what_is_corrupted_is_not_copied(pair):
    proxy = pair.proxies[0]
    a, b = pair.targets
    for i, size in enumerate((100, 3_000_000)):
        (name,) = names(pair, f"from{i}-", a)
        (to,) = names(pair, f"to{i}-", b)
        assert put(proxy, name, os.urandom(size)).ok
        (path,) = a.dir.rglob(f"%ob/{name}")
        with open(path, "r+b") as f:
            f.seek(size // 2)
            byte = f.read(1)
            f.seek(size // 2)
            f.write(bytes([byte[0] ^ 1]))
        for work in (copy, rename):
            r = work(proxy, name, to)
            assert r.status_code == 500 and "CHECKSUM" in r.text
            assert get(proxy, to).status_code == 404
        assert path.exists()
    assert work_files(pair) == []


def test_there_are_enough_points():
    assert len(POINTS) >= 7, POINTS
    assert RECEIVERS < set(POINTS)


@pytest.mark.parametrize("point", POINTS)
def test_kill_at(pair, point):
    """A rename that is cut off loses nothing, and can be done again."""
    proxy = pair.proxies[0]
    a, b = pair.targets
    (name,), (to,) = names(pair, "from", a), names(pair, "to", b)
    (there,) = names(pair, "there", b)
    content, old = os.urandom(400_000), b"what was there"
    assert put(proxy, name, content).ok and put(proxy, there, old).ok
    assert put(proxy, to, old).ok
    victim = b if point in RECEIVERS else a
    assert victim.stop() == 0
    victim.start(env={"AIS_CRASH_AT": point})
    pair.wait_healthy()
    try:
        assert not rename(proxy, name, to).ok
    except requests.ConnectionError:
        pass
    assert victim.process.wait(timeout=60) == -9

    victim.start()
    pair.wait_healthy()
    source, copied = get(proxy, name), get(proxy, to)
    if point == "stream.source_gone":
        assert source.status_code == 404
    else:
        assert source.content == content
    written = ("stream.committed", "stream.received", "stream.copied")
    if point in written or source.status_code == 404:
        assert copied.content == content
    else:
        assert copied.content == old
    assert get(proxy, there).content == old
    if source.ok:
        assert rename(proxy, name, to).status_code == 200
    assert get(proxy, to).content == content
    assert get(proxy, name).status_code == 404
    assert work_files(pair) == []


# -- the data port -------------------------------------------------------------


def data_port(node):
    return int(node.more[node.more.index("--data-port") + 1])


def frame(kind, payload, protocol=1, magic=b"AISm", size=None, reserved=0):
    size = len(payload) if size is None else size
    low = xxhash.xxh64(payload, seed=0).intdigest() & 0xFFFFFFFF
    return struct.pack("<4sBBHII", magic, protocol, kind, reserved, size, low) + payload


def text(x):
    return struct.pack("<H", len(x)) + x


def answers(port, data, half_close=True):
    """What the port says to these bytes, until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            out = b""
            while piece := s.recv(65536):
                out += piece
        except OSError:  # reset: we were not done yet
            return b""
        return out


HOSTILE = {
    "nothing": b"",
    "one byte": b"A",
    "http": b"GET /v1/daemon?what=smap HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": bytes(100_000),
    "half a head": frame(1, b"x" * 10)[:9],
    "half a payload": frame(1, b"x" * 1000)[:500],
    "another protocol": frame(1, b"x", protocol=2),
    "reserved bits": frame(1, b"x", reserved=7),
    "an unknown type": frame(9, b"x"),
    "a type that is not due": frame(4, b"x"),
    "end before an offer": frame(3, b""),
    "too long": frame(1, b"x" * 10, size=1 << 31),
    "longest": frame(1, os.urandom(32 << 10)),
    "a wrong checksum": frame(1, b"x")[:-1] + b"y",
    "an empty offer": frame(1, b""),
    "an offer without proof": frame(1, text(b"uuid") + bytes(200)),
    "many offers": frame(1, bytes(100)) * 100,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_bytes(pair_of_module, case):
    victim = pair_of_module.targets[0]
    said = answers(data_port(victim), HOSTILE[case])
    # At most refusals: frames of type 4 with a code that is not 0.
    while said:
        size = struct.unpack_from("<I", said, 8)[0]
        assert said[:6] == b"AISm\x01\x04" and said[16] != 0
        said = said[16 + size :]
    assert victim.alive()
    assert work_files(pair_of_module) == []


def test_many_connections_that_say_nothing(pair_of_module):
    victim = pair_of_module.targets[0]
    port = data_port(victim)
    most = 2048  # http/courier.hpp
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(most + 150)]
    poll = select.poll()
    for s in held:
        poll.register(s, select.POLLIN)
    closed = set()
    while len(closed) < 100:  # they say nothing else
        ready = poll.poll(20_000)
        assert ready
        closed.update(fd for fd, _ in ready)
    assert len(closed) <= 160  # those that other tests left go by then
    for s in held:
        s.close()
    assert victim.alive()


def test_the_port_still_works(pair_of_module):
    proxy = pair_of_module.proxies[0]
    a, b = pair_of_module.targets
    (name,), (to,) = names(pair_of_module, "x", b), names(pair_of_module, "y", a)
    assert put(proxy, name, b"content").ok
    a.wait_until(lambda: copy(proxy, name, to).ok, 30)
    assert get(proxy, to).content == b"content"
    # At most a line a second.
    assert "data network: 127.0.0.1" in a.log()


@pytest.fixture(scope="module")
def pair_of_module(tmp_path_factory):
    it = Cluster(tmp_path_factory.mktemp("pair"), proxies=1, targets=2).start()
    assert bucket(it.proxies[0], "b").ok
    yield it
    it.stop()
