"""The public S3 compatibility tests of the Ceph project against a node: those of
s3_tests_passing.txt must pass. s3_public_test.py runs those that are fast with all
other tests; all of them take minutes:

    pytest test/e2e/s3_public_suite.py

The suite comes from its public repository, at a pinned commit, into build/, with
a Python environment of its own; without network the test is skipped.
S3_TESTS_DIR and S3_TESTS_PYTHON name a checkout and a Python that are there
already. S3_TESTS=write runs all of test_s3.py and renews the list: read the
difference.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from conftest import Node

REPOSITORY = "https://github.com/ceph/s3-tests.git"
COMMIT = "8f0ae7b404a3a2fcf7038bf1e6bf29544fe9b6a3"
FILE = "s3tests/functional/test_s3.py"
PASSING = pathlib.Path(__file__).parent / "s3_tests_passing.txt"
BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"
NEEDS = "boto3 munch gevent isodate requests pytz httplib2 lxml pytest PyYAML"
SECONDS = 1800

# Three users, each with buckets of his own; the ids are what replies show.
USERS = {"s3 main": "main", "s3 alt": "alt", "s3 tenant": "tenant"}
# A day of lifecycle rules: the suite waits for several [s].
DAY = 2


def run(*command, **more):
    """Runs a program that needs the network: none, no test."""
    try:
        subprocess.run(
            command, check=True, capture_output=True, timeout=600, text=True, **more
        )
    except (subprocess.SubprocessError, OSError) as e:
        why = getattr(e, "stderr", None) or str(e)
        pytest.skip(f"no network for the public S3 tests? {command[0]}: {why[-300:]}")


@pytest.fixture(scope="module")
def suite():
    """The directory of the suite, at the pinned commit."""
    if there := os.environ.get("S3_TESTS_DIR"):
        return pathlib.Path(there)
    to = BUILD / f"s3-tests-{COMMIT[:12]}"
    if not (to / FILE).exists():
        # By its hash, git knows that it is what it should be.
        to.mkdir(parents=True, exist_ok=True)
        run("git", "init", "-q", str(to))
        run("git", "-C", str(to), "fetch", "-q", "--depth=1", REPOSITORY, COMMIT)
        run("git", "-C", str(to), "checkout", "-q", COMMIT)
    return to


@pytest.fixture(scope="module")
def python():
    """A Python with what the suite needs."""
    if there := os.environ.get("S3_TESTS_PYTHON"):
        return there
    venv = BUILD / ".s3-tests-venv"
    done = venv / "done"
    if not done.exists():
        run(sys.executable, "-m", "venv", str(venv))
        run(str(venv / "bin/python"), "-m", "pip", "install", "-q", *NEEDS.split())
        done.touch()
    return str(venv / "bin/python")


def configuration(port):
    """What the suite wants to know; the parts on IAM are never used."""
    out = [
        "[DEFAULT]\nhost = 127.0.0.1\nis_secure = False\nssl_verify = False",
        f"port = {port}",
        "[fixtures]\nbucket prefix = t-{random}-\niam name prefix = t-",
        "iam path prefix = /t/",
    ]
    sections = {**USERS, "iam": "iam", "iam root": "root", "iam alt root": "root2"}
    for section, user in sections.items():
        out += [
            f"[{section}]\nuser_id = {user}\ndisplay_name = {user}\ntenant = {user}",
            f"access_key = AK{user.upper()}\nsecret_key = secret-of-{user}",
            f"email = {user}@example.com\napi_name = default",
            f"lc_debug_interval = {DAY}",
        ]
    out.append("[webidentity]")
    for key in ("token", "aud", "sub", "azp", "user_token", "thumbprint", "KC_REALM"):
        out.append(f"{key} = none")
    return "\n".join(out) + "\n"


@pytest.fixture
def node(tmp_path):
    it = Node(tmp_path, more=["--s3-lifecycle-day", f"{DAY}s"])
    keys = [
        {
            "access_key": f"AK{user.upper()}",
            "secret_key": f"secret-of-{user}",
            "access": "own",
            "user": user,
        }
        for user in USERS.values()
    ]
    (it.dir / "node").mkdir(exist_ok=True)
    (it.dir / "node" / "s3.json").write_text(json.dumps({"keys": keys}))
    it.start()
    yield it
    assert it.stop() == 0


def wanted():
    """The names of the tests that must pass."""
    return PASSING.read_text().split() if PASSING.exists() else []


def passed_of(chosen, node, suite, python, tmp_path):
    """Runs tests of the suite. @returns the names of those that passed."""
    conf = tmp_path / "s3tests.conf"
    conf.write_text(configuration(node.url.rsplit(":", 1)[1]))
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "--tb=line"]
        + chosen,
        cwd=suite,
        env={**os.environ, "S3TEST_CONF": str(conf)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    passed = set(re.findall(rf"^PASSED {FILE}::(.+)$", done.stdout, re.M))
    assert passed, done.stdout[-3000:] + done.stderr[-3000:]
    return passed


def check(names, node, suite, python, tmp_path):
    """Those tests of the suite pass."""
    chosen = [f"{FILE}::{name}" for name in names]
    passed = passed_of(chosen, node, suite, python, tmp_path)
    failed = [name for name in names if name not in passed]
    assert not failed, f"{len(failed)} of {len(names)} fail: {failed}"


def test_public_suite(node, suite, python, tmp_path):
    if os.environ.get("S3_TESTS") != "write":
        return check(wanted(), node, suite, python, tmp_path)
    passed = passed_of([FILE], node, suite, python, tmp_path)
    lost = [name for name in wanted() if name not in passed]
    PASSING.write_text("\n".join(sorted(passed)) + "\n")
    assert not lost, f"{len(lost)} fail: {lost}"
