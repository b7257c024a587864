"""What administrators do with nodes, by the command line."""

import json
import os
import re
import subprocess
import time

import pytest
import requests

import cli_test
from conftest import Cluster, Node, free_port, own_ports


@pytest.fixture
def shell(tmp_path, cluster):
    dir = tmp_path / "cli"
    dir.mkdir()
    return cli_test.Shell(dir, cluster)


def ok(shell, line, *wanted):
    """Runs a line; it succeeds and prints the wanted lines among others."""
    r = shell.run(line)
    text = shell.normalised(r.stdout)
    assert r.returncode == 0, text
    for x in wanted:
        assert x in text.splitlines(), text
    return text


def refused(shell, line, wanted):
    r = shell.run(line)
    text = shell.normalised(r.stdout)
    assert r.returncode == 1 and wanted in text, text


def test_set_primary(shell):
    ok(shell, "ais cluster set-primary $P1", "p[ID] is now a new primary")
    r = shell.run("ais show cluster smap | grep Primary")
    assert r.stdout.split() == ["Primary", "Proxy:", shell.env["P1"]]
    ok(shell, "ais cluster set-primary p[$P1]", "p[ID] is the primary already")
    refused(shell, "ais cluster set-primary $T0", "is a target: expecting a proxy")
    refused(shell, "ais cluster set-primary nobody", 'node "nobody" does not exist')
    refused(shell, "ais cluster set-primary x http://y", "a URL needs --force")


def test_maintenance(shell):
    node = "ais cluster add-remove-nodes"
    asks = "Put p[ID] in maintenance mode? [Y/N]: Operation canceled."
    ok(shell, f"echo n | {node} start-maintenance $P1", asks)
    assert "maintenance" not in shell.run("ais show cluster").stdout
    text = ok(shell, f"echo y | {node} start-maintenance $P1")
    assert text.endswith("p[ID] is now in maintenance mode\n")
    text = ok(shell, "ais show cluster", "   Status:  5 online, 1 maintenance")
    assert "p[ID][x]  -  -  -  -  -  maintenance" in text
    ok(shell, "ais doctor").index("stop-maintenance p[ID]")
    ok(shell, f"{node} stop-maintenance p[$P1]", "p[ID] is now active")
    ok(shell, "ais show cluster", "   Status:  6 online")
    refused(shell, f"{node} start-maintenance $P0 -y", "is the primary")
    # Two at once, by a list.
    ok(shell, f"{node} start-maintenance $T0,t[$T1] -y --no-rebalance")
    ok(shell, "ais show cluster target | grep -c maintenance", "2")
    ok(shell, f"{node} stop-maintenance $T0 $T1 --no-rebalance")


def test_decommission_and_join(shell, cluster, tmp_path):
    node = "ais cluster add-remove-nodes"
    shell.run("ais create ais://b; ais put d ais://b -r -y")
    gone = (
        "t[ID] is being decommissioned, please wait for cluster rebalancing to finish"
    )
    ok(shell, f"{node} decommission $T0 -y --rm-user-data", gone)
    cluster.first.wait_until(lambda: len(cluster.smap(cluster.first)["tmap"]) == 2)
    ok(shell, "ais show cluster", "   Targets:  2 (one disk)")
    (tmp_path / "s").mkdir()
    more = ["--role", "target", "--standby", *own_ports()]
    standby = Node(tmp_path / "s", (), more)
    standby.port = free_port()
    standby.start(wait=False)
    try:
        standby.wait_until(lambda: "waiting to be invited" in standby.log())
        at = f"127.0.0.1:{standby.port}"
        refused(shell, f"{node} join {at}", "--role must be proxy or target")
        refused(shell, f"{node} join nowhere --role target", "is no address")
        refused(
            shell,
            f"{node} join 127.0.0.1:{free_port()} --role target",
            "failed to obtain node info",
        )
        text = ok(shell, f"{node} join {at} --role target")
        assert text.startswith("target t[ID] successfully joined the cluster")
        ok(shell, "ais show cluster", "   Targets:  3 (one disk)")
    finally:
        standby.stop()


def test_shutdown(shell, cluster):
    node = "ais cluster add-remove-nodes"
    smap = cluster.smap(cluster.nodes[0])
    proxy_port = smap["pmap"][shell.env["P1"]]["public_net"]["daemon_port"]
    ok(shell, f"{node} shutdown $P1 -y", "p[ID] is shutting down")
    for it in cluster.proxies:
        if str(it.port) == proxy_port:
            assert it.process.wait(timeout=60) == 0
    ok(shell, "echo n | ais cluster shutdown")
    assert cluster.targets[0].alive()
    ok(shell, "ais cluster shutdown -y", "Cluster is shutting down")
    for it in cluster.nodes:
        assert it.process.wait(timeout=60) == 0


def test_decommission_of_a_cluster(tmp_path):
    cluster = Cluster(tmp_path, 1, 1).start()
    try:
        (tmp_path / "cli").mkdir()
        r = subprocess.run(
            [cli_test.ais_binary(), "cluster", "decommission", "--rm-user-data", "-y"],
            env=cli_test.environment(tmp_path / "cli", cluster.nodes[0].url),
            capture_output=True,
            text=True,
        )
        assert r.returncode == 0, r.stderr
        assert r.stdout == "Cluster is being decommissioned\n"
        for node in cluster.nodes:
            assert node.process.wait(timeout=60) == 0
            assert not (node.dir / "node/conf/.ais.state").exists()
    finally:
        cluster.stop()


def test_mountpaths(shell, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    at = f"$T0={more}"
    mp = "ais storage mountpath"
    ok(shell, "ais create ais://b && for i in 1 2 3 4; do echo $i > f$i; done")
    ok(shell, "ais put f1 ais://b/ && ais put f2 ais://b/")
    text = ok(shell, f"{mp} attach {at} --label nvme")
    assert "is now attached" in text
    ok(shell, "ais job wait resilver --timeout 30s")
    assert "DATA/more" in ok(shell, f"{mp} show $T0")
    assert ok(shell, f"{mp} enable {at}").endswith("is already enabled\n")
    assert ok(shell, f"{mp} fshc {at}").endswith(" works\n")
    text = ok(shell, f"{mp} disable t[$T0]={more}")
    assert "will be disabled when its objects have moved" in text
    ok(shell, "ais job wait resilver")
    assert "Disabled:" in ok(shell, f"{mp} show $T0")
    ok(shell, f"{mp} enable {at} && ais wait resilver")
    asks = ok(shell, f"echo n | {mp} detach {at} --no-resilver")
    assert asks.endswith("[Y/N]: Operation canceled.\n")
    text = ok(shell, f"{mp} detach {at} --no-resilver -y")
    assert text.endswith("is now detached\n")
    refused(shell, f"{mp} detach {at}", "is none of this target's")
    refused(shell, f"{mp} attach $T0=/no/such/dir", "does not exist")
    refused(shell, f"{mp} attach $T0", "is not TARGET=PATH")
    refused(shell, f"{mp} attach $P0={more}", "is a proxy: expecting a target")


def test_jobs(shell):
    assert "Started rebalance[g" in ok(shell, "ais start rebalance")
    ok(shell, "ais wait rebalance --timeout 30s")
    ok(shell, "ais wait rebalance", "No running 'rebalance' jobs, nothing to wait for")
    raw = shell.run("ais job start resilver $T0 --nv").stdout.strip()
    ok(shell, f"ais job wait {raw}", "Done.")
    ok(shell, "ais stop resilver", "No running 'resilver' jobs, nothing to do")
    refused(shell, "ais stop nosuch", 'invalid xaction (job) UUID "nosuch"')
    refused(shell, "ais wait nosuch", 'invalid xaction (job) UUID "nosuch"')
    refused(shell, "ais stop", 'missing "NAME|JOB_ID" argument')
    refused(shell, "ais stop --all x", "--all and --regex take no names")
    refused(shell, "ais stop x y", '"x" and "y": name one job')
    ok(shell, "ais show job $T0", "No running jobs. Use '--all' to show all, '--help' for details.")
    refused(shell, "ais show job $P0", "invalid xaction (job) UUID")
    refused(shell, "ais show job p[$P0]", "is a proxy: expecting a target")


def test_jobs_are_logged(shell, tmp_path):
    log = tmp_path / "jobs"
    for _ in range(2):
        ok(shell, "ais start rebalance --wait")
        ok(shell, f"ais show job rebalance --all --log {log}")
    first, second = (json.loads(x) for x in log.read_text().splitlines())
    kinds = {s["kind"] for all in second["jobs"].values() for s in all}
    assert kinds == {"rebalance"} and first["time"] < second["time"]
    refused(shell, "ais show job --log /no/such/dir/x", "cannot write")
    raw = shell.run("ais start rebalance --nv").stdout.strip()
    text = ok(shell, f"ais show job {raw} --progress", "Done.")
    assert "Checked " in text
    refused(shell, "ais show job --progress --json", "mutually exclusive")
    ok(shell, "ais cluster rebalance stop", "No running 'rebalance' jobs, nothing to do")
    ok(shell, "ais storage cleanup --force --keep-misplaced --wait", "Done.")


def test_dashboard(shell):
    text = ok(shell, "ais show dashboard", "Performance and Health:", "Cluster:")
    assert "   State:           Operational\n" in shell.run("ais show dashboard").stdout
    assert "all nodes answer" in text and "   Status:  6 online" in text
    shell.run("ais create ais://busy && ais put d ais://busy -r -y")
    load = "while :; do ais get ais://busy/b.bin /dev/null; done >/dev/null & p=$!"
    r = shell.run(f"{load}; ais cluster dashboard --json; kill $p")
    busy = json.loads(r.stdout)
    assert re.match(r"GET [1-9][\d.]+MiB/s \(\d+/s\), PUT 0B/s", busy["Throughput"])
    assert re.fullmatch("3 mountpaths", busy["Storage"])
    node = "ais cluster add-remove-nodes"
    ok(shell, f"{node} start-maintenance $T0 -y --no-rebalance")
    try:
        text = ok(shell, "ais show dashboard")
        assert re.search(r"State: +t\[ID\]: maintenance\n", text), text
    finally:
        ok(shell, f"{node} stop-maintenance $T0 --no-rebalance")


def test_how_far_jobs_are(shell):
    ok(shell, "ais create ais://far && ais put d ais://far -r -y")
    text = ok(shell, "ais start rebalance --progress", "Done.")
    assert "Checked 3/3 objects (" in text
    # Ten million names take a while.
    r = requests.delete(
        f"{shell.env['AIS_ENDPOINT']}/v1/buckets/far",
        json={
            "action": "delete-listrange",
            "value": {"template": "o{0000..9999999}"},
        },
        timeout=30,
    )
    assert r.ok, r.text
    shell.env["JOB"] = r.text
    wait = shell.run("ais wait $JOB --progress --refresh 200ms --timeout 2s")
    assert wait.returncode == 1
    assert f"Error: timed out waiting for {r.text}: it runs still" in wait.stdout
    line = r"Deleted [\d,]+/9,999,99\d objects \(\d+/s, [\dhms.]+ left\)"
    assert re.search(line, wait.stdout), wait.stdout
    text = shell.run("ais show job $JOB").stdout
    assert re.search("STATE +PROGRESS\n", text), text
    part = r"Running +[\d,]+/3,333,333, \d+/s, [\dhms.]+ left"
    assert len(re.findall(part, text)) == 3, text
    ok(shell, "ais show job $T0 ais://far | grep -c 'Running '", "1")
    other = "ais show job --filter NODE=nobody | grep -c $JOB"
    assert shell.run(other).stdout == "1\n"  # the caption
    refused(shell, "ais show job --filter X=y", "there is no column X")
    text = ok(shell, "ais show job --regex '^copy'")
    assert text.startswith("No running jobs.")
    ok(shell, "ais stop --regex copy", "No running jobs, nothing to do")
    assert ok(shell, "ais stop --all") == f"Stopped delete-objects[{r.text}]\n"
    refused(shell, "ais wait $JOB", "Aborted")


def test_copies(shell):
    ok(shell, "mkdir c && for i in 1 2 3; do echo $i > c/f$i.txt; done")
    ok(shell, "ais create ais://from && ais put c ais://from/x/ -r -y")
    text = ok(shell, "ais cp ais://from ais://to --dry-run")
    assert text.startswith("[DRY RUN] with no modifications to the cluster\n")
    assert "3 objects (6B) would be copied: ais://from => ais://to" in text
    assert "ais://to" not in ok(shell, "ais ls")
    ok(
        shell,
        "ais cp ais://from ais://to --wait",
        "Copying ais://from => ais://to ...",
        "3 objects (6B) copied: ais://from => ais://to",
    )
    text = ok(shell, "ais bucket cp ais://from/x/ ais://to/again/")
    assert text.startswith(
        "Copying ais://from/x/ => ais://to/again/. To monitor the progress, run"
    )
    ok(shell, "ais wait copy-bucket")
    line = "ais cp ais://from ais://to --template 'x/f{1..2}.txt' --prepend t/ --wait"
    assert "2 objects (4B) copied" in ok(shell, line)
    ok(shell, "ais cp ais://from --list x/f3.txt ais://to --prepend l/ --wait")
    names = ok(shell, "ais ls ais://to -H --props name").split()
    assert names == [
        "again/x/f1.txt", "again/x/f2.txt", "again/x/f3.txt", "l/x/f3.txt",
        "t/x/f1.txt", "t/x/f2.txt", "x/f1.txt", "x/f2.txt", "x/f3.txt",
    ]
    assert "ais://from" in ok(shell, "ais show job copy-bucket --all")
    text = ok(shell, "ais cp ais://from ais://far --progress")
    assert "Copied 3/3 objects, 6B (RATE, in TIME)" in text
    bars = shell.run("script -qec 'ais cp ais://from ais://far --progress' /dev/null")
    assert re.search(r"Copied objects: +3/3 \[=+\] 100%\r?\n", bars.stdout), bars.stdout
    text = ok(shell, "ais show job copy-bucket ais://from --all")
    assert "SRC BUCKET  DST BUCKET  OBJECTS  BYTES  START  END  STATE" in text
    assert re.search(r"ais://from  ais://far  \d", text)
    refused(shell, "ais cp ais://from ais://from", "are the same bucket")
    refused(shell, "ais cp ais://nobody ais://to", "does not exist")
    refused(shell, "ais cp ais://from ais://to/name", "ais object cp")
    refused(shell, "ais cp ais://from/x/ ais://to --prefix y", "say once")
    ok(shell, "ais storage cleanup --wait", "Done.")
    assert "Started cleanup[" in ok(shell, "ais job start cleanup")


def test_objects_without_content(shell):
    ok(shell, "ais create ais://empty")
    for name in ("a/none", "b/none", "c"):
        data = "x" if name == "c" else ""
        ok(shell, f"printf '%s' '{data}' | ais put - ais://empty/{name}")
    clean = "ais storage cleanup --rm-zero-size"
    refused(shell, clean, "needs a BUCKET")
    text = ok(shell, f"{clean} ais://empty/a/ < /dev/null")
    assert "Remove 1 object without content from ais://empty?" in text
    assert shell.run("ais ls ais://empty -H --name-only").stdout.split() == [
        "a/none", "b/none", "c",
    ]
    ok(shell, f"{clean} ais://empty/a/ --yes --wait", "removed 1 object without content from ais://empty")
    ok(shell, f"{clean} ais://empty --yes", "removed 1 object without content from ais://empty")
    ok(shell, f"{clean} ais://empty --yes", "No objects without content in ais://empty.")
    assert shell.run("ais ls ais://empty -H --name-only").stdout.split() == ["c"]


def test_a_summary_at_once(shell):
    """What is counted so far; asked again and again, it is all."""
    ok(shell, "ais create ais://counted")
    ok(shell, "echo x | ais put - ais://counted/x")
    for command in ("ais bucket summary ais://counted", "ais ls ais://counted --summary"):
        deadline = time.monotonic() + 60
        while True:
            r = shell.run(f"{command} --dont-wait --json 2> said")
            assert r.returncode == 0
            known = json.loads(r.stdout)
            if "still being counted" not in shell.run("cat said").stdout:
                break
            assert len(known) <= 1 and time.monotonic() < deadline
        assert known[0]["ObjCount"]["obj_count_present"] == "1"


def test_which_rebalance(shell):
    """The last one is told with the nodes, also when it is over."""
    raw = shell.run("ais start rebalance --nv --wait").stdout.split()[0]
    text = ok(shell, "ais show cluster")
    assert re.search(rf"Rebalance: +finished\({raw}\)\n", text), text
    assert " REBALANCE " in text
    assert len(re.findall(rf"^t\[ID\].*finished\({raw}\)", text, re.M)) == 3, text
    assert "REBALANCE" not in ok(shell, "ais show cluster proxy")


def test_a_rebalance_is_whole(shell):
    """What would make it another one is refused, not ignored."""
    ok(shell, "ais create ais://b")
    before = shell.run("ais show rebalance --all").stdout
    for start in ("ais start rebalance", "ais cluster rebalance start"):
        refused(shell, f"{start} ais://b/x", 'those of "ais://b/x"')
        refused(shell, f"{start} ais://b --prefix x", 'those of "ais://b/x"')
        refused(shell, f"{start} --prefix x", 'those of "x"')
        refused(shell, f"{start} --cleanup", "ais storage cleanup")
    bucket = {"name": "b", "provider": "ais"}
    for more, name, status in (
        ({"flags": 16}, "", 501),
        ({"Bck": bucket}, "", 501),
        ({}, "x", 400),
    ):
        value = {"Kind": "rebalance", **more}
        r = requests.put(
            f"{shell.env['AIS_ENDPOINT']}/v1/cluster",
            json={"action": "start", "name": name, "value": value},
        )
        assert r.status_code == status, r.text
    assert shell.run("ais show rebalance --all").stdout == before
    ok(shell, "ais start rebalance --latest --sync -f --wait", "Done.")


def test_what_a_rebalance_moved(shell, cluster):
    """What some targets sent, others received: objects and bytes."""
    ok(shell, "mkdir many; for i in {1..60}; do echo $i >many/$i; done")
    ok(shell, "ais create ais://moved && ais put many ais://moved -y")
    node = "ais cluster add-remove-nodes"
    ok(shell, f"{node} start-maintenance $T0 -y")
    cluster.first.wait_until(
        lambda: len(cluster.smap(cluster.first)["placements"]) == 1
    )
    rows = shell.run("ais show rebalance --all -H -F --units raw").stdout.splitlines()
    sums, of_emptied = [0] * 4, []
    for row in rows:
        cells = ["0" if x == "-" else x for x in row.split()]
        amounts = [int(x) for x in cells[2:6]]
        sums = [a + b for a, b in zip(sums, amounts)]
        if shell.env["T0"] in row:
            of_emptied = amounts
    sent, sent_bytes, received, received_bytes = sums
    assert sent == received > 0 and sent_bytes == received_bytes > 0, rows
    assert of_emptied[0] > 0 and of_emptied[2] == 0, rows
    [job] = {row.split()[0] for row in rows}
    jobs = shell.run(f"ais show job {job} -H --units raw").stdout
    for row in rows:  # the same there
        assert re.search(r" +".join(map(re.escape, row.split()[2:6])), jobs), jobs
    ok(shell, f"{node} stop-maintenance $T0")


def test_log_lines_by_severity(shell):
    ok(shell, "ais storage cleanup --wait")  # says so in the log
    for node in ("$T0", "$P0"):
        text = shell.run(f"ais log show {node}").stdout.splitlines()
        wanted = [x for x in text if x[:2] in ("W ", "E ")]
        assert any(x.startswith("I ") for x in text)
        for severity, letters in (("error", "E"), ("warning", "EW")):
            lines = [x for x in wanted if x[0] in letters]
            for command in ("show {}", "get {} -"):
                line = f"ais log {command.format(node)} --severity {severity}"
                assert ok(shell, line).splitlines() == shell.normalised(
                    "".join(f"{x}\n" for x in lines)
                ).splitlines()
    ok(shell, "ais log get $T0 all.tar.gz --all --severity error")
    names = shell.run("tar tzf all.tar.gz").stdout.split()
    assert names and all(".ERROR." in x for x in names), names
    assert "I 20" not in shell.run("tar xzOf all.tar.gz").stdout


def kernel_knows(path):
    """Whether the kernel counts what the disk of a path does."""
    device = subprocess.run(
        ["findmnt", "-n", "-o", "SOURCE", "-T", path], capture_output=True, text=True
    ).stdout.strip()
    name = os.path.basename(os.path.realpath(device))
    return name in open("/proc/diskstats").read().split()


def test_what_disks_do(shell, cluster):
    if not kernel_knows(cluster.dir):
        pytest.skip("the kernel counts nothing for the file system of the tests")
    ok(shell, "ais create ais://disk")
    load = "while :; do ais put d ais://disk -r -y; done >/dev/null & p=$!"
    r = shell.run(f"{load}; ais storage disk --json; kill $p")
    disks = [x for n in json.loads(r.stdout).values() for x in n["AllDiskStats"].values()]
    assert len(disks) == 3 and all(d["WBps"] > 0 and d["Wavg"] > 0 for d in disks)
    assert all(0 <= d["Util"] <= 100 for d in disks)


def test_mountpaths_of_one_disk_share_its_space(shell, cluster):
    path = cluster.dir / "one_more"
    path.mkdir()
    # Two words are as good as TARGET=PATH.
    ok(shell, f"ais storage mountpath attach $T0 {path}")
    try:
        r = shell.run("ais storage capacity $T0 --json")
        (node,) = json.loads(r.stdout).values()
        one, other = node["mountpaths"].values()
        assert one["fs"]["FsID"] == other["fs"]["FsID"]
        assert node["total_avail"] in (one["avail"], other["avail"])
    finally:
        ok(shell, f"ais storage mountpath detach t[$T0] {path} --no-resilver -y")


def test_all_of_performance(shell):
    r = shell.run("ais performance --refresh 1s --count 1")
    captions = re.findall(r"^([a-z-]+) -{15} ", r.stdout, re.M)
    views = ["counters", "intra-data", "throughput", "latency", "capacity", "disk"]
    assert captions == views, r.stdout
    got = json.loads(shell.run("ais performance --refresh 1s --count 1 --json").stdout)
    assert list(got) == views
    assert "E" not in json.dumps(got["counters"]["".join(shell.env["T0"])].get("GET(n)", 0))


def test_names_that_are_not_there(shell):
    ok(shell, "ais create ais://named && ais put f1.txt ais://named")
    line = "ais cp ais://named ais://copies --list f1.txt,gone --wait"
    refused(shell, line, "Error: 1 of 2 objects not found in ais://named")
    assert shell.run("ais ls ais://copies --props name -H").stdout == "f1.txt\n"
    ok(shell, "ais cp ais://named ais://copies --list f1.txt,f1.txt --wait")


def test_output_that_cannot_be_written(shell):
    r = shell.run("ais show cluster smap >/dev/full")
    assert r.returncode == 1 and "cannot write the output" in r.stdout
    assert shell.run("ais show cluster | head -1").returncode == 0


def test_namespaces(shell):
    ok(shell, "ais create 'ais://#mine/b' ais://plain")
    r = requests.put(
        f"{shell.env['AIS_ENDPOINT']}/s3/plain?versioning",
        data="<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        timeout=30,
    )
    assert r.ok, r.text

    def listed(what):
        return shell.run(f"ais ls {what} -H -F").stdout.split()[::2]

    assert listed("'ais://#mine'") == ["ais://@#mine/b"]
    assert {"ais://plain", "ais://@#mine/b"} <= set(listed(""))
    # What belongs to another bucket is shown to who asks for it.
    inner = "ais://@#s3-versions/plain"
    assert inner not in listed("") and inner in listed("'ais://#s3-versions'")
    ok(shell, "ais ls 'ais://#other'", "No \"ais://\" buckets in the cluster."
       " Use '--all' option to list matching remote buckets, if any.")
    ok(shell, "ais rmb 'ais://#mine/b' ais://plain -y")
