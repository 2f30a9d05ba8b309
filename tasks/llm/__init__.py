"""How a model is asked and how its answer is read.

No stages. A prompt and a comment become a line of batch input, and a model's output becomes a status and a verdict;
`families/` has a module for each maker's form.
Touches nothing outside the process: text in, text out; prompts are read from the package `prompts`.
Never here: a guess. What the contract does not accept is `malformed`, a refusal is `refused`; neither is ever "fine".
"""
