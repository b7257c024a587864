"""Clusters: what a redirect costs beside nginx's `return 307`, what a request
costs at its owner beside the same request to a node of its own, and how long
the cluster takes no change of metadata after kill -9 of its primary."""

import os
import statistics
import subprocess
import sys
import time

import requests

from harness import KEYS, ROOT, SIZES, Server, compare, fresh_fs, interleave
from harness import make_bucket, run_wrk, start_nginx, start_node

# The nodes of the e2e tests, as released.
os.environ["AISNODE"] = str(ROOT / "build/release/http/aisnode")
sys.path.insert(0, str(ROOT / "test/e2e"))
from conftest import Cluster  # noqa: E402

KILLS = 20

# Requests for the names of a file, in turn.
NAMES_LUA = """
local n, names, method, body = 0, {}, "GET", nil
function init(args)
  for line in io.lines(args[1]) do names[#names + 1] = line end
  method = args[2]
  if args[3] then body = string.rep("0123456789abcdef", tonumber(args[3]) / 16) end
end
function request()
  n = n + 1
  local content = body and string.format("%016d", n) .. string.sub(body, 17)
  return wrk.format(method, wrk.path .. "/" .. names[n % #names + 1], nil, content)
end
"""


def server_of(node, name):
    return Server(name, node.process, f"{node.url}/v1/objects/b")


def pin(node, core):
    """All threads of a node that runs."""
    cmd = ["taskset", "-acp", str(core), str(node.process.pid)]
    subprocess.run(cmd, check=True, capture_output=True)


def start_cluster(dir, proxies, targets, measured, o):
    """A cluster in which `measured` (a role) has the servers' core to itself."""
    cluster = Cluster(dir, proxies, targets, ["--threads", "1"]).start()
    alone = (cluster.proxies if measured == "proxy" else cluster.targets)[0]
    for node in cluster.nodes:
        pin(node, o.core if node is alone else o.load_core)
    return cluster, alone


def bench_redirect(o, dir, rows):
    cluster, proxy = start_cluster(dir, 1, 1, "proxy", o)
    nginx = start_nginx(dir / "nginx", o.core)
    make_bucket(proxy, "b")
    names = dir / "names"
    names.write_text("".join(f"1KiB-{k}\n" for k in range(KEYS)))
    script = dir / "names.lua"
    script.write_text(NAMES_LUA)
    ours = server_of(proxy, "ours")
    theirs = Server("nginx", nginx.process, nginx.base.replace("/b", "/v1/objects/b"))
    for method, more in (("GET", []), ("PUT", ["1024"])):
        for server in (ours, theirs):
            r = requests.request(
                method, f"{server.base}/1KiB-1", allow_redirects=False
            )
            assert r.status_code in (301, 307) and "utm=" in r.headers["Location"]
        runs = {
            s.name: lambda s=s: run_wrk(
                *(s, s.base, script, 16, o.seconds, o.load_core),
                [str(names), method, *more],
            )
            for s in (ours, theirs)
        }
        label = f"redirect {method}" + (" 1KiB" if more else "")
        rows.append(compare(label, interleave(runs, o.rounds), "ours", "nginx"))
    cluster.stop()
    nginx.stop()


def bench_owner(o, dir, rows):
    with fresh_fs(dir) as place:
        owner_rounds(o, place, rows)


def owner_rounds(o, dir, rows):
    cluster, target = start_cluster(dir, 1, 3, "target", o)
    single = start_node(dir / "single", o.core)
    script = dir / "names.lua"
    script.write_text(NAMES_LUA)
    for node in (target, single):
        make_bucket(node, "b")
    cases = []
    for label in ("1KiB", "100KiB"):
        # Names that are at home on the target that is measured.
        mine, k = [], 0
        while len(mine) < KEYS:
            url = f"{target.url}/v1/objects/b/{label}-{k}"
            content = os.urandom(SIZES[label])
            r = requests.put(url, data=content, allow_redirects=False)
            if r.status_code == 200:
                mine.append(f"{label}-{k}\n")
                requests.put(f"{single.base}/{label}-{k}", data=content)
            k += 1
        names = dir / label
        names.write_text("".join(mine))
        cases.append((f"owner GET {label}", [str(names), "GET"]))
        cases.append((f"owner PUT {label}", [str(names), "PUT", str(SIZES[label])]))
    servers = [server_of(target, "cluster"), server_of(single, "one")]
    for label, args in sorted(cases):
        runs = {
            s.name: lambda s=s: run_wrk(
                s, s.base, script, 16, o.seconds, o.load_core, args
            )
            for s in servers
        }
        rows.append(compare(label, interleave(runs, o.rounds), "cluster", "one"))
    cluster.stop()
    single.stop()


def bench_failover(o, dir, rows):
    cluster = Cluster(dir).start()
    times = []
    for i in range(KILLS):
        old = cluster.primary()
        other = next(n for n in cluster.proxies if n is not old)
        old.kill()
        begin, k = time.monotonic(), 0
        while True:
            k += 1
            try:
                r = requests.post(
                    f"{other.url}/v1/buckets/kill-{i}-{k}",
                    json={"action": "create-bck"},
                    timeout=30,
                )
                if r.ok:
                    break
            except requests.RequestException:
                pass
            assert time.monotonic() - begin < 60, "no change is accepted any more"
            time.sleep(0.01)
        times.append(time.monotonic() - begin)
        assert cluster.primary() is not old
        old.start(wait=False)
        old.wait_until(old.started)
        cluster.wait_healthy()
    cluster.stop()
    print(
        f"failover, {KILLS} kills  median {statistics.median(times):.2f} s,"
        f" {min(times):.2f} to {max(times):.2f} s"
    )
    rows.append({"case": "failover s", "value": statistics.median(times), "all": times})


CASES = {
    "redirect": bench_redirect,
    "owner": bench_owner,
    "failover": bench_failover,
}
