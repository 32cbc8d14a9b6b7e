"""What a person sees: findings, how flows become one, and why in words."""
