"""OpenTelemetry: spans of turns and judges, metrics of calls, events of scores, made from what is stored and sent by
OTLP. Off unless the environment names a receiver; then all of it happens in a thread beside the work, after a turn or
a verdict is stored, so that no answer waits for it."""
