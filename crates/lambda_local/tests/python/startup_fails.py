"""A Lambda function whose initialisation fails."""

raise Exception("Runtime startup fails")
