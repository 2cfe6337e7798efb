"""The dashboard, the admin's first page, as data: which time and which turns it is about, its figures and its charts.
Every figure is read from the reports; what stands here chooses, compares and draws."""
