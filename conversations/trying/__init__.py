"""An agent is tried as its form stands, saved or not: one question and its answer, which nobody keeps."""
