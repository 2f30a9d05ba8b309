"""The kinds of object store behind `tasks.adapters.storage`: S3 and local folders, by one contract.

A conditional write is the store's own: whoever loses it is told, and nothing is overwritten.
"""
