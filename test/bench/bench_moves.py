"""How fast objects move, beside `cp -a`, `sync` and `rm` of the same files; and what
clients feel of it.

Resilver: a node of two mountpaths; one is disabled and enabled, so that half of the
objects go and come back. Rebalance: a target goes into maintenance and comes back.
After each way, the anchor moves the files that have come to another directory.
"""

import concurrent.futures
import multiprocessing
import os
import shutil
import statistics
import subprocess
import threading
import time

import requests

from harness import ROOT, Server, free_port, fresh_fs, wait_for

SETS = {"10KiB": (20_000, 10 << 10), "16MiB": (200, 16 << 20)}
RESILVERING = 32
GETS = 64  # objects that the client in the foreground reads
FS_BYTES = 14 << 30  # sparse


def start(dir, role, mountpaths=(), join=None):
    """One node as a process, not pinned: moving uses what there is."""
    dir.mkdir()
    port = free_port()
    cmd = [str(ROOT / "build/release/http/aisnode"), "--dir", str(dir / "node")]
    cmd += ["--port", str(port), "--log-file", str(dir / "log"), *role]
    if role:
        cmd += ["--control-port", str(free_port()), "--data-port", str(free_port())]
    for path in mountpaths:
        path.mkdir()
        cmd += ["--mountpath", str(path)]
    if join:
        cmd += ["--join", join]
    node = Server("ours", subprocess.Popen(cmd), f"http://127.0.0.1:{port}/v1/objects/b")
    node.url = f"http://127.0.0.1:{port}"
    wait_for(node.url + "/v1/health")
    return node


def smap(node):
    return requests.get(node.url + "/v1/daemon?what=smap", timeout=60).json()


def until(done, pause=0.02):
    while not done():
        time.sleep(pause)


class Resilver:
    def __init__(self, dir):
        self.paths = [dir / "mp1", dir / "mp2"]
        self.entry = start(dir / "n", [], self.paths)
        self.nodes = [self.entry]
        self.id = next(iter(smap(self.entry)["tmap"]))
        self.out = False

    def go(self):
        action = "enable-mp" if self.out else "disable-mp"
        r = requests.post(
            f"{self.entry.url}/v1/reverse/daemon/mountpaths",
            headers={"Ais-Node-Id": self.id},
            json={"action": action, "value": str(self.paths[1])},
            timeout=60,
        )
        assert r.ok, r.text
        self.out = not self.out

    def ended(self):
        r = requests.get(self.entry.url + "/v1/health?cii=true", timeout=60)
        return not int(r.json()["flags"]) & RESILVERING

    def receiver(self):
        return self.paths[0] if self.out else self.paths[1]


class Rebalance:
    def __init__(self, dir):
        self.paths = [dir / "mp1", dir / "mp2"]
        self.entry = start(dir / "p", ["--role", "proxy"])
        self.nodes = [self.entry]
        for path in self.paths:
            self.nodes.append(
                start(dir / path.name[-1], ["--role", "target"], [path], self.entry.url)
            )
        until(lambda: len(smap(self.entry)["tmap"]) == 2 and self.ended())
        port = self.nodes[2].url.rsplit(":")[-1]
        nodes = smap(self.entry)["tmap"].items()
        self.id = next(i for i, n in nodes if n["public_net"]["daemon_port"] == port)
        self.out = False

    def go(self):
        action = "stop-maintenance" if self.out else "start-maintenance"
        r = requests.put(
            self.entry.url + "/v1/cluster",
            json={"action": action, "value": {"sid": self.id}},
            timeout=60,
        )
        assert r.ok, r.text
        self.out = not self.out

    def ended(self):
        return len(smap(self.entry)["placements"]) == 1

    receiver = Resilver.receiver


def fill(node, count, size):
    r = requests.post(f"{node.url}/v1/buckets/b", json={"action": "create-bck"})
    assert r.ok, r.text
    session = threading.local()

    def put(k):
        if not hasattr(session, "it"):
            session.it = requests.Session()
        session.it.put(f"{node.base}/o{k}", data=os.urandom(size)).raise_for_status()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(count)))


def files_in(path):
    return {p.name: p for p in path.rglob("%ob/*") if p.is_file()}


def read_on(base, count, pipe):
    """Reads until told to end; then tells how long each read took [s]."""
    session, taken, k = requests.Session(), [], 0
    while not pipe.poll():
        k = (k + 1) % min(count, GETS)
        begin = time.perf_counter()
        r = session.get(f"{base}/o{k}", headers={"Range": "bytes=0-99"})
        taken.append(time.perf_counter() - begin)
        assert r.status_code == 206, r.text
    pipe.send(taken)


class Reader:
    """Reads a little of objects, one after the other: as a process, so that what
    this one does costs it nothing."""

    def __init__(self, node, count):
        self.pipe, theirs = multiprocessing.Pipe()
        args = (node.base, count, theirs)
        self.process = multiprocessing.Process(target=read_on, args=args)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.pipe.send(None)
        self.taken = self.pipe.recv()
        self.process.join()

    def p99(self):
        return statistics.quantiles(self.taken, n=100)[98]


def move(it, count, read):
    """Bytes per second of one way, what has come, and the reader's p99 [s]."""
    os.sync()
    before = files_in(it.paths[0]) | files_in(it.paths[1])
    there = files_in(it.paths[0] if not it.out else it.paths[1])
    begin = time.perf_counter()
    p99 = None
    if read:
        with Reader(it.entry, count) as reader:
            it.go()
            until(it.ended, 0.25)  # asking takes from the reader's share, too
        p99 = reader.p99()
    else:
        it.go()
        until(it.ended)
    took = time.perf_counter() - begin
    after = files_in(it.receiver())
    assert len(after | there) <= len(before)
    came = [after[name] for name in set(after) - set(there)]
    assert came, "nothing moved"
    return sum(p.stat().st_size for p in came) / took, came, p99


def copy(came, dir):
    """Bytes per second of copying the same, syncing, and removing the source."""
    shutil.rmtree(dir, ignore_errors=True)
    for part in ("from", "to"):
        (dir / part).mkdir(parents=True)
    subprocess.run(
        ["xargs", "-0", "cp", "-a", "-t", str(dir / "from")],
        input=b"\0".join(bytes(p) for p in came),
        check=True,
    )
    os.sync()
    size = sum(p.stat().st_size for p in came)
    begin = time.perf_counter()
    subprocess.run(["cp", "-a", str(dir / "from"), str(dir / "to")], check=True)
    os.sync()
    shutil.rmtree(dir / "from")
    took = time.perf_counter() - begin
    shutil.rmtree(dir)
    return size / took


def bench(kind, o, dir, rows):
    with fresh_fs(dir, FS_BYTES) as fs:
        bench_on(fs, kind, o, rows)


def bench_on(fs, kind, o, rows):
    for label, (count, size) in SETS.items():
        place = fs / label
        place.mkdir()
        it = kind(place)
        fill(it.entry, count, size)
        with Reader(it.entry, count) as idle:
            time.sleep(o.seconds)
        ours, anchor, p99 = [], [], []
        for n in range(2 * o.rounds):
            rate, came, _ = move(it, count, False)
            ours.append(rate)
            anchor.append(copy(came, place / "anchor"))
        for n in range(2):
            p99.append(move(it, count, True)[2])
        ratio = statistics.median(ours) / statistics.median(anchor)
        felt = statistics.median(p99) / idle.p99()
        case = f"{kind.__name__.lower()} {label}"
        print(
            f"{case:<22} {statistics.median(ours) / 1e6:>7.0f} MB/s"
            f"   cp+sync+rm {statistics.median(anchor) / 1e6:>7.0f} MB/s"
            f"   {ratio:.2f}x   GET p99 {felt:.1f}x of idle"
            f" ({statistics.median(p99) * 1e3:.1f} ms)",
            flush=True,
        )
        rows.append({"case": case, "ratio": ratio, "p99 ratio": felt})
        for node in reversed(it.nodes):
            node.stop()
        shutil.rmtree(place)


CASES = {
    "resilver": lambda *args: bench(Resilver, *args),
    "rebalance": lambda *args: bench(Rebalance, *args),
}
