"""Questions with known answers: versions, splits, import, export."""
