"""`facebias` and `python -m facebias`: the command line."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules load, Ctrl-C ends without a traceback

from facebias.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
