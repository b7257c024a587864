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
