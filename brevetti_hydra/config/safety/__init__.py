"""What untrusted configuration may not do, and what nobody may see."""
