"""Where ais finds its cluster."""

import json
import time

import cli_test
import pytest

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def ais(tmp_path):
    home, path = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    path.mkdir()

    def run(*args, url="", **more):
        env = cli_test.environment(home, url) | more
        env["PATH"] = f"{path}:{env['PATH']}"
        return cli_test.run_ais(args, tmp_path, env)

    def set(**values):
        for key, value in values.items():
            r = run("config", "cli", "set", f"cluster.{key}={value}")
            assert r.returncode == 0, r.stderr

    def docker(script):
        """What `docker` does on this machine."""
        fake = path / "docker"
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)

    run.set, run.docker, run.dir = set, docker, tmp_path
    return run


def reaches(r, url):
    """Whether it has asked that one, in vain."""
    return r.returncode == 1 and f"cannot be reached at {url}:" in r.stderr


def test_a_docker_cluster(ais, fresh_node):
    fresh_node.start()
    ais.set(default_docker_host=fresh_node.url, default_ais_host=NOBODY, url="")
    asked = ais.dir / "asked"
    ais.docker(f'echo "$@" >>{asked}; echo redis:7; echo example/aistore:1')
    r = ais("show", "cluster", "--json")
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)
    assert len(asked.read_text().splitlines()) == 1
    # What is said stands above what is found.
    other = "http://127.0.0.1:2"
    assert reaches(ais("ls", url=other), other)
    ais.set(url=other)
    assert reaches(ais("ls"), other)
    assert len(asked.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "script",
    [
        "echo redis:7",
        "echo aistore; exit 1",  # it may not be asked
        "exec sleep 1000",
    ],
)
def test_no_docker_cluster(ais, script):
    ais.set(default_docker_host="http://127.0.0.1:2", default_ais_host=NOBODY, url="")
    ais.docker(script)
    began = time.monotonic()
    assert reaches(ais("ls"), NOBODY)
    assert time.monotonic() - began < 30


def test_no_docker_at_all(ais):
    ais.set(default_docker_host="http://127.0.0.1:2", default_ais_host=NOBODY, url="")
    assert reaches(ais("ls", PATH="/nowhere"), NOBODY)
