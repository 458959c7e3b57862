"""A Ctrl-C that a library drops."""

import signal
import subprocess
import sys
import textwrap

import pytest

PROLOGUE = """
import signal, time
from stash_pipeline.interrupts import accept_interrupt, repeat_dropped_interrupts

class Finalized:
    def __del__(self):
        wait()

def wait():
    print("waiting", flush=True)
    time.sleep(30)

repeat_dropped_interrupts()
try:
"""

EPILOGUE = """
    print("continued", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    accept_interrupt()
    time.sleep(0.3)
    print("ended", flush=True)
"""

DROPPED = {
    "by a library": "try: wait()\nexcept BaseException: pass",
    "in a finalizer": "Finalized()",
    "twice": "for _ in range(2):\n    try: wait()\n    except BaseException: pass",
}
PASSED_ON = {
    "at once": "wait()",
    "after a cleanup": "try: wait()\nfinally: time.sleep(0.3)",
    "as another exception": "try: wait()\nexcept KeyboardInterrupt as error: raise KeyboardInterrupt from None",
}


def interrupted(block: str, number: signal.Signals) -> list[str]:
    """What a program prints that is interrupted once, while it waits in a block."""
    program = PROLOGUE + textwrap.indent(block, "    ") + EPILOGUE
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip()]
        process.send_signal(number)
        lines += process.communicate(timeout=20)[0].split()
        assert process.returncode == 0
    return lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("block", DROPPED.values(), ids=DROPPED)
def test_a_dropped_interrupt_is_repeated(block: str, number: signal.Signals) -> None:
    assert interrupted(block, number)[-1] == "ended"


@pytest.mark.parametrize("block", PASSED_ON.values(), ids=PASSED_ON)
def test_an_interrupt_that_arrives_is_raised_once(block: str) -> None:
    assert interrupted(block, signal.SIGINT) == ["waiting", "ended"]


def test_a_closed_terminal_does_not_hide_an_interrupt() -> None:
    """Ctrl-C in `stash-pipeline up 2>&1 | tee up.log` ends `tee` as well, to which nothing can be written then."""
    program = (
        "import os, signal\n"
        "from stash_pipeline.runtime.supervisor import interruptible\n"
        "reading, writing = os.pipe()\n"
        "os.dup2(writing, 2)\n"
        "os.close(reading)\n"
        "try:\n"
        "    with interruptible():\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        signal.pause()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.stdout == "interrupted\n"
