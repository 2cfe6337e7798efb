"""The pipeline: one file a step, over plain data. `pipeline.py` alone knows the order."""
