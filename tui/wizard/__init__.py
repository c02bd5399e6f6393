"""A cluster in the making, without a screen: the draft, its rules, lists of nodes, drafts on disk, curl."""
