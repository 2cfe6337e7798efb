"""What the worker runs for monitoring. Tasks take ids, call one service and may run twice."""
