"""Lists as files: read as people and spreadsheets save them, written so that nothing is lost."""
