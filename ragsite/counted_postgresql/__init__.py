"""Django's backend for PostgreSQL, which counts queries: see base.py, whose name Django asks for."""
