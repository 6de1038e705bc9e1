"""Runs set side by side: found, checked for comparability, measured with one bootstrap, ranked."""
