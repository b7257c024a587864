"""The command line against a real cluster: what it prints, word by word.

Each file of cli_golden is a session: lines that begin with "$ " are run by
bash, what follows is what they print (both streams), normalised: node IDs,
URLs, times and what depends on the machine. "[1]" is the exit code, if not 0.
CLI_GOLDEN=write writes the files anew: read the difference before you commit.
"""

import difflib
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

import conftest

GOLDEN = pathlib.Path(__file__).parent / "cli_golden"
SESSIONS = sorted(p.stem for p in GOLDEN.glob("*.txt"))


def ais_binary():
    """ais of the same build as the aisnode under test."""
    return conftest.node_binary().parent.parent / "cli" / "ais"


@pytest.fixture(scope="module")
def small_cluster(tmp_path_factory):
    it = conftest.Cluster(tmp_path_factory.mktemp("cli"), 2, 3).start()
    yield it
    it.stop()


def environment(home, url):
    out = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("AIS") and k not in ("NO_COLOR", "XDG_CONFIG_HOME")
    }
    out["HOME"] = str(home)
    out["PATH"] = f"{ais_binary().parent}:{out['PATH']}"
    out["TERM"] = "dumb"
    out["TZ"] = "UTC"
    if url:
        out["AIS_ENDPOINT"] = url
    return out


def run_ais(args, cwd, env):
    """Runs it without a shell and without input."""
    return subprocess.run(
        [ais_binary(), *map(str, args)],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )


class Shell:
    """Runs lines of a session in a directory with some files."""

    def __init__(self, dir, cluster):
        self.dir = dir
        self.cluster = cluster
        smap = cluster.smap(cluster.nodes[0])
        self.uuid = smap["uuid"]
        (dir / "home").mkdir()
        work = self.work = dir / "work"
        (work / "d" / "sub").mkdir(parents=True)
        (work / "f1.txt").write_bytes(b"x" * 1000)
        (work / "d" / "a.txt").write_bytes(b"a" * 3000)
        (work / "d" / "b.bin").write_bytes(b"b" * 5_000_000)
        (work / "d" / "sub" / "c.txt").write_bytes(b"c\n")
        self.env = environment(dir / "home", cluster.nodes[0].url)
        targets, proxies = sorted(smap["tmap"]), sorted(smap["pmap"])
        primary = smap["proxy_si"]["daemon_id"]
        other = next(p for p in proxies if p != primary)
        self.env.update(T0=targets[0], T1=targets[1], P0=primary, P1=other)

    def run(self, line, **more):
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.work,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            **more,
        )

    def session(self, line):
        r = self.run(line)
        code = f"[{r.returncode}]\n" if r.returncode else ""
        return self.normalised(r.stdout) + code

    def normalised(self, text):
        for pattern, by in (
            (re.escape(str(self.dir)), "TMP"),
            (re.escape(str(self.cluster.dir)), "DATA"),
            (r"DATA/t\d/", "DATA/tN/"),
            (re.escape(self.uuid), "UUID"),
            (r"http://127\.0\.0\.1:\d+", "URL"),
            (r"\b([tp])\[[\w-]{8,}\]", r"\1[ID]"),
            (r"\b[\w-]{10}\b(?=: URL)", "ID"),
            (r"(Primary Proxy: )\S+", r"\1ID"),
            (r"\d\d [A-Z][a-z]{2} \d\d \d\d:\d\d UTC", "DATE"),
            (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "DATE"),
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "DATE"),
            (r"\d\d:\d\d:\d\d\.\d{6}", "TIME"),
            (r"(?<=ais-scrub-)\w{6}", "XXXXXX"),
            (r"(?<=Elapsed: )\S+", "TIME"),
            (r"(?<=names in )\d\S+", "TIME"),
            (r"(?<=, in )\S+(?=\))", "TIME"),
            (r"\(\d[\d.KMGiB]*/s, ", "(RATE, "),
            (r"\[\d+\.\d \d+\.\d \d+\.\d\]", "LOAD"),
            (r"(?<=version )\d+(?=, UUID)|(?<=BMD v)\d+|(?<=map\(v)\d+", "N"),
            (r"v1-\w+-\w+", "ETAG"),
        ):
            text = re.sub(pattern, by, text)
        lines = [self.machine(x) for x in text.splitlines()]
        # Nodes come by ID, and those are made up.
        groups = itertools.groupby(lines, lambda x: x[:5] in ("p[ID]", "t[ID]"))
        lines = [x for nodes, g in groups for x in (sorted(g) if nodes else g)]
        return "".join(f"{x}\n" for x in lines)

    def machine(self, line):
        """What the machine decides: memory, disks, load, uptime."""
        if re.match(r"(\s*[tp]\[ID\]|--- Cluster|   Capacity|   Used|\s+DATA)", line):
            line = re.sub(r"\d+(\.\d+)?([KMGT]i)?B(/s)?", "SIZE", line)
            line = re.sub(r"\d+(\.\d+)?%", "N%", line)
            line = re.sub(r"\b(\d+m)?\d+(\.\d+)?(µs|ms|s)\b", "TIME", line)
            line = re.sub(r"\b(vd|sd|nvme|overlay|loop)\w*\(\w+\)", "DISK", line)
            line = re.sub(r"\b(vd|sd|nvme|overlay|loop)\w*\b", "DISK", line)
            line = re.sub(r"\b(ext4|xfs|btrfs|tmpfs)\b", "FS", line)
        return re.sub(r"(\S)  +", r"\1  ", line).rstrip()


@pytest.fixture
def shell(tmp_path, small_cluster):
    it = Shell(tmp_path, small_cluster)
    assert it.run("ais rmb --all --yes").returncode == 0
    return it


def commands(text):
    return [x[2:] for x in text.splitlines() if x.startswith("$ ")]


@pytest.mark.parametrize("name", SESSIONS)
def test_session(shell, name):
    path = GOLDEN / f"{name}.txt"
    wanted = path.read_text()
    got = "".join(f"$ {x}\n{shell.session(x)}" for x in commands(wanted))
    if os.environ.get("CLI_GOLDEN") == "write":
        path.write_text(got)
    lines = (wanted.splitlines(), got.splitlines(), "wanted", "got")
    diff = "\n".join(difflib.unified_diff(*lines, lineterm=""))
    assert not diff, diff


def test_counters(shell):
    """What was done is counted, and shown as it was asked for."""
    shell.run("ais create ais://b; ais cluster reset-stats")
    assert shell.run("ais put d ais://b -r -y").returncode == 0
    r = shell.run("ais performance counters --json")
    rows = json.loads(r.stdout)
    assert set(rows) == set(shell.cluster.smap(shell.cluster.nodes[0])["tmap"])
    assert sum(x["PUT(n)"] for x in rows.values()) == 3
    assert sum(x["PUT(size)"] for x in rows.values()) == 5_003_002
    r = shell.run("ais performance counters --regex '^put' -H | tail -1")
    assert r.stdout.split() == ["---", "Cluster:", "3", "4.77MiB"]
    r = shell.run("ais performance counters -H -F | grep -c Cluster")
    assert r.stdout == "0\n"
    r = shell.run("ais performance --json --refresh 1s --count 1")
    whole = json.loads(r.stdout)
    assert {"counters", "throughput", "latency"} < set(whole)
    assert set(whole["counters"]) == set(rows)
    r = shell.run("ais performance counters --regex 'put.*size' --average-size")
    assert "PUT(avg size)" in r.stdout


def test_rates(shell):
    """Rates are those of the interval, not of all times."""
    shell.run("ais create ais://b; ais put d ais://b -r -y")
    load = "sleep 0.3; for i in 1 2 3; do ais get ais://b/b.bin /dev/null; done"
    view = "ais performance %s --refresh 1s --count 1 -H"
    busy = shell.run(f"({load}) >/dev/null & {view % 'throughput'}; wait")
    rate = re.search(r"--- Cluster:\s+([\d.]+)MiB/s", busy.stdout)
    assert rate and 3 < float(rate[1]) < 15, busy.stdout
    idle = shell.run(view % "throughput")
    assert "(idle)" in idle.stdout, idle.stdout
    assert shell.run(f"{view % 'latency'} --all-columns").stdout.count("t[") == 3


def test_processor_time(shell):
    """A machine whose processors all work says so, whoever works."""
    busy = [
        subprocess.Popen(["sh", "-c", "while :; do :; done"])
        for _ in range(os.cpu_count())
    ]
    try:
        view = "ais show cluster cpu %s -H --refresh 2s --count 2 | tail -1"
        fields = shell.run(view % "$P0").stdout.split()
        assert float(fields[3].rstrip("%")) > 60, fields  # SYS-CPU
        assert float(fields[2].rstrip("%")) < 50, fields  # PROC-CPU
    finally:
        for p in busy:
            p.kill()
            p.wait()


def test_ctrl_c_ends_a_view_well(shell):
    p = subprocess.Popen(
        [ais_binary(), "ls", "--refresh", "1s"],
        env=shell.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert p.stdout.readline().startswith("No buckets")
    p.send_signal(signal.SIGINT)
    assert p.wait(timeout=30) == 0


def test_colours_are_for_terminals(shell):
    shell.run("ais create ais://b")
    on_terminal = "TERM=xterm script -qec 'ais ls' /dev/null"
    assert "\033[96mTotal" in shell.run(on_terminal).stdout
    assert "\033" not in shell.run(on_terminal.replace("xterm", "dumb")).stdout
    assert "\033" not in shell.run("ais ls").stdout
    assert "\033" not in shell.run(f"NO_COLOR=1 {on_terminal}").stdout
    shell.run("ais config cli set no_color=true")
    assert "\033" not in shell.run(on_terminal).stdout


def test_sessions_cover_many_commands():
    lines = [x for n in SESSIONS for x in commands((GOLDEN / f"{n}.txt").read_text())]
    assert len({x for x in lines if "ais " in x}) >= 60
