"""What Bedrock offers beside models and batch jobs: prompts rewritten, evaluation jobs."""
