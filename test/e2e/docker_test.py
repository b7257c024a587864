"""docker/: what it asks of the nodes, they have; its nodes are a cluster."""

import json
import os
import re
import shutil
import subprocess
import time

import pytest
import requests

import cli_test
import conftest
from conftest import ROOT

DOCKER = ROOT / "docker"
NODES = ["p1", "p2", "p3", "t1", "t2", "t3"]


@pytest.fixture(scope="module")
def exposed(tmp_path_factory):
    """Names of all metrics, each with the labels it has."""
    cluster = conftest.Cluster(tmp_path_factory.mktemp("metrics"), 1, 1).start()
    out = {}
    try:
        for node in cluster.nodes:
            for line in requests.get(f"{node.url}/metrics").text.splitlines():
                if m := re.match(r"(\w+)(?:\{(.*)\})? \S+$", line):
                    labels = re.findall(r"(\w+)=", m[2] or "")
                    out.setdefault(m[1], set()).update(labels)
    finally:
        cluster.stop()
    return out


def asked():
    """(where, expression, labels in its legend) of dashboard and alerts."""
    board = json.loads((DOCKER / "grafana/dashboards/aistore.json").read_text())
    for panel in board["panels"]:
        for t in panel["targets"]:
            labels = re.findall(r"\{\{(\w+)\}\}", t["legendFormat"])
            yield panel["title"], t["expr"], labels
    text = (DOCKER / "prometheus/alerts.yml").read_text()
    for rule in text.split("- alert: ")[1:]:
        expr = re.search(r"expr: (.*?)\n +(?:for|labels):", rule, re.S)[1]
        labels = re.findall(r"\$labels\.(\w+)", rule)
        yield rule.split()[0], expr, labels


def test_queries_name_metrics_that_nodes_expose(exposed):
    added = {"instance", "job", "role"}  # by Prometheus and its configuration
    seen = 0
    for where, expr, labels in asked():
        names = re.findall(r"\b(?:ais_\w+|up)\b", expr)
        assert names, (where, expr)
        for name in names:
            if name == "up":
                continue
            assert name in exposed, (where, name)
            assert set(labels) <= exposed[name] | added, (where, name)
            seen += 1
    assert seen > 40


def test_prometheus_asks_all_nodes():
    text = (DOCKER / "prometheus/prometheus.yml").read_text()
    assert re.findall(r'"(\w+):8080"', text) == NODES
    compose = (DOCKER / "compose.yaml").read_text()
    assert re.findall(r"hostname: (\w+)", compose) == NODES


def compose_command():
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            if not subprocess.run(command + ["version"], capture_output=True).returncode:
                return command
    return None


@pytest.mark.skipif(not compose_command(), reason="no docker compose here")
def test_compose_file():
    r = subprocess.run(
        compose_command() + ["-f", DOCKER / "compose.yaml", "config", "--quiet"],
        capture_output=True,
        text=True,
    )
    assert r.returncode == 0, r.stderr


def test_the_entrypoint_starts_a_cluster(tmp_path):
    """The same script, the same variables; ports instead of host names."""
    ports = {name: conftest.free_port() for name in ("p1", "t1")}
    (tmp_path / "home").mkdir()
    env = cli_test.environment(tmp_path / "home", "")
    processes = []
    for name in ports:
        role = "proxy" if name[0] == "p" else "target"
        mine = {
            "AISNODE": str(conftest.node_binary()),
            "AIS_ROLE": role,
            "AIS_DATA": str(tmp_path / name),
            "AIS_HOST": "127.0.0.1",
            "AIS_ADVERTISE": "127.0.0.1",
            "AIS_PORT": str(ports[name]),
            "AIS_CONTROL_PORT": str(conftest.free_port()),
        }
        if role == "target":
            mine["AIS_JOIN"] = f"http://127.0.0.1:{ports['p1']}"
            mine["AIS_MOUNTPATHS"] = f"{tmp_path}/mp1 {tmp_path}/mp2"
        mine = {**env, **mine}
        entry = str(DOCKER / "entrypoint.sh")
        processes.append(
            subprocess.Popen([entry, "--log-file", str(tmp_path / name) + ".log"], env=mine)
        )
        deadline = time.monotonic() + 60
        while subprocess.run([entry, "health"], env=mine, capture_output=True).returncode:
            assert time.monotonic() < deadline and processes[-1].poll() is None
            time.sleep(0.05)
    try:
        env["AIS_ENDPOINT"] = f"http://127.0.0.1:{ports['p1']}"
        said = subprocess.run(
            ["bash", "-c", "ais create ais://b && ais put $0 ais://b/x"
             " && ais get ais://b/x - && ais storage mountpath", __file__],
            env=env, capture_output=True, text=True,
        )
        assert said.returncode == 0, said.stderr
        assert "mp1" in said.stdout and "mp2" in said.stdout
    finally:
        for p in processes:
            p.terminate()
        for p in processes:
            assert p.wait(timeout=60) == 0
