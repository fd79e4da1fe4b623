"""A simulated world and the platforms' wire protocols over it, on loopback.

Written from the API contracts, apart from the adapters in `tui.providers`, so that a test between the two can fail.
It runs in a process of its own (`python -m tui.demo`) or inside a test's loop (`tui.demo.serve.serve`).
"""
