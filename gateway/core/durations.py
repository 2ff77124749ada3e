"""Lengths of time in seconds. Pure."""

DAY = 86_400
