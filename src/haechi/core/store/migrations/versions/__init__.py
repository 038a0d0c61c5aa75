"""One module per revision, oldest first; a revision is never edited once it has been released."""
