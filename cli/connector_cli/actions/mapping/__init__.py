"""Airbase's words and Exact's codes: what is mapped, what is not, and what could be."""
