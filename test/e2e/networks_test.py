"""Which addresses nodes listen on, and which ones they tell others."""

import json
import pathlib
import socket

import pytest
import requests

from conftest import Node, free_port, own_ports


def outward():
    """The address of this machine that leads outside, if there is one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("198.51.100.1", 9))
        except OSError:
            return None
        return s.getsockname()[0]


def smap(node):
    r = requests.get(f"{node.url}/v1/daemon?what=smap", timeout=5)
    r.raise_for_status()
    return r.json()


def nets(node, si):
    """Host and port of the three networks of a map's entry."""
    kinds = ("public_net", "intra_control_net", "intra_data_net")
    return [(si[k]["node_ip_addr"], int(si[k]["daemon_port"])) for k in kinds]


def listens(host, port):
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex((host, port)) == 0


class Net:
    """Nodes of a test, stopped at its end."""

    def __init__(self, dir):
        self.dir, self.nodes = pathlib.Path(dir), []

    def make(self, host, *more, role=None, join=None):
        dir = self.dir / f"n{len(self.nodes)}"
        dir.mkdir()
        node = Node(dir, (), more, host)
        if role:
            node.more += ["--role", role]
        if join:
            node.more += ["--join", join.url]
        self.nodes.append(node)
        return node

    def refused(self, *args, **kwargs):
        """What a node says that does not start."""
        port = kwargs.pop("port", 0)
        node = self.make(*args, **kwargs)
        node.port = port
        node.start(wait=False)
        assert node.process.wait(timeout=60) != 0
        return node.stderr()


@pytest.fixture
def net(tmp_path):
    it = Net(tmp_path)
    yield it
    for node in it.nodes:
        if node.alive():
            node.kill()


def three(pub, control, data):
    return [
        *("--control-host", control, "--control-port", str(free_port(control))),
        *("--data-host", data, "--data-port", str(free_port(data))),
    ]


def test_three_networks_on_addresses_of_their_own(net):
    a = net.make("127.0.0.2", *three("127.0.0.2", "127.1.0.2", "127.2.0.2"))
    a.more += ["--role", "proxy"]
    a.start()
    b = net.make(
        *("127.0.0.3", *three("127.0.0.3", "127.1.0.3", "127.2.0.3")),
        role="target",
        join=a,
    ).start()
    a.wait_until(lambda: len(smap(a)["tmap"]) == 1 and smap(a) == smap(b))
    for node, others in ((a, "pmap"), (b, "tmap")):
        (si,) = smap(a)[others].values()
        pub, control, data = nets(node, si)
        assert pub == (node.host, node.port)
        assert control[0] == node.host.replace("127.0", "127.1")
        assert data[0] == node.host.replace("127.0", "127.2")
        assert str(control[1]) in node.more and str(data[1]) in node.more
        assert listens(*pub) and listens(*control)
        # Each on its own network only.
        assert not listens(control[0], pub[1])
        assert not listens(pub[0], control[1])
        config = requests.get(
            f"{node.url}/v1/daemon?what=config", timeout=5
        ).json()["host_net"]
        assert config["hostname_intra_control"] == control[0]
        assert config["port_intra_control"] == str(control[1])
        assert config["hostname_intra_data"] == data[0]
        assert config["port_intra_data"] == str(data[1])
    create = {"action": "create-bck"}
    assert requests.post(f"{a.url}/v1/buckets/b", json=create, timeout=30).ok
    r = requests.put(f"{a.url}/v1/objects/b/o", data=b"x", allow_redirects=False)
    assert r.headers["Location"].startswith(b.url + "/v1/objects/b/o?")
    assert requests.put(f"{a.url}/v1/objects/b/o", data=b"x", timeout=30).ok
    assert requests.get(f"{a.url}/v1/objects/b/o", timeout=30).content == b"x"


def test_another_address_after_a_restart(net):
    a = net.make("127.0.0.2", *three("127.0.0.2", "127.1.0.2", "127.2.0.2"))
    a.more += ["--role", "proxy"]
    a.start()
    b = net.make("127.0.0.3", role="target", join=a).start()
    a.wait_until(lambda: len(smap(a)["tmap"]) == 1)
    create = {"action": "create-bck"}
    assert requests.post(f"{a.url}/v1/buckets/b", json=create, timeout=30).ok
    assert requests.put(f"{a.url}/v1/objects/b/o", data=b"x", timeout=30).ok
    # A member, at the primary's word.
    b.stop()
    b.host, b.port = "127.0.0.4", 0
    b.start()

    def moved():
        (si,) = smap(a)["tmap"].values()
        want = [(b.host, b.port + i * 1000) for i in range(3)]
        return nets(b, si) == want and smap(b) == smap(a)

    a.wait_until(moved)
    (ids,) = smap(a)["tmap"]
    assert requests.get(f"{a.url}/v1/objects/b/o", timeout=30).content == b"x"
    # The primary itself; the target finds it by its own map's other entries,
    # or, as here where there are none, by --join.
    old = smap(a)["version"]
    a.stop()
    a.host, a.port, a.more = "127.0.0.5", 0, ["--role", "proxy"]
    a.start()
    b.kill()
    b.more[b.more.index("--join") + 1] = a.url
    b.start()
    a.wait_until(lambda: smap(a) == smap(b))
    (si,) = smap(b)["pmap"].values()
    assert nets(a, si) == [(a.host, a.port + i * 1000) for i in range(3)]
    assert smap(b)["proxy_si"] == si and int(smap(b)["version"]) > int(old)
    assert list(smap(b)["tmap"]) == [ids]
    assert requests.get(f"{a.url}/v1/objects/b/o", timeout=30).content == b"x"


def test_what_is_no_address_is_refused(net):
    assert "IP address" in net.refused("localhost")
    assert "from elsewhere" in net.refused("0.0.0.0", "--advertise", "127.0.0.1")
    assert "--advertise takes" in net.refused("127.0.0.2", "--advertise", "http://a")
    assert "--data-port" in net.refused("127.0.0.2", role="proxy", port=64000)
    assert "two networks" in net.refused(
        *("127.0.0.2", "--role", "proxy", "--control-port", "7", "--data-port", "7")
    )
    # Nothing of it is left.
    for node in net.nodes:
        assert not (node.dir / "port").exists()


def test_all_addresses_and_callers_from_elsewhere(net):
    address = outward()
    if not address or address.startswith("127."):
        pytest.skip("this machine has no address besides its loopback")
    a = net.make("127.0.0.1", "--host", "0.0.0.0", role="proxy").start()
    for asked in ("127.0.0.1", address):
        map = requests.get(f"http://{asked}:{a.port}/v1/daemon?what=smap").json()
        (si,) = map["pmap"].values()
        assert [x[0] for x in nets(a, si)] == [address] * 3
    # Not in one cluster: clients of the first could not follow to the second.
    why = net.refused("127.0.0.1", role="target", join=a)
    assert "loopback" in why and "--host" in why
    b = net.make("127.0.0.1", "--host", "0.0.0.0", role="target", join=a).start()
    a.wait_until(lambda: len(smap(a)["tmap"]) == 1)
    create = {"action": "create-bck"}
    assert requests.post(f"{a.url}/v1/buckets/b", json=create, timeout=30).ok
    r = requests.put(f"{a.url}/v1/objects/b/o", data=b"x", allow_redirects=False)
    assert r.headers["Location"].startswith(f"http://{address}:{b.port}/")
    # A member that comes back at its loopback is refused, too.
    b.stop()
    b.more = ["--role", "target"]
    b.start(wait=False)
    assert b.process.wait(timeout=60) != 0
    assert "loopback" in b.stderr()
    b.more += ["--host", "0.0.0.0"]
    b.start()
    assert requests.put(f"{a.url}/v1/objects/b/o", data=b"x", timeout=30).ok


def test_a_primary_that_retires_to_its_loopback(net):
    """Nobody can refuse it; clients from elsewhere are not sent there."""
    address = outward()
    if not address or address.startswith("127."):
        pytest.skip("this machine has no address besides its loopback")
    ports = own_ports()
    a = net.make("127.0.0.1", "--host", "0.0.0.0", *ports).start()
    b = net.make("127.0.0.1", "--host", "0.0.0.0", role="proxy", join=a)
    b.more += ["--non-electable"]
    b.start()
    create = {"action": "create-bck"}
    assert requests.post(f"{b.url}/v1/buckets/b", json=create, timeout=30).ok
    a.stop()
    a.more = ports
    a.start()

    def moved():
        (si,) = smap(b)["tmap"].values()
        return nets(b, si)[0][0] == "127.0.0.1"

    b.wait_until(moved)
    url = f"http://{address}:{b.port}/v1/objects/b/o"
    r = requests.put(url, data=b"x", allow_redirects=False)
    assert r.status_code == 501 and "another machine" in json.loads(r.text)["message"]
    r = requests.put(f"{b.url}/v1/objects/b/o", data=b"x", allow_redirects=False)
    assert r.status_code == 307
    assert r.headers["Location"].startswith(a.url + "/")


def test_ipv6(net):
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    a = net.make("[::1]", "--host", "::1", role="proxy").start()
    b = net.make("[::1]", "--host", "::1", role="target", join=a).start()
    a.wait_until(lambda: len(smap(a)["tmap"]) == 1)
    (si,) = smap(a)["tmap"].values()
    assert si["public_net"]["direct_url"] == b.url
    create = {"action": "create-bck"}
    assert requests.post(f"{a.url}/v1/buckets/b", json=create, timeout=30).ok
    r = requests.put(f"{a.url}/v1/objects/b/o", data=b"x", allow_redirects=False)
    assert r.headers["Location"].startswith(b.url + "/")
    assert requests.put(f"{a.url}/v1/objects/b/o", data=b"x", timeout=30).ok
    assert requests.get(f"{a.url}/v1/objects/b/o", timeout=30).content == b"x"
    r = requests.get(f"{a.url}/v1/objects/b/none", timeout=30)
    assert json.loads(r.text)["remote_addr"].startswith("[::1]:")
