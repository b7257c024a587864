"""What the benches share: servers pinned to a core and what they cost, load by
wrk, and the comparison of two that ran by turns."""

import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import time
import urllib.request

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = 64
FRESH_FS_BYTES = 6 << 30  # sparse
SIZES = {"1KiB": 1 << 10, "10KiB": 10 << 10, "100KiB": 100 << 10, "1MiB": 1 << 20}

NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/err warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  client_body_temp_path {dir}/tmp; client_max_body_size 1g; client_body_buffer_size 256k;
  proxy_temp_path {dir}/t1; fastcgi_temp_path {dir}/t2; uwsgi_temp_path {dir}/t3; scgi_temp_path {dir}/t4;
  default_type application/octet-stream;
  server {{ listen 127.0.0.1:{port}; root {dir}/root;
    location / {{ dav_methods PUT; create_full_put_path on; }}
    location /v1/ {{
      return 307 http://127.0.0.1:51080$request_uri?pid=XO09H6JYu5&utm=dx9y3qtk4wsn; }} }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def fresh_fs(dir, size=FRESH_FS_BYTES):
    """A file system that nobody used before: ext4 with a journal, in a file. How
    long others (and earlier rounds) keep an old one's allocator searching is luck:
    without a journal, ext4 looks at every inode deleted within the last minutes."""
    image, place = dir / "image", dir / "fs"
    place.mkdir()
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        print("not root, or no mkfs.ext4: measured on the disk as it is")
        yield place
        return
    with image.open("wb") as f:
        f.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True)
    # Not through this machine's own page cache: a disk has no second one.
    loop = ["losetup", "--direct-io=on", "-f", "--show", str(image)]
    device = subprocess.run(loop, check=True, capture_output=True, text=True).stdout
    subprocess.run(["mount", device.strip(), str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        subprocess.run(["losetup", "-d", device.strip()], check=True)
        image.unlink()


def pinned(cmd, core):
    return ["taskset", "-c", str(core)] + cmd


class Server:
    """A server process: how to address an object in it, and what it costs."""

    def __init__(self, name, process, base):
        self.name, self.process, self.base = name, process, base

    def cpu_ns(self):
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total

    def pids(self):
        children = pathlib.Path(
            f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        )
        return [self.process.pid] + [int(x) for x in children.read_text().split()]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def wait_for(url):
    deadline = time.monotonic() + 30
    while True:
        try:
            return urllib.request.urlopen(url, timeout=5).read()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.002)


def start_nginx(dir, core):
    dir = pathlib.Path(dir)
    (dir / "root").mkdir(parents=True)
    port = free_port()
    (dir / "conf").write_text(NGINX.format(dir=dir, port=port))
    os.chmod(dir, 0o777)
    process = subprocess.Popen(
        pinned(["nginx", "-c", str(dir / "conf"), "-g", "user root;"], core),
        stderr=subprocess.DEVNULL,
    )
    server = Server("nginx", process, f"http://127.0.0.1:{port}/b")
    (dir / "root/b").mkdir()
    (dir / "root/b/ready").write_text("x")
    wait_for(server.base + "/ready")
    return server


def start_node(dir, core, threads=1):
    port = free_port()
    cmd = [str(ROOT / "build/release/http/aisnode"), "--dir", str(dir)]
    cmd += ["--port", str(port), "--threads", str(threads)]
    cmd += ["--log-file", str(dir) + ".log"]
    begin = time.monotonic()
    process = subprocess.Popen(pinned(cmd, core) if core is not None else cmd)
    wait_for(f"http://127.0.0.1:{port}/v1/health")
    node = Server("ours", process, f"http://127.0.0.1:{port}/v1/objects/b")
    node.url = f"http://127.0.0.1:{port}"
    node.started_in = time.monotonic() - begin
    return node


def make_bucket(node, name, durability="none"):
    r = requests.post(
        f"{node.url}/v1/buckets/{name}",
        json={"action": "create-bck", "value": {"durability": durability}},
    )
    assert r.ok, r.text


# -- load -------------------------------------------------------------------------


def run_wrk(server, base, script, connections, seconds, core, args=()):
    cmd = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    before = server.cpu_ns()
    out = subprocess.run(
        pinned(cmd + [base, "--", *args], core),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cpu = server.cpu_ns() - before
    done = int(re.search(r"(\d+) requests in", out).group(1))
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1))
    return rate, cpu / done / 1000


FILL_LUA = """
local n
function init(args) n = tonumber(args[1]) end
function request()
  n = n + 1
  return wrk.format("PUT", wrk.path .. "/d" .. (n % 10) .. "/o" ..
                    string.format("%07d", n % 100000), nil, "x")
end
"""


def fill(node, bucket, dir, load_core, count):
    """Makes 100,000 objects. @param count  tells how many there are"""
    script = dir / "fill.lua"
    script.write_text(FILL_LUA)
    base = f"{node.url}/v1/objects/{bucket}"
    while (made := count()) < 100_000:
        run_wrk(node, base, script, 16, 5, load_core, [str(made)])


def interleave(runs, rounds):
    """runs: {name: function}; returns {name: [(rate, cpu)]}."""
    results = {name: [] for name in runs}
    for _ in range(rounds):
        for name in random.sample(list(runs), len(runs)):
            results[name].append(runs[name]())
    return results


def compare(label, results, ours, anchor):
    def pick(name, i, f):
        return f(x[i] for x in results[name])

    row = {
        "case": label,
        "rate": pick(ours, 0, statistics.median),
        "anchor rate": pick(anchor, 0, statistics.median),
        "cpu us": pick(ours, 1, statistics.median),
        "anchor cpu us": pick(anchor, 1, statistics.median),
        "cpu best": pick(ours, 1, min) / pick(anchor, 1, min),
    }
    row["rate ratio"] = row["rate"] / row["anchor rate"]
    row["cpu ratio"] = row["cpu us"] / row["anchor cpu us"]
    print(
        f"{label:<22} {row['rate']:>9.0f} /s {row['cpu us']:>8.1f} us"
        f"   anchor {row['anchor rate']:>9.0f} /s {row['anchor cpu us']:>8.1f} us"
        f"   rate {row['rate ratio']:.2f}x cpu {row['cpu ratio']:.2f}x"
        f" (best {row['cpu best']:.2f}x)",
        flush=True,
    )
    return row
