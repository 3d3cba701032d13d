"""The stack, as code. Run as `python -m infrastructure.app`: run as a path it would shadow the package `app`."""
