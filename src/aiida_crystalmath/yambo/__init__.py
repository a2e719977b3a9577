"""The language of Yambo 5.2 (p2y, yambo, ypp): input decks, reports, logs, tables, databases. Without AiiDA."""
