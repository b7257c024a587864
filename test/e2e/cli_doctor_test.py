"""ais quickstart, doctor and top: what a person needs first."""

import json
import os
import re

import pytest

import cli_test
import conftest


@pytest.fixture
def ais(tmp_path):
    (tmp_path / "home").mkdir()

    def run(*args, url=""):
        env = cli_test.environment(tmp_path / "home", url)
        # A build may keep the two apart; an installation does not.
        env["PATH"] += f":{conftest.node_binary().parent}"
        return cli_test.run_ais(args, tmp_path, env)

    return run


def test_quickstart(ais, tmp_path):
    dir = tmp_path / "data"
    try:
        r = ais("quickstart", "--dir", dir, "--port", 0)
        assert r.returncode == 0, r.stderr
        url = re.search(r"endpoint   (\S+)", r.stdout)[1]
        again = ais("quickstart", "--dir", dir)
        assert "already runs" in again.stdout and url in again.stdout
        # What it says to try works.
        for line in re.findall(r"^  ais (.*)$", r.stdout, re.M):
            tried = ais(*line.split(), url=url)
            assert tried.returncode == 0, (line, tried.stderr)
        r = ais("doctor", url=url)
        assert r.returncode == 0, r.stdout
        taken = ais("quickstart", "--dir", tmp_path / "b", "--port", url.split(":")[2])
        assert taken.returncode == 1 and "in use" in taken.stderr
    finally:
        r = ais("quickstart", "--stop", "--dir", dir)
    assert r.stdout == "stopped\n", r.stderr
    assert ais("quickstart", "--stop", "--dir", dir).stdout.startswith("no node")


def findings(r):
    return {x["what"]: x for x in json.loads(r.stdout)}


def test_doctor_finds_a_dead_node(ais, tmp_path):
    cluster = conftest.Cluster(tmp_path, 3, 2).start()
    try:
        url = cluster.proxies[0].url
        r = ais("doctor", "--json", url=url)
        assert r.returncode == 0, r.stdout
        found = findings(r)
        assert found["data"]["verdict"] == found["nodes"]["verdict"] == "ok"
        dead = cluster.targets[0]
        ids = {
            si["public_net"]["daemon_port"]: id
            for id, si in cluster.smap(cluster.nodes[0])["tmap"].items()
        }
        name = f"t[{ids[str(dead.port)]}]"
        dead.kill()
        r = ais("doctor", "--json", url=url)
        assert r.returncode == 1
        bad = findings(r)[name]
        assert bad["verdict"] == "bad" and bad["mend"]
    finally:
        cluster.stop()


def test_doctor_without_a_cluster(ais, tmp_path):
    r = ais("doctor", tmp_path, "/proc", url="http://127.0.0.1:1")
    assert r.returncode == 1
    assert re.search(r"^BAD +endpoint", r.stdout, re.M), r.stdout
    assert "ais quickstart" in r.stdout
    assert re.search(rf"^(ok|WARN) +directory {tmp_path}", r.stdout, re.M)
    assert re.search(r"^BAD +directory /proc", r.stdout, re.M)
    assert [x for x in os.listdir(tmp_path) if x != "home"] == []


def test_top(ais, fresh_node):
    fresh_node.start()
    r = ais("top", "--refresh", "1s", "--count", "1", url=fresh_node.url)
    assert r.returncode == 0, r.stderr
    assert "2 of 2 nodes online" in r.stdout and "no running jobs" in r.stdout
    assert re.search(r"^t\[\w+\] .* \d+%  +\d+%  ", r.stdout, re.M), r.stdout
    r = ais("top", "--count", "1", "--refresh", "1s", "--json", url=fresh_node.url)
    shown = json.loads(r.stdout)
    assert [x["status"] for x in shown["nodes"]] == ["online", "online"]
    assert shown["jobs"] == []
