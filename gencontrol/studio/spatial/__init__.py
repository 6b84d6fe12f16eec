"""Long runs in three dimensions, begun on the page: what is asked for, who sees it, and the processes that do it."""
