"""`python -m cptlaw` is the command line."""

from cptlaw.cli import main

if __name__ == "__main__":
    main()
