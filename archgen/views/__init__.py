"""What a person or a program reads of it: tables, JSON, explanations, pictures, a merged spec."""
