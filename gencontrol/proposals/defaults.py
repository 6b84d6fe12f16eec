"""What is opened where nothing is named. It imports no torch: the command line reads it before it knows what to do."""

DEFAULT_GROUNDER = "IDEA-Research/grounding-dino-tiny"
"""690 MB, Apache 2.0."""
BERT = "google-bert/bert-base-uncased"
"""Whose tokenizer the published GLIPs read with."""
GLIP_THRESHOLD = 0.5
"""Least score of GLIP; its authors evaluate from 0.22 (the root of 0.05) on, and show from 0.7 on."""
DINO_THRESHOLD, OWL_THRESHOLD = 0.25, 0.1
"""The same of Grounding DINO and OWLv2: what transformers' own post-processing starts from."""
SAM3_THRESHOLD = 0.3
"""The same of SAM 3."""
FLORENCE_THRESHOLD = 0.0
"""Of Florence-2, which answers what it is sure of, and whose scores are of places."""
MOST = 100
"""Boxes of one picture."""
