"""Aggregate counters of labels."""
