"""People: sheets for raters, their answers scored like a model's, and audits of verdicts by human readers."""
