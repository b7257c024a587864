"""Object names of every kind over HTTP: stored, read, listed, kept over a restart.

The names go out with http.client, which sends a target as it is: no client-side
clean-up of dots, slashes or escapes stands between the test and the node.
"""

import http.client
import json
import unicodedata
from urllib.parse import quote

import pytest
from aistore.sdk import Client

LIMIT = 16_384  # bytes of a name, see storage/base/names.hpp

# Each is one object; beside `a` stand `a/b` and `a/b/c`, and so on.
NAMES = [
    # characters that mean something in a URL, a header, JSON, XML or a shell
    "with space", " leading space", "trailing space ", "trailing spaces   ",
    "two  spaces", "per%cent", "%", "%%", "%41", "%2F", "a%2fb", "%00", "%zz",
    "plus+plus", "+", "quest?ion", "?", "hash#tag", "#", "a?b#c%d+e f",
    "amp&ersand=1", "semi;colon", "comma,", "col:on", "at@sign", "$dollar$",
    "back\\slash", "\\", "c:\\dir\\file", 'quo"te', "apos'trophe", "`tick`",
    "<tag>&amp;", "{brace}", "[bracket]", "pipe|", "star*", "^", "!", "(paren)",
    "tab\there", "bell\a", "escape\x1b[31m", "delete\x7f", "\x01",
    "vertical\vtab", "form\ffeed",
    # beyond ASCII: the two spellings of one letter are two names
    unicodedata.normalize("NFC", "\u00e9t\u00e9"),
    unicodedata.normalize("NFD", "\u00e9t\u00e9"),
    "\u65e5\u672c\u8a9e/\u30d5\u30a1\u30a4\u30eb", "\u05e9\u05dc\u05d5\u05dd",
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f600/\U0001f601", "next\u0085line", "line\u2028separator",
    "\ufeffbyte order mark", "zero\u200bwidth",
    "\U0010ffff", "\u07ff", "\uffff",
    # an object beside the "directory" of the same name
    "a", "a/b", "a/b/c", "a/b/c/d", "a-b", "a.b", "a/b-c", "a0",
    "z/y/x", "z/y", "z",
    # dots, dashes, slashes and names that storage keeps for itself
    ".hidden", "..hidden", "...", "dir/.hidden", "dir/...", "tail.", "tail..",
    "-", "--help", "-rf/x", "~", "~tilde", "x/~/y", "/lead",
    "//two", "dou//ble", "dou///ble",
    ".%", ".%self", "a/.%self", "a/.%self/x", ".%self/.%self", ".%abc",
    "x/.%abc", ".%" + "0" * 64, ".%" + "0" * 64 + ".n", "%ob", "%wk", "%ob/x",
    "%wk/x.1", ".ais.vmd", ".ais.lock", ".$deleted", ".$deleted/1", "@ais",
    "@#", "CON", "nul", ".../...", "\u2026",
    # long: a component, a path, a name near the limit of each way to store it
    "c" * 255, "c" * 256, "c" * 255 + "/x", "c" * 256 + "/x",
    "d/" + "c" * 300 + "/e", "\u00e9" * 127, "\u00e9" * 128, "\U0001f600" * 64,
    "n" * 1024, "p/" * 511 + "pp", "n" * 3000, "n" * 3001, "p/" * 1500 + "p",
    "q" * 200 + "/" + "q" * 2871, "s/" * 1535 + "s", "s/" * 1536 + "s",
    "s/" * 2040 + "s", "n" * 10_000, "\u00e9" * 5000, "p/" * 5000 + "p",
    "%" * LIMIT, "\U0001f600" * (LIMIT // 4),
]
NAMES = list(dict.fromkeys(NAMES))

REFUSED = {
    "empty": "",
    "only a slash": "/",
    "line feed": "line\nfeed",
    "carriage return": "carriage\rreturn",
    "header injection": "x\r\nX-Injected: 1",
    "NUL": "nul\0",
    "dot": ".",
    "dot dot": "..",
    "dot inside": "a/./b",
    "dot dot inside": "a/../b",
    "dot dot at the end": "a/..",
    "home": "~/x",
    "slash at the end": "dir/",
    "beyond the limit": "n" * (LIMIT + 1),
}


def content_of(name, turn=0):
    return f"{turn}:{name}".encode()[:5000]


class Session:
    """One connection; every request names its target byte by byte."""

    def __init__(self, node, bucket):
        self.connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
        self.bucket = bucket

    def ask(self, method, name, body=None, query=""):
        target = f"/v1/objects/{self.bucket}/" + quote(name.encode(), safe="/")
        target += query
        self.connection.request(method, target, body)
        reply = self.connection.getresponse()
        return reply.status, reply.headers, reply.read()

    def list_page(self, **value):
        self.connection.request(
            "GET",
            f"/v1/buckets/{self.bucket}",
            json.dumps({"action": "list", "value": value}),
            {"Accept": "application/json", "Content-Type": "application/json"},
        )
        reply = self.connection.getresponse()
        text = reply.read()
        assert reply.status == 200, text
        return json.loads(text)

    def list_all(self, **value):
        """Names in the order of the listing, in pages of 3."""
        out, token, uuid = [], "", ""
        while True:
            page = self.list_page(
                pagesize=3, continuation_token=token, uuid=uuid, **value
            )
            names = [x["name"] for x in page["entries"] or ()]
            token, uuid = page["continuation_token"], page["uuid"]
            assert len(names) == 3 or not token, "a page before the last is full"
            out += names
            assert len(out) <= len(NAMES), "the listing does not end"
            if not token:
                return out


def in_order(names):
    return sorted(names, key=str.encode)


def check_all(session, turn):
    for name in NAMES:
        want = content_of(name, turn)
        status, headers, body = session.ask("GET", name)
        assert (status, body) == (200, want), ascii(name[:80])
        status, headers, body = session.ask("HEAD", name)
        assert status == 200, ascii(name[:80])
        assert int(headers["Content-Length"]) == len(want)
        assert body == b""
    assert session.list_all(props="name") == in_order(NAMES)
    assert session.list_all(props="name,size,checksum") == in_order(NAMES)


def test_every_name_lives(tmp_path, fresh_node, bucket_name):
    fresh_node.mountpaths = [tmp_path / "mp1", tmp_path / "mp2"]
    node = fresh_node.start()
    bucket = Client(node.url).bucket(bucket_name).create()
    session = Session(node, bucket_name)
    for name in NAMES:
        status, _, text = session.ask("PUT", name, content_of(name))
        assert status == 200, (ascii(name[:80]), text[:500])
    check_all(session, turn=0)

    # The SDK reads pages as msgpack.
    listed = [x.name for x in bucket.list_all_objects(page_size=3)]
    assert listed == in_order(NAMES)

    assert node.stop() == 0
    node.start()
    session = Session(node, bucket_name)
    check_all(session, turn=0)

    # Each place is found again for an overwrite, in the other order, too.
    for name in reversed(NAMES):
        assert session.ask("PUT", name, content_of(name, 1))[0] == 200
    node.kill()
    node.start()
    session = Session(node, bucket_name)
    check_all(session, turn=1)

    left = set(NAMES)
    for i, name in enumerate(NAMES):
        status, _, text = session.ask("DELETE", name)
        assert status == 200, (ascii(name[:80]), text[:500])
        assert session.ask("GET", name)[0] == 404, ascii(name[:80])
        left.discard(name)
        if i % 20 == 0:
            assert session.list_all(props="name") == in_order(left)
    assert session.list_all(props="name") == []
    objects = [p for mp in node.mountpaths for p in mp.rglob("%ob/**/*")]
    assert objects == [], "deleted objects leave neither files nor directories"


def test_every_name_is_its_own_prefix_and_token(node, bucket):
    session = Session(node, bucket)
    for name in NAMES:
        assert session.ask("PUT", name, b"x")[0] == 200
    for name in NAMES:
        want = in_order(n for n in NAMES if n.startswith(name))
        assert session.list_all(prefix=name, props="name") == want, ascii(name[:80])
    ordered = in_order(NAMES)
    for i, name in enumerate(ordered):
        page = session.list_page(start_after=name, pagesize=2, props="name")
        after = [x["name"] for x in page["entries"] or ()]
        assert after == ordered[i + 1 : i + 3], ascii(name[:80])


def test_every_name_is_copied_and_renamed(node, bucket):
    session = Session(node, bucket)
    # Both names stand in one URL, which is limited: see http/limits.hpp.
    names = [n for n in NAMES if len(quote(n.encode())) < 25_000]
    for name in names:
        assert session.ask("PUT", name, content_of(name))[0] == 200
    for name in names:
        uname = f"ais/@#/{bucket}/{name}.copy"
        query = "?object_to=" + quote(uname.encode(), safe="")
        status, _, text = session.ask("PUT", name, b"", query)
        assert status == 200, (ascii(name[:80]), text[:500])
    for name in names:
        action = json.dumps({"action": "rename-obj", "name": name + ".moved"})
        status, _, text = session.ask("POST", name, action)
        assert status == 200, (ascii(name[:80]), text[:500])
        assert session.ask("GET", name)[0] == 404
    for name in names:
        for end in (".copy", ".moved"):
            assert session.ask("GET", name + end)[2] == content_of(name)


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED.keys())
def test_names_that_are_refused(node, bucket, name):
    session = Session(node, bucket)
    for method in ("PUT", "GET", "HEAD", "DELETE"):
        if name in ("", "/") and method in ("GET", "HEAD", "DELETE"):
            continue  # these are about the bucket
        body = b"x" if method == "PUT" else None
        status, headers, text = session.ask(method, name, body)
        assert status in (400, 414), (method, text)
        assert "X-Injected" not in headers
        if method != "HEAD" and status == 400:
            assert json.loads(text)["message"]
    assert session.list_all() == []
