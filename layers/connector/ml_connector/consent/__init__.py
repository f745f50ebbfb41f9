"""Exact's consent: read the redirect and exchange its code for tokens, each code once."""
