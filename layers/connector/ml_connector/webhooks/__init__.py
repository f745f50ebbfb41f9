"""The webhooks: verify, store, queue, answer. They import no HTTP client and no models."""
