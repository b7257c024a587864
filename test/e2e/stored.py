"""Objects whose content is known by their name: stored, read back, listed."""

import concurrent.futures
import hashlib
import itertools
import random
import threading
import time

import requests

TIMEOUT = 60


def content(name):
    size = random.Random(name).choice([0, 1, 100, 5000, 70_000, 1_500_000])
    return hashlib.sha256(name.encode()).digest() * (size // 32) + b"x" * (size % 32)


def store(node, name, data=None):
    data = content(name) if data is None else data
    url = f"{node.url}/v1/objects/b/{name}"
    return requests.put(url, data=data, timeout=TIMEOUT)


def load(node, name):
    return requests.get(f"{node.url}/v1/objects/b/{name}", timeout=TIMEOUT)


def patient(ask, *args):
    """A node that sees a map later than others says 503: try again."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            r = ask(*args)
            if r.status_code != 503:
                return r
        except requests.ConnectionError:
            pass
        assert time.monotonic() < deadline, "503 for too long"
        time.sleep(0.05)


def names_of(node):
    url = f"{node.url}/v1/buckets/b"
    names, token, uuid = [], "", ""
    while True:
        value = {"pagesize": 100, "continuation_token": token, "uuid": uuid}
        r = requests.get(url, json={"action": "list", "value": value}, timeout=TIMEOUT)
        if r.status_code == 503:  # placed anew meanwhile
            names, token, uuid = [], "", ""
            time.sleep(0.05)
            continue
        assert r.ok, r.text
        page = r.json()
        names += [e["name"] for e in page["entries"] or []]
        token, uuid = page["continuation_token"], page["uuid"]
        if not token:
            return names


def files(node):
    return [p for p in node.dir.rglob("%ob/*") if p.is_file()]


def check(node, names):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for name, r in zip(
            names, pool.map(lambda n: patient(load, node, n), names)
        ):
            assert r.status_code == 200, f"{name}: {r.text}"
            assert r.content == content(name), name


class Writers:
    """Overwrites, deletes and reads in threads; remembers what was not right."""

    def __init__(self, node, names, threads=4):
        self.node, self.names, self.count = node, names, threads
        self.stop = threading.Event()
        self.state = {}  # name -> contents that it may have; None: there is none
        self.failures = []
        self.acked = 0
        self.threads = [
            threading.Thread(target=self.work, args=(k,)) for k in range(threads)
        ]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join()

    def may_be(self, name):
        return self.state.get(name, {content(name)})

    def work(self, k):
        numbers = itertools.count()
        names = self.names[k :: self.count]
        some = random.Random(k)
        while not self.stop.is_set():
            name = some.choice(names)
            if some.random() < 0.3:
                url = f"{self.node.url}/v1/objects/b/{name}"
                r = requests.delete(url, timeout=TIMEOUT)
                value = None
                ok = r.ok or r.status_code == 404
            else:
                value = f"{k}-{next(numbers)}".encode()
                r = store(self.node, name, value)
                ok = r.ok
            if ok:
                self.state[name] = {value}
                self.acked += 1
            else:  # it may be, or not
                self.state[name] = self.may_be(name) | {value}
            r = load(self.node, name)
            seen = None if r.status_code == 404 else r.content
            if r.status_code in (200, 404) and seen not in self.may_be(name):
                self.failures.append((name, seen, self.state[name]))

    def check(self):
        """Afterwards: everything is as it was acknowledged."""
        assert not self.failures, self.failures[:3]
        assert self.acked > 0
        there = []
        for name in self.names:
            r = patient(load, self.node, name)
            seen = None if r.status_code == 404 else r.content
            assert r.status_code in (200, 404), r.text
            assert seen in self.may_be(name), name
            there += [name] if seen is not None else []
        assert names_of(self.node) == sorted(there)
