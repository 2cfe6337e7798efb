"""Made-up traffic whose truth is known: what monitoring itself is tested with, and what a fresh install shows.

A world is planned (world.py: users, configs, incidents, how much is asked when), drawn block by block (drawing.py),
written by COPY (copying.py) and counted as it is drawn (tally.py), so that a truth file (truth.py) can say what each
figure of the reports must be. All of it has origin SYNTHETIC, and removal.py takes it away.
"""
