"""Transfers of the command line when things go wrong: signals, connections
that break, objects that change, clusters that start or say no."""

import http.server
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
import xxhash

import cli_test

CONTENT = bytes(range(256)) * 4096  # 1 MiB


class Scripted(http.server.ThreadingHTTPServer):
    """Answers GETs as told: a list of functions, one for each request."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = []
        self.seen = []  # Range headers, or None
        self.checksum = xxhash.xxh64(CONTENT).hexdigest()
        self.release = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(self.headers.get("Range"))
        step = self.server.script.pop(0) if self.server.script else whole
        step(self)

    def do_HEAD(self):
        self.head(200, len(CONTENT))

    def head(self, status, length, checksum=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Ais-Checksum-Type", "xxhash2")
        self.send_header("Ais-Checksum-Value", checksum or self.server.checksum)
        self.end_headers()


def start_of(r):
    given = r.headers.get("Range")
    return int(given.removeprefix("bytes=").split("-")[0]) if given else 0


def whole(r):
    at = start_of(r)
    r.head(206 if at else 200, len(CONTENT) - at)
    r.wfile.write(CONTENT[at:])


def cut(r):
    """Half of what is left, then the connection ends."""
    at = start_of(r)
    left = len(CONTENT) - at
    r.head(206 if at else 200, left)
    r.wfile.write(CONTENT[at : at + left // 2])
    r.wfile.flush()
    r.close_connection = True
    r.connection.shutdown(2)


def changed(r):
    at = start_of(r)
    r.head(206 if at else 200, len(CONTENT) - at, "0" * 16)
    r.wfile.write(CONTENT[at:])


def damaged(r):
    r.head(200, len(CONTENT))
    r.wfile.write(b"?" + CONTENT[1:])


def stuck(r):
    r.head(200, len(CONTENT))
    r.wfile.write(CONTENT[:5000])
    r.wfile.flush()
    r.server.release.wait(30)


def starting(r):
    r.send_response(503)
    r.send_header("Content-Length", "0")
    r.end_headers()


def no_token(r):
    body = b'{"message":"token required","status":401}'
    r.send_response(401)
    r.send_header("Content-Length", str(len(body)))
    r.end_headers()
    r.wfile.write(body)


def empty_list(r):
    r.send_response(200)
    r.send_header("Content-Length", "3")
    r.end_headers()
    r.wfile.write(b"[]\n")


@pytest.fixture
def fake():
    it = Scripted()
    yield it
    it.release.set()
    it.shutdown()
    it.server_close()


@pytest.fixture
def ais(tmp_path, fake):
    (tmp_path / "home").mkdir()
    (tmp_path / "out").mkdir()
    env = cli_test.environment(tmp_path / "home", fake.url)

    def run(*args, **more):
        return subprocess.run(
            [cli_test.ais_binary(), *args],
            cwd=tmp_path / "out",
            env={**env, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    run.dir = tmp_path / "out"
    run.env = env
    return run


def test_broken_connections_are_resumed(ais, fake):
    fake.script = [cut, cut, whole]
    r = ais("get", "ais://b/o", "--checksum")
    assert r.returncode == 0, r.stderr
    assert (ais.dir / "o").read_bytes() == CONTENT
    half = len(CONTENT) // 2
    assert fake.seen == [None, f"bytes={half}-", f"bytes={half + half // 2}-"]


def ranged(r):
    """What the header Range asks for."""
    first, last = r.headers["Range"].removeprefix("bytes=").split("-")
    part = CONTENT[int(first) : int(last) + 1]
    r.head(206, len(part))
    r.wfile.write(part)


def test_an_object_comes_in_parts(ais, fake):
    fake.script = [ranged] * 4
    r = ais("get", "ais://b/o", "--mpd", "--chunk-size", "300KiB")
    assert r.returncode == 0, r.stderr
    assert (ais.dir / "o").read_bytes() == CONTENT
    k = 300 * 1024
    assert sorted(fake.seen) == sorted(
        f"bytes={i * k}-{min((i + 1) * k, len(CONTENT)) - 1}" for i in range(4)
    )


def test_parts_are_of_one_object(ais, fake):
    fake.script = [ranged, changed, ranged, ranged]
    args = ("--mpd", "--chunk-size", "300KiB", "--num-workers", "1")
    r = ais("get", "ais://b/o", *args)
    assert r.returncode == 1 and "changed while it was read" in r.stderr
    assert "1 of 4 parts failed" in r.stderr
    assert os.listdir(ais.dir) == []
    r = ais("get", "ais://b/o", "--mpd", "--offset", "1")
    assert r.returncode == 1 and "mutually exclusive" in r.stderr


def test_no_end_of_broken_connections(ais, fake):
    fake.script = [cut] * 9
    r = ais("get", "ais://b/o")
    assert r.returncode == 1 and "closed the connection" in r.stderr
    assert os.listdir(ais.dir) == []


def test_an_object_that_changes_is_not_mixed(ais, fake):
    fake.script = [cut, changed]
    r = ais("get", "ais://b/o")
    assert r.returncode == 1 and "changed while it was read" in r.stderr
    assert os.listdir(ais.dir) == []


def test_damage_is_found(ais, fake):
    fake.script = [damaged]
    r = ais("get", "ais://b/o", "--checksum")
    assert r.returncode == 1 and "checksum" in r.stderr
    assert os.listdir(ais.dir) == []


def test_a_file_stays_until_its_successor_is_whole(ais, fake):
    (ais.dir / "o").write_text("before")
    fake.script = [cut] * 9
    assert ais("get", "ais://b/o", "-y").returncode == 1
    assert (ais.dir / "o").read_text() == "before"
    fake.script = []
    assert ais("get", "ais://b/o", "-y").returncode == 0
    assert (ais.dir / "o").read_bytes() == CONTENT
    assert os.listdir(ais.dir) == ["o"]


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_no_partial_file(ais, fake, sig):
    fake.script = [stuck]
    p = subprocess.Popen(
        [cli_test.ais_binary(), "get", "ais://b/o"], cwd=ais.dir, env=ais.env
    )
    deadline = time.monotonic() + 30
    # Until it writes: the bytes are in a file without a name.
    while not any("deleted" in x or "/#" in x for x in open_files(p.pid)):
        assert time.monotonic() < deadline and p.poll() is None
        time.sleep(0.01)
    p.send_signal(sig)
    assert p.wait(timeout=30) != 0
    assert os.listdir(ais.dir) == []


def open_files(pid):
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            yield os.readlink(fd)
        except OSError:
            pass


def test_one_failure_hides_no_other(ais, fake):
    fake.script = [cut] * 5 + [whole, whole]
    r = ais("get", "ais://b", "out", "--list", "x,y,z", "--num-workers", "1", "-y")
    assert r.returncode == 1
    assert "failed to GET ais://b/x" in r.stderr
    assert "1 of 3 objects failed" in r.stderr
    assert sorted(os.listdir(ais.dir / "out")) == ["y", "z"]


def test_a_cluster_that_starts_is_waited_for(ais, fake):
    fake.script = [starting, starting, empty_list]
    r = ais("ls")
    assert r.returncode == 0, r.stderr
    assert r.stderr.count("waiting for cluster to start") == 1


def test_a_missing_token_is_explained(ais, fake):
    fake.script = [no_token]
    r = ais("ls")
    assert r.returncode == 1
    assert "token required" in r.stderr and "AIS_AUTHN_TOKEN" in r.stderr


def test_names_from_the_network_stay_below_the_directory(ais, fake):
    for name in ("../evil", "a/../../evil"):
        r = ais("get", "ais://b", "sub", "--list", name)
        assert r.returncode == 1 and "is no name for a file" in r.stderr
    assert not (ais.dir / "evil").exists()
    assert fake.seen == []
