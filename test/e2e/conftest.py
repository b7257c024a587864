"""Starts real aisnode processes for the tests; ends only what it started."""

import os
import pathlib
import random
import signal
import socket
import subprocess
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]


def node_binary():
    """The binary under test: $AISNODE, or the first build there is."""
    if path := os.environ.get("AISNODE"):
        return pathlib.Path(path)
    for preset in ("dev", "release", "asan"):
        path = ROOT / "build" / preset / "http" / "aisnode"
        if path.exists():
            return path
    raise RuntimeError("no aisnode: build it first (./dev build)")


class Node:
    """One aisnode on a free port of the loopback."""

    def __init__(self, dir, mountpaths=(), more=(), host="127.0.0.1"):
        self.dir = pathlib.Path(dir)
        self.mountpaths = list(mountpaths)
        self.more = list(more)  # arguments
        self.host = host  # where it is asked, and listens unless `more` says
        self.process = None
        self.port = 0

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def command(self):
        cmd = [str(node_binary()), "--dir", str(self.dir / "node")]
        cmd += ["--port", str(self.port)]
        if "--host" not in self.more:
            cmd += ["--host", self.host]
        cmd += ["--port-file", str(self.dir / "port")]
        cmd += ["--log-file", str(self.dir / "log")]
        for path in self.mountpaths:
            cmd += ["--mountpath", str(path)]
        return cmd + self.more

    def start(self, env=None, wait=True):
        (self.dir / "port").unlink(missing_ok=True)
        self.process = subprocess.Popen(
            self.command(),
            env={**os.environ, **(env or {})},
            stderr=open(self.dir / "stderr", "w"),
        )
        if wait:
            self.wait_until(lambda: self.started() or not self.alive())
            if not self.alive():
                raise RuntimeError(self.stderr())
        return self

    def wait_until(self, done, seconds=60):
        """Polls `done`."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                state = "it runs" if self.alive() else "it has ended"
                raise RuntimeError(
                    f"it took too long, {state}:\n"
                    + (self.stderr() + self.log())[-2000:]
                )
            time.sleep(0.01)

    def started(self):
        path = self.dir / "port"
        if not path.exists() or not path.read_text().strip():
            return False
        self.port = int(path.read_text())
        try:
            return requests.get(self.url + "/v1/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait(timeout=60)

    def stop(self):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def log(self):
        path = self.dir / "log"
        return path.read_text() if path.exists() else ""

    def stderr(self):
        return (self.dir / "stderr").read_text()

    def work_files(self):
        """What is left of writes that never became visible."""
        return [p for p in self.dir.rglob("%wk/*")]


given_ports = set()


def free_port(host="127.0.0.1"):
    """One that is free, below those that connections get by chance, and that
    no one got before: who got it may not listen yet."""
    for port in random.sample(range(12000, 32000), 200):
        if port in given_ports:
            continue
        with socket.socket() as s:
            try:
                s.bind((host, port))
                given_ports.add(port)
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


def own_ports():
    """Arguments: ports for other nodes that no one else has by chance."""
    return ["--control-port", str(free_port()), "--data-port", str(free_port())]


class Cluster:
    """Proxies and targets as processes of their own."""

    def __init__(self, dir, proxies=3, targets=3, more=()):
        self.dir = pathlib.Path(dir)
        self.more = list(more)  # arguments of all nodes
        self.proxies = [self.make(f"p{i}", "proxy") for i in range(proxies)]
        self.targets = [self.make(f"t{i}", "target") for i in range(targets)]

    def make(self, name, role):
        (self.dir / name).mkdir()
        more = ["--role", role, *own_ports(), *self.more]
        node = Node(self.dir / name, (), more)
        if hasattr(self, "first"):
            node.more += ["--join", self.first.url]
        else:
            self.first = node.start()
        return node

    @property
    def nodes(self):
        return self.proxies + self.targets

    def start(self):
        for node in self.nodes:
            if not node.alive():
                node.start(wait=False)
        for node in self.nodes:
            node.wait_until(node.started)
        self.wait_healthy()
        return self

    def smap(self, node):
        r = requests.get(f"{node.url}/v1/daemon?what=smap", timeout=5)
        r.raise_for_status()  # it may be starting
        return r.json()

    def healthy(self):
        """Everybody who runs is in one map, answers, and shows the same."""
        try:
            maps = [self.smap(n) for n in self.nodes if n.alive()]
        except (requests.RequestException, ValueError):
            return False
        there = [*maps[0]["pmap"].values(), *maps[0]["tmap"].values()]
        answering = [n for n in there if not n["flags"] & 1 << 16]
        if any(m != maps[0] for m in maps) or len(answering) != len(maps):
            return False
        return all(self.reaches(n, x) for n in self.nodes if n.alive() for x in answering)

    def reaches(self, node, other):
        """Whether `node` has `other` at hand: connections come after the map."""
        try:
            r = requests.get(
                f"{node.url}/v1/reverse/daemon",
                headers={"Ais-Node-Id": other["daemon_id"]},
                params={"what": "snode"},
                timeout=5,
            )
            return r.ok
        except requests.RequestException:
            return False

    def wait_healthy(self):
        self.nodes[0].wait_until(self.healthy)

    def primary(self):
        """The process that is primary."""
        url = self.smap(next(n for n in self.nodes if n.alive()))["proxy_si"]
        port = int(url["public_net"]["daemon_port"])
        return next(n for n in self.proxies if n.port == port)

    def stop(self):
        for node in self.nodes:
            if node.alive():
                node.process.send_signal(signal.SIGCONT)
                node.process.send_signal(signal.SIGTERM)
        for node in self.nodes:
            if node.alive():
                try:
                    node.process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    node.kill()


@pytest.fixture
def cluster(tmp_path):
    """Three proxies and three targets."""
    it = Cluster(tmp_path).start()
    yield it
    it.stop()


@pytest.fixture
def fresh_node(tmp_path):
    """A node of the test's own, not started yet."""
    node = Node(tmp_path)
    yield node
    if node.alive():
        node.kill()


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    """A node that tests share: each works in buckets of its own."""
    paths = [tmp_path_factory.mktemp(f"mp{i}") for i in (1, 2)]
    shared = Node(tmp_path_factory.mktemp("shared"), paths).start()
    yield shared
    assert shared.alive(), (
        "the shared node died:\n" + shared.stderr() + shared.log()[-3000:]
    )
    code = shared.stop()  # 66: see stderr for what ThreadSanitizer found
    assert code == 0, shared.log()[-3000:] + shared.stderr()[:6000]


@pytest.fixture
def bucket_name(request):
    """A name no other test uses."""
    safe = "".join(c if c.isalnum() else "-" for c in request.node.name)
    return safe[:50].strip("-").lower()


@pytest.fixture
def bucket(node, bucket_name):
    """An empty ais bucket; the test gets its name."""
    r = requests.post(
        f"{node.url}/v1/buckets/{bucket_name}",
        params={"provider": "ais"},
        json={"action": "create-bck", "name": "", "value": None},
    )
    assert r.status_code == 200, r.text
    yield bucket_name
    requests.delete(
        f"{node.url}/v1/buckets/{bucket_name}",
        json={"action": "destroy-bck"},
    )
