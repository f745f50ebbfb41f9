"""The webhook receivers: verify, keep, queue, answer. They import no HTTP client and no models."""
