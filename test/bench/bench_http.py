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
import re
import shutil
import statistics
import subprocess
import tempfile
import time

import msgpack
import requests

import bench_cluster
import bench_moves
import bench_s3
from harness import KEYS, SIZES, compare, fill, fresh_fs, interleave
from harness import make_bucket, run_wrk, start_nginx, start_node

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
    with fresh_fs(dir) as place:
        put_rounds(o, place, rows, "", False)
    disk = dir / "disk"
    disk.mkdir()
    put_rounds(o, disk, rows, ", disk", True)


def put_rounds(o, dir, rows, where, synced):
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
        if synced:
            runs["sync"] = lambda: run_wrk(
                node, node.base[:-1] + "s", script, 16, o.seconds, o.load_core, args
            )
        results = interleave(runs, o.rounds)
        rows.append(compare(f"PUT {label} none{where}", results, "ours", "nginx"))
        if synced:
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
    fill(node, "b", dir, o.load_core, lambda: list_all(node, "name")[0])
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
    cases = {"get": bench_get, "put": bench_put, "many": bench_many}
    cases |= bench_cluster.CASES | bench_moves.CASES | bench_s3.CASES
    p.add_argument("--case", choices=list(cases), action="append")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=int, default=2)
    p.add_argument("--core", type=int, default=0, help="of the servers")
    p.add_argument("--load-core", type=int, default=1, help="of wrk")
    p.add_argument("--json", help="write all numbers to this file")
    p.add_argument("--dir", help="where to put the data (default: a temp dir)")
    o = p.parse_args()
    assert shutil.which("nginx") and shutil.which("wrk"), "install nginx and wrk"
    rows = []
    for name in o.case or cases:
        with tempfile.TemporaryDirectory(dir=o.dir) as dir:
            cases[name](o, pathlib.Path(dir), rows)
    if o.json:
        pathlib.Path(o.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
