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


def short(data):
    return data and data[:20]


class Writers:
    """Overwrites, deletes and reads in threads; remembers what was not right."""

    numbers = itertools.count()  # no content comes twice

    def __init__(self, node, names, threads=4, state=None, timeout=TIMEOUT):
        """`node`: one, or a function that returns those that may be asked."""
        self.nodes = node if callable(node) else lambda: [node]
        self.names, self.count, self.timeout = names, threads, timeout
        self.stop = threading.Event()
        # name -> contents that it may have; None: there is none
        self.state = {} if state is None else state
        # The same of requests without an answer: they may yet be carried out.
        self.pending = {}
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

    def known(self, name):
        return self.state.get(name, {content(name)})

    def may_be(self, name):
        return self.known(name) | self.pending.get(name, set())

    def ask(self, some, method, name, data=None):
        """The answer of any of the nodes; None: there was none."""
        url = f"{some.choice(self.nodes()).url}/v1/objects/b/{name}"
        try:
            return requests.request(method, url, data=data, timeout=self.timeout)
        except requests.RequestException:
            return None

    def work(self, k):
        names = self.names[k :: self.count]
        some = random.Random()
        while not self.stop.is_set():
            name = some.choice(names)
            if some.random() < 0.3:
                value = None
                r = self.ask(some, "DELETE", name)
                ok = r is not None and (r.ok or r.status_code == 404)
            else:
                value = f"{next(self.numbers)}-".encode() * some.choice([1, 1, 1, 20_000])
                r = self.ask(some, "PUT", name, value)
                ok = r is not None and r.ok
            if ok:
                self.state[name] = {value}
                self.acked += 1
            elif r is None:
                self.pending[name] = self.pending.get(name, set()) | {value}
            else:  # it may be, or not
                self.state[name] = self.known(name) | {value}
            r = self.ask(some, "GET", name)
            if r is None or r.status_code not in (200, 404):
                continue
            seen = None if r.status_code == 404 else r.content
            if seen not in self.may_be(name):
                self.failures.append((name, short(seen), {short(x) for x in self.may_be(name)}))

    def check(self):
        """Afterwards: everything is as it was acknowledged."""
        assert not self.failures, self.failures[:3]
        assert self.acked > 0
        there = []
        node = self.nodes()[0]
        for name in self.names:
            r = patient(load, node, name)
            seen = None if r.status_code == 404 else r.content
            assert r.status_code in (200, 404), r.text
            assert seen in self.may_be(name), (name, short(seen))
            self.state[name] = {seen}
            there += [name] if seen is not None else []
        assert names_of(node) == sorted(there)
