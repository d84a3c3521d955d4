"""A Python that has imported what the lab needs: it forks at once where others import for seconds.

`python(folder)` starts a server that imports once, and writes an executable that takes the words of
Python, `-u -m MODULE WORDS`, and has the server fork a process that does them: with the caller's
environment, folder and standard streams. It ends as that process ends; killed, it takes it along.
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

MODULES = (
    "cptlaw.cli.lab",
    "cptlaw.lab.training",
    "cptlaw.lab.running",
    "cptlaw.lab.sweep",
    "cptlaw.lab.engines.local",
    "transformers.models.llama.modeling_llama",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "torch.distributed.run",
    "torch.distributed.fsdp",
    "torch.distributed.checkpoint",
)
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextlib.contextmanager
def python(folder):
    """The executable; where nothing is forked safely, the Python that is running."""
    if sys.platform != "linux":
        yield sys.executable
        return
    path = folder / "server"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    words = [sys.executable, __file__, "serve", str(listening.fileno()), str(folder / "python")]
    server = subprocess.Popen(words, pass_fds=[listening.fileno()], start_new_session=True)
    listening.close()
    executable = folder / "python"
    own = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import warm; "
    own += f"warm.ask({str(path)!r}, sys.argv[1:])"
    quoted = own.replace("'", "'\\''")
    executable.write_text(f"#!/bin/sh\nexec {sys.executable!r} -ISB -c '{quoted}' \"$@\"\n")
    executable.chmod(0o755)
    try:
        yield str(executable)
    finally:
        server.terminate()
        server.wait()


def ask(path, words):
    """Have the server at `path` do the words of Python, and end as it ends."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    asked = {"words": words, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    text = json.dumps(asked).encode()
    socket.send_fds(server, [len(text).to_bytes(4)], [0, 1, 2])
    server.sendall(text)
    answers = server.makefile("r")
    pid = int(answers.readline())
    for number in PASSED_ON:
        signal.signal(number, lambda number, _: os.kill(pid, number))
    status = int(answers.readline())
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def serve(listening, executable):
    """Fork a process for each that asks, until SIGTERM."""
    for name in MODULES:
        importlib.import_module(name)
    sys.executable = executable
    signal.signal(signal.SIGTERM, _leave)
    while True:
        asking, _ = listening.accept()
        if not os.fork():
            listening.close()
            _attend(asking)
        asking.close()


def _leave(*_):
    """End without tidying up, once all that was forked has ended."""
    with contextlib.suppress(ChildProcessError):
        while os.wait():
            pass
    os._exit(0)


def _attend(asking):
    """Fork the process that was asked for, tell its number and how it ended."""
    head, streams, *_ = socket.recv_fds(asking, 4, 3)
    asked = json.loads(asking.makefile("r").read(int.from_bytes(head)))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    pid = os.fork()
    if not pid:
        asking.close()
        os.setpgid(0, 0)
        _do(asked, streams)
    for stream in [*streams, 0, 1, 2]:
        os.close(stream)
    asking.sendall(f"{pid}\n".encode())
    ended = os.pidfd_open(pid)
    if ended not in select.select([asking, ended], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        asking.sendall(f"{status}\n".encode())
    os._exit(0)


def _do(asked, streams):
    """The words, as `python WORDS` does them."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # What was a file before may be a pipe now, and a stream that was there knows it as a file.
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    module, *words = [word for word in asked["words"] if word != "-u"][1:]
    sys.argv = [module, *words]
    status = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[2])), sys.argv[3])
