"""Copies of a bucket's objects, and new names, by the command line."""

import subprocess

import pytest

import cli_test
from conftest import Node


@pytest.fixture
def ais(tmp_path):
    """Runs lines against a node with two mountpaths."""
    paths = [tmp_path / "mp1", tmp_path / "mp2"]
    for x in (*paths, tmp_path / "n", tmp_path / "home"):
        x.mkdir()
    node = Node(tmp_path / "n", paths).start()
    env = cli_test.environment(tmp_path / "home", node.url)

    def run(line, code=0):
        r = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert r.returncode == code, r.stdout + r.stderr
        return r.stdout + r.stderr

    yield run
    node.stop()


def test_start_mirror(ais):
    ais("ais create ais://b; for i in 1 2 3; do echo $i | ais put - ais://b/o$i; done")
    text = ais("ais start mirror ais://b --copies 2 --progress")
    assert text.startswith("Configured ais://b as 2-way mirror. To monitor the")
    assert "Mirrored 3/3 objects, 6B (" in text and text.endswith("Done.\n")
    copies = "ais ls ais://b --props name,copies -H"
    assert ais(copies).split() == ["o1", "2", "o2", "2", "o3", "2"]
    assert "copies are too many" in ais("ais start mirror ais://b --copies 3", 1)
    assert "must be at least 1" in ais("ais start mirror ais://b --copies 0", 1)
    job = ais("ais start mirror ais://b --copies 1 --nv").strip()
    assert ais(f"ais wait {job}") == "Done.\n"
    assert ais(copies).split() == ["o1", "1", "o2", "1", "o3", "1"]
    assert f"mirror[{job}]" in ais("ais show job mirror ais://b --all")


def test_rename(ais):
    ais("ais create ais://a; for i in 1 2 3; do echo $i | ais put - ais://a/o$i; done")
    text = ais("ais bucket mv ais://a ais://b --wait")
    assert text == "Renaming bucket ais://a => ais://b ...\nDone.\n"
    assert ais("ais ls ais://b --props name -H").split() == ["o1", "o2", "o3"]
    assert "does not exist" in ais("ais ls ais://a", 1)
    assert ais("ais object cat ais://b/o2") == "2\n"
    assert "already exists" in ais("ais create ais://c; ais bucket mv ais://b ais://c", 1)
