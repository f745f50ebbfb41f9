"""Show, verify and export the audit trail."""
