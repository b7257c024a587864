"""What administrators do with members of a cluster of real processes."""

import threading

import pytest
import requests

from conftest import Cluster, Node, free_port, own_ports


def put(node, path, **more):
    return requests.put(node.url + path, timeout=120, **more)


def act(node, action, value=None):
    body = {"action": action}
    if value is not None:
        body["value"] = value
    return put(node, "/v1/cluster", json=body)


def id_of(cluster, node):
    """The id of a process, as the map has it."""
    smap = cluster.smap(next(n for n in cluster.nodes if n.alive()))
    for id, si in {**smap["pmap"], **smap["tmap"]}.items():
        if int(si["public_net"]["daemon_port"]) == node.port:
            return id
    return None


def flags_of(cluster, id, via):
    smap = cluster.smap(via)
    return {**smap["pmap"], **smap["tmap"]}[id]["flags"]


def store(node, name, content=b"content"):
    return requests.put(f"{node.url}/v1/objects/b/{name}", data=content, timeout=30)


@pytest.fixture
def bucket(cluster):
    r = requests.post(
        f"{cluster.proxies[0].url}/v1/buckets/b", json={"action": "create-bck"}
    )
    assert r.ok
    return "b"


def test_set_primary_through_any_node(cluster, bucket):
    for via in (cluster.proxies[0], cluster.targets[0], cluster.proxies[2]):
        for chosen in cluster.proxies:
            id = id_of(cluster, chosen)
            before = int(cluster.smap(via)["version"])
            r = put(via, f"/v1/cluster/proxy/{id}")
            assert r.status_code == 200, r.text
            # The node that was asked shows it at once.
            smap = cluster.smap(via)
            assert smap["proxy_si"]["daemon_id"] == id
            assert int(smap["version"]) >= before
            assert store(chosen, "x").ok
    for via in cluster.nodes:
        r = put(via, "/v1/cluster/proxy/nobody")
        assert r.status_code == 404 and r.json()["tcode"] == "errNodeNotFound"
        r = put(via, f"/v1/cluster/proxy/{id_of(cluster, cluster.targets[0])}")
        assert r.status_code == 404
    cluster.wait_healthy()


def test_set_primary_while_everybody_changes_things(cluster, bucket):
    over = threading.Event()
    wrong = []

    def change(k):
        node = cluster.nodes[k]
        n = 0
        while not over.is_set():
            n += 1
            r = requests.post(
                f"{node.url}/v1/buckets/w{k}-{n}",
                json={"action": "create-bck"},
                timeout=60,
            )
            if r.status_code not in (200, 503):
                wrong.append(r.text)
            r = store(node, f"w{k}")
            if not r.ok:
                wrong.append(f"an object was refused: {r.status_code} {r.text}")

    writers = [threading.Thread(target=change, args=(k,)) for k in (1, 2, 4)]
    for t in writers:
        t.start()
    for chosen in cluster.proxies * 2:
        r = put(cluster.proxies[0], f"/v1/cluster/proxy/{id_of(cluster, chosen)}")
        assert r.status_code in (200, 503), r.text
    over.set()
    for t in writers:
        t.join()
    assert not wrong
    cluster.wait_healthy()


def test_maintenance_of_a_proxy(cluster, bucket):
    primary = cluster.primary()
    proxy = next(p for p in cluster.proxies if p is not primary)
    id = id_of(cluster, proxy)
    r = act(cluster.targets[0], "start-maintenance", {"sid": id})
    assert r.status_code == 200 and not r.text, r.text
    assert flags_of(cluster, id, cluster.targets[0]) & 4
    version = cluster.smap(primary)["version"]
    assert act(primary, "start-maintenance", {"sid": id}).status_code == 200
    assert cluster.smap(primary)["version"] == version  # nothing to do
    assert put(primary, f"/v1/cluster/proxy/{id}").status_code == 400
    status = requests.get(
        f"{primary.url}/v1/reverse/daemon?what=node_status", headers={"Ais-Node-Id": id}
    ).json()
    assert status["status"] == "maintenance"
    # Clients are still served through it.
    assert store(proxy, "y").ok
    assert act(proxy, "stop-maintenance", {"sid": id}).status_code == 200
    assert not flags_of(cluster, id, primary) & 12
    # Not the primary, not an unknown node, and then none of the list.
    own = id_of(cluster, primary)
    r = act(proxy, "start-maintenance", {"sids": [id, own]})
    assert r.status_code == 400 and "is the primary" in r.json()["message"]
    r = act(proxy, "start-maintenance", {"sids": [id, "nobody"]})
    assert r.status_code == 404 and r.json()["tcode"] == "errNodeNotFound"
    assert not flags_of(cluster, id, primary) & 12


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        {},
        {"sid": ""},
        {"sid": 3},
        {"sids": "x"},
        {"sids": [1]},
        {"sid": "a", "sids": ["b"]},
        {"sids": ["a", "a"]},
        {"sid": "a", "skip_rebalance": "yes"},
        {"sid": "a", "rm_user_data": True},
    ],
)
def test_orders_that_make_no_sense(node, value):
    r = act(node, "start-maintenance", value)
    assert r.status_code == 400, r.text
    r = act(node, "rm-unsafe", {"sid": "a"})
    assert r.status_code == 400 and "skip_rebalance" in r.json()["message"]


def test_a_target_rests_with_its_objects_where_they_are(cluster):
    target = cluster.targets[1]
    id = id_of(cluster, target)
    # There is nothing yet.
    assert act(cluster.proxies[0], "start-maintenance", {"sid": id}).ok
    r = requests.post(
        f"{cluster.proxies[1].url}/v1/buckets/b", json={"action": "create-bck"}
    )
    assert r.ok, r.text
    for i in range(30):
        assert store(cluster.nodes[i % 6], f"o{i}").ok
    assert not list(target.dir.rglob("%ob/o*"))
    r = act(cluster.proxies[0], "stop-maintenance", {"sid": id, "skip_rebalance": True})
    assert r.ok
    for i in range(30, 60):
        assert store(cluster.nodes[i % 6], f"o{i}").ok
    assert list(target.dir.rglob("%ob/o*"))
    # It knows the bucket that was made while it rested, and serves.
    names = [f"o{i}" for i in range(30, 60)]
    for name in names:
        assert requests.get(f"{cluster.proxies[2].url}/v1/objects/b/{name}").ok
    ids = [id_of(cluster, t) for t in cluster.targets]
    r = act(
        cluster.proxies[0], "start-maintenance", {"sids": ids, "skip_rebalance": True}
    )
    assert r.status_code == 400 and "no target left" in r.json()["message"]


def test_shutdown_and_return_of_a_node(cluster, bucket):
    primary = cluster.primary()
    proxy = next(p for p in cluster.proxies if p is not primary)
    id = id_of(cluster, proxy)
    assert act(primary, "shutdown-node", {"sid": id}).status_code == 200
    assert proxy.process.wait(timeout=60) == 0
    assert flags_of(cluster, id, primary) & 4
    proxy.start()
    assert act(proxy, "stop-maintenance", {"sid": id}).ok
    cluster.wait_healthy()
    assert not flags_of(cluster, id, primary) & 12


def test_decommission_removes_the_node_and_its_data(cluster, bucket):
    primary = cluster.primary()
    for i in range(40):
        assert store(primary, f"o{i}").ok
    target = cluster.targets[2]
    id = id_of(cluster, target)
    assert list(target.dir.rglob("%ob/o*"))
    value = {"sid": id, "rm_user_data": True}
    value["skip_rebalance"] = True
    r = act(primary, "decommission-node", value)
    assert r.status_code == 200, r.text
    assert target.process.wait(timeout=60) == 0
    assert id not in cluster.smap(primary)["tmap"]
    assert not list(target.dir.rglob("%ob/o*"))
    assert not (target.dir / "node/conf/.ais.state").exists()
    # Proxies may go, too; the last one that is left is the primary.
    for proxy in cluster.proxies:
        if proxy is not primary:
            who = {"sid": id_of(cluster, proxy)}
            assert act(primary, "decommission-node", who).ok
            assert proxy.process.wait(timeout=60) == 0
    assert list(cluster.smap(primary)["pmap"]) == [id_of(cluster, primary)]
    assert store(primary, "after").ok
    # The target comes back empty, as a new one.
    target.start()
    cluster.wait_healthy()
    assert store(primary, "then").ok


def test_removed_nodes_stay_away_until_asked_in(cluster, bucket):
    primary = cluster.primary()
    proxy = next(p for p in cluster.proxies if p is not primary)
    id = id_of(cluster, proxy)
    value = {"sid": id, "skip_rebalance": True}
    assert act(primary, "rm-unsafe", value).status_code == 200
    assert id not in cluster.smap(primary)["pmap"]
    assert proxy.alive()
    proxy.wait_until(
        lambda: requests.get(f"{proxy.url}/v1/health").status_code == 503
    )
    body = {
        "daemon_id": "",
        "daemon_type": "proxy",
        "intra_control_net": {
            "node_ip_addr": "127.0.0.1",
            "daemon_port": str(proxy.port),
            "direct_url": proxy.url,
        },
    }
    url = f"{cluster.targets[0].url}/v1/cluster/join-by-admin"
    r = requests.post(url, json=body, headers={"Ais-Node-Flags": "1"}, timeout=60)
    assert r.status_code == 200, r.text
    assert r.json() == {"daemon_id": id, "rebalance_id": ""}
    assert flags_of(cluster, id, primary) & 1
    proxy.wait_until(lambda: requests.get(f"{proxy.url}/v1/health").ok)
    assert store(proxy, "x").ok
    r = requests.post(url, json=body, timeout=60)  # a member: nothing happens
    assert r.status_code == 200 and r.json()["daemon_id"] == id
    cluster.wait_healthy()


def test_a_standby_node_waits_to_be_asked_in(cluster, bucket, tmp_path):
    (tmp_path / "s").mkdir()
    more = ["--role", "target", "--standby", *own_ports()]
    node = Node(tmp_path / "s", (), more)
    node.port = free_port()
    node.start(wait=False)
    try:
        node.wait_until(lambda: "waiting to be invited" in node.log())
        assert requests.get(f"{node.url}/v1/health").status_code == 503
        body = {
            "daemon_type": "target",
            "public_net": {
                "node_ip_addr": "127.0.0.1",
                "daemon_port": str(node.port),
            },
        }
        url = f"{cluster.proxies[1].url}/v1/cluster/join-by-admin"
        flagged = {"Ais-Node-Flags": "1"}
        r = requests.post(url, json=body, headers=flagged, timeout=60)
        assert r.status_code == 400
        r = requests.post(url, json=body, timeout=60)
        assert r.status_code == 200, r.text
        assert r.json()["daemon_id"] in cluster.smap(cluster.proxies[2])["tmap"]
        node.wait_until(lambda: requests.get(f"{node.url}/v1/health").ok)
        # Another cluster cannot have it.
        (tmp_path / "o").mkdir()
        other = Node(tmp_path / "o", (), own_ports()).start()
        try:
            url = f"{other.url}/v1/cluster/join-by-admin"
            r = requests.post(url, json=body, timeout=60)
            assert r.status_code >= 400 and "cie#80" in r.text, r.text
            body["public_net"]["daemon_port"] = str(free_port())
            r = requests.post(url, json=body, timeout=60)
            assert r.status_code == 400
            assert "failed to obtain node info" in r.json()["message"]
            for bad in ([], {}, {"daemon_type": "x"}, {"daemon_type": "proxy"}):
                assert requests.post(url, json=bad, timeout=60).status_code == 400
        finally:
            other.kill()
    finally:
        node.kill()


def test_a_waiting_node_can_be_stopped(tmp_path):
    more = ["--role", "target", "--standby", *own_ports()]
    node = Node(tmp_path, (), more)
    node.port = free_port()
    node.start(wait=False)
    node.wait_until(lambda: "waiting to be invited" in node.log())
    assert node.stop() == 0


def test_shutdown_and_end_of_a_cluster(tmp_path):
    cluster = Cluster(tmp_path, 2, 2).start()
    try:
        first = cluster.proxies[0]
        r = requests.post(f"{first.url}/v1/buckets/b", json={"action": "create-bck"})
        assert r.ok
        assert store(first, "x").ok
        r = act(cluster.targets[0], "shutdown")
        assert r.status_code == 200, r.text
        for node in cluster.nodes:
            assert node.process.wait(timeout=60) == 0
        cluster.start()
        assert requests.get(f"{first.url}/v1/objects/b/x").content == b"content"
        r = act(first, "decommission", {"rm_user_data": True})
        assert r.status_code == 200, r.text
        for node in cluster.nodes:
            assert node.process.wait(timeout=60) == 0
            assert not (node.dir / "node/conf/.ais.state").exists()
            assert not list(node.dir.rglob("%ob/x"))
    finally:
        cluster.stop()
