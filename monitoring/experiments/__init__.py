"""A/B experiments on live traffic: who gets which variant, what became of it, and how sure one can be."""
