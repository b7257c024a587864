"""Loss of power on a real kernel: an ext4 file system is shut down under load.

EXT4_IOC_SHUTDOWN without a log flush stops all writing at once, as a power
failure does; after a remount every acknowledged `sync` PUT must be there.
Needs root and a loop device; skipped with a word elsewhere.
"""

import fcntl
import os
import struct
import subprocess
import threading

import pytest
import requests
from conftest import Node

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2


def run(*cmd):
    return subprocess.run(cmd, check=True, capture_output=True, text=True)


@pytest.fixture
def filesystem(tmp_path):
    """A small ext4 file system of the test's own, mounted."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    image, mnt = tmp_path / "image", tmp_path / "mnt"
    mnt.mkdir()
    with open(image, "wb") as f:
        f.truncate(256 << 20)
    try:
        run("mkfs.ext4", "-q", str(image))
        run("mount", "-o", "loop", str(image), str(mnt))
    except (OSError, subprocess.CalledProcessError) as e:
        pytest.skip(f"cannot mount an ext4 image here: {e}")
    yield image, mnt
    subprocess.run(["umount", "-l", str(mnt)])


def test_acknowledged_writes_survive_loss_of_power(filesystem):
    image, mnt = filesystem
    node = Node(mnt).start()
    r = requests.post(
        f"{node.url}/v1/buckets/b", json={"action": "create-bck"}, timeout=30
    )
    assert r.ok, r.text
    acked, lock, enough = {}, threading.Lock(), threading.Event()

    def content(k, i):
        return f"{k}-{i}-".encode() * (i * 37 % 3000 + 1)

    def writer(k):
        session = requests.Session()
        for i in range(100_000):
            name = f"w{k}/d{i % 5}/o{i % 40}"
            try:
                r = session.put(
                    f"{node.url}/v1/objects/b/{name}", data=content(k, i), timeout=30
                )
            except requests.RequestException:
                return
            if not r.ok:
                return
            with lock:
                acked[name] = (k, i)
                if len(acked) >= 200:
                    enough.set()

    threads = [threading.Thread(target=writer, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    assert enough.wait(timeout=120)
    fd = os.open(mnt, os.O_RDONLY)
    fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    os.close(fd)
    for t in threads:
        t.join()
    node.kill()
    run("umount", str(mnt))
    run("mount", "-o", "loop", str(image), str(mnt))

    node.start()
    for name, (k, i) in acked.items():
        r = requests.get(f"{node.url}/v1/objects/b/{name}", timeout=30)
        assert r.ok, (name, r.text)
        # The write under way at the end may be there, but nothing older.
        assert r.content in (content(k, i), content(k, i + 40)), name
    assert node.work_files() == []
    assert node.stop() == 0
