"""Questions made from documents, and traffic whose truth is known."""
