"""IAM documents: parsed once, expanded, and reasoned about as AWS would."""
