"""Which Exact code an Airbase value stands for: show, export and import mappings."""
