"""Published ways to measure: the files of a data set, and how its figures are reckoned; one data set a file."""
