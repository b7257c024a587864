"""A cluster that a wall parts: the minority acknowledges nothing once its lease
is out, the majority goes on, and afterwards all agree on what was acknowledged."""

import threading
import time

import pytest
import requests

from netns import Net, need_namespaces

CREATE = {"action": "create-bck"}
SLACK = 0.5  # seconds between two clocks' readings around one request


@pytest.fixture
def net(tmp_path):
    need_namespaces()
    with Net() as it:
        first = it.make(tmp_path / "p0", "--role", "proxy").start()
        for name in ("p1", "p2", "t0", "t1"):
            role = "proxy" if name[0] == "p" else "target"
            more = ["--role", role, "--join", first.url]
            it.make(tmp_path / name, *more).start(wait=False)
        for node in it.nodes:
            node.wait_until(node.started)
        first.wait_until(lambda: agree(it.nodes))
        yield it


def smap(node):
    r = node.ask("GET", "/v1/daemon?what=smap", timeout=5)
    r.raise_for_status()  # a node that starts says so
    return r.json()


def agree(nodes):
    """All show one map with these members, all of whom answer."""
    try:
        maps = [smap(n) for n in nodes]
    except (requests.RequestException, ValueError):
        return False
    members = [*maps[0]["pmap"].values(), *maps[0]["tmap"].values()]
    answering = [n for n in members if not n["flags"] & 1 << 16]
    return all(m == maps[0] for m in maps) and len(answering) == len(nodes)


def primary_of(net, seen_by):
    host = smap(seen_by)["proxy_si"]["public_net"]["node_ip_addr"]
    return next(n for n in net.nodes if n.host == host)


class History:
    """What clients asked for, when, and what they were told."""

    def __init__(self):
        self.lock, self.events = threading.Lock(), []

    def run(self, kind, node, method, path, **kwargs):
        begin = time.monotonic()
        try:
            ok = node.ask(method, path, **kwargs).ok
        except requests.RequestException:
            ok = False
        with self.lock:
            self.events.append((kind, path, begin, time.monotonic(), ok))
        return ok

    def acknowledged(self, after=0.0, before=float("inf")):
        """What was begun after, and acknowledged before."""
        with self.lock:
            found = [e for e in self.events if e[4] and e[2] > after and e[3] < before]
        return [(kind, path, round(begin, 2)) for kind, path, begin, _, _ in found]

    def count(self, kind, after):
        with self.lock:
            return sum(e[0] == kind and e[2] > after for e in self.events)


def config_of(node):
    return node.ask("GET", "/v1/cluster?what=cluster_config").json()


def buckets_of(node):
    return sorted(b["name"] for b in node.ask("GET", "/v1/buckets").json())


@pytest.mark.parametrize("cut_off", ["the primary", "another proxy"])
def test_a_partition(net, cut_off):
    p0, p1, p2, t0, t1 = net.nodes
    assert p0.ask("POST", "/v1/buckets/b", json=CREATE).ok
    content = {}
    for i in range(40):
        content[f"o{i}"] = f"before {i}".encode()
        assert p1.ask("PUT", f"/v1/objects/b/o{i}", data=content[f"o{i}"]).ok
    # Whose objects are whose: a target redirects for those of the other.
    owned = {t0: [], t1: []}
    for name in content:
        r = t0.ask("GET", f"/v1/objects/b/{name}", allow_redirects=False)
        owned[t0 if r.status_code == 200 else t1].append(name)
    assert len(owned[t0]) > 5 and len(owned[t1]) > 5
    config = config_of(p0)["keepalivetracker"]["target"]
    assert config["interval"].endswith("s")
    lease = float(config["interval"][:-1]) * config["factor"]

    old = primary_of(net, p0)
    lost = old if cut_off == "the primary" else next(p for p in (p0, p1, p2) if p != old)
    few = [lost, t0]
    many = [n for n in net.nodes if n not in few]
    stop, history = threading.Event(), History()

    def minority(kind, node, method, path, **kwargs):
        for i in range(10**6):
            if stop.is_set():
                return
            history.run(kind, node, method, path.format(i=i), **kwargs)
            stop.wait(0.02)

    mine = owned[t0]
    configure = "/v1/cluster/set-config?mirror.copies=7"
    clients = [
        ("put", t0, "PUT", f"/v1/objects/b/{mine[0]}", {"data": b"at the target"}),
        ("put", lost, "PUT", f"/v1/objects/b/{mine[1]}", {"data": b"by the proxy"}),
        ("get", t0, "GET", f"/v1/objects/b/{mine[2]}", {}),
        ("delete", t0, "DELETE", f"/v1/objects/b/{mine[3]}", {}),
        ("create", lost, "POST", "/v1/buckets/few-{i}", {"json": CREATE}),
        ("create", t0, "POST", "/v1/buckets/few-t-{i}", {"json": CREATE}),
        ("destroy", lost, "DELETE", "/v1/buckets/b", {"json": {"action": "destroy-bck"}}),
        ("config", lost, "PUT", configure, {}),
    ]
    net.part(few)
    cut = time.monotonic()
    threads = [
        threading.Thread(target=minority, args=c[:4], kwargs=c[4]) for c in clients
    ]
    for t in threads:
        t.start()

    try:
        # The majority goes on.
        begin = time.monotonic()

        def changed():
            try:
                r = many[0].ask("POST", "/v1/buckets/many", json=CREATE, timeout=5)
            except requests.RequestException:
                return False
            return r.status_code in (200, 409)

        many[0].wait_until(changed, 30)
        print(f"cut off {cut_off}: next change after {time.monotonic() - begin:.2f} s")
        chosen = primary_of(net, many[0])
        assert chosen in many and (chosen is old) == (old in many)
        for i, name in enumerate(owned[t1][:5]):
            content[name] = f"meanwhile {i}".encode()
            put = many[i % 2].ask("PUT", f"/v1/objects/b/{name}", data=content[name])
            assert put.ok, put.text
        gone = owned[t1][5]
        del content[gone]
        assert many[0].ask("DELETE", f"/v1/objects/b/{gone}").ok
        put = many[1].ask("PUT", "/v1/cluster/set-config?mirror.copies=3")
        assert put.ok, put.text

        # The minority does not: for some more leases, with requests all the time.
        out = cut + lease + SLACK
        enough = lambda: time.monotonic() > out + 2 * lease
        few[0].wait_until(enough)
        for kind in ("put", "get", "delete"):
            assert history.count(kind, out) > 10, kind
        healed = time.monotonic()
        assert history.acknowledged(after=out, before=healed) == []
        metadata = {"create", "destroy", "config"}
        wrong = [x for x in history.acknowledged(cut, healed) if x[0] in metadata]
        assert wrong == []
        net.heal()
    finally:
        stop.set()
        for t in threads:
            t.join()

    # All agree, and nothing acknowledged is lost.
    p0.wait_until(lambda: agree(net.nodes))
    told = {path: kind for kind, path, _ in history.acknowledged()}
    assert not any(x == "destroy" for x in told.values()) or "b" not in buckets_of(p0)
    buckets = buckets_of(p0)
    assert "many" in buckets
    for path, kind in told.items():
        assert kind != "create" or path.rsplit("/", 1)[1] in buckets
    wanted = 7 if "config" in told.values() else 3
    for node in net.nodes:
        assert buckets_of(node) == buckets
        assert config_of(node)["mirror"]["copies"] == wanted
    if "b" not in buckets:
        return
    maybe = {mine[0]: b"at the target", mine[1]: b"by the proxy"}
    for node in net.nodes:
        assert node.ask("GET", f"/v1/objects/b/{gone}").status_code == 404
        for name, value in content.items():
            r = node.ask("GET", f"/v1/objects/b/{name}")
            if name == mine[3]:
                deleted = f"/v1/objects/b/{name}" in told
                assert r.status_code == 404 if deleted else r.status_code in (200, 404)
                continue
            assert r.ok, (node.host, name, r.text)
            acked = f"/v1/objects/b/{name}" in told and name in maybe
            fine = {maybe[name]} if acked else {value, maybe.get(name, value)}
            assert r.content in fine, name
