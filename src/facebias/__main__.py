"""`facebias` and `python -m facebias`: the command line."""

import multiprocessing
import os
import signal


def _stop(number: int, _: object) -> None:
    """Ends while modules load, when nothing has begun that would have to be put away."""
    os.write(2, b"interrupted\n" if number == signal.SIGINT else b"terminated\n")
    os._exit(128 + number)


if multiprocessing.parent_process() is None:
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
else:  # a worker of ours, whose parent speaks for it
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from facebias.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
