"""What a survey shows: many judges side by side."""
