"""Jobs: bucket-wide work that clients start, watch and stop."""

import pytest
import requests
from aistore.sdk import Client


def fill(client, name, names):
    bucket = client.bucket(name).create()
    for x in names:
        bucket.object(x).get_writer().put_content(x.encode() * 10)
    return bucket


def names_of(bucket):
    return sorted(x.name for x in bucket.list_all_objects())


def ask(node, what, **query):
    return requests.get(f"{node.url}/v1/cluster?what={what}", json=query, timeout=30)


def delete(node, bck, value):
    return requests.delete(
        f"{node.url}/v1/buckets/{bck}",
        json={"action": "delete-listrange", "value": value},
        timeout=30,
    )


def test_delete_many_with_the_sdk(cluster):
    client = Client(cluster.proxies[1].url)
    all_names = [f"a-{i:03d}" for i in range(60)] + ["b/1", "b/2", "c"]
    bucket = fill(client, "many", all_names)
    job = client.job(bucket.objects(obj_names=["a-000", "c", "nobody"]).delete())
    assert job.wait(timeout=30).success
    job_id = bucket.objects(obj_template="a-{001..019..2}").delete()
    assert client.job(job_id).wait(timeout=30).success
    left = [x for x in all_names if x not in ("a-000", "c")]
    left = [x for x in left if x not in {f"a-{i:03d}" for i in range(1, 20, 2)}]
    assert names_of(bucket) == left
    # A template without a range is a prefix.
    r = delete(cluster.targets[0], "many", {"template": "b/"})
    assert r.status_code == 200 and len(r.text) >= 9
    assert client.job(r.text, "delete-listrange").wait(timeout=30).success
    left = [x for x in left if not x.startswith("b/")]
    assert names_of(bucket) == left
    # Each target did its part; together it is all, whomever one asks.
    for node in cluster.nodes:
        snaps = ask(node, "qryxstats", id=job_id).json()
        done = [s for of in snaps.values() for s in of]
        assert sum(int(s["stats"]["loc-objs"]) for s in done) == 10
        assert sum(int(s["stats"]["loc-bytes"]) for s in done) == 10 * 50
        far = [s["ext"] for s in done if s["ext"]]
        assert sum(int(x["progress.looked.n"]) for x in far) == 10
        assert sum(int(x["progress.total.n"]) for x in far) == 10
        assert all(s["is_idle"] and s["end-time"] > "2026" for s in done)
        status = ask(node, "status", id=job_id).json()
        assert status["kind"] == "delete-listrange" and status["end_time"] > 0
        assert not status["aborted"] and status["err"] == ""
        kinds = {x["kind"] for x in ask(node, "status_all").json()}
        assert kinds == {"delete-listrange"}
        assert ask(node, "running_all").json() == []
    # Nothing given: all of it.
    assert client.job(delete(cluster.proxies[0], "many", {}).text).wait().success
    assert names_of(bucket) == []


def test_what_a_job_must_not_be(node):
    client = Client(node.url)
    fill(client, "jobs-bad", ["x"])
    for value in (
        7,
        "x",
        {"objnames": "x"},
        {"objnames": [1]},
        {"objnames": ["../x"]},
        {"template": 3},
        {"template": "a-{9..1}"},
        {"template": "a-{0..99999999}"},
        {"template": "x-{0..3}", "objnames": ["x"]},
    ):
        assert delete(node, "jobs-bad", value).status_code == 400, value
    assert delete(node, "nobody", {}).status_code == 404
    assert names_of(client.bucket("jobs-bad")) == ["x"]


def test_questions_about_jobs_that_are_not(node):
    r = ask(node, "status", id="abcdefghij")
    assert r.status_code == 404 and r.json()["tcode"] == "ErrNotFound"
    assert ask(node, "status").status_code == 400
    assert ask(node, "qryxstats", id="abcdefghij").status_code == 404
    assert ask(node, "qryxstats", kind="lru").json().values()
    assert all(x == [] for x in ask(node, "qryxstats", kind="lru").json().values())
    assert ask(node, "qryxstats", bck={"name": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    "action,value,status",
    [
        ("start", {"Kind": "nonsense"}, 400),
        ("start", {}, 400),
        ("start", None, 400),
        ("start", {"Kind": "delete-objects"}, 400),
        ("start", {"Kind": "lru"}, 501),
        ("stop", {}, 400),
        ("stop", {"Kind": "nonsense"}, 400),
        ("stop", {"ID": "abcdefghij"}, 200),
        ("stop", {"Kind": "delete-objects"}, 200),
    ],
)
def test_start_and_stop(node, action, value, status):
    r = requests.put(
        f"{node.url}/v1/cluster", json={"action": action, "value": value}, timeout=30
    )
    assert r.status_code == status, r.text


def test_a_job_can_be_stopped(node):
    client = Client(node.url)
    bucket = fill(client, "jobs-stop", [f"o{i:04d}" for i in range(400)])
    # Ten million names take a while to go through.
    r = delete(node, "jobs-stop", {"template": "o{0000..9999999}"})
    assert r.ok
    assert f"delete-listrange[{r.text}]" in ask(node, "running_all").json()
    stop = {"action": "stop", "value": {"ID": r.text}}
    assert requests.put(f"{node.url}/v1/cluster", json=stop, timeout=30).ok
    client.job(r.text, "delete-listrange").wait(timeout=30)
    status = ask(node, "status", id=r.text).json()
    assert status["aborted"] and status["end_time"] > 0
    snap = next(s for of in ask(node, "qryxstats", id=r.text).json().values() for s in of)
    assert snap["aborted"] and snap["abort-err"] == "user abort"
    assert bucket.list_all_objects() is not None


def act_on(node, bck, action, value, **query):
    return requests.post(
        f"{node.url}/v1/buckets/{bck}",
        params=query,
        json={"action": action, "value": value},
        timeout=30,
    )


def totals(node, job_id):
    snaps = ask(node, "qryxstats", id=job_id).json()
    done = [s["stats"] for of in snaps.values() for s in of]
    return tuple(sum(int(s[k]) for s in done) for k in ("loc-objs", "loc-bytes"))


def test_copy_a_bucket_with_the_sdk(cluster):
    client = Client(cluster.proxies[1].url)
    names = [f"train/{i:02d}.jpg" for i in range(40)] + ["val/a.jpg", "README", ".jpg"]
    source = fill(client, "source", names)
    source.object(names[0]).get_writer().set_custom_props({"label": "7"})
    requests.patch(
        f"{cluster.first.url}/v1/buckets/source",
        json={"action": "set-bprops", "value": {"checksum": {"type": "sha256"}}},
        timeout=30,
    ).raise_for_status()
    # All of it, to a bucket that is not there yet and gets the same properties.
    copy = client.bucket("copy")
    job_id = source.copy(copy)
    assert client.job(job_id).wait(timeout=60).success
    assert names_of(copy) == sorted(names)
    r = requests.head(f"{cluster.first.url}/v1/buckets/copy", timeout=30)
    assert '"sha256"' in r.headers["Ais-Bucket-Props"]
    for name in names:
        assert copy.object(name).get_reader().read_all() == name.encode() * 10
    assert copy.object(names[0]).props.custom_metadata == {"label": "7"}
    assert totals(cluster.targets[0], job_id) == (43, sum(len(n) * 10 for n in names))
    snaps = ask(cluster.first, "qryxstats", id=job_id).json()
    snap = next(s for of in snaps.values() for s in of)
    assert snap["src-bck"]["name"] == "source" and snap["dst-bck"]["name"] == "copy"
    # A part, under other names.
    part = client.bucket("part")
    job_id = source.copy(part, prefix_filter="train/", prepend="new/")
    assert client.job(job_id).wait(timeout=60).success
    assert names_of(part) == [f"new/train/{i:02d}.jpg" for i in range(40)]
    # Only counted: nothing is created.
    job_id = source.copy(client.bucket("dry"), dry_run=True)
    assert client.job(job_id).wait(timeout=60).success
    assert totals(cluster.first, job_id)[0] == 43
    assert "dry" not in [b.name for b in client.cluster().list_buckets()]
    # Some, by list and by range.
    some = client.bucket("some").create()
    for group in (
        {"obj_names": ["README", "nobody"]},
        {"obj_template": "train/{00..03}.jpg"},
    ):
        for job_id in source.objects(**group).copy(some):
            assert client.job(job_id).wait(timeout=60).success
    assert names_of(some) == ["README"] + [f"train/{i:02d}.jpg" for i in range(4)]
    # Extensions.
    r = act_on(
        cluster.first,
        "source",
        "copy-bck",
        {"prefix": "", "ext": {"jpg": "png"}},
        bck_to="ais/@#/png/",
    )
    assert client.job(r.text).wait(timeout=60).success
    renamed = [n if n == ".jpg" else n.replace(".jpg", ".png") for n in names]
    assert names_of(client.bucket("png")) == sorted(renamed)


@pytest.mark.parametrize(
    "value,query,status",
    [
        ({}, {}, 400),  # no destination
        ({}, {"bck_to": "nonsense"}, 400),
        ({}, {"bck_to": "ais/@#/copy-from/"}, 400),  # itself
        ({}, {"bck_to": "aws/@#/b/"}, 404),
        ({"prefix": 7}, {"bck_to": "ais/@#/to/"}, 400),
        ({"prepend": "../"}, {"bck_to": "ais/@#/to/"}, 400),
        ({"dry_run": "yes"}, {"bck_to": "ais/@#/to/"}, 400),
        ({"ext": {"a": 1}}, {"bck_to": "ais/@#/to/"}, 400),
        ({"ext": "a"}, {"bck_to": "ais/@#/to/"}, 400),
        ({"synchronize": True}, {"bck_to": "ais/@#/to/"}, 501),
    ],
)
def test_copies_that_cannot_be(node, value, query, status):
    client = Client(node.url)
    if "copy-from" not in [b.name for b in client.cluster().list_buckets()]:
        fill(client, "copy-from", ["x"])
    r = act_on(node, "copy-from", "copy-bck", value, **query)
    assert r.status_code == status, r.text
    assert "to" not in [b.name for b in client.cluster().list_buckets()]
    assert act_on(node, "nobody", "copy-bck", {}, bck_to="ais/@#/to/").status_code == 404


def test_a_name_too_long_ends_a_copy_or_not(node):
    client = Client(node.url)
    fill(client, "long-from", ["a", "b" * 100, "c"])
    to = {"bck_to": "ais/@#/long-to/"}
    for go_on in (False, True):
        value = {"prepend": "p" * 16_300 + "/", "coer": go_on}
        r = act_on(node, "long-from", "copy-bck", value, **to)
        assert r.ok, r.text
        client.job(r.text, "copy-bck").wait(timeout=30)
        status = ask(node, "status", id=r.text).json()
        assert status["aborted"] is not go_on
        assert "the copy of b" in status["err"], status
    assert len(names_of(client.bucket("long-to"))) == 2


def test_cleanup_removes_what_nobody_needs(fresh_node):
    fresh_node.start()
    client = Client(fresh_node.url)
    fill(client, "keep", ["x"])
    root = fresh_node.dir / "node" / "mp1"
    work = next(root.rglob("%wk"))
    (work / "otherstart.1").write_text("unfinished")
    (root / "@ais" / "stray" / "%ob").mkdir(parents=True)
    (root / "@ais" / "stray" / "%ob" / "o").write_text("of no bucket")
    r = requests.put(
        f"{fresh_node.url}/v1/cluster",
        json={"action": "start", "value": {"Kind": "cleanup"}},
        timeout=30,
    )
    assert r.ok, r.text
    assert client.job(r.text).wait(timeout=30).success
    assert not list(work.iterdir())
    assert not list(root.rglob("stray"))
    assert not list((root / ".$deleted").iterdir())
    assert client.bucket("keep").object("x").get_reader().read_all() == b"x" * 10
