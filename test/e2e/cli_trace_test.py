"""ais trace: requests of all nodes as they end, of both APIs, filtered."""

import json
import re
import signal
import subprocess

import requests

import cli_test
import conftest
from cli_test import shell, small_cluster  # noqa: F401 (fixtures)


class Tracing:
    """A running "ais trace"; nodes keep requests once it is made."""

    def __init__(self, shell, *options):
        self.process = subprocess.Popen(
            [cli_test.ais_binary(), "trace", *options],
            env=shell.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.note = self.process.stderr.readline()
        assert self.note.startswith("Note: tracing "), self.note

    def line(self):
        return self.process.stdout.readline()

    def end(self, code=0):
        """What it printed that was not read, and its complaints."""
        out, complaints = self.process.communicate(timeout=30)
        assert self.process.returncode == code, complaints
        return out, complaints

    def requests(self):
        out, complaints = self.end()
        assert complaints == ""
        return [json.loads(x) for x in out.splitlines()]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        return self.end()


def subjects(seen):
    return [(x["verb"], x["bucket"], x["object"], x["status"]) for x in seen]


def test_both_apis_on_all_nodes(shell):
    assert shell.run("ais create ais://tr").returncode == 0
    proxy, target = shell.cluster.proxies[1].url, shell.cluster.targets[0].url
    tracing = Tracing(shell, "--json", "--bucket", "ais://tr", "--count", "4")
    assert tracing.note == "Note: tracing 5 nodes, until Ctrl-C\n"
    r = requests.put(f"{proxy}/v1/objects/tr/dir/n", data=b"x" * 1000)
    assert r.ok and r.history[0].status_code == 307
    secret = {"Authorization": "AWS4-HMAC-SHA256 5ec2e7", "X-Request-Id": "mine"}
    query = "?X-Amz-Signature=5ec2e7"
    assert requests.put(f"{target}/s3/tr/dir/s{query}", b"y" * 10, headers=secret).ok
    assert requests.get(f"{proxy}/v1/objects/tr/nobody?what=5ec2e7").status_code == 404
    seen = tracing.requests()
    assert "5ec2e7" not in json.dumps(seen)
    ids = shell.cluster.smap(shell.cluster.nodes[0])
    # The PUT: the proxy that redirects, then the owner.
    put = [x for x in seen if x["object"] == "dir/n"]
    assert [x["status"] for x in put] == [307, 200] and put[1]["received"] == 1000
    assert put[0]["node"][2:-1] in ids["pmap"] and put[1]["node"][2:-1] in ids["tmap"]
    assert put[1]["path"] == "/v1/objects/tr/dir/n" and put[1]["api"] == "ais"
    s3 = [x for x in seen if x["api"] == "s3"]
    assert {x["object"] for x in s3} == {"dir/s"}
    assert all(x["path"] == "/s3/tr/dir/s" and x["request"] == "mine" for x in s3)
    for x in seen:
        assert x["complete"] and x["took_ns"] > 0 and x["peer"].startswith("127.")
        assert re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", x["time"])


def test_filters(shell):
    shell.run("ais create ais://tf ais://other")
    target = shell.cluster.targets[0].url
    wanted = [
        Tracing(shell, "--json", "--count", "1", "--status", "4xx"),
        Tracing(shell, "--json", "--count", "1", "--verb", "delete,head"),
        Tracing(shell, "--json", "--count", "1", "--bucket", "ais://tf/in/"),
        Tracing(shell, "--json", "--count", "1", "--status", "404", "--verb", "GET"),
        Tracing(shell, "--json", "--count", "1", "--node", shell.env["P1"]),
    ]
    slow = Tracing(shell, "--json", "--slower", "1h")
    objects = f"{target}/v1/objects"
    assert requests.put(f"{objects}/tf/out", b"x").ok
    assert requests.put(f"{objects}/other/in/x", b"x").ok
    assert requests.put(f"{objects}/tf/in/x", b"x").ok
    assert requests.delete(f"{objects}/tf/nobody").status_code == 404
    assert requests.get(f"{objects}/tf/nobody").status_code == 404
    other = shell.cluster.smap(shell.cluster.nodes[0])["pmap"][shell.env["P1"]]
    assert requests.get(other["public_net"]["direct_url"] + "/metrics").ok
    status, verb, bucket, both, node = (x.requests()[0] for x in wanted)
    assert (status["verb"], status["status"]) == ("DELETE", 404)
    assert verb["verb"] == "DELETE"
    assert (bucket["bucket"], bucket["object"]) == ("ais://tf", "in/x")
    assert (both["verb"], both["status"]) == ("GET", 404)
    assert (node["node"], node["path"]) == (f"p[{shell.env['P1']}]", "/metrics")
    assert slow.interrupt() == ("", "")


def test_for_people(shell):
    shell.run("ais create ais://tp")
    url = shell.cluster.targets[0].url
    tracing = Tracing(shell, "--verb", "GET,PUT", "--bucket", "ais://tp")
    assert tracing.line().split() == [
        *("TIME", "NODE", "VERB", "STATUS", "BYTES", "LATENCY"),
        *("OBJECT", "OR", "PATH"),
    ]
    assert requests.put(f"{url}/s3/tp/a%1b%5B31mb", b"x" * 2000).ok
    line = tracing.line()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3}  t\[\w+\] +PUT +200 +1\.95KiB +\S+  ais://tp/a\?\[31mb\n",
        line,
    ), line
    assert requests.get(f"{url}/v1/objects/tp/nobody?provider=ais").status_code == 404
    while " 404 " not in line:  # a redirect may come before
        line = tracing.line()
    assert line.endswith("  ais://tp/nobody\n")
    tracing.interrupt()
    bare = Tracing(shell, "-H", "--count", "1", "--status", "2xx")
    shell.run("ais show cluster smap")
    assert re.search(r" GET +200 .* /v1/daemon what=smap\n$", bare.end()[0])


def test_it_ends_after_a_while_and_does_not_see_itself(shell):
    tracing = Tracing(shell, "--timeout", "2s")
    assert len(tracing.end()[0].splitlines()) == 1  # the header


def test_of_one_node_by_hand(node):
    """As curl would: pages with cursors; nothing is kept without them."""

    def page(**more):
        r = requests.get(
            f"{node.url}/v1/daemon", params={"what": "trace", **more}, timeout=10
        )
        assert r.status_code == 200, r.text
        return r.json()

    first = page()
    assert first["requests"] == [] and first["lost"] == 0
    assert requests.get(f"{node.url}/v1/health").ok
    assert requests.get(f"{node.url}/v1/objects/nobody/x").status_code == 404
    second = page(cursor=first["cursor"])
    assert [x["path"] for x in second["requests"]][-2:] == [
        "/v1/health",
        "/v1/objects/nobody/x",
    ]
    assert page(cursor=second["cursor"])["requests"] == []
    seen = page(cursor=first["cursor"], status="404")["requests"]
    assert subjects(seen) == [("GET", "ais://nobody", "x", 404)]
    for bad in ({"status": "9"}, {"slower": "soon"}, {"cursor": "1"}, {"bucket": "b"}):
        r = requests.get(f"{node.url}/v1/daemon", params={"what": "trace", **bad})
        assert r.status_code == 400, r.text


def test_a_node_that_dies_is_missed(tmp_path):
    cluster = conftest.Cluster(tmp_path, 2, 2).start()
    try:
        tracing = Tracing(cli_test.Shell(tmp_path, cluster), "--json")
        cluster.targets[1].kill()
        missed = tracing.process.stderr.readline()
        assert re.match(r"Warning: the requests of t\[\w+\] are missing: ", missed)
        cluster.targets[1].start()
        # It is silent until it is back in the map.
        line = tracing.process.stderr.readline()
        while "answers again" not in line:
            assert line, "it ended"
            line = tracing.process.stderr.readline()
        tracing.interrupt()
    finally:
        cluster.stop()
