"""How regions that settings show stand to each other: from settings to a table and a drawing."""
