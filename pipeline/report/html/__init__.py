"""report.html: one page from disk, without a network, and the details that it loads."""
