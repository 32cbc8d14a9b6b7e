"""``python -m netsift`` runs the same program as ``netsift``."""

from netsift.cli.main import main

if __name__ == "__main__":
    main()
