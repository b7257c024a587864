"""Network namespaces with one node each, joined by a bridge, and walls of
nftables rules between them. Everything lives in namespaces of its own: nothing
of it is seen outside, and it is gone with them. Needs root."""

import contextlib
import ctypes
import os
import secrets
import shutil
import subprocess
import threading

import pytest
import requests

from conftest import Node

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def sh(*args, **kwargs):
    done = subprocess.run(args, capture_output=True, text=True, **kwargs)
    if done.returncode != 0:
        raise OSError(f"{' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def need_namespaces():
    """Skips the test, with a reason, where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    for tool in ("ip", "nft"):
        if not shutil.which(tool):
            pytest.skip(f"network namespaces need {tool}: install iproute2, nftables")
    with contextlib.ExitStack() as probe:
        name = f"ais-{secrets.token_hex(4)}"
        try:
            sh("ip", "netns", "add", name)
            probe.callback(sh, "ip", "netns", "del", name)
            sh("ip", "netns", "exec", name, "nft", "add", "table", "inet", "probe")
        except OSError as e:
            pytest.skip(f"no network namespaces here: {e}")


def inside(name, f):
    """What `f` returns, with its sockets in the namespace."""
    out = {}

    def run():
        try:
            with open(f"/var/run/netns/{name}") as ns:
                if libc.setns(ns.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            out["value"] = f()
        except Exception as e:  # raised again below
            out["error"] = e

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if "error" in out:
        raise out["error"]
    return out["value"]


class NetNode(Node):
    """A node in a namespace; clients beside it use ask()."""

    def __init__(self, net, index, dir, more):
        super().__init__(dir, (), more, f"10.77.0.{index}")
        self.namespace = f"{net.prefix}-{index}"
        self.port = 8080

    def command(self):
        return ["ip", "netns", "exec", self.namespace] + super().command()

    def started(self):
        return inside(self.namespace, super().started)

    def ask(self, method, path, **kwargs):
        """A request of a client in the node's namespace."""
        kwargs.setdefault("timeout", 30)
        return inside(
            self.namespace,
            lambda: requests.request(method, self.url + path, **kwargs),
        )


class Net:
    """A bridge; nodes are joined to it one by one. Use as a context."""

    def __init__(self):
        self.prefix = f"ais-{secrets.token_hex(3)}"
        self.names, self.nodes = [], []

    def __enter__(self):
        try:
            self.add_namespace("hub")
            self.ip("hub", "link", "add", "bridge0", "type", "bridge")
            self.ip("hub", "link", "set", "bridge0", "up")
        except OSError:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for node in self.nodes:
            if node.alive():
                node.kill()
        for name in self.names:
            sh("ip", "netns", "del", f"{self.prefix}-{name}")
        self.names = []

    def add_namespace(self, name):
        sh("ip", "netns", "add", f"{self.prefix}-{name}")
        self.names.append(name)

    def ip(self, name, *args):
        sh("ip", "-n", f"{self.prefix}-{name}", *args)

    def make(self, dir, *more):
        """A node in a namespace of its own; not started."""
        i = len(self.nodes) + 1
        self.add_namespace(i)
        hub = f"{self.prefix}-hub"
        self.ip(i, "link", "add", "eth", "type", "veth", "peer", f"p{i}", "netns", hub)
        self.ip("hub", "link", "set", f"p{i}", "master", "bridge0", "up")
        self.ip(i, "addr", "add", f"10.77.0.{i}/24", "dev", "eth")
        self.ip(i, "link", "set", "lo", "up")
        self.ip(i, "link", "set", "eth", "up")
        dir.mkdir()
        node = NetNode(self, i, dir, more)
        self.nodes.append(node)
        return node

    def part(self, some):
        """Drops all packets between `some` and the others, both ways."""
        for node in self.nodes:
            far = [n.host for n in self.nodes if (n in some) != (node in some)]
            far = ", ".join(far)
            rules = f"""
                add table inet wall
                add chain inet wall in {{ type filter hook input priority 0; }}
                add chain inet wall out {{ type filter hook output priority 0; }}
                add rule inet wall in ip saddr {{ {far} }} drop
                add rule inet wall out ip daddr {{ {far} }} drop
            """
            sh("ip", "netns", "exec", node.namespace, "nft", "-f", "-", input=rules)

    def heal(self):
        for node in self.nodes:
            sh("ip", "netns", "exec", node.namespace, "nft", "flush", "ruleset")
