"""Acting: cases, notices under each law, deadlines."""
