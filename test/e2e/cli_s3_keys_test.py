"""Access keys of the S3 API, managed by the command line."""

import json
import re
import subprocess

import pytest
from conftest import Node
from s3_test import connect, denied, refused

import cli_test


class Keys:
    """Runs `ais` against a node of its own, with an access key or without."""

    def __init__(self, dir):
        (dir / "home").mkdir()
        self.node = Node(dir).start()
        self.dir = dir
        self.env = cli_test.environment(dir / "home", self.node.url)
        for name in [x for x in self.env if x.startswith("AWS_")]:
            del self.env[name]

    def use(self, key):
        self.env["AWS_ACCESS_KEY_ID"] = key["access_key"]
        self.env["AWS_SECRET_ACCESS_KEY"] = key["secret_key"]

    def run(self, line):
        return subprocess.run(
            ["bash", "-c", line],
            cwd=self.dir,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def ok(self, line):
        r = self.run(line)
        assert r.returncode == 0, r.stdout + r.stderr
        return r.stdout

    def wrong(self, line, *wanted):
        r = self.run(line)
        assert r.returncode == 1
        for x in wanted:
            assert x in r.stderr, r.stderr

    def rows(self):
        """access key -> the rest of its row"""
        lines = self.ok("ais s3 keys ls -H").splitlines()
        return {x.split()[0]: x.split()[1:] for x in lines}

    def client(self, key):
        return connect(self.node.url, key["access_key"], key["secret_key"])


@pytest.fixture
def keys(tmp_path):
    it = Keys(tmp_path)
    yield it
    it.node.stop()


def first_key(keys):
    key = json.loads(keys.ok("ais s3 keys add --yes --json"))
    keys.use(key)
    return key


def test_the_first_key(keys):
    assert keys.ok("ais s3 keys ls").startswith("No access keys. Make the first")
    asks = keys.ok("ais s3 keys add")
    assert "S3 answers nobody without one" in asks and "Operation canceled" in asks
    assert keys.ok("ais s3 keys ls --json") == "[]\n"
    keys.wrong("ais s3 keys add --access read --yes", "admin")
    r = keys.run("ais s3 keys add --yes --json")
    key = json.loads(r.stdout)
    assert key["access"] == "admin" and key["secret_key"]
    assert "Note: this is the only time" in r.stderr
    # From now on, only with it.
    keys.wrong("ais s3 keys ls", "(Tip: set AWS_ACCESS_KEY_ID")
    keys.use(key)
    row = ["admin", "all", "-", "active", "cluster"]
    assert keys.rows() == {key["access_key"]: row}
    # A token for the other API does not get in the way.
    keys.env["AIS_AUTHN_TOKEN"] = "token"
    assert keys.rows() == {key["access_key"]: row}
    del keys.env["AIS_AUTHN_TOKEN"]
    shown = keys.ok("ais s3 keys ls; ais s3 keys ls --json")
    assert key["secret_key"] not in shown
    keys.use({**key, "secret_key": "wrong"})
    keys.wrong("ais s3 keys ls", "check the secret key", "signed with " + key["access_key"])
    del keys.env["AWS_SECRET_ACCESS_KEY"]
    keys.wrong("ais s3 keys ls", "belong together")


def test_life_of_a_key(keys):
    admin = first_key(keys)
    keys.wrong("ais s3 keys add", "--access is missing")
    keys.wrong("ais s3 keys add --access all", "access")
    text = keys.ok("ais s3 keys add --access read --buckets 'open-*,x1x'")
    made = dict(x.split(None, 1) for x in text.splitlines())
    assert made["PROPERTY"] == "VALUE" and made["buckets"] == "open-*,x1x"
    id = made["access_key"]
    assert keys.rows()[id] == ["read", "open-*,x1x", "-", "active", "cluster"]
    keys.client(admin).create_bucket(Bucket="open-1")
    reader = keys.client(made)
    reader.list_objects_v2(Bucket="open-1")
    denied(reader.put_object, Bucket="open-1", Key="k")
    assert keys.ok(f"ais s3 keys disable {id}") == f"access key {id} disabled\n"
    assert keys.ok(f"ais s3 keys disable {id}") == f"access key {id} is disabled already\n"
    assert keys.rows()[id][3] == "disabled"
    refused("InvalidAccessKeyId", reader.list_objects_v2, Bucket="open-1")
    keys.ok(f"ais s3 keys enable {id}")
    reader.list_objects_v2(Bucket="open-1")
    # Its buckets are its user's.
    own = json.loads(keys.ok("ais s3 keys add --access own --user ann -j"))
    assert own["user"] == "ann" and keys.rows()[own["access_key"]][2] == "ann"
    # TAB knows them.
    assert keys.ok(f"ais __complete s3 keys rm {id[:8]}") == id + "\n"
    assert "--buckets\n" in keys.ok("ais __complete s3 keys add --")
    asks = keys.ok(f"echo n | ais s3 keys rm {id}")
    assert f"Remove access key {id} (access read, buckets open-*,x1x)?" in asks
    assert id in keys.rows()
    assert keys.ok(f"ais s3 keys rm {id} -y") == f"access key {id} removed\n"
    refused("InvalidAccessKeyId", reader.list_objects_v2, Bucket="open-1")
    keys.wrong(f"ais s3 keys rm {id} -y", f'access key "{id}" does not exist')
    # The last administrator stays.
    keys.wrong(f"ais s3 keys rm {admin['access_key']} -y", "no key could manage")


def test_profiles(keys):
    admin = first_key(keys)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del keys.env[name]
    (keys.dir / "home" / ".aws").mkdir()
    (keys.dir / "home" / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = no\naws_secret_access_key = no\n"
        "# mine\n[ais]\naws_access_key_id=" + admin["access_key"] + "\n"
        "aws_secret_access_key = " + admin["secret_key"] + "\n"
    )
    # Only when it is asked for: it may be that of another service.
    keys.wrong("ais s3 keys ls", "Tip: set AWS_ACCESS_KEY_ID")
    keys.env["AWS_PROFILE"] = "ais"
    assert list(keys.rows()) == [admin["access_key"]]
    keys.env["AWS_PROFILE"] = "other"
    keys.wrong("ais s3 keys ls", 'no profile "other"')


def test_help_names_the_variables(keys):
    text = re.sub(r"\s+", " ", keys.ok("ais s3 keys"))
    assert "AWS_ACCESS_KEY_ID" in text and "first key is made on a node's own" in text
