"""The messages in both queues: their kinds, how they are read, sent and handled one at a time."""
