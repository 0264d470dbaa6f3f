"""``python -m tests.mutants``."""

if __name__ == "__main__":  # processes that multiprocessing starts import this too, and must not import the core
    from tests.mutants.command import main

    main()
