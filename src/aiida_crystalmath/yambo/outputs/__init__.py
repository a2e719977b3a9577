"""What p2y, yambo and ypp leave behind: reports, logs, tables, databases, and the run that they make together."""
