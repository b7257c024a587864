"""Many clients at once, on objects of their own and on shared ones.

Most of its worth comes from a node built with ThreadSanitizer: clients that take
turns never show a race.
"""

import concurrent.futures
import json
import random

import requests

CLIENTS = 8
ROUNDS = 25


def body_of(rng, who):
    """A body that names its writer at both ends; all sizes an upload can take."""
    n = rng.choice([0, 10, 4096, 70_000, 1 << 20])
    return b"%d:" % who + rng.randbytes(n) + b":%d" % who


def whole(body):
    """What some client wrote, not a mix of two."""
    return body.split(b":", 1)[0] == body.rsplit(b":", 1)[1]


def client(url, bucket, who):
    rng = random.Random(who)
    s = requests.Session()
    objects = f"{url}/v1/objects/{bucket}"
    buckets = f"{url}/v1/buckets"
    for n in range(ROUNDS):
        # An object of its own: what was acknowledged is what is read.
        mine, body = f"{objects}/c{who}/{n}", body_of(rng, who)
        assert s.put(mine, data=body).status_code == 200
        assert s.get(mine).content == body
        part = s.get(mine, headers={"Range": "bytes=1-2"})
        assert part.status_code == 206 and part.content == body[1:3]
        assert s.head(mine).headers["Content-Length"] == str(len(body))
        # A shared one: some whole version, or none at all.
        shared = f"{objects}/shared{rng.randrange(3)}"
        if rng.random() < 0.1:
            assert s.delete(shared).status_code in (200, 404)
        else:
            assert s.put(shared, data=body_of(rng, who)).status_code == 200
        r = s.get(shared)
        assert r.status_code == 404 or (r.status_code == 200 and whole(r.content))
        # What looks at or changes everything.
        listed = s.get(
            f"{buckets}/{bucket}",
            data=json.dumps({"action": "list", "value": {"props": "name,size"}}),
            headers={"Accept": "application/json"},
        )
        assert listed.status_code == 200
        extra = f"{buckets}/{bucket}-{who}"
        create, destroy = {"action": "create-bck"}, {"action": "destroy-bck"}
        if n % 5 == 0:
            assert s.post(extra, json=create).status_code == 200
            assert s.put(f"{url}/v1/objects/{bucket}-{who}/o", data=b"x").ok
        elif n % 5 == 4:
            assert s.delete(extra, json=destroy).status_code == 200
        if n % 5 == 1:
            props = {"action": "set-bprops", "value": {"versioning": {"enabled": n % 2 == 0}}}
            assert s.patch(f"{buckets}/{bucket}", json=props).status_code == 200
            assert s.get(f"{url}/metrics").ok
        if n % 5 == 2:
            level = {"log.level": str(3 + who % 2)}
            assert s.put(f"{url}/v1/cluster/set-config", params=level).status_code == 200
            assert s.delete(mine).status_code == 200


def test_many_clients(node, bucket):
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        running = [pool.submit(client, node.url, bucket, who) for who in range(CLIENTS)]
        for one in running:
            one.result()
