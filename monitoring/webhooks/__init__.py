"""Telling other programs what happens: noted in the transaction that makes it true, signed and sent by the worker."""
