"""Exports: turns with all that is known of them, as JSONL, CSV or Parquet, in parts that survive a process."""
