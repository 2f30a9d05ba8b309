"""The embedded default: a local S3, a faithful local Bedrock, sample days and a trained stand-in for the model.

``python -m sandbox serve`` serves both and prints the environment that points the night at them.
"""
