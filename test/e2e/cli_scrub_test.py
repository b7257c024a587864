"""What `ais bucket validate` makes of listings with all kinds of entries."""

import http.server
import json
import subprocess
import threading

import pytest

import cli_test

PRESENT, MISPLACED, MISPLACED_DISK, CHANGED, DELETED = 64, 1, 2, 1024, 2048
OBJECTS = [
    ("a", 0, 2, PRESENT),
    ("b", 1000, 2, PRESENT),
    ("c", 2000, 1, PRESENT),
    ("d", 6 << 30, 2, PRESENT),
    ("e", 10, 2, PRESENT | MISPLACED),
    ("f", 10, 2, PRESENT | MISPLACED_DISK),
    ("g", 10, 0, 0),
    ("h", 10, 2, PRESENT | CHANGED),
    ("i", 10, 2, PRESENT | DELETED),
]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body, **headers):
        self.send_response(200)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self):
        props = {"provider": "ais", "mirror": {"enabled": True, "copies": 2}}
        self.answer(b"", Ais_Bucket_Props=json.dumps(props))

    def do_GET(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append(asked["value"])
        entries = [
            {"name": n, "size": str(s), "copies": c, "flags": f}
            for n, s, c, f in OBJECTS
        ]
        page = {"uuid": "x", "continuation_token": "", "flags": 0}
        self.answer(json.dumps({**page, "entries": entries}).encode())


@pytest.fixture
def ais(tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "home").mkdir()
    url = f"http://127.0.0.1:{server.server_port}"
    env = {**cli_test.environment(tmp_path / "home", url), "TMPDIR": str(tmp_path)}

    def run(*args):
        r = subprocess.run(
            [cli_test.ais_binary(), *args],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return r.returncode, r.stdout, r.stderr

    run.dir = tmp_path
    run.asked = server.asked
    yield run
    server.shutdown()
    server.server_close()


def test_everything_odd_is_counted(ais):
    code, text, _ = ais("scrub", "ais://b", "--json")
    [found] = json.loads(text)
    assert code == 0 and found == {
        "bucket": "ais://b",
        "objects": 9,
        "bytes": sum(x[1] for x in OBJECTS),
        "not-cached": 1,
        "misplaced(cluster)": 1,
        "misplaced(mountpath)": 1,
        "missing-copies": 1,
        "small": 1,
        "large": 1,
        "version-changed": 1,
        "deleted": 1,
    }
    assert list(ais.dir.glob("ais-scrub-*")) == []


def test_names_are_told(ais):
    code, text, _ = ais("storage", "validate", "ais://b", "--small-size", "1k")
    assert code == 0
    header, row, *_ = text.splitlines()
    assert "MISSING-COPIES" in header and "SMALL" in header
    assert row.split()[:3] == ["ais://b", "9", "(6.00GiB)"]
    [dir] = ais.dir.glob("ais-scrub-*")
    assert (dir / "missing-copies.log").read_text() == "ais://b/c\n"
    assert (dir / "misplaced-cluster.log").read_text() == "ais://b/e\n"
    assert f"   {dir}/small.log (7 objects)\n" in text


def test_options_choose(ais):
    code, _, text = ais("scrub", "ais://b", "--small-size", "2k", "--large-size", "1k")
    assert code == 1 and "must be less than" in text
    ais("scrub", "ais://b/x/", "--nr", "--page-size", "7", "--limit", "9", "-j")
    asked = ais.asked[-1]
    assert asked["prefix"] == "x/" and asked["pagesize"] == 7
    assert int(asked["flags"]) == 2 | 2048 | 8192
