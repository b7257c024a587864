"""Starts real aisnode processes for the tests; ends only what it started."""

import os
import pathlib
import signal
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

    def __init__(self, dir, mountpaths=()):
        self.dir = pathlib.Path(dir)
        self.mountpaths = list(mountpaths)
        self.process = None
        self.port = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def command(self):
        cmd = [str(node_binary()), "--dir", str(self.dir / "node")]
        cmd += ["--port", str(self.port)]
        cmd += ["--port-file", str(self.dir / "port")]
        cmd += ["--log-file", str(self.dir / "log")]
        for path in self.mountpaths:
            cmd += ["--mountpath", str(path)]
        return cmd

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
                raise RuntimeError("it took too long:\n" + self.log()[-2000:])
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
