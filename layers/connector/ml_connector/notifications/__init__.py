"""Notifications to people, and the metrics of the dashboard."""
