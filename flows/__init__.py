"""The chains that a person, a clock or an event starts, and what brings them to Prefect."""
