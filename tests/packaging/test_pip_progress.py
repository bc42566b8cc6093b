import io
import subprocess
import sys
import time
from pathlib import Path

import pip_progress
import pytest

LOG = Path("/project/.venv/setup.log")
RETRYING = (
    "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by "
    "'NewConnectionError(\"HTTPSConnection(host='pypi.org'): Failed to establish a new connection\")'\n"
)
NOT_FOUND = (
    "ERROR: Could not find a version that satisfies the requirement torch>=2.10 (from versions: none)\n"
    "ERROR: No matching distribution found for torch>=2.10\n"
)
PIP_LINES = (
    "Collecting torch>=2.10",
    "  Downloading torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (31 kB)",
    "Collecting numpy>=2.0",
    "Downloading https://download.pytorch.org/whl/cpu/torch-2.14.1%2Bcpu-cp311-cp311-linux_x86_64.whl (190.2 MB)",
    "Progress 0 of 190200000",
    "Progress 47550000 of 190200000",
    "Installing collected packages: numpy, torch",
    "",
    "Successfully installed numpy-2.4.0 torch-2.14.1+cpu",
)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_one_line_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    console = pip_progress.Console()
    console.live("a long line")
    console.live("short")
    console.say("done")
    rewritten = [part.rstrip() for part in terminal.getvalue().split("\r")]
    assert rewritten == ["", "[   0 s]   a long line", "[   0 s]   short", "", "[   0 s] done"]
    assert "short      " in terminal.getvalue()  # covers all of the longer line


def test_where_lines_cannot_be_rewritten_progress_is_written_once_in_a_while(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    console = pip_progress.Console()
    for now in (101.0, 114.9, 115.0, 116.0, 131.0):
        console.live(f"at {now}")
    assert capsys.readouterr().err == "[  15 s]   at 115.0\n[  31 s]   at 131.0\n"


def test_pip_in_few_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown: list[str] = []
    monkeypatch.setattr(pip_progress.console, "live", shown.append)
    counts = iter((5, 5, 6))  # packages in the environment: before, and at each look while pip unpacks
    progress = pip_progress.PipProgress(lambda: next(counts, 7))
    for line in PIP_LINES:
        progress.feed(line)
    assert shown == [
        "choosing versions (1 packages)",
        "choosing versions (1 packages)",
        "choosing versions (2 packages)",
        "downloading torch (190.2 MB)",
        "downloading torch (190.2 MB), 0 %",
        "downloading torch (190.2 MB), 25 %",
        "unpacked 0 of 2 packages",
        "unpacked 1 of 2 packages",
        "unpacked 2 of 2 packages",
    ]
    assert "unpacking 2 packages" in capsys.readouterr().err


def test_waiting_for_the_index_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(pip_progress.console, "live", shown.append)
    pip_progress.PipProgress(lambda: 0).feed(RETRYING)
    assert shown == ["the package index does not answer, trying again"]


def test_every_second_of_silence_is_reported() -> None:
    child = "import sys, time; print('first', flush=True); sys.stdin.read(); print('last')"
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = pip_progress.lines_or_silence(process.stdout)
        assert next(line for line in lines if line) == "first\n"
        assert next(lines) == ""
        process.stdin.close()
        assert [line for line in lines if line] == ["last\n"]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (RETRYING + NOT_FOUND, "no network, the package index did not answer while installing PyTorch"),
        (
            "ERROR: Could not install packages due to an OSError: HTTPSConnectionPool(host='a.org'): Read timed out.\n",
            "no network, the package index did not answer while installing PyTorch",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "the disk is full",
        ),
        (NOT_FOUND, "torch>=2.10 does not exist for Python"),
        (RETRYING + "ERROR: Failed to build 'cnnstudio'\n", "pip could not install PyTorch, ERROR: Failed to build"),
        ("Segmentation fault\n", "pip could not install PyTorch, Segmentation fault"),
        ("", "pip could not install PyTorch, without a word"),
    ],
)
def test_a_failure_becomes_one_sentence_with_a_place(output: str, sentence: str) -> None:
    text = pip_progress.explain(output, "PyTorch", LOG)
    assert text.startswith(sentence)
    assert f"[{LOG}" in text or f"[{LOG.parent}]" in text
    assert text.count("\n") == 0
