"""Connections between nodes: TLS with certificates on both ends, and what
strangers send to the control port, with TLS and without."""

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import threading
import time

import pytest
import requests

from certificates import authority, certificate
from conftest import Cluster, Node, free_port

CREATE = {"action": "create-bck"}


# -- certificates -----------------------------------------------------------------


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    dir = tmp_path_factory.mktemp("certs")
    for ca, name in (("ca", "node"), ("other-ca", "foreign")):
        authority(dir, ca)
        certificate(dir, name, ca)
    certificate(dir, "expired", "ca", "-1")
    return dir


def tls(certs, name="node", ca="ca"):
    files = {"cert": f"{name}.pem", "key": f"{name}.key", "ca": f"{ca}.pem"}
    return [x for k, v in files.items() for x in (f"--tls-{k}", str(certs / v))]


class TlsCluster(Cluster):
    def __init__(self, dir, certs, **kwargs):
        self.tls = tls(certs) if certs else []
        super().__init__(dir, **kwargs)

    def make(self, name, role, more=None):
        (self.dir / name).mkdir()
        node = Node(self.dir / name, (), ["--role", role])
        node.more += ["--data-port", str(free_port())]
        node.control = free_port()
        node.more += ["--control-port", str(node.control)]
        node.more += self.tls if more is None else more
        if hasattr(self, "first"):
            node.more += ["--join", self.first.url]
        else:
            self.first = node.start()
        return node


@pytest.fixture(params=["plain", "tls"])
def pair(request, tmp_path, certs):
    """A proxy and a target; `pair.tls` is empty without TLS."""
    it = TlsCluster(
        tmp_path, certs if request.param == "tls" else None, proxies=1, targets=1
    ).start()
    yield it
    it.stop()


# -- strangers --------------------------------------------------------------------


def header(op, payload, data=0, source=0, to=0, flags=0):
    return struct.pack(">BBBBIQQQ", op, 0, 0, flags, payload, data, source, to)


HELLO = header(1, 24) + bytes(24)
RUBBISH = {
    "nothing": b"",
    "one byte": b"\x01",
    "half a header": header(1, 24)[:16],
    "client handshake without content": header(1, 0),
    "server handshake without content": header(0, 0, 4),
    "huge handshake": header(1, 0xFFFFFFFF) + b"x" * 4096,
    "huge message": header(2, 0xFFFFFFFF, 0, 0, 1) + b"x" * 4096,
    "huge message after a handshake": HELLO + header(2, 0xFFFFFFFF, 0, 0, 1),
    "message to a named actor": HELLO + header(2, 9, 0, 0, 7, 1) + b"x" * 9,
    "handshake of rubbish": header(1, 64) + b"\xff" * 64,
    "messages of rubbish": HELLO
    + b"".join(header(2, 50, i, 1, i) + os.urandom(50) for i in range(50)),
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 10,
    "TLS to nowhere": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600,
    "a record too long": b"\x16\x03\x03\xff\xff" + b"\0" * 70000,
    "random": os.urandom(1 << 20),
}


def memory_kb(node):
    """Resident memory; 0 with ASan, which keeps what was freed for a while."""
    text = open(f"/proc/{node.process.pid}/status").read()
    kb = {k: int(text.split(f"{k}:")[1].split()[0]) for k in ("VmRSS", "VmSize")}
    return kb["VmRSS"] if kb["VmSize"] < 1 << 30 else 0


def cpu_s(node):
    fields = open(f"/proc/{node.process.pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throw(port, data):
    """Sends it and waits until the connection ends: at most the node's patience."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        try:
            s.sendall(data)
            while s.recv(65536):
                pass
        except ConnectionError:
            pass


def works(pair):
    assert all(n.alive() for n in pair.nodes)
    name = f"b{random.getrandbits(40)}"
    url = pair.proxies[0].url
    r = requests.post(f"{url}/v1/buckets/{name}", json=CREATE, timeout=30)
    assert r.ok, r.text + "".join(n.log()[-3000:] for n in pair.nodes)
    info = requests.get(f"{url}/v1/cluster?what=sysinfo", timeout=30).json()
    assert len(info["target"]) == 1


def test_rubbish_on_the_control_port(pair):
    works(pair)
    node = pair.proxies[0]
    before = {n: n.log() for n in pair.nodes}
    memory = memory_kb(node)
    # All of them at the same time, so that those that wait are one wait.
    threads = [
        threading.Thread(target=throw, args=(n.control, data))
        for n in pair.nodes
        for data in RUBBISH.values()
    ]
    for t in threads:
        t.start()
    while any(t.is_alive() for t in threads):
        works(pair)
    works(pair)
    for n in pair.nodes:
        log = n.log()[len(before[n]) :]
        assert "was refused, from 127.0.0.1" in log
        # Nobody lost anybody meanwhile.
        assert "does not answer" not in log and "primary" not in log, log
    assert memory_kb(node) - memory < 64 << 10


def test_strangers_take_neither_memory_nor_time(pair):
    node = pair.proxies[0]
    works(pair)
    memory, cpu = memory_kb(node), cpu_s(node)
    begin = time.monotonic()
    silent = [socket.create_connection(("127.0.0.1", node.control)) for _ in range(500)]
    for s in silent[::2]:
        s.sendall(b"\x16" if pair.tls else b"\x01")
    while time.monotonic() - begin < 2:
        works(pair)
    # Most had to make room for others, and the rest runs out of time.
    open_fds = len(os.listdir(f"/proc/{node.process.pid}/fd"))
    assert open_fds < 200
    for s in silent:
        s.settimeout(20)
        try:
            assert s.recv(4096) == b""
        except ConnectionError:
            pass
        s.close()
    spent = (cpu_s(node) - cpu) / (time.monotonic() - begin)
    assert spent < 0.5, f"{spent:.2f} cores"
    assert memory_kb(node) - memory < 32 << 10
    works(pair)


def test_fuzzed_frames_after_a_good_beginning(pair):
    """Rubbish behind a handshake that is let in; a plain port only: with TLS
    nobody gets that far without a certificate."""
    if pair.tls:
        pytest.skip("strangers cannot send frames")
    works(pair)
    rng = random.Random(11)
    for _ in range(300):
        data = bytearray(HELLO)
        for _ in range(rng.randrange(1, 6)):
            size = rng.choice((1, 8, 40, 300))
            op = rng.choice((1, 2, 2, 2, 3, 4, 5, 6))
            to = rng.choice((1, 2, 5, 10, 20, 21, 22, 30, 2**63))
            data += header(op, size, rng.getrandbits(64), rng.randrange(9), to)
            data += rng.choice((rng.randbytes(size), bytes(size), b"\xff" * size))
        with socket.create_connection(("127.0.0.1", pair.proxies[0].control)) as s:
            try:
                s.sendall(data)
            except ConnectionError:
                pass
        assert pair.proxies[0].alive(), pair.proxies[0].stderr()[-3000:]
    works(pair)


# -- certificates -----------------------------------------------------------------


def test_a_cluster_over_tls(tmp_path, certs):
    cluster = TlsCluster(tmp_path, certs, proxies=3, targets=2).start()
    try:
        works_on = cluster.proxies[1].url
        assert requests.post(f"{works_on}/v1/buckets/b", json=CREATE, timeout=30).ok
        for i in range(20):
            r = requests.put(f"{works_on}/v1/objects/b/o{i}", data=b"x" * i, timeout=30)
            assert r.ok
        # Objects between targets: some of these belong to the other.
        for i in range(20):
            r = requests.put(
                f"{works_on}/v1/objects/b/o{i}",
                params={"object_to": f"ais/@#/b/copy{i}"},
                timeout=30,
            )
            assert r.ok, r.text
            r = requests.get(f"{works_on}/v1/objects/b/copy{i}", timeout=30)
            assert r.content == b"x" * i
        for target in cluster.targets:
            text = requests.get(target.url + "/metrics", timeout=30).text
            assert int(re.search(r"stream_out_count{.*} (\d+)", text)[1]) > 0
        # Who comes without TLS is told nothing.
        more = cluster.targets[0].more
        data = int(more[more.index("--data-port") + 1])
        with socket.create_connection(("127.0.0.1", data)) as s:
            s.sendall(b"AISm" + bytes(100))
            with contextlib.suppress(ConnectionError):
                assert not s.recv(100).startswith(b"AISm")
        log = cluster.targets[0].log
        cluster.targets[0].wait_until(lambda: "no TLS" in log())
        # What is on the wire is TLS with both certificates.
        port = cluster.proxies[0].control
        context = ssl.create_default_context(cafile=certs / "ca.pem")
        context.check_hostname = False
        context.load_cert_chain(certs / "node.pem", certs / "node.key")
        with socket.create_connection(("127.0.0.1", port)) as s:
            with context.wrap_socket(s) as t:
                assert t.version() == "TLSv1.3"
                assert t.recv(1)  # the node's handshake
        old = cluster.primary()
        old.kill()
        url = next(n for n in cluster.proxies if n is not old).url

        def elected():
            try:
                r = requests.post(f"{url}/v1/buckets/after", json=CREATE, timeout=30)
            except requests.RequestException:
                return False
            return r.status_code in (200, 409)

        cluster.targets[0].wait_until(elected)
        old.start()
        cluster.wait_healthy()
        for i in range(20):
            r = requests.get(f"{old.url}/v1/objects/b/o{i}", timeout=30)
            assert r.content == b"x" * i
    finally:
        cluster.stop()


def refused(cluster, name, more, says, where=None):
    """A node with these certificates does not get in, and the log tells why."""
    node = cluster.make(name, "target", more)
    node.start(wait=False)
    try:
        node.wait_until(lambda: says in node.log())
        if where:
            node.wait_until(lambda: where in cluster.first.log())
        assert node.alive() and not node.started()
        works(cluster)
        assert len(cluster.smap(cluster.first)["tmap"]) == 1
    finally:
        node.kill()


def test_who_has_no_certificate_of_ours_stays_outside(tmp_path, certs):
    cluster = TlsCluster(tmp_path, certs, proxies=1, targets=1).start()
    try:
        # Trusts ours, but is signed by another authority: it refuses to start
        # with files that do not fit each other; with its own it gets nowhere.
        foreign = tls(certs, "foreign", "other-ca")
        refused(cluster, "foreign", foreign, "certificate is refused", "refused, from")
        plain = "--tls-cert"
        refused(cluster, "plain", [], "did not let us in", plain)
        # A client that trusts us, with a certificate of somebody else, and none.
        port = cluster.first.control
        for cert in ("foreign", None):
            context = ssl.create_default_context(cafile=certs / "ca.pem")
            context.check_hostname = False
            if cert:
                context.load_cert_chain(certs / f"{cert}.pem", certs / f"{cert}.key")
            # Often: another's failure must not break our own connections.
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port)) as s:
                    with pytest.raises((ssl.SSLError, ConnectionError)):
                        with context.wrap_socket(s) as t:
                            if not t.recv(1):
                                raise ConnectionError
        works(cluster)
        for n in cluster.nodes:
            assert "does not answer" not in n.log()
        log = cluster.first.log()
        assert "self-signed" in log or "unable to get" in log or "unknown" in log
        assert "peer did not return a certificate" in log
    finally:
        cluster.stop()


def test_tls_to_a_plain_cluster(tmp_path, certs):
    cluster = TlsCluster(tmp_path, None, proxies=1, targets=1).start()
    try:
        refused(cluster, "tls", tls(certs), "no TLS with", "it speaks TLS")
    finally:
        cluster.stop()


def test_files_that_do_not_do(tmp_path, certs):
    def why(*more):
        dir = tmp_path / str(len(list(tmp_path.iterdir())))
        dir.mkdir()
        node = Node(dir, (), ["--role", "proxy", *more])
        node.start(wait=False)
        assert node.process.wait(timeout=60) != 0
        return node.stderr()

    good = tls(certs)
    assert "needs all of" in why(*good[:4])
    assert "--tls-cert" in why("--tls-cert", "/nowhere", *good[2:])
    assert "other nodes would refuse it" in why(*tls(certs, "foreign", "ca"))
    assert "expired" in why(*tls(certs, "expired"))
    mixed = [*good[:2], "--tls-key", str(certs / "foreign.key"), *good[4:]]
    assert "--tls-key" in why(*mixed)
    assert "--tls-ca" in why(*good[:4], "--tls-ca", str(certs / "node.key"))


# -- certificates that change -----------------------------------------------------


def serial_at(dir, port):
    """Of the certificate that a control port shows."""
    context = ssl.create_default_context(cafile=dir / "ca.pem")
    context.check_hostname = False
    context.load_cert_chain(dir / "node.pem", dir / "node.key")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        with context.wrap_socket(s) as tls_socket:
            return tls_socket.getpeercert()["serialNumber"]


def reload(node):
    """SIGHUP; what the log says about it."""
    done = node.log().count("reload: done")
    node.process.send_signal(signal.SIGHUP)
    node.wait_until(lambda: node.log().count("reload: done") > done)
    return node.log().rsplit("asked for by SIGHUP", 1)[1]


def test_certificates_are_read_again(tmp_path, certs):
    mine = tmp_path / "certs"
    shutil.copytree(certs, mine)
    cluster = TlsCluster(tmp_path, mine, proxies=1, targets=1)
    proxy, target = cluster.nodes
    try:
        old = serial_at(mine, proxy.control)
        (mine / "node.pem").write_text("nonsense")
        assert "the certificate stays as it is: --tls-cert" in reload(proxy)
        certificate(mine, "node", "ca")
        assert serial_at(mine, proxy.control) == old
        assert "new connections between nodes use" in reload(proxy)
        assert serial_at(mine, proxy.control) != old
        # One that comes now meets the new one.
        target.start()
        cluster.wait_healthy()
    finally:
        cluster.stop()
