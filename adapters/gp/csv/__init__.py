"""Extracts as delimited text: a column map says what each column is; rows are typed strictly, one by one."""
