"""Objects move between the targets of real processes, and nothing is lost."""

import collections
import concurrent.futures
import re
import signal
import threading

import pytest
import requests
from conftest import ROOT, Cluster
from stored import TIMEOUT, Writers, check, content, files, load, names_of, patient, store

POINTS = sorted(
    {
        point
        for folder in ("mover", "rebalance")
        for path in (ROOT / "actors" / folder).glob("*.cpp")
        for point in re.findall(r'AIS_CRASH_POINT\("([\w.]+)"\)', path.read_text())
    }
    # of copy and rename
    - {"stream.copied", "stream.source_gone"}
)
RECEIVERS = {"stream.admitted", "stream.filled", "stream.committed"}


def act(node, action, value):
    body = {"action": action, "value": value}
    return requests.put(f"{node.url}/v1/cluster", json=body, timeout=TIMEOUT)


def id_of(cluster, node):
    smap = cluster.smap(cluster.first)
    for nodes in (smap["tmap"], smap["pmap"]):
        for id, si in nodes.items():
            if int(si["public_net"]["daemon_port"]) == node.port:
                return id
    raise RuntimeError("not in the map")


def moves_end(cluster):
    def ended():
        return len(cluster.smap(cluster.first)["placements"]) == 1

    cluster.first.wait_until(ended)


def counted(cluster):
    """What all targets together say of all rebalances."""
    out = collections.Counter()
    body = {"kind": "rebalance"}
    url = f"{cluster.first.url}/v1/cluster?what=qryxstats"
    for snaps in requests.get(url, json=body, timeout=TIMEOUT).json().values():
        for snap in snaps:
            out.update({k: int(v) for k, v in snap["stats"].items()})
    return out


@pytest.fixture
def three(tmp_path):
    """One proxy, three targets, a bucket of 300 objects."""
    it = Cluster(tmp_path, 1, 3).start()
    r = requests.post(f"{it.first.url}/v1/buckets/b", json={"action": "create-bck"})
    assert r.ok, r.text
    it.names = [f"o{i:03}" for i in range(300)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for r in pool.map(lambda n: store(it.first, n), it.names):
            assert r.ok, r.text
    yield it
    it.stop()


def test_a_new_target_gets_its_share(three):
    more = three.make("t3", "target")
    more.start()
    # From now on: every read, by whichever way, while objects move.
    check(three.first, three.names)
    assert names_of(three.first) == three.names
    moves_end(three)
    three.targets.append(more)
    three.wait_healthy()
    count = [len(files(t)) for t in three.targets]
    assert sum(count) == 300  # each once
    assert 40 < count[3] < 120, count  # about a quarter
    moved = counted(three)
    assert moved["in-objs"] == moved["out-objs"] == count[3]
    assert moved["in-bytes"] == moved["out-bytes"] > 0
    check(three.first, three.names)
    assert names_of(three.first) == three.names


def test_maintenance_and_back(three):
    target = three.targets[1]
    id = id_of(three, target)
    before = {p.name for p in files(target)}
    assert 60 < len(before) < 140
    assert act(three.first, "start-maintenance", {"sid": id}).ok
    check(three.first, three.names)
    moves_end(three)
    assert not files(target)
    # What is written and deleted meanwhile stays so.
    new, gone = sorted(before)[0], sorted(before)[1]
    assert store(three.first, new, b"new").ok
    url = f"{three.first.url}/v1/objects/b/{gone}"
    assert requests.delete(url, timeout=TIMEOUT).ok
    assert act(three.first, "stop-maintenance", {"sid": id}).ok
    assert patient(load, three.first, new).content == b"new"
    assert patient(load, three.first, gone).status_code == 404
    moves_end(three)
    assert {p.name for p in files(target)} == before - {gone}
    assert load(three.first, new).content == b"new"
    assert load(three.first, gone).status_code == 404
    check(three.first, [n for n in three.names if n not in (new, gone)])


def test_reads_go_where_objects_still_are(three):
    """Nobody moves anything: readers need no object brought home, writers do."""
    config = f"{three.first.url}/v1/cluster/set-config"
    assert requests.put(config, params={"rebalance.enabled": "false"}).ok
    old, more = list(three.targets), three.make("t3", "target")
    before = [files(t) for t in old]
    more.start()
    three.targets.append(more)

    def moving():
        maps = [three.smap(n) for n in (three.first, *three.targets)]
        return all(len(smap["placements"]) == 2 for smap in maps)

    three.first.wait_until(moving)
    check(three.first, three.names)
    for name in three.names:
        data = content(name)
        s3 = {"Authorization": "AWS x:y"}  # S3's way; nobody asks for keys here
        r = requests.get(f"{three.first.url}/s3/b/{name}", headers=s3, timeout=TIMEOUT)
        assert r.status_code == 200 and r.content == data, (name, r.text[:300])
        if len(data) > 10:
            part = {"Range": "bytes=2-9"}
            for url in ("v1/objects", "s3"):
                r = requests.get(
                    f"{three.first.url}/{url}/b/{name}", headers=part, timeout=TIMEOUT
                )
                assert r.status_code == 206 and r.content == data[2:10]
    assert patient(load, three.first, "none").status_code == 404
    assert [files(t) for t in old] == before and not files(more)
    # Who writes has what was there brought home first.
    for name in three.names[::2]:
        assert store(three.first, name, b"new").ok
        assert load(three.first, name).content == b"new"
    for name in three.names[1::4]:
        url = f"{three.first.url}/v1/objects/b/{name}"
        assert requests.delete(url, timeout=TIMEOUT).ok
        assert load(three.first, name).status_code == 404
    here = {p.name for p in files(more)}
    assert here and here <= set(three.names[::2])
    assert requests.put(config, params={"rebalance.enabled": "true"}).ok
    moves_end(three)
    assert here < {p.name for p in files(more)}
    check(three.first, three.names[3::4])
    for name in three.names[::2]:
        assert load(three.first, name).content == b"new"
    for name in three.names[1::4]:
        assert load(three.first, name).status_code == 404


def test_no_read_is_refused_while_targets_go_and_come(three):
    """Whoever follows redirects gets his object, though nodes get a map one after
    the other."""
    target = id_of(three, three.targets[1])
    over, bad = threading.Event(), []

    def read(first):
        count, session = 0, requests.Session()
        while not over.is_set():
            for name in three.names[first::4]:
                r = session.get(
                    f"{three.first.url}/v1/objects/b/{name}", timeout=TIMEOUT
                )
                if r.content != content(name):
                    bad.append((name, r.status_code, r.text[:200]))
                count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, i) for i in range(4)]
        try:
            for action in ["start-maintenance", "stop-maintenance"] * 3:
                assert act(three.first, action, {"sid": target}).ok
                moves_end(three)
        finally:
            over.set()
        assert all(reader.result() > 100 for reader in readers)
    assert not bad


def test_what_lies_where_nobody_looks_is_not_left_behind(three):
    """An object on the wrong mountpath keeps its target from being emptied."""
    target = three.make("t3", "target")
    one, other = target.mountpaths = [target.dir / "mp1", target.dir / "mp2"]
    for path in target.mountpaths:
        path.mkdir()
    target.start()
    three.targets.append(target)
    moves_end(three)
    lost = next(p for p in files(target) if p.is_relative_to(one))
    astray = other / lost.relative_to(one)
    astray.parent.mkdir(parents=True, exist_ok=True)
    lost.rename(astray)
    assert act(three.first, "start-maintenance", {"sid": id_of(three, target)}).ok

    def said():
        query = {"kind": "rebalance", "show_active": True}
        r = requests.get(
            f"{three.first.url}/v1/cluster",
            params={"what": "qryxstats"},
            json=query,
            timeout=TIMEOUT,
        )
        snaps = (r.json() if r.ok else {}).values()
        return any(lost.name in snap["err"] for of in snaps for snap in of)

    three.first.wait_until(said)
    assert len(three.smap(three.first)["placements"]) == 2
    astray.rename(lost)
    moves_end(three)
    assert not files(target)
    check(three.first, three.names)


@pytest.mark.parametrize("what", ["shutdown-node", "decommission-node"])
def test_a_target_leaves_when_it_is_empty(three, what):
    target = three.targets[0]
    id = id_of(three, target)
    r = act(three.first, what, {"sid": id})
    assert r.ok, r.text
    assert target.process.wait(timeout=60) == 0
    assert not files(target)
    check(three.first, three.names)
    smap = three.smap(three.first)
    assert (id in smap["tmap"]) == (what == "shutdown-node")


def test_kills_in_the_middle(three):
    """Sender, receiver and primary die; everybody goes on where they were."""
    more = three.make("t3", "target")
    more.start()
    for victim in (three.targets[0], more, three.first, three.targets[2]):
        victim.kill()
        victim.start()
    three.targets.append(more)
    three.wait_healthy()
    moves_end(three)
    check(three.first, three.names)
    assert names_of(three.first) == three.names
    assert sum(len(files(t)) for t in three.targets) == 300


@pytest.mark.parametrize("point", POINTS)
def test_kill_at(tmp_path, point):
    """A move that is cut off loses nothing, and is done when all are back."""
    cluster = Cluster(tmp_path, 1, 1).start()
    try:
        r = requests.post(
            f"{cluster.first.url}/v1/buckets/b", json={"action": "create-bck"}
        )
        assert r.ok, r.text
        cluster.names = [f"o{i:03}" for i in range(40)]
        for name in cluster.names:
            assert store(cluster.first, name).ok
        target, more = cluster.targets[0], cluster.make("t1", "target")
        if point in RECEIVERS:
            victim = more
        else:
            victim = target
            assert target.stop() == 0
            target.start(env={"AIS_CRASH_AT": f"{point}:3"})
            cluster.wait_healthy()
        if victim is more:  # it may be gone before it is active
            more.start(env={"AIS_CRASH_AT": f"{point}:3"}, wait=False)
        else:
            more.start()
        assert victim.process.wait(timeout=60) == -9
        victim.start()
        cluster.targets.append(more)
        cluster.wait_healthy()
        moves_end(cluster)
        check(cluster.first, cluster.names)
        assert names_of(cluster.first) == cluster.names
        assert sum(len(files(t)) for t in cluster.targets) == 40
        assert not [p for t in cluster.targets for p in t.work_files()]
    finally:
        cluster.stop()


def test_writers_and_deleters_meanwhile(three):
    """What is acknowledged while objects move is never undone."""
    with Writers(three.first, three.names) as writers:
        for id in [id_of(three, t) for t in three.targets]:
            assert act(three.first, "start-maintenance", {"sid": id}).ok
            moves_end(three)
            assert act(three.first, "stop-maintenance", {"sid": id}).ok
            moves_end(three)
        more = three.make("t3", "target")
        more.start()
        moves_end(three)
        three.targets.append(more)
    writers.check()


@pytest.mark.parametrize("what", ["shutdown-node", "decommission-node"])
def test_a_target_leaves_though_the_primary_dies(tmp_path, what):
    """What was begun is in the map: another primary ends it."""
    cluster = Cluster(tmp_path, 3, 3).start()
    try:
        primary = cluster.primary()
        r = requests.post(f"{primary.url}/v1/buckets/b", json={"action": "create-bck"})
        assert r.ok, r.text
        names = [f"o{i:03}" for i in range(100)]
        for name in names:
            assert store(primary, name).ok
        leaver, slow, _ = cluster.targets
        id = id_of(cluster, leaver)
        slow.process.send_signal(signal.SIGSTOP)  # so that the moves last
        assert act(primary, what, {"sid": id}).ok
        assert leaver.alive()
        primary.kill()
        cluster.first = next(p for p in cluster.proxies if p is not primary)
        cluster.first.wait_until(
            lambda: cluster.smap(cluster.first)["proxy_si"]["public_net"]["daemon_port"]
            != str(primary.port)
        )
        slow.process.send_signal(signal.SIGCONT)
        assert leaver.process.wait(timeout=60) == 0
        assert not files(leaver)
        assert (id in cluster.smap(cluster.first)["tmap"]) == (what == "shutdown-node")
        check(cluster.first, names)
    finally:
        cluster.stop()
