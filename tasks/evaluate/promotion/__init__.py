"""Who judges next: the gate between a comparison and state/champion.json, and the way back.

By hand, and by the flow `evaluate`: check_gate, promote_candidate, roll_back.
Reads evaluation/comparisons; writes state/champion.json, by conditional writes alone, and state/rebaselined.json. No
Bedrock, no money.
Never here: a promotion without a comparison; a champion that is forgotten.
"""
