"""What nobody should send: refused, nothing changed, the node lives.

One table of raw requests. Each must be answered 4xx (or 501, 505), or the
connection closed; afterwards the node is the same process, healthy, and has the
same buckets, configuration and objects.
"""

import socket

import pytest
import requests

HOST = b"Host: x\r\n"
OBJ = b"/v1/objects/b/sentinel"
JSON = b"Content-Type: application/json\r\n"


def get(target, headers=b"", host=HOST):
    return b"GET " + target + b" HTTP/1.1\r\n" + host + headers + b"\r\n"


def put(target, headers=b"", body=b"", host=HOST):
    return b"PUT " + target + b" HTTP/1.1\r\n" + host + headers + b"\r\n" + body


def sized(method, target, body, headers=b""):
    head = method + b" " + target + b" HTTP/1.1\r\n" + HOST + headers
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def act(method, target, body):
    return sized(method, target, body, JSON)


def bucket(body, method=b"POST", name=b"evil"):
    return act(method, b"/v1/buckets/" + name, body)


CHUNKED = b"Transfer-Encoding: chunked\r\n"
CASES = {
    # -- framing and smuggling
    "content-length and chunked": put(OBJ, b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n"),
    "chunked and content-length": put(OBJ, CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n"),
    "two content-lengths": put(OBJ, b"Content-Length: 4\r\nContent-Length: 5\r\n", b"abcd"),
    "two equal content-lengths": put(OBJ, b"Content-Length: 4\r\nContent-Length: 4\r\n", b"abcd"),
    "content-length list": put(OBJ, b"Content-Length: 4, 4\r\n", b"abcd"),
    "content-length with plus": put(OBJ, b"Content-Length: +4\r\n", b"abcd"),
    "content-length with spaces": put(OBJ, b"Content-Length: 4 4\r\n", b"abcd"),
    "content-length hex": put(OBJ, b"Content-Length: 0x4\r\n", b"abcd"),
    "content-length negative": put(OBJ, b"Content-Length: -4\r\n", b"abcd"),
    "content-length empty": put(OBJ, b"Content-Length: \r\n", b"abcd"),
    "content-length beyond 2^64": put(OBJ, b"Content-Length: 99999999999999999999999\r\n"),
    "no length": put(OBJ),
    "chunked twice": put(OBJ, b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    "chunked in two headers": put(OBJ, CHUNKED + CHUNKED, b"0\r\n\r\n"),
    "xchunked": put(OBJ, b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "gzip, chunked": put(OBJ, b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    "identity": put(OBJ, b"Transfer-Encoding: identity\r\n", b"x"),
    "tab before chunked": put(OBJ, b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n"),
    "space before colon": put(OBJ, b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    "folded header": put(OBJ, b"X-A: b\r\n Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunked in HTTP/1.0": b"PUT " + OBJ + b" HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
    "bare LF": b"GET " + OBJ + b" HTTP/1.1\nHost: x\n\n",
    "bare LF in headers": b"GET " + OBJ + b" HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "CR in a header": get(OBJ, b"X: a\rb\r\n"),
    "NUL in a header": get(OBJ, b"X: a\0b\r\n"),
    "NUL in the target": get(b"/v1/objects/b/a\0b"),
    "control byte in a name": get(OBJ, b"X\x01: a\r\n"),
    "no host": get(OBJ, host=b""),
    "two hosts": get(OBJ, b"Host: y\r\n"),
    "other absolute host": get(b"http://other/v1/objects/b/sentinel"),
    "authority form": b"CONNECT x:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no slash": get(b"v1/objects"),
    "empty target": b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/3.7": b"GET / HTTP/3.7\r\n" + HOST + b"\r\n",
    "h2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
    "random bytes": bytes(range(128, 256)) * 4 + b"\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "unknown method": b"BREW " + OBJ + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "TRACE": b"TRACE " + OBJ + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "chunk size not hex": put(OBJ, CHUNKED, b"zz\r\nabc\r\n0\r\n\r\n"),
    "chunk size negative": put(OBJ, CHUNKED, b"-1\r\nabc\r\n0\r\n\r\n"),
    "chunk size with 0x": put(OBJ, CHUNKED, b"0x3\r\nabc\r\n0\r\n\r\n"),
    "chunk size overflow": put(OBJ, CHUNKED, b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    "chunk longer than said": put(OBJ, CHUNKED, b"3\r\nabcdef\r\n0\r\n\r\n"),
    "chunk without CRLF": put(OBJ, CHUNKED, b"3\r\nabc0\r\n\r\n"),
    "chunk size with LF": put(OBJ, CHUNKED, b"3\nabc\r\n0\r\n\r\n"),
    "chunk size empty": put(OBJ, CHUNKED, b"\r\nabc\r\n0\r\n\r\n"),
    # -- too much
    "huge header": get(OBJ, b"X: " + b"a" * 100_000 + b"\r\n"),
    "huge target": get(b"/" + b"a" * 100_000),
    "many headers": get(OBJ, b"".join(b"X%d: y\r\n" % i for i in range(500))),
    "many parameters": get(OBJ + b"?" + b"&".join(b"p%d=1" % i for i in range(200))),
    "huge JSON": act(b"POST", b"/v1/buckets/evil", b" " * (9 << 20)),
    "name of 20,000 bytes": put(b"/v1/objects/b/" + b"n" * 20_000, b"Content-Length: 1\r\n", b"x"),
    "bucket of 65 bytes": bucket(b'{"action":"create-bck"}', name=b"b" * 65),
    # -- names
    "dot dot": get(b"/v1/objects/b/../../../etc/passwd"),
    "dot dot put": put(b"/v1/objects/b/../x", b"Content-Length: 1\r\n", b"x"),
    "encoded dot dot": put(b"/v1/objects/b/%2e%2e/x", b"Content-Length: 1\r\n", b"x"),
    "encoded slashes": put(b"/v1/objects/b/..%2f..%2fx", b"Content-Length: 1\r\n", b"x"),
    "dot": put(b"/v1/objects/b/a/./x", b"Content-Length: 1\r\n", b"x"),
    "encoded NUL": put(b"/v1/objects/b/a%00b", b"Content-Length: 1\r\n", b"x"),
    "encoded line break": put(b"/v1/objects/b/a%0d%0ab", b"Content-Length: 1\r\n", b"x"),
    "home": put(b"/v1/objects/b/~/x", b"Content-Length: 1\r\n", b"x"),
    "trailing slash": put(b"/v1/objects/b/dir/", b"Content-Length: 1\r\n", b"x"),
    "no object": put(b"/v1/objects/b", b"Content-Length: 1\r\n", b"x"),
    "empty object": put(b"/v1/objects/b/", b"Content-Length: 1\r\n", b"x"),
    "bad UTF-8": put(b"/v1/objects/b/%ff%fe", b"Content-Length: 1\r\n", b"x"),
    "overlong UTF-8": put(b"/v1/objects/b/%c0%ae%c0%ae/x", b"Content-Length: 1\r\n", b"x"),
    "surrogate": put(b"/v1/objects/b/%ed%a0%80", b"Content-Length: 1\r\n", b"x"),
    "half escape": put(b"/v1/objects/b/a%4", b"Content-Length: 1\r\n", b"x"),
    "wrong escape": put(b"/v1/objects/b/a%zz", b"Content-Length: 1\r\n", b"x"),
    "bucket dot dot": bucket(b'{"action":"create-bck"}', name=b".."),
    "bucket with slash": bucket(b'{"action":"create-bck"}', name=b"a%2fb"),
    "bucket with space": bucket(b'{"action":"create-bck"}', name=b"a%20b"),
    "bucket of the system": bucket(b'{"action":"create-bck"}', name=b".sys-x"),
    "bucket empty": act(b"POST", b"/v1/buckets/", b'{"action":"create-bck"}'),
    "namespace dot dot": act(b"POST", b"/v1/buckets/evil?namespace=@..%23..", b'{"action":"create-bck"}'),
    "unknown provider": act(b"POST", b"/v1/buckets/evil?provider=hdfs", b'{"action":"create-bck"}'),
    "copy to dot dot": put(OBJ + b"?object_to=ais/@%23/b/../x", b"Content-Length: 0\r\n"),
    "copy to nowhere": put(OBJ + b"?object_to=ais/@%23/none/x", b"Content-Length: 0\r\n"),
    "copy to garbage": put(OBJ + b"?object_to=%2F%2F", b"Content-Length: 0\r\n"),
    "rename to dot dot": act(b"POST", OBJ, b'{"action":"rename-obj","name":"../x"}'),
    "rename to nothing": act(b"POST", OBJ, b'{"action":"rename-obj","name":""}'),
    "prefix dot dot": act(b"GET", b"/v1/buckets/b", b'{"action":"list","value":{"prefix":"../"}}'),
    # -- ranges
    **{
        f"range {r.decode()}": get(OBJ, b"Range: " + r + b"\r\n")
        for r in (
            b"bytes=9-5", b"bytes=-0", b"bytes=100-", b"bytes=a-b", b"bytes=",
            b"bytes=--1", b"lines=0-1", b"bytes=0-1,3-4", b"bytes=0",
            b"bytes=99999999999999999999-", b"bytes= 0-1",
            b"bytes=" + b",".join(b"%d-%d" % (i, i) for i in range(1000)),
        )
    },
    # -- JSON
    **{
        f"json {i}": bucket(body)
        for i, body in enumerate((
            b"{", b"[]", b"1", b'"x"', b"{'action':'create-bck'}",
            b'{"action":1}', b'{"action":["create-bck"]}', b'{"action":"nope"}',
            b'{"action":"create-bck","value":"x"}', b'{"action":"create-bck","value":[]}',
            b'{"action":"create-bck","value":{"nope":1}}',
            b'{"action":"create-bck","value":{"mirror":{"copies":"many"}}}',
            b'{"action":"create-bck","value":{"access":-1}}',
            b'{"action":"create-bck","value":{"checksum":{"type":"md4"}}}',
            b'{"action":"create-bck"}x', b'{"action":"create-bck",}',
            b'{"action":"create-bck","value":NaN}', b"[" * 100_000,
            b'{"action":"\\ud800"}', b"\xff\xfe", b"\x84\xa6action\xa6create",
            b'{"action":"create-bck","value":{"lru":{"batch_size":1e999}}}',
        ))
    },
    **{
        f"list {i}": act(b"GET", b"/v1/buckets/b", b'{"action":"list","value":' + v + b"}")
        for i, v in enumerate((
            b"[]", b'"x"', b"7", b'{"pagesize":-1}', b'{"pagesize":"x"}',
            b'{"flags":"x"}', b'{"flags":-1}', b'{"uuid":"../x"}',
            b'{"prefix":7}', b'{"flags":"32768"}', b'{"flags":"513"}',
        ))
    },
    "config unknown": sized(b"PUT", b"/v1/cluster/set-config?foo.bar=1", b""),
    "config out of range": sized(b"PUT", b"/v1/cluster/set-config?mirror.copies=99", b""),
    "config nothing": sized(b"PUT", b"/v1/cluster/set-config", b""),
    "config not an object": act(b"PUT", b"/v1/cluster", b'{"action":"set-config","value":[1]}'),
    "node action garbage": act(b"PUT", b"/v1/daemon", b'{"action":"nope"}'),
    "reverse without node": get(b"/v1/reverse/daemon?what=smap"),
    "reverse to nowhere": get(b"/v1/reverse/daemon?what=smap", b"Ais-Node-Id: nobody\r\n"),
    "unknown what": get(b"/v1/daemon?what=secrets"),
    "unknown path": get(b"/v1/nope"),
    "outside /v1": get(b"/etc/passwd"),
    # -- metadata and checksums
    "checksum wrong": put(OBJ, b"Content-Length: 1\r\nAis-Checksum-Type: xxhash2\r\nAis-Checksum-Value: 0000000000000000\r\n", b"x"),
    "checksum malformed": put(OBJ, b"Content-Length: 1\r\nAis-Checksum-Type: md5\r\nAis-Checksum-Value: zz\r\n", b"x"),
    "checksum type unknown": put(OBJ, b"Content-Length: 1\r\nAis-Checksum-Type: md4\r\nAis-Checksum-Value: 00\r\n", b"x"),
    "custom without =": put(OBJ, b"Content-Length: 1\r\nAis-Custom-Md: abc\r\n", b"x"),
    "custom too large": put(OBJ, b"Content-Length: 1\r\nAis-Custom-Md: k=" + b"v" * 3000 + b"\r\n", b"x"),
    "custom of numbers": act(b"PATCH", OBJ, b'{"value":{"k":1}}'),
    "custom not an object": act(b"PATCH", OBJ, b'{"value":"k"}'),
    "append handle unknown": put(OBJ + b"?append_type=append&append_handle=x|y|z", b"Content-Length: 1\r\n", b"x"),
    "append type unknown": put(OBJ + b"?append_type=prepend", b"Content-Length: 1\r\n", b"x"),
    "flush without handle": put(OBJ + b"?append_type=flush", b"Content-Length: 0\r\n"),
    "head of an unknown property": b"HEAD " + OBJ + b"?props=nope HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    from conftest import Node

    node = Node(tmp_path_factory.mktemp("victim")).start()
    assert requests.post(
        f"{node.url}/v1/buckets/b", json={"action": "create-bck"}
    ).ok
    assert requests.put(f"{node.url}/v1/objects/b/sentinel", data=b"safe" * 10).ok
    yield node
    if node.alive():
        assert node.stop() == 0


def state(node):
    """Everything a hostile request must not change."""
    head = requests.head(f"{node.url}/v1/objects/b/sentinel").headers
    listed = requests.get(f"{node.url}/v1/buckets/b").json()["entries"]
    config = requests.get(f"{node.url}/v1/cluster?what=cluster_config").json()
    return (
        requests.get(f"{node.url}/v1/buckets").json(),
        listed,
        requests.get(f"{node.url}/v1/objects/b/sentinel").content,
        [head.get(k) for k in ("Ais-Version", "Ais-Custom-Md")],
        config,
        node.work_files(),
    )


def exchange(port, data):
    """Sends the bytes; returns all that comes until the node closes or rests."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before everything was sent
        out = b""
        try:
            while piece := s.recv(65536):
                out += piece
        except ConnectionResetError:
            pass
        return out


def test_the_table_is_long_enough():
    print(len(CASES), "hostile cases")
    assert len(CASES) >= 100


@pytest.mark.parametrize("name", CASES)
def test_hostile(victim, name):
    before = state(victim)
    answer = exchange(victim.port, CASES[name])
    if answer:
        status = int(answer.split(b" ", 2)[1])
        assert 400 <= status < 500 or status in (501, 505), answer[:300]
    assert victim.alive(), victim.stderr()
    assert requests.get(victim.url + "/v1/health").ok
    assert state(victim) == before


def test_a_header_that_never_ends_is_cut_off_and_others_are_served(victim):
    slow = [
        socket.create_connection(("127.0.0.1", victim.port)) for _ in range(50)
    ]
    for s in slow:
        s.sendall(b"GET / HTTP/1.1\r\nX: ")
    assert requests.get(victim.url + "/v1/health", timeout=5).ok
    for s in slow:
        s.close()
