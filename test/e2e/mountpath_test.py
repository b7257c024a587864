"""Mountpaths come and go, and nothing is lost."""

import concurrent.futures
import re
import shutil

import pytest
import requests
from conftest import ROOT, Cluster, Node
from stored import (
    TIMEOUT,
    Writers,
    check,
    content,
    files,
    load,
    names_of,
    patient,
    store,
)

SOURCE = (ROOT / "actors/resilver/resilver.cpp").read_text()
POINTS = sorted(set(re.findall(r'AIS_CRASH_POINT\("([\w.]+)"\)', SOURCE)))

METHODS = {"attach-mp": "PUT", "detach-mp": "DELETE"}


def target_id(node):
    smap = requests.get(f"{node.url}/v1/daemon?what=smap", timeout=TIMEOUT).json()
    for id, si in smap["tmap"].items():
        if int(si["public_net"]["daemon_port"]) == node.port:
            return id
    raise RuntimeError("not in the map")


def act(node, action, path, **params):
    return requests.request(
        METHODS.get(action, "POST"),
        f"{node.url}/v1/reverse/daemon/mountpaths",
        headers={"Ais-Node-Id": target_id(node)},
        json={"action": action, "value": str(path)},
        params=params,
        timeout=TIMEOUT,
    )


def mountpaths(node):
    r = requests.get(
        f"{node.url}/v1/reverse/daemon",
        headers={"Ais-Node-Id": target_id(node)},
        params={"what": "mountpaths"},
        timeout=TIMEOUT,
    )
    assert r.ok, r.text
    return {k: sorted(v) for k, v in r.json().items()}


def flags(node):
    r = requests.get(f"{node.url}/v1/health", params={"cii": "true"}, timeout=TIMEOUT)
    return int(r.json()["flags"])


RESILVERING, OUT_OF_SPACE, DISK_FAULT = 32, 256, 8192


def settled(node):
    def ended():
        return not flags(node) & RESILVERING and not mountpaths(node)["waiting_dd"]

    node.wait_until(ended)


def on(path):
    return [p for p in path.rglob("%ob/*") if p.is_file()]


@pytest.fixture
def two(tmp_path):
    """A node with two mountpaths and a bucket of 300 objects; a third disk."""
    paths = [tmp_path / f"mp{i}" for i in (1, 2)]
    node = Node(tmp_path, paths)
    node.start()
    node.third = tmp_path / "mp3"
    node.third.mkdir()
    r = requests.post(f"{node.url}/v1/buckets/b", json={"action": "create-bck"})
    assert r.ok, r.text
    node.names = [f"o{i:03}" for i in range(300)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for r in pool.map(lambda n: store(node, n), node.names):
            assert r.ok, r.text
    yield node
    if node.alive():
        assert node.stop() == 0


def test_a_new_mountpath_gets_its_share(two):
    r = act(two, "attach-mp", two.third, mountpath_label="nvme")
    assert r.status_code == 200, r.text
    check(two, two.names)
    assert names_of(two) == two.names
    settled(two)
    assert 60 < len(on(two.third)) < 140
    assert len(files(two)) == 300  # each once
    check(two, two.names)
    # It stays, and so does its label.
    assert two.stop() == 0
    two.start()
    assert mountpaths(two)["available"] == sorted(
        map(str, [*two.mountpaths, two.third])
    )
    capacity = requests.get(
        f"{two.url}/v1/reverse/daemon",
        headers={"Ais-Node-Id": target_id(two)},
        params={"what": "disk"},
        timeout=TIMEOUT,
    ).json()
    assert capacity["mountpaths"][str(two.third)]["mountpath_label"] == "nvme"
    check(two, two.names)


@pytest.mark.parametrize("action", ["disable-mp", "detach-mp"])
def test_a_mountpath_leaves_when_it_is_empty(two, action):
    one, other = two.mountpaths
    before = len(on(one))
    assert 100 < before < 200
    assert act(two, action, one).status_code == 200
    check(two, two.names)
    assert names_of(two) == two.names
    settled(two)
    assert not on(one) and len(on(other)) == 300
    gone = action == "detach-mp"
    after = {
        "available": [str(other)],
        "waiting_dd": [],
        "disabled": [] if gone else [str(one)],
    }
    assert mountpaths(two) == after
    again = act(two, action, one)
    assert again.status_code == (404 if gone else 204)
    # An argument that names it does not bring it back.
    assert two.stop() == 0
    two.start()
    assert mountpaths(two) == after
    assert (one / ".ais.vmd").exists() != gone
    if not gone:
        return
    # Another node may have it.
    own = target_id(two)
    assert two.stop() == 0
    dir = two.dir / "other"
    dir.mkdir()
    heir = Node(dir, [one]).start()
    assert target_id(heir) != own
    assert heir.stop() == 0


def test_objects_that_are_left_behind_are_not_denied(two):
    one, other = two.mountpaths
    left = {p.name for p in on(one)}
    assert act(two, "disable-mp", one, dntres="true").status_code == 200
    assert mountpaths(two)["disabled"] == [str(one)]
    for name in two.names:
        r = load(two, name)
        assert r.status_code == (503 if name in left else 200), r.text
        if name in left:
            assert str(one) in r.json()["message"]
    # What is written meanwhile counts.
    new, gone = sorted(left)[:2]
    assert store(two, new, b"new").ok
    assert load(two, new).content == b"new"
    assert requests.delete(f"{two.url}/v1/objects/b/{gone}").status_code == 503
    assert act(two, "enable-mp", one).status_code == 200
    assert load(two, new).content == b"new"
    check(two, [n for n in two.names if n != new])
    settled(two)
    assert load(two, new).content == b"new"
    assert len(files(two)) == 300
    # Detached without its objects, they are gone: that is what was asked for.
    assert act(two, "detach-mp", one, dntres="true").status_code == 200
    assert load(two, gone).status_code == 404


def test_refusals(two, tmp_path):
    one, other = map(str, two.mountpaths)
    before = mountpaths(two)

    def refused(r, status, tcode=None):
        assert r.status_code == status, r.text
        if tcode:
            assert r.json()["tcode"] == tcode

    refused(act(two, "attach-mp", "/no/such/dir"), 404, "ErrNotFound")
    refused(act(two, "attach-mp", "relative"), 400)
    refused(act(two, "attach-mp", one + "/../x"), 400)
    refused(act(two, "attach-mp", one), 409)
    inside = two.mountpaths[0] / "inside"
    inside.mkdir()
    refused(act(two, "attach-mp", inside), 409)
    refused(act(two, "attach-mp", tmp_path), 409)
    refused(act(two, "no-such-mp", one), 400)
    for action in ("enable-mp", "disable-mp", "detach-mp", "fshc-mp", "rescan-mp"):
        refused(act(two, action, two.third), 404, "ErrMpathNotFound")
    refused(act(two, "enable-mp", one), 204)
    r = requests.put(
        f"{two.url}/v1/reverse/daemon/mountpaths",
        headers={"Ais-Node-Id": target_id(two)},
        json={"action": "attach-mp", "value": {"path": one}},
    )
    refused(r, 400)
    # Of another node.
    foreign = Node(tmp_path / "foreign", [tmp_path / "foreign" / "mp"])
    foreign.dir.mkdir()
    foreign.start()
    assert foreign.stop() == 0
    r = act(two, "attach-mp", tmp_path / "foreign" / "mp")
    assert not r.ok and "belongs to node" in r.text
    # The last one stays.
    assert act(two, "detach-mp", one).ok
    settled(two)
    refused(act(two, "disable-mp", other), 409)
    refused(act(two, "detach-mp", other, dntres="true"), 409)
    assert act(two, "attach-mp", one).ok
    settled(two)
    assert mountpaths(two) == before
    check(two, two.names)


def test_rescan_finds_what_lies_elsewhere(two):
    """An object that was moved by hand comes back to its place."""
    one, other = two.mountpaths
    lost = on(one)[0]
    astray = other / lost.relative_to(one)
    lost.rename(astray)
    r = requests.put(
        f"{two.url}/v1/cluster",
        json={
            "action": "start",
            "value": {"Kind": "resilver", "DaemonID": target_id(two)},
        },
        timeout=TIMEOUT,
    )
    assert r.ok and r.text, r.text
    settled(two)
    assert lost.exists() and not astray.exists()
    check(two, two.names)
    query = {"id": r.text}
    status = requests.get(
        f"{two.url}/v1/cluster", params={"what": "status"}, json=query, timeout=TIMEOUT
    ).json()
    assert status["kind"] == "resilver" and status["end_time"] > 0, status
    assert act(two, "rescan-mp", one).ok
    settled(two)
    assert act(two, "fshc-mp", one).ok


@pytest.mark.parametrize("point", POINTS)
def test_kill_at(two, point):
    """A resilver that is cut off loses nothing, and goes on at the start."""
    assert two.stop() == 0
    two.start(env={"AIS_CRASH_AT": f"{point}:3"})
    try:
        act(two, "attach-mp", two.third)
    except requests.ConnectionError:
        pass
    assert two.process.wait(timeout=60) == -9
    two.start()
    assert str(two.third) in mountpaths(two)["available"]
    settled(two)
    check(two, two.names)
    assert names_of(two) == two.names
    assert len(files(two)) == 300 and len(on(two.third)) > 60
    assert not two.work_files()


def test_kills_in_the_middle(two):
    for action, path in [
        ("attach-mp", two.third),
        ("disable-mp", two.mountpaths[0]),
        ("enable-mp", two.mountpaths[0]),
        ("detach-mp", two.mountpaths[1]),
    ]:
        assert act(two, action, path).ok
        two.kill()
        two.start()
        check(two, two.names)
        settled(two)
    assert names_of(two) == two.names
    assert len(files(two)) == 300
    assert mountpaths(two)["available"] == sorted(
        map(str, [two.mountpaths[0], two.third])
    )


def test_writers_and_deleters_meanwhile(two):
    """What is acknowledged while objects move is never undone."""
    one, other = two.mountpaths
    with Writers(two, two.names) as writers:
        for action, path in [
            ("attach-mp", two.third),
            ("disable-mp", one),
            ("enable-mp", one),  # at once: the resilver before is cut off
            ("detach-mp", other),
            ("attach-mp", other),
            ("disable-mp", two.third),
        ]:
            r = patient(act, two, action, path)
            assert r.ok, r.text
            if action != "disable-mp":
                settled(two)
        settled(two)
    writers.check()


def test_a_disk_that_fails_is_taken_out(two):
    """A directory in whose place is a file now; the other one serves on."""
    one, other = two.mountpaths
    left = {p.name for p in on(other)}
    other.rename(other.with_name("away"))
    other.write_text("no directory")

    # Neither denied nor left out of a listing.
    assert {load(two, name).status_code for name in left} == {500}
    url = f"{two.url}/v1/buckets/b"
    r = requests.get(url, json={"action": "list", "value": {}}, timeout=TIMEOUT)
    assert r.status_code == 500, r.text

    def out():
        load(two, min(left))
        return mountpaths(two)["disabled"] == [str(other)]

    two.wait_until(out)
    assert flags(two) & DISK_FAULT
    for name in two.names:
        r = load(two, name)
        assert r.status_code == (503 if name in left else 200), name
    # Repaired and enabled by hand, it serves again.
    other.unlink()
    other.with_name("away").rename(other)
    assert act(two, "enable-mp", other).ok
    settled(two)
    assert not flags(two) & DISK_FAULT
    check(two, two.names)


def test_a_disk_that_is_not_there_at_the_start(two):
    one, other = two.mountpaths
    assert two.stop() == 0
    other.rename(other.with_name("away"))
    other.mkdir()  # a mount point without its disk
    two.start()
    assert mountpaths(two)["disabled"] == [str(other)]
    assert flags(two) & DISK_FAULT
    assert {load(two, n).status_code for n in two.names} == {200, 503}
    assert two.stop() == 0
    shutil.rmtree(other)
    other.with_name("away").rename(other)
    two.start()
    assert act(two, "enable-mp", other).ok
    settled(two)
    check(two, two.names)


def test_targets_and_mountpaths_at_once(tmp_path):
    """Objects move between targets and between mountpaths of each."""
    cluster = Cluster(tmp_path, 1, 2).start()
    try:
        r = requests.post(
            f"{cluster.first.url}/v1/buckets/b", json={"action": "create-bck"}
        )
        assert r.ok, r.text
        names = [f"o{i:03}" for i in range(200)]
        for name in names:
            assert store(cluster.first, name).ok
        target = cluster.targets[0]
        with Writers(cluster.first, names) as writers:
            for i in (1, 2):
                path = target.dir / f"more{i}"
                path.mkdir()
                assert patient(act, target, "attach-mp", path).ok
            more = cluster.make("t2", "target")
            more.start()
            assert patient(act, target, "disable-mp", target.dir / "more1").ok

            def ended():
                return len(cluster.smap(cluster.first)["placements"]) == 1

            cluster.first.wait_until(ended)
            cluster.targets.append(more)
            settled(target)
        cluster.wait_healthy()
        writers.check()
    finally:
        cluster.stop()


def test_a_full_disk_refuses_writes(two):
    """By the limits of the configuration, with the disk that this runs on."""
    url = f"{two.url}/v1/cluster/set-config"
    full = {f"space.{x}": 1 for x in ("cleanupwm", "lowwm", "highwm", "out_of_space")}
    assert requests.put(url, params=full, timeout=TIMEOUT).ok

    def said():
        r = requests.get(
            f"{two.url}/v1/reverse/daemon",
            headers={"Ais-Node-Id": target_id(two)},
            params={"what": "disk"},
            timeout=TIMEOUT,
        )
        return r.json()["cs_err"]

    two.wait_until(lambda: all(str(p) in said() for p in two.mountpaths))
    assert flags(two) & OUT_OF_SPACE
    r = store(two, "new")
    assert r.status_code == 507 and "out of space" in r.text, r.text
    for size in (10, 3_000_000):
        r = store(two, two.names[0], b"x" * size)
        assert r.status_code == 507, r.text
    # Reading and deleting go on; nothing is lost.
    check(two, two.names)
    url_of = f"{two.url}/v1/objects/b/{two.names[1]}"
    assert requests.delete(url_of, timeout=TIMEOUT).ok
    room = {"cleanupwm": 97, "lowwm": 98, "highwm": 99, "out_of_space": 100}
    room = {f"space.{k}": v for k, v in room.items()}
    assert requests.put(url, params=room, timeout=TIMEOUT).ok
    two.wait_until(lambda: not flags(two) & OUT_OF_SPACE)
    assert store(two, "new").ok
    assert not two.work_files()


def entry(cluster, node):
    """What the map of the cluster says of a target."""
    return cluster.smap(cluster.first)["tmap"][target_id(node)]


def test_without_its_last_mountpath_a_target_leaves(tmp_path):
    """And comes back with one; what is on it is not denied meanwhile."""
    cluster = Cluster(tmp_path, 1, 2).start()
    target, maintenance = cluster.targets[0], 4

    def out():
        return bool(entry(cluster, target)["flags"] & maintenance)

    def loaded():
        with concurrent.futures.ThreadPoolExecutor(len(names)) as pool:
            return list(pool.map(lambda name: load(cluster.first, name), names))

    def back():
        settled = len(cluster.smap(cluster.first)["placements"]) == 1
        return settled and not out() and cluster.healthy()

    try:
        r = requests.post(
            f"{cluster.first.url}/v1/buckets/b", json={"action": "create-bck"}
        )
        assert r.ok, r.text
        names = [f"o{i:03}" for i in range(40)]
        for name in names:
            assert store(cluster.first, name).ok
        (path,) = mountpaths(target)["available"]
        r = act(target, "detach-mp", path)
        assert r.status_code == 409 and "last mountpath" in r.text, r.text
        assert act(target, "disable-mp", path).ok
        cluster.first.wait_until(out)
        answers = loaded()
        assert {r.status_code for r in answers} == {200, 503}
        assert all(
            r.content == content(name)
            for r, name in zip(answers, names)
            if r.status_code == 200
        )
        target.kill()
        target.start()
        cluster.wait_healthy()
        assert out()
        assert {r.status_code for r in loaded()} == {200, 503}
        assert act(target, "enable-mp", path).ok
        cluster.first.wait_until(back)
        check(cluster.first, names)
        assert names_of(cluster.first) == names
        # Given up: the others have all there is to have.
        assert act(target, "detach-mp", path, dntres="true").ok
        cluster.first.wait_until(out)
        for name in names:
            assert patient(store, cluster.first, name, b"new").ok
        # The other one is the last of the cluster.
        (last,) = mountpaths(cluster.targets[1])["available"]
        assert act(cluster.targets[1], "disable-mp", last).status_code == 409
        third = target.dir / "third"
        third.mkdir()
        assert act(target, "attach-mp", third).ok
        cluster.first.wait_until(back)
        assert names_of(cluster.first) == names
        for name in names:
            assert patient(load, cluster.first, name).content == b"new"
    finally:
        cluster.stop()
