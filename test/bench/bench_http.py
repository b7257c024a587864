"""Measures aisnode side by side with nginx on this machine, in one run.

Each server runs pinned to one core, the load generator (wrk) to another; rounds
of all servers are interleaved in random order. Per case: requests per second and
CPU time per request of the whole server process (scheduler run time of all its
threads), and the ratio ours / nginx of the medians and of the best rounds
(neighbours on shared cores only ever add cost). See --help.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

import msgpack
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEYS = 64
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
    location / {{ dav_methods PUT; create_full_put_path on; }} }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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


GET_LUA = """
local n, size = 0, "1KiB"
function init(args) size = args[1]; math.randomseed(7) end
function request()
  n = n + 1
  return wrk.format("GET", wrk.path .. "/" .. size .. "-" .. (n % %KEYS%))
end
"""

PUT_LUA = """
local n, name, body, first
function init(args)
  name = args[1]; body = string.rep("0123456789abcdef", tonumber(args[2]) / 16)
  n = 0
end
function request()
  n = n + 1
  -- The content changes with every round over the keys: no two writes are equal.
  local head = string.format("%016d", n)
  return wrk.format("PUT", wrk.path .. "/put-" .. name .. "-" .. (n % %KEYS%),
                    nil, head .. string.sub(body, 17))
end
"""


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


def bench_get(o, dir, rows):
    node, nginx = start_node(dir / "node", o.core), start_nginx(dir / "nginx", o.core)
    make_bucket(node, "b")
    for label, size in SIZES.items():
        for k in range(KEYS):
            content = os.urandom(size)
            (dir / f"nginx/root/b/{label}-{k}").write_bytes(content)
            requests.put(f"{node.base}/{label}-{k}", data=content).raise_for_status()
    script = dir / "get.lua"
    script.write_text(GET_LUA.replace("%KEYS%", str(KEYS)))
    for label in SIZES:
        same = [requests.get(f"{s.base}/{label}-3").content for s in (node, nginx)]
        assert same[0] == same[1]
        runs = {
            s.name: lambda s=s: run_wrk(
                s, s.base, script, 16, o.seconds, o.load_core, [label]
            )
            for s in (node, nginx)
        }
        rows.append(compare(f"GET {label}", interleave(runs, o.rounds), "ours", "nginx"))
    node.stop()
    nginx.stop()


def bench_put(o, dir, rows):
    node, nginx = start_node(dir / "node", o.core), start_nginx(dir / "nginx", o.core)
    make_bucket(node, "b")
    make_bucket(node, "s", "sync")
    script = dir / "put.lua"
    script.write_text(PUT_LUA.replace("%KEYS%", str(KEYS)))
    for label in ("1KiB", "100KiB"):
        args = [label, str(SIZES[label])]
        runs = {
            s.name: lambda s=s: run_wrk(
                s, s.base, script, 16, o.seconds, o.load_core, args
            )
            for s in (node, nginx)
        }
        synced = node.base[:-1] + "s"
        runs["sync"] = lambda: run_wrk(
            node, synced, script, 16, o.seconds, o.load_core, args
        )
        results = interleave(runs, o.rounds)
        rows.append(compare(f"PUT {label} none", results, "ours", "nginx"))
        rows.append(compare(f"PUT {label} sync/none", results, "sync", "ours"))
    node.stop()
    nginx.stop()


def rss(node):
    text = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


def list_all(node, props):
    """Names per second over all pages of bucket b."""
    names, token, uuid = 0, "", ""
    session = requests.Session()
    begin = time.monotonic()
    took = 0.0
    while True:
        value = {"props": props, "uuid": uuid, "continuation_token": token}
        value |= {"flags": "0", "pagesize": 10000}
        start = time.monotonic()
        r = session.get(
            f"{node.url}/v1/buckets/b",
            json={"action": "list", "name": "", "value": value},
            headers={"Accept": "application/msgpack"},
        )
        took += time.monotonic() - start
        page = msgpack.unpackb(r.content)
        names += len(page["Entries"])
        token, uuid = page["ContinuationToken"], page["UUID"]
        if not token:
            return names, names / took


def bench_many(o, dir, rows):
    node = start_node(dir / "node", None, 2)
    print(f"start, empty node      {node.started_in * 1000:.0f} ms")
    rows.append({"case": "start empty ms", "value": node.started_in * 1000})
    make_bucket(node, "b")
    script = dir / "fill.lua"
    script.write_text(
        "local n\nfunction init(args) n = tonumber(args[1]) end\n"
        "function request() n = n + 1\n"
        'return wrk.format("PUT", wrk.path .. "/d" .. (n % 10) .. "/o" ..'
        ' string.format("%07d", n % 100000), nil, "x") end'
    )
    made = 0
    while made < 100_000:
        run_wrk(node, node.base, script, 16, 5, o.load_core, [str(made)])
        made, _ = list_all(node, "name")
    rows.append({"case": "RSS MB after 100k objects", "value": rss(node)})
    print(f"RSS, 100k objects      {rss(node):.0f} MB")
    for props in ("name", "name,size"):
        rates = [list_all(node, props)[1] for _ in range(o.rounds)]
        rows.append({"case": f"LIST {props} names/s", "value": statistics.median(rates)})
        print(f"LIST {props:<17} {statistics.median(rates):>9.0f} names/s")
    node.stop()
    node = start_node(dir / "node", None, 2)
    print(f"start, 100k objects    {node.started_in * 1000:.0f} ms")
    rows.append({"case": "start 100k ms", "value": node.started_in * 1000})
    node.stop()


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--case", choices=["get", "put", "many"], action="append")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=2)
    p.add_argument("--core", type=int, default=0, help="of the servers")
    p.add_argument("--load-core", type=int, default=1, help="of wrk")
    p.add_argument("--json", help="write all numbers to this file")
    p.add_argument("--dir", help="where to put the data (default: a temp dir)")
    o = p.parse_args()
    assert shutil.which("nginx") and shutil.which("wrk"), "install nginx and wrk"
    rows = []
    cases = {"get": bench_get, "put": bench_put, "many": bench_many}
    for name in o.case or cases:
        with tempfile.TemporaryDirectory(dir=o.dir) as dir:
            cases[name](o, pathlib.Path(dir), rows)
    if o.json:
        pathlib.Path(o.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
