"""aisnode as a program: options, configuration file, log, signals, service."""

import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile

import pytest
import requests

import conftest
from conftest import Cluster, Node

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICE = ROOT / "docker" / "systemd"


def aisnode(*arguments, **more):
    """Runs it to its end."""
    return subprocess.run(
        [str(conftest.node_binary()), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        **more,
    )


def refused(*arguments, code=1, **more):
    """What it says when it does not start: one sentence."""
    done = aisnode(*arguments, **more)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert done.stdout == ""
    lines = [x for x in done.stderr.splitlines() if x.startswith("aisnode: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def add_bucket(node, name="b"):
    r = requests.post(
        f"{node.url}/v1/buckets/{name}", json={"action": "create-bck"}
    )
    assert r.status_code == 200, r.text


def put(node, name="b/x", data=b"hello"):
    r = requests.put(f"{node.url}/v1/objects/{name}", data=data)
    assert r.status_code == 200, r.text


# -- what it says about itself ------------------------------------------------


def test_help():
    done = aisnode("--help")
    assert done.returncode == 0 and done.stderr == ""
    for part in ("Examples", "Exit codes", "Signals", "--mountpath DIR"):
        assert part in done.stdout
    assert aisnode("-h").stdout == done.stdout
    assert re.fullmatch(r"aisnode \d+\.\d+\.\d+\n", aisnode("--version").stdout)


def test_the_reference_is_current():
    """AIS_REFERENCE=write renews it."""
    page = ROOT / "docker" / "settings.md"
    made = aisnode("--help-config").stdout
    if os.environ.get("AIS_REFERENCE") == "write":
        page.write_text(made)
    assert page.read_text() == made, "docker/settings.md is old: see above"


def test_the_example_has_every_key():
    example = SERVICE / "aisnode.json"
    made = aisnode("--config", example, "--print-config").stdout
    if os.environ.get("AIS_REFERENCE") == "write":
        example.write_text(made)
    assert example.read_text() == made


# -- mistakes -----------------------------------------------------------------


def test_wrong_options():
    assert "did you mean --port?" in refused("--prot", 1, code=2)
    assert "--port: invalid value" in refused("--port", "x", code=2)
    assert "cannot read" in refused("--config", "/no/such", code=2)


def test_a_wrong_file(tmp_path):
    file = write(tmp_path / "c.json", {"host_net": {"prt": 1}})
    text = refused("--config", file, code=2)
    assert f"{file}: " in text and 'did you mean "host_net.port"' in text
    write(file, '{\n "join": 1,\n\n]')
    assert "line 4, column 1" in refused("--config", file, code=2)
    write(file, "")
    assert "is empty" in refused("--config", file, code=2)
    assert list(tmp_path.iterdir()) == [file]  # nothing was begun


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        text = refused("--dir", tmp_path / "d", "--port", port)
        assert f"port {port} is in use" in text and "--port" in text
        for option in ("--control-port", "--data-port"):
            text = refused(
                "--dir", tmp_path / "d", "--port", 0, option, port,
                "--control-port" if option == "--data-port" else "--data-port",
                conftest.free_port(),
            )  # fmt: skip
            assert str(port) in text and option in text


def test_directories_that_cannot_be_used(tmp_path):
    file = write(tmp_path / "file", "x")
    assert str(file) in refused("--dir", file, "--port", 0)
    assert str(file) in refused("--dir", file / "below", "--port", 0)
    text = refused(
        "--dir", tmp_path / "d", "--port", 0,
        "--mountpath", tmp_path / "m", "--mountpath", tmp_path / "m" / "in",
        code=2,
    )  # fmt: skip
    assert "inside each other" in text
    text = refused("--dir", tmp_path / "d", "--port", 0, "--log-file", file / "l")
    assert "cannot write the log" in text
    text = refused(
        "--dir", tmp_path / "d", "--port", 0, "--port-file", tmp_path / "no" / "p"
    )
    assert "cannot write the port" in text


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_directory_of_somebody_else():
    with tempfile.TemporaryDirectory() as dir:
        os.chmod(dir, 0o755)
        program = shutil.copy(conftest.node_binary(), dir)
        for at in (dir, dir + "/new"):
            done = subprocess.run(
                [program, "--dir", at, "--mountpath", dir, "--port", "0"],
                user=65534, group=65534, cwd="/",
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            assert done.returncode == 1
            assert dir in done.stderr and "Permission denied" in done.stderr
            assert "--dir" in done.stderr


def on_disk(tmp_path, mount, *arguments, prepare="true"):
    """Starts it with a file system of its own at tmp_path/disk."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount {mount} {disk} && {prepare} && exec "
        + " ".join(map(str, [conftest.node_binary(), *arguments]))
    )
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")
def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    done = on_disk(
        tmp_path, "-t tmpfs -o size=64k tmpfs", "--dir", disk / "d", "--port", 0,
        prepare=f"{{ head -c 1m /dev/zero >{disk}/fill 2>/dev/null; true; }}",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "No space left" in done.stderr and "free some space" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")
def test_a_disk_without_extended_attributes(tmp_path):
    done = on_disk(
        tmp_path, "-t ramfs ramfs",
        "--dir", tmp_path / "d", "--mountpath", tmp_path / "disk", "--port", 0,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "without extended attributes: use ext4" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts file systems")
def test_a_disk_that_is_read_only(tmp_path):
    done = on_disk(
        tmp_path, "-t tmpfs -o ro tmpfs",
        "--dir", tmp_path / "d", "--mountpath", tmp_path / "disk", "--port", 0,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Read-only file system" in done.stderr and "--mountpath" in done.stderr


def test_a_mountpath_of_another_node(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        node = Node(tmp_path / name, [tmp_path / name / "mp"]).start()
        assert node.stop() == 0
    text = refused(
        "--dir", tmp_path / "a" / "node", "--port", 0,
        "--mountpath", tmp_path / "b" / "mp",
    )  # fmt: skip
    assert "belongs to node" in text and "another directory" in text


def test_whom_to_join(tmp_path):
    dir = ("--dir", tmp_path / "d", "--port", 0, *conftest.own_ports())
    text = refused(*dir, "--role", "target")
    assert "--join" in text and "--standby" in text
    assert "is no URL" in refused(*dir, "--join", "10.0.0.1:8080", code=2)


def test_addresses(tmp_path):
    dir = ("--dir", tmp_path / "d", "--port", 0)
    assert "not an IP address" in refused(*dir, "--host", "here", code=2)
    text = refused(*dir, "--host", "192.0.2.1")  # for documentation: nobody's
    assert "is it an address of this machine?" in text


def test_certificates_that_are_not_there(tmp_path):
    dir = ("--dir", tmp_path / "d", "--port", 0)
    text = refused(*dir, "--tls-cert", "x", code=2)
    assert "--tls-key" in text
    text = refused(
        *dir, "--tls-cert", "x", "--tls-key", "y", "--tls-ca", "z", code=2
    )
    assert "--tls-ca z: No such file" in text


# -- the configuration file ---------------------------------------------------


def node_with(tmp_path, settings, *more):
    """A node whose directory and port come from a file."""
    (tmp_path / "log").mkdir(exist_ok=True)
    settings = {
        "confdir": str(tmp_path / "node"),
        "log_dir": str(tmp_path / "log"),
        "port_file": str(tmp_path / "port"),
        "host_net": {"port": 0},
        **settings,
    }
    file = write(tmp_path / "aisnode.json", settings)
    node = Node(tmp_path)
    node.command = lambda: [
        str(conftest.node_binary()), "--config", str(file), *more
    ]  # fmt: skip
    node.log = lambda: (tmp_path / "log" / "aisnode.log").read_text()
    node.settings, node.file = settings, file
    return node


@pytest.fixture
def configured(tmp_path):
    """Makes such nodes; ends them."""
    made = []

    def make(settings={}, *more):
        made.append(node_with(tmp_path, settings, *more))
        return made[-1]

    yield make
    for node in made:
        if node.alive():
            node.kill()


def test_a_node_from_a_file(configured, tmp_path):
    mp = str(tmp_path / "mp")
    node = configured({"fspaths": {mp: "fast"}, "s3_redirect": True}).start()
    add_bucket(node)
    put(node)
    own = requests.get(node.url + "/v1/daemon?what=config").json()
    assert own["fspaths"] == {mp: "fast"}
    assert own["confdir"] == str(tmp_path / "node")
    assert own["log_dir"] == str(tmp_path / "log")
    assert "serving http" in node.log()
    assert node.stop() == 0


def test_options_win(configured, tmp_path):
    node = configured({}, "--dir", str(tmp_path / "other"))
    node.start()
    assert (tmp_path / "other" / "conf").exists()
    assert not (tmp_path / "node").exists()


def cluster_config(node):
    return requests.get(node.url + "/v1/cluster?what=cluster_config").json()


def test_the_first_configuration_of_a_cluster(configured):
    node = configured({"cluster": {"mirror": {"copies": 3}}}).start()
    assert cluster_config(node)["mirror"]["copies"] == 3
    r = requests.put(node.url + "/v1/cluster/set-config?mirror.copies=4")
    assert r.status_code == 200, r.text
    assert node.stop() == 0
    # From then on the cluster keeps its own.
    node.start()
    assert cluster_config(node)["mirror"]["copies"] == 4
    assert "is not used" in node.log()


# -- the log ------------------------------------------------------------------


def records(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_log_in_json(configured):
    node = configured({"log_format": "json"}).start()
    assert node.stop() == 0
    lines = records(node.log())
    assert {"ts", "level", "msg"} <= lines[0].keys()
    assert any(x["msg"].startswith("node active") for x in lines)
    assert all(re.fullmatch(r"\d{4}-.*\.\d{6}Z", x["ts"]) for x in lines)


def broken_request(node, name):
    """One that fails: the object's content changed on disk."""
    put(node, name, b"x" * 1000)
    path = next(node.dir.rglob(name.split("/")[1]))
    path.write_bytes(b"y" * 1000)


def test_ids_of_requests(configured):
    node = configured({"log_format": "json"}).start()
    add_bucket(node)
    put(node)
    url = node.url + "/v1/objects/b/x"
    mine = {"X-Request-Id": "mine.1-2_3"}
    for _ in range(3):  # the last ones are answered from a lease
        r = requests.get(url, headers=mine)
        assert r.status_code == 200
        assert r.headers["X-Request-Id"] == "mine.1-2_3"
    assert "X-Request-Id" not in requests.get(url).headers
    assert "X-Request-Id" not in requests.get(
        url, headers={"X-Request-Id": "not/one"}
    ).headers
    # Errors have one in any case.
    r = requests.get(url + "-missing")
    assert re.fullmatch("[0-9A-F]{16}", r.headers["X-Request-Id"])
    r = requests.get(url + "-missing", headers=mine)
    assert r.headers["X-Request-Id"] == "mine.1-2_3"
    # S3's has the same.
    r = requests.get(node.url + "/s3/none", headers=mine)
    assert r.status_code == 404
    assert r.headers["x-amz-request-id"] == "mine.1-2_3"
    assert "<RequestId>mine.1-2_3</RequestId>" in r.text
    assert all("request" not in x for x in records(node.log()))
    # What fails is in the log under it, once a second at most.
    broken_request(node, "b/broken")
    r = requests.get(
        node.url + "/v1/objects/b/broken?token=secret", headers=mine
    )
    assert r.status_code >= 500, r.text
    (line,) = [x for x in records(node.log()) if "request" in x]
    assert line["request"] == "mine.1-2_3"
    assert line["status"] == r.status_code
    assert line["peer"].startswith("127.0.0.1:")
    assert line["msg"].startswith("GET /v1/objects/b/broken failed: ")
    assert "secret" not in node.log()


def test_what_is_no_request_is_logged(configured):
    node = configured({"log_format": "json"}).start()
    with socket.create_connection(("127.0.0.1", node.port)) as s:
        s.sendall(b"\x16\x03\x01 TLS?\r\n\r\n")
        answer = s.recv(65536).decode()
    id = re.search(r"X-Request-Id: (\w+)\r\n", answer).group(1)
    node.wait_until(lambda: id in node.log())
    (line,) = [x for x in records(node.log()) if x.get("request") == id]
    assert line["status"] == 400


def test_a_log_is_rotated(configured, tmp_path):
    sizes = {"max_size": "1KiB", "max_total": "1MiB"}
    node = configured({"cluster": {"log": sizes}}).start()
    for _ in range(10):
        reload(node)
    logs = list((tmp_path / "log").iterdir())
    assert len(logs) > 1
    assert all(x.stat().st_size <= 1024 for x in logs)
    # All of it can be asked for.
    r = requests.get(node.url + "/v1/daemon?what=log&all=true")
    assert r.status_code == 200
    with tarfile.open(fileobj=io.BytesIO(r.content)) as tar:
        assert len(tar.getnames()) == len(logs)


# -- signals ------------------------------------------------------------------


def whole_log(node):
    """With what it was rotated to, oldest first."""
    for _ in range(100):
        try:
            logs = (node.dir / "log").iterdir()
            logs = sorted(logs, key=lambda x: x.stat().st_mtime_ns)
            return "".join(x.read_text() for x in logs)
        except FileNotFoundError:  # it was rotated just now
            continue
    raise RuntimeError("the log is rotated all the time")


def reload(node):
    """SIGHUP; returns what the log says about it."""
    done = whole_log(node).count("reload: done")
    node.process.send_signal(signal.SIGHUP)
    node.wait_until(lambda: whole_log(node).count("reload: done") > done)
    text = whole_log(node)
    return text[text.rindex("asked for by SIGHUP") :]


def test_sighup_opens_the_log_again(configured, tmp_path):
    node = configured().start()
    log = tmp_path / "log" / "aisnode.log"
    log.rename(log.with_suffix(".1"))  # as logrotate does it
    node.process.send_signal(signal.SIGHUP)
    node.wait_until(lambda: log.exists() and "reload: done" in node.log())
    assert "reload" not in log.with_suffix(".1").read_text()
    assert node.stop() == 0
    assert "stopped" in node.log()


def test_sighup_reads_the_settings_again(configured):
    node = configured().start()
    assert "says nothing new" in reload(node)
    node.settings["log_format"] = "json"
    node.settings["threads"] = 7
    write(node.file, node.settings)
    text = reload(node)
    assert 'log_format is \\"json\\" now' in text or 'log_format is "json"' in text
    assert "threads is another one" in text and "needs a restart" in text
    json.loads(node.log().splitlines()[-1])
    # A bad one changes nothing.
    write(node.file, "{")
    text = reload(node)
    assert "stay as they are" in text and "line 1, column 2" in text
    json.loads(node.log().splitlines()[-1])
    # Nor is it good for a start.
    assert node.stop() == 0
    assert "malformed JSON" in refused("--config", node.file, code=2)


def test_sighup_sets_the_level(configured):
    node = configured({"log_level": "info"}).start()
    node.settings["log_level"] = "error"
    write(node.file, node.settings)
    node.process.send_signal(signal.SIGHUP)
    # The line about it is the last one of its level.
    node.wait_until(lambda: "log_level is" in node.log())
    node.wait_until(lambda: requests.get(node.url + "/v1/health").ok)
    assert node.stop() == 0
    assert "stopped" not in node.log()


def test_sighup_looks_at_the_s3_keys(configured, tmp_path):
    node = configured().start()
    keys = tmp_path / "node" / "s3.json"
    write(keys, {"keys": [{"access_key": "a", "secret_key": "s"}]})
    assert "has 1 access keys" in reload(node)
    write(keys, '{"keys": [')
    assert "is not taken over: malformed JSON" in reload(node)


def test_sighup_while_it_serves(configured):
    """No request fails because of it."""
    node = configured().start()
    add_bucket(node)
    put(node)
    with requests.Session() as session:
        for i in range(200):
            if i % 10 == 0:
                node.process.send_signal(signal.SIGHUP)
            assert session.get(node.url + "/v1/objects/b/x").content == b"hello"
    assert node.stop() == 0


def test_it_can_be_stopped_while_it_waits_for_a_cluster(tmp_path):
    node = Node(
        tmp_path,
        more=[
            "--role", "target",
            "--join", f"http://127.0.0.1:{conftest.free_port()}",
            *conftest.own_ports(),
        ],
    )  # fmt: skip
    node.start(wait=False)
    node.wait_until(lambda: "waiting for the cluster" in node.log())
    node.process.send_signal(signal.SIGTERM)
    assert node.process.wait(timeout=20) == 0, node.stderr()


# -- as a service -------------------------------------------------------------


class Manager:
    """The socket that systemd listens on."""

    def __init__(self, name):
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + name[1:] if name[0] == "@" else name)
        self.socket.settimeout(60)

    def next(self):
        lines = self.socket.recv(4096).decode().splitlines()
        return dict(x.split("=", 1) for x in lines)


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_the_service_manager_is_told(configured, tmp_path, kind):
    name = str(tmp_path / "notify") if kind == "path" else f"@ais-{os.getpid()}"
    manager = Manager(name)
    node = configured()
    node.start(env={"NOTIFY_SOCKET": name})
    assert manager.next() == {"READY": "1", "STATUS": f"serving {node.url}"}
    node.process.send_signal(signal.SIGHUP)
    reloading = manager.next()
    assert reloading["RELOADING"] == "1"
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert manager.next() == {"READY": "1"}
    node.process.send_signal(signal.SIGTERM)
    assert manager.next()["STOPPING"] == "1"
    assert node.process.wait(timeout=60) == 0


def test_a_node_that_waits_to_be_invited_is_ready(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    node = Node(tmp_path, more=["--standby", *conftest.own_ports()])
    node.port = conftest.free_port()
    node.start(env={"NOTIFY_SOCKET": manager.name}, wait=False)
    assert "invited" in manager.next()["STATUS"]
    assert node.stop() == 0


def test_the_unit(tmp_path):
    unit = (SERVICE / "aisnode.service").read_text()
    start = re.search("^ExecStart=(.*)$", unit, re.M).group(1).split()
    # Its options are there, and its example is what it would read.
    assert start[1] == "--config" and start[2] == "/etc/ais/aisnode.json"
    example = json.loads((SERVICE / "aisnode.json").read_text())
    assert example["confdir"] == "/var/lib/" + value(unit, "StateDirectory")
    assert example["log_dir"] == "/var/log/" + value(unit, "LogsDirectory")
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("no systemd-analyze here")
    copy = tmp_path / "aisnode.service"
    copy.write_text(unit.replace(start[0], str(conftest.node_binary())))
    done = subprocess.run(
        [analyze, "verify", copy], capture_output=True, text=True, timeout=60
    )
    complaints = [x for x in done.stderr.splitlines() if copy.name in x]
    assert done.returncode == 0 and not complaints, done.stderr


def value(unit, key):
    return re.search(f"^{key}=(.*)$", unit, re.M).group(1)


def test_one_id_on_all_nodes(tmp_path):
    """A request that was passed on has the same id in both logs."""
    cluster = Cluster(
        tmp_path, 1, 1, ["--no-redirect", "--log-format", "json"]
    ).start()
    proxy, target = cluster.nodes
    try:
        add_bucket(proxy)
        put(proxy)
        mine = {"X-Request-Id": "both"}
        r = requests.get(proxy.url + "/v1/objects/b/x", headers=mine)
        assert r.status_code == 200 and r.headers["X-Request-Id"] == "both"
        broken_request(target, "b/broken")
        r = requests.get(proxy.url + "/v1/objects/b/broken")
        assert r.status_code >= 500
        id = r.headers["X-Request-Id"]
        assert re.fullmatch("[0-9A-F]{16}", id)
        for node in (proxy, target):
            (line,) = [x for x in records(node.log()) if "request" in x]
            assert line["request"] == id and line["status"] == r.status_code
    finally:
        cluster.stop()
