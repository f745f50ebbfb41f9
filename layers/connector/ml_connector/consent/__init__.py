"""Exact's consent: the redirect that brings a code, and what is made of it, each code once."""
