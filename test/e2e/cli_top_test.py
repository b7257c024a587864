"""ais top on a terminal: drawn in place, and the terminal as before at the end."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import cli_test
import pytest

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"  # the other screen, and back
CYAN = "\x1b[36m"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, home, words, url, lines=40, columns=120, **more):
        env = cli_test.environment(home, url) | {"TERM": "xterm-256color"} | more
        self.ours, self.theirs = pty.openpty()
        self.resize(lines, columns)
        self.before = termios.tcgetattr(self.theirs)
        self.seen = ""
        self.process = subprocess.Popen(
            [cli_test.ais_binary(), *words],
            cwd=home,
            env={k: v for k, v in env.items() if v is not None},
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def resize(self, lines, columns):
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, size)

    def read(self, seconds):
        if select.select([self.ours], [], [], seconds)[0]:
            self.seen += os.read(self.ours, 65536).decode()
            return True
        return False

    def until(self, text):
        end = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            assert self.process.poll() is None or self.read(0), self.seen
            self.read(0.2)

    def press(self, key):
        os.write(self.ours, key)

    def ended(self):
        """The exit code; the terminal is as it was."""
        end = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen
            self.read(0.2)
        while self.read(0):
            pass
        assert termios.tcgetattr(self.theirs) == self.before
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)


@pytest.fixture
def terminal(tmp_path, fresh_node):
    fresh_node.start()
    (tmp_path / "home").mkdir()
    made = []

    def start(*words, **more):
        it = Terminal(tmp_path / "home", words, fresh_node.url, **more)
        made.append(it)
        return it

    yield start
    for it in made:
        it.close()


@pytest.mark.parametrize("way", ["q", "Ctrl-C", "SIGTERM", "count"])
def test_the_terminal_is_as_before(terminal, way):
    more = ["--count", "1", "--refresh", "1s"] if way == "count" else []
    t = terminal("top", *more)
    t.until("q quits")
    assert ENTER in t.seen and "2 of 2 nodes online" in t.seen and CYAN in t.seen
    assert LEAVE not in t.seen
    during = termios.tcgetattr(t.theirs)[3]
    assert not during & termios.ECHO and not during & termios.ICANON
    if way == "q":
        t.press(b"xq")  # other keys do nothing
    elif way == "Ctrl-C":
        t.press(b"\x03")
    elif way == "SIGTERM":
        t.process.send_signal(signal.SIGTERM)
    assert t.ended() == 0
    assert t.seen.count(ENTER) == t.seen.count(LEAVE) == 1


def test_more_room(terminal):
    t = terminal("top", "--refresh", "10m", lines=3)
    t.until("targets:")
    assert "q quits" not in t.seen
    t.resize(40, 120)
    t.until("q quits")
    t.resize(40, 10)  # narrower than any line
    t.resize(40, 120)
    t.press(b"q")
    assert t.ended() == 0


def test_without_colours(terminal):
    t = terminal("top", NO_COLOR="1")
    t.until("q quits")
    t.press(b"q")
    assert t.ended() == 0
    assert CYAN not in t.seen


@pytest.mark.parametrize("name", ["dumb", "no-such-terminal", "", None])
def test_terminals_that_cannot_be_drawn_on(terminal, name):
    t = terminal("top", "--count", "1", "--refresh", "1s", TERM=name)
    t.until("no running jobs")
    assert t.ended() == 0
    assert "2 of 2 nodes online" in t.seen and "\x1b" not in t.seen


@pytest.mark.parametrize("name", ["xterm-256color", "dumb", None])
def test_a_node_that_cannot_be_reached(terminal, name):
    t = terminal("top", AIS_ENDPOINT="http://127.0.0.1:1", TERM=name)
    t.until("cannot be reached")
    assert t.ended() == 1
    assert ENTER not in t.seen
    assert ("\x1b[" in t.seen) == (name == "xterm-256color")


def test_help_is_paged(terminal):
    for words in (["help", "bucket", "ls"], ["bucket", "ls", "--help"]):
        t = terminal(*words, lines=10)
        t.until("--More--")
        assert "OPTIONS" not in t.seen or "--units" not in t.seen
        t.press(b"q")
        assert t.ended() == 0
    t = terminal("help", "bucket", "ls", lines=200)
    t.until("--units")
    assert t.ended() == 0 and "--More--" not in t.seen
