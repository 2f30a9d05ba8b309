"""Jobs whose requests are packs: what came of each of their comments."""
