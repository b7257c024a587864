"""TAB completion: what the program offers, and what a real bash makes of it.
The reference in cli/README.md is current."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

import cli_test
from cli_test import shell, small_cluster  # noqa: F401 (fixtures)
from conftest import ROOT


def offers(shell, *words):
    r = subprocess.run(
        [cli_test.ais_binary(), "__complete", *words],
        cwd=shell.work,
        env=shell.env,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert r.returncode == 0
    return r.stdout.splitlines()


def test_words_and_options(shell):
    top = offers(shell, "")
    assert {"bucket", "object", "cluster", "show", "ls", "put"} <= set(top)
    assert "etl" not in top and "cp" in top  # not there yet
    assert offers(shell, "clu") == ["cluster"]
    assert offers(shell, "show", "clu") == ["cluster"]
    assert "smap" in offers(shell, "show", "cluster", "s")
    assert "--props" in offers(shell, "ls", "--p")
    assert "--props" not in offers(shell, "ls", "--props", "name", "--p")
    assert offers(shell, "ls", "--units", "") == ["iec", "si", "raw"]
    assert offers(shell, "completion", "") == ["bash", "zsh", "fish"]
    assert offers(shell, "put", "f") == [":files"]


def test_what_the_cluster_has(shell):
    shell.run("ais create ais://abc ais://abd; ais put d ais://abc/d/ -r -y")
    ids = shell.env
    assert offers(shell, "ls", "ais://") == ["ais://abc", "ais://abd"]
    assert offers(shell, "rmb", "ais://abc", "ais://a") == ["ais://abd"]
    assert offers(shell, "get", "ais://abc") == ["ais://abc/"]
    assert offers(shell, "get", "ais://abc/") == ["ais://abc/d/"]
    assert "ais://abc/d/a.txt" in offers(shell, "get", "ais://abc/d/")
    assert offers(shell, "put", "f1.txt", "ais://abd") == ["ais://abd"]
    assert f"t[{ids['T0']}]" in offers(shell, "log", "show", "t[")
    assert not any(x[0] == "p" for x in offers(shell, "storage", "disk", ""))
    set_ = ("bucket", "props", "set", "ais://abc")
    assert offers(shell, *set_, "checksum.t") == ["checksum.type="]
    assert "checksum.type=md5" in offers(shell, *set_, "checksum.type=")
    assert offers(shell, *set_, "mirror.enabled=t") == ["mirror.enabled=true"]
    assert "access=GET,PUT" in offers(shell, *set_, "access=GET,P")
    assert "log.level=" in offers(shell, "config", "cluster", "log.")
    assert {"cluster", "cli"} <= set(offers(shell, "show", "config", ""))
    assert "rebalance" in offers(shell, "show", "config", "cluster", "reb")
    assert "log.level=" not in offers(shell, "config", "cluster", "log.level=4", "")
    assert "md5" in offers(shell, "config", "cluster", "checksum.type", "")
    assert offers(shell, *set_, "mirror.enabled", "t") == ["true"]
    assert offers(shell, "show", "job", "") == []
    raw = shell.run("ais start rebalance --nv --wait").stdout.split()[0]
    assert {"rebalance", raw} <= set(offers(shell, "show", "job", "--all", ""))
    after = offers(shell, "show", "job", "--all", "rebalance", "")
    assert raw in after and "rebalance" not in after and f"t[{ids['T0']}]" in after
    assert raw in offers(shell, "show", "rebalance", "--all", "g")
    assert offers(shell, "cluster", "add-remove-nodes", "stop-maintenance", "") == []
    assert offers(shell, "trace", "--bucket", "ais://abd") == ["ais://abd"]
    node = f"p[{ids['P1']}]"
    assert offers(shell, "trace", "--verb", "GET", "--node", node) == [node]
    assert offers(shell, "trace", "--sl") == ["--slower"]


def test_scripts_of_aistore(shell):
    """They keep the word at the cursor, unless it is an option."""
    shell.run("ais create ais://abc ais://abd")
    ask = "--generate-bash-completion"

    def lines(words, **env):
        shell.env.update(env)
        r = shell.run(f"ais {words} {ask} 2>/dev/null")
        assert r.returncode == 0
        return r.stdout.splitlines()

    assert {"bucket", "ls", "s3"} <= set(lines(""))
    assert "smap" in lines("show cluster")
    assert lines("ls") == ["ais://abc", "ais://abd"]
    assert lines("rmb ais://abc") == ["ais://abd"]
    assert lines("ls --pre") == ["--prefix"]
    assert "--props" not in lines("ls --props name -")
    assert lines("put") == []  # the shell's files
    assert "--sync" in lines("cp ais://abc ais://abd --")
    hack = {"_CLI_ZSH_AUTOCOMPLETE_HACK": "1"}
    assert "show:show access keys" not in lines("", **hack)
    assert "ls:list access keys, without their secrets" in lines("s3 keys", **hack)
    assert lines("ls", **hack) == ["ais://abc", "ais://abd"]


def test_it_is_quick_and_quiet_without_a_cluster(shell):
    shell.env["AIS_ENDPOINT"] = "http://127.0.0.1:1"
    start = time.monotonic()
    assert offers(shell, "ls", "ais://") == []
    assert time.monotonic() - start < 2


def test_it_takes_less_than_200_ms(shell):
    shell.run("ais create ais://abc")
    times = []
    for _ in range(5):
        start = time.monotonic()
        assert offers(shell, "ls", "ais://") == ["ais://abc"]
        times.append(time.monotonic() - start)
    assert min(times) < 0.2, times


class Terminal:
    """An interactive shell behind a terminal."""

    def __init__(self, shell, argv, setup):
        env = {**shell.env, "PS1": "ready> ", "HISTFILE": "/dev/null"}
        pid, self.fd = pty.fork()
        if pid == 0:
            os.chdir(shell.work)
            os.execvpe(argv[0], argv, env)
        self.pid = pid
        self.seen = ""
        self.until("ready> ")
        self.type(setup + "; PS1=; PS1+='set> '\n")
        self.until("set> $")

    def type(self, text):
        self.seen = ""
        os.write(self.fd, text.encode())

    def until(self, pattern, seconds=20):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.seen):
            left = deadline - time.monotonic()
            assert left > 0, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.fd], [], [], left)[0]:
                more = os.read(self.fd, 4096).decode()
                self.seen += re.sub(r"\a|\x1b\[\?2004[hl]", "", more)
        return self.seen

    def completes(self, typed, wanted):
        """Types, presses TAB; the line becomes `wanted`."""
        self.type(typed + "\t")
        self.until(re.escape(wanted) + "$")
        self.type("\x15")  # clears the line

    def close(self):
        os.write(self.fd, b"\x15exit\n")
        os.waitpid(self.pid, 0)
        os.close(self.fd)


SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        'bind "set bell-style none"; eval "$(ais completion bash)"',
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D;"
        ' eval "$(ais completion zsh)"',
    ),
}

LINES = {
    "ais sho": "ais show ",
    "ais show clus": "ais show cluster ",
    "ais ls ais://ph": "ais ls ais://photos ",
    "ais get ais://ph": "ais get ais://photos/",
    "ais get ais://photos/d": "ais get ais://photos/dir/",
    "ais get ais://photos/dir/": "ais get ais://photos/dir/one.txt ",
    "ais put f1": "ais put f1.txt ",
    "ais bucket props set ais://photos checksum.ty": "ais bucket props set"
    " ais://photos checksum.type=",
    "ais bucket props set ais://photos mirror.enabled=t": "ais bucket props set"
    " ais://photos mirror.enabled=true ",
}


def prepare(shell, name):
    if not shutil.which(name):
        pytest.skip(f"no {name} here")
    shell.run("ais create ais://photos; ais put f1.txt ais://photos/dir/one.txt")


@pytest.mark.parametrize("name", SHELLS)
def test_a_real_shell(shell, name):
    prepare(shell, name)
    terminal = Terminal(shell, *SHELLS[name])
    try:
        for typed, wanted in LINES.items():
            terminal.completes(typed, wanted)
    finally:
        terminal.close()


def test_a_real_fish(shell):
    prepare(shell, "fish")
    dir = shell.dir / "home" / ".config/fish/completions"
    dir.mkdir(parents=True)
    shell.run(f"ais completion fish >{dir}/ais.fish")
    for typed, wanted in LINES.items():
        r = shell.run(f"fish -c \"complete -C '{typed}'\"")
        assert r.stdout.split()[0] == wanted.split()[-1], (typed, r.stdout)


def test_the_reference_is_current():
    """AIS_REFERENCE=write renews it."""
    text = (ROOT / "cli" / "README.md").read_text()
    if os.environ.get("AIS_REFERENCE") == "write":
        (ROOT / "cli" / "README.md").write_text(generated(text))
    assert text == generated(text), "cli/README.md is old: see above"


def generated(text):
    made = subprocess.run(
        [cli_test.ais_binary(), "__reference"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    mark = "<!-- generated: ais __reference -->\n"
    return text[: text.index(mark) + len(mark)] + made
