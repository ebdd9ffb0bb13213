"""`python -m facebias`: the command line."""

from facebias.cli import main

if __name__ == "__main__":
    main()
