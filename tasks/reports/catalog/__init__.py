"""What analysts get beside the data, all of it made from `data_contracts/`: tables.md, Athena's and Glue's
registrations, DuckDB's views, and the released schemas that later versions must keep."""
