"""Mirrored buckets: a lost disk or a damaged file costs nothing."""

import re
import shutil

import pytest
import requests
from conftest import ROOT, Node
from mountpath_test import act, mountpaths, on, settled
from stored import TIMEOUT, Writers, check, content, files, load, names_of, store

SOURCE = (ROOT / "actors/mirror/mirror.cpp").read_text()
POINTS = sorted(set(re.findall(r'AIS_CRASH_POINT\("([\w.]+)"\)', SOURCE)))
RESTORING = ("mirror.restoring", "mirror.restored")

NAMES = [f"o{i:03}" for i in range(200)]
URL = "/v1/buckets/b"


def copies(node):
    return [p for p in node.dir.rglob("%cp/*") if p.is_file()]


def copied(node, names, n=2):
    """Waits until all have as many copies."""
    node.wait_until(lambda: len(copies(node)) == (n - 1) * len(names))


def make_copies(node, n):
    return requests.post(
        node.url + URL, json={"action": "make-n-copies", "value": n}, timeout=TIMEOUT
    )


def wait_for(node, job):
    def ended():
        r = requests.get(
            f"{node.url}/v1/cluster",
            params={"what": "status"},
            json={"id": job},
            timeout=TIMEOUT,
        )
        assert not r.json().get("err"), r.text
        return r.json()["end_time"] > 0

    node.wait_until(ended)


@pytest.fixture
def three(tmp_path):
    """A node with three mountpaths and a mirrored bucket."""
    node = Node(tmp_path, [tmp_path / f"mp{i}" for i in (1, 2, 3)])
    node.start()
    made = {"action": "create-bck", "value": {"mirror": {"enabled": True}}}
    r = requests.post(node.url + URL, json=made, timeout=TIMEOUT)
    assert r.ok, r.text
    yield node
    if node.alive():
        assert node.stop() == 0


@pytest.fixture
def full(three):
    for name in NAMES:
        assert store(three, name).ok
    copied(three, NAMES)
    return three


def test_each_object_is_on_two_mountpaths(full):
    for name in NAMES[:20]:
        where = {p.relative_to(full.dir).parts[0] for p in full.dir.rglob(name)}
        assert len(where) == 2, where
        r = requests.head(f"{full.url}/v1/objects/b/{name}", timeout=TIMEOUT)
        assert r.headers["Ais-Mirror-Copies"] == "2"
        told = r.headers["Ais-Mirror-Paths"].strip("[]").split(", ")
        assert set(told) == {str(full.dir / w) for w in where}
    value = {"action": "list", "value": {"props": "name,copies"}}
    r = requests.get(full.url + URL, json=value, timeout=TIMEOUT)
    assert {e["copies"] for e in r.json()["entries"]} == {2}
    # What goes takes its copies along.
    for name in NAMES[:10]:
        assert requests.delete(f"{full.url}/v1/objects/b/{name}").ok
    assert len(copies(full)) == len(NAMES) - 10
    assert load(full, NAMES[0]).status_code == 404


def test_a_lost_disk_costs_nothing(full):
    lost = full.mountpaths[0]
    assert len(on(lost)) > 30
    some = on(lost)[0].name
    shutil.rmtree(lost)
    lost.write_text("no directory")

    def out():
        load(full, some)
        return mountpaths(full)["disabled"] == [str(lost)]

    full.wait_until(out)
    check(full, NAMES)
    assert names_of(full) == NAMES
    settled(full)
    assert names_of(full) == NAMES
    copied(full, NAMES)
    assert len(files(full)) == len(NAMES)
    # For good: it is given up, and a restart changes nothing.
    assert act(full, "detach-mp", lost, dntres="true").ok
    assert full.stop() == 0
    full.start()
    check(full, NAMES)
    assert requests.delete(f"{full.url}/v1/objects/b/{NAMES[0]}").ok
    assert load(full, NAMES[0]).status_code == 404


def test_damaged_files_are_mended(full):
    assert full.stop() == 0
    large = next(n for n in NAMES if len(content(n)) > 1_000_000)
    small = [n for n in NAMES if 0 < len(content(n)) < 1_000_000]
    hurt = small[:20] + [large]
    for path in files(full):
        if path.name in hurt:
            with path.open("r+b") as f:
                f.seek(len(content(path.name)) // 2)
                f.write(b"!")
    full.start()
    # A large one breaks off while it is sent, and is mended then.
    try:
        load(full, large)
    except requests.RequestException:
        pass

    def whole():
        try:
            return load(full, large).content == content(large)
        except requests.RequestException:
            return False

    full.wait_until(whole)
    check(full, hurt)
    full.stop()
    full.start()
    check(full, NAMES)


def test_more_and_fewer(full):
    r = make_copies(full, 4)
    assert r.status_code == 400 and "3 mountpaths" in r.text, r.text
    for value in (0, 33, "2", None):
        assert make_copies(full, value).status_code == 400
    r = make_copies(full, 3)
    assert r.ok, r.text
    wait_for(full, r.text)
    assert len(copies(full)) == 2 * len(NAMES)
    r = make_copies(full, 1)
    assert r.ok, r.text
    wait_for(full, r.text)
    assert not copies(full)
    props = {"action": "set-bprops", "value": {"mirror": {"enabled": True, "copies": 2}}}
    r = requests.patch(full.url + URL, json=props, timeout=TIMEOUT)
    assert r.ok and r.text, r.text
    wait_for(full, r.text)
    assert len(copies(full)) == len(NAMES)
    # The same once more is no work.
    r = requests.patch(full.url + URL, json=props, timeout=TIMEOUT)
    assert r.ok and not r.text
    check(full, NAMES)


@pytest.mark.parametrize("point", [p for p in POINTS if p not in RESTORING])
def test_kill_at(three, point):
    names = NAMES[:30]
    assert three.stop() == 0
    three.start(env={"AIS_CRASH_AT": f"{point}:5"})
    stored = []
    try:
        for name in names:
            stored += [name] if store(three, name).ok else []
    except requests.ConnectionError:
        pass
    assert three.process.wait(timeout=60) == -9
    three.start()
    check(three, stored)
    for name in names:
        assert store(three, name).ok
    copied(three, names)
    assert not three.work_files()


@pytest.mark.parametrize("point", RESTORING)
def test_kill_while_it_is_restored(full, point):
    assert full.stop() == 0
    full.start(env={"AIS_CRASH_AT": f"{point}:5"})
    for path in on(full.mountpaths[0]):
        path.unlink()
    for name in NAMES:
        try:
            load(full, name)
        except requests.RequestException:
            break
    assert full.process.wait(timeout=60) == -9
    full.start()
    check(full, NAMES)


def test_writers_while_disks_come_and_go(full):
    one, other, third = full.mountpaths
    with Writers(full, NAMES) as writers:
        for action, path, how in [
            ("disable-mp", one, {"dntres": "true"}),
            ("enable-mp", one, {}),
            ("disable-mp", other, {}),
            ("detach-mp", third, {}),
            ("enable-mp", other, {}),
            ("attach-mp", third, {}),
        ]:
            r = act(full, action, path, **how)
            assert r.ok, r.text
            settled(full)
    writers.check()
    full.wait_until(lambda: len(copies(full)) == len(files(full)))
