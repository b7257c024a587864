"""What a connection costs: halted uploads and downloads hold little memory.

The bound holds for the peak, too: a node that took in whole objects and gave the
memory back would not pass. Sanitizers keep freed memory: run it with other builds.
"""

import hashlib
import http.client
import pathlib
import shutil
import socket
import time

import pytest

CONNECTIONS = 32  # of each kind
OBJECT_BYTES = 64 << 20
CROWD = 600  # halted uploads: more than there are blocks on two I/O threads
CROWD_BYTES = 128 << 10  # of each: streamed, but no space is reserved for it
SENT_BYTES = 8 << 20  # of each upload before it halts
MIB_PER_CONNECTION = 1.0
ESTABLISHED = "01"


def memory_mib(node):
    """(resident now, peak since reset_peak) of the node's process [MiB]."""
    text = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return [int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")]


def reset_peak(node):
    pathlib.Path(f"/proc/{node.process.pid}/clear_refs").write_text("5")


def queues(node):
    """(bytes to send, bytes not read yet) of the node's connections, in order."""
    out = []
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, peer, state, sizes, *_ = line.split()
        if state == ESTABLISHED and int(local.split(":")[1], 16) == node.port:
            to_send, unread = (int(x, 16) for x in sizes.split(":"))
            out.append((peer, to_send, unread))
    return sorted(out)


def await_true(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.01)


def connect(node):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    s.settimeout(60)
    s.connect(("127.0.0.1", node.port))
    return s


def answer(s):
    reply = http.client.HTTPResponse(s)
    reply.begin()
    return reply


def block(i):
    return bytes([i % 256]) * (256 << 10)


def upload_head(bucket, name, size=OBJECT_BYTES):
    return (
        f"PUT /v1/objects/{bucket}/{name} HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {size}\r\n\r\n"
    ).encode()


def content():
    for i in range(OBJECT_BYTES // len(block(0))):
        yield block(i)


def ask(node, method, path, body=None):
    """(status, digest of the reply); leaves no connection behind."""
    c = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    c.request(method, path, body)
    with c.getresponse() as reply:
        got = reply.status, hashlib.sha256(reply.read()).digest()
    c.close()
    return got


@pytest.mark.parametrize("verified", [True, False], ids=["verified", "unverified"])
def test_memory_per_connection(fresh_node, bucket_name, record_property, verified):
    node = fresh_node.start()
    path = f"/v1/objects/{bucket_name}"
    create = '{"action": "create-bck"}'
    assert ask(node, "POST", f"/v1/buckets/{bucket_name}", create)[0] == 200
    # Warm: every path was taken once, and there is something to download.
    assert ask(node, "PUT", f"{path}/large", content())[0] == 200
    want = hashlib.sha256(b"".join(content())).digest()
    assert ask(node, "GET", f"{path}/large") == (200, want)
    if not verified:  # a node that just started hashes what it sends
        assert node.stop() == 0
        node.start()
    await_true(lambda: queues(node) == [], "the warm-up's connections are gone")
    before, _ = memory_mib(node)

    reset_peak(node)
    uploads = [connect(node) for _ in range(CONNECTIONS)]
    for i, s in enumerate(uploads):
        s.sendall(upload_head(bucket_name, f"up{i}"))
    for i in range(SENT_BYTES // len(block(0))):
        for s in uploads:
            s.sendall(block(i))

    def all_taken_in():
        unread = [x[2] for x in queues(node)]
        return len(unread) == CONNECTIONS and not any(unread)

    await_true(all_taken_in, "the node has read what was sent")
    after_uploads, peak_uploads = memory_mib(node)

    reset_peak(node)
    downloads = [connect(node) for _ in range(CONNECTIONS)]
    get = f"GET {path}/large HTTP/1.1\r\nHost: x\r\n\r\n"
    for s in downloads:
        s.sendall(get.encode())
    last = []

    def all_halted():
        # Twice the same, and each download has something left to send.
        nonlocal last
        old, last = last, queues(node)
        full = sum(x[1] > 0 for x in last)
        return full == CONNECTIONS and len(last) == 2 * CONNECTIONS and old == last

    await_true(all_halted, "the downloads wait for their readers")
    after_both, peak_both = memory_mib(node)

    per_upload = (max(after_uploads, peak_uploads) - before) / CONNECTIONS
    per_download = (max(after_both, peak_both) - after_uploads) / CONNECTIONS
    text = (
        f"resident: {before:.1f} MiB, with {CONNECTIONS} halted uploads"
        f" {after_uploads:.1f} (peak {peak_uploads:.1f}), and {CONNECTIONS} halted"
        f" downloads {after_both:.1f} (peak {peak_both:.1f}): {per_upload:.2f} MiB"
        f" an upload, {per_download:.2f} MiB a download"
    )
    print(text)
    record_property("memory", text)
    assert per_upload <= MIB_PER_CONNECTION, text
    assert per_download <= MIB_PER_CONNECTION, text

    # Halted is not broken: some go on to the end.
    for s in uploads[:2]:
        for i in range(SENT_BYTES // len(block(0)), OBJECT_BYTES // len(block(0))):
            s.sendall(block(i))
        assert answer(s).status == 200
    assert ask(node, "GET", f"{path}/up1") == (200, want)
    for s in downloads[:2]:
        assert hashlib.sha256(answer(s).read()).digest() == want

    # The rest hang up: nothing of their uploads stays.
    for s in uploads + downloads:
        s.close()
    await_true(lambda: node.work_files() == [], "work files are removed")
    for i in range(2, CONNECTIONS):
        assert ask(node, "HEAD", f"{path}/up{i}")[0] == 404
    assert node.stop() == 0
    shutil.rmtree(node.dir)  # pytest keeps the files of several runs


def test_halted_uploads_do_not_stop_others(fresh_node, bucket_name):
    node = fresh_node.start()
    create = '{"action": "create-bck"}'
    assert ask(node, "POST", f"/v1/buckets/{bucket_name}", create)[0] == 200
    crowd = [connect(node) for _ in range(CROWD)]
    for i, s in enumerate(crowd):
        s.sendall(upload_head(bucket_name, f"up{i}", CROWD_BYTES) + b"x")
    # Well before the crowd runs out of its time (limits::grace_seconds).
    path = f"/v1/objects/{bucket_name}/other"
    c = http.client.HTTPConnection("127.0.0.1", node.port, timeout=10)
    for _ in range(4):  # on either thread
        c.request("PUT", path, content())
        assert c.getresponse().read() == b""
        c.close()
    want = hashlib.sha256(b"".join(content())).digest()
    assert ask(node, "GET", path) == (200, want)
    for s in crowd:
        s.close()
