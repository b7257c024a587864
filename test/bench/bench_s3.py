"""The S3 API beside the native one of the same node: what signatures, MD5 and the
rest of the protocol cost, and how fast buckets are listed.

All requests are signed before the load begins, each for its own key and second, and
replayed by wrk; native requests are sent by the same script.
"""

import datetime
import hashlib
import hmac
import http.client
import json
import os
import re
import statistics
import time
import urllib.parse

import requests

from harness import KEYS, compare, fill, interleave, make_bucket, run_wrk
from harness import start_node

SIZES = {"4KiB": 4 << 10, "64KiB": 64 << 10, "1MiB": 1 << 20}
KEY, SECRET = "AKBENCH", "a secret of forty characters, as they are"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()
PAGE = 1000  # keys

# Sends the requests of a file in turn: one a line, tabs between its header lines.
# With a size, a body whose beginning is the line's number.
REPLAY_LUA = """
local n, heads, rest = 0, {}, nil
function init(args)
  for line in io.lines(args[1]) do
    heads[#heads + 1] = string.gsub(line, "\\t", "\\r\\n") .. "\\r\\n\\r\\n"
  end
  if args[2] then
    rest = string.sub(string.rep("0123456789abcdef", tonumber(args[2]) / 16), 17)
  end
end
function request()
  n = n % #heads + 1
  if rest then return heads[n] .. string.format("%016d", n) .. rest end
  return heads[n]
end
"""


def body_of(n, size):
    return b"%016d" % n + (b"0123456789abcdef" * (size // 16))[16:]


class Signer:
    """Signature version 4, in headers."""

    def __init__(self, host):
        self.host = host
        self.keys = {}

    def key(self, day):
        if day not in self.keys:
            key = b"AWS4" + SECRET.encode()
            for part in (day, "us-east-1", "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self.keys[day] = key
        return self.keys[day]

    def headers(self, method, path, query="", payload=EMPTY, age=0):
        """@param age  of the request [s]"""
        now = datetime.datetime.now(datetime.timezone.utc)
        date = (now - datetime.timedelta(seconds=age)).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{date[:8]}/us-east-1/s3/aws4_request"
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = (
            f"{method}\n{path}\n{query}\nhost:{self.host}\n"
            f"x-amz-content-sha256:{payload}\nx-amz-date:{date}\n\n{names}\n{payload}"
        )
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}".encode()
        signature = hmac.new(self.key(date[:8]), text, "sha256").hexdigest()
        return {
            "Host": self.host,
            "x-amz-content-sha256": payload,
            "x-amz-date": date,
            "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/{scope},"
            f"SignedHeaders={names},Signature={signature}",
        }


def line(method, path, headers):
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    return "\t".join(lines) + "\n"


def start(dir, core, threads=1):
    dir.mkdir()
    keys = [{"access_key": KEY, "secret_key": SECRET}]
    (dir / "s3.json").write_text(json.dumps({"keys": keys}))
    node = start_node(dir, core, threads)
    make_bucket(node, "b")
    node.host = node.url.removeprefix("http://")
    node.signer = Signer(node.host)
    path = f"/b/{KEYS}"
    headers = node.signer.headers("GET", path)
    assert requests.get(node.url + path, headers=headers).status_code == 404
    for wrong in (
        headers | {"x-amz-content-sha256": UNSIGNED},
        headers | {"Authorization": headers["Authorization"][:-4] + "0000"},
    ):
        assert requests.get(node.url + path, headers=wrong).status_code == 403
    return node


def hash_us(name, size):
    """What OpenSSL takes for one hash of so many bytes."""
    data, times = os.urandom(size), []
    for _ in range(7):
        begin, n = time.process_time(), 0
        while time.process_time() - begin < 0.05:
            hashlib.new(name, data, usedforsecurity=False)
            n += 1
        times.append((time.process_time() - begin) / n)
    return statistics.median(times) * 1e6


def replay(node, script, dir, name, lines, size, o):
    file = dir / name.replace(" ", "-")
    file.write_text("".join(lines))
    args = [str(file)] + ([str(size)] if size else [])
    return lambda: run_wrk(node, node.url, script, 16, o.seconds, o.load_core, args)


def bench_get(node, script, dir, o, rows):
    for label, size in SIZES.items():
        signer = node.signer
        for k in range(KEYS):
            url = f"{node.url}/b/{label}-{k}"
            headers = signer.headers("PUT", f"/b/{label}-{k}", payload=UNSIGNED)
            requests.put(url, os.urandom(size), headers=headers).raise_for_status()
        signed, native = [], []
        for age in range(64):
            for k in range(KEYS):
                path = f"/b/{label}-{k}"
                headers = signer.headers("GET", path, age=age)
                signed.append(line("GET", path, headers))
                native.append(line("GET", "/v1/objects" + path, {"Host": node.host}))
        runs = {
            "s3": replay(node, script, dir, f"get {label}", signed, 0, o),
            "native": replay(node, script, dir, f"native {label}", native, 0, o),
        }
        results = interleave(runs, o.rounds)
        rows.append(compare(f"S3 GET {label}", results, "s3", "native"))


def bench_put(node, script, dir, o, rows):
    for label, size in SIZES.items():
        kinds = {"signed": [], "unsigned": [], "native": []}
        n = 0
        for age in range(max(4, min(64, (16 << 20) // size))):
            for k in range(KEYS):
                n += 1
                path = f"/b/put-{label}-{k}"
                length = {"Content-Length": size}
                kinds["native"].append(
                    line("PUT", "/v1/objects" + path, {"Host": node.host} | length)
                )
                sums = {
                    "signed": hashlib.sha256(body_of(n, size)).hexdigest(),
                    "unsigned": UNSIGNED,
                }
                for kind, payload in sums.items():
                    headers = node.signer.headers("PUT", path, "", payload, age)
                    kinds[kind].append(line("PUT", path, headers | length))
        runs = {
            kind: replay(node, script, dir, f"put {label} {kind}", lines, size, o)
            for kind, lines in kinds.items()
        }
        results = interleave(runs, o.rounds)
        hashes = {"MD5": hash_us("md5", size), "SHA-256": hash_us("sha256", size)}
        for kind, inherent in (("unsigned", ["MD5"]), ("signed", ["MD5", "SHA-256"])):
            row = compare(f"S3 PUT {label} {kind}", results, kind, "native")
            row["hashes us"] = {x: hashes[x] for x in inherent}
            without = row["cpu us"] - sum(row["hashes us"].values())
            row["cpu ratio without hashes"] = without / row["anchor cpu us"]
            print(
                " " * 22,
                *(f" {x} {us:.1f} us" for x, us in row["hashes us"].items()),
                f" without: cpu {row['cpu ratio without hashes']:.2f}x",
                flush=True,
            )
            rows.append(row)


def list_bucket(node, bucket):
    """Keys per second, and CPU per key [us], over all pages."""
    connection = http.client.HTTPConnection(node.host)
    keys, token, took = 0, "", 0.0
    before = node.cpu_ns()
    while True:
        more = f"continuation-token={urllib.parse.quote(token, safe='')}&" if token else ""
        query = f"{more}list-type=2&max-keys={PAGE}"
        headers = node.signer.headers("GET", f"/{bucket}", query)
        begin = time.monotonic()
        connection.request("GET", f"/{bucket}?{query}", headers=headers)
        reply = connection.getresponse()
        body = reply.read()
        took += time.monotonic() - begin
        assert reply.status == 200, body
        keys += body.count(b"<Key>")
        found = re.search(rb"<NextContinuationToken>(.*?)<", body)
        if not found:
            return keys / took, (node.cpu_ns() - before) / max(keys, 1) / 1000, keys
        token = found[1].decode()


def bench_list(dir, o, rows):
    """Not pinned: a page is read from disk while the one before is written."""
    node = start(dir / "lists", None, 2)
    make_bucket(node, "many")
    fill(node, "many", dir, o.load_core, lambda: list_bucket(node, "many")[2])
    runs = []
    for _ in range(o.rounds):
        rate, cpu, keys = list_bucket(node, "many")
        assert keys == 100_000
        runs.append((rate, cpu))
    rate, cpu = (statistics.median(x[i] for x in runs) for i in (0, 1))
    print(f"S3 LIST 100k, {PAGE} a page {rate:>9.0f} keys/s {cpu:>6.2f} us a key")
    rows.append({"case": "S3 LIST keys/s", "value": rate, "cpu us": cpu})
    node.stop()


def bench(o, dir, rows):
    node = start(dir / "node", o.core)
    script = dir / "replay.lua"
    script.write_text(REPLAY_LUA)
    bench_get(node, script, dir, o, rows)
    bench_put(node, script, dir, o, rows)
    node.stop()
    bench_list(dir, o, rows)


CASES = {"s3": bench}
