"""Real processes that come, go, die and are repaired while clients write, read and
verify. What is checked: nothing that was acknowledged is lost or undone, no read is
stale, all is well within a minute of each heal, and memory does not grow.

    thrash.py [--minutes 10] [--seed S] [--proxies 3] [--targets 3]
"""

import argparse
import pathlib
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time

import requests

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from conftest import Cluster  # noqa: E402
from mountpath_test import act as act_on_mountpath  # noqa: E402
from mountpath_test import flags, mountpaths  # noqa: E402
from rebalance_test import act, id_of  # noqa: E402
from stored import Writers, patient, store  # noqa: E402

EVERY = 5  # seconds between actions
HEAL_EVERY = 10  # actions
HEALTHY_WITHIN = 60  # seconds after a heal
MAX_NODES = 9
OBJECTS = 400
RESILVERING, REBALANCING = 32, 8
IN_MAINTENANCE = 4 | 8


class Failure(Exception):
    pass


class Thrash:
    def __init__(self, dir, args):
        self.random = random.Random(args.seed)
        self.cluster = Cluster(dir, args.proxies, 0)
        for i in range(args.targets):
            self.cluster.targets.append(self.make_target(f"t{i}"))
        self.names = 0
        self.maintained = set()  # nodes
        self.stopped = set()
        self.disabled = set()  # (node, path)
        self.leaving = []  # for good
        self.counts = {}
        # These are not killed: their memory is watched.
        self.spared = [self.cluster.proxies[-1], self.cluster.targets[-1]]
        self.memory = {node: [] for node in self.spared}
        self.threads = {}

    def make_target(self, name):
        node = self.cluster.make(name, "target")
        node.mountpaths = [node.dir / f"mp{i}" for i in (1, 2, 3)]
        for path in node.mountpaths:
            path.mkdir()
        return node

    def start(self):
        self.cluster.start()
        first = self.cluster.first
        r = patient(
            lambda: requests.post(
                f"{first.url}/v1/buckets/b", json={"action": "create-bck"}, timeout=60
            )
        )
        assert r.ok, r.text

    # -- actions: each returns whether it did anything

    def any_of(self, nodes):
        nodes = [n for n in nodes if n.alive() and n not in self.stopped]
        return self.random.choice(nodes) if nodes else None

    def majority_stays(self):
        """One more may be out: the others can still decide."""
        nodes = self.cluster.nodes
        out = sum(not n.alive() or n in self.stopped for n in nodes)
        proxies = [n for n in self.cluster.proxies if n.alive()]
        return 2 * (out + 1) < len(nodes) and len(proxies) > 1

    def kill(self):
        node = self.any_of(set_without(self.cluster.nodes, self.spared))
        if not node or not self.majority_stays():
            return False
        node.kill()
        return True

    def restart(self):
        self.gone()  # who has left for good is not started again
        dead = [n for n in self.cluster.nodes if not n.alive()]
        if not dead:
            return False
        self.random.choice(dead).start(wait=False)
        return True

    def pause(self):
        node = self.any_of(self.cluster.nodes)
        if not node or not self.majority_stays():
            return False
        node.process.send_signal(signal.SIGSTOP)
        self.stopped.add(node)
        return True

    def resume(self):
        if not self.stopped:
            return False
        node = self.stopped.pop()
        node.process.send_signal(signal.SIGCONT)
        return True

    def add(self):
        if len(self.cluster.nodes) >= MAX_NODES:
            return False
        self.names += 1
        if self.random.random() < 0.3:
            node = self.cluster.make(f"pn{self.names}", "proxy")
            self.cluster.proxies.append(node)
        else:
            node = self.make_target(f"tn{self.names}")
            self.cluster.targets.append(node)
        node.start(wait=False)
        return True

    def ask(self, action, node, **value):
        """Whether the cluster took it. It may be busy, or elect."""
        speaker = self.any_of(self.cluster.proxies)
        if not speaker:
            return False
        try:
            id = id_of(self.cluster, node)
            return act(speaker, action, {"sid": id, **value}).ok
        except (requests.RequestException, RuntimeError, StopIteration):
            return False

    def remove(self):
        """For good, when its objects have moved."""
        targets = set_without(self.cluster.targets, self.spared)
        if len(self.cluster.targets) - len(self.maintained) <= 2:
            return False
        node = self.any_of(set_without(targets, self.maintained))
        if not node or not self.ask("decommission-node", node, rm_user_data=True):
            return False
        self.leaving.append(node)
        return True

    def maintain(self):
        here = set_without(
            self.cluster.targets, self.maintained | set(self.leaving)
        )
        node = self.any_of(here)
        if not node or len(here) <= 2 or not self.ask("start-maintenance", node):
            return False
        self.maintained.add(node)
        return True

    def end_maintenance(self):
        if not self.maintained:
            return False
        node = self.random.choice(list(self.maintained))
        if not self.ask("stop-maintenance", node):
            return False
        self.maintained.discard(node)
        return True

    def mountpath(self, action, node, path):
        try:
            return act_on_mountpath(node, action, path).ok
        except (requests.RequestException, RuntimeError):
            return False

    def mountpath_out(self):
        node = self.any_of(self.cluster.targets)
        if not node:
            return False
        path = self.random.choice(node.mountpaths)
        action = self.random.choice(["disable-mp", "detach-mp"])
        if not self.mountpath(action, node, path):
            return False
        self.disabled.add((node, path))
        return True

    def mountpath_in(self):
        if not self.disabled:
            return False
        return self.enable(*self.random.choice(list(self.disabled)))

    def enable(self, node, path):
        for action in ("enable-mp", "attach-mp"):
            if self.mountpath(action, node, path):
                self.disabled.discard((node, path))
                return True
        return False

    ACTIONS = {
        "kill -9": (kill, 4),
        "restart": (restart, 4),
        "pause": (pause, 1),
        "resume": (resume, 2),
        "add a node": (add, 2),
        "remove a node": (remove, 1),
        "maintenance": (maintain, 2),
        "end of maintenance": (end_maintenance, 2),
        "a mountpath leaves": (mountpath_out, 3),
        "a mountpath comes": (mountpath_in, 2),
    }

    def strike(self):
        names = list(self.ACTIONS)
        weights = [self.ACTIONS[name][1] for name in names]
        for _ in range(20):
            (name,) = self.random.choices(names, weights)
            if self.ACTIONS[name][0](self):
                self.counts[name] = self.counts.get(name, 0) + 1
                return name
        return "nothing"

    # -- peace

    def gone(self):
        """Forgets nodes that have left for good."""
        for node in list(self.leaving):
            try:
                id = id_of(self.cluster, node)
                flags_of = self.cluster.smap(self.cluster.first)["tmap"][id]["flags"]
                if not flags_of & IN_MAINTENANCE:
                    # It was dead when it was to leave, and has joined again.
                    self.leaving.remove(node)
                    self.maintained.discard(node)
            except (requests.RequestException, StopIteration, KeyError):
                continue
            except RuntimeError:  # not in the map
                if node.alive():
                    continue
                self.leaving.remove(node)
                self.cluster.targets.remove(node)
                self.maintained.discard(node)
                self.disabled = {(n, p) for n, p in self.disabled if n != node}
                shutil.rmtree(node.dir)

    def heal(self):
        """Everybody is back and repaired: within the time, all must be well."""
        for node in self.stopped:
            node.process.send_signal(signal.SIGCONT)
        self.stopped.clear()
        deadline = time.monotonic() + HEALTHY_WITHIN
        while not self.well():
            if time.monotonic() > deadline:
                raise Failure(f"not well {HEALTHY_WITHIN} s after the heal: {self.why}")
            time.sleep(0.2)

    def well(self):
        try:
            return self.check_well()
        except (requests.RequestException, RuntimeError, ValueError) as e:
            self.why = str(e)
            return False

    def check_well(self):
        self.gone()
        for node in self.cluster.nodes:
            if not node.alive() and node not in self.leaving:
                node.start(wait=False)
        starting = [n for n in self.cluster.nodes if n.alive() and not n.started()]
        if starting:
            self.why = f"{starting[0].dir.name} has not started: {health(starting[0])}"
            return False
        while self.maintained - set(self.leaving):
            if not self.end_maintenance():
                break
        for node, path in list(self.disabled):
            if node.alive() and not self.enable(node, path):
                known = mountpaths(node)
                if str(path) in known["available"]:  # it is back already
                    self.disabled.discard((node, path))
        if self.leaving:
            self.why = f"{self.leaving[0].dir.name} has not left yet"
            return False
        if self.maintained or self.disabled:
            self.why = f"out: {[n.dir.name for n in self.maintained]} {self.disabled}"
            return False
        if not self.cluster.healthy():
            self.why = "the nodes do not agree"
            return False
        if len(self.cluster.smap(self.cluster.first)["placements"]) != 1:
            self.why = "objects move between targets"
            return False
        for node in self.cluster.targets:
            if flags(node) & (RESILVERING | REBALANCING):
                self.why = f"objects move on {node.dir.name}"
                return False
        return True

    def note_memory(self):
        """Of the same threads each time: those of a mountpath that has left are
        there for some seconds."""
        for node, seen in self.memory.items():
            threads, deadline = status(node, "Threads"), time.monotonic() + 20
            self.threads.setdefault(node, threads)
            while threads > self.threads[node] and time.monotonic() < deadline:
                time.sleep(0.5)
                threads = status(node, "Threads")
            seen.append(status(node, "RssAnon"))

    def growth(self):
        """Of the spared processes, between the first and the last third."""
        worst = 0.0
        for seen in self.memory.values():
            third = max(1, len(seen) // 3)
            before = statistics.median(seen[:third])
            worst = max(worst, statistics.median(seen[-third:]) / before - 1)
        return worst


def status(node, name):
    """A number of what the kernel tells of a process; sizes in KiB."""
    text = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    line = next(x for x in text.splitlines() if x.startswith(name))
    return int(line.split()[1])


def health(node):
    """What a node says that is not well."""
    try:
        r = requests.get(node.url + "/v1/health", timeout=5)
        return f"{r.status_code} {r.text}"
    except requests.RequestException as e:
        return str(e)


def set_without(nodes, others):
    return [n for n in nodes if n not in others]


def run(args, dir):
    thrash = Thrash(dir, args)
    thrash.start()
    names = [f"o{i:03}" for i in range(OBJECTS)]
    for name in names:
        assert patient(store, thrash.cluster.first, name).ok
    proxies = lambda: [n for n in thrash.cluster.proxies if n.alive()]  # noqa: E731
    acked, rounds = 0, 0
    end = time.monotonic() + args.minutes * 60
    try:
        state = {}
        while time.monotonic() < end:
            with Writers(proxies, names, state=state, timeout=20) as writers:
                for _ in range(HEAL_EVERY):
                    print(f"{thrash.strike()}", end="; ", flush=True)
                    time.sleep(EVERY)
                began = time.monotonic()
                thrash.heal()
                took = time.monotonic() - began
            writers.check()
            acked += writers.acked
            rounds += 1
            thrash.note_memory()
            memory = ", ".join(
                f"{node.dir.name} {seen[-1] // 1024} MiB"
                for node, seen in thrash.memory.items()
            )
            print(
                f"\nround {rounds}: well after {took:.1f} s, {acked} writes kept,"
                f" memory: {memory}"
            )
        growth = thrash.growth()
        for name, n in sorted(thrash.counts.items()):
            print(f"  {name:<20} {n}")
        print(f"{rounds} rounds, {acked} acknowledged writes, memory {growth:+.1%}")
        if rounds > 5 and growth > 0.05:
            raise Failure(f"memory grew by {growth:.1%}: {thrash.memory.values()}")
    finally:
        thrash.cluster.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--proxies", type=int, default=3)
    parser.add_argument("--targets", type=int, default=3)
    args = parser.parse_args()
    print(f"thrash: seed {args.seed}, {args.minutes} minutes", flush=True)
    dir = pathlib.Path(tempfile.mkdtemp(prefix="ais-thrash-"))
    try:
        run(args, dir)
    except (Failure, AssertionError) as e:
        print(f"\nFAILED: {e}\nwhat the nodes wrote is in {dir}")
        return 1
    shutil.rmtree(dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
