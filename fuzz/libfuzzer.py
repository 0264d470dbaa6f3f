"""Run libFuzzer on a target in another process (``fuzz.atheris_target``), and read its figures."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from fuzz import byte_targets
from fuzz.figures import Stopped
from fuzz.findings import Findings

_SECONDS_TO_STOP = 10


def guide(target: str, seconds: int, findings: Findings) -> None:
    """Let libFuzzer search for inputs that reach new code.

    :raises Stopped: if a signal came; the process is stopped and its figures are read before that.
    """
    with tempfile.TemporaryDirectory() as where, open(Path(where) / "log", "w+b") as log:
        folder = Path(where) / "inputs"
        folder.mkdir()
        byte_targets.write_seeds(target, folder)
        command = [sys.executable, "-m", "fuzz.atheris_target", target, str(folder), f"-max_total_time={seconds}"]
        command += ["-print_final_stats=1", "-max_len=4096", f"-artifact_prefix={where}/found-"]
        # It runs in a new session: the terminal's Ctrl-C reaches only this process, which then stops the other one.
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        stopped = False
        try:
            while process.poll() is None:
                findings.steps = _steps(_text(log.name))
                _wait(process, 1)
        except Stopped:
            stopped = True
            _stop(process)
            raise
        finally:
            text = _text(log.name)
            findings.steps = _steps(text)
            if process.returncode and not stopped:
                found = [f"input: {path.read_bytes()!r}" for path in Path(where).glob("found-*")]
                findings.exceptions.append("\n".join([text[-4000:], *found]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop libFuzzer: at SIGUSR1 it ends the current input, prints its figures and exits."""
    process.send_signal(signal.SIGUSR1)
    try:
        _wait(process, _SECONDS_TO_STOP)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _text(log: str) -> str:
    return Path(log).read_text(errors="replace")


def _steps(log: str) -> int:
    """Return the number of inputs in libFuzzer's final figures or, if there are none, in its last line of progress."""
    final = re.search(r"number_of_executed_units:\s*(\d+)", log)
    if final is not None:
        return int(final[1])
    lines = re.findall(r"^#(\d+)\s", log, re.MULTILINE)
    return int(lines[-1]) if lines else 0
